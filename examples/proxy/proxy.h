/* proxy.h: what the parts of the proxy know of each other. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H
#include <cadre.h>

#include <cadre/actors/http.h>

enum { BACKENDS_MAX = 16 };

/* What all actors may read: complete before the first request comes. */
struct proxy {
    const char *urls[BACKENDS_MAX], *check;
    uint32_t count, checked, rate;
    uint16_t port;
    cadre_time every, timeout;
    cadre_ref client, router, to, server;
};

/* Is asked with a request, and makes a call of it. */
struct link {
    const struct proxy *proxy;
    const char *url; /* without a slash at its end */
};
extern const cadre_class link_class;

/* The same, in front of that with its breaker. Its parent may ask for a check. */
struct backend {
    struct link link;
    cadre_ref breaker;
    bool is_in, is_checking;
};
extern const cadre_class backend_class;

typedef struct check { /* asked, it is answered when it is done */
    int none;
} check;
extern const cadre_type check_type;

/* The outcome of an ask becomes the answer to m, the request in hand. */
int pass_on(cadre_self *self, const cadre_msg *m, cadre_msg *outcome);

#endif
