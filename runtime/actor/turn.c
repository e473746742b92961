/* turn.c: one turn: a batch of messages, one receive each, the result obeyed.
 *
 * The letter in hand stays in the mailbox while it is handled, because the tail word may
 * point to it; it is freed when the turn has advanced past it. Once advancing has found
 * the mailbox empty, the cell belongs to whoever sends next: nothing of it is touched
 * after that. */
#include "actor/turn.h"

#include "actor/deadletter.h"
#include "actor/exit.h"
#include "actor/stash.h"
#include "base/panic.h"

#include <errno.h>
#include <string.h>

static CC_NOINLINE void trace(struct cadre_self *self, const struct envelope *e)
{
    world_trace(self->world, world_relative(self->world, e->letter.to));
    world_trace(self->world, e->from ? world_relative(self->world, e->from) : 0);
    world_trace(self->world, name_hash(e->type->name));
}

static CC_COLD void failed(struct cadre_self *self, const cadre_type *type, int reason)
{
    char who[ADDRESS_TEXT];
    struct cell *cell = self->cell;
    log_line(&self->world->log, LOG_WARN, "actor %s (%s) failed %s%s: %s (%d)",
             address_text(who, cell_address(self->world, cell)),
             class_name(cell->class), type ? "on " : "at its start",
             type ? (type->name ? type->name : "?") : "", cadre_strerror(reason),
             reason);
    exit_begin(self, reason, EXIT_AT_ONCE);
}

/* What start or receive returned. type: of the message in hand, NULL at the start. */
static void obey(struct cadre_self *self, const cadre_type *type, int result)
{
    if (result == CADRE_STOP) {
        exit_begin(self, 0, EXIT_GENTLY);
    } else {
        failed(self, type, result);
    }
}

/* What a callback may return, or -EINVAL. */
static inline int checked(struct cadre_self *self, int result)
{
    if (likely(result <= CADRE_STOP))
        return result;
    return world_misuse(self->world, -EINVAL, "class %s: a callback returned %d",
                        class_name(self->cell->class), result);
}

/* In a debug build: has the callback left the thread as it found it? */
static void check_thread(struct cadre_self *self, const struct thread_state *before)
{
    const char *changed = thread_state_restore(before);
    if (changed)
        (void)world_misuse(self->world, 0, "class %s: a callback changed %s",
                           class_name(self->cell->class), changed);
}

static void start(struct cadre_self *self)
{
    struct cell *cell = self->cell;
    world_trace(self->world,
                world_relative(self->world, cell_address(self->world, cell)));
    if (cell->phase != PHASE_RUNNING)
        return; /* killed before it began */
    int result =
        cell->class->start ? checked(self, cell->class->start(self, cell->state)) : 0;
    cell->started = result == 0;
    if (result != 0)
        obey(self, NULL, result);
}

static CC_INLINE void receive(struct cadre_self *self, struct envelope *e)
{
    struct cell *cell = self->cell;
    const cadre_type *type = e->type;
    cadre_msg m = {type, {e->from}, {e->token}, e->body};
    self->message = e;
    self->fate = FATE_HANDLED;
    if (unlikely(self->world->simulated))
        trace(self, e);
    int result = checked(self, cell->receive(self, cell->state, &m));
    self->message = NULL;
    if (likely(self->fate <= FATE_MOVED && result >= 0))
        counter_add(&self->handled, 1);
    else if (self->fate != FATE_STASHED)
        deadletter_record(self, e, cell->class,
                          result < 0 ? DEAD_FAILED : DEAD_UNHANDLED);
    if (type->drop && (self->fate == FATE_HANDLED || self->fate == FATE_UNHANDLED))
        type->drop(e->body);
    if (unlikely(result != 0))
        obey(self, type, result);
}

/* Not for this life of this cell, or too late for it. */
static CC_NOINLINE void bounce(struct cadre_self *self, struct envelope *e)
{
    struct cell *cell = self->cell;
    bool ending =
        cell->phase == PHASE_ENDING && e->letter.to == cell_address(self->world, cell);
    bool known = address_generation(e->letter.to) == cell->generation;
    deadletter_record(self, e, known ? cell->class : NULL,
                      ending ? DEAD_STOPPED : DEAD_ENDED);
    body_drop(e->type, e->body);
}

