/* websocket.c: a connection that has become a WebSocket.
 *
 * wslay reads and writes the frames. A message that has come is asked of the session, one
 * at a time, and while there are any, or what is to be sent finds no room, nothing more
 * is given to wslay: so what waits here, pongs too, is what came in one gulp of it. */
#include "connection.h"
#include "frames.h"
#include "websocket.h"

#include <cadre/shutdown.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <errno.h>
#include <string.h>

enum { GRACE_S = 30, WINDOW = 1 << 16 };

static const cadre_type silence_type = {.name = "http_silence"};

static struct websocket *of(const struct connection *c)
{
    return (struct websocket *)(void *)cadre_buf_data(c->websocket);
}

/* ---- the session ------------------------------------------------------------------ */

/* The next message, if it is done with the last. */
static int ask_session(cadre_self *self, struct websocket *w)
{
    cadre_websocket_message message;
    if (w->token.id || w->inbox.size == 0 || w->is_over)
        return 0;
    memcpy(&message, bytes_at(&w->inbox), sizeof message);
    bytes_remove_first(&w->inbox, sizeof message);
    return cadre_ask_as(self, &w->token, w->session, CADRE_NEVER,
                        &cadre_websocket_message_type, &message);
}

static void free_inbox(struct websocket *w)
{
    for (size_t i = 0; i < w->inbox.size; i += sizeof(cadre_websocket_message))
        cadre_websocket_message_type.drop(bytes_at(&w->inbox) + i);
    bytes_free(&w->inbox);
}

static void tell_over(cadre_self *self, struct websocket *w, uint16_t code)
{
    if (!w->is_over)
        (void)cadre_send(self, w->session, cadre_websocket_close, .code = code);
    w->is_over = true;
}

/* ---- out -------------------------------------------------------------------------- */

/* Who waits for room is answered when all has found it. */
static void tell_sent(cadre_self *self, struct websocket *w)
{
    if (wslay_event_want_write(w->frames))
        return;
    cadre_promise promise;
    for (size_t i = 0; i < w->waiting.size; i += sizeof promise) {
        memcpy(&promise, bytes_at(&w->waiting) + i, sizeof promise);
        (void)cadre_answer(self, promise, cadre_websocket_sent, 0);
    }
    bytes_free(&w->waiting);
}

/* Whoever only sends is not told; so where it is too much it ends. */
static int on_sent(struct websocket *w, const cadre_msg *m)
{
    int err = frames_queue(w, m->body);
    if (err == CADRE_EFULL)
        frames_close(w, WSLAY_CODE_POLICY_VIOLATION);
    return err == -ENOMEM ? err : 0;
}

static int on_asked(cadre_self *self, struct websocket *w, const cadre_msg *m)
{
    cadre_promise promise;
    int err = frames_queue(w, m->body);
    if (!err)
        err = bytes_reserve(&w->waiting, sizeof promise);
    if (!err)
        err = cadre_defer(self, m, &promise);
    if (err)
        return cadre_reply(self, m, cadre_failure, .code = err);
    bytes_put(&w->waiting, &promise, sizeof promise);
    return 0;
}

/* ---- what follows ----------------------------------------------------------------- */

/* Nothing is said any more; what was is sent yet. */
static void close_stream(cadre_self *self, struct connection *c)
{
    if (!c->closed)
        (void)cadre_stream_close(self, c->stream, GRACE_S * CADRE_SECOND);
    c->closed = true;
}

static uint16_t code_of(const struct websocket *w)
{
    return wslay_event_get_close_received(w->frames)
               ? wslay_event_get_status_code_received(w->frames)
               : wslay_event_get_status_code_sent(w->frames);
}

static int read_on(cadre_self *self, struct connection *c)
{
    struct websocket *w = of(c);
    w->at = bytes_at(&c->pending);
    w->size = c->pending.size;
    int err = 0;
    bool reads = w->inbox.size == 0 && !wslay_event_want_write(w->frames);
    if (reads && wslay_event_recv(w->frames)) {
        wslay_event_shutdown_read(w->frames); /* it has queued a close */
        err = wslay_event_want_write(w->frames) ? 0 : -EPROTO;
    }
    bytes_remove_first(&c->pending, c->pending.size - w->size);
    if (!wslay_event_get_read_enabled(w->frames))
        bytes_free(&c->pending);
    bool holds = c->pending.size > 0;
    if (!err && holds != c->holds && !c->closed)
        err = cadre_stream_window(self, c->stream, holds ? 0 : WINDOW);
    c->holds = holds;
    return err;
}

static int settle(cadre_self *self, struct connection *c)
{
    struct websocket *w = of(c);
    if (c->closed)
        return 0;
    w->self = self;
    int err = wslay_event_send(w->frames);
    if (!err)
        err = read_on(self, c);
    if (!err)
        err = ask_session(self, w);
    if (!err)
        err = wslay_event_send(w->frames);
    if (err) {
        (void)cadre_stream_abort(self, c->stream);
        c->closed = true;
        return 0;
    }
    tell_sent(self, w);
    bool is_told = wslay_event_get_close_sent(w->frames);
    if (is_told && wslay_event_get_close_received(w->frames) && w->inbox.size == 0 &&
        !w->token.id)
        tell_over(self, w, code_of(w));
    if (is_told)
        close_stream(self, c);
    return 0;
}

