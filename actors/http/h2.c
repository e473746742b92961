/* h2.c: a connection of HTTP/2.
 *
 * It goes on as connection.c does: each message changes something, then settle() does
 * what follows from it. There is one timer, which rings at least once in the shortest of
 * the limits: so whatever is to be done in time is seen to in time, and nothing is set
 * anew for each stream. */
#include "h2.h"

#include "h2_session.h"

#include <cadre/shutdown.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

#include <errno.h>

enum { HOLD = 1 << 16, GRACE_S = 30 };

static const cadre_type due_type = {.name = "http2_due"};
/* What a request for a piece makes possible is done for nobody's sake. */
typedef struct go_on {
    uint64_t id; /* of the stream */
} go_on;
static const cadre_type go_on_type = {.name = "http2_go_on", .size = sizeof(go_on)};

const bool h2_is_there = true;

static struct h2 *of(const struct connection *c)
{
    return (struct h2 *)(void *)cadre_buf_data(c->h2);
}

static struct h2_stream *stream_at(struct ring *ring)
{
    return RING_OF(ring, struct h2_stream, ring);
}

/* ---- the end ---------------------------------------------------------------------- */

static void finish(struct h2 *h)
{
    while (!ring_is_empty(&h->streams))
        h2_stream_end(h, stream_at(h->streams.next));
    bytes_free(&h->connection->pending);
    bytes_free(&h->wire.out);
}

static void close_now(struct h2 *h)
{
    struct connection *c = h->connection;
    finish(h);
    c->closed = true;
    (void)cadre_stream_close(h->wire.self, c->stream, GRACE_S * CADRE_SECOND);
}

static void abort_now(struct h2 *h)
{
    close_now(h);
    (void)cadre_stream_abort(h->wire.self, h->connection->stream);
}

/* Neither side has anything to say any more. */
static bool is_over(const struct h2 *h)
{
    return h->wire.out.size == 0 && !nghttp2_session_want_read(h->wire.session) &&
           !nghttp2_session_want_write(h->wire.session);
}

static void close_when_sent(struct h2 *h)
{
    cadre_stream stream = h->connection->stream;
    finish(h);
    if (cadre_stream_unsent(h->wire.self, stream) == 0)
        close_now(h);
    else if (cadre_stream_flush(h->wire.self, stream))
        abort_now(h);
}

/* ---- bytes ------------------------------------------------------------------------ */

/* What is no HTTP/2 nghttp2 answers by itself; an error is one that it cannot. */
static int read_bytes(struct h2 *h, const void *at, size_t size)
{
    return nghttp2_session_mem_recv(h->wire.session, at, size) < 0 ? -EPROTO : 0;
}

static int read_pending(struct h2 *h)
{
    struct connection *c = h->connection;
    struct bytes pending = c->pending;
    c->pending = (struct bytes){0};
    int err = read_bytes(h, bytes_at(&pending), pending.size);
    bytes_free(&pending);
    return err;
}

/* What has come and cannot be read is not to become more. */
static int hold(struct h2 *h)
{
    struct connection *c = h->connection;
    bool holds = c->pending.size > 0;
    if (holds == c->holds)
        return 0;
    c->holds = holds;
    return cadre_stream_window(h->wire.self, c->stream, holds ? 0 : HOLD);
}

/* ---- time ------------------------------------------------------------------------- */

static cadre_time sooner(cadre_time a, cadre_time b) { return a < b ? a : b; }

/* When the client has to have done something about it; CADRE_NEVER: it has not. */
static cadre_time stream_due(const struct h2_stream *s, const cadre_http_limits *limits)
{
    bool sends = s->is_answered && !pieces_are_awaited(&s->out.pieces);
    bool reads =
        !s->is_whole && !s->is_dropped && (!s->upload.is_on || s->upload.is_asked);
    cadre_time due = sends ? s->out.since + limits->idle : CADRE_NEVER;
    return reads ? sooner(due, s->out.since + limits->read) : due;
}

/* Of a client that takes nothing nothing is read, either: see is_deaf(). */
static void on_stream_due(struct h2 *h, struct h2_stream *s)
{
    if (!s->is_answered && !h->wire.is_stuck)
        h2_stream_refuse(h, s, 408, -ETIMEDOUT);
    else if (s->is_answered &&
             cadre_stream_unsent(h->wire.self, h->connection->stream) == 0)
        h2_reset(&h->wire, s->out.id, NGHTTP2_CANCEL);
    s->out.since =
        cadre_now(h->wire.self); /* it waits for others, and these have their time */
}

/* The same of whoever reads the upload. */
static cadre_time reader_due(const struct h2_stream *s)
{
    return s->entry.token.id && s->entry.due ? s->entry.due : CADRE_NEVER;
}

