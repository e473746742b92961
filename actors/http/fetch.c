/* fetch.c: an actor for one call: it has a connection lent, and again where the answer
 * leads elsewhere, or a connection breaks. */
#include "client.h"

#include "bytes.h"
#include "head.h"

#include <cadre/async.h>

#include <errno.h>
#include <string.h>

struct fetch {
    const struct client_shared *shared;
    struct call call; /* owned */
    struct url url;   /* of it */
    cadre_promise promise;
    cadre_async async;
    cadre_ref channel;
    uint32_t loan; /* the last that was asked for */
    bool was_lent; /* to another before */
    bool is_owed;  /* a connection, or it is lent one and has not used it */
    bool is_out;   /* an exchange is under way there */
    bool http1;    /* the server wants no HTTP/2 */
    uint32_t redirects, retries;
};

/* ---- what is asked ---------------------------------------------------------------- */

static bool is(const struct fetch *f, const char *method)
{
    return strcmp(f->call.method, method) == 0;
}

static bool is_idempotent(const struct fetch *f)
{
    const char *method = f->call.method;
    return cadre_http_is_idempotent((cadre_http_text){method, strlen(method)});
}

static int ask_for_lease(cadre_self *self, struct fetch *f)
{
    const struct proxy *proxy = proxies_find(&f->shared->proxies, &f->url);
    struct lease lease = {.port = f->url.port,
                          .is_secure = f->url.is_secure,
                          .is_proxied = proxy != NULL,
                          .http1 = f->http1,
                          .loan = ++f->loan};
    memcpy(lease.host, f->url.host, sizeof lease.host);
    if (proxy && !lease.is_secure) { /* it is the server, for all of them */
        lease.port = proxy->port;
        memcpy(lease.host, proxy->host, sizeof lease.host);
    }
    int err = cadre_ask_as(self, &f->async.token, f->shared->client, CADRE_NEVER,
                           &lease_type, &lease);
    f->is_owed |= !err;
    return err;
}

static int ask_for_exchange(cadre_self *self, struct fetch *f)
{
    const struct proxy *proxy =
        f->url.is_secure ? NULL : proxies_find(&f->shared->proxies, &f->url);
    const struct exchange exchange = {.head = call_head(&f->call, &f->url, proxy),
                                      .body = cadre_buf_ref(f->call.body),
                                      .source = f->call.source,
                                      .loan = f->loan,
                                      .is_head = is(f, "HEAD"),
                                      .in_pieces = f->call.in_pieces};
    if (!exchange.head) {
        cadre_buf_unref(exchange.body);
        return -ENOMEM;
    }
    int err = cadre_ask_as(self, &f->async.token, f->channel, CADRE_NEVER,
                           &exchange_type, &exchange);
    f->is_out = !err;
    f->is_owed = err != 0;
    return err;
}

/* ---- elsewhere -------------------------------------------------------------------- */

static bool is_secret(cadre_http_text name)
{
    return head_same(name, "authorization") || head_same(name, "cookie") ||
           head_same(name, "proxy-authorization");
}

static bool is_of_body(cadre_http_text name)
{
    return head_same(name, "content-type") || head_same(name, "content-encoding") ||
           head_same(name, "content-language") || head_same(name, "content-location");
}

/* Without memory all of them stay out. */
static void leave_out(struct fetch *f, bool (*is_left_out)(cadre_http_text name))
{
    struct bytes kept = {0};
    const char *at = (const char *)cadre_buf_data(f->call.fields);
    const char *end = at ? at + cadre_buf_size(f->call.fields) : NULL;
    for (size_t size; at < end; at += size) {
        cadre_http_text name = {at, (size_t)(strchr(at, ':') - at)};
        size = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) + 1 - at);
        if (!is_left_out(name) && bytes_append(&kept, at, size))
            break;
    }
    cadre_buf_unref(f->call.fields);
    f->call.fields = bytes_take(&kept);
    bytes_free(&kept);
}

static void become_get(struct fetch *f)
{
    if (!is(f, "HEAD"))
        strcpy(f->call.method, "GET");
    leave_out(f, is_of_body);
    cadre_buf_unref(cadre_buf_move(&f->call.body));
    f->call.source.from.id = 0;
}

static bool leads_elsewhere(const struct fetch *f, const cadre_http_response *r)
{
    uint32_t s = r->status;
    bool is_redirect = s == 301 || s == 302 || s == 303 || s == 307 || s == 308;
    bool again = s == 303 || !f->call.source.from.id; /* it cannot be sent twice */
    return is_redirect && again && !f->call.stays &&
           cadre_http_response_header(r, "Location").at;
}

/* Errors: -EPROTONOSUPPORT. */
static int check_scheme(const struct fetch *f, const struct url *url)
{
    return url->is_secure && !f->shared->config.tls ? -EPROTONOSUPPORT : 0;
}

/* Errors: -ELOOP, -ENOMEM, -EACCES (it was protected, and would not be any more), those
 * of url_parse() and check_scheme(). */
static int follow(struct fetch *f, const cadre_http_response *r)
{
    struct url url;
    if (f->redirects++ == f->shared->config.redirects)
        return -ELOOP;
    cadre_buf *text = url_join(&f->url, cadre_http_response_header(r, "Location"));
    int err = text ? url_parse(&url, url_text(text)) : -ENOMEM;
    if (!err)
        err = f->url.is_secure && !url.is_secure ? -EACCES : check_scheme(f, &url);
    if (err) {
        cadre_buf_unref(text);
        return err;
    }
    f->http1 = false; /* where it is the same server that is known */
    if (!url_is_same_server(&url, &f->url))
        leave_out(f, is_secret);
    if (r->status == 303 || ((r->status == 301 || r->status == 302) && is(f, "POST")))
        become_get(f);
    cadre_buf_unref(f->call.url);
    f->call.url = text;
    f->url = url;
    return 0;
}

