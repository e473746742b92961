/* stuck.c: which actors hold up a worker or a thread: says so in the log.
 *
 * Where the handler stands its thread says itself (base/probe). It may have returned in
 * the meantime: the stack is printed only when the worker has done nothing else since. */
#include "system/stuck.h"

#include "actor/deadletter.h"
#include "base/backtrace.h"
#include "system/hand.h"

#include <cadre/offload.h>

#include <stdio.h>

enum { TIME_TEXT = 32, FRAME_TEXT = 256 };

static const char *time_text(char text[TIME_TEXT], int64_t ns)
{
    if (ns >= CADRE_SECOND)
        snprintf(text, TIME_TEXT, "%lld.%d s", (long long)(ns / CADRE_SECOND),
                 (int)(ns / (CADRE_SECOND / 10) % 10));
    else
        snprintf(text, TIME_TEXT, "%d ms", (int)(ns / CADRE_MS));
    return text;
}

/* ---- while it runs ---------------------------------------------------------------- */

static const char *class_of(const struct world *world, uint64_t id)
{
    const struct cell *cell = table_resolve(&world->table, id);
    return cell && cell_address(cell) == id ? class_name(cell_class(cell)) : "?";
}

/* Where a worker stands. */
struct stand {
    void *frames[PROBE_FRAMES];
    unsigned count;
    const char *none; /* with 0: why, or NULL: nobody has asked for it */
};

static uint64_t done_by(const struct cadre_self *self)
{
    return load_relaxed(&self->worker->turns) + stuck_handled(self->worker);
}

static void find_stand(const struct cadre_self *self, struct stand *stand)
{
    const struct cadre_system *sys = self->world->system;
    uint64_t done = done_by(self);
    stand->count = 0;
    stand->none = NULL;
    if (!sys->settings.stuck_stacks)
        return;
    if (!sys->has_probe) {
        stand->none = "the signal for it is the program's";
        return;
    }
    stand->count = probe_ask(&self->worker->probe, stand->frames, &stand->none);
    if (stand->count > 0 && done != done_by(self)) {
        stand->count = 0;
        stand->none = "it has just gone on";
    }
}

static void say_stand(const struct log *log, const struct stand *stand, int level)
{
    char text[FRAME_TEXT];
    for (unsigned i = 0; i < stand->count; i++) {
        backtrace_describe(text, sizeof text, stand->frames[i]);
        log_line(log, level, "  #%u %s", i, text);
    }
}

/* What there is to say of an actor whose handler has not returned. */
static void say_stuck(const struct cadre_self *self, const struct cell *cell, int level,
                      const char *what, const char *since)
{
    struct stand stand;
    char who[ADDRESS_TEXT], type[HAND_NAME];
    bool has_type = hand_type(self, cell, type);
    find_stand(self, &stand);
    bool has_none = stand.count == 0 && stand.none;
    log_line(&self->world->log, level,
             "%sactor %s (%s) has not returned from its handler%s%s%s%s%s", what,
             address_text(who, cell_address(cell)), class_name(cell_class(cell)), since,
             has_type ? ", on a message of type " : "", has_type ? type : "",
             has_none ? "; no stack: " : "", has_none ? stand.none : "");
    say_stand(&self->world->log, &stand, level);
}

void stuck_report(struct worker *worker, int64_t for_ns, bool has_returned)
{
    const struct cadre_self *self = worker->context;
    const struct world *world = self->world;
    char who[ADDRESS_TEXT], time[TIME_TEXT], since[TIME_TEXT + sizeof " for "];
    time_text(time, for_ns);
    const struct cell *cell = load_acquire(&self->cell); /* pairs with turn_run */
    if (has_returned && worker->stuck.who) {
        uint64_t id = worker->stuck.who;
        log_line(&world->log, LOG_INFO,
                 "actor %s (%s) has returned from its handler after %s",
                 address_text(who, id), class_of(world, id), time);
    } else if (has_returned) {
        log_line(&world->log, LOG_INFO, "worker %u has returned from a task after %s",
                 worker->id, time);
    } else if (cell) {
        worker->stuck.who = cell_address(cell);
        snprintf(since, sizeof since, " for %s", time);
        say_stuck(self, cell, LOG_WARN, "", since);
    } else {
        log_line(&world->log, LOG_WARN, "worker %u has not returned from a task for %s",
                 worker->id, time);
    }
}

uint64_t stuck_handled(const struct worker *worker)
{
    const struct cadre_self *self = worker->context;
    return load_relaxed(&self->handled) + load_relaxed(&self->dead) +
           load_relaxed(&self->dropped);
}

/* ---- at the end ------------------------------------------------------------------- */

static void name_call(void *user, uint64_t owner, int64_t for_ns)
{
    const struct world *world = user;
    char who[ADDRESS_TEXT], time[TIME_TEXT];
    log_line(&world->log, LOG_ERROR,
             "stopping: a call that actor %s (%s) offloaded has not returned for %s",
             address_text(who, owner), class_of(world, owner), time_text(time, for_ns));
}

void stuck_name_all(cadre_system *sys)
{
    struct world *world = &sys->world;
    for (uint32_t i = 0; i < sys->settings.workers; i++) {
        const struct cell *cell = load_acquire(&world->selves[i].cell);
        if (cell)
            say_stuck(&world->selves[i], cell, LOG_ERROR, "stopping: ", "");
    }
    for (int i = 0; i < CADRE_POOLS; i++)
        blocking_running(&world->blocking[i], name_call, world);
}
