/* deadletter.c: messages that nobody will handle: counted, logged, reported.
 *
 * The report lists what was left over while the system was stopping. It is a table of
 * fixed size, made at the start, because stopping must not fail for want of memory; what
 * it has no line for goes to the last one, so that its sums are exact. */
#include "actor/deadletter.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const reasons[] = {
    [DEAD_NOBODY] = "no such actor",
    [DEAD_ENDED] = "it has ended",
    [DEAD_STOPPED] = "it stopped before its turn came",
    [DEAD_FAILED] = "it failed on this message",
    [DEAD_UNHANDLED] = "it does not expect this type",
};

const char *address_text(char text[ADDRESS_TEXT], uint64_t id)
{
    if (id == 0)
        return "outside";
    snprintf(text, ADDRESS_TEXT, "%" PRIu32 ".%" PRIu32, address_slot(id),
             address_generation(id));
    return text;
}

const char *cadre_ref_text(char *text, cadre_ref ref)
{
    return address_text(text, ref.id);
}

const char *class_name(const cadre_class *class)
{
    return class && class->name ? class->name : "?";
}

static const char *type_name(const cadre_type *type)
{
    return type->name ? type->name : "?";
}

int deadletter_report_init(struct world *world)
{
    void *p = NULL;
    int err = heap_get_lines(&world->heap, &p, REPORT_PLACES * sizeof *world->report);
    world->report = p;
    world->report_used = 0;
    pthread_mutex_init(&world->report_lock, NULL);
    return err;
}

void deadletter_report_fini(struct world *world)
{
    pthread_mutex_destroy(&world->report_lock);
    heap_put_lines(&world->heap, world->report, REPORT_PLACES * sizeof *world->report);
}

static struct report_line *line_for(struct world *world, uint64_t to,
                                    const cadre_type *type)
{
    enum { PLACES = REPORT_PLACES - 1 };
    /* No addresses of memory in it: a simulation reports in the same order each time. */
    uint64_t hash = (world_relative(world, to) ^ name_hash(type->name)) *
                    UINT64_C(0x9e3779b97f4a7c15);
    struct report_line *rest = &world->report[PLACES];
    for (uint32_t i = 0; i < PLACES; i++) {
        struct report_line *line = &world->report[((hash >> 32) % PLACES + i) % PLACES];
        if (line->count == 0)
            return world->report_used < REPORT_LINES ? line : rest;
        if (line->to == to && line->type == type)
            return line;
    }
    return rest;
}

static CC_NOINLINE void report(struct world *world, const struct dead_letter *l)
{
    pthread_mutex_lock(&world->report_lock);
    struct report_line *line = line_for(world, l->to, l->type);
    if (line->count++ == 0 && line != &world->report[REPORT_PLACES - 1]) {
        *line = (struct report_line){l->to, class_name(l->class), l->type, 1};
        world->report_used++;
    }
    pthread_mutex_unlock(&world->report_lock);
}

static CC_NOINLINE void log_one(struct cadre_self *self, const struct dead_letter *l,
                                enum dead_reason reason)
{
    uint32_t hidden;
    struct world *world = self->world;
    if (world->log.level < LOG_WARN ||
        !log_allows(&world->dead_log, self_now(self), &hidden))
        return;
    char from[ADDRESS_TEXT], to[ADDRESS_TEXT], more[40] = "";
    if (hidden)
        snprintf(more, sizeof more, " (and %" PRIu32 " more not shown)", hidden);
    log_line(&world->log, LOG_WARN, "dead letter: %s from %s to %s (%s): %s%s",
             type_name(l->type), address_text(from, l->from), address_text(to, l->to),
             class_name(l->class), reasons[reason], more);
}

void deadletter_record(struct cadre_self *self, const struct dead_letter *letter,
                       enum dead_reason reason)
{
    counter_add(&self->dead, 1);
    if (reason != DEAD_FAILED) /* which is noted as what it is */
        self_note(self, EVENT_DEAD, letter->to, letter->from, letter->type);
    if (load_relaxed(&self->world->stopping)) /* a hint: the counters are exact */
        report(self->world, letter);
    log_one(self, letter, reason);
}

int cadre_unhandled(cadre_self *self, const cadre_msg *m)
{
    if (self_check(self, "cadre_unhandled"))
        return 0;
    if (!m || !self->message || m->body != self->message->body ||
        self->fate != FATE_HANDLED)
        return world_misuse(self->world, 0,
                            "cadre_unhandled: m is not the message in "
                            "hand, or was passed on");
    self->fate = FATE_UNHANDLED;
    return 0;
}
