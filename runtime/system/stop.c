/* stop.c: wait for the end, and bring it about.
 *
 * The end of a system: somebody asks the root to stop, or it stops by itself; its tree
 * ends, children first; the root's last turn says so (system_root_ended). Then whoever
 * waits shuts the gate for tells, lets the workers run what is still in the mailboxes of
 * the dead, joins them, and checks that every message has had its fate. */
#include "system/stop.h"

#include "actor/offload.h"
#include "base/panic.h"
#include "system/stuck.h"

#include <cadre/offload.h>

#include <errno.h>
#include <time.h>

enum { GRACE_MS = 100 };

void system_finish(cadre_system *sys)
{
    pthread_mutex_lock(&sys->run_lock);
    if (!sys->finished) {
        /* A tell that saw the gate open is through after this. */
        pthread_mutex_lock(&sys->world.outside_lock);
        pthread_mutex_unlock(&sys->world.outside_lock);
        offload_stop(&sys->world);
        sched_stop(&sys->world.sched);
        sys->finished = true;
        cadre_counters sums;
        (void)cadre_stats(sys, &sums);
        invariant(sums.accepted == sums.handled + sums.dead + sums.dropped);
        invariant(sums.actors == 0);
    }
    pthread_mutex_unlock(&sys->run_lock);
}

/* Steps a simulation until the root has ended, or virtual time is up, or all sleep. */
static void simulate(cadre_system *sys, cadre_time until)
{
    struct sched *sched = &sys->world.sched;
    while (!system_has_ended(sys) && clock_now(&sched->crew.clock) < until)
        if (!system_sim_step(sys)) {
            if (!sys->settings.end_when_quiet)
                return;
            system_quiet(sys);
        }
}

static struct timespec at(cadre_time when)
{
    return (struct timespec){when / CADRE_SECOND, when % CADRE_SECOND};
}

static cadre_time deadline_after(cadre_time now, cadre_time timeout)
{
    return timeout > CADRE_NEVER - now ? CADRE_NEVER : now + timeout;
}

/* Under the lock. Runs or sleeps until the root has ended or time is up. */
static void await_end(cadre_system *sys, cadre_time until)
{
    struct sched *sched = &sys->world.sched;
    struct timespec t = at(until);
    if (sys->settings.mode == SCHED_THREADS) {
        int err = 0;
        while (!sys->ended && err != ETIMEDOUT)
            err = until == CADRE_NEVER
                      ? pthread_cond_wait(&sys->ended_cond, &sys->lock)
                      : pthread_cond_timedwait(&sys->ended_cond, &sys->lock, &t);
        return;
    }
    pthread_mutex_unlock(&sys->lock);
    if (system_is_simulated(sys)) {
        pthread_mutex_lock(&sys->run_lock);
        simulate(sys, until);
        pthread_mutex_unlock(&sys->run_lock);
    } else {
        while (!system_has_ended(sys) && clock_now(&sched->crew.clock) < until)
            (void)system_poll_once(sys, CADRE_MS);
    }
    pthread_mutex_lock(&sys->lock);
}

int cadre_system_wait(cadre_system *sys)
{
    int err = system_check_waiter(sys);
    if (err)
        return err;
    pthread_mutex_lock(&sys->lock);
    if (sys->settings.mode == SCHED_POLLED && !sys->ended)
        err = -EPERM;
    else
        await_end(sys, CADRE_NEVER);
    if (!err && !sys->ended)
        err = -EDEADLK;
    int reason = sys->reason;
    pthread_mutex_unlock(&sys->lock);
    if (err)
        return err;
    system_finish(sys);
    return reason;
}

/* Calls that run on other threads end before the system does. */
static bool await_calls(cadre_system *sys, cadre_time until)
{
    for (int i = 0; i < CADRE_POOLS; i++)
        if (!blocking_await_calm(&sys->world.blocking[i], until))
            return false;
    return true;
}

int cadre_system_stop_by(cadre_system *sys, cadre_time timeout)
{
    int err = system_check_waiter(sys);
    if (err)
        return err;
    if (timeout < 0)
        return world_misuse(&sys->world, -EINVAL, "cadre_system_stop_by: timeout < 0");
    const struct clock *clock = &sys->world.sched.crew.clock;
    cadre_time until = deadline_after(clock_now(clock), timeout);
    system_halt_root(sys, HALT_STOP, 0);
    pthread_mutex_lock(&sys->lock);
    await_end(sys, until);
    if (!sys->ended) {
        system_halt_root(sys, HALT_KILL, CADRE_EKILLED);
        await_end(sys, clock_now(clock) + GRACE_MS * CADRE_MS);
    }
    bool ended = sys->ended;
    int reason = sys->reason;
    pthread_mutex_unlock(&sys->lock);
    cadre_time grace = clock_now(clock) + GRACE_MS * CADRE_MS;
    if (!ended || !await_calls(sys, until > grace ? until : grace)) {
        stuck_name_all(sys);
        return -ETIMEDOUT;
    }
    system_finish(sys);
    return reason;
}

void cadre_system_stop(cadre_system *sys)
{
    if (system_check(sys) == 0)
        system_halt_root(sys, HALT_STOP, 0);
}
