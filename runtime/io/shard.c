/* shard.c: one loop: commands in, news out. */
#include "io/shard.h"

#include "base/panic.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NEVER INT64_MAX

/* ---- made and freed ----------------------------------------------------------- */

static struct shard *shard_of(struct berth *berth)
{
    return container_of(berth, struct shard, berth);
}

static void drain(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got; /* somebody else was quicker, or it was set anew */
}

/* Woken: that is all. */
static void on_wake(uv_poll_t *poll, int status, int events)
{
    const struct shard *shard = poll->data;
    drain(shard->berth.seat.wake_fd);
    (void)status;
    (void)events;
}

static void on_alarm(uv_poll_t *poll, int status, int events)
{
    struct shard *shard = poll->data;
    drain(shard->alarm_fd);
    shard->alarm_at = NEVER;
    (void)status;
    (void)events;
}

/* One that could not be made keeps its descriptor open, if it came so far (0: it did not,
 * and < 0: libuv has closed it). */
static int loop_init(uv_loop_t *loop)
{
    loop->backend_fd = 0;
    int err = uv_loop_init(loop);
    if (err && loop->backend_fd > 0)
        close(loop->backend_fd);
    return err;
}

static int make_descriptors(struct shard *shard)
{
    shard->alarm_at = NEVER;
    shard->berth.seat.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (shard->berth.seat.wake_fd < 0)
        return -errno;
    shard->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (shard->alarm_fd >= 0)
        return 0;
    int err = -errno;
    close(shard->berth.seat.wake_fd);
    return err;
}

static void close_descriptors(const struct shard *shard)
{
    close(shard->alarm_fd);
    close(shard->berth.seat.wake_fd);
}

static int hear(struct shard *shard, uv_poll_t *poll, int fd, uv_poll_cb heard)
{
    int err = uv_poll_init(&shard->loop, poll, fd);
    if (err)
        return err;
    poll->data = shard;
    err = uv_poll_start(poll, UV_READABLE, heard);
    invariant(err == 0);
    return 0;
}

int shard_init(struct shard *shard, struct world *world)
{
    berth_init(&shard->berth);
    shard->world = world;
    shard->has_thread = shard->has_visit = false;
    list_init(&shard->handles);
    int err = make_descriptors(shard);
    if (err)
        return err;
    err = loop_init(&shard->loop);
    if (err)
        goto no_loop;
    err = hear(shard, &shard->wake, shard->berth.seat.wake_fd, on_wake);
    if (err)
        goto no_wake;
    err = hear(shard, &shard->alarm, shard->alarm_fd, on_alarm);
    if (err)
        goto no_alarm;
    return 0;
no_alarm:
    uv_close((uv_handle_t *)&shard->wake, NULL);
    (void)uv_run(&shard->loop, UV_RUN_DEFAULT);
no_wake:
    (void)uv_loop_close(&shard->loop);
no_loop:
    close_descriptors(shard);
    return err;
}

void shard_fini(struct shard *shard)
{
    invariant(list_is_empty(&shard->handles));
    uv_close((uv_handle_t *)&shard->wake, NULL);
    uv_close((uv_handle_t *)&shard->alarm, NULL);
    (void)uv_run(&shard->loop, UV_RUN_DEFAULT);
    int err = uv_loop_close(&shard->loop);
    invariant(err == 0); /* else a handle was left */
    close_descriptors(shard);
}

/* ---- one turn, by who has the seat -------------------------------------------- */

static struct port *port_of(struct inbox_node *node)
{
    return container_of(letter_of(node), struct port, letter);
}

void handle_ring(struct handle *h, uint32_t news)
{
    if (!bell_ring(&h->port.bell, news))
        return;
    fifo_append(&h->shard->berth.rung, &h->port.letter.node);
    counter_add(&h->shard->berth.rings, 1);
}

void berth_obey(struct berth *b, struct inbox_node *oldest)
{
    if (oldest)
        uv_update_time(&shard_of(b)->loop);
    while (oldest) {
        struct handle *h = container_of(oldest, struct handle, node);
        oldest = plain_read(&oldest->next);
        handle_obey(h);
    }
}

void berth_deliver(struct fifo *got, struct worker *here)
{
    struct inbox_node *node;
    while ((node = fifo_take(got)))
        cadre_port_deliver(port_of(node), here);
}

void berth_turn(struct berth *b) { (void)uv_run(&shard_of(b)->loop, UV_RUN_NOWAIT); }

/* One that is set for earlier stays: waking once too often costs less than setting it
 * each time. */
static void set_alarm(struct shard *shard, int64_t timeout_ns)
{
    const int64_t now = (int64_t)uv_hrtime();
    if (timeout_ns >= NEVER - now)
        return;
    int64_t at = now + (timeout_ns > 0 ? timeout_ns : 0);
    if (shard->alarm_at <= at)
        return;
    const struct itimerspec due = {.it_value = {at / 1000000000, at % 1000000000}};
    int err = timerfd_settime(shard->alarm_fd, TFD_TIMER_ABSTIME, &due, NULL);
    invariant(err == 0);
    shard->alarm_at = at;
}

