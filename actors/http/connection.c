/* connection.c: an actor that reads requests from a connection and writes the answers.
 *
 * Each message changes something, then settle() does whatever follows from it: write what
 * is answered, read on where there is room, close, and look what is waited for. There is
 * one timer, which is not set anew for each request: when it rings too early it is set
 * for the rest. */
#include "connection.h"

#include "routes.h"

#include <cadre/shutdown.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

#include <errno.h>
#include <string.h>

enum { WINDOW = 1 << 16, GRACE_S = 30, ALLOW_SIZE = 128, LONG = 1 << 16 };

static const cadre_type due_type = {.name = "http_due"};

/* ---- a request -------------------------------------------------------------------- */

/* It is kept: what waits for one that fails is the next one's. */
static int find_desk(cadre_self *self, struct connection *c)
{
    const cadre_http_desk desk = {.context = c->shared->context};
    const cadre_opts opts = {.keep = true, .mail = CADRE_MAIL_KEEP};
    return c->desk.id ? 0 : cadre_spawn_with(self, &c->desk, &desk_class, &desk, &opts);
}

static void on_desk_down(cadre_self *self, struct connection *c)
{
    if (cadre_restart(self, c->desk) == 0)
        return;
    (void)cadre_release(self, c->desk); /* without memory: what waits is answered 500 */
    c->desk.id = 0;
}

/* Whom to ask: id 0, and then nobody; it is answered. */
static cadre_ref find_receiver(cadre_self *self, struct connection *c, struct entry *e,
                               cadre_http_request *r)
{
    char allow[ALLOW_SIZE];
    const cadre_http_field fields[] = {{"Allow", allow}, {0}};
    const cadre_ref nobody = {0};
    bool is_path;
    r->route = routes_find(c->shared->routes, r, &is_path);
    if (r->route) {
        int err = find_desk(self, c);
        if (err)
            queue_answer(e, 503, NULL);
        return err ? nobody : c->desk;
    }
    if (is_path) {
        routes_allow(c->shared->routes, r, allow, sizeof allow);
        queue_answer(e, 405, fields);
    } else if (!c->shared->to.id) {
        queue_answer(e, 404, NULL);
    }
    return is_path ? nobody : c->shared->to;
}

static void on_request(cadre_self *self, struct connection *c)
{
    cadre_http_request r = c->parser.request;
    const struct wire_manner manner = {.closes = !c->parser.keeps,
                                       .http10 = c->parser.framing.http10,
                                       .is_head = cadre_http_is(r.method, "HEAD")};
    c->parser.request = (cadre_http_request){0};
    c->read_due = 0;
    c->continues = false;
    c->no_more = manner.closes || c->closing;
    struct entry *e = queue_add(&c->queue, manner);
    cadre_ref to = find_receiver(self, c, e, &r);
    if (to.id)
        queue_ask(self, &c->queue, e, to, &r);
    else
        cadre_http_request_type.drop(&r);
}

static void refuse(struct connection *c, int status)
{
    struct entry *e = queue_add(&c->queue, (struct wire_manner){.closes = true});
    queue_answer(e, status, NULL);
    c->no_more = true;
    c->read_due = 0;
    c->continues = false;
}

/* ---- reading ---------------------------------------------------------------------- */

/* Returns how many of these bytes are read. */
static size_t read_bytes(cadre_self *self, struct connection *c, const char *at,
                         size_t size)
{
    size_t used, sum = 0;
    while (!c->no_more && !queue_is_full(&c->queue)) {
        int event = parser_next(&c->parser, at + sum, size - sum, &used);
        sum += used;
        if (event == PARSER_MORE)
            break;
        if (event == PARSER_END)
            on_request(self, c);
        else if (event != PARSER_HEAD)
            refuse(c, event);
        else if (c->parser.framing.expects && !c->parser.is_over)
            c->continues = sum == size;
        if (event == PARSER_HEAD)
            c->read_due = 0; /* the body has a time of its own */
    }
    return c->no_more ? size : sum;
}

