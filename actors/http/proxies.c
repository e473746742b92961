/* proxies.c: the proxies of a client, and whom they are not asked for. */
#include "proxies.h"

#include "base64.h"
#include "head.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { IDENTITY_MAX = 4096 }; /* bytes of user and password */

static cadre_buf *copy_text(const char *text)
{
    return cadre_buf_new(text, strlen(text) + 1);
}

/* ---- one of them ------------------------------------------------------------------ */

/* user:password, with escapes, as the field that says so. */
static int make_identity(struct proxy *p, cadre_http_text user)
{
    static const char begin[] = "Proxy-Authorization: Basic ";
    char plain[IDENTITY_MAX + 2];
    int size = cadre_http_unescape(plain, sizeof plain - 1, user, false);
    if (size < 0)
        return -EINVAL;
    if (!memchr(user.at, ':', user.size))
        plain[size++] = ':'; /* and no password */
    cadre_buf *buf =
        cadre_buf_new(NULL, sizeof begin - 1 + BASE64_SIZE((size_t)size) + 2);
    if (!buf)
        return -ENOMEM;
    char *at = (char *)cadre_buf_data(buf);
    memcpy(at, begin, sizeof begin - 1);
    at = base64_put(at + sizeof begin - 1, plain, (size_t)size);
    *at++ = '\r';
    *at = '\n';
    p->identity = buf;
    return 0;
}

/* What stands behind the user, as the url that it is. */
static int make_place(struct proxy *p, const char *text)
{
    static const char scheme[] = "http://";
    struct url url;
    size_t size = strlen(text), before = sizeof scheme - 1;
    cadre_buf *buf = cadre_buf_new(NULL, before + size + 1);
    if (!buf)
        return -ENOMEM;
    memcpy(cadre_buf_data(buf), scheme, before);
    memcpy(cadre_buf_data(buf) + before, text, size);
    int err = url_parse(&url, url_text(buf));
    if (!err && url.target.size > 0 && !cadre_http_is(url.target, "/"))
        err = -EINVAL;
    if (!err) {
        memcpy(p->host, url.host, sizeof p->host);
        p->port = url.port;
    }
    cadre_buf_unref(buf);
    return err;
}

/* Only such as are talked to without TLS. */
static int proxy_parse(struct proxy *p, const char *text)
{
    const char *scheme = strstr(text, "://");
    if (scheme && !head_same((cadre_http_text){text, (size_t)(scheme - text)}, "http"))
        return -EINVAL;
    text = scheme ? scheme + 3 : text;
    const char *at = memrchr(text, '@', strcspn(text, "/?#"));
    int err = make_place(p, at ? at + 1 : text);
    return !err && at ? make_identity(p, (cadre_http_text){text, (size_t)(at - text)})
                      : err;
}

/* ---- all -------------------------------------------------------------------------- */

/* The first that is there, and not empty. HTTP_PROXY is none of these: to a program that
 * answers a web server's requests anybody may have sent that. */
static const char *environment(const char *name, const char *other)
{
    const char *text = getenv(name);
    if ((!text || !*text) && other)
        text = getenv(other);
    return text && *text ? text : NULL;
}

static int init_one(struct proxy *p, const char *text, const char *name,
                    const char **what)
{
    int err = text ? proxy_parse(p, text) : 0;
    if (err)
        *what = name;
    return err;
}

static int init_both(struct proxies *p, const cadre_http_client *config,
                     const char **what)
{
    const char *plain = config->proxy, *secure = config->proxy;
    bool reads = config->environment && !config->proxy;
    if (reads) {
        plain = environment("http_proxy", NULL);
        secure = environment("https_proxy", "HTTPS_PROXY");
    }
    int err = init_one(&p->plain, plain, reads ? "http_proxy" : "proxy", what);
    return err ? err
               : init_one(&p->secure, secure, reads ? "https_proxy" : "proxy", what);
}

