/* cycle.c: actors that wait for each other in a circle. */
#include "actor/cycle.h"

#include "actor/ask.h"
#include "actor/send.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    LOOK_NS = 3000000, /* from one to the next: a circle is found in the second */
    LOOKS_MAX = 256,   /* waits, at a time */
    TEXT_MAX = 280,    /* so that the rest of the line has room, too */
    CLASS_MAX = 40     /* bytes of its name, there */
};

/* One of a worker's list, in the order in which they came. */
struct listed {
    struct listed *next;
    struct cell *cell; /* may be another one's by now */
    uint64_t token;    /* of its request, when it was stamped; 0: it was not */
    int64_t since;
};

struct chase {
    uint64_t who;  /* the actor whose wait is probed ... */
    int64_t since; /* ... and its stamp */
    uint64_t mark; /* where it was after half of `next_mark` steps */
    uint32_t steps, next_mark;
};

struct circle {
    struct chase chase; /* steps: that are left */
    uint32_t used, more;
    char text[TEXT_MAX]; /* who waits for whom; without `more` of them */
};

static const cadre_type look_type = {.name = "look"};
static const cadre_type chase_type = {.name = "chase", .size = sizeof(struct chase)};
static const cadre_type circle_type = {.name = "circle", .size = sizeof(struct circle)};

static int64_t time_now(const struct cadre_self *self)
{
    return clock_now(&self->worker->crew->clock);
}

/* ---- who waits for whom ---------------------------------------------------------- */

/* Its outcome is on its way, or should be. */
static bool is_over(const struct op *op, int64_t now)
{
    uint32_t alarm = load_relaxed(&op->alarm.state);
    return op->told ||
           (alarm != ALARM_OFF && (alarm != ALARM_SET || op->alarm.node.due <= now));
}

/* The request that keeps this actor from everything else; or NULL. */
static const struct op *awaited(const struct cell *cell, int64_t now)
{
    const struct extras *extras = cell_extras(cell);
    const struct op *op = extras && extras->closed ? extras->closed->op : NULL;
    while (op && op->kind == OP_FUTURE)
        op = op->previous;
    return op && op->kind == OP_ASK && !is_over(op, now) ? op : NULL;
}

/* The same, if it was stamped. */
static const struct op *stamped(const struct cell *cell, int64_t now)
{
    const struct op *op = awaited(cell, now);
    return op && cell->extras->stamped == op->token ? op : NULL;
}

/* ---- looks ------------------------------------------------------------------------ */

static void append(struct lookout *l, struct listed *w)
{
    w->next = NULL;
    *l->last = w;
    l->last = &w->next;
}

static struct listed *take_first(struct lookout *l)
{
    struct listed *w = l->first;
    l->first = w->next;
    if (!l->first)
        l->last = &l->first;
    return w;
}

static void set_look(struct cadre_self *self, struct envelope *look, int64_t due)
{
    struct worker *here = self->worker;
    struct lookout *l = &self->lookout;
    l->is_set = true;
    l->alarm.task = &l->cell.task;
    l->alarm.mail = &look->letter.node;
    bias_enter(&here->bias);
    alarm_set(&here->alarms, &l->alarm, due);
    bias_leave(&here->bias);
}

static bool has_look(struct cadre_self *self)
{
    struct envelope *look;
    if (self->lookout.is_set)
        return true;
    if (send_prepare(self, &look, LETTER_CANCEL, &look_type, NULL))
        return false;
    set_look(self, look, time_now(self) + LOOK_NS);
    return true;
}

void cycle_list(struct cadre_self *self, struct cell *cell)
{
    void *p;
    struct extras *extras = cell->extras;
    bool is_told = self->world->log.level >= LOG_WARN;
    if (is_told && (!awaited(cell, 0) || !has_look(self) ||
                    pool_get(&self->pool, &p, sizeof(struct listed))))
        return;
    extras->listed = self->looks;
    if (!is_told)
        return;
    struct listed *w = p;
    *w = (struct listed){.cell = cell};
    append(&self->lookout, w);
}

/* Where the one that waits has asked. */
static void send_on(struct cadre_self *self, struct envelope *e,
                    const struct cell *waits, const struct op *op)
{
    e->from = cell_address(waits);
    envelope_tail(e)->token = op->token;
    send_note(self, e, op->to);
}

static void start_probe(struct cadre_self *self, const struct cell *cell,
                        const struct op *op)
{
    struct envelope *e;
    struct chase p = {
        .who = cell_address(cell), .since = cell->extras->since, .next_mark = 1};
    if (send_prepare(self, &e, LETTER_CANCEL, &chase_type, &p) == 0)
        send_on(self, e, cell, op);
}

/* Does a handler of it wait? Then it is ours, and stays so meanwhile. */
static bool waits_here(struct cadre_self *self, const struct cell *cell)
{
    struct worker *here = self->worker;
    bias_enter(&here->bias);
    bool waits =
        task_is_owned_by(&cell->task, here->id) && plain_read(&cell->task.pinned);
    bias_leave(&here->bias);
    return waits;
}

/* May that one wait, too? Of those that are ours we know. */
static bool may_wait(struct cadre_self *self, uint64_t id)
{
    struct worker *here = self->worker;
    const struct cell *cell = table_resolve(&self->world->table, id);
    if (!cell)
        return false;
    bias_enter(&here->bias);
    bool is_free = task_is_owned_by(&cell->task, here->id) &&
                   !(cell_extras(cell) && cell->extras->closed);
    bias_leave(&here->bias);
    return !is_free;
}

