/* channel.c: an actor that has a connection to a server, for one exchange after the
 * other.
 *
 * Each message changes something, then settle() does what follows from it: write, read
 * on as far as somebody wants it, and give the connection back, or end. */
#include "channel.h"

#include "h2_link.h"
#include "tunnel.h"

#include <cadre/actors/resolve.h>
#include <cadre/tcp.h>
#include <cadre/timer.h>
#include <cadre/tls.h>

#include <errno.h>
#include <string.h>

enum { WINDOW = 1 << 16 };

static const cadre_type idle_type = {.name = "http_idle"};
static const cadre_type go_on_type = {.name = "http_go_on"};

static void drop_exchange(void *body)
{
    const struct exchange *e = body;
    cadre_buf_unref(e->head);
    cadre_buf_unref(e->body);
}
const cadre_type exchange_type = {.name = "cadre_http_exchange",
                                  .size = sizeof(struct exchange),
                                  .drop = drop_exchange};
const cadre_type drop_type = {.name = "cadre_http_drop", .size = sizeof(struct drop)};

/* ---- to connect ------------------------------------------------------------------- */

/* Why there is no connection: to the proxy where that is the next one. */
static cadre_failure no_connection(const struct channel *c, int code)
{
    cadre_failure failure = client_failure(code);
    if (c->init.to.is_proxied && !c->greets)
        failure.message = "that is the connection to the proxy: is it up, and is its "
                          "address right?";
    return failure;
}

/* What the last one has begun. */
static void forget(struct channel *c)
{
    c->stream.id = 0;
    c->asks_proxy = c->greets = false;
    bytes_free(&c->pending);
    parser_free(&c->parser);
    parser_init_client(&c->parser, &c->init.shared->limits);
}

/* False: there is none, and *failure says why if it did not. */
static bool connect_next(cadre_self *self, struct channel *c, cadre_failure *failure)
{
    const cadre_stream_options options = {
        .window = WINDOW, .tls_protocols = c->may_h2 ? "h2,http/1.1" : "http/1.1"};
    forget(c);
    while (!c->stream.id && c->tried < c->addresses.count) {
        const cadre_address *to = &c->addresses.at[c->tried++];
        int err = cadre_tcp_connect(self, &c->stream, to->host, to->port,
                                    c->init.shared->config.connect, &options);
        if (err)
            *failure = no_connection(c, err);
    }
    return c->stream.id;
}

/* Its name as certificates have it: without the dot of a name that is complete. */
static int begin_tls(cadre_self *self, struct channel *c)
{
    struct lease to = c->init.to;
    size_t size = strlen(to.host);
    if (size > 1 && to.host[size - 1] == '.')
        to.host[size - 1] = '\0';
    c->greets = true;
    return cadre_tls_connect(self, c->stream, c->init.shared->config.tls, to.host);
}

/* ---- the end of an exchange ------------------------------------------------------- */

int channel_fail_with(cadre_self *self, struct channel *c, const cadre_failure *failure)
{
    if (c->from.id && !c->is_answered)
        (void)cadre_answer_as(self, c->promise, &cadre_failure_type, failure);
    upload_fail(self, &c->answer, failure->code);
    c->is_answered = true;
    return CADRE_STOP;
}

int channel_fail(cadre_self *self, struct channel *c, int code)
{
    const cadre_failure failure = client_failure(code);
    return channel_fail_with(self, c, &failure);
}

/* Whoever it was opened for may not have asked yet. */
static int fail_to_connect(cadre_self *self, struct channel *c,
                           const cadre_failure *failure)
{
    const struct carries none = {c->init.record, 0, true, false};
    c->failure = *failure;
    if (c->may_h2) /* whoever asks next is not to be lent it */
        (void)cadre_send_as(self, c->init.shared->client, &carries_type, &none);
    cadre_unstash(self);
    return c->from.id ? channel_fail_with(self, c, failure) : 0;
}

/* It is not at that exchange. */
static int give_back(cadre_self *self, const struct channel *c, cadre_ref from,
                     uint32_t loan, bool is_unused)
{
    const struct returned returned = {c->init.record, from, loan, is_unused};
    return cadre_send_as(self, c->init.shared->client, &returned_type, &returned);
}

/* By a reset: a server goes on for one that only sends no more. */
static int give_up(cadre_self *self, const struct channel *c)
{
    (void)cadre_stream_abort(self, c->stream);
    return CADRE_STOP;
}

/* Another exchange may follow, if nothing is left of this one. */
static int finish(cadre_self *self, struct channel *c)
{
    const cadre_ref from = c->from;
    bool keeps = c->parser.keeps && pieces_are_over(&c->pieces) && !c->exchange.head &&
                 !c->exchange.body && c->pending.size == 0 && !c->has_ended;
    c->from.id = 0;
    c->is_done = false;
    return keeps ? give_back(self, c, from, c->loan, false) : CADRE_STOP;
}

/* ---- what follows ----------------------------------------------------------------- */

