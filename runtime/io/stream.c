/* stream.c: a connection, its loop's side.
 *
 * All of it runs in the loop, and none of it calls a user's code: what has happened is
 * rung for, and the owner's turn makes messages of it (io/owner). */
#include "io/stream.h"

#include "base/panic.h"
#include "io/rawness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RETRY_MS = 10, LOOK_MS = 500 };

static uv_stream_t *uv(struct stream *s) { return &s->uv.any; }
static uint64_t now(struct stream *s) { return uv_now(&s->h.shard->loop); }

/* ---- the end --------------------------------------------------------------------- */

/* One uv handle, or the pump, is done with it. */
static void leave(struct stream *s)
{
    if (--s->open > 0)
        return;
    if (s->gate)
        gate_leave(s->gate, s->is_taken);
    handle_closed(&s->h);
}

static void on_closed(uv_handle_t *handle) { leave(handle->data); }

/* Whoever has it, too, finds it as it was. */
static void block_again(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

/* Also of what was shut down, which uv_tcp_close_reset() refuses. */
static void close_socket(struct stream *s, enum stream_manner manner)
{
    static const struct linger at_once = {1, 0};
    uv_os_fd_t fd;
    if (s->fd >= 0) /* it is not the handle's yet */
        close(s->fd);
    s->fd = -1;
    if (s->pump) /* which has its own */
        return;
    bool is_open = uv_fileno((uv_handle_t *)uv(s), &fd) == 0;
    if (is_open && manner == WITH_RESET && !s->is_plain)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (is_open && s->restores)
        block_again(fd);
    if (s->parcels && s->parcels->fd >= 0) {
        uv_close((uv_handle_t *)&s->parcels->room, on_closed);
        close(s->parcels->fd);
        s->parcels->fd = -1;
    }
    uv_close((uv_handle_t *)uv(s), on_closed);
}

void stream_end(struct stream *s, int reason, enum stream_manner manner)
{
    if (s->ending)
        return;
    s->ending = true;
    if (s->outgoing.first) /* the peer is to know that something is missing */
        manner = WITH_RESET;
    if (s->closes && s->fault)
        reason = s->fault;
    if (load_relaxed(&s->forgives) && (reason == -ECONNRESET || reason == -EPIPE))
        reason = 0;
    store_relaxed(&s->reason, reason); /* released by the ring that follows */
    if (s->writing && !s->pump)        /* some of it the system has */
        sending_count(s, s->asked - uv_stream_get_write_queue_size(uv(s)));
    if (s->has_timer)
        uv_close((uv_handle_t *)&s->timer, on_closed);
    close_socket(s, manner);
}

/* ---- time ------------------------------------------------------------------------ */

static void set_timer(struct stream *s);

/* Is it the owner's turn, not the peer's? */
static bool waits_for_owner(struct stream *s)
{
    bool is_held = !s->reading && !s->eof;
    return s->connected && !s->closes &&
           (is_held || load_acquire(&s->handled) != s->received); /* told's */
}

/* When it will have been idle for too long. */
static uint64_t idle_at(const struct stream *s)
{
    bool counts = s->connected && s->idle_ms && !s->lingers;
    return counts ? s->active + s->idle_ms : UINT64_MAX;
}

static void connect_again(struct stream *s);
static void look_who_reads(struct stream *s);

static void on_time(uv_timer_t *timer)
{
    struct stream *s = timer->data;
    if (waits_for_owner(s))
        s->active = now(s);
    if (s->lingers && now(s) >= s->deadline)
        stream_end(s, 0, WITH_END);
    else if (s->deadline && now(s) >= s->deadline)
        stream_end(s, -ETIMEDOUT, WITH_RESET);
    else if (now(s) >= idle_at(s))
        stream_end(s, -ETIMEDOUT, WITH_END);
    else if (s->retry_at)
        connect_again(s);
    else if (s->look_at && now(s) >= s->look_at)
        look_who_reads(s);
    else
        set_timer(s);
}

/* Until the deadline, or until nothing would have happened for too long. Activity does
 * not set it anew: it looks when it rings. */
static void set_timer(struct stream *s)
{
    uint64_t due = idle_at(s);
    if (s->deadline && s->deadline < due)
        due = s->deadline;
    if (s->retry_at && s->retry_at < due)
        due = s->retry_at;
    if (s->look_at && s->look_at < due)
        due = s->look_at;
    if (due == UINT64_MAX || s->ending)
        return;
    if (!s->has_timer) {
        (void)uv_timer_init(&s->h.shard->loop, &s->timer);
        s->timer.data = s;
        s->has_timer = true;
        s->open++;
    }
    (void)uv_timer_start(&s->timer, on_time, due > now(s) ? due - now(s) : 0, 0);
}

uint64_t stream_time_after(struct stream *s, uint64_t ms)
{
    return ms == UINT64_MAX ? 0 : now(s) + ms;
}

/* The earlier one counts. */
void stream_set_deadline(struct stream *s, uint64_t at)
{
    if (at && (!s->deadline || at < s->deadline))
        s->deadline = at;
    set_timer(s);
}

/* What there was one for has been done. */
static void lift_deadline(struct stream *s)
{
    s->deadline = s->close_at;
    if (s->has_timer)
        (void)uv_timer_stop(&s->timer);
    set_timer(s);
}

/* ---- it opens -------------------------------------------------------------------- */

static void note_addresses(struct stream *s)
{
    int size = sizeof s->local;
    (void)uv_tcp_getsockname(&s->uv.tcp, &s->local.any, &size);
    size = sizeof s->peer;
    (void)uv_tcp_getpeername(&s->uv.tcp, &s->peer.any, &size);
}

static void opened(struct stream *s)
{
    s->connected = true;
    s->active = now(s);
    if (!s->is_local)
        note_addresses(s);
    if (!s->is_local && !s->delay)
        (void)uv_tcp_nodelay(&s->uv.tcp, 1);
    if (s->greets)
        stream_set_deadline(s, stream_time_after(s, s->greet_ms));
    else
        lift_deadline(s);
    handle_ring(&s->h, NEWS_OPENED);
    receiving_go_on(s);
    sending_go_on(s);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct stream *s = connect->data;
    if (status)
        stream_end(s, status, WITH_END);
    else
        opened(s);
}

static void init(struct stream *s)
{
    uv_loop_t *loop = &s->h.shard->loop;
    s->open = 1;
    list_append(&s->h.shard->handles, &s->h.link);
    if (s->pump) { /* its timer stands for it */
        (void)uv_timer_init(loop, &s->timer);
        s->timer.data = s;
        s->has_timer = true;
        return;
    }
    int err = s->is_local ? uv_pipe_init(loop, &s->uv.pipe, 0)
                          : uv_tcp_init(loop, &s->uv.tcp);
    invariant(err == 0); /* it opens nothing yet */
    s->uv.any.data = s;
}

/* For what libuv cannot do. */
static int take_once_more(struct stream *s, int fd)
{
    struct parcels *p = s->parcels;
    int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (again < 0)
        return -errno;
    int err = uv_poll_init(&s->h.shard->loop, &p->room, again);
    if (err) {
        close(again);
        return err;
    }
    p->fd = again;
    p->room.data = s;
    s->open++;
    return 0;
}

/* The connection is the handle's from now on. */
static int take_socket(struct stream *s)
{
    struct ucred who = {0};
    socklen_t size = sizeof who;
    if (s->pump)
        return 0;
    if (s->is_local) {
        (void)getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
        s->who = who;
    }
    int err =
        s->is_local ? uv_pipe_open(&s->uv.pipe, s->fd) : uv_tcp_open(&s->uv.tcp, s->fd);
    int fd = s->fd;
    if (!err)
        s->fd = -1;
    return err || !s->parcels ? err : take_once_more(s, fd);
}

/* That is done at once, or fails at once; also where too many wait already. */
static void connect_again(struct stream *s)
{
    s->retry_at = 0;
    if (s->fd < 0)
        s->fd = local_socket();
    int err = s->fd < 0 ? s->fd : local_connect(s->fd, &s->path);
    if (err == -EAGAIN) {
        s->retry_at = now(s) + RETRY_MS;
        set_timer(s);
        return;
    }
    if (!err)
        err = take_socket(s);
    if (!err)
        opened(s);
    else
        stream_end(s, err, WITH_END);
}

static void connect_to(struct stream *s)
{
    init(s);
    stream_set_deadline(s, stream_time_after(s, s->connect_ms));
    s->connect.data = s;
    int err = 0;
    if (s->is_local)
        connect_again(s);
    else
        err = uv_tcp_connect(&s->connect, &s->uv.tcp, &s->peer.any, on_connected);
    if (err)
        stream_end(s, err, WITH_END);
}

static void take_accepted(struct stream *s)
{
    init(s);
    int err = take_socket(s);
    opened(s);
    if (err)
        stream_end(s, err, WITH_END);
}

void stream_accept(struct stream *s, int fd, uint64_t owner, bool is_here)
{
    bool is_one = cadre_port_address(&s->h.port, owner);
    invariant(is_one); /* it has the listener */
    s->fd = fd;
    if (is_here)
        take_accepted(s);
    else
        handle_command(&s->h, HANDLE_OPEN);
}

/* What waits to be sent finds that out by itself. Else somebody may have it still, whom
 * the process has left behind: so one looks now and then. */
static void look_who_reads(struct stream *s)
{
    struct pollfd p = {0};
    s->look_at = now(s) + LOOK_MS;
    if (!s->outgoing.first && uv_fileno((uv_handle_t *)uv(s), &p.fd) == 0 &&
        poll(&p, 1, 0) == 1 && p.revents & POLLERR)
        stream_end(s, 0, WITH_END);
    else
        set_timer(s);
}

/* ---- commands -------------------------------------------------------------------- */

static void close_by_and_by(struct stream *s)
{
    if (s->closes)
        return;
    s->closes = true;
    if (!s->outgoing.first && !s->connected) {
        stream_end(s, 0, WITH_END);
        return;
    }
    if (!s->close_at)
        s->close_at = stream_time_after(s, s->close_ms);
    stream_set_deadline(s, s->close_at);
    if (!s->outgoing.first)
        sending_is_done(s);
    receiving_go_on(s);
}

/* What has been read is told before. Nothing waits to be sent. */
static void release(struct stream *s)
{
    uv_os_fd_t fd;
    int err = uv_fileno((uv_handle_t *)uv(s), &fd);
    s->released = err ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (!err && s->released < 0)
        err = -errno;
    if (!err)
        handle_ring(&s->h, NEWS_RELEASED);
    stream_end(s, err, WITH_END);
}

static void obey_filter(struct stream *s, uint32_t commands)
{
    s->greets = (s->greets || commands & STREAM_GREETS) && !(commands & STREAM_READY);
    if (commands & STREAM_CLOSES_THEN)
        s->close_at = stream_time_after(s, s->close_ms);
    if (commands & STREAM_READY)
        lift_deadline(s);
    else if (commands & STREAM_GREETS)
        stream_set_deadline(s, stream_time_after(s, s->greet_ms));
    else if (commands & STREAM_CLOSES_THEN)
        stream_set_deadline(s, s->close_at);
    if (commands & STREAM_GREETS)
        receiving_go_on(s);
}

/* False: it is closed, and may be gone. */
static bool moved(struct stream *s)
{
    ssize_t n = s->pump->moved;
    s->pump->is_busy = false;
    if (s->open == 1) {
        if (n > 0 && s->writing)
            sending_count(s, (size_t)n);
        leave(s);
        return false;
    }
    s->open--;
    if (s->is_written)
        sending_wrote(s, n);
    else
        receiving_moved(s, n);
    return true;
}

static void obey(struct handle *h, uint32_t commands)
{
    struct stream *s = container_of(h, struct stream, h);
    if (commands & HANDLE_OPEN)
        s->connect_ms ? connect_to(s) : take_accepted(s);
    if (commands & STREAM_TAKEN && s->gate) {
        s->is_taken = true;
        gate_taken(s->gate);
    }
    if (commands & STREAM_MOVED && !moved(s))
        return;
    if (s->ending)
        return;
    obey_filter(s, commands);
    if (commands & STREAM_WRITE) {
        outgoing_take(&s->outgoing, &s->written);
        sending_go_on(s);
    }
    if (commands & STREAM_MARK)
        sending_look_at_mark(s);
    if (commands & STREAM_LOOK)
        look_who_reads(s);
    if (commands & STREAM_CREDIT)
        receiving_go_on(s);
    s->shuts_down = s->shuts_down || commands & STREAM_SHUTDOWN;
    if (commands & STREAM_SHUTDOWN && s->connected && !s->outgoing.first)
        sending_is_done(s);
    if (commands & STREAM_NO_MEMORY)
        stream_end(s, -ENOMEM, WITH_RESET);
    else if (commands & STREAM_ABORT)
        stream_end(s, -ECANCELED, WITH_RESET);
    else if (commands & HANDLE_END)
        stream_end(s, -ECANCELED, WITH_END);
    else if (commands & STREAM_CLOSE)
        close_by_and_by(s);
    else if (commands & STREAM_RELEASE)
        release(s);
}

static void end_with_system(struct handle *h)
{
    struct stream *s = container_of(h, struct stream, h);
    stream_end(s, -ECANCELED, WITH_END);
}

/* ---- made and freed -------------------------------------------------------------- */

int stream_make(struct stream **result, struct shard *shard,
                const struct port_class *class, const cadre_stream_options *options)
{
    enum { WINDOW = 1 << 16, WRITE_MAX = 1 << 20 };
    struct port *port;
    int err = cadre_port_make(shard->world, &port, sizeof **result, class);
    if (err)
        return err;
    struct stream *s = *result = container_of(port, struct stream, h.port);
    s->h.shard = shard;
    s->fd = s->terminal = s->released = -1; /* all else is zero */
    handle_init(&s->h, &shard->berth.seat, obey, end_with_system);
    inbox_init(&s->written);
    s->write_max = options->write_max ? options->write_max : WRITE_MAX;
    s->idle_ms = (uint64_t)(options->idle / CADRE_MS + (options->idle % CADRE_MS > 0));
    s->tls = filter_ref(options->tls);
    s->protocols = options->tls_protocols;
    s->greets = s->tls != NULL;
    s->greet_ms = s->tls ? s->tls->class->patience(s->tls) : 0;
    s->half_open = options->half_open;
    s->delay = options->delay;
    atomic_set(&s->sent, 0);
    atomic_set(&s->mark, 0);
    atomic_set(&s->handled, 0);
    spsc_init(&s->places);
    atomic_set(&s->window, options->window ? options->window : WINDOW);
    return 0;
}

int stream_pass(struct stream *s, uint32_t most)
{
    return most ? parcels_make(&s->parcels, s->h.port.world, most) : 0;
}

void stream_free(struct stream *s)
{
    if (s->is_raw)
        rawness_end(s->rawness);
    if (s->terminal >= 0)
        close(s->terminal);
    if (s->released >= 0)
        close(s->released);
    if (s->fd >= 0)
        close(s->fd);
    pump_free(s->pump, s->h.port.world);
    outgoing_take(&s->outgoing, &s->written);
    outgoing_free(&s->outgoing, s->h.port.world);
    for (uint64_t at; spsc_has_more(&s->places, STREAM_SLOTS, &at);
         spsc_take(&s->places))
        cadre_buf_unref(s->slots[at]);
    filter_unref(s->tls);
    parcels_free(s->parcels, s->h.port.world);
    cadre_port_free(&s->h.port);
}
