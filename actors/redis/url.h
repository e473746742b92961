/* url.h: where a server is, and as whom. */
#ifndef ACTORS_REDIS_URL_H
#define ACTORS_REDIS_URL_H

#include <cadre/actors/resolve.h>

enum { URL_PATH_MAX = 107 };

struct url {
    char host[CADRE_HOST_MAX + 1];
    uint16_t port;
    char path[URL_PATH_MAX + 1]; /* of a UNIX socket; "": there is a host */
    const char *user, *password; /* in the text; NULL: none */
    uint32_t database;
    bool has_tls;
};

/* Takes the text apart, in place; it stays. Returns NULL, or what is wrong. */
CADRE_MUST_CHECK const char *url_parse(struct url *url, char *text);

#endif