void berth_wait(struct berth *b, int64_t timeout_ns)
{
    struct shard *shard = shard_of(b);
    if (timeout_ns != PARK_FOREVER)
        set_alarm(shard, timeout_ns);
    (void)uv_run(&shard->loop, UV_RUN_ONCE);
}

void berth_wait_outside(struct berth *b, int64_t timeout_ns)
{
    struct pollfd p = {.fd = b->seat.wake_fd, .events = POLLIN};
    struct timespec t = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    if (ppoll(&p, 1, &t, NULL) == 1)
        drain(b->seat.wake_fd);
}

/* ---- guests ------------------------------------------------------------------- */

int berth_due_ms(struct berth *b)
{
    uv_loop_t *loop = &shard_of(b)->loop;
    int due =
        uv_backend_timeout(loop); /* 0, too: the kernel is to be told of something */
    if (due <= 0)
        return due;
    uv_update_time(loop);
    return uv_backend_timeout(loop);
}

static void on_visit(uv_poll_t *visit, int status, int events)
{
    struct shard *guest = visit->data;
    guest->berth.is_ready = true;
    (void)status;
    (void)events;
}

int berth_welcome(struct berth *host, struct berth *berth)
{
    struct shard *guest = shard_of(berth);
    int err = guest->has_visit ? 0
                               : uv_poll_init(&shard_of(host)->loop, &guest->visit,
                                              uv_backend_fd(&guest->loop));
    if (err)
        return err;
    guest->has_visit = true;
    guest->visit.data = guest;
    return uv_poll_start(&guest->visit, UV_READABLE, on_visit);
}

void berth_dismiss(struct berth *berth)
{
    struct shard *guest = shard_of(berth);
    if (guest->has_visit)
        (void)uv_poll_stop(&guest->visit);
}

void berth_offer(struct berth *b)
{
    cadre_port_offer(shard_of(b)->world, b->worker, &b->nap);
}

int64_t berth_now(const struct berth *b)
{
    (void)b; /* not in virtual time: there are no loops then */
    return (int64_t)uv_hrtime();
}

bool berth_cpu(const struct berth *b, int64_t *ns)
{
    const struct shard *shard = container_of(b, struct shard, berth);
    const struct sched *sched = &shard->world->sched;
    clockid_t id;
    struct timespec t;
    if (pthread_getcpuclockid(sched->threads[b->worker].id, &id) != 0 ||
        clock_gettime(id, &t) != 0)
        return false;
    *ns = t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
    return true;
}

/* ---- a thread of its own, and the end ----------------------------------------- */

static void *run(void *arg)
{
    struct shard *shard = arg;
    bool taken = seat_take(&shard->berth.seat);
    invariant(taken);
    while (!load_acquire(&shard->berth.stopping)) { /* shard_halt's */
        berth_obey(&shard->berth, seat_next(&shard->berth.seat));
        berth_deliver(&shard->berth.rung, NULL);
        struct inbox_node *more = seat_rest(&shard->berth.seat);
        berth_obey(&shard->berth, more);
        if (!more)
            (void)uv_run(&shard->loop, UV_RUN_ONCE);
    }
    berth_obey(&shard->berth, seat_next(&shard->berth.seat));
    seat_leave(&shard->berth.seat);
    return NULL;
}

int shard_start(struct shard *shard)
{
    int err = thread_start(&shard->thread, "cadre-io", run, shard);
    shard->has_thread = err == 0;
    return err;
}

void shard_halt(struct shard *shard)
{
    store_release(&shard->berth.stopping,
                  true); /* pairs with who would take the seat */
    seat_wake(&shard->berth.seat);
    if (shard->has_thread)
        thread_join(&shard->thread);
    while (!seat_take(&shard->berth.seat))
        thread_yield();
    berth_part(&shard->berth);
    if (shard->has_visit) /* the host has been halted before */
        uv_close((uv_handle_t *)&shard->visit, NULL);
}

static void end_all(struct shard *shard)
{
    struct list *next;
    for (struct list *at = shard->handles.next; at != &shard->handles; at = next) {
        struct handle *h = container_of(at, struct handle, link);
        next = at->next;
        h->end(h);
    }
}

/* What is ending writes nothing, and so brings this thread no SIGPIPE. */
bool shard_clear(struct shard *shard)
{
    struct inbox_node *commands = seat_next(&shard->berth.seat);
    bool was_clear = !commands && list_is_empty(&shard->handles);
    berth_obey(&shard->berth, commands);
    end_all(shard);
    berth_turn(&shard->berth);
    berth_deliver(&shard->berth.rung, NULL);
    return was_clear;
}
