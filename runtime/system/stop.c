/* stop.c: wait for the end, and bring it about.
 *
 * The end of a system: somebody asks the root to stop, or it stops by itself; its tree
 * ends, children first; the root's last turn says so (system_root_ended). Then whoever
 * waits shuts the gate for tells, lets the workers run what is still in the mailboxes of
 * the dead, joins them, and checks that every message has had its fate. */
#include "system/stop.h"

#include "actor/offload.h"
#include "actor/port.h"
#include "base/panic.h"
#include "system/stuck.h"

#include <cadre/offload.h>

#include <errno.h>

enum { GRACE_MS = 100, LOOK_MS = 10 };

void system_finish(cadre_system *sys)
{
    pthread_mutex_lock(&sys->run_lock);
    if (!sys->finished) {
        /* A tell that saw the gate open is through after this. */
        pthread_mutex_lock(&sys->world.outside_lock);
        pthread_mutex_unlock(&sys->world.outside_lock);
        offload_stop(&sys->world);
        port_stop(&sys->world);
        sched_stop(&sys->world.sched);
        sys->finished = true;
        cadre_counters sums;
        (void)cadre_stats(sys, &sums);
        invariant(sums.accepted == sums.handled + sums.dead + sums.dropped);
        invariant(sums.actors == 0);
    }
    pthread_mutex_unlock(&sys->run_lock);
}

/* Steps a simulation until then, or all sleep. */
static void simulate(cadre_system *sys, cadre_time until, system_condition *done)
{
    struct sched *sched = &sys->world.sched;
    while (!system_has_ended(sys) && !(done && done(sys)) &&
           clock_now(&sched->crew.clock) < until)
        if (!system_sim_step(sys)) {
            if (!sys->settings.end_when_quiet)
                return;
            system_quiet(sys);
        }
}

/* Polls until then; others may want to, too. */
static void poll_until(cadre_system *sys, cadre_time until, system_condition *done)
{
    const cadre_time slice = until == CADRE_NEVER ? CADRE_NEVER : CADRE_MS;
    while (!system_has_ended(sys) && !(done && done(sys)) &&
           clock_now(&sys->world.sched.crew.clock) < until)
        (void)system_poll_once(sys, slice);
}

/* Always with a timeout, so that a signal lets it look around: sanitizers call handlers
 * late. */
static void sleep_until(cadre_system *sys, cadre_time until, system_condition *done)
{
    struct sched *sched = &sys->world.sched;
    for (;;) {
        uint32_t seen = load_seq(&sched->bell.value); /* pairs with sched_notify */
        cadre_time rest = until - clock_now(&sched->crew.clock);
        if (system_has_ended(sys) || (done && done(sys)) || rest <= 0)
            return;
        park_wait(&sched->bell, seen, rest);
    }
}

void system_await(cadre_system *sys, cadre_time until, system_condition *done)
{
    if (sys->settings.mode == SCHED_THREADS) {
        sleep_until(sys, until, done);
    } else if (sys->settings.mode == SCHED_POLLED) {
        poll_until(sys, until, done);
    } else {
        pthread_mutex_lock(&sys->run_lock);
        simulate(sys, until, done);
        pthread_mutex_unlock(&sys->run_lock);
    }
}

cadre_time system_deadline(const cadre_system *sys, cadre_time timeout)
{
    cadre_time now = clock_now(&sys->world.sched.crew.clock);
    return timeout > CADRE_NEVER - now ? CADRE_NEVER : now + timeout;
}

int cadre_system_wait(cadre_system *sys)
{
    int err = system_check_waiter(sys);
    if (err)
        return err;
    if (sys->settings.mode == SCHED_POLLED && !system_has_ended(sys))
        return -EPERM;
    system_await(sys, CADRE_NEVER, NULL);
    if (!system_has_ended(sys))
        return -EDEADLK;
    system_finish(sys);
    return sys->reason;
}

/* Calls that run on other threads end before the system does. Nobody notifies whoever
 * waits for them; so they are waited for a little at a time. */
static bool await_calls(cadre_system *sys, cadre_time until, system_condition *hurry)
{
    for (int i = 0; i < CADRE_POOLS;) {
        cadre_time soon = system_deadline(sys, LOOK_MS * CADRE_MS);
        bool is_last = until <= soon || (hurry && hurry(sys));
        if (blocking_await_calm(&sys->world.blocking[i], until < soon ? until : soon))
            i++;
        else if (is_last)
            return false;
    }
    return true;
}

int system_end_by(cadre_system *sys, cadre_time until, system_condition *hurry)
{
    system_await(sys, until, hurry);
    if (!system_has_ended(sys)) {
        system_halt_root(sys, HALT_KILL, CADRE_EKILLED);
        system_await(sys, system_deadline(sys, GRACE_MS * CADRE_MS), NULL);
    }
    cadre_time grace = system_deadline(sys, GRACE_MS * CADRE_MS);
    if (!system_has_ended(sys) ||
        !await_calls(sys, until > grace ? until : grace, hurry)) {
        stuck_name_all(sys);
        return -ETIMEDOUT;
    }
    system_finish(sys);
    return sys->reason;
}

int cadre_system_stop_by(cadre_system *sys, cadre_time timeout)
{
    int err = system_check_waiter(sys);
    if (err)
        return err;
    if (timeout < 0)
        return world_misuse(&sys->world, -EINVAL, "cadre_system_stop_by: timeout < 0");
    cadre_time until = system_deadline(sys, timeout);
    system_halt_root(sys, HALT_STOP, 0);
    return system_end_by(sys, until, NULL);
}

void cadre_system_stop(cadre_system *sys)
{
    if (system_check(sys) == 0)
        system_halt_root(sys, HALT_STOP, 0);
}