/* Later than all others here: callees wait after their callers. */
static int64_t stamp(struct lookout *l, int64_t now)
{
    l->latest = now > l->latest ? now : l->latest + 1;
    return l->latest;
}

static void look_at(struct cadre_self *self, struct listed *w, int64_t now)
{
    struct lookout *l = &self->lookout;
    struct cell *cell = w->cell;
    const struct op *op = waits_here(self, cell) ? awaited(cell, now) : NULL;
    if (op && !w->token && cell->extras->stamped != op->token) {
        cell->extras->stamped = w->token = op->token;
        cell->extras->since = w->since = stamp(l, now);
        append(l, w);
        return;
    }
    if (op && w->token == op->token && may_wait(self, op->to))
        start_probe(self, cell, op);
    pool_put(&self->pool, w, sizeof *w);
}

static void look(struct cadre_self *self, struct envelope *e)
{
    struct lookout *l = &self->lookout;
    int64_t now = time_now(self), due = now;
    self->looks += self->world->sched.crew.count; /* no other worker's */
    for (int i = 0; i < LOOKS_MAX && l->first; i++) {
        due = l->first->token ? l->first->since + LOOK_NS : now;
        if (due > now)
            break;
        look_at(self, take_first(l), now);
    }
    l->is_set = false;
    if (l->first)
        set_look(self, e, due);
    else
        self_free(self, e);
}

/* ---- probes ----------------------------------------------------------------------- */

static bool is_older(const struct cell *cell, const struct chase *p)
{
    int64_t since = cell->extras->since;
    return since != p->since ? since < p->since : cell_address(cell) < p->who;
}

/* Is it for the first time where it could only be for the first time? */
static bool steps_on(struct chase *p, uint64_t to)
{
    if (p->mark == to)
        return false;
    if (++p->steps == p->next_mark) {
        p->mark = to;
        p->next_mark *= 2;
    }
    return true;
}

static void add(struct circle *c, const struct cell *cell, const char *waits,
                enum owed owed)
{
    char who[ADDRESS_TEXT];
    size_t room = sizeof c->text - c->used;
    int n =
        snprintf(c->text + c->used, room, "%s%s (%.*s%s)", waits,
                 address_text(who, cell_address(cell)), CLASS_MAX,
                 class_name(cell_class(cell)), owed == OWED_LATER ? ", deferred" : "");
    if (c->more == 0 && n > 0 && (size_t)n < room)
        c->used += (uint32_t)n;
    else
        c->more++;
    c->text[c->used] = '\0';
}

static void start_circle(struct cadre_self *self, const struct cell *cell,
                         const struct op *op, const struct chase *p)
{
    struct envelope *e;
    if (send_prepare(self, &e, LETTER_CANCEL, &circle_type, NULL))
        return;
    struct circle *c = (void *)e->body;
    c->chase = *p;
    c->used = c->more = 0;
    add(c, cell, "", OWED);
    send_on(self, e, cell, op);
}

static void say(struct cadre_self *self, struct circle *c, const struct cell *cell,
                enum owed owed)
{
    uint32_t hidden;
    struct world *world = self->world;
    struct circle last = {.used = 0};
    char more[48] = "", others[48] = "";
    if (!log_allows(&world->cycle_log, time_now(self), &hidden))
        return;
    if (c->more)
        snprintf(more, sizeof more, " waits for %" PRIu32 " more", c->more);
    if (hidden)
        snprintf(others, sizeof others, " (and %" PRIu32 " more not shown)", hidden);
    add(&last, cell, " waits for ", owed);
    log_line(&world->log, LOG_WARN,
             "deadlock: %s%s%s: await one open, or ask with a deadline%s", c->text,
             more, last.text, others);
}

/* At the one whose wait was probed, and stands. */
static void come_back(struct cadre_self *self, const struct cell *cell,
                      const struct op *op, struct envelope *e)
{
    if (e->type == &chase_type) {
        start_circle(self, cell, op, (void *)e->body);
    } else {
        enum owed owed = ask_owes(cell, e->from, envelope_tail(e)->token);
        if (owed != OWED_NOT)
            say(self, (void *)e->body, cell, owed);
    }
    self_free(self, e);
}

/* At another one that waits: is it to go on? */
static bool goes_on(const struct cell *cell, struct envelope *e)
{
    struct chase *p = (void *)e->body;
    struct circle *c = (void *)e->body;
    if (!is_older(cell, p))
        return false;
    if (e->type == &chase_type)
        return steps_on(p, cell_address(cell));
    enum owed owed = ask_owes(cell, e->from, envelope_tail(e)->token);
    if (owed == OWED_NOT || p->steps-- == 0) /* there are more than before */
        return false;
    add(c, cell, " waits for ", owed);
    return true;
}

static void take_probe(struct cadre_self *self, const struct cell *cell,
                       struct envelope *e)
{
    const struct chase *p = (void *)e->body;
    const struct op *op = stamped(cell, time_now(self));
    if (op && p->who == cell_address(cell) && p->since == cell->extras->since)
        come_back(self, cell, op, e);
    else if (op && p->who != cell_address(cell) && goes_on(cell, e))
        send_on(self, e, cell, op);
    else
        self_free(self, e);
}

bool cycle_takes(struct cadre_self *self, struct cell *cell, struct envelope *note)
{
    if (note->type == &look_type)
        look(self, note);
    else if (note->type == &chase_type || note->type == &circle_type)
        take_probe(self, cell, note);
    else
        return false;
    return true;
}
