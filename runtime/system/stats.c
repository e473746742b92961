/* stats.c: counters of the whole system, read without stopping it. */
#include "actor/deadletter.h"
#include "actor/extras.h"
#include "system/system.h"

#include <cadre/flow.h>

#include <errno.h>

static void add_self(cadre_counters *c, const struct cadre_self *self)
{
    /* The ends before the beginnings, so that what happens meanwhile is pending. */
    c->handled += load_relaxed(&self->handled);
    c->dead += load_relaxed(&self->dead);
    c->dropped += load_relaxed(&self->dropped);
    c->accepted += load_relaxed(&self->accepted);
    c->actors -= load_relaxed(&self->ended);
    c->spawned += load_relaxed(&self->spawned);
    c->mutes += load_relaxed(&self->mutes);
}

int cadre_stats(const cadre_system *sys, cadre_counters *counters)
{
    int err = system_check(sys);
    if (err)
        return err;
    if (!counters)
        return world_misuse(sys->outside.world, -EINVAL, "cadre_stats: stats is NULL");
    const struct world *world = &sys->world;
    cadre_counters c = {0};
    for (uint32_t i = 0; i < sys->settings.workers; i++) {
        const struct worker *worker = &world->sched.crew.workers[i];
        add_self(&c, &world->selves[i]);
        c.turns += load_relaxed(&worker->turns);
        c.steals += load_relaxed(&worker->steals);
        c.parks += load_relaxed(&world->sched.beds[i].parks);
    }
    add_self(&c, &sys->outside);
    uint64_t done = c.handled + c.dead + c.dropped;
    c.pending = c.accepted > done ? c.accepted - done : 0;
    c.actors += c.spawned;
    c.bytes = load_relaxed(&world->heap.bytes);
    c.trace = load_relaxed(&world->trace);
    c.workers = sys->settings.workers;
    c.simulated = world->simulated;
    *counters = c;
    return 0;
}

/* Under the lock: it is in the list, and so has not ended. */
static void visit_muted(const struct gauge *gauge, const struct extras *extras,
                        void (*visit)(void *user, const cadre_mute *mute), void *user)
{
    const struct cell *who = extras->muted_cell, *by = gauge->cell;
    visit(user, &(cadre_mute){{cell_address(who)},
                              {cell_address(by)},
                              class_name(cell_class(who)),
                              class_name(cell_class(by)),
                              load_relaxed(&gauge->waiting)});
}

int64_t cadre_muted(const cadre_system *sys,
                    void (*visit)(void *user, const cadre_mute *mute), void *user)
{
    int err = system_check(sys);
    if (err)
        return err;
    if (!visit)
        return world_misuse(sys->outside.world, -EINVAL, "cadre_muted: visit is NULL");
    struct gauges *gauges = &sys->outside.world->gauges;
    int64_t sum = 0;
    pthread_mutex_lock(&gauges->lock);
    counter_add(&gauges->asked, 1);
    for (struct list *g = gauges->flooded.next; g != &gauges->flooded; g = g->next) {
        struct gauge *gauge = container_of(g, struct gauge, link);
        for (struct list *m = gauge->muted.next; m != &gauge->muted; m = m->next) {
            visit_muted(gauge, container_of(m, struct extras, muted), visit, user);
            sum++;
        }
    }
    pthread_mutex_unlock(&gauges->lock);
    return sum;
}

int64_t cadre_system_report(cadre_system *sys,
                            void (*visit)(void *user, const cadre_leftover *line),
                            void *user)
{
    static const cadre_type others = {.name = "(others)"};
    int err = system_check(sys);
    if (err)
        return err;
    if (!visit)
        return world_misuse(&sys->world, -EINVAL, "cadre_system_report: visit is NULL");
    if (!system_is_finished(sys))
        return -EBUSY;
    const struct report_line *line = sys->world.report,
                             *rest = &line[REPORT_PLACES - 1];
    int64_t sum = 0;
    for (uint32_t left = sys->world.report_used; left > 0; line++) {
        if (line->count == 0)
            continue;
        visit(user,
              &(cadre_leftover){{line->to}, line->actor, line->type, line->count});
        sum += (int64_t)line->count;
        left--;
    }
    /* Nothing is there before; and memory that nobody has looked at costs nothing. */
    if (sys->world.report_used == REPORT_LINES && rest->count > 0) {
        visit(user, &(cadre_leftover){{rest->to}, "?", &others, rest->count});
        sum += (int64_t)rest->count;
    }
    return sum;
}
