/* isolation.c: the processes that actors run in, as seen from here. */
#include "sched/isolation.h"

#include "base/limits.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the thread -------------------------------------------------------------------- */

/* False: it is to stop. */
static bool hear(struct isolation *is, int timeout)
{
    struct epoll_event event;
    if (epoll_wait(is->epoll, &event, 1, timeout) <= 0)
        return true;
    struct isolated *p = event.data.ptr;
    if (p && load_acquire(&p->awaited)) /* pairs with set */
        p->heard(p);                    /* it may be gone afterwards */
    return p != NULL;
}

static void *run(void *arg)
{
    while (hear(arg, -1)) {
    }
    return NULL;
}

void isolation_look(struct isolation *is, const struct worker *w)
{
    const struct clock *clock = &w->crew->clock;
    int64_t end = clock_now(clock) + ISOLATION_LOOK_NS;
    while (is->looks && idle_is_asleep(&w->crew->idle, w->id) && clock_now(clock) < end)
        (void)hear(is, 0);
}

/* ---- for actors -------------------------------------------------------------------- */

int isolation_take(struct isolation *is, uint32_t *slot)
{
    for (uint32_t i = 0; i < is->zygote.slots; i++)
        if (!exchange_seq(&is->taken[i], true)) { /* pairs with isolation_give */
            *slot = i;
            return 0;
        }
    return -EAGAIN;
}

void isolation_give(struct isolation *is, uint32_t slot)
{
    store_release(&is->taken[slot], false);
}

/* Tells once. */
static int set(struct isolated *p, int how)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = p};
    store_release(&p->awaited, true); /* pairs with hear */
    return epoll_ctl(p->of->epoll, how, p->fd, &event);
}

int isolation_start(struct isolated *p)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        return zygote_lacks(errno);
    p->fd = ends[0];
    int err = set(p, EPOLL_CTL_ADD) == 0
                  ? zygote_spawn(&p->of->zygote, p->slot, ends[1])
                  : -errno;
    if (err)
        isolation_end(p);
    close(ends[1]); /* afterwards: it would be an end to tell of */
    return err;
}

void isolation_await(struct isolated *p) { (void)set(p, EPOLL_CTL_MOD); }

bool isolation_kill(struct isolated *p)
{
    return zygote_kill(&p->of->zygote, p->slot) == 0;
}

void isolation_end(struct isolated *p)
{
    (void)epoll_ctl(p->of->epoll, EPOLL_CTL_DEL, p->fd, NULL); /* forks have it, too */
    close(p->fd);
}

/* ---- all of it --------------------------------------------------------------------- */

static int open_thread(struct isolation *is)
{
    struct epoll_event stop = {.events = EPOLLIN};
    is->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (is->epoll >= 0)
        is->stop = eventfd(0, EFD_CLOEXEC);
    if (is->epoll < 0 || is->stop < 0 ||
        epoll_ctl(is->epoll, EPOLL_CTL_ADD, is->stop, &stop) != 0)
        return zygote_lacks(errno);
    return thread_start(&is->thread, "cadre-isolation", run, is);
}

static void close_all(struct isolation *is)
{
    if (is->epoll >= 0)
        close(is->epoll);
    if (is->stop >= 0)
        close(is->stop);
    zygote_stop(&is->zygote);
}

int isolation_init(struct isolation *is, uint32_t slots, zygote_main *main, void *user)
{
    *is = (struct isolation){.epoll = -1, .stop = -1, .looks = limits_cpus() > 1};
    int err = zygote_start(&is->zygote, slots, main, user);
    if (err)
        return err;
    err = open_thread(is);
    if (err)
        close_all(is);
    return err;
}

void isolation_fini(struct isolation *is)
{
    (void)eventfd_write(is->stop, 1);
    thread_join(&is->thread);
    close_all(is);
}
