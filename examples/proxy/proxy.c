/* proxy: an HTTP reverse proxy for several servers.
 *
 *   client - server - desk - [limiter] - router - backend - breaker - link - http client
 *
 * A desk, of which each connection has one, asks for what its client asks, and again when
 * no answer has begun and the request may be repeated. The router takes the backend that
 * has the least to do (backend.c). The link makes a call of the request (link.c). Answers
 * come in pieces, which the client's connection fetches itself, past all of these. */
#include "proxy.h"

#include <cadre/actors/http_client.h>
#include <cadre/actors/limiter.h>
#include <cadre/actors/router.h>
#include <cadre/actors/words.h>
#include <cadre/await.h>
#include <cadre/shutdown.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- requests ------------------------------------------------------------------- */

static bool may_be_repeated(const cadre_http_request *r, const cadre_failure *failure)
{
    static const char *const methods[] = {"GET",    "HEAD",    "PUT",
                                          "DELETE", "OPTIONS", "TRACE"};
    bool is_safe = failure->code == -ECONNREFUSED || failure->code == -EHOSTDOWN ||
                   failure->code == -EHOSTUNREACH; /* nothing was sent */
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        is_safe = is_safe || cadre_http_is(r->method, methods[i]);
    return is_safe && failure->code != -ECANCELED && failure->code != CADRE_EFULL &&
           failure->code != -EINVAL;
}

static int refuse(cadre_self *self, const cadre_msg *m, const cadre_failure *failure)
{
    static const cadre_http_field again[] = {
        {"Retry-After", "1"}, {"Content-Type", "text/plain; charset=utf-8"}, {0}};
    char text[256];
    const char *what = NULL;
    int status = 502;
    switch (failure->code) {
    case -EHOSTUNREACH:
    case -EHOSTDOWN:
        status = 503, what = "no server is there for it at present";
        break;
    case CADRE_EFULL:
        status = 503, what = "too much comes at present";
        break;
    case -ETIMEDOUT:
        status = 504, what = "no server has answered in time";
        break;
    case -EINVAL:
    case -EMSGSIZE:
        status = 400, what = "a method, path or field that cannot be passed on";
        break;
    default:
        what = failure->message ? failure->message : cadre_strerror(failure->code);
    }
    int size = snprintf(text, sizeof text, "%d: %s\n", status, what);
    return cadre_http_reply(self, m, status, status == 503 ? again : again + 1,
                            cadre_buf_new(text, (size_t)size));
}

/* A request is kept until it is answered, and shared with each who tries. */
static int on_request(cadre_self *self, void *state, cadre_msg *m)
{
    const struct proxy *proxy = ((const cadre_http_desk *)state)->context;
    const cadre_http_request *r = m->body;
    for (uint32_t left = proxy->count + 1;; left--) {
        cadre_token token;
        cadre_msg outcome;
        cadre_http_request copy = *r;
        int err = cadre_http_share(m->type, &copy);
        if (!err)
            err = cadre_ask_as(self, &token, proxy->to, CADRE_NEVER, m->type, &copy);
        if (!err)
            err = cadre_await(self, token, &outcome);
        if (err)
            return refuse(self, m, &(cadre_failure){.code = err});
        const cadre_failure *failure = cadre_body(&outcome, cadre_failure);
        if (!failure)
            return pass_on(self, m, &outcome);
        if (left == 0 || !may_be_repeated(r, failure))
            return refuse(self, m, failure);
    }
}
static const cadre_http_route routes[] = {{NULL, "/*", on_request}, {0}};

/* ---- the root ------------------------------------------------------------------- */

static int start_backends(cadre_self *self, const struct proxy *proxy)
{
    int err = 0;
    for (uint32_t i = 0; i < proxy->count && !err; i++) {
        const struct backend it = {.link = {proxy, proxy->urls[i]}};
        cadre_ref backend;
        err = cadre_spawn(self, &backend, &backend_class, &it);
        if (!err)
            err = cadre_ask(self, NULL, backend, CADRE_NEVER, check, 0);
    }
    return err;
}

