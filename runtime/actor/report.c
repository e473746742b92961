/* report.c: what the log says of a failure. */
#include "actor/report.h"

#include "actor/deadletter.h"
#include "actor/fail.h"
#include "actor/family.h"
#include "actor/keep.h"
#include "actor/recall.h"

enum {
    PATH_ACTORS = 6,   /* that are named */
    COUNT_MAX = 10000, /* messages that are counted: a long queue is not walked */
    EVENTS_MAX = 8     /* that are told */
};

static void put_actor(struct text *text, const char *before, const struct cell *cell)
{
    text_put(text, before);
    recall_put_address(text, cell_address(cell));
    text_put(text, " (");
    text_put(text, class_name(cell_class(cell)));
    text_put(text, ")");
}

static void put_count(struct text *text, const char *before, uint32_t count,
                      const char *one, const char *many)
{
    text_put(text, before);
    text_decimal(text, count);
    text_put(text, count == COUNT_MAX ? " or more " : " ");
    text_put(text, count == 1 ? one : many);
}

/* An ancestor outlives those who descend from it. */
static void put_path(struct text *text, const struct table *table,
                     const struct cell *cell)
{
    const char *before = "  child of ";
    if (cell_parent(cell) == SLOT_NONE)
        text_put(text, "  the root");
    for (int i = 0; i < PATH_ACTORS; i++, before = ", of ") {
        cell = family_find(table, cell_parent(cell));
        if (!cell)
            return;
        put_actor(text, before, cell);
    }
    if (cell_parent(cell) != SLOT_NONE)
        text_put(text, ", of others");
}

/* Those that have come so far. */
static uint32_t count_messages(struct cadre_self *self, const struct cell *cell)
{
    uint32_t count = 0;
    bias_enter(&self->worker->bias);
    const struct inbox_node *newest = plain_read(&cell->mailbox.newest), *at = newest;
    while (at && count < COUNT_MAX) {
        count++;
        at = plain_read(&at->next);
        if (at == newest)
            break;
    }
    bias_leave(&self->worker->bias);
    return count;
}

static uint32_t count_children(const struct table *table, const struct cell *cell)
{
    uint32_t count = 0, slot = cell->family.child;
    for (; slot != SLOT_NONE && count < COUNT_MAX; count++)
        slot = table_find(table, slot)->family.older;
    return count;
}

static void say_rest(struct cadre_self *self, uint64_t from, bool has_message)
{
    char line[LOG_LINE_MAX];
    struct text text = text_begin(line, sizeof line);
    const struct cell *cell = self_cell(self);
    const struct extras *extras = cell->extras;
    const struct table *table = &self->world->table;
    put_path(&text, table, cell);
    if (has_message) {
        text_put(&text, "; message from ");
        recall_put_address(&text, from);
    }
    put_count(&text, "; leaves ", count_messages(self, cell), "message", "messages");
    put_count(&text, ", ", count_children(table, cell), "child", "children");
    put_count(&text, ", ", extras ? extras->ops.count : 0, "operation", "operations");
    if (extras && extras->keep && extras->keep->starts > 1) {
        text_put(&text, "; has started ");
        text_decimal(&text, extras->keep->starts);
        text_put(&text, " times");
    }
    log_line(&self->world->log, LOG_WARN, "%s", line);
}

/* What this worker knows of it: it may have been elsewhere before. */
static void say_events(struct cadre_self *self)
{
    struct event events[EVENTS_MAX];
    char line[LOG_LINE_MAX];
    int64_t now = clock_now(&self->world->sched.crew.clock);
    unsigned count = recall_find(self->worker, self_address(self), events, EVENTS_MAX);
    struct text text = text_begin(line, sizeof line);
    for (unsigned i = 0; i < count; i++) {
        text_put(&text, i ? "; " : "  lately: ");
        recall_put(&text, &events[i], now);
    }
    if (count > 0)
        log_line(&self->world->log, LOG_WARN, "%s", line);
}

static void say_what(struct cadre_self *self, const cadre_type *type, int reason,
                     const char *words, uint32_t hidden)
{
    char line[LOG_LINE_MAX];
    struct text text = text_begin(line, sizeof line);
    put_actor(&text, "actor ", self_cell(self));
    text_put(&text, type ? " failed on " : " failed at its start");
    text_put(&text, !type ? "" : type->name ? type->name : "?");
    text_put(&text, ": ");
    text_put(&text, words ? words : "");
    text_put(&text, words ? ": " : "");
    text_put(&text, cadre_strerror(reason));
    recall_put_code(&text, reason);
    if (hidden) {
        text_put(&text, " (and ");
        text_decimal(&text, hidden);
        text_put(&text, " more not shown)");
    }
    log_line(&self->world->log, LOG_WARN, "%s", line);
}

void report_failure(struct cadre_self *self, const cadre_type *type, uint64_t from,
                    int reason)
{
    uint32_t hidden;
    struct world *world = self->world;
    const char *words = fail_words(self, reason);
    if (unlikely(world->uplink)) /* the report is made outside, with these words */
        return;
    self->words.of = 0;
    if (world->log.level < LOG_WARN ||
        !log_allows(&world->fail_log, self_now(self), &hidden))
        return;
    say_what(self, type, reason, words, hidden);
    say_rest(self, from, type != NULL);
    say_events(self);
}
