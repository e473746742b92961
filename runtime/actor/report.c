/* report.c: what the log says of a failure. */
#include "actor/report.h"

#include "actor/deadletter.h"
#include "actor/fail.h"
#include "actor/family.h"
#include "actor/keep.h"
#include "actor/recall.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    PATH_ACTORS = 6,   /* that are named */
    COUNT_MAX = 10000, /* messages that are counted: a long queue is not walked */
    EVENTS_MAX = 8,    /* that are told */
    TEXT_LAST = LOG_LINE_MAX - 1
};

/* What is written into a line, which may be full. */
struct line_text {
    size_t used;
    char text[LOG_LINE_MAX];
};

static void add(struct line_text *text, const char *fmt, ...) CC_PRINTF(2, 3);
static void add(struct line_text *text, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n =
        vsnprintf(text->text + text->used, sizeof text->text - text->used, fmt, args);
    va_end(args);
    text->used += n < 0 ? 0 : (size_t)n;
    if (text->used > TEXT_LAST)
        text->used = TEXT_LAST;
}

static void add_actor(struct line_text *text, const char *before,
                      const struct cell *cell)
{
    char who[ADDRESS_TEXT];
    add(text, "%s%s (%s)", before, address_text(who, cell_address(cell)),
        class_name(cell_class(cell)));
}

static void add_count(struct line_text *text, const char *before, uint32_t count,
                      const char *one, const char *many)
{
    add(text, "%s%" PRIu32 "%s %s", before, count, count == COUNT_MAX ? " or more" : "",
        count == 1 ? one : many);
}

/* An ancestor outlives those who descend from it. */
static void add_path(struct line_text *text, const struct table *table,
                     const struct cell *cell)
{
    const char *before = "  child of ";
    if (cell_parent(cell) == SLOT_NONE)
        add(text, "  the root");
    for (int i = 0; i < PATH_ACTORS; i++, before = ", of ") {
        cell = family_find(table, cell_parent(cell));
        if (!cell)
            return;
        add_actor(text, before, cell);
    }
    if (cell_parent(cell) != SLOT_NONE)
        add(text, ", of others");
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
    char who[ADDRESS_TEXT];
    struct line_text text = {0, ""};
    const struct cell *cell = self_cell(self);
    const struct table *table = &self->world->table;
    add_path(&text, table, cell);
    if (has_message)
        add(&text, "; message from %s", address_text(who, from));
    add_count(&text, "; leaves ", count_messages(self, cell), "message", "messages");
    add_count(&text, ", ", count_children(table, cell), "child", "children");
    add_count(&text, ", ", cell->extras ? cell->extras->ops.count : 0, "operation",
              "operations");
    uint32_t starts =
        cell->extras && cell->extras->keep ? cell->extras->keep->starts : 1;
    if (starts > 1)
        add(&text, "; has started %" PRIu32 " times", starts);
    log_line(&self->world->log, LOG_WARN, "%s", text.text);
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

void report_failure(struct cadre_self *self, const cadre_type *type, uint64_t from,
                    int reason)
{
    uint32_t hidden;
    struct line_text text = {0, ""};
    struct world *world = self->world;
    const char *words = fail_words(self, reason);
    self->words.of = 0;
    if (world->log.level < LOG_WARN ||
        !log_allows(&world->fail_log, self_now(self), &hidden))
        return;
    add_actor(&text, "actor ", self_cell(self));
    add(&text, " failed %s%s: ", type ? "on " : "at its start",
        type ? (type->name ? type->name : "?") : "");
    if (words)
        add(&text, "%s: ", words);
    add(&text, "%s (%d)", cadre_strerror(reason), reason);
    if (hidden)
        add(&text, " (and %" PRIu32 " more not shown)", hidden);
    log_line(&world->log, LOG_WARN, "%s", text.text);
    say_rest(self, from, type != NULL);
    say_events(self);
}
