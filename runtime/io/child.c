/* child.c: a child process, its loop's side. */
#include "io/child.h"

#include <signal.h>
#include <unistd.h>

enum { AGAIN_MS = 100 };

static void on_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;
    if (--c->open == 0)
        handle_closed(&c->h);
}

static void look(struct child *c)
{
    if (c->is_reaped || !launch_reap(c->pidfd, &c->status, &c->signal))
        return;
    c->is_reaped = true;
    handle_ring(&c->h, NEWS_REAPED);
    uv_close((uv_handle_t *)&c->grace, on_closed);
    if (c->open == 2)
        uv_close((uv_handle_t *)&c->poll, on_closed);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    look(poll->data);
    (void)status;
    (void)events;
}

/* It was asked for long enough; or it cannot be waited for. */
static void on_time(uv_timer_t *grace)
{
    struct child *c = grace->data;
    (void)launch_signal(c->pidfd, SIGKILL);
    look(c);
    if (!c->is_reaped)
        (void)uv_timer_start(grace, on_time, AGAIN_MS, 0);
}

static void watch(struct child *c)
{
    uv_loop_t *loop = &c->h.shard->loop;
    list_append(&c->h.shard->handles, &c->h.link);
    (void)uv_timer_init(loop, &c->grace);
    c->grace.data = c->poll.data = c;
    c->open = 1;
    int err = c->pidfd < 0 ? 0 : uv_poll_init(loop, &c->poll, c->pidfd);
    if (!err && c->pidfd >= 0) {
        c->open = 2;
        err = uv_poll_start(&c->poll, UV_READABLE, on_ready);
    }
    if (err)
        cadre_port_log(c->h.port.world, LOG_WARN, "a process is killed: %s",
                       cadre_strerror(err));
    if (err)
        (void)uv_timer_start(&c->grace, on_time, 0, 0);
    else
        look(c);
}

static void end(struct child *c)
{
    if (c->ending || c->is_reaped)
        return;
    c->ending = true;
    if (c->grace_ms > 0)
        (void)launch_signal(c->pidfd, SIGTERM);
    if (c->grace_ms != UINT64_MAX)
        (void)uv_timer_start(&c->grace, on_time, c->grace_ms, 0);
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
    (void)launch_signal(container_of(h, struct child, h)->pidfd, SIGKILL);
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
    handle_init(&c->h, &shard->berth.seat, obey, end_with_system);
    return 0;
}

void child_free(struct child *c)
{
    if (c->pidfd >= 0)
        close(c->pidfd);
    cadre_port_free(&c->h.port);
}
