/* system.c: what every part of a system's life needs. */
#include "system/system.h"

#include "actor/send.h"
#include "system/registry.h"

#include <errno.h>

enum { POLL_TURNS = 1024 };

int system_check(const cadre_system *sys)
{
    if (!registry_has(sys))
        return -EINVAL;
    return sys->world.orphaned ? -EBADFD : 0;
}

int system_check_waiter(const cadre_system *sys)
{
    int err = system_check(sys);
    if (err)
        return err;
    if (sched_here(&sys->world.sched))
        return -EDEADLK;
    if (system_is_simulated(sys) && !pthread_equal(sys->maker, pthread_self()))
        return -EPERM;
    return 0;
}

void system_root_ended(struct world *world, int reason)
{
    cadre_system *sys = world->system;
    pthread_mutex_lock(&sys->lock);
    sys->ended = true;
    sys->reason = reason;
    pthread_cond_broadcast(&sys->ended_cond);
    pthread_mutex_unlock(&sys->lock);
    sched_ring(&world->sched); /* one more poll is due, which says so */
}

bool system_has_ended(cadre_system *sys)
{
    pthread_mutex_lock(&sys->lock);
    bool ended = sys->ended;
    pthread_mutex_unlock(&sys->lock);
    return ended;
}

void system_halt_root(cadre_system *sys, enum halt halt, int reason)
{
    struct world *world = &sys->world;
    store_seq(&world->stopping, true);
    send_halt(world, NULL, sys->root.id, halt, reason);
}

void system_quiet(void *user)
{
    cadre_system *sys = user;
    uint64_t turns = 0;
    for (uint32_t i = 0; i < sys->settings.workers; i++)
        turns += load_relaxed(&sys->world.sched.crew.workers[i].turns);
    if (turns > 0) /* the first one is the root's start; before it, all sleep too */
        system_halt_root(sys, HALT_STOP, 0);
}

static int simulate_some(cadre_system *sys)
{
    int turns = 0;
    sched_unring(&sys->world.sched, 0);
    while (turns < POLL_TURNS && sim_step(&sys->sim, &sys->world.sched))
        turns++;
    if (turns == POLL_TURNS)
        sched_ring(&sys->world.sched); /* there may be more */
    else if (sys->settings.end_when_quiet)
        system_quiet(sys);
    return turns;
}

int system_poll_once(cadre_system *sys, cadre_time timeout)
{
    int turns = 0;
    pthread_mutex_lock(&sys->run_lock);
    if (!sys->finished)
        turns = system_is_simulated(sys)
                    ? simulate_some(sys)
                    : sched_poll(&sys->world.sched, POLL_TURNS, timeout);
    pthread_mutex_unlock(&sys->run_lock);
    return turns;
}
