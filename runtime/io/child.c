/* child.c: a child process, its loop's side. */
#include "io/child.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { AGAIN_MS = 100 };

static void on_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;
    if (--c->open == 0)
        handle_closed(&c->h);
}

/* Also of one that has ended: then there is nobody to get it. */
static void send_signal(struct child *c, int sig)
{
    if (launch_signal(c->pidfd, sig) != -EPERM || c->is_foreign)
        return;
    c->is_foreign = true;
    cadre_port_log(c->h.port.world, LOG_WARN,
                   "process %d is another user's: its owner's end waits for it",
                   (int)c->pid);
}

static void look(struct child *c)
{
    if (c->is_reaped || !launch_reap(c->pidfd, &c->status, &c->signal))
        return;
    c->is_reaped = true;
    handle_ring(&c->h, NEWS_REAPED);
    uv_close((uv_handle_t *)&c->timer, on_closed);
    if (c->open == 2)
        uv_close((uv_handle_t *)&c->poll, on_closed);
}

static void on_time(uv_timer_t *timer);

/* Until it is killed, again and again; or until one looks. */
static void set_timer(struct child *c)
{
    uint64_t now = uv_now(&c->h.shard->loop), due = UINT64_MAX;
    if (c->is_reaped)
        return;
    if (c->kill_at != UINT64_MAX)
        due = c->kill_at > now ? c->kill_at - now : AGAIN_MS;
    if (c->is_blind && due > AGAIN_MS)
        due = AGAIN_MS;
    if (due != UINT64_MAX)
        (void)uv_timer_start(&c->timer, on_time, due, 0);
}

static void on_time(uv_timer_t *timer)
{
    struct child *c = timer->data;
    look(c);
    if (!c->is_reaped && uv_now(timer->loop) >= c->kill_at)
        send_signal(c, SIGKILL);
    set_timer(c);
}

/* It has ended. But while somebody traces it it is not ours to reap, and would be ready
 * all the time. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct child *c = poll->data;
    look(c);
    if (!c->is_reaped) {
        (void)uv_poll_stop(poll);
        c->is_blind = true;
    }
    set_timer(c);
    (void)status;
    (void)events;
}

static void kill_in(struct child *c, uint64_t ms)
{
    uint64_t at = uv_now(&c->h.shard->loop) + ms;
    if (at < c->kill_at)
        c->kill_at = at;
    if (ms == 0)
        send_signal(c, SIGKILL);
    set_timer(c);
}

static void watch(struct child *c)
{
    uv_loop_t *loop = &c->h.shard->loop;
    list_append(&c->h.shard->handles, &c->h.link);
    (void)uv_timer_init(loop, &c->timer);
    c->timer.data = c->poll.data = c;
    c->open = 1;
    int err = c->pidfd < 0 ? 0 : uv_poll_init(loop, &c->poll, c->pidfd);
    if (!err && c->pidfd >= 0) {
        c->open = 2;
        err = uv_poll_start(&c->poll, UV_READABLE, on_ready);
    }
    look(c);
    if (!err || c->is_reaped)
        return;
    cadre_port_log(c->h.port.world, LOG_WARN, "a process is killed: %s",
                   cadre_strerror(err));
    c->is_blind = true;
    kill_in(c, 0);
}

static void end(struct child *c)
{
    if (c->ending || c->is_reaped)
        return;
    c->ending = true;
    if (c->grace_ms > 0)
        send_signal(c, SIGTERM);
    if (c->grace_ms != UINT64_MAX)
        kill_in(c, c->grace_ms);
}

static void obey(struct handle *h, uint32_t commands)
{
    struct child *c = container_of(h, struct child, h);
    if (commands & HANDLE_OPEN)
        watch(c);
    if (commands & HANDLE_END && c->open == 0 && !c->is_reaped)
        handle_closed(h); /* it was never started */
    else if (commands & HANDLE_END)
        end(c);
}

static void end_with_system(struct handle *h)
{
    struct child *c = container_of(h, struct child, h);
    if (!c->is_reaped)
        send_signal(c, SIGKILL);
}

int child_make(struct child **result, struct shard *shard,
               const struct port_class *class)
{
    struct port *port;
    int err = cadre_port_make(shard->world, &port, sizeof **result, class);
    if (err)
        return err;
    struct child *c = *result = container_of(port, struct child, h.port);
    c->h.shard = shard;
    c->pidfd = -1;
    c->kill_at = UINT64_MAX;
    handle_init(&c->h, &shard->berth.seat, obey, end_with_system);
    return 0;
}

void child_free(struct child *c)
{
    if (c->pidfd >= 0)
        close(c->pidfd);
    cadre_port_free(&c->h.port);
}