/* ---- the outcome ------------------------------------------------------------------ */

static void fail(cadre_self *self, struct fetch *f, const cadre_failure *failure)
{
    cadre_failure told = {.code = -EPROTO};
    if (failure)
        told = *failure;
    if (told.code == CALL_CUT_OFF || told.code == CALL_UNSEEN ||
        told.code == CALL_HTTP1 || told.code == CADRE_EDEAD)
        told.code = -ECONNRESET;
    told.cause = told.cause == CALL_HTTP1 ? 0 : told.cause;
    if (!told.message)
        told.message = client_failure(told.code).message;
    (void)cadre_answer_as(self, f->promise, &cadre_failure_type, &told);
}

/* What it owns goes along. */
static void pass_on(cadre_self *self, struct fetch *f, cadre_http_response *r)
{
    const cadre_http_source source = r->source;
    int err = cadre_answer_as(self, f->promise, &cadre_http_response_type, r);
    r->fields = r->body = NULL;
    if (err && source.from.id)
        (void)cadre_send(self, source.from, cadre_http_gone, .key = source.key);
}

/* A connection that had ended has seen nothing of it; one that was idle does not count,
 * as all that there are may have. */
static bool may_retry(struct fetch *f, const cadre_failure *failure)
{
    if ((failure->code == CADRE_EDEAD && f->was_lent) ||
        failure->code == CALL_ELSEWHERE)
        return true;
    bool is_broken = failure->code == -ECONNRESET || failure->code == -EPIPE;
    bool is_safe = is_idempotent(f) && !f->call.source.from.id;
    bool is_unseen = failure->code == CADRE_EDEAD || failure->code == CALL_UNSEEN ||
                     failure->code == CALL_HTTP1;
    f->http1 |= failure->code == CALL_HTTP1 || failure->cause == CALL_HTTP1;
    return ((is_broken && is_safe) || is_unseen) &&
           f->retries++ < f->shared->config.retries;
}

/* Is there still somebody at work for it? */
static bool is_given_up(const cadre_failure *failure)
{
    return failure && (failure->code == -ECANCELED || failure->code == -ETIMEDOUT);
}

/* Is there something else to be asked? */
static bool goes_on(cadre_self *self, struct fetch *f, const cadre_msg *m)
{
    cadre_http_response *r = cadre_body(m, cadre_http_response);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    int err = 0;
    f->is_out = is_given_up(failure);
    if (failure && may_retry(f, failure))
        return true;
    if (r && leads_elsewhere(f, r)) {
        err = follow(f, r);
        if (r->source.from.id)
            (void)cadre_send(self, r->source.from, cadre_http_gone,
                             .key = r->source.key);
        if (!err)
            return true;
    } else if (r) {
        pass_on(self, f, r);
        return false;
    }
    const cadre_failure own = {
        .code = err,
        .message = err == -EACCES
                       ? "it is redirected from https: to http:, which is not "
                         "followed: look where to, with `stays`"
                       : NULL};
    fail(self, f, err ? &own : failure);
    return false;
}

/* ---- the class -------------------------------------------------------------------- */

static int run(cadre_self *self, void *state, cadre_msg *m)
{
    struct fetch *f = state;
    CADRE_ASYNC(&f->async, run, self, state, m);
    do {
        CADRE_AWAIT(ask_for_lease(self, f));
        if (m->type != &leased_type) {
            f->is_owed = is_given_up(cadre_body(m, cadre_failure));
            fail(self, f, cadre_body(m, cadre_failure));
            CADRE_ASYNC_RETURN(CADRE_STOP);
        }
        f->channel = ((const struct leased *)m->body)->channel;
        f->was_lent = ((const struct leased *)m->body)->was_lent;
        CADRE_AWAIT(ask_for_exchange(self, f));
    } while (goes_on(self, f, m));
    CADRE_ASYNC_RETURN(CADRE_STOP);
    CADRE_ASYNC_END;
}

static int fetch_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct fetch *f = state;
    if (m->type != &call_type || f->call.url)
        return cadre_unhandled(self, m);
    int err = cadre_defer(self, m, &f->promise);
    if (err)
        return err;
    f->call = *(struct call *)m->body;
    *(struct call *)m->body = (struct call){0};
    err = url_parse(&f->url, url_text(f->call.url)); /* it was good already */
    if (!err)
        err = check_scheme(f, &f->url);
    if (!err)
        return run(self, state, m);
    fail(self, f, &(cadre_failure){.code = err});
    return CADRE_STOP;
}

static void fetch_stop(cadre_self *self, void *state, int reason)
{
    struct fetch *f = state;
    if (f->is_owed)
        (void)cadre_send_as(self, f->shared->client, &forsaken_type,
                            &(struct forsaken){f->loan});
    if (f->is_out)
        (void)cadre_send_as(self, f->channel, &drop_type, &(struct drop){f->loan});
    call_type.drop(&f->call);
}

static const cadre_class fetch_class = {.name = "cadre_http_fetch",
                                        .state_size = sizeof(struct fetch),
                                        .receive = fetch_receive,
                                        .stop = fetch_stop};

int fetch_spawn(cadre_self *self, cadre_ref *child, const struct client_shared *shared)
{
    const struct fetch init = {.shared = shared};
    return cadre_spawn(self, child, &fetch_class, &init);
}
