/* burst.c: changes that were not told yet. */
#include "burst.h"

#include <string.h>

static bool is(const char *name, const char *other) { return strcmp(name, other) == 0; }

static struct burst_row *row_at(const struct burst *b, uint32_t i)
{
    return rows_at(&b->rows, sizeof(struct burst_row), i);
}

static int kind_of(uint32_t mask)
{
    return mask & (IN_CREATE | IN_MOVED_TO)     ? CADRE_CHANGE_CREATED
           : mask & (IN_DELETE | IN_MOVED_FROM) ? CADRE_CHANGE_REMOVED
                                                : CADRE_CHANGE_CHANGED;
}

/* The last one that concerns this name, or NULL. */
static cadre_change *last_of(const struct burst *b, const char *name)
{
    for (uint32_t i = b->rows.count; i-- > 0;) {
        cadre_change *c = burst_at(b, i);
        if (is(c->name, name) || is(c->from, name))
            return c;
    }
    return NULL;
}

/* Is that what was told of it already: it is there, and not what it was? */
static bool joins(const struct burst *b, const struct inotify_event *e)
{
    cadre_change *last = last_of(b, e->name);
    if (!last || !is(last->name, e->name) || last->kind == CADRE_CHANGE_REMOVED)
        return false;
    last->is_closed = last->is_closed || e->mask & IN_CLOSE_WRITE;
    return true;
}

/* Where what was moved away has gone. It was at the end of what is known, or nearly. */
static bool arrives(const struct burst *b, const struct inotify_event *e)
{
    for (uint32_t i = b->rows.count; i-- > 0;) {
        struct burst_row *row = row_at(b, i);
        if (row->cookie != e->cookie)
            continue;
        cadre_change *c = &row->change;
        memcpy(c->from, c->name, sizeof c->from);
        strncpy(c->name, e->name, sizeof c->name - 1);
        c->kind = CADRE_CHANGE_RENAMED;
        c->is_closed = true;
        row->cookie = 0;
        return true;
    }
    return false;
}

static void append(struct burst *b, const struct inotify_event *e)
{
    struct burst_row row = {
        .change = {.kind = kind_of(e->mask),
                   .is_folder = e->mask & IN_ISDIR,
                   .is_closed = e->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)},
        .cookie = e->mask & IN_MOVED_FROM ? e->cookie : 0};
    strncpy(row.change.name, e->name, sizeof row.change.name - 1);
    if (rows_reserve(&b->rows, sizeof row))
        b->lost = true;
    else
        rows_append(&b->rows, sizeof row, &row);
}

void burst_add(struct burst *b, const char *name, const struct inotify_event *e)
{
    b->lost = b->lost || e->mask & IN_Q_OVERFLOW;
    b->gone =
        b->gone || e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED);
    if (e->len == 0) /* the folder's own, or none */
        return;
    bool moves = e->mask & (IN_MOVED_FROM | IN_MOVED_TO);
    if (e->mask & IN_MOVED_TO && arrives(b, e))
        return;
    if (name[0] && !is(name, e->name) && !(e->mask & IN_MOVED_FROM))
        return;
    if (moves || kind_of(e->mask) != CADRE_CHANGE_CHANGED || !joins(b, e))
        append(b, e);
}

bool burst_ends_in_move(const struct burst *b)
{
    return b->rows.count > 0 && row_at(b, b->rows.count - 1)->cookie != 0;
}

bool burst_finish(cadre_change *c, const char *name)
{
    if (!name[0] || is(c->from, name))
        return true;
    if (c->kind == CADRE_CHANGE_RENAMED) { /* where it came from is no matter */
        c->kind = CADRE_CHANGE_CREATED;
        c->from[0] = '\0';
    }
    return is(c->name, name);
}
