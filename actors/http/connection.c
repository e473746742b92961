/* connection.c: an actor that reads requests from a connection and writes the answers.
 *
 * Each message changes something, then settle() does whatever follows from it: write what
 * is answered, read on where there is room, close, and look what is waited for. There is
 * one timer, which is not set anew for each request: when it rings too early it is set
 * for the rest. */
#include "connection.h"

#include "h2.h"
#include "websocket.h"

#include <cadre/shutdown.h>
#include <cadre/supervise.h>
#include <cadre/tcp.h>
#include <cadre/timer.h>

#include <errno.h>
#include <string.h>

enum { WINDOW = 1 << 16, GRACE_S = 30, LONG = 1 << 16 };

static const cadre_type due_type = {.name = "http_due"};
/* What a request for a piece makes possible is done for nobody's sake. */
static const cadre_type go_on_type = {.name = "http_go_on"};

/* ---- what follows from it --------------------------------------------------------- */

/* Nothing is read or answered any more; what was written is sent yet. */
static void finish(cadre_self *self, struct connection *c)
{
    queue_clear(self, &c->queue);
    upload_fail(self, &c->upload, -ECONNRESET);
    c->no_more = true;
    c->continues = false;
    c->read_due = 0;
    bytes_free(&c->pending);
}

static void close_now(cadre_self *self, struct connection *c)
{
    finish(self, c);
    c->closed = true;
    (void)cadre_stream_close(self, c->stream, GRACE_S * CADRE_SECOND);
}

static void abort_now(cadre_self *self, struct connection *c)
{
    close_now(self, c);
    (void)cadre_stream_abort(self, c->stream);
}

/* What has come and cannot be read is not to become more. */
static void hold(cadre_self *self, struct connection *c, bool is_stuck)
{
    bool waits = is_stuck || queue_is_full(&c->queue) ||
                 (c->upload.is_on && !c->upload.is_asked);
    bool holds = waits && c->pending.size > 0;
    if (holds == c->holds)
        return;
    c->holds = holds;
    if (cadre_stream_window(self, c->stream, holds ? 0 : WINDOW))
        abort_now(self, c); /* it has gone already */
}

/* Not before: a client that takes it slowly may take its time, as long as it does. */
static void close_when_sent(cadre_self *self, struct connection *c)
{
    if (cadre_stream_unsent(self, c->stream) == 0)
        close_now(self, c);
    else if (cadre_stream_flush(self, c->stream))
        abort_now(self, c);
}

static bool is_within(const struct connection *c)
{
    return !c->no_more && (parser_is_within(&c->parser) || c->pending.size > 0);
}

/* Nothing comes behind what is under way. */
static bool is_last(const struct connection *c)
{
    return c->no_more || (c->closing && !is_within(c));
}

/* Nothing else is to be sent before it is told to go on. */
static bool may_continue(const struct connection *c)
{
    if (!c->continues || !c->upload.is_on)
        return c->continues && c->queue.count == 0;
    return c->upload.is_asked && c->queue.count == 1 && !queue_has_begun(&c->queue);
}

static int write_on(cadre_self *self, struct connection *c)
{
    uint64_t before = c->queue.written;
    int err = queue_write(self, &c->queue, c->stream, is_last(c));
    uint64_t more = c->queue.written - before;
    if (more > 0)
        c->active = cadre_now(self);
    if (!err && c->queue.count == 0 && more > LONG) /* when is it sent? */
        err = cadre_stream_flush(self, c->stream);
    if (!err && may_continue(c)) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        err = cadre_stream_write(self, c->stream, go_on, sizeof go_on - 1);
        c->continues = err != 0;
    }
    return err;
}

/* When the client has to have done something; CADRE_NEVER: it has not. */
static cadre_time client_due(cadre_self *self, struct connection *c)
{
    bool waits = c->upload.is_on && !c->upload.is_asked;
    if (!is_within(c) || c->holds || c->continues || waits)
        c->read_due = 0;
    else if (!c->read_due)
        c->read_due = cadre_now(self) + c->shared->limits.read;
    if (c->read_due)
        return c->read_due;
    bool is_slow = pieces_are_awaited(&c->queue.pieces) &&
                   cadre_stream_unsent(self, c->stream) > 0;
    return c->queue.count == 0 || queue_is_stuck(&c->queue) || is_slow
               ? c->active + c->shared->limits.idle
               : CADRE_NEVER;
}

/* The same of anybody. */
static cadre_time find_due(cadre_self *self, struct connection *c)
{
    const struct entry *e = queue_due(&c->queue);
    cadre_time due = client_due(self, c);
    return e && e->due < due ? e->due : due;
}

/* Whoever reads the upload has its time from when a piece was given until the next one is
 * asked for, or the answer is there. */
static void watch_upload(cadre_self *self, struct connection *c)
{
    struct entry *e = c->upload.is_on ? queue_last(&c->queue) : NULL;
    if (e && !c->upload.is_asked && !e->due)
        intake_is_due(self, c, e);
}

static int set_timer(cadre_self *self, struct connection *c)
{
    watch_upload(self, c);
    cadre_time due = find_due(self, c), now = cadre_now(self);
    if (due == CADRE_NEVER || (c->timer_at && c->timer_at <= due))
        return 0;
    if (c->timer_at)
        (void)cadre_cancel(self, c->timer);
    c->timer_at = due;
    return cadre_after_as(self, &c->timer, due > now ? due - now : 0, &due_type, NULL);
}

/* The client sends no more: what is left is the beginning of one. */
static void on_last(cadre_self *self, struct connection *c)
{
    if (!c->upload.is_on)
        c->no_more = true;
    else if (c->pending.size == 0)
        dispatch_refuse(self, c, 400, -ECONNRESET);
}