static int root_start(cadre_self *self, void *state)
{
    struct proxy *proxy = *(struct proxy **)state;
    cadre_router router = {.way = CADRE_LEAST_BUSY, .share = cadre_http_share};
    cadre_limiter limiter = {
        .rate = proxy->rate, .burst = proxy->rate / 10 + 1, .waiting = proxy->rate};
    int err = cadre_spawn(self, &proxy->client, &cadre_http_client_class, NULL);
    if (!err)
        err = cadre_spawn(self, &proxy->router, &cadre_router_class, &router);
    limiter.target = proxy->to = proxy->router;
    if (!err && proxy->rate)
        err = cadre_spawn(self, &proxy->to, &cadre_limiter_class, &limiter);
    return err ? err : start_backends(self, proxy);
}

/* All backends were looked at: now requests may come. */
static int start_server(cadre_self *self, struct proxy *proxy)
{
    const cadre_http server = {
        .port = proxy->port,
        .routes = routes,
        .context = proxy,
        .limits = {.body = 16 << 20, .answer = 2 * proxy->timeout}};
    int err = cadre_spawn(self, &proxy->server, &cadre_http_class, &server);
    return err ? err
               : cadre_ask(self, NULL, proxy->server, CADRE_SECOND, cadre_http_ask, 0);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct proxy *proxy = *(struct proxy **)state;
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (failure)
        return failure->code;
    if (!status)
        return ++proxy->checked == proxy->count ? start_server(self, proxy) : 0;
    printf("the proxy is at http://127.0.0.1:%u\n", status->port);
    return fflush(stdout) ? CADRE_EUSER : 0;
}
static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(struct proxy *),
                                       .start = root_start,
                                       .receive = root_receive};

/* ---- options -------------------------------------------------------------------- */

static const char help[] =
    "usage: proxy --backend URL [--backend URL...] [options]\n"
    "  --backend URL  http://host:port, up to 16, which get the requests\n"
    "  --port N       8080; 0: a free one\n"
    "  --check PATH   /: what each is asked for to see whether it is well\n"
    "  --every MS     1000: how often\n"
    "  --timeout MS   10000: how long one has to begin with an answer\n"
    "  --rate N       that many requests a second, at most; as many may wait\n";

/* Digits from min to max; else -1. */
static long number(const char *text, long min, long max)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    return errno || *end || *text < '0' || *text > '9' || n < min || n > max ? -1 : n;
}

static bool set(struct proxy *proxy, const char *name, char *value)
{
    long n;
    if (strcmp(name, "--backend") == 0) {
        size_t size = strlen(value);
        if (proxy->count == BACKENDS_MAX || strncmp(value, "http://", 7) != 0 ||
            strpbrk(value, "?# ") || size > 2000)
            return false;
        value[size - (value[size - 1] == '/')] = 0;
        proxy->urls[proxy->count++] = value;
        return true;
    }
    if (strcmp(name, "--check") == 0)
        return proxy->check = value, *value == '/' && strlen(value) < 2000;
    if (strcmp(name, "--port") == 0)
        return n = number(value, 0, 65535), proxy->port = (uint16_t)n, n >= 0;
    if (strcmp(name, "--every") == 0)
        return n = number(value, 1, 3600000), proxy->every = n * 1000000, n >= 0;
    if (strcmp(name, "--timeout") == 0)
        return n = number(value, 1, 3600000), proxy->timeout = n * 1000000, n >= 0;
    if (strcmp(name, "--rate") == 0)
        return n = number(value, 1, 1000000000), proxy->rate = (uint32_t)n, n >= 0;
    return false;
}

int main(int argc, char **argv)
{
    struct proxy proxy = {.check = "/",
                          .port = 8080,
                          .every = CADRE_SECOND,
                          .timeout = 10 * CADRE_SECOND};
    struct proxy *it = &proxy;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(help, stdout) < 0;
    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || !set(&proxy, argv[i], argv[i + 1])) {
            fprintf(stderr, "proxy: %s %s: that may not be\n%s", argv[i],
                    i + 1 == argc ? "" : argv[i + 1], help);
            return 1;
        }
    if (proxy.count == 0)
        return fputs(help, stderr), 1;
    int reason = cadre_serve(NULL, &root_class, &it, CADRE_SECOND, 10 * CADRE_SECOND);
    if (reason)
        fprintf(stderr, "proxy: %s\n", cadre_strerror(reason));
    return reason ? 1 : 0;
}
