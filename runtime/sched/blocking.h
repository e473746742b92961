/* blocking.h: threads for calls that block: bounded, on demand.
 *
 * A worker that waits for a disk holds up every task behind it. So what blocks (files,
 * names, the user's own calls) becomes a job for a pool of threads beside the workers.
 * Each kind of call has a pool of its own: one kind cannot starve another.
 *
 * There is no thread at first. A job starts one when no thread is free for it and fewer
 * than threads_max are there; one that finds nothing to do for idle_ns ends. Jobs begin
 * in the order they came in. A pool takes as many as its threads may run, and
 * waiting_max more: what it refuses does not depend on how fast a thread wakes up.
 *
 * The memory of a job is the caller's. From submit on the pool has it, until exactly one
 * of these: `run` is called, blocking_cancel returns true, or blocking_stop hands it to
 * `drop`. From then on the pool does not touch it: `run` passes its result on by itself,
 * and may free the job.
 *
 * One lock, and a condition for each thread to sleep on: a job costs a system call or
 * more anyway. The thread that fell asleep last is woken first, or a trickle of jobs
 * would keep the threads of a burst awake for ever. A thread is started under the lock,
 * so that no job is taken for one that then cannot be started.
 *
 * Any thread may call any function at any time between init and fini, and beside any
 * other, but for two calls of blocking_stop. `run` and `drop` may call all but stop. */
#ifndef SCHED_BLOCKING_H
#define SCHED_BLOCKING_H

#include "base/clock.h"
#include "base/thread.h"
#include "mem/alloc.h"
#include "queue/list.h"

struct blocking_job {
    struct list link; /* under the pool's lock; alone: it does not wait */
    /* Makes the call and passes the result on. It returns: no pthread_exit in it. */
    void (*run)(struct blocking_job *job);
    uint64_t owner; /* whose it is: only reported (blocking_running) */
};

enum { BLOCKING_IDLE_S = 10 };

struct blocking_limits {
    const char *name;     /* of its threads; lasts as long as the pool */
    uint32_t threads_max; /* 0: no threads, somebody calls blocking_step */
    uint32_t waiting_max;
    int64_t idle_ns;    /* 0: BLOCKING_IDLE_S */
    bool has_sigstacks; /* its threads have another stack for signal handlers */
};

/* Since the start, but for the last three. At any time at which nobody is in
 * blocking_step, submitted = done + cancelled + dropped + waiting + running. */
struct blocking_counters {
    uint64_t submitted; /* and taken */
    uint64_t refused;   /* whatever the reason */
    uint64_t done;      /* run has returned */
    uint64_t cancelled, dropped;
    uint32_t waiting, running, threads;
};

/* One thread, or the place for one. All under the lock. */
struct blocking_thread {
    struct blocking *pool; /* constant */
    pthread_cond_t wake;   /* it was taken from the list `idle`, or stopping */
    struct list idle;      /* alone: it does not sleep, or is being woken */
    struct thread thread;
    bool started; /* is to be joined */
    bool ended;   /* joining it does not wait */
    bool runs;    /* a job: */
    uint64_t owner;
    int64_t since_ns;
};

struct blocking {
    struct heap *heap;             /* constant, like the next three */
    struct blocking_limits limits; /* idle_ns is never 0 */
    struct blocking_thread *threads;
    struct clock clock; /* the real one */
    pthread_mutex_t lock;
    pthread_cond_t calm; /* none runs a job any more */
    /* All under the lock. */
    struct list waiting; /* jobs, the oldest first */
    struct list idle;    /* threads that sleep, the last one slept least */
    struct blocking_counters counters;
    bool stopping;
};

static inline void blocking_job_init(struct blocking_job *job,
                                     void (*call)(struct blocking_job *job),
                                     uint64_t owner)
{
    list_init(&job->link);
    job->run = call;
    job->owner = owner;
}

/* Returns 0, -ENOMEM, or CADRE_EFULL at the heap's limit. */
CC_MUST_CHECK int blocking_init(struct blocking *pool, struct heap *heap,
                                const struct blocking_limits *limits);
/* After blocking_stop. */
void blocking_fini(struct blocking *pool);

/* Gives the pool a job that was initialised, and is in no pool. Returns 0; or, and the
 * job is the caller's as before: CADRE_EFULL when there are too many; -EAGAIN when there
 * is no thread and none could be started; -ESHUTDOWN from blocking_stop on. */
CC_MUST_CHECK int blocking_submit(struct blocking *pool, struct blocking_job *job);

/* Takes a job back. True: it has not begun and never will. False: it is not waiting:
 * begun, dropped, or never submitted. The caller knows that its memory is there. */
CC_MUST_CHECK bool blocking_cancel(struct blocking *pool, struct blocking_job *job);

/* Refuses jobs from now on, hands those that wait to `drop` (here, without the lock, the
 * oldest first), then waits for those that run and joins the threads. Doing it again
 * does nothing. */
void blocking_stop(struct blocking *pool, void (*drop)(struct blocking_job *job));

/* With threads_max 0: runs a job that waits, number nth of them (0: the oldest), here.
 * False: there is no such job. */
bool blocking_step(struct blocking *pool, uint32_t nth);

/* How many wait. */
uint32_t blocking_waiting(struct blocking *pool);

/* Calls visit for every job that a thread runs, with its owner and for how long it has
 * run. The job itself may be gone. Under the lock: visit may not use the pool. */
void blocking_running(struct blocking *pool,
                      void (*visit)(void *user, uint64_t owner, int64_t for_ns),
                      void *user);

/* The same of the thread that it is called on: whose job it runs. False: none, or it is
 * no thread of a pool. For signal handlers. */
CC_MUST_CHECK bool blocking_here(uint64_t *owner);

/* Waits until no thread runs a job. False: one still does at that time of the clock. */
CC_MUST_CHECK bool blocking_await_calm(struct blocking *pool, int64_t until_ns);

struct blocking_counters blocking_count(struct blocking *pool);

#endif