static CC_NOINLINE void take_other(struct cadre_self *self, struct letter *letter)
{
    if (letter->to >= NOTE_KINDS)
        bounce(self, envelope_of(letter));
    else if (letter->to == NOTE_START)
        start(self);
    else
        exit_note(self, letter);
}

static inline bool is_killed(struct cell *cell)
{
    /* Relaxed: the word says all there is to know. */
    return unlikely(life_halts(load_relaxed(&cell->life)) & HALT_KILL);
}

static inline void take(struct cadre_self *self, struct cell *cell,
                        struct letter *letter)
{
    struct thread_state before;
    if (DEBUG_BUILD)
        thread_state_save(&before);
    if (is_killed(cell))
        exit_killed(self);
    if (likely(plain_read(&letter->to) == plain_read(&cell->accepts)))
        receive(self, envelope_of(letter));
    else
        take_other(self, letter);
    if (DEBUG_BUILD)
        check_thread(self, &before);
}

/* What the turn has advanced past. to: read before that, because a stop or kill note is
 * a part of the cell, which may be somebody else's by now. */
static inline void release(struct cadre_self *self, struct letter *letter, uint64_t to)
{
    if (likely(to >= NOTE_KINDS))
        pool_put(&self->pool, letter, envelope_size(envelope_of(letter)->type));
    else if (to == NOTE_START)
        pool_put(&self->pool, letter, sizeof *letter);
    else if (to == NOTE_ENDED_A || to == NOTE_ENDED_B)
        table_put(&self->world->table, &self->cells, cell_of_notice(letter));
}

/* Messages that were set aside and given back. False: no time left for all of them. */
static bool replay(struct cadre_self *self, struct cell *cell, uint32_t *left)
{
    while (cell->stash && stash_has_next(cell)) {
        if (is_killed(cell)) {
            exit_killed(self);
            return true;
        }
        if (*left == 0)
            return false;
        struct envelope *e = stash_next(cell);
        receive(self, e);
        pool_put(&self->pool, e, envelope_size(e->type));
        *left = worker_slice_is_over(self->worker) ? 0 : *left - 1;
    }
    return true;
}

static void requeue(struct cadre_self *self, struct cell *cell, bool late)
{
    plain_write(&cell->late, late);
    worker_requeue(self->worker, &cell->task);
}

static void run(struct cadre_self *self, struct cell *cell)
{
    uint32_t left = self->world->batch;
    bool late =
        plain_read(&cell->late); /* the first letter was taken in an earlier turn */
    if (unlikely(late))
        plain_write(&cell->late, false);
    for (;;) {
        struct letter *letter = letter_of(mpsc_first(&cell->mailbox));
        if (likely(!late)) {
            take(self, cell, letter);
            left--;
        }
        late = false;
        if (unlikely(cell->stash) && !replay(self, cell, &left)) {
            requeue(self, cell, true);
            return;
        }
        uint64_t to = plain_read(&letter->to);
        enum mpsc_state state = mpsc_advance(&cell->mailbox);
        if (unlikely(state == MPSC_LATE)) {
            thread_yield(); /* to the sender, which may have lost its CPU */
            requeue(self, cell, true);
            return;
        }
        release(self, letter, to);
        if (state == MPSC_IDLE)
            return;
        if (left == 0 || worker_slice_is_over(self->worker)) {
            requeue(self, cell, false);
            return;
        }
    }
}

void turn_run(struct task *task, struct worker *worker)
{
    struct cell *cell = container_of(task, struct cell, task);
    struct cadre_self *self = worker->context;
    self->cell = cell;
    store_relaxed(&self->seen_class, cell->class);
    store_release(&self->seen, cell); /* pairs with the load in name_stuck */
    self->now = 0;
    run(self, cell);
    self->cell = NULL;
    store_relaxed(&self->seen, NULL);
}
