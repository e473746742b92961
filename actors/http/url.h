/* url.h: where a request goes. */
#ifndef ACTORS_HTTP_URL_H
#define ACTORS_HTTP_URL_H

#include <cadre/actors/resolve.h>
#include <cadre/http.h>

struct url {
    char host[CADRE_HOST_MAX + 1]; /* without brackets */
    uint16_t port;
    bool is_secure; /* https: */
    /* In the text that it was taken from: host and port as they stand there, and what is
     * behind them, without the fragment; it may begin with ? or be empty. */
    cadre_http_text authority, target;
};

/* It is printable, and could end no line of a head, nor a part of it. */
bool url_may_have(char c);
/* Errors: -EINVAL. */
CADRE_MUST_CHECK int url_parse(struct url *url, cadre_http_text text);
/* The url that a location means which stands in the answer from `base`, with a zero.
 * NULL: no memory. It may be one that is none. */
cadre_buf *url_join(const struct url *base, cadre_http_text location);
/* Scheme, host and port are. */
bool url_is_same_server(const struct url *a, const struct url *b);
/* Of a buffer with a zero at its end. */
static inline cadre_http_text url_text(cadre_buf *buf)
{
    return (cadre_http_text){(const char *)cadre_buf_data(buf),
                             cadre_buf_size(buf) - 1};
}

#endif
