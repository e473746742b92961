/* proxy: an HTTP reverse proxy for several servers.
 *
 *   client - server - desk - [limiter] - router - backend - breaker - relay - http client
 *
 * Each connection's desk asks for what its client asks, and again when no answer has
 * begun and the request may be repeated. The router takes the backend with the least to
 * do. All but backends are ready-made. Answers come in pieces, which the client's
 * connection fetches itself, past all of these. */
#include <cadre.h>
#include <cadre/actors/breaker.h>
#include <cadre/actors/http.h>
#include <cadre/actors/http_client.h>
#include <cadre/actors/http_relay.h>
#include <cadre/actors/limiter.h>
#include <cadre/actors/router.h>
#include <cadre/await.h>
#include <cadre/shutdown.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What all actors may read: complete before the first request comes. */
static struct {
    const char *urls[16], *check; /* without a slash at their end */
    uint32_t count, checked, rate;
    uint16_t port;
    cadre_time every, timeout;
    cadre_ref client, router, to, server;
} proxy = {
    .check = "/", .port = 8080, .every = CADRE_SECOND, .timeout = 10 * CADRE_SECOND};

/* ---- backends -------------------------------------------------------------------- */

/* One of the servers, in the router or not. It leaves the router before it says that a
 * request has failed, so whoever tries again comes to another one; it returns when its
 * server answers a check and its breaker is not open. */
struct backend {
    const char *url;
    cadre_ref breaker;
    bool is_in;
    uint32_t failures; /* of requests: a check that has seen none of one is too old */
};

/* Its parent's is answered when it is done. */
static const cadre_type check_type = {.name = "check"};

static int backend_start(cadre_self *self, void *state)
{
    struct backend *me = state;
    cadre_http_relay relay = {
        .client = proxy.client, .url = me->url, .timeout = proxy.timeout};
    cadre_breaker breaker = {.timeout = CADRE_NEVER,
                             .cooldown = 5 * proxy.every,
                             .share = cadre_http_share,
                             .codes = {-ETIMEDOUT, -ECONNREFUSED, -ECONNRESET, -EPROTO,
                                       -EHOSTUNREACH, CADRE_EDEAD, CADRE_EFULL}};
    int err = cadre_spawn(self, &breaker.target, &cadre_http_relay_class, &relay);
    if (!err)
        err = cadre_spawn(self, &me->breaker, &cadre_breaker_class, &breaker);
    return err;
}

/* Waits until the router knows, so that nothing that follows comes here. */
static int set_in(cadre_self *self, struct backend *me, bool is_in, const char *why)
{
    cadre_token token;
    cadre_msg m;
    if (me->is_in == is_in)
        return 0;
    me->is_in = is_in;
    const cadre_router_add it = {cadre_me(self)};
    int err =
        cadre_ask_as(self, &token, proxy.router, CADRE_NEVER,
                     is_in ? &cadre_router_add_type : &cadre_router_remove_type, &it);
    if (!err)
        err = cadre_await_open(self, token, &m);
    fprintf(stderr, "proxy: %s is %s%s%s\n", me->url, is_in ? "in" : "out",
            *why ? ": " : "", why);
    return err;
}

/* Does its server answer, and not with an error of its own? *why: what it does else. */
static bool is_well(cadre_self *self, const struct backend *me, char *why, size_t size)
{
    char url[4096];
    cadre_token token;
    cadre_msg m;
    snprintf(url, sizeof url, "%s%s", me->url, proxy.check);
    const cadre_http_call call = {.url = url, .stays = true};
    int err = cadre_http_fetch(self, &token, proxy.client, proxy.timeout, &call);
    if (!err)
        err = cadre_await_open(self, token, &m);
    const cadre_http_response *r = err ? NULL : cadre_body(&m, cadre_http_response);
    const cadre_failure *failure = err ? NULL : cadre_body(&m, cadre_failure);
    if (r)
        snprintf(why, size, "%s is answered with %u", proxy.check, r->status);
    else
        snprintf(why, size, "%s", cadre_strerror(failure ? failure->code : err));
    if (!r || r->status >= 500)
        return false;
    err = cadre_ask(self, &token, me->breaker, CADRE_SECOND, cadre_breaker_ask, 0);
    if (!err)
        err = cadre_await_open(self, token, &m);
    const cadre_breaker_status *s = err ? NULL : cadre_body(&m, cadre_breaker_status);
    snprintf(why, size, "its breaker is open");
    return s && s->state != CADRE_BREAKER_OPEN;
}

