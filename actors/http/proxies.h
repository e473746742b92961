/* proxies.h: the proxies of a client, and whom they are not asked for. */
#ifndef ACTORS_HTTP_PROXIES_H
#define ACTORS_HTTP_PROXIES_H

#include "url.h"

#include <cadre/actors/http_client.h>

struct proxy {
    char host[CADRE_HOST_MAX + 1];
    uint16_t port;       /* 0: there is none */
    cadre_buf *identity; /* the field that says who we are; NULL: none */
};
struct proxies {
    struct proxy plain, secure; /* for http: and https: */
    cadre_buf *none;            /* for these hosts, with a zero; or NULL */
};

/* From the config, or the environment. Errors: -ENOMEM; -EINVAL, and *what is what is
 * wrong. */
CADRE_MUST_CHECK int proxies_init(struct proxies *p, const cadre_http_client *config,
                                  const char **what);
void proxies_free(struct proxies *p);

/* The one to ask; NULL: the server itself. */
const struct proxy *proxies_find(const struct proxies *p, const struct url *url);

#endif
