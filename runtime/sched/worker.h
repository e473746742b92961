/* worker.h: one worker's choices: own work, injected work, stolen work, sleep.
 *
 * A worker is stepped by whoever it runs on: its thread, a program's own event loop, or
 * the simulation. What a running task wakes goes into `next`, which is run first while
 * its cache lines are hot and is nobody else's business: a single woken task never
 * costs a wake-up. Only surplus reaches the ring, where others may take half of it. */
#ifndef SCHED_WORKER_H
#define SCHED_WORKER_H

#include "base/clock.h"
#include "base/rng.h"
#include "queue/inject.h"
#include "queue/runq.h"
#include "sched/idle.h"
#include "sched/task.h"

enum {
    WORKER_RING = 256,
    WORKER_STREAK = 64, /* runs of `next` in a row before the ring has its turn */
    WORKER_LOOK = 61,   /* picks between two looks at the injected work; a prime */
    WORKER_SLICE_NS = 1000000
};

/* What all workers of one scheduler share. */
struct crew {
    struct worker *workers;
    uint32_t count;
    struct idle idle;
    struct inject injected; /* work from outside, and what the rings have no room for */
    struct clock clock;
    alignas(CACHE_LINE) ATOMIC(bool) stopping; /* set once, by sched_stop */
};

struct worker {
    /* The worker's own. */
    struct crew *crew;
    void *context; /* of the tasks' layer; set before the start */
    struct task *next;
    uint32_t id;
    uint32_t streak; /* how often `next` was run in a row */
    uint32_t picks;
    bool searching;
    bool shuffled; /* simulated: choose at random where any choice is right */
    struct rng rng;
    /* Fairness by time: see worker_slice_is_over. */
    uint32_t clock_every, clock_left;
    int64_t clock_last, slice_start;
    /* Written by the worker, read by anybody. */
    ATOMIC(uint64_t) turns;
    ATOMIC(uint64_t) steals;
    ATOMIC(uint64_t) parks;
    /* Shared with thieves. */
    struct runq ring;
    struct runq_slot slots[WORKER_RING];
};

void worker_init(struct worker *worker, struct crew *crew, uint32_t id, uint64_t seed);

/* The worker running on this thread, or NULL. */
extern CC_THREAD_LOCAL struct worker *worker_here;
static inline struct worker *worker_current(void) { return worker_here; }
/* Says which one runs here from now on. Returns the one before. */
struct worker *worker_enter(struct worker *worker);

/* Work that others may take: makes room in the ring, and sees that somebody comes. */
void worker_publish(struct worker *worker, struct task *task);
/* Only from a task running on this worker. Makes a task runnable that this one woke. */
static inline void worker_push(struct worker *worker, struct task *task)
{
    struct task *before = worker->next;
    worker->next = task;
    if (before)
        worker_publish(worker, before);
}
/* The running task itself, behind all others. */
void worker_requeue(struct worker *worker, struct task *task);

/* Runs one task. False: there was none, and the worker is searching. */
bool worker_step(struct worker *worker);
/* Prepares to sleep. True: nothing came in between, so sleep (idle_sleep) and then call
 * worker_woken. False: step again. */
bool worker_may_sleep(struct worker *worker);
void worker_woken(struct worker *worker);

/* Work that somebody could take. */
bool crew_has_work(const struct crew *crew);

/* Asked after each message: has this task had its millisecond? The clock is read every
 * clock_every messages, at most 64, fewer when messages take long. */
bool worker_read_slice(struct worker *worker);
static inline bool worker_slice_is_over(struct worker *worker)
{
    return unlikely(--worker->clock_left == 0) && worker_read_slice(worker);
}

#endif
