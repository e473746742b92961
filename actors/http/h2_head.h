/* h2_head.h: the fields of a request of HTTP/2, or of an answer, become a head as
 * HTTP/1.1 has it: so both are judged by the same rules, and are the same to whoever
 * handles them. */
#ifndef ACTORS_HTTP_H2_HEAD_H
#define ACTORS_HTTP_H2_HEAD_H

#include "bytes.h"
#include "head.h"

/* All zero: empty. */
struct h2_head {
    struct bytes method, target, authority, host, cookie, fields;
    struct bytes answer; /* the status; else empty */
    struct bytes text;   /* what they become */
    size_t size;         /* of all that came */
    uint32_t count;      /* of fields */
    bool has_cookie;
    int status; /* with which it is refused; 0: it is not, so far */
};

/* The next field; a name that begins with a colon is one of the first line. Errors:
 * -ENOMEM. */
CADRE_MUST_CHECK int h2_head_add(struct h2_head *h, const cadre_http_limits *limits,
                                 cadre_http_text name, cadre_http_text value);
/* It is complete: see head_parse(). *length: of the body, as it says; 0: it does not. */
CADRE_MUST_CHECK int h2_head_parse(struct h2_head *h, const cadre_http_limits *limits,
                                   cadre_http_request *r, struct head_framing *framing,
                                   uint64_t *length);
/* The same for that of an answer: see head_parse_answer(). */
CADRE_MUST_CHECK int h2_head_parse_answer(struct h2_head *h,
                                          const cadre_http_limits *limits,
                                          cadre_http_request *r, uint32_t *status,
                                          uint64_t *length);
/* It is empty then, and keeps its memory for the next. */
void h2_head_clear(struct h2_head *h);
void h2_head_free(struct h2_head *h);

#endif
