/* stuck.c: which actors hold up a worker or a thread: says so in the log.
 *
 * What a running actor has in hand is its own business: plain fields, and an envelope
 * that may be freed at any moment. The kernel reads it for us (base/peek), and we look
 * twice: when it is the same message before and after, and the turn has been the same
 * for long, so is the type. No message pays for that. */
#include "system/stuck.h"

#include "actor/deadletter.h"
#include "base/peek.h"

#include <cadre/offload.h>

#include <stdio.h>

enum { NAME_MAX_SHOWN = 64, TIME_TEXT = 32 };

static const char *time_text(char text[TIME_TEXT], int64_t ns)
{
    if (ns >= CADRE_SECOND)
        snprintf(text, TIME_TEXT, "%lld.%d s", (long long)(ns / CADRE_SECOND),
                 (int)(ns / (CADRE_SECOND / 10) % 10));
    else
        snprintf(text, TIME_TEXT, "%d ms", (int)(ns / CADRE_MS));
    return text;
}

/* ---- the message in hand ---------------------------------------------------------- */

static bool peek_pointer(void *to, const void *from)
{
    return peek_bytes(to, from, sizeof(void *));
}

/* In receive, and not in another callback? Those leave the field as it was. */
static bool has_message(const struct cadre_self *self, const struct cell *cell,
                        const struct envelope **e)
{
    uint8_t phase;
    struct step *step;
    return peek_bytes(&phase, &cell->note.phase, sizeof phase) &&
           phase == PHASE_RUNNING && peek_pointer(&step, &self->step) && !step &&
           peek_pointer(e, &self->message) && *e;
}

/* False: it has none in hand, or we cannot tell. */
static bool type_in_hand(const struct cadre_self *self, const struct cell *cell,
                         char name[NAME_MAX_SHOWN])
{
    const struct envelope *e, *again;
    const cadre_type *type;
    const char *text;
    return has_message(self, cell, &e) && peek_pointer(&type, &e->type) &&
           peek_pointer(&text, &type->name) && text &&
           peek_text(name, NAME_MAX_SHOWN, text) && has_message(self, cell, &again) &&
           again == e;
}

/* ---- while it runs ---------------------------------------------------------------- */

static const char *class_of(const struct world *world, uint64_t id)
{
    const struct cell *cell = table_resolve(&world->table, id);
    return cell && cell_address(cell) == id ? class_name(cell_class(cell)) : "?";
}

/* What there is to say of an actor whose handler has not returned. */
static void say_stuck(const struct cadre_self *self, const struct cell *cell, int level,
                      const char *what, const char *since)
{
    char who[ADDRESS_TEXT], type[NAME_MAX_SHOWN];
    bool has_type = type_in_hand(self, cell, type);
    log_line(&self->world->log, level,
             "%sactor %s (%s) has not returned from its handler%s%s%s", what,
             address_text(who, cell_address(cell)), class_name(cell_class(cell)), since,
             has_type ? ", on a message of type " : "", has_type ? type : "");
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
             "stop_by: a call that actor %s (%s) offloaded has not returned for %s",
             address_text(who, owner), class_of(world, owner), time_text(time, for_ns));
}

void stuck_name_all(cadre_system *sys)
{
    struct world *world = &sys->world;
    for (uint32_t i = 0; i < sys->settings.workers; i++) {
        const struct cell *cell = load_acquire(&world->selves[i].cell);
        if (cell)
            say_stuck(&world->selves[i], cell, LOG_ERROR, "stop_by: ", "");
    }
    for (int i = 0; i < CADRE_POOLS; i++)
        blocking_running(&world->blocking[i], name_call, world);
}
