/* url.c: where a request goes. */
#include "url.h"

#include "head.h"

#include <errno.h>
#include <string.h>

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

static cadre_http_text behind(cadre_http_text text, size_t size)
{
    return (cadre_http_text){text.at + size, text.size - size};
}

static cadre_http_text up_to(cadre_http_text text, const char *marks)
{
    size_t size = 0;
    while (size < text.size && !strchr(marks, text.at[size]))
        size++;
    return (cadre_http_text){text.at, size};
}

static bool begins_with(cadre_http_text text, const char *what)
{
    size_t size = strlen(what);
    return text.size >= size && head_same((cadre_http_text){text.at, size}, what);
}

bool url_may_have(char c) { return c > ' ' && c < 0x7f && !strchr("\"<>\\^`{|}", c); }

static bool is_plain(cadre_http_text text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!url_may_have(text.at[i]))
            return false;
    return true;
}

/* ---- host and port ---------------------------------------------------------------- */

static int parse_port(struct url *url, cadre_http_text text)
{
    uint32_t port = 0;
    url->port = url->is_secure ? HTTPS_PORT : HTTP_PORT;
    if (text.size <= 1)
        return 0; /* not even a colon, or nothing else */
    text = behind(text, 1);
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || port > UINT16_MAX)
            return -EINVAL;
        port = port * 10 + (uint32_t)(text.at[i] - '0');
    }
    url->port = (uint16_t)port;
    return port == 0 || port > UINT16_MAX ? -EINVAL : 0;
}

static int parse_authority(struct url *url)
{
    cadre_http_text host = up_to(url->authority, ":"), rest;
    rest = behind(url->authority, host.size);
    if (begins_with(url->authority, "[")) {
        cadre_http_text literal = behind(up_to(url->authority, "]"), 1);
        if (literal.size + 1 >= url->authority.size)
            return -EINVAL; /* it does not end */
        host = literal;
        rest = behind(url->authority, literal.size + 2);
    }
    bool is_good = host.size > 0 && host.size < sizeof url->host &&
                   host.at[0] != '.' && /* to OpenSSL that is any name below */
                   (rest.size == 0 || rest.at[0] == ':') &&
                   !memchr(url->authority.at, '@', url->authority.size) &&
                   !memchr(host.at, ',', host.size); /* servers take it for two */
    if (!is_good)
        return -EINVAL;
    for (size_t i = 0; i < host.size; i++)
        url->host[i] = (char)head_lower(host.at[i]);
    url->host[host.size] = '\0';
    return parse_port(url, rest);
}

int url_parse(struct url *url, cadre_http_text text)
{
    static const char plain[] = "http://", secure[] = "https://";
    url->is_secure = begins_with(text, secure);
    if ((!url->is_secure && !begins_with(text, plain)) || !is_plain(text))
        return -EINVAL;
    text = behind(text, (url->is_secure ? sizeof secure : sizeof plain) - 1);
    url->authority = up_to(text, "/?#");
    url->target = up_to(behind(text, url->authority.size), "#");
    return parse_authority(url);
}

bool url_is_same_server(const struct url *a, const struct url *b)
{
    return a->is_secure == b->is_secure && a->port == b->port &&
           strcmp(a->host, b->host) == 0;
}

/* ---- relative ones ---------------------------------------------------------------- */

static bool has_scheme(cadre_http_text text)
{
    cadre_http_text scheme = up_to(text, ":/?#");
    return scheme.size > 0 && scheme.size < text.size && text.at[scheme.size] == ':';
}

/* The path up to its last slash, with it. (Segments of dots are left to the server.) */
static cadre_http_text folder_of(cadre_http_text target)
{
    cadre_http_text path = up_to(target, "?");
    while (path.size > 0 && path.at[path.size - 1] != '/')
        path.size--;
    return path.size > 0 ? path : (cadre_http_text){"/", 1};
}

cadre_buf *url_join(const struct url *base, cadre_http_text location)
{
    const char *scheme = base->is_secure ? "https:" : "http:";
    cadre_http_text parts[4] = {{scheme, strlen(scheme)}, {"//", 2}, base->authority};
    unsigned from = 0, count = 4;
    size_t size = location.size + 1;
    if (has_scheme(location))
        from = count;
    else if (begins_with(location, "//"))
        count = 1;
    else if (begins_with(location, "?"))
        parts[3] = up_to(base->target, "?");
    else if (!begins_with(location, "/"))
        parts[3] = folder_of(base->target);
    for (unsigned i = from; i < count; i++)
        size += parts[i].size;
    cadre_buf *buf = cadre_buf_new(NULL, size);
    if (!buf)
        return NULL;
    char *at = (char *)cadre_buf_data(buf);
    for (unsigned i = from; i < count; at += parts[i++].size)
        if (parts[i].size > 0)
            memcpy(at, parts[i].at, parts[i].size);
    memcpy(at, location.at, location.size);
    return buf;
}
