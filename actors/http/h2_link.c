/* h2_link.c: a client's connection of HTTP/2, for many exchanges at a time.
 *
 * It goes on as channel.c does: each message changes something, then settle() does what
 * follows from it. What comes is always read: nghttp2 bounds what has to be said to it,
 * and two sides that read nothing while they have something to say would wait for each
 * other. A tick looks for what has been forgotten. */
#include "h2_link.h"

#include "h2_exchange.h"

#include <cadre/timer.h>
#include <cadre/tls.h>

#include <errno.h>

static const cadre_type tick_type = {.name = "http2_tick"};
/* What a request for a piece makes possible is done for nobody's sake. */
typedef struct go_on {
    uint64_t id; /* of the stream */
} go_on;
static const cadre_type go_on_type = {.name = "http2_more", .size = sizeof(go_on)};

const bool h2_link_is_there = true;

static struct h2_link *of(const struct channel *c)
{
    return (struct h2_link *)(void *)cadre_buf_data(c->h2);
}

static struct h2_exchange *exchange_at(struct ring *ring)
{
    return RING_OF(ring, struct h2_exchange, ring);
}

/* ---- the end ---------------------------------------------------------------------- */

/* No frame comes or goes any more. failure: code 0: what is known of each. */
static void end(struct h2_link *l, int reason, const cadre_failure *failure)
{
    struct channel *c = l->channel;
    if (!l->is_leaving)
        h2_tell_most(l, 0);
    c->has_ended = l->is_leaving = true;
    for (struct ring *r = l->exchanges.next, *next; r != &l->exchanges; r = next) {
        struct h2_exchange *x = exchange_at(r);
        cadre_failure own =
            failure->code ? *failure : client_failure(h2_exchange_code(x, reason));
        own.cause = l->needs_http1 ? CALL_HTTP1 : 0;
        next = r->next;
        if (x->is_closed)
            continue;
        if (!x->is_sent && !x->is_answered) /* it may be asked for elsewhere */
            x->out.pieces = (struct pieces){0};
        if (!x->is_whole)
            h2_exchange_fail(l, x, &own);
        h2_exchange_over(l, x);
    }
}

static bool is_alive(struct h2_link *l)
{
    for (struct ring *r = l->exchanges.next; r != &l->exchanges; r = r->next)
        if (h2_exchange_is_alive(exchange_at(r)))
            return true;
    return false;
}

static int settle(struct h2_link *l)
{
    const struct channel *c = l->channel;
    int err = c->has_ended ? 0 : h2_wire_write(&l->wire);
    if (err && err != -EPIPE && err != -ENOENT) { /* these will be told */
        const cadre_failure failure = client_failure(err);
        end(l, err, &failure);
    }
    if (!c->has_ended && l->wire.out.size == 0 &&
        !nghttp2_session_want_read(l->wire.session) &&
        !nghttp2_session_want_write(l->wire.session)) {
        const cadre_failure failure =
            l->fault ? h2_fault(l->fault) : (cadre_failure){0};
        end(l, 0, &failure);
    }
    return l->is_leaving && !is_alive(l) ? CADRE_STOP : 0;
}

/* With TLS 1.3 a server may refuse a client when that has connected. */
static void on_closed(struct h2_link *l, int reason)
{
    cadre_failure failure = {0};
    if (reason <= CADRE_ETLS && reason > CADRE_ETLS_CUT && !l->heard)
        failure = client_failure(reason);
    if (!l->channel->has_ended)
        end(l, reason, &failure);
}

/* ---- time ------------------------------------------------------------------------- */

/* A reader that has forgotten it. */
static void look_at_exchanges(struct h2_link *l, cadre_time now)
{
    const cadre_failure forgotten = client_failure(-ETIMEDOUT);
    cadre_time idle = l->channel->init.shared->config.idle;
    for (struct ring *r = l->exchanges.next, *next; r != &l->exchanges; r = next) {
        struct h2_exchange *x = exchange_at(r);
        next = r->next;
        bool waits = x->owes || !upload_is_read(l->wire.self, &x->answer);
        if (!waits || now - x->out.since < idle)
            continue;
        h2_exchange_reset(l, x, &forgotten);
        x->owes = false;
        if (x->is_closed)
            h2_exchange_free(x);
    }
}

static void on_tick(struct h2_link *l)
{
    const cadre_http_client *config = &l->channel->init.shared->config;
    cadre_time now = cadre_now(l->wire.self);
    look_at_exchanges(l, now);
    if (l->pinged && now - l->pinged >= config->connect) {
        const cadre_failure failure = client_failure(-ETIMEDOUT);
        end(l, -ETIMEDOUT, &failure);
    } else if (ring_is_empty(&l->exchanges) && now - l->wire.active >= config->idle) {
        h2_tell_most(l, 0);
        l->is_leaving = true;
        (void)nghttp2_session_terminate_session(l->wire.session, NGHTTP2_NO_ERROR);
    }
}

/* ---- messages --------------------------------------------------------------------- */

