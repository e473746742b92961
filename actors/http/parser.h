/* parser.h: bytes become requests, or answers, by llhttp; without actors. */
#ifndef ACTORS_HTTP_PARSER_H
#define ACTORS_HTTP_PARSER_H

#include <cadre/actors/http.h>

#include "bytes.h"
#include "head.h"

#include <llhttp.h>

struct parser {
    llhttp_t llhttp;
    const cadre_http_limits *limits;
    const cadre_http_route *uploads; /* whose bodies are taken out as they come */
    cadre_http_request request;      /* from the head on */
    struct head_framing framing;
    struct bytes body;
    uint64_t length;  /* of the body, if it is known; 0: it is not */
    size_t seen;      /* of a head that is not complete */
    size_t extra;     /* bytes behind chunks: their extensions, and trailers */
    int status;       /* if llhttp was told to stop */
    char last;        /* byte that it was given */
    uint32_t answer;  /* of an answer: its status */
    bool has_begun;   /* with a first one */
    bool is_client;   /* answers are read, not requests */
    bool has_no_body; /* the next answer: it is one to HEAD */
    bool is_upload;   /* the body is taken out as it comes */
    bool in_body;     /* the head is complete */
    bool is_over;     /* and the body */
    bool keeps;       /* the connection stays */
};

enum parser_event {
    PARSER_MORE, /* give it those that it has not used again, with more behind them */
    PARSER_HEAD, /* the head is complete: the rest of the request follows */
    PARSER_END,  /* parser->request is complete: take it out */
    PARSER_HTTP2 /* what comes, from these bytes on, is HTTP/2 */
};               /* or an HTTP status: what comes from now on is nothing */

/* uploads: may be NULL. */
void parser_init(struct parser *p, const cadre_http_limits *limits,
                 const cadre_http_route *uploads);
/* One that reads answers. An event that is a status stands for whatever was wrong. Before
 * each head is_upload and has_no_body are to be set; what has come before the end of an
 * answer without one is ended by parser_finish(). */
void parser_init_client(struct parser *p, const cadre_http_limits *limits);
void parser_free(struct parser *p);
/* Goes on with these bytes, up to the next event. *used: how many of them it has. */
int parser_next(struct parser *p, const char *at, size_t size, size_t *used);
/* The other side sends no more. Is the answer complete by that? PARSER_END follows. */
bool parser_finish(struct parser *p);

/* What has come of the body of an upload; NULL: nothing, or no memory, and it is still
 * there. */
static inline cadre_buf *parser_take(struct parser *p) { return bytes_take(&p->body); }

/* Is there the beginning of one that is not complete? */
static inline bool parser_is_within(const struct parser *p) { return p->in_body; }

#endif
