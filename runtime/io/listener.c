/* listener.c: where connections come from.
 *
 * A connection is accepted while there are fewer than there may be, and while not too
 * many wait for their owner to hear of them; the others wait in the kernel. So do they
 * where descriptors have run out: the listener tries again now and then, and when a
 * connection of its own has closed. What cannot be kept for want of memory is accepted
 * and closed. The loops take turns: so all of them read and write for one listener.
 * libuv only says that somebody waits: its own accepting goes on for ever
 * where another thread takes the descriptor that it holds in reserve. */
#include "io/listener.h"

#include "base/panic.h"
#include "io/driver.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SAY_MS = 1000,
    PAUSE_MS = 100,
    AT_ONCE = 16 /* accepted; then others have the loop */
};

/* ---- connections ----------------------------------------------------------------- */

static void say(struct listener *l, const char *what, int err)
{
    uint64_t now = uv_now(&l->h.shard->loop);
    if (l->said && now - l->said < SAY_MS)
        return;
    l->said = now;
    cadre_port_log(l->h.port.world, LOG_WARN, "a listener %s: %s", what,
                   cadre_strerror(err));
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void go_on(struct listener *l)
{
    if (l->polls || l->ending)
        return;
    int err = uv_poll_start(&l->poll, UV_READABLE, on_connection);
    invariant(err == 0); /* it is open */
    l->polls = true;
}

static void rest(struct listener *l)
{
    (void)uv_poll_stop(&l->poll);
    l->polls = false;
}

static void on_pause(uv_timer_t *pause) { go_on(pause->data); }

static void pause_for(struct listener *l, int err)
{
    rest(l);
    gate_await(l->gate);
    (void)uv_timer_start(&l->pause, on_pause, PAUSE_MS, 0);
    say(l, "waits", err);
}

static int make(struct stream **s, struct listener *l, struct shard *shard)
{
    int err = stream_make(s, shard, l->streams, &l->options);
    if (err || !l->is_local)
        return err;
    err = stream_pass(*s, l->options.descriptors);
    if (err)
        stream_free(*s);
    return err;
}

/* What was accepted, for the loop whose turn it is. */
static void take(struct listener *l, int fd)
{
    struct stream *s;
    struct shard *shard = driver_next(l->h.shard, &l->turn);
    int err = make(&s, l, shard);
    if (err) {
        close(fd);
        gate_leave(l->gate, false);
        say(l, "turns connections away", err);
        return;
    }
    s->is_local = l->is_local;
    s->via = l->h.port.id;
    s->untaken = true;
    s->gate = l->gate;
    uint64_t owner = load_acquire(&l->h.port.owner); /* who may change */
    stream_accept(s, fd, owner, shard == l->h.shard);
}

/* The next that waits, which the gate has let in. False: none does, or there is no
 * descriptor for it. */
static bool accept_one(struct listener *l)
{
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int err = -errno;
    if (fd >= 0) {
        take(l, fd);
        return true;
    }
    gate_leave(l->gate, false);
    if (err == -ECONNABORTED || err == -EINTR)
        return true;
    if (err != -EAGAIN)
        pause_for(l, err);
    return false;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    for (int i = 0; i < AT_ONCE; i++) {
        if (!gate_enter(l->gate)) {
            rest(l);
            break;
        }
        if (!accept_one(l))
            break;
    }
    (void)status; /* what is wrong, accepting says */
    (void)events;
}

/* ---- its life -------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    if (--l->open > 0)
        return;
    gate_close(l->gate);
    l->gate = NULL;
    handle_closed(&l->h);
}

/* Nobody can connect from now on. The file goes first: until the socket is closed nobody
 * takes the path over. */
static void shut(struct listener *l)
{
    if (l->is_local)
        local_unlink(&l->path);
    close(l->fd);
    l->fd = -1;
}

static void end(struct listener *l, int reason)
{
    if (l->ending)
        return;
    l->ending = true;
    store_relaxed(&l->reason, reason); /* released by the ring that follows */
    uv_close((uv_handle_t *)&l->pause, on_closed);
    if (l->open == 2)
        uv_close((uv_handle_t *)&l->poll, on_closed);
    shut(l);
}

static void listen_on(struct listener *l)
{
    uv_loop_t *loop = &l->h.shard->loop;
    list_append(&l->h.shard->handles, &l->h.link);
    (void)uv_timer_init(loop, &l->pause);
    l->pause.data = l;
    l->open = 1;
    int err = uv_poll_init(loop, &l->poll, l->fd);
    if (err) {
        end(l, err);
        return;
    }
    l->poll.data = l;
    l->open = 2;
    go_on(l);
}

static void obey(struct handle *h, uint32_t commands)
{
    struct listener *l = container_of(h, struct listener, h);
    if (commands & HANDLE_OPEN)
        listen_on(l);
    if (commands & GATE_OPENS)
        go_on(l);
    if (commands & STREAM_CLOSE)
        end(l, 0);
    else if (commands & STREAM_NO_MEMORY)
        end(l, -ENOMEM);
    else if (commands & (HANDLE_END | STREAM_ABORT))
        end(l, -ECANCELED);
}

static void end_with_system(struct handle *h)
{
    end(container_of(h, struct listener, h), -ECANCELED);
}

int listener_make(struct listener **result, struct shard *shard,
                  const struct port_class *class, int fd,
                  const cadre_stream_options *options)
{
    struct port *port;
    int err = cadre_port_make(shard->world, &port, sizeof **result, class);
    if (err)
        return err;
    struct listener *l = *result = container_of(port, struct listener, h.port);
    err = gate_make(&l->gate, &l->h, shard->world, options->connections_max);
    if (err) {
        cadre_port_free(port);
        return err;
    }
    l->h.shard = shard;
    handle_init(&l->h, &shard->berth.seat, obey, end_with_system);
    l->fd = fd;
    l->options = *options;
    (void)filter_ref(options->tls);
    atomic_set(&l->reason, 0);
    return 0;
}

void listener_free(struct listener *l)
{
    if (l->fd >= 0)
        shut(l);
    if (l->gate) /* the loop never had it */
        gate_close(l->gate);
    filter_unref(l->options.tls);
    cadre_port_free(&l->h.port);
}
