/* sched.h: the set of workers: start, stop, and who steps them.
 *
 * Three ways to run the same workers: a thread each; a program's own event loop, which
 * polls (SCHED_POLLED); or the simulation in sched/sim, which steps them all. */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include "base/thread.h"
#include "mem/alloc.h"
#include "sched/fiber.h"

enum sched_mode { SCHED_THREADS, SCHED_POLLED, SCHED_SIMULATED };
enum {
    /* How often the watch looks: twice makes a millisecond. In a model time stands still,
     * and each look is due. */
    SCHED_WATCH_NS = ATOMIC_MODEL ? 0 : 500000,
    /* How long it goes on where things come from outside. */
    SCHED_LINGER_NS = 10000000
};

struct sched {
    struct crew crew;
    enum sched_mode mode;
    struct heap *heap;
    struct idle_bed *beds;
    struct topology topology;
    struct thread *threads;
    uint32_t started;
    /* Polled: what is readable when there is work, of these two: something was put in, or
     * an alarm is due. Else -1. */
    int poll_fd, event_fd, timer_fd;
    int64_t timer_due; /* when timer_fd will be */
    bool asleep;       /* SCHED_POLLED: the worker fell asleep in the last poll */
    void (*all_asleep)(void *user); /* set before the start, or NULL: called by the last
                                     * worker to fall asleep; must not block */
    void *all_asleep_user;
    /* What threads outside may wait for has happened so often (sched_notify); and, once
     * tells_asleep is set, that all workers sleep is such a thing. Whoever waits sets it,
     * once. */
    struct park_word bell;
    ATOMIC(bool) tells_asleep;
    /* Set before the start, or NULL: called by a worker that has announced its sleep, for
     * a short piece of housekeeping. True: there is more. */
    bool (*tidy)(struct worker *worker);
};

/* Makes the workers, not their threads. run: of all tasks. polled: with a descriptor;
 * always so with SCHED_POLLED, on request when simulated. Returns 0, -ENOMEM, -EMFILE. */
CC_MUST_CHECK int sched_init(struct sched *sched, struct heap *heap,
                             enum sched_mode mode, uint32_t workers, bool polled,
                             uint64_t seed);
/* Starts the threads, all or none. Returns 0 or -EAGAIN. Where there are none, rings. */
CC_MUST_CHECK int sched_start(struct sched *sched);
/* Tells the workers to end when nothing is left to run; then joins them, and runs what
 * came in last. */
void sched_stop(struct sched *sched);
void sched_fini(struct sched *sched);

/* Makes the descriptor readable, if there is one; and unreadable, after waiting for it
 * at most timeout_ns. */
void sched_ring(struct sched *sched);
void sched_unring(struct sched *sched, int64_t timeout_ns);

/* Wakes the threads outside that wait for something to happen in here; they look at the
 * count before they look for that. Any thread; async-signal safe. */
void sched_notify(struct sched *sched);
/* From now on also each time that all workers sleep, and at once if they do. */
void sched_tell_asleep(struct sched *sched);

/* SCHED_POLLED: runs up to max tasks on this thread (a few more after a handler that was
 * suspended: see fiber_step), waiting for the first of them at most timeout_ns. Returns
 * how many. */
int sched_poll(struct sched *sched, int max, int64_t timeout_ns);

/* A piece of housekeeping by a worker that is about to sleep, unless it is woken. True:
 * there is more. */
bool sched_tidy(struct sched *sched, struct worker *worker);

/* The worker that is running here, when it is one of these; else NULL. */
struct worker *sched_here(const struct sched *sched);

#endif
