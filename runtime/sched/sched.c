/* sched.c: the set of workers: start, submit from outside, stop. */
#include "sched/sched.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { EAGER = 16 }; /* looks in a row that were in vain before the CPU is given away */

int sched_init(struct sched *s, struct heap *heap, enum sched_mode mode,
               uint32_t workers, bool polled, uint64_t seed)
{
    *s = (struct sched){.mode = mode, .heap = heap, .event_fd = -1};
    s->crew.count = workers;
    void *w = NULL, *seats = NULL, *threads = NULL;
    int err = heap_get_lines(heap, &w, workers * sizeof(struct worker));
    if (!err)
        err = heap_get_lines(heap, &seats, workers * sizeof(struct idle_seat));
    if (!err)
        err = heap_get_lines(heap, &threads, workers * sizeof(struct thread));
    s->crew.workers = w;
    s->seats = seats;
    s->threads = threads;
    if (!err && polled) {
        s->event_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); /* look once at first */
        err = s->event_fd < 0 ? -errno : 0;
    }
    if (err) {
        sched_fini(s);
        return err == -EMFILE || err == -ENFILE ? -EMFILE : -ENOMEM;
    }
    idle_init(&s->crew.idle, s->seats, workers);
    inject_init(&s->crew.injected);
    s->crew.clock.is_virtual = mode == SCHED_SIMULATED;
    atomic_set(&s->crew.stopping, false);
    for (uint32_t i = 0; i < workers; i++) {
        worker_init(&s->crew.workers[i], &s->crew, i, seed);
        s->crew.workers[i].shuffled = mode == SCHED_SIMULATED;
        s->seats[i].word.fd = mode == SCHED_THREADS ? PARK_ON_FUTEX
                              : s->event_fd >= 0    ? s->event_fd
                                                    : PARK_ON_NOTHING;
    }
    return 0;
}

void sched_fini(struct sched *s)
{
    size_t n = s->crew.count;
    if (s->event_fd >= 0)
        close(s->event_fd);
    heap_put_lines(s->heap, s->threads, n * sizeof(struct thread));
    heap_put_lines(s->heap, s->seats, n * sizeof(struct idle_seat));
    heap_put_lines(s->heap, s->crew.workers, n * sizeof(struct worker));
}

static bool all_sleep(const struct sched *s)
{
    return idle_sleepers(&s->crew.idle) == s->crew.count;
}

static void fall_asleep(struct sched *s, struct worker *w)
{
    if (s->all_asleep && all_sleep(s) && !crew_has_work(&s->crew) && all_sleep(s))
        s->all_asleep(s->all_asleep_user);
    idle_sleep(&s->crew.idle, w->id);
    worker_woken(w);
}

/* A worker ends when it was told to and then looked once more and found nothing: what
 * was submitted before the stop is seen by somebody, and what a worker makes runnable
 * later it runs itself. */
static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct sched *s = container_of(w->crew, struct sched, crew);
    worker_enter(w);
    for (uint32_t vain = 0;;) {
        bool last_look = load_seq(&s->crew.stopping);
        if (worker_step(w)) {
            vain = 0;
        } else if (worker_may_sleep(w)) {
            vain = 0;
            fall_asleep(s, w);
        } else if (last_look) {
            return NULL;
        } else if (++vain % EAGER == 0) {
            thread_yield(); /* somebody holds work that we cannot get yet */
        }
    }
}

int sched_start(struct sched *s)
{
    if (s->mode != SCHED_THREADS) {
        sched_ring(s);
        return 0;
    }
    for (uint32_t i = 0; i < s->crew.count; i++) {
        char name[16];
        snprintf(name, sizeof name, "cadre-%u", i % 10000);
        int err = thread_start(&s->threads[i], name, worker_main, &s->crew.workers[i]);
        if (err) {
            sched_stop(s);
            return err;
        }
        s->started++;
    }
    return 0;
}

void sched_ring(struct sched *s)
{
    if (s->event_fd >= 0)
        park_wake(&s->seats[0].word, 1);
}

void sched_submit(struct sched *s, struct task *task)
{
    inject_push(&s->crew.injected, &task->link);
    idle_notify(&s->crew.idle);
}

static void drain(struct sched *s)
{
    for (uint32_t i = 0; i < s->crew.count; i++) {
        struct worker *before = worker_enter(&s->crew.workers[i]);
        while (worker_step(&s->crew.workers[i])) {
        }
        worker_enter(before);
    }
}

void sched_stop(struct sched *s)
{
    store_seq(&s->crew.stopping, true);
    if (s->mode != SCHED_THREADS) {
        drain(s);
        return;
    }
    idle_wake_all(&s->crew.idle);
    for (; s->started > 0; s->started--)
        thread_join(&s->threads[s->started - 1]);
}

void sched_unring(struct sched *s, int64_t timeout_ns)
{
    if (s->event_fd < 0)
        return;
    struct pollfd p = {.fd = s->event_fd, .events = POLLIN};
    struct timespec t = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    uint64_t count;
    if (ppoll(&p, 1, &t, NULL) == 1 && read(s->event_fd, &count, sizeof count) < 0)
        count = 0; /* somebody else emptied it; the worker looks anyway */
}

int sched_poll(struct sched *s, int max, int64_t timeout_ns)
{
    struct worker *w = &s->crew.workers[0];
    struct worker *before = worker_enter(w);
    int turns = 0;
    sched_unring(s, 0);
    for (;;) {
        if (s->asleep && idle_leave(&s->crew.idle, w->id))
            worker_woken(w);
        s->asleep = false;
        while (turns < max && worker_step(w))
            turns++;
        if (turns == max) {
            sched_ring(s); /* there may be more */
            break;
        }
        if (!worker_may_sleep(w))
            continue;
        s->asleep = true;
        if (s->all_asleep)
            s->all_asleep(s->all_asleep_user);
        if (turns > 0 || timeout_ns <= 0)
            break;
        sched_unring(s, timeout_ns);
        timeout_ns = 0;
    }
    worker_enter(before);
    return turns;
}

struct worker *sched_here(const struct sched *s)
{
    struct worker *w = worker_current();
    return w && w->crew == &s->crew ? w : NULL;
}