static int on_check(cadre_self *self, struct backend *me, const cadre_msg *m)
{
    char why[256];
    uint32_t failures = me->failures;
    bool is_in = is_well(self, me, why, sizeof why) && me->failures == failures;
    int err = set_in(self, me, is_in, is_in ? "" : why);
    if (!err)
        err = cadre_after_as(self, NULL, proxy.every, &check_type, NULL);
    bool is_awaited = cadre_same(m->from, cadre_parent(self));
    return err || !is_awaited ? err : cadre_reply_as(self, m, &check_type, NULL);
}

static bool is_bad_request(int code) { return code == -EINVAL || code == -EMSGSIZE; }

static int backend_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct backend *me = state;
    cadre_token token;
    cadre_msg outcome;
    cadre_http_request *r = cadre_body(m, cadre_http_request);
    if (m->type == &check_type)
        return on_check(self, me, m);
    if (!r)
        return cadre_unhandled(self, m);
    int err = cadre_ask_as(self, &token, me->breaker, CADRE_NEVER, m->type, r);
    r->head = r->body = NULL;
    if (!err)
        err = cadre_await_open(self, token, &outcome);
    const cadre_failure *failure = err ? NULL : cadre_body(&outcome, cadre_failure);
    if (err)
        return cadre_reply(self, m, cadre_failure, .code = err);
    if (!failure || failure->code == -ECANCELED || is_bad_request(failure->code))
        return cadre_http_pass_on(self, m, &outcome);
    const cadre_failure copy = *failure; /* the next wait ends the outcome */
    me->failures++;
    err = set_in(self, me, false, cadre_strerror(copy.code));
    return err ? err : cadre_reply_as(self, m, &cadre_failure_type, &copy);
}
static const cadre_class backend_class = {.name = "backend",
                                          .state_size = sizeof(struct backend),
                                          .start = backend_start,
                                          .receive = backend_receive};

/* ---- requests ------------------------------------------------------------------- */

static bool may_be_repeated(const cadre_http_request *r, const cadre_failure *failure)
{
    int code = failure->code;
    bool was_sent =
        code != -ECONNREFUSED && code != -EHOSTDOWN && code != -EHOSTUNREACH;
    return (!was_sent || cadre_http_is_idempotent(r->method)) && code != -ECANCELED &&
           code != CADRE_EFULL && !is_bad_request(code);
}

/* A request is kept until it is answered, and shared with each who tries. */
static int on_request(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_request *r = m->body;
    for (uint32_t left = proxy.count + 1;; left--) {
        cadre_token token;
        cadre_msg outcome;
        cadre_http_request copy = *r;
        int err = cadre_http_share(m->type, &copy);
        if (!err)
            err = cadre_ask_as(self, &token, proxy.to, CADRE_NEVER, m->type, &copy);
        if (!err)
            err = cadre_await(self, token, &outcome);
        const cadre_failure own = {.code = err},
                            *failure = err ? &own : cadre_body(&outcome, cadre_failure);
        if (!failure)
            return cadre_http_pass_on(self, m, &outcome);
        if (err || left == 0 || !may_be_repeated(r, failure))
            return cadre_http_reply_failure(self, m, failure);
    }
}
static const cadre_http_route routes[] = {{NULL, "/*", on_request}, {0}};

/* ---- the root ------------------------------------------------------------------- */

