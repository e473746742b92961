/* process.c: an actor whose class runs in a process of its own: what goes in there. */
#include "actor/process.h"

#include "actor/family.h"
#include "actor/send.h"
#include "base/image.h"
#include "base/panic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Bytes put together before they are written: what is behind them waits. */
enum { BATCH = 16 << 10 };
/* Tokens made in one process are below the lowest bit of those made in the next. */
enum { TOKEN_BITS = 40, SERIAL_BITS = 22 };

/* ---- before it lives --------------------------------------------------------------- */

/* On the thread that hears of processes. */
static void heard(struct isolated *run)
{
    struct process *p = container_of(run, struct process, run);
    send_letter(p->world, NULL, p->cell, &p->letter);
}

static int check(struct world *world, const cadre_class *class,
                 const cadre_isolation *limits)
{
    if (limits && (limits->reserved[0] || limits->reserved[1] || limits->timeout < 0))
        return world_misuse(world, -EINVAL,
                            "cadre_spawn_with: isolation: reserved is not zero, or "
                            "timeout < 0");
    if (!world->isolation)
        return -EAGAIN;
    if (image_at(world->image, class) < sizeof *class)
        return world_misuse(world, -EINVAL,
                            "cadre_spawn_with: an isolated class is no constant, or of "
                            "a library loaded later");
    return 0;
}

int process_new(struct cadre_self *self, struct process **process,
                const cadre_class *class, const cadre_isolation *limits)
{
    void *p;
    uint32_t slot;
    struct world *world = self->world;
    int err = check(world, class, limits);
    if (!err)
        err = isolation_take(world->isolation, &slot);
    if (err)
        return err;
    err = pool_get(&self->pool, &p, sizeof **process);
    if (err) {
        isolation_give(world->isolation, slot);
        return err;
    }
    *process = p;
    **process =
        (struct process){.world = world,
                         .limits = limits ? *limits : (cadre_isolation){0},
                         .run = {.of = world->isolation, .slot = slot, .heard = heard},
                         .out.heap = &world->heap,
                         .in = {.heap = &world->heap, .most = CADRE_BODY_MAX}};
    cadre_isolation *l = &(*process)->limits;
    if (!l->memory_max)
        l->memory_max = CADRE_ISOLATED_MEMORY;
    if (!l->timeout)
        l->timeout = CADRE_ISOLATED_TIMEOUT;
    return 0;
}

void process_free(struct cadre_self *self, struct process *p)
{
    if (!p)
        return;
    invariant(!p->lives && fifo_is_empty(&p->waiting) && fifo_is_empty(&p->flying) &&
              fifo_is_empty(&p->owed));
    isolation_give(p->run.of, p->run.slot);
    wire_in_free(&p->in);
    wire_out_free(&p->out);
    pool_put(&self->pool, p, sizeof *p);
}

void process_attach(struct cell *child)
{
    struct process *p = child->extras->process;
    p->cell = child;
    child->receive = process_receive;
    plain_write(&p->letter.to,
                address_letter(cell_address(child)) | (uint32_t)LETTER_PROCESS);
}

/* ---- it lives ---------------------------------------------------------------------- */

void process_set_active(struct cadre_self *self, struct process *p, bool active)
{
    if (p->is_active == active)
        return;
    p->is_active = active;
    if (active)
        counter_add(&self->worker->alarms.set, 1);
    else
        self_count_over(self);
}

/* What it is to know first. Errors: heap_get's. */
static int put_birth(struct cadre_self *self, struct process *p)
{
    struct cell *cell = p->cell;
    const struct cell *parent = family_find(&self->world->table, cell_parent(cell));
    uint64_t serial = fetch_add_relaxed(&p->run.of->births, 1) % (1 << SERIAL_BITS) + 1;
    const struct wire_birth birth = {.class = cell_class(cell),
                                     .me = cell_address(cell),
                                     .parent = parent ? cell_address(parent) : 0,
                                     .first_token = serial << TOKEN_BITS,
                                     .memory_max = p->limits.memory_max,
                                     .timeout = p->limits.timeout,
                                     .unfiltered = p->limits.unfiltered};
    const struct wire_head first = {.kind = WIRE_BIRTH, .size = sizeof birth},
                           then = {.kind = WIRE_STATE,
                                   .size = (uint32_t)birth.class->state_size};
    int err = wire_put(&p->out, &first, &birth);
    return err ? err : wire_put(&p->out, &then, cell->state);
}

int process_start(struct cadre_self *self, struct cell *cell)
{
    struct process *p = cell->extras->process;
    p->out.at = p->out.used = p->in.at = p->in.used = 0;
    int err = put_birth(self, p);
    if (!err)
        err = isolation_start(&p->run);
    if (err)
        return err == CADRE_EFULL ? -ENOMEM : err;
    p->lives = true;
    p->is_over = p->is_stopped = p->stops = p->has_started = p->in.is_empty = false;
    p->answered = NULL;
    p->sent = p->handled = 0;
    process_set_active(self, p, true);
    process_write(self, p);
    return 0;
}

/* ---- messages ---------------------------------------------------------------------- */

/* May it go there? The process knows the types that there were when the system started,
 * and a body that owns something owns it here. */