/* Returns when the next of them is due. */
static cadre_time look_at_streams(struct h2 *h, cadre_time now)
{
    const cadre_http_limits *limits = &h->connection->shared->limits;
    cadre_time next = CADRE_NEVER;
    for (struct ring *r = h->streams.next; r != &h->streams; r = r->next) {
        struct h2_stream *s = stream_at(r);
        if (reader_due(s) <= now)
            h2_stream_refuse(h, s, 504, -ETIMEDOUT);
        if (stream_due(s, limits) <= now)
            on_stream_due(h, s);
        next = sooner(next, sooner(stream_due(s, limits), reader_due(s)));
    }
    return next;
}

/* Has the client taken nothing for too long? */
static bool is_deaf(struct h2 *h, cadre_time now)
{
    struct connection *c = h->connection;
    size_t unsent = cadre_stream_unsent(h->wire.self, c->stream);
    uint64_t sent = h->wire.written - unsent;
    if (unsent == 0 || sent != c->sent)
        h->moved = now;
    c->sent = sent;
    return now - h->moved >= c->shared->limits.idle;
}

/* Who still gets something is not idle, and whose head is not read is not late with it:
 * of these the above is all that is asked. */
static void excuse(struct h2 *h, cadre_time now)
{
    struct connection *c = h->connection;
    if (cadre_stream_unsent(h->wire.self, c->stream) > 0)
        h->wire.active = now;
    if (h->wire.is_stuck && h->head_since)
        h->head_since = now;
}

/* What is due is so once: a time that has passed would ring again and again. */
static cadre_time look_at_connection(struct h2 *h, cadre_time now)
{
    const cadre_http_limits *limits = &h->connection->shared->limits;
    excuse(h, now);
    cadre_time head = h->head_since ? h->head_since + limits->read : CADRE_NEVER;
    cadre_time idle = ring_is_empty(&h->streams) && !h->head_since
                          ? h->wire.active + limits->idle
                          : CADRE_NEVER;
    if (is_deaf(h, now))
        abort_now(h);
    else if (head <= now)
        (void)nghttp2_session_terminate_session(h->wire.session,
                                                NGHTTP2_ENHANCE_YOUR_CALM);
    else if (idle <= now)
        (void)nghttp2_session_terminate_session(h->wire.session, NGHTTP2_NO_ERROR);
    cadre_time due = sooner(sooner(head, idle), h->moved + limits->idle);
    return due > now ? due : CADRE_NEVER;
}

static cadre_time shortest(const struct shared *shared)
{
    cadre_time limit = sooner(shared->limits.read, shared->limits.idle);
    return shared->uploads ? sooner(limit, shared->limits.answer) : limit;
}

static int set_timer(struct h2 *h, cadre_time due)
{
    struct connection *c = h->connection;
    cadre_time now = cadre_now(h->wire.self);
    due = sooner(due, now + shortest(c->shared));
    c->timer_at = due;
    return cadre_after_as(h->wire.self, &c->timer, due > now ? due - now : 1, &due_type,
                          NULL);
}

static int on_due(struct h2 *h)
{
    cadre_time now = cadre_now(h->wire.self);
    cadre_time due = look_at_streams(h, now);
    due = sooner(due, look_at_connection(h, now));
    return set_timer(h, due);
}

/* ---- what follows ----------------------------------------------------------------- */

/* Writing makes room for reading, and what is read may be answered at once. */
static int settle(struct h2 *h)
{
    struct connection *c = h->connection;
    if (c->closed)
        return 0;
    int err = h2_wire_write(&h->wire);
    while (!err && !h->wire.is_stuck && c->pending.size > 0) {
        err = read_pending(h);
        if (!err)
            err = h2_wire_write(&h->wire);
    }
    if (!err && is_over(h))
        close_when_sent(h);
    if (!err && !c->closed)
        err = hold(h);
    if (err)
        abort_now(h);
    return 0;
}

/* ---- messages --------------------------------------------------------------------- */

static int on_data(struct h2 *h, const cadre_stream_data *data)
{
    struct connection *c = h->connection;
    const void *at = cadre_buf_data(data->buf);
    size_t size = cadre_buf_size(data->buf);
    if (c->closed)
        return 0;
    if (h->wire.is_stuck || c->pending.size > 0)
        return bytes_append(&c->pending, at, size);
    if (read_bytes(h, at, size))
        abort_now(h);
    return 0;
}

