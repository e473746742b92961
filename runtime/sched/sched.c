/* sched.c: the set of workers: start, stop, and who steps them. */
#include "sched/sched.h"

#include "base/limits.h"
#include "base/sigstack.h"
#include "sched/scope.h"
#include "sched/stuck.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static void loop(struct worker *w);

static int watch_descriptor(const struct sched *s, int fd)
{
    struct epoll_event readable = {.events = EPOLLIN};
    return epoll_ctl(s->poll_fd, EPOLL_CTL_ADD, fd, &readable) < 0 ? -errno : 0;
}

static int open_descriptors(struct sched *s)
{
    s->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->poll_fd < 0)
        return -errno;
    s->event_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK); /* look once at first */
    if (s->event_fd < 0)
        return -errno;
    s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (s->timer_fd < 0)
        return -errno;
    int err = watch_descriptor(s, s->event_fd);
    return err ? err : watch_descriptor(s, s->timer_fd);
}

static void close_descriptors(struct sched *s)
{
    if (s->timer_fd >= 0)
        close(s->timer_fd);
    if (s->event_fd >= 0)
        close(s->event_fd);
    if (s->poll_fd >= 0)
        close(s->poll_fd);
}

int sched_init(struct sched *s, struct heap *heap, enum sched_mode mode,
               uint32_t workers, bool polled, uint64_t seed)
{
    *s = (struct sched){.mode = mode,
                        .heap = heap,
                        .poll_fd = -1,
                        .event_fd = -1,
                        .timer_fd = -1,
                        .timer_due = INT64_MAX,
                        .bell.fd = PARK_ON_FUTEX};
    s->crew.count = workers;
    s->crew.batch = UINT32_MAX;
    void *w = NULL, *beds = NULL, *threads = NULL;
    int err = heap_get_lines(heap, &w, workers * sizeof(struct worker));
    if (!err)
        err = heap_get_lines(heap, &beds, workers * sizeof(struct idle_bed));
    if (!err)
        err = heap_get_lines(heap, &threads, workers * sizeof(struct thread));
    s->crew.workers = w;
    s->beds = beds;
    s->threads = threads;
    if (!err && polled)
        err = open_descriptors(s);
    if (err) {
        sched_fini(s);
        return err == -EMFILE || err == -ENFILE ? -EMFILE : -ENOMEM;
    }
    idle_init(&s->crew.idle, s->beds, workers);
    if (mode == SCHED_THREADS && workers > 2) { /* else there is no choice */
        topology_read(&s->topology);
        s->crew.idle.near = &s->topology;
    }
    uint32_t cpus = mode == SCHED_THREADS ? limits_cpus() : workers;
    s->crew.surplus = workers > cpus ? workers - cpus : 0;
    s->crew.can_stop = mode == SCHED_THREADS && thread_has_barrier();
    s->crew.clock.is_virtual = mode == SCHED_SIMULATED;
    atomic_set(&s->crew.stopping, false);
    scopes_init(&s->crew.scopes);
    for (uint32_t i = 0; i < workers; i++) {
        worker_init(&s->crew.workers[i], &s->crew, i, seed);
        s->crew.workers[i].jobs.fenced = mode == SCHED_THREADS && !s->crew.can_stop;
        if (mode == SCHED_SIMULATED)
            worker_shuffle(&s->crew.workers[i]);
        s->beds[i].word.fd = mode == SCHED_THREADS ? PARK_ON_FUTEX
                             : s->event_fd >= 0    ? s->event_fd
                                                   : PARK_ON_NOTHING;
    }
    err = fiber_init(&s->crew, heap, mode != SCHED_THREADS, loop);
    if (err) {
        sched_fini(s);
        return -ENOMEM;
    }
    return 0;
}

void sched_fini(struct sched *s)
{
    size_t n = s->crew.count;
    fiber_fini(&s->crew, s->heap);
    close_descriptors(s);
    heap_put_lines(s->heap, s->threads, n * sizeof(struct thread));
    heap_put_lines(s->heap, s->beds, n * sizeof(struct idle_bed));
    heap_put_lines(s->heap, s->crew.workers, n * sizeof(struct worker));
}

/* By everybody who falls asleep, and by the watch when nobody is left to watch. */
static void say_if_all_sleep(struct sched *s)
{
    if (s->all_asleep && crew_is_quiet(&s->crew))
        s->all_asleep(s->all_asleep_user);
    /* Pairs with sched_tell_asleep: who lay down before that is seen asleep by the one
     * that is woken there. */
    if (unlikely(load_seq(&s->tells_asleep)) && idle_all_asleep(&s->crew.idle))
        sched_notify(s);
}