static bool can_cross(const struct process *p, const cadre_type *type)
{
    return !type->drop && image_at(p->world->image, type) >= sizeof *type;
}

static void append(struct cadre_self *self, struct process *p, struct envelope *e)
{
    fifo_append(&p->waiting, &e->letter.node);
    process_set_active(self, p, true);
    process_write(self, p);
}

int process_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct process *p = self_cell(self)->extras->process;
    struct envelope *e = self->message;
    if (!can_cross(p, m->type)) {
        log_line(&self->world->log, LOG_ERROR,
                 "a message of type %s cannot be sent to an isolated actor: it %s",
                 m->type->name ? m->type->name : "?",
                 m->type->drop ? "has a drop" : "is of a library loaded later");
        return cadre_unhandled(self, m);
    }
    self->fate = FATE_STASHED;        /* its fate comes later: see process_handled */
    extras_back(p->cell, &e->letter); /* it waits still */
    append(self, p, e);
    return 0;
}

void process_forward(struct cadre_self *self, struct cell *cell, struct envelope *e)
{
    struct process *p = cell->extras->process;
    if (letter_kind(&e->letter) == LETTER_ANSWER && !can_cross(p, e->type))
        wire_refuse(e);
    append(self, p, e);
}

/* ---- requests that it was passed ------------------------------------------------- */

struct envelope *process_take_owed(struct cadre_self *self, struct process *p)
{
    struct inbox_node *node = fifo_take(&p->owed);
    if (!node)
        return NULL;
    counter_add(&self->duties_over, 1);
    return envelope_of(letter_of(node));
}

bool process_settle(struct cadre_self *self, struct process *p, uint64_t from,
                    uint64_t token)
{
    struct inbox_node *before = envelope_before(&p->owed, from, token, UINT32_MAX);
    if (before) {
        struct envelope *e = envelope_of(letter_of(before->next));
        fifo_remove_behind(&p->owed, before);
        counter_add(&self->duties_over, 1);
        self_free(self, e);
        return true;
    }
    before = envelope_before(&p->flying, from, token, UINT32_MAX);
    if (!before)
        return false;
    p->answered = envelope_of(letter_of(before->next));
    letter_set_kind(&p->answered->letter, LETTER_PASSED);
    return true;
}

/* The process is through with it: a request waits for its answer, the rest is over. */
static void settle(struct cadre_self *self, struct process *p, struct envelope *e)
{
    extras_left(p->cell, &e->letter);
    if (p->answered == e)
        p->answered = NULL;
    if (letter_kind(&e->letter) != LETTER_CANCEL)
        counter_add(&self->handled, 1);
    if (letter_kind(&e->letter) == LETTER_TOKEN) {
        counter_add(&self->duties, 1);
        fifo_append(&p->owed, &e->letter.node);
    } else {
        self_free(self, e);
    }
}

bool process_handled(struct cadre_self *self, struct process *p, uint64_t count)
{
    if (count < p->handled || count > p->sent)
        return false;
    struct inbox_node *node;
    for (; p->handled < count && (node = fifo_take(&p->flying)); p->handled++)
        settle(self, p, envelope_of(letter_of(node)));
    return true;
}

/* ---- writing ----------------------------------------------------------------------- */

static bool is_put(struct process *p, int err)
{
    if (err)
        process_over(p, -ENOMEM, "there is no memory for what it is sent");
    return !err;
}

/* The next envelope, or the stop behind them. False: there is no more. */
static bool put_next(struct process *p)
{
    struct inbox_node *node = fifo_take(&p->waiting);
    if (node) {
        fifo_append(&p->flying, node);
        p->sent++;
        return is_put(p, wire_put_envelope(&p->out, envelope_of(letter_of(node)), 0));
    }
    if (!p->stops)
        return false;
    p->stops = false;
    const struct wire_head stop = {.kind = WIRE_STOP, .code = p->stop_reason};
    return is_put(p, wire_put(&p->out, &stop, NULL));
}

void process_write(struct cadre_self *self, struct process *p)
{
    while (p->lives && !p->is_over) {
        while (p->out.used < BATCH && put_next(p)) {
        }
        int got = p->out.used == 0 ? 0 : wire_write(&p->out, p->run.fd);
        if (got == 0 || !is_put(p, got < 0))
            break;
        p->wrote_at = clock_now(&self->world->sched.crew.clock);
        self->expects = p->is_quick;
    }
}

/* ---- its end ----------------------------------------------------------------------- */

void process_kill(struct process *p)
{
    if (p->lives)
        (void)isolation_kill(&p->run);
}

void process_over(struct process *p, int code, const char *words)
{
    if (p->is_over)
        return;
    p->is_over = true;
    p->code = code;
    snprintf(p->words, sizeof p->words, "%s", words);
    process_kill(p); /* it has nothing more to say, whatever it thinks */
}

void process_end(struct cadre_self *self, struct process *p, bool gently, int reason)
{
    if (!gently) {
        process_kill(p);
    } else if (p->lives && !p->is_over) {
        p->is_stopped = p->stops = true;
        p->stop_reason = reason;
        process_set_active(self, p, true);
        process_write(self, p);
    }
}