static int write_on(cadre_self *self, struct channel *c)
{
    if (!c->is_connected || !c->from.id || c->has_ended)
        return 0;
    int err = pieces_write_buf(self, c->stream, &c->exchange.head, &c->written);
    if (!err)
        err = pieces_write_buf(self, c->stream, &c->exchange.body, &c->written);
    if (!err)
        err = pieces_write(self, &c->pieces, c->stream, &c->written);
    return err == CADRE_EFULL || err == -EPIPE ? 0 : err; /* it will be told */
}

static int hold(cadre_self *self, struct channel *c)
{
    bool waits = c->answer.is_on && !c->answer.is_asked;
    bool holds = waits && c->pending.size > 0;
    if (holds == c->holds || c->has_ended)
        return 0;
    c->holds = holds;
    int err = cadre_stream_window(self, c->stream, holds ? 0 : WINDOW);
    return err == -ENOENT || err == -EPIPE ? 0 : err; /* it has gone already */
}

static int settle(cadre_self *self, struct channel *c)
{
    int result = write_on(self, c);
    if (result)
        return channel_fail(self, c, result);
    if (c->is_connected && c->pending.size > 0)
        result = answers_read_on(self, c);
    if (!result && c->has_ended)
        result = answers_end(self, c);
    if (!result && c->is_done)
        result = finish(self, c);
    return result ? result : hold(self, c);
}

/* ---- the class -------------------------------------------------------------------- */

/* Several may have been set aside, until it was known that there is no connection. */
static int refuse(cadre_self *self, struct channel *c, const cadre_msg *m)
{
    (void)cadre_reply_as(self, m, &cadre_failure_type, &c->failure);
    c->aside -= c->aside > 0;
    return c->aside > 0 ? 0 : CADRE_STOP;
}

/* Until it is known how many there may be. */
static int set_aside(cadre_self *self, struct channel *c, cadre_msg *m)
{
    c->aside++;
    (void)cadre_stash(self, m); /* or who has asked is told */
    return 0;
}

/* It was lent to others when it was not known that it is one of HTTP/1.1. */
static int refuse_other(cadre_self *self, const struct channel *c, const cadre_msg *m)
{
    int err =
        give_back(self, c, m->from, ((const struct exchange *)m->body)->loan, true);
    return err ? err : cadre_reply(self, m, cadre_failure, .code = CALL_ELSEWHERE);
}

static int on_exchange(cadre_self *self, struct channel *c, cadre_msg *m)
{
    if (c->failure.code)
        return refuse(self, c, m);
    if (c->may_h2 && !c->is_connected)
        return set_aside(self, c, m);
    if (c->has_ended) /* as if it had not reached this one */
        return cadre_reply(self, m, cadre_failure, .code = CADRE_EDEAD);
    if (c->from.id)
        return refuse_other(self, c, m);
    int err = cadre_defer(self, m, &c->promise);
    if (err)
        return err;
    c->exchange = *(struct exchange *)m->body;
    *(struct exchange *)m->body = (struct exchange){0};
    if (c->may_h2 && !cadre_is_awaited(self, c->promise)) {
        drop_exchange(&c->exchange);
        c->exchange = (struct exchange){0};
        return 0; /* it has been given up meanwhile */
    }
    c->from = m->from;
    c->loan = c->exchange.loan;
    c->is_answered = false;
    const cadre_http_source *source = &c->exchange.source;
    if (source->from.id)
        pieces_begin(&c->pieces, source, source->size == 0);
    return settle(self, c);
}

/* One that was set aside is the first, and the others go elsewhere; or all of them. */
static int on_connected(cadre_self *self, struct channel *c, bool is_h2)
{
    const struct carries one = {c->init.record, 1, false, false};
    c->is_connected = true;
    if (!c->may_h2)
        return 0;
    cadre_unstash(self);
    return is_h2 ? h2_link_begin(self, c)
                 : cadre_send_as(self, c->init.shared->client, &carries_type, &one);
}

static int on_opened(cadre_self *self, struct channel *c)
{
    const struct lease *to = &c->init.to;
    c->asks_proxy = to->is_secure && to->is_proxied;
    if (c->asks_proxy)
        return tunnel_ask(self, c);
    return to->is_secure ? begin_tls(self, c) : on_connected(self, c, c->may_h2);
}

static int on_data(cadre_self *self, struct channel *c, const cadre_stream_data *data)
{
    cadre_failure failure;
    if (!c->asks_proxy)
        return answers_read(self, c, data);
    int result = tunnel_read(c, data, &failure);
    if (result < 0)
        return fail_to_connect(self, c, &failure);
    c->asks_proxy = result == 0;
    return result ? begin_tls(self, c) : 0;
}

/* Nothing has come. With TLS 1.3 a server may refuse a client when that has connected. */
static bool was_refused(const struct channel *c, int reason)
{
    return reason <= CADRE_ETLS && reason > CADRE_ETLS_CUT && c->pending.size == 0 &&
           !parser_is_within(&c->parser);
}