static int on_data(cadre_self *self, struct connection *c, const cadre_stream_data *d)
{
    const char *at = (const char *)cadre_buf_data(d->buf);
    size_t size = cadre_buf_size(d->buf), used = 0;
    if (c->pending.size == 0)
        used = read_bytes(self, c, at, size);
    else if (c->no_more)
        used = size;
    return used == size ? 0 : bytes_append(&c->pending, at + used, size - used);
}

static void read_on(cadre_self *self, struct connection *c)
{
    size_t used = read_bytes(self, c, bytes_at(&c->pending), c->pending.size);
    bytes_remove_first(&c->pending, used);
}

/* ---- what follows from it --------------------------------------------------------- */

/* Nothing is read or answered any more; what was written is sent yet. */
static void finish(cadre_self *self, struct connection *c)
{
    queue_clear(self, &c->queue);
    c->no_more = true;
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
    bool holds = (is_stuck || queue_is_full(&c->queue)) && c->pending.size > 0;
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

static int write_on(cadre_self *self, struct connection *c)
{
    uint64_t before = c->queue.written;
    int err = queue_write(self, &c->queue, c->stream, is_last(c));
    uint64_t more = c->queue.written - before;
    if (more > 0)
        c->active = cadre_now(self);
    if (!err && c->queue.count == 0 && more > LONG) /* when is it sent? */
        err = cadre_stream_flush(self, c->stream);
    if (!err && c->continues && c->queue.count == 0) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        err = cadre_stream_write(self, c->stream, go_on, sizeof go_on - 1);
        c->continues = err != 0;
    }
    return err;
}

/* When somebody has to have done something; CADRE_NEVER: nobody has to. */
static cadre_time find_due(cadre_self *self, struct connection *c)
{
    if (!is_within(c) || c->holds || c->continues)
        c->read_due = 0;
    else if (!c->read_due)
        c->read_due = cadre_now(self) + c->shared->limits.read;
    if (c->read_due)
        return c->read_due;
    return c->queue.count == 0 || queue_is_stuck(&c->queue)
               ? c->active + c->shared->limits.idle
               : CADRE_NEVER;
}

static int set_timer(cadre_self *self, struct connection *c)
{
    cadre_time due = find_due(self, c), now = cadre_now(self);
    if (due == CADRE_NEVER || (c->timer_at && c->timer_at <= due))
        return 0;
    if (c->timer_at)
        (void)cadre_cancel(self, c->timer);
    c->timer_at = due;
    return cadre_after_as(self, &c->timer, due > now ? due - now : 0, &due_type, NULL);
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
            read_on(self, c);
        if (!err && c->ended && !queue_is_full(&c->queue))
            c->no_more = true; /* what is left is the beginning of one */
    } while (!err && c->queue.count != count);
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

static void on_due(cadre_self *self, struct connection *c)
{
    cadre_time now = cadre_now(self);
    c->timer_at = 0;
    if (c->closed || find_due(self, c) > now)
        return;
    if (c->read_due)
        refuse(c, 408);
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
    parser_init(&c->parser, &c->shared->limits);
    c->queue.shared = c->shared;
    atomic_fetch_add_explicit(&c->shared->connections, 1, memory_order_relaxed);
    return 0;
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
    if (data && !c->no_more) {
        err = on_data(self, c, data);
    } else if (opened) {
        c->stream = opened->stream;
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
        on_desk_down(self, c);
    } else {
        queue_outcome(&c->queue, m);
    }
    return err ? err : settle(self, c);
}

static void connection_stop(cadre_self *self, void *state, int reason)
{
    struct connection *c = state;
    queue_clear(self, &c->queue);
    parser_free(&c->parser);
    bytes_free(&c->pending);
    atomic_fetch_sub_explicit(&c->shared->connections, 1, memory_order_relaxed);
}

const cadre_class connection_class = {.name = "cadre_http_connection",
                                      .state_size = sizeof(struct connection),
                                      .start = connection_start,
                                      .receive = connection_receive,
                                      .stop = connection_stop};