static int root_start(cadre_self *self, void *state)
{
    cadre_router router = {.way = CADRE_LEAST_BUSY, .share = cadre_http_share};
    cadre_limiter limiter = {
        .rate = proxy.rate, .burst = proxy.rate / 10 + 1, .waiting = proxy.rate};
    int err = cadre_spawn(self, &proxy.client, &cadre_http_client_class, NULL);
    if (!err)
        err = cadre_spawn(self, &proxy.router, &cadre_router_class, &router);
    limiter.target = proxy.to = proxy.router;
    if (!err && proxy.rate)
        err = cadre_spawn(self, &proxy.to, &cadre_limiter_class, &limiter);
    for (uint32_t i = 0; i < proxy.count && !err; i++) {
        const struct backend it = {.url = proxy.urls[i]};
        cadre_ref backend;
        err = cadre_spawn(self, &backend, &backend_class, &it);
        if (!err)
            err = cadre_ask_as(self, NULL, backend, CADRE_NEVER, &check_type, NULL);
    }
    return err;
}

/* All backends were looked at: now requests may come. */
static int start_server(cadre_self *self)
{
    const cadre_http server = {
        .port = proxy.port,
        .routes = routes,
        .limits = {.body = 16 << 20, .answer = 2 * proxy.timeout}};
    int err = cadre_spawn(self, &proxy.server, &cadre_http_class, &server);
    return err ? err
               : cadre_ask(self, NULL, proxy.server, CADRE_SECOND, cadre_http_ask, 0);
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_status *status = cadre_body(m, cadre_http_status);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (failure)
        return failure->code;
    if (!status)
        return ++proxy.checked == proxy.count ? start_server(self) : 0;
    printf("the proxy is at http://127.0.0.1:%u\n", status->port);
    return fflush(stdout) ? CADRE_EUSER : 0;
}
static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = root_receive};

/* ---- options -------------------------------------------------------------------- */

static const char help[] =
    "usage: proxy --backend URL [--backend URL...] [options]\n"
    "  --backend URL  http://host:port, up to 16, which get the requests\n"
    "  --port N       8080; 0: a free one\n"
    "  --check PATH   /: what each is asked for to see whether it is well\n"
    "  --every MS     1000: how often\n"
    "  --timeout MS   10000: how long one has to begin with an answer\n"
    "  --rate N       that many requests a second, at most; as many may wait\n";

/* Digits; else -1. */
static long number(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    return *end || *text < '0' || *text > '9' || n > 1000000000 ? -1 : n;
}

static bool set_number(const char *name, long n)
{
    if (strcmp(name, "--port") == 0)
        return proxy.port = (uint16_t)n, n >= 0 && n <= UINT16_MAX;
    if (strcmp(name, "--every") == 0)
        return proxy.every = n * CADRE_MS, n > 0;
    if (strcmp(name, "--timeout") == 0)
        return proxy.timeout = n * CADRE_MS, n > 0;
    return strcmp(name, "--rate") == 0 && (proxy.rate = (uint32_t)n, n > 0);
}

static bool set(const char *name, char *value)
{
    size_t size = strlen(value);
    if (strcmp(name, "--check") == 0)
        return proxy.check = value, *value == '/' && size < 2000;
    if (strcmp(name, "--backend") != 0)
        return set_number(name, number(value));
    if (proxy.count == sizeof proxy.urls / sizeof *proxy.urls ||
        strncmp(value, "http://", 7) != 0 || strpbrk(value, "?# ") || size > 2000)
        return false;
    value[size - (value[size - 1] == '/')] = 0;
    proxy.urls[proxy.count++] = value;
    return true;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return fputs(help, stdout) < 0;
    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc || !set(argv[i], argv[i + 1])) {
            fprintf(stderr, "proxy: %s %s: that may not be\n%s", argv[i],
                    i + 1 == argc ? "" : argv[i + 1], help);
            return 1;
        }
    if (proxy.count == 0)
        return fputs(help, stderr), 1;
    int reason = cadre_serve(NULL, &root_class, NULL, CADRE_SECOND, 10 * CADRE_SECOND);
    if (reason)
        fprintf(stderr, "proxy: %s\n", cadre_strerror(reason));
    return reason ? 1 : 0;
}