static int on_closed(cadre_self *self, struct channel *c, int reason)
{
    if (c->failure.code)
        return 0; /* it is known already */
    if (!c->is_connected) {
        cadre_failure failure = no_connection(c, reason ? reason : -ECONNRESET);
        return connect_next(self, c, &failure) ? settle(self, c)
                                               : fail_to_connect(self, c, &failure);
    }
    if (was_refused(c, reason)) {
        const cadre_failure failure = client_failure(reason);
        return fail_to_connect(self, c, &failure);
    }
    c->has_ended = true;
    c->reason = reason;
    return settle(self, c);
}

/* Does it wait for somebody who has forgotten it? */
static int on_idle(cadre_self *self, struct channel *c)
{
    bool waits = c->from.id && upload_is_read(self, &c->answer);
    return waits ? 0 : c->from.id ? give_up(self, c) : CADRE_STOP;
}

/* Whoever has given up has not asked for anything, or for what the connection is at, or
 * was set aside; what it had asked for before has come to its end. */
static int on_drop(cadre_self *self, const struct channel *c, cadre_ref from,
                   uint32_t loan)
{
    bool is_at_it = c->loan == loan && cadre_same(from, c->from);
    if (c->from.id && (is_at_it || !c->may_h2))
        return is_at_it ? give_up(self, c) : 0;
    if (!c->may_h2 && !c->is_connected)
        return CADRE_STOP;
    return give_back(self, c, from, loan, !c->is_connected);
}

static int on_outcome(cadre_self *self, struct channel *c, const cadre_msg *m)
{
    const cadre_addresses *addresses = cadre_body(m, cadre_addresses);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (pieces_outcome(&c->pieces, m))
        return settle(self, c);
    if (!addresses && !failure)
        return cadre_unhandled(self, m);
    cadre_failure told = no_connection(c, failure ? failure->code : -ENXIO);
    if (failure && !c->init.to.is_proxied)
        told = *failure;
    else if (addresses)
        c->addresses = *addresses;
    return !failure && connect_next(self, c, &told) ? settle(self, c)
                                                    : fail_to_connect(self, c, &told);
}

static int channel_start(cadre_self *self, void *state)
{
    struct channel *c = state;
    const struct client_shared *shared = c->init.shared;
    const struct lease *to = &c->init.to;
    const struct proxy *proxy = &shared->proxies.secure;
    bool is_tunnel = to->is_secure && to->is_proxied;
    cadre_resolver_ask ask = {.port = is_tunnel ? proxy->port : to->port};
    memcpy(ask.host, is_tunnel ? proxy->host : to->host, sizeof ask.host);
    c->may_h2 = client_may_h2(&shared->config, to);
    parser_init_client(&c->parser, &shared->limits);
    int err = cadre_when_idle_as(self, NULL, shared->config.idle, &idle_type, NULL);
    return err ? err
               : cadre_ask_as(self, NULL, shared->config.resolver, CADRE_NEVER,
                              &cadre_resolver_ask_type, &ask);
}

static int channel_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct channel *c = state;
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    const cadre_http_gone *gone = cadre_body(m, cadre_http_gone);
    const cadre_tls_ready *ready = cadre_body(m, cadre_tls_ready);
    const struct drop *drop = m->type == &drop_type ? m->body : NULL;
    int result = 0;
    if (m->type == &exchange_type)
        return on_exchange(self, c, m);
    if (closed)
        return on_closed(self, c, closed->reason);
    if (m->type == &idle_type)
        return on_idle(self, c);
    if (drop)
        return on_drop(self, c, m->from, drop->loan);
    if (gone)
        return c->answer.is_on && gone->key == c->answer.key ? give_up(self, c) : 0;
    if (m->type == &cadre_http_more_type)
        return upload_more(self, &c->answer, m)
                   ? cadre_send_as(self, cadre_me(self), &go_on_type, NULL)
                   : 0;
    if (m->type == &cadre_stream_opened_type)
        result = on_opened(self, c);
    else if (ready)
        result = on_connected(self, c, strcmp(ready->protocol, "h2") == 0);
    else if (data)
        result = on_data(self, c, data);
    else if (m->type != &go_on_type && m->type != &cadre_stream_wrote_type)
        return on_outcome(self, c, m);
    return result || c->h2 ? result : settle(self, c);
}

/* What breaks off is told as that; of other ends the system tells. */
static void channel_stop(cadre_self *self, void *state, int reason)
{
    struct channel *c = state;
    (void)channel_fail(self, c, reason ? reason : -ECONNRESET);
    h2_link_free(self, c, reason ? reason : -ECONNRESET);
    pieces_end(self, &c->pieces);
    drop_exchange(&c->exchange);
    parser_free(&c->parser);
    bytes_free(&c->pending);
}

static const cadre_class channel_class = {.name = "cadre_http_channel",
                                          .state_size = sizeof(struct channel),
                                          .start = channel_start,
                                          .receive = channel_receive,
                                          .stop = channel_stop};

int channel_spawn(cadre_self *self, cadre_ref *child, const struct channel_init *init)
{
    const struct channel c = {.init = *init};
    return cadre_spawn(self, child, &channel_class, &c);
}
