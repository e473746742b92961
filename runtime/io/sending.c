/* sending.c: what a connection sends, its loop's side. */
#include "io/stream.h"

#include <errno.h>

enum { LINGER_MS = 5000, AT_ONCE_MAX = 1 << 20 };

void sending_count(struct stream *s, size_t n)
{
    store_release(&s->sent, load_relaxed(&s->sent) + n); /* for the owner's look */
}

void sending_look_at_mark(struct stream *s)
{
    uint64_t mark = load_acquire(&s->mark); /* the owner's */
    if (mark <= s->told || load_relaxed(&s->sent) < mark)
        return;
    s->told = mark;
    handle_ring(&s->h, NEWS_WROTE);
}

static void advance(struct stream *s, size_t n)
{
    sending_count(s, n);
    s->active = uv_now(&s->h.shard->loop);
    outgoing_advance(&s->outgoing, s->h.port.world, n);
    sending_look_at_mark(s);
}

/* What is wrong with it, reading and writing say. */
static void on_shut_down(uv_shutdown_t *shutdown, int status) {}

static void shut_down(struct stream *s)
{
    if (s->is_written)
        stream_end(s, 0, WITH_END);
    else if (!s->is_plain && !s->did_shut_down)
        s->did_shut_down = uv_shutdown(&s->shutdown, &s->uv.any, on_shut_down) == 0;
}

/* Closed with something unread, or that comes yet, the kernel sends a reset, and throws
 * away what the peer has not got of what was sent. So it tells the peer that this is all,
 * and reads until the peer closes, too: not for ever. */
static void linger(struct stream *s)
{
    s->lingers = !s->eof && !s->is_read && !s->is_plain && s->close_ms > 0;
    if (s->lingers)
        shut_down(s);
    if (s->lingers && s->did_shut_down)
        stream_set_deadline(s, stream_time_after(s, LINGER_MS));
    else
        stream_end(s, 0, WITH_END);
}

/* Nothing waits to be sent. */
void sending_is_done(struct stream *s)
{
    if (s->closes && !s->lingers)
        linger(s);
    else if (s->shuts_down)
        shut_down(s);
}

void sending_wrote(struct stream *s, ssize_t sent)
{
    s->writing = false;
    if (s->ending && s->pump && sent > 0)
        sending_count(s, (size_t)sent);
    if (s->ending)
        return; /* else it has been counted */
    if (sent >= 0) {
        advance(s, (size_t)sent);
        sending_go_on(s);
    } else {
        stream_end(s, (int)sent, WITH_END);
    }
}

static void on_wrote(uv_write_t *write, int status)
{
    struct stream *s = write->data;
    sending_wrote(s, status ? status : (ssize_t)s->asked);
}

static ssize_t send_parcel(struct stream *s, const uv_buf_t *bufs, unsigned n)
{
    ssize_t sent = parcels_send(s->parcels, s->outgoing.first->parcel, bufs, n);
    if (sent > 0)
        outgoing_drop_parcel(&s->outgoing, s->h.port.world);
    return sent;
}

static void on_room(uv_poll_t *room, int status, int events)
{
    struct stream *s = room->data;
    (void)uv_poll_stop(room);
    s->writing = false;
    sending_go_on(s);
}

/* libuv would write without the parcel. */
static void wait_for_room(struct stream *s)
{
    s->asked = 0;
    int err = uv_poll_start(&s->parcels->room, UV_WRITABLE, on_room);
    s->writing = err == 0;
    if (err)
        stream_end(s, err, WITH_END);
}

static ssize_t send_file(struct stream *s, size_t *sum)
{
    uv_os_fd_t fd;
    int err = uv_fileno((uv_handle_t *)&s->uv.any, &fd);
    return err ? err : outgoing_send_file(&s->outgoing, fd, sum);
}

/* The next of them, *sum bytes. Returns how many the system has taken, or an error. */
static ssize_t send_next(struct stream *s, size_t *sum)
{
    uv_buf_t bufs[OUTGOING_PIECES];
    if (outgoing_is_file(&s->outgoing))
        return send_file(s, sum);
    unsigned n = outgoing_gather(&s->outgoing, bufs, OUTGOING_AT_ONCE, sum);
    return s->outgoing.first->parcel ? send_parcel(s, bufs, n)
                                     : uv_try_write(&s->uv.any, bufs, n);
}

/* libuv waits for room with bytes only. Returns 0 or an error. */
static int copy_file(struct stream *s)
{
    return outgoing_is_file(&s->outgoing)
               ? outgoing_copy_file(&s->outgoing, s->h.port.world)
               : 0;
}

/* Not for ever, where a file is large and its reader quick: the rest is libuv's, in the
 * loop's next turn. False: it has ended. */
static bool send_at_once(struct stream *s)
{
    ssize_t sent = 0;
    size_t all = 0;
    for (size_t sum = 0;
         s->outgoing.first && sent == (ssize_t)sum && all < AT_ONCE_MAX;) {
        sent = send_next(s, &sum);
        if (sent > 0)
            advance(s, (size_t)sent);
        all += sent > 0 ? (size_t)sent : 0;
    }
    if (sent >= 0 || sent == UV_EAGAIN)
        sent = copy_file(s);
    if (sent < 0)
        stream_end(s, (int)sent, WITH_END);
    return sent >= 0;
}

static_assert((int)PUMP_PIECES == (int)OUTGOING_PIECES, "all of them fit");

static void have_pump_write(struct stream *s, const uv_buf_t *bufs, unsigned n)
{
    struct iovec pieces[OUTGOING_PIECES];
    for (unsigned i = 0; i < n; i++)
        pieces[i] = (struct iovec){bufs[i].base, bufs[i].len};
    s->writing = true;
    s->open++;
    pump_write(s->pump, pieces, n);
}

void sending_go_on(struct stream *s)
{
    uv_buf_t bufs[OUTGOING_PIECES];
    if (!s->connected || s->writing || s->ending)
        return;
    if (!s->pump && !send_at_once(s))
        return;
    unsigned n = outgoing_gather(
        &s->outgoing, bufs, s->pump ? OUTGOING_AT_ONCE : OUTGOING_WAITS, &s->asked);
    if (n == 0) {
        sending_is_done(s);
        return;
    }
    if (s->pump) {
        have_pump_write(s, bufs, n);
        return;
    }
    if (s->outgoing.first->parcel) {
        wait_for_room(s);
        return;
    }
    s->write.data = s;
    int err = uv_write(&s->write, &s->uv.any, bufs, n, on_wrote);
    s->writing = err == 0;
    if (err)
        stream_end(s, err, WITH_END);
}