int proxies_init(struct proxies *p, const cadre_http_client *config, const char **what)
{
    const char *none = config->no_proxy;
    if (!none && config->environment)
        none = environment("no_proxy", "NO_PROXY");
    *p = (struct proxies){0};
    int err = init_both(p, config, what);
    if (!err && none) {
        p->none = copy_text(none);
        err = p->none ? 0 : -ENOMEM;
    }
    if (err)
        proxies_free(p);
    return err;
}

void proxies_free(struct proxies *p)
{
    cadre_buf_unref(p->plain.identity);
    cadre_buf_unref(p->secure.identity);
    cadre_buf_unref(p->none);
    *p = (struct proxies){0};
}

/* ---- for whom not ----------------------------------------------------------------- */

struct number {
    int family;
    unsigned bits;
    uint8_t bytes[sizeof(struct in6_addr)];
};

/* A numeric address. */
static bool read_number(struct number *n, cadre_http_text text)
{
    char copy[INET6_ADDRSTRLEN] = "";
    if (text.size > 1 && text.at[0] == '[' && text.at[text.size - 1] == ']')
        text = (cadre_http_text){text.at + 1, text.size - 2};
    if (text.size >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.size);
    n->family = memchr(copy, ':', text.size) ? AF_INET6 : AF_INET;
    n->bits = n->family == AF_INET6 ? 128 : 32;
    return inet_pton(n->family, copy, n->bytes) == 1;
}

/* How many bits stand behind the slash, if there is one; false: no such number. */
static bool read_bits(unsigned *bits, cadre_http_text text)
{
    unsigned n = 0;
    for (size_t i = 1; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || n > *bits)
            return false;
        n = n * 10 + (unsigned)(text.at[i] - '0');
    }
    if (text.size == 1 || n > *bits)
        return false;
    *bits = text.size > 0 ? n : *bits;
    return true;
}

static bool is_in_net(cadre_http_text host, cadre_http_text entry)
{
    struct number a, net;
    const char *slash = memchr(entry.at, '/', entry.size);
    size_t size = slash ? (size_t)(slash - entry.at) : entry.size;
    if (!read_number(&a, host) ||
        !read_number(&net, (cadre_http_text){entry.at, size}) ||
        a.family != net.family ||
        !read_bits(&net.bits, (cadre_http_text){entry.at + size, entry.size - size}))
        return false;
    unsigned whole = net.bits / 8, rest = net.bits % 8;
    return memcmp(a.bytes, net.bytes, whole) == 0 &&
           (rest == 0 || (a.bytes[whole] ^ net.bytes[whole]) >> (8 - rest) == 0);
}

/* Of that domain? */
static bool is_below(cadre_http_text host, cadre_http_text entry)
{
    if (entry.size > 1 && entry.at[0] == '*' && entry.at[1] == '.')
        entry = (cadre_http_text){entry.at + 1, entry.size - 1};
    if (entry.size > 0 && entry.at[0] == '.')
        entry = (cadre_http_text){entry.at + 1, entry.size - 1};
    if (entry.size == 0 || entry.size > host.size)
        return false;
    size_t before = host.size - entry.size;
    for (size_t i = 0; i < entry.size; i++)
        if (head_lower(entry.at[i]) != host.at[before + i])
            return false;
    return before == 0 || host.at[before - 1] == '.';
}

static bool is_meant(cadre_http_text host, cadre_http_text entry)
{
    return cadre_http_is(entry, "*") || is_in_net(host, entry) || is_below(host, entry);
}

static bool is_excluded(const struct proxies *p, const char *name)
{
    static const char between[] = ", \t";
    const char *at = p->none ? (const char *)cadre_buf_data(p->none) : "";
    cadre_http_text host = {name, strlen(name)};
    if (host.size > 1 && name[host.size - 1] == '.')
        host.size--;
    for (size_t size; *(at += strspn(at, between)); at += size) {
        size = strcspn(at, between);
        if (is_meant(host, (cadre_http_text){at, size}))
            return true;
    }
    return false;
}

const struct proxy *proxies_find(const struct proxies *p, const struct url *url)
{
    const struct proxy *proxy = url->is_secure ? &p->secure : &p->plain;
    return proxy->port && !is_excluded(p, url->host) ? proxy : NULL;
}