/* Writing makes room for reading, and what is read may be answered at once. */
static int settle(cadre_self *self, struct connection *c)
{
    uint32_t count;
    int err = 0;
    if (!c->stream.id || c->closed)
        return 0;
    do {
        err = write_on(self, c);
        count = c->queue.count;
        if (!err && c->pending.size > 0)
            intake_pending(self, c);
        if (!err && c->is_h2)
            return h2_begin(self, c);
        if (!err && c->ended && !queue_is_full(&c->queue))
            on_last(self, c);
    } while (!err && (c->queue.count != count || queue_is_stuck(&c->queue)));
    if (err == 1 && c->queue.session.id && c->queue.count == 0)
        return websocket_begin(self, c, c->queue.session);
    if (err == 1)
        finish(self, c);
    else if (err && err != CADRE_EFULL)
        abort_now(self, c);
    if (!c->closed && c->queue.count == 0 && is_last(c))
        close_when_sent(self, c);
    if (!c->closed)
        hold(self, c, err == CADRE_EFULL);
    return c->closed ? 0 : set_timer(self, c);
}

/* ---- time ------------------------------------------------------------------------- */

static void on_idle(cadre_self *self, struct connection *c)
{
    size_t unsent = cadre_stream_unsent(self, c->stream);
    uint64_t sent = c->queue.written - unsent;
    bool is_moving = unsent > 0 && sent != c->sent;
    c->sent = sent;
    if (is_moving)
        c->active = cadre_now(self);
    else if (unsent > 0 || c->queue.count > 0)
        abort_now(self, c);
    else
        close_now(self, c);
}

static void on_late(cadre_self *self, struct connection *c, struct entry *e)
{
    if (c->upload.is_on && e == queue_last(&c->queue)) {
        dispatch_refuse(self, c, 504, -ETIMEDOUT);
        return;
    }
    entry_cancel(self, e, c->shared);
    entry_answer(e, 504, NULL);
}

static void on_due(cadre_self *self, struct connection *c)
{
    cadre_time now = cadre_now(self);
    struct entry *e;
    c->timer_at = 0;
    while (!c->closed && (e = queue_due(&c->queue)) && e->due <= now)
        on_late(self, c, e);
    if (c->closed || client_due(self, c) > now)
        return;
    if (c->read_due)
        dispatch_refuse(self, c, 408, -ETIMEDOUT);
    else
        on_idle(self, c);
}

/* ---- the class -------------------------------------------------------------------- */

/* Set aside it holds up the draining, until the connection has gone. */
static int on_closing(cadre_self *self, struct connection *c, cadre_msg *m)
{
    if (c->gone)
        return CADRE_STOP;
    c->closing = true;
    int err = cadre_stash(self, m);
    return err ? err : settle(self, c);
}

static int on_gone(cadre_self *self, struct connection *c)
{
    c->gone = true;
    finish(self, c); /* sources are told before what is below here ends */
    if (!c->closing)
        return CADRE_STOP;
    cadre_unstash(self);
    return 0;
}

static int connection_start(cadre_self *self, void *state)
{
    struct connection *c = state;
    int err = cadre_when_closing(self, NULL);
    c->active = cadre_now(self);
    if (!err)
        err = set_timer(self, c); /* or nobody would know if it is never opened */
    if (err)
        return err;
    parser_init(&c->parser, &c->shared->limits, c->shared->uploads);
    c->queue.shared = c->shared;
    atomic_fetch_add_explicit(&c->shared->connections, 1, memory_order_relaxed);
    return 0;
}

static int on_more(cadre_self *self, struct connection *c, const cadre_msg *m)
{
    if (!upload_more(self, &c->upload, m))
        return 0;
    queue_last(&c->queue)->due = 0;
    return cadre_send_as(self, cadre_me(self), &go_on_type, NULL);
}

static int connection_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct connection *c = state;
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    int err = 0;
    if (m->type == &cadre_stream_closed_type)
        return on_gone(self, c);
    if (m->type == &cadre_closing_type)
        return on_closing(self, c, m);
    if (m->type == &cadre_http_more_type)
        return on_more(self, c, m);
    if (data && !c->no_more) {
        err = intake_data(self, c, data);
    } else if (opened) {
        c->stream = opened->stream;
        if (cadre_tcp_peer(self, c->stream, &c->peer))
            c->peer.host[0] = '\0';
        c->active = cadre_now(self);
    } else if (m->type == &cadre_stream_ended_type) {
        c->ended = true;
    } else if (m->type == &cadre_stream_wrote_type) {
        c->active = cadre_now(self);
    } else if (m->type == &due_type) {
        if (!c->stream.id)
            return CADRE_STOP;
        on_due(self, c);
    } else if (m->type == &cadre_child_down_type) {
        dispatch_desk_down(self, &c->desk);
    } else if (m->type != &go_on_type) {
        queue_outcome(self, &c->queue, m);
    }
    return err ? err : settle(self, c);
}

static void connection_stop(cadre_self *self, void *state, int reason)
{
    struct connection *c = state;
    queue_clear(self, &c->queue);
    websocket_free(c);
    h2_free(self, c);
    parser_free(&c->parser);
    bytes_free(&c->pending);
    atomic_fetch_sub_explicit(&c->shared->connections, 1, memory_order_relaxed);
}

const cadre_class connection_class = {.name = "cadre_http_connection",
                                      .state_size = sizeof(struct connection),
                                      .start = connection_start,
                                      .receive = connection_receive,
                                      .stop = connection_stop};