/* How long it may sleep, and not longer than that. */
static int64_t rest_ns(const struct worker *w, int64_t most)
{
    int64_t rest = worker_rest_ns(w);
    return rest == PARK_FOREVER || rest > most ? most : rest;
}

/* How long the watch sleeps. */
static int64_t watch_ns(struct worker *w)
{
    struct crew *crew = w->crew;
    return rest_ns(w,
                   idle_look_ns(&crew->idle, clock_now(&crew->clock), SCHED_WATCH_NS));
}

/* Where workers sleep in loops (struct nap), things come from outside that nobody pushes;
 * and to call the watch each time that one of them gets up would cost more than what it
 * gets up for. So it goes on for a while after the last of them did. */
static bool lingers(struct crew *crew, const struct worker *watch)
{
    struct idle *idle = &crew->idle;
    uint64_t parks = 0;
    bool naps = false;
    for (uint32_t i = 0; i < crew->count; i++)
        if (i != watch->id) {
            naps = naps || load_acquire(&idle->beds[i].nap) != NULL;
            parks += load_relaxed(&idle->beds[i].parks);
        }
    if (!naps)
        return false;
    int64_t now = clock_now(&crew->clock);
    if (parks != idle->lively) {
        idle->lively = parks;
        idle->lively_at = now;
    }
    return now - idle->lively_at < SCHED_LINGER_NS;
}

/* Asleep, as the watch: wakes up now and then to look for stuck work. False: it is
 * awake, and has found some or got some. True: all the others sleep too. */
static bool keep_watch(struct sched *s, struct worker *w)
{
    struct idle *idle = &s->crew.idle;
    for (;;) {
        /* Before any timer is set, too. */
        bool all_sleep = !lingers(&s->crew, w) && idle_end_watch(idle);
        if (unlikely(stuck_is_due(w, all_sleep)))
            stuck_look(&s->crew);
        if (all_sleep) {
            say_if_all_sleep(s);
            return true;
        }
        if (idle_sleep(idle, w->id, watch_ns(w)))
            break;
        worker_appetites(&s->crew);
        worker_get_up(w);
        /* Or it was for an alarm. */
        bool looks = idle_look_is_due(idle, w->slice.last);
        if ((looks && worker_rescue(w)) || scope_wants_help(w) || !worker_lie_down(w))
            return false;
    }
    worker_get_up(w);
    return false;
}

/* Asleep beside the watch, for as long as that sleeps between two looks. True: it is the
 * watch now. */
static bool stand_by(struct worker *w, bool *is_up)
{
    struct idle *idle = &w->crew->idle;
    if (!idle_nap(idle, w->id) || !idle_stand_by(idle, w->id))
        return false;
    *is_up = idle_sleep(idle, w->id, rest_ns(w, SCHED_WATCH_NS));
    return idle_stand_down(idle, w->id, *is_up, clock_now(&w->crew->clock));
}

bool sched_tidy(struct sched *s, struct worker *w)
{
    return s->tidy && idle_is_asleep(&s->crew.idle, w->id) && s->tidy(w);
}

static void fall_asleep(struct sched *s, struct worker *w)
{
    struct idle *idle = &s->crew.idle;
    say_if_all_sleep(s);
    while (sched_tidy(s, w))
        thread_yield(); /* to whoever has something better to do */
    bool may_watch = s->crew.count > 1 && !w->aloof, is_up = false;
    bool watches = may_watch && (idle_take_watch(idle, w->id) || stand_by(w, &is_up));
    if (!watches || keep_watch(s, w)) {
        if (!is_up)
            (void)idle_sleep(idle, w->id, worker_rest_ns(w));
        worker_get_up(w);
    }
    if (s->crew.count == 1)
        return;
    worker_leave_watch(w);
    if (unlikely(load_relaxed(&idle->beds[w->id].nap) != NULL))
        idle_check_watch(idle); /* what comes from outside may wait behind a handler */
}

/* The loop of a worker's thread, on whichever of its stacks. It ends when it was told to
 * and then looked once more and found nothing; what comes later is for sched_stop. */
