/* system.c: what every part of a system's life needs. */
#include "system/system.h"

#include "actor/offload.h"
#include "actor/send.h"
#include "system/registry.h"

#include <errno.h>

enum { POLL_TURNS = 1024, CALL_ONCE_IN = 8 };

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
    sys->reason = reason;
    store_seq(&sys->ended, true); /* pairs with system_has_ended */
    sched_notify(&world->sched);
    sched_ring(&world->sched); /* one more poll is due, which says so */
}

bool system_has_ended(const cadre_system *sys) { return load_seq(&sys->ended); }

bool system_is_finished(cadre_system *sys)
{
    pthread_mutex_lock(&sys->run_lock);
    bool finished = sys->finished;
    pthread_mutex_unlock(&sys->run_lock);
    return finished;
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
    if (turns == 0) /* the first one is the root's start; before it, all sleep too */
        return;
    /* All sleep again, though somebody has run since: then a handler waits for what will
     * never come, and keeps a stop waiting behind it. */
    uint64_t asked = load_relaxed(&sys->asked);
    bool again = asked > 0 && (turns > asked || system_is_simulated(sys));
    store_relaxed(&sys->asked, turns);
    system_halt_root(sys, again ? HALT_KILL : HALT_STOP, 0);
}

/* A handler that has waited leaves the self behind which there was when it began: whoever
 * steps the system may be another one's handler. */
static bool step_simulated(cadre_system *sys)
{
    const struct cadre_self *before = self_here;
    bool stepped = sim_step(&sys->sim, &sys->world.sched);
    self_enter(before);
    return stepped;
}

static int step_polled(cadre_system *sys, cadre_time timeout)
{
    const struct cadre_self *before = self_here;
    int turns = sched_poll(&sys->world.sched, POLL_TURNS, timeout);
    self_enter(before);
    return turns;
}

bool system_sim_step(cadre_system *sys)
{
    struct rng *rng = &sys->sim.order;
    uint32_t waiting = offload_waiting(&sys->world);
    /* A call is over before anybody sleeps until an alarm: it takes no virtual time. */
    if (waiting > 0 && (sim_is_asleep(&sys->sim, &sys->world.sched) ||
                        rng_below(rng, CALL_ONCE_IN) == 0))
        return offload_step(&sys->world, rng_below(rng, waiting));
    return step_simulated(sys);
}

static int simulate_some(cadre_system *sys)
{
    int turns = 0;
    sched_unring(&sys->world.sched, 0);
    while (turns < POLL_TURNS && system_sim_step(sys))
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
        turns =
            system_is_simulated(sys) ? simulate_some(sys) : step_polled(sys, timeout);
    pthread_mutex_unlock(&sys->run_lock);
    return turns;
}

bool system_step(cadre_system *sys, cadre_time until)
{
    struct sched *sched = &sys->world.sched;
    if (!system_is_simulated(sys)) {
        cadre_time rest = until - clock_now(&sched->crew.clock);
        (void)system_poll_once(sys, rest < CADRE_SECOND ? rest : CADRE_SECOND);
        return true;
    }
    int64_t next = sim_next(sched);
    if (next > until && next != INT64_MAX && sim_is_asleep(&sys->sim, sched) &&
        offload_waiting(&sys->world) == 0) { /* nothing happens before */
        clock_advance(&sched->crew.clock, until - clock_now(&sched->crew.clock));
        return true;
    }
    pthread_mutex_lock(&sys->run_lock);
    bool stepped = !sys->finished && system_sim_step(sys);
    if (!stepped && !sys->finished && sys->settings.end_when_quiet)
        system_quiet(sys);
    pthread_mutex_unlock(&sys->run_lock);
    return stepped;
}