static void on_data(struct h2_link *l, const cadre_stream_data *data)
{
    cadre_failure failure = {0};
    l->heard = cadre_now(l->wire.self);
    if (l->channel->has_ended)
        return;
    ssize_t err = nghttp2_session_mem_recv(l->wire.session, cadre_buf_data(data->buf),
                                           cadre_buf_size(data->buf));
    if (err >= 0)
        return;
    if (err == NGHTTP2_ERR_NOMEM)
        failure = client_failure(-ENOMEM);
    else /* there is too much of something, or in one head */
        failure = h2_fault(NGHTTP2_ENHANCE_YOUR_CALM);
    end(l, 0, &failure);
}

static int on_more(struct h2_link *l, const cadre_msg *m)
{
    uint64_t key = ((const cadre_http_more *)m->body)->key;
    struct h2_exchange *x = h2_exchange_of(l, key);
    if (!x && m->token.id)
        return cadre_reply(l->wire.self, m, cadre_failure, .code = -ECONNRESET);
    if (!x)
        return 0;
    l->wire.active = x->out.since = cadre_now(l->wire.self);
    if (upload_more(l->wire.self, &x->answer, m))
        return cadre_send(l->wire.self, cadre_me(l->wire.self), go_on, .id = key);
    x->owes &= !m->token.id;
    (void)h2_exchange_feed(l, x);
    return 0;
}

static void on_go_on(struct h2_link *l, uint64_t id)
{
    struct h2_exchange *x = h2_exchange_of(l, id);
    if (x)
        (void)h2_exchange_feed(l, x);
}

/* Nobody wants more of it. What was not heard of since it began may be no more. */
static void cancel(struct h2_link *l, struct h2_exchange *x)
{
    const cadre_failure failure = {.code = -ECANCELED};
    h2_exchange_reset(l, x, &failure);
    x->owes = false;
    if (x->is_closed) {
        h2_exchange_free(x);
    } else if (l->heard < x->since && !l->pinged) {
        l->pinged = cadre_now(l->wire.self);
        (void)nghttp2_submit_ping(l->wire.session, NGHTTP2_FLAG_NONE, NULL);
    }
}

static void on_gone(struct h2_link *l, uint64_t key)
{
    struct h2_exchange *x = h2_exchange_of(l, key);
    if (x)
        cancel(l, x);
}

static void on_drop(struct h2_link *l, cadre_ref from, uint32_t loan)
{
    for (struct ring *r = l->exchanges.next; r != &l->exchanges; r = r->next) {
        struct h2_exchange *x = exchange_at(r);
        if (x->loan == loan && cadre_same(x->from, from)) {
            cancel(l, x);
            return;
        }
    }
    h2_give_back(l, from, loan, true);
}

static int on_outcome(struct h2_link *l, const cadre_msg *m)
{
    for (struct ring *r = l->exchanges.next; r != &l->exchanges; r = r->next) {
        struct h2_exchange *x = exchange_at(r);
        if (!h2_body_piece(&l->wire, &x->out, m))
            continue;
        if (x->out.pieces.code)
            x->failure = client_failure(x->out.pieces.code);
        return 0;
    }
    return cadre_unhandled(l->wire.self, m);
}

static int on_message(struct h2_link *l, cadre_msg *m)
{
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    const cadre_http_gone *gone = cadre_body(m, cadre_http_gone);
    const go_on *more = cadre_body(m, go_on);
    const struct drop *drop = m->type == &drop_type ? m->body : NULL;
    if (m->type == &exchange_type)
        return h2_exchange_begin(l, m);
    if (m->type == &cadre_http_more_type)
        return on_more(l, m);
    if (data)
        on_data(l, data);
    else if (closed)
        on_closed(l, closed->reason);
    else if (more)
        on_go_on(l, more->id);
    else if (gone)
        on_gone(l, gone->key);
    else if (drop)
        on_drop(l, m->from, drop->loan);
    else if (m->type == &tick_type)
        on_tick(l);
    else if (m->type == &cadre_stream_wrote_type)
        l->wire.is_stuck = false;
    else if (m->token.id)
        return on_outcome(l, m);
    return 0; /* that of a time before, or said again */
}

static int h2_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct channel *c = state;
    struct h2_link *l = of(c);
    l->wire.self = self;
    int result = on_message(l, m);
    return result ? result : settle(l);
}

/* ---- the beginning and the end ---------------------------------------------------- */

int h2_link_begin(cadre_self *self, struct channel *c)
{
    c->h2 = cadre_buf_new(NULL, sizeof(struct h2_link));
    if (!c->h2)
        return -ENOMEM;
    struct h2_link *l = of(c);
    *l = (struct h2_link){.wire = {.self = self, .stream = c->stream}, .channel = c};
    ring_init(&l->exchanges);
    int err = h2_link_init(l);
    if (!err)
        err = cadre_every_as(self, NULL, (c->init.shared->config.idle + 1) / 2,
                             &tick_type, NULL);
    if (err)
        return err;
    cadre_become(self, h2_receive);
    return settle(l);
}

void h2_link_free(cadre_self *self, struct channel *c, int code)
{
    if (!c->h2)
        return;
    struct h2_link *l = of(c);
    const cadre_failure failure = client_failure(code);
    l->wire.self = self;
    end(l, code, &failure);
    while (!ring_is_empty(&l->exchanges))
        h2_exchange_free(exchange_at(l->exchanges.next));
    h2_head_free(&l->head);
    h2_wire_free(&l->wire);
    cadre_buf_unref(c->h2);
}