static void loop(struct worker *w)
{
    struct sched *s = container_of(w->crew, struct sched, crew);
    for (bool last_look = false;;) {
        while (w->crew->run(w, UINT32_MAX) == UINT32_MAX) {
        }
        if (scope_is_worth_a_look(w) && !w->aloof && scope_help(w))
            continue;
        if (last_look)
            return;
        last_look = load_seq(&s->crew.stopping);
        if (!last_look && worker_lie_down(w))
            fall_asleep(s, w);
    }
}

static void run_worker(void *arg)
{
    struct worker *w = arg;
    if (w->crew->is_probed)
        probe_open(&w->probe);
    fiber_loop(w);
    if (w->crew->is_probed)
        probe_close();
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    worker_enter(w);
    if (w->crew->has_sigstacks)
        sigstack_run(run_worker, w);
    else
        run_worker(w);
    return NULL;
}

int sched_start(struct sched *s)
{
    for (uint32_t i = 0; i < s->crew.count; i++)
        s->crew.workers[i].slice.last = clock_now(&s->crew.clock);
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
        park_wake(&s->beds[0].word, 1);
}

void sched_notify(struct sched *s)
{
    fetch_add_seq(&s->bell.value, 1); /* pairs with whoever waits: looks, then sleeps */
    park_wake(&s->bell, INT_MAX);
}

void sched_tell_asleep(struct sched *s)
{
    store_seq(&s->tells_asleep, true);
    if (s->mode == SCHED_THREADS)
        (void)idle_wake(&s->crew.idle, 0); /* it falls asleep again, and says so */
}

static bool has_work(const struct sched *s)
{
    for (uint32_t i = 0; i < s->crew.count; i++)
        if (worker_has_work(&s->crew.workers[i]))
            return true;
    return false;
}

/* On this thread, as all of the workers: until none of them has anything left. */
static void drain(struct sched *s)
{
    while (has_work(s))
        for (uint32_t i = 0; i < s->crew.count; i++) {
            struct worker *before = worker_enter(&s->crew.workers[i]);
            (void)fiber_step(&s->crew.workers[i], UINT32_MAX);
            worker_enter(before);
        }
}

void sched_stop(struct sched *s)
{
    store_seq(&s->crew.stopping, true);
    for (uint32_t i = 0; i < s->crew.count; i++)
        (void)idle_wake(&s->crew.idle, i);
    for (; s->started > 0; s->started--)
        thread_join(&s->threads[s->started - 1]);
    drain(s);
}

void sched_unring(struct sched *s, int64_t timeout_ns)
{
    if (s->event_fd < 0)
        return;
    struct pollfd p = {.fd = s->poll_fd, .events = POLLIN};
    struct timespec t = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    uint64_t count;
    if (ppoll(&p, 1, &t, NULL) == 1 && read(s->event_fd, &count, sizeof count) < 0)
        count = 0; /* only an alarm is due; the worker looks anyway */
}

/* Has the descriptor readable when the next alarm is due. */
static void set_timer(struct sched *s, const struct worker *w)
{
    int64_t due = w->alarms.next;
    if (s->timer_fd < 0 || due == s->timer_due)
        return;
    s->timer_due = due;
    struct itimerspec at = {.it_value = {due / 1000000000, due % 1000000000}};
    if (due == INT64_MAX)
        at.it_value = (struct timespec){0, 0};
    else if (due <= 0)
        at.it_value.tv_nsec = 1; /* zero would turn it off */
    (void)timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

int sched_poll(struct sched *s, int max, int64_t timeout_ns)
{
    struct worker *w = &s->crew.workers[0];
    struct worker *before = worker_enter(w);
    int turns = 0;
    sched_unring(s, 0);
    for (;;) {
        if (s->asleep)
            worker_get_up(w);
        s->asleep = false;
        turns += (int)fiber_step(w, (uint32_t)(max - turns));
        if (turns >= max) {
            sched_ring(s); /* there may be more */
            break;
        }
        if (!worker_lie_down(w))
            continue;
        s->asleep = true;
        say_if_all_sleep(s);
        if (sched_tidy(s, w))
            sched_ring(s);
        if (turns > 0 || timeout_ns <= 0)
            break;
        sched_unring(s, rest_ns(w, timeout_ns));
        timeout_ns = 0;
    }
    set_timer(s, w);
    worker_enter(before);
    return turns;
}

struct worker *sched_here(const struct sched *s)
{
    struct worker *w = worker_current();
    return w && w->crew == &s->crew ? w : NULL;
}
