/* fetching.h: actors that ask servers, for a test that is none.
 *
 * The root of web.h has the client, and an actor for each call. */
#ifndef SUPPORT_FETCHING_H
#define SUPPORT_FETCHING_H

#include "support/effort.h"
#include "support/web.h"

#include <cadre/actors/http_client.h>
#include <cadre/future.h>

/* The client's, and its address when somebody has asked. */
extern cadre_http_client fetch_config;
extern cadre_ref fetch_client;
extern atomic_uint fetch_asked; /* calls that were made */
/* A receive for web_root. */
int fetch_root(cadre_self *self, void *state, cadre_msg *m);

/* A source of a long body; how many of its pieces were asked for. More than the kernel
 * keeps, and less of that where each byte is dear. */
enum { PIECE = 100000, PIECES = EFFORT_SLOWDOWN > 4 ? 400 : 1000 };
extern const cadre_class fetch_large_class;
extern atomic_uint fetch_given;

typedef struct {
    cadre_http_call call;
    char url[256]; /* of the call; empty: it is good for ever */
    cadre_time timeout;
    cadre_time pause; /* before the first piece */
    cadre_time piece; /* gives up the first after so long; 0: takes all of them */
    bool sends;       /* a long body, in pieces */
} want;
extern const cadre_type want_type;

/* An outcome; the body is text as far as it is short, with a zero behind it. */
typedef struct {
    uint32_t status;
    int code;
    const char *message;
    cadre_buf *fields, *body;
    uint64_t size; /* that was told */
    size_t read;   /* of the body */
} got;
#define text_of(g) ((const char *)cadre_buf_data((g).body))

/* In a handler: all pieces of a body. */
int fetch_collect(cadre_self *self, cadre_http_source source, got *g);

/* From outside. What is returned is valid until the next end. */
cadre_future *fetch_begin(cadre_system *sys, const want *w);
got fetch_end(cadre_future *f);
got fetch(cadre_system *sys, const cadre_http_call *call);
got get(cadre_system *sys, const char *path); /* of web.h's server */
/* Nobody says a word there: a call ends at its deadline. Returns the connection that it
 * has made; one that was too late for that is made again, with more time. */
int fetch_silence(cadre_system *sys, int listener, const char *url);
/* Valid until four others are asked for; of loopback, or with another scheme and host. */
const char *url_of(uint16_t port, const char *path);
const char *url_with(const char *scheme, const char *host, uint16_t port,
                     const char *path);

#endif