/* ---- messages --------------------------------------------------------------------- */

static int on_data(struct connection *c, const cadre_stream_data *data)
{
    of(c)->is_heard = true;
    of(c)->is_pinged = false;
    return c->closed ? 0
                     : bytes_append(&c->pending, cadre_buf_data(data->buf),
                                    cadre_buf_size(data->buf));
}

static int on_done(struct websocket *w, const cadre_msg *m)
{
    const cadre_websocket_message *answer = cadre_body(m, cadre_websocket_message);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    w->token.id = 0;
    int err = answer ? on_sent(w, m) : 0;
    if (failure && failure->code == CADRE_EDEAD)
        free_inbox(w); /* cadre_down follows */
    return err;
}

static void on_down(struct websocket *w, const cadre_down *down)
{
    if (!cadre_same(down->who, w->session))
        return;
    w->is_over = true;
    frames_close(w, down->reason ? WSLAY_CODE_INTERNAL_SERVER_ERROR
                                 : WSLAY_CODE_NORMAL_CLOSURE);
}

/* Does it wait to be sent, and nothing was since the last look at it? */
static bool is_stuck(cadre_self *self, struct connection *c)
{
    size_t unsent = cadre_stream_unsent(self, c->stream);
    uint64_t sent = c->queue.written - unsent, before = c->sent;
    c->sent = sent;
    return unsent > 0 && sent == before;
}

/* Whoever says nothing has to answer a ping, and whoever talks has to listen. */
static void on_silence(cadre_self *self, struct connection *c)
{
    static const struct wslay_event_msg ping = {.opcode = WSLAY_PING};
    struct websocket *w = of(c);
    bool is_heard = w->is_heard,
         cuts = is_stuck(self, c) || (!is_heard && w->is_pinged);
    w->is_heard = false;
    if (c->closed)
        return;
    if (cuts) {
        (void)cadre_stream_abort(self, c->stream);
        c->closed = true;
    } else if (!is_heard) {
        w->is_pinged = true;
        (void)wslay_event_queue_msg(w->frames, &ping);
    }
}

/* Set aside it holds up the draining, until the connection has gone. */
static int on_closing(cadre_self *self, struct connection *c, cadre_msg *m)
{
    if (c->gone)
        return CADRE_STOP;
    c->closing = true;
    frames_close(of(c), WSLAY_CODE_GOING_AWAY);
    int err = cadre_stash(self, m);
    return err ? err : settle(self, c);
}

static int on_gone(cadre_self *self, struct connection *c)
{
    c->gone = c->closed = true;
    tell_over(self, of(c), code_of(of(c)));
    if (!c->closing)
        return CADRE_STOP;
    cadre_unstash(self);
    return 0;
}

static int on_other(cadre_self *self, struct connection *c, cadre_msg *m)
{
    struct websocket *w = of(c);
    const cadre_websocket_close *close = cadre_body(m, cadre_websocket_close);
    const cadre_down *down = cadre_body(m, cadre_down);
    if (m->token.id && m->token.id == w->token.id)
        return on_done(w, m);
    if (m->type == &cadre_websocket_message_type)
        return m->token.id ? on_asked(self, w, m) : on_sent(w, m);
    if (m->type == &silence_type)
        on_silence(self, c);
    else if (m->type == &cadre_child_down_type)
        dispatch_desk_down(self, &c->desk);
    else if (m->type == &cadre_stream_ended_type)
        close_stream(self, c);
    else if (close)
        frames_close(w, close->code ? close->code : WSLAY_CODE_NORMAL_CLOSURE);
    else if (down)
        on_down(w, down);
    return 0; /* others are of the time before */
}

static int websocket_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct connection *c = state;
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    if (m->type == &cadre_stream_closed_type)
        return on_gone(self, c);
    if (m->type == &cadre_closing_type)
        return on_closing(self, c, m);
    int err = data ? on_data(c, data) : on_other(self, c, m);
    return err ? err : settle(self, c);
}

/* ---- the beginning and the end ---------------------------------------------------- */

int websocket_begin(cadre_self *self, struct connection *c, cadre_ref session)
{
    c->websocket = cadre_buf_new(NULL, sizeof(struct websocket));
    if (!c->websocket)
        return -ENOMEM;
    struct websocket *w = of(c);
    w->connection = c;
    w->session = session;
    if (frames_init(w, c->shared->limits.body))
        return -ENOMEM;
    cadre_become(self, websocket_receive);
    (void)cadre_cancel(self, c->timer);
    int err = cadre_watch(self, NULL, session);
    if (!err)
        err = cadre_every_as(self, NULL, c->shared->limits.idle, &silence_type, NULL);
    if (!err)
        err =
            cadre_send(self, session, cadre_websocket_opened, .socket = cadre_me(self));
    if (c->closing)
        frames_close(w, WSLAY_CODE_GOING_AWAY);
    return err ? err : settle(self, c);
}

void websocket_free(struct connection *c)
{
    if (!c->websocket)
        return;
    struct websocket *w = of(c);
    free_inbox(w);
    bytes_free(&w->coming);
    bytes_free(&w->waiting);
    wslay_event_context_free(w->frames);
    cadre_buf_unref(c->websocket);
}
