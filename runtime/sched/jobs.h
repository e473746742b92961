/* jobs.h: fork and join, in data: scopes, their jobs, and those that wait on a worker.
 *
 * A scope is opened by a strand, which is a handler or a task that runs on a worker and
 * stays there. Only that strand spawns into it and joins it, so that all jobs of a scope
 * that wait, wait on the worker where it was opened.
 *
 * What waits is a list, guarded by a borrowed lock (base/bias.h) of its own: the worker
 * puts jobs at the young end and takes them from there with plain stores and a load;
 * whoever has nothing else to do seizes the lock, and takes the oldest.
 *
 * Scopes and jobs lie in the memory of those who use them, mostly on their stacks. What
 * others touch of a scope, they touch before they say that the job they took has ended;
 * and its strand does not go on before all have said that. */
#ifndef SCHED_JOBS_H
#define SCHED_JOBS_H

#include "base/bias.h"
#include "base/park.h"
#include "queue/list.h"

struct worker;
struct scope;

/* A scope as its users see it: a pointer to the same. */
struct cadre_scope;
typedef int scope_task(struct cadre_scope *in, void *arg);

struct scope_job {
    struct list link; /* the lock's */
    struct scope *scope;
    scope_task *task;
    void *arg;
};

struct scope {
    struct worker *worker; /* where it was opened ... */
    const void *strand;    /* ... and by whom; constant, like the next one */
    const struct scope *parent;
    struct scope *unsynced;  /* the next of those, while it is one; the worker's */
    uint32_t waiting, taken; /* jobs; the lock's */
    ATOMIC(uint32_t) out;    /* see scope.c */
    ATOMIC(int32_t) err;     /* the first; whoever moves it from 0 */
    ATOMIC(bool) has_forgot; /* a task ended without joining its own scopes */
    bool is_unsynced;        /* the worker's */
};

/* Of one worker. */
struct jobs {
    struct bias lock;       /* around the list */
    struct list list;       /* oldest first; the lock's */
    bool fenced;            /* the lock is not borrowed but paid for; constant */
    bool eager;             /* has helped since it last gave up looking; the worker's */
    int64_t gain;           /* ns, by helping, lately: see scope.c; the worker's */
    uint32_t left;          /* spawns until somebody is called; the worker's */
    const void *strand;     /* what runs: a job, or an odd number for a handler */
    struct scope *unsynced; /* with something to join, newest first; the worker's */
    struct park_word word;  /* wakes it in a join */
    const void *frame;      /* of the turns: what they call has its own below it */
    /* For those who look: how many wait; whoever is inside the lock. */
    ATOMIC(uint32_t) waiting;
    /* How many spawns it lets pass before it calls somebody: doubled with each call by
     * the worker, 1 again by whoever found that it paid. A hint. */
    ATOMIC(uint32_t) reluctance;
};

/* Of all workers of one scheduler. */
struct scopes {
    alignas(CACHE_PAIR) ATOMIC(bool) begun; /* there has been a scope: set once */
    ATOMIC(uint32_t) asleep;                /* how many workers sleep in a join */
    ATOMIC(uint32_t) cancelled; /* how many scopes are, and not joined yet */
};

static inline void scopes_init(struct scopes *scopes)
{
    atomic_set(&scopes->begun, false);
    atomic_set(&scopes->asleep, 0);
    atomic_set(&scopes->cancelled, 0);
}

static inline void jobs_init(struct jobs *jobs)
{
    bias_init(&jobs->lock);
    bias_leave(&jobs->lock);
    list_init(&jobs->list);
    jobs->fenced = jobs->eager = false;
    jobs->gain = 0;
    jobs->left = 1;
    jobs->strand = (const void *)(uintptr_t)1;
    jobs->unsynced = NULL;
    jobs->frame = NULL;
    jobs->word.fd = PARK_ON_FUTEX;
    atomic_set(&jobs->word.value, 0);
    atomic_set(&jobs->waiting, 0);
    atomic_set(&jobs->reluctance, 1);
}

#endif
