/* system.h: what every part of a system's life needs. */
#ifndef SYSTEM_SYSTEM_H
#define SYSTEM_SYSTEM_H

#include "actor/self.h"
#include "sched/sim.h"
#include "system/config.h"

#include <cadre/system.h>

struct cadre_system {
    struct world world;
    struct sim sim;
    struct settings settings;
    struct cadre_self outside;
    cadre_ref root;
    struct annexes *annexes; /* annex.h; NULL: none */
    bool has_probe;     /* it holds the signal that asks threads where they stand */
    pthread_t maker;    /* simulated: the only thread that may use it */
    ATOMIC(bool) ended; /* the root has ended ... */
    int reason;         /* ... for this reason. Both by its last turn */
    pthread_mutex_t
        run_lock;  /* held by whoever runs it without threads, or clears up */
    bool finished; /* under run_lock: the workers have ended too */
    /* Turns when all were found asleep for the last time. Any thread that finds that; it
     * only matters when one of them finds it again. */
    ATOMIC(uint64_t) asked;
    ATOMIC(bool) served; /* cadre_serve: signals end it. By its thread, ... */
    uint32_t before;     /* ... and how many had come earlier */
};

static inline bool system_is_simulated(const cadre_system *sys)
{
    return sys->settings.mode == SCHED_SIMULATED;
}

/* 0, -EINVAL (NULL, freed), -EBADFD (after a fork). */
int system_check(const cadre_system *sys);
/* The same, and -EDEADLK in its own handlers, -EPERM on a strange thread. */
int system_check_waiter(const cadre_system *sys);

/* Asks the root. Async-signal safe. */
void system_halt_root(cadre_system *sys, enum halt halt, int reason);
/* The root's last turn says that it has ended. */
void system_root_ended(struct world *world, int reason);
bool system_has_ended(const cadre_system *sys);
/* Its workers have, too. */
bool system_is_finished(cadre_system *sys);
/* Not SCHED_THREADS: runs what is ready, unless finished. Returns the turns. */
int system_poll_once(cadre_system *sys, cadre_time timeout);
/* One step of a simulation: of a worker, or of a call that would block. False: nothing
 * will happen any more, unless somebody outside does something. */
bool system_sim_step(cadre_system *sys);
/* Runs what is ready a little, or until then. False: nothing will happen any more, unless
 * somebody outside does something. */
bool system_step(cadre_system *sys, cadre_time until);
/* Every worker sleeps: with end_when_quiet that ends it. */
void system_quiet(void *sys);

#endif
