/* shutdown.c: a system ends in phases, with one deadline for all of them.
 *
 * The thread that shuts it down goes through the phases and waits in between; workers
 * only say that all of them sleep. So it takes no more memory than there is, and works
 * the same with workers, polled, and in a simulation. */
#include "actor/closing.h"
#include "actor/deadletter.h"
#include "base/log.h"
#include "system/signals.h"
#include "system/stop.h"
#include "system/stuck.h"

#include <cadre/shutdown.h>

#include <errno.h>
#include <inttypes.h>

/* ---- what it waits for ----------------------------------------------------------- */

static bool is_hurried(cadre_system *sys)
{
    /* Pairs with cadre_serve. */
    return load_acquire(&sys->served) && signals_count() - sys->before >= 2;
}

static bool is_signalled(cadre_system *sys) { return signals_count() != sys->before; }

/* Of one worker, or of all threads outside. */
struct tally {
    uint64_t messages, duties;
};

static void add_over(struct tally *t, const struct cadre_self *self)
{
    t->messages += load_acquire(&self->handled) + load_acquire(&self->dead) +
                   load_acquire(&self->dropped);
    t->duties += load_acquire(&self->duties_over);
}

static void add_begun(struct tally *t, const struct cadre_self *self)
{
    t->messages += load_relaxed(&self->accepted);
    t->duties += load_relaxed(&self->duties);
}

static struct tally tally(const cadre_system *sys,
                          void (*add)(struct tally *t, const struct cadre_self *self))
{
    struct tally t = {0};
    add(&t, sys->world.outside);
    for (uint32_t i = 0; i < sys->settings.workers; i++)
        add(&t, &sys->world.selves[i]);
    return t;
}

/* All slept at one moment, and what was over before it is as much as had begun after it:
 * so nothing was under way then. As in crew_is_quiet. */
static bool is_drained(const cadre_system *sys)
{
    struct tally ends = tally(sys, add_over);
    if (!idle_all_asleep(&sys->world.sched.crew.idle))
        return false;
    struct tally beginnings = tally(sys, add_begun);
    return ends.messages == beginnings.messages && ends.duties == beginnings.duties;
}

static bool is_drained_or_hurried(cadre_system *sys)
{
    return is_drained(sys) || is_hurried(sys);
}

/* ---- the phases ------------------------------------------------------------------ */

static void say_undone(const cadre_system *sys)
{
    struct tally ends = tally(sys, add_over), beginnings = tally(sys, add_begun);
    log_line(&sys->world.log, LOG_WARN,
             "shutdown: not drained; messages that wait or are in hand: %" PRIu64
             "; requests deferred and calls offloaded: %" PRIu64,
             beginnings.messages - ends.messages, beginnings.duties - ends.duties);
}

static void drain(cadre_system *sys, cadre_time until)
{
    struct world *world = &sys->world;
    store_seq(&world->stopping, true); /* first: what comes later is refused */
    closing_begin(world, until);
    sched_tell_asleep(&world->sched);
    log_line(&world->log, LOG_INFO, "shutdown: closing");
    system_await(sys, until, is_drained_or_hurried);
    if (!system_has_ended(sys) && !is_drained(sys))
        say_undone(sys);
}

/* Time is up, or there is hurry. */
static void say_late(cadre_system *sys)
{
    cadre_counters c;
    if (cadre_stats(sys, &c) == 0)
        log_line(&sys->world.log, LOG_WARN, "shutdown: actors to be killed: %" PRIu64,
                 c.actors);
    stuck_name_all(sys);
}

static void say_left(void *user, const cadre_leftover *line)
{
    char who[ADDRESS_TEXT];
    bool is_one = line->count == 1;
    log_line(user, LOG_WARN,
             "shutdown: %" PRIu64 " message%s of type %s %s left for actor %s (%s)",
             line->count, is_one ? "" : "s", line->type->name ? line->type->name : "?",
             is_one ? "was" : "were",
             line->who.id ? address_text(who, line->who.id) : "?", line->actor);
}

static void report(cadre_system *sys)
{
    int64_t sum = cadre_system_report(sys, say_left, &sys->world.log);
    if (sum >= 0)
        log_line(&sys->world.log, sum ? LOG_WARN : LOG_INFO,
                 "shutdown: messages left in all: %" PRId64, sum);
}

static int shut_down(cadre_system *sys, cadre_time for_draining, cadre_time grace)
{
    cadre_time until = system_deadline(sys, grace);
    cadre_time drained = system_deadline(sys, for_draining);
    if (!system_has_ended(sys))
        drain(sys, drained < until ? drained : until);
    if (!is_hurried(sys))
        system_halt_root(sys, HALT_STOP, 0);
    system_await(sys, until, is_hurried);
    if (!system_has_ended(sys))
        say_late(sys);
    int reason = system_end_by(sys, until, is_hurried);
    report(sys);
    return reason;
}

int cadre_system_shutdown(cadre_system *sys, cadre_time for_draining, cadre_time grace)
{
    int err = system_check_waiter(sys);
    if (err)
        return err;
    if (for_draining < 0 || grace < 0)
        return world_misuse(&sys->world, -EINVAL,
                            "cadre_system_shutdown: a time is negative");
    return shut_down(sys, for_draining, grace);
}

/* ---- services -------------------------------------------------------------------- */

static int serve(cadre_system *sys, cadre_time for_draining, cadre_time grace)
{
    system_await(sys, CADRE_NEVER, is_signalled);
    if (system_has_ended(sys) || is_signalled(sys))
        return shut_down(sys, for_draining, grace);
    log_line(&sys->world.log, LOG_ERROR, /* simulated, and asleep for ever */
             "cadre_serve: every actor waits, and nothing will ever come");
    (void)shut_down(sys, for_draining, grace);
    return -EDEADLK;
}

static int check(const cadre_config *config, cadre_time for_draining, cadre_time grace)
{
    struct settings settings;
    struct world only_log = {0};
    int err = config_resolve(&settings, config);
    if (err)
        return err;
    only_log.log = settings.log;
    return for_draining < 0 || grace < 0
               ? world_misuse(&only_log, -EINVAL, "cadre_serve: a time is negative")
               : 0;
}

/* The signals first: one that comes while it starts counts. */
int cadre_serve(const cadre_config *config, const cadre_class *root, const void *init,
                cadre_time for_draining, cadre_time grace)
{
    cadre_system *sys;
    int err = check(config, for_draining, grace);
    if (err)
        return err;
    uint32_t before = signals_hold();
    err = cadre_system_new(&sys, config, root, init);
    if (err) {
        signals_release(false);
        return err;
    }
    sys->before = before;
    store_release(&sys->served, true); /* pairs with is_hurried */
    signals_attach(sys);
    int reason = serve(sys, for_draining, grace);
    bool hurried = is_hurried(sys);
    signals_detach(sys);
    if (system_is_finished(sys))
        (void)cadre_system_free(sys);
    signals_release(hurried);
    return reason;
}
