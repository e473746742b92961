/* head.h: the first line and the fields, and where each stands.
 *
 * The lines are taken apart here and not by llhttp, which only judges them: so they are
 * in one piece, a break in them is CR LF and nothing else, and what one of the two would
 * let pass the other refuses. */
#ifndef ACTORS_HTTP_HEAD_H
#define ACTORS_HTTP_HEAD_H

#include <cadre/actors/http.h>

#include <string.h>

/* Looks for the end of the head that begins here; *seen is 0 for a new one, and where its
 * search goes on when there is more of it. Returns 0: it ends further on, or, with *seen
 * at least its size, there. An HTTP status: it is refused. */
int head_scan(const cadre_http_limits *limits, const char *at, size_t size,
              size_t *seen, bool *is_whole);

/* How a body comes. */
struct head_framing {
    bool is_chunked, has_length, expects, closes, keeps, http10;
};

/* Takes apart one that was scanned; r has no body and route yet. Returns 0, or an HTTP
 * status, 500: no memory. */
CADRE_MUST_CHECK int head_parse(const cadre_http_limits *limits, const char *at,
                                size_t size, cadre_http_request *r,
                                struct head_framing *framing);

/* The same for an answer, whose method, target and so on are empty. Returns 0, or the
 * status with which a server would have refused it. */
CADRE_MUST_CHECK int head_parse_answer(const cadre_http_limits *limits, const char *at,
                                       size_t size, cadre_http_request *r,
                                       struct head_framing *framing, uint32_t *status);

/* What these are made of: of how many fields one that was scanned is; a head of so many,
 * NULL: no memory; its text; and how long a line in that is. */
enum { HEAD_METHOD_MAX = 32, HEAD_VERSION_SIZE = 8 };
uint32_t head_count(const char *at, size_t size);
cadre_buf *head_make(const char *at, size_t size, uint32_t count);
const char *head_text(const cadre_http_request *r);
size_t head_line_size(const char *line);

/* Of one that has passed. */
void head_set_peer(cadre_http_request *r, const cadre_address *peer);

static inline int head_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}
bool head_alike(const char *a, const char *b, size_t size);
/* Are they the same but for case? Mostly their sizes say that they are not. */
static inline bool head_same(cadre_http_text a, const char *b)
{
    return a.size == strlen(b) && head_alike(a.at, b, a.size);
}
/* Is the word one of those in a list with commas? */
bool head_has_word(cadre_http_text list, const char *word);
/* Without spaces and tabs around it. */
cadre_http_text head_trim(cadre_http_text text);

#endif
