/* client.h: what the actors of a client say to each other.
 *
 * The client's own actor has the connections. Each call has an actor, a fetch, that is
 * passed the call itself, so that what it asks for is asked for the call's sake: first a
 * lease of the client, then an exchange of the connection that it has been lent. */
#ifndef ACTORS_HTTP_CLIENT_H
#define ACTORS_HTTP_CLIENT_H

#include <cadre/actors/http.h>
#include <cadre/actors/http_client.h>

#include "proxies.h"

#include <errno.h>

/* What they share: the client's, whose children have ended when it frees it. Constant. */
struct client_shared {
    cadre_http_client config;
    cadre_http_limits limits;
    struct proxies proxies;
    cadre_ref client;
};

enum { CALL_METHOD_MAX = 16 };

/* What the client is asked. */
struct call {
    char method[CALL_METHOD_MAX];
    cadre_buf *url; /* with a zero */
    cadre_buf *fields, *body;
    cadre_http_source source;
    bool in_pieces, stays;
};
extern const cadre_type call_type;
/* The head of its request for that url, which need not be its own. proxy: that is told
 * where it goes; NULL: it goes there. NULL: no memory. */
cadre_buf *call_head(const struct call *c, const struct url *url,
                     const struct proxy *proxy);

/* A loan of a connection to there, until an exchange has been answered, or the fetch says
 * that there will be none. One of HTTP/1.1 is lent to one at a time; one of HTTP/2 to
 * many, and so is one of which it is not known yet. */
struct lease {
    char host[CADRE_HOST_MAX + 1];
    uint16_t port;
    bool is_secure;  /* with TLS */
    bool is_proxied; /* it is the proxy's, or, with TLS, through that */
    bool http1;      /* the server wants no HTTP/2 */
    uint32_t loan;   /* which of the fetch's: what is said of another one is old */
};
struct leased {
    cadre_ref channel;
    bool was_lent; /* so it may have ended without having seen anything */
};
extern const cadre_type lease_type, leased_type;
/* Whoever has asked for one, and may have been lent it, does without. */
struct forsaken {
    uint32_t loan;
};
extern const cadre_type forsaken_type;

/* One request and its answer, a cadre_http_response. It fails with CADRE_EDEAD: nobody
 * has seen anything of it; CALL_CUT_OFF: the connection broke within its answer;
 * CALL_UNSEEN: the server says that it has done nothing about it; CALL_HTTP1: the same,
 * as it wants HTTP/1.1 (as a cause: it may have seen it); CALL_ELSEWHERE: the connection
 * is at another one, and carries no more. */
enum {
    CALL_CUT_OFF = -ECONNABORTED,
    CALL_UNSEEN = -EAGAIN,
    CALL_HTTP1 = -EPROTOTYPE,
    CALL_ELSEWHERE = -EBUSY
};
struct exchange {
    cadre_buf *head, *body;
    cadre_http_source source;
    uint32_t loan;
    bool is_head, in_pieces;
};
extern const cadre_type exchange_type;
/* Whoever has asked for one wants it no more. */
struct drop {
    uint32_t loan;
};
extern const cadre_type drop_type;

/* That loan has come to its end. */
struct returned {
    void *record; /* the client's */
    cadre_ref from;
    uint32_t loan;
    bool is_unused; /* nothing was asked of the connection */
};
extern const cadre_type returned_type;
/* What a connection carries is known now, or is more or less than before. */
struct carries {
    void *record; /* the client's */
    uint32_t most;
    bool is_h2, needs_http1; /* the server, from now on */
};
extern const cadre_type carries_type;

struct channel_init {
    const struct client_shared *shared;
    void *record;
    struct lease to;
};
/* An actor with a connection; one for a call. Errors: cadre_spawn()'s. */
CADRE_MUST_CHECK int channel_spawn(cadre_self *self, cadre_ref *child,
                                   const struct channel_init *init);
CADRE_MUST_CHECK int fetch_spawn(cadre_self *self, cadre_ref *child,
                                 const struct client_shared *shared);

/* May that one speak HTTP/2? Without TLS it does. */
bool client_may_h2(const cadre_http_client *config, const struct lease *to);

/* With the remedy for its code. */
cadre_failure client_failure(int code);

#endif
