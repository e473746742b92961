/* fail.c: to fail with words: the report of a failure.
 *
 * From cadre_fail() to the report the worker keeps the words, so that to fail takes no
 * memory. */
#include "actor/fail.h"

#include "actor/deadletter.h"
#include "actor/family.h"

#include <cadre/fail.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    PATH_ACTORS = 6,   /* that are named */
    COUNT_MAX = 10000, /* messages that are counted: a long queue is not walked */
    TEXT_LAST = LOG_LINE_MAX - 1
};

int cadre_fail(cadre_self *self, int code, const char *fmt, ...)
{
    int err = self_check(self, "cadre_fail");
    if (err)
        return err;
    if (code >= 0 || !fmt)
        return world_misuse(self->world, -EINVAL,
                            "cadre_fail: fmt is NULL, or code %d is not negative",
                            code);
    char text[WORDS_MAX + 2]; /* so that it is seen where the first byte left out is */
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size = size < 0 ? 0 : size > WORDS_MAX ? WORDS_MAX : size;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--; /* not within a character of more than one byte */
    text[size] = '\0';
    self->more = true; /* the turn looks whether it is returned */
    self->words = (struct words){self_address(self), code, ""};
    memcpy(self->words.text, text, (size_t)size + 1);
    return code;
}

const char *fail_words(const struct cadre_self *self, int reason)
{
    const struct words *words = &self->words;
    return words->of == self_address(self) && words->code == reason ? words->text
                                                                    : NULL;
}

void fail_forget(struct cadre_self *self, int result)
{
    if (self->words.of == self_address(self) && self->words.code != result)
        self->words.of = 0;
}

/* ---- the report ------------------------------------------------------------------ */

/* What is written into a line, which may be full. */
struct text {
    size_t used;
    char text[LOG_LINE_MAX];
};

static void add(struct text *text, const char *fmt, ...) CC_PRINTF(2, 3);
static void add(struct text *text, const char *fmt, ...)
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

static void add_actor(struct text *text, const char *before, const struct cell *cell)
{
    char who[ADDRESS_TEXT];
    add(text, "%s%s (%s)", before, address_text(who, cell_address(cell)),
        class_name(cell_class(cell)));
}

static void add_count(struct text *text, const char *before, uint32_t count,
                      const char *one, const char *many)
{
    add(text, "%s%" PRIu32 "%s %s", before, count, count == COUNT_MAX ? " or more" : "",
        count == 1 ? one : many);
}

/* An ancestor outlives those who descend from it. */
static void add_path(struct text *text, const struct table *table,
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

static void report_rest(struct cadre_self *self, uint64_t from, bool has_message)
{
    char who[ADDRESS_TEXT];
    struct text text = {0, ""};
    const struct cell *cell = self_cell(self);
    const struct table *table = &self->world->table;
    add_path(&text, table, cell);
    if (has_message)
        add(&text, "; message from %s", address_text(who, from));
    add_count(&text, "; leaves ", count_messages(self, cell), "message", "messages");
    add_count(&text, ", ", count_children(table, cell), "child", "children");
    add_count(&text, ", ", cell->extras ? cell->extras->ops.count : 0, "operation",
              "operations");
    log_line(&self->world->log, LOG_WARN, "%s", text.text);
}

void fail_report(struct cadre_self *self, const cadre_type *type, uint64_t from,
                 int reason)
{
    uint32_t hidden;
    struct text text = {0, ""};
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
    report_rest(self, from, type != NULL);
}