/* Of one that has gone we do not know any more whether it was whole. */
static int on_more(struct h2 *h, const cadre_msg *m)
{
    uint64_t key = ((const cadre_http_more *)m->body)->key;
    struct h2_stream *s = h2_stream_of(h, key);
    if (!s && m->token.id)
        return cadre_reply(h->wire.self, m, cadre_failure, .code = -ECONNRESET);
    if (!s || !upload_more(h->wire.self, &s->upload, m))
        return 0;
    s->out.since = cadre_now(h->wire.self);
    s->entry.due = 0;
    return cadre_send(h->wire.self, cadre_me(h->wire.self), go_on, .id = key);
}

static void on_go_on(struct h2 *h, uint64_t id)
{
    struct h2_stream *s = h2_stream_of(h, id);
    if (s)
        h2_stream_feed(h, s);
}

static struct h2_stream *find_desk(struct ring *ring, cadre_ref desk)
{
    for (struct ring *r = ring->next; r != ring; r = r->next)
        if (cadre_same(stream_at(r)->desk, desk))
            return stream_at(r);
    return NULL;
}

static void on_desk_down(struct h2 *h, cadre_ref desk)
{
    struct h2_stream *s = find_desk(&h->streams, desk);
    s = s ? s : find_desk(&h->resting, desk);
    if (s)
        dispatch_desk_down(h->wire.self, &s->desk);
}

static void on_outcome(struct h2 *h, const cadre_msg *m)
{
    for (struct ring *r = h->streams.next; m->token.id && r != &h->streams;
         r = r->next) {
        struct h2_stream *s = stream_at(r);
        if (s->entry.token.id == m->token.id) {
            entry_outcome(&s->entry, h->connection->shared, m);
            h2_stream_answer(h, s);
            return;
        }
        if (h2_body_piece(&h->wire, &s->out, m))
            return;
    }
}

/* Set aside it holds up the draining, until the connection has gone. */
static int on_closing(struct h2 *h, cadre_msg *m)
{
    struct connection *c = h->connection;
    if (c->gone)
        return CADRE_STOP;
    c->closing = true;
    h2_leave(h);
    int err = cadre_stash(h->wire.self, m);
    return err ? err : settle(h);
}

static int on_gone(struct h2 *h)
{
    struct connection *c = h->connection;
    c->gone = c->closed = true;
    finish(h); /* sources are told before what is below here ends */
    if (!c->closing)
        return CADRE_STOP;
    cadre_unstash(h->wire.self);
    return 0;
}

static int h2_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct connection *c = state;
    struct h2 *h = of(c);
    const cadre_stream_data *data = cadre_body(m, cadre_stream_data);
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    const go_on *more = cadre_body(m, go_on);
    int err = 0;
    h->wire.self = self;
    if (m->type == &cadre_stream_closed_type)
        return on_gone(h);
    if (m->type == &cadre_closing_type)
        return on_closing(h, m);
    if (m->type == &cadre_http_more_type)
        return on_more(h, m);
    if (c->closed)
        return 0;
    if (data)
        err = on_data(h, data);
    else if (m->type == &cadre_stream_ended_type)
        close_now(h); /* a client has no reason to say no more but that it goes */
    else if (m->type == &cadre_stream_wrote_type)
        h->wire.is_stuck = false;
    else if (m->type == &due_type)
        err = on_due(h);
    else if (more)
        on_go_on(h, more->id);
    else if (down)
        on_desk_down(h, down->child);
    else
        on_outcome(h, m);
    return err ? err : settle(h);
}

/* ---- the beginning and the end ---------------------------------------------------- */

static int make(cadre_self *self, struct connection *c)
{
    c->h2 = cadre_buf_new(NULL, sizeof(struct h2));
    if (!c->h2)
        return -ENOMEM;
    struct h2 *h = of(c);
    *h = (struct h2){.wire = {.self = self, .stream = c->stream},
                     .connection = c,
                     .moved = cadre_now(self)};
    h->last = INT32_MAX;
    ring_init(&h->streams);
    ring_init(&h->resting);
    return h2_session_init(h);
}

int h2_begin(cadre_self *self, struct connection *c)
{
    int err = make(self, c);
    if (err)
        return err;
    struct h2 *h = of(c);
    cadre_become(self, h2_receive);
    (void)cadre_cancel(self, c->timer);
    err = set_timer(h, CADRE_NEVER);
    if (!err && read_pending(h))
        abort_now(h);
    if (!err && c->closing)
        h2_leave(h);
    return err ? err : settle(h);
}

void h2_free(cadre_self *self, struct connection *c)
{
    if (!c->h2)
        return;
    struct h2 *h = of(c);
    h->wire.self = self;
    finish(h);
    while (!ring_is_empty(&h->resting)) {
        struct h2_stream *s = stream_at(h->resting.next);
        ring_remove(&s->ring);
        h2_stream_free(s);
    }
    h2_head_free(&h->head);
    h2_wire_free(&h->wire);
    cadre_buf_unref(c->h2);
}
