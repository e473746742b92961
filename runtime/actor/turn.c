/* turn.c: one turn: a batch of messages, one receive each, the result obeyed.
 *
 * A turn begins and ends inside the worker's bias, where it takes a letter out of the
 * mailbox; it handles the letter outside. What the others have sent it takes over when a
 * token says so. When there is nothing left the cell is idle, and runs again when
 * somebody schedules it. */
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
             class_name(cell_class(cell)), type ? "on " : "at its start",
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
                        class_name(cell_class(self->cell)), result);
}

/* In a debug build: has the callback left the thread as it found it? */
static void check_thread(struct cadre_self *self, const struct thread_state *before)
{
    const char *changed = thread_state_restore(before);
    if (changed)
        (void)world_misuse(self->world, 0, "class %s: a callback changed %s",
                           class_name(cell_class(self->cell)), changed);
}

static void start(struct cadre_self *self)
{
    struct cell *cell = self->cell;
    world_trace(self->world, world_relative(self->world, load_relaxed(&self->me)));
    cell->phase = PHASE_RUNNING;
    cell_open(cell, self->world->tag);
    int result = cell_class(cell)->start
                     ? checked(self, cell_class(cell)->start(self, cell_state(cell)))
                     : 0;
    cell->started = result == 0;
    if (result != 0)
        obey(self, NULL, result);
}

/* A message that was not just handled: fate, and what receive returned. from: in the
 * envelope, which may be somebody else's by now. */
static CC_NOINLINE void settle(struct cadre_self *self, struct envelope *e,
                               const cadre_type *type, uint64_t from, int result)
{
    struct envelope header = {
        .letter.to = load_relaxed(&self->me), .from = from, .type = type};
    result = checked(self, result);
    if (result < 0 && self->fate != FATE_STASHED)
        deadletter_record(self, &header, cell_class(self->cell), DEAD_FAILED);
    else if (self->fate == FATE_UNHANDLED)
        deadletter_record(self, &header, cell_class(self->cell), DEAD_UNHANDLED);
    else if (self->fate != FATE_STASHED)
        counter_add(&self->handled, 1);
    if (self->fate <= FATE_UNHANDLED) {
        body_drop(type, e->body);
        self_free(self, e);
    }
    if (result != 0)
        obey(self, type, result);
}

/* Afterwards the envelope is free, or somebody else's. True: nothing unusual. */
static CC_INLINE bool receive(struct cadre_self *self, struct cell *cell,
                              struct envelope *e)
{
    const cadre_type *type = e->type;
    uint64_t from = e->from;
    cadre_msg m = {type, {from}, {e->token}, e->body};
    self->message = e;
    self->unusual = 0;
    if (unlikely(self->traced))
        trace(self, e);
    int result = cell->receive(self, cell_state(cell), &m);
    self->message = NULL;
    if (unlikely(result | self->unusual)) {
        settle(self, e, type, from, result);
        return false;
    }
    counter_add(&self->handled, 1);
    if (unlikely(type->drop))
        type->drop(e->body);
    self_free(self, e);
    return true;
}

/* Not for this life of this cell, or too late for it. */
static CC_NOINLINE void bounce(struct cadre_self *self, struct envelope *e)
{
    struct cell *cell = self->cell;
    bool mine = e->letter.to == cell_address(self->world, cell);
    deadletter(self, e, mine ? cell_class(cell) : NULL,
               mine && cell->phase == PHASE_ENDING ? DEAD_STOPPED : DEAD_ENDED);
}

static CC_NOINLINE void take_other(struct cadre_self *self, struct letter *letter)
{
    if (letter->to != NOTE_STOP && letter->to != NOTE_ENDED)
        bounce(self, envelope_of(letter));
    else
        exit_note(self, letter);
}

static inline bool is_killed(const struct cell *cell)
{
    /* Relaxed: the word says all there is to know. */
    return life_halts(load_relaxed(&cell->life)) & HALT_KILL;
}

static CC_COLD void obey_kill(struct cadre_self *self, struct cell *cell)
{
    if (cell->phase == PHASE_BORN)
        cell->phase = PHASE_RUNNING; /* killed before it began: start is not called */
    exit_killed(self);
}

/* The letter in hand, outside the bias. True: nothing unusual. */
static CC_INLINE bool take(struct cadre_self *self, struct cell *cell,
                           struct letter *letter)
{
    struct thread_state before;
    bool usual = false;
    if (DEBUG_BUILD)
        thread_state_save(&before);
    if (unlikely(is_killed(cell)))
        obey_kill(self, cell);
    if (likely(letter->to == load_relaxed(&cell->accepts)))
        usual = receive(self, cell, envelope_of(letter));
    else
        take_other(self, letter);
    if (DEBUG_BUILD)
        check_thread(self, &before);
    return usual;
}

/* Messages that were set aside and given back. Returns how many more there may be; 0:
 * the turn is over, and the next one begins here again. */
static CC_NOINLINE uint32_t replay(struct cadre_self *self, struct cell *cell,
                                   uint32_t left)
{
    while (cell->phase == PHASE_RUNNING && cell->stash && stash_has_next(cell)) {
        bias_enter(&self->worker->bias);
        bool over = worker_slice_is_over(self->worker);
        bias_leave(&self->worker->bias);
        if (left == 0 || over) {
            cell_close(cell); /* so that prepare is called first */
            return 0;
        }
        (void)take(self, cell, &stash_next(cell)->letter);
        left--;
    }
    return left;
}

/* What comes before any letter of a closed mailbox: birth, or what is left of a stash. */
static CC_NOINLINE uint32_t prepare(struct cadre_self *self, struct cell *cell,
                                    uint32_t left)
{
    struct thread_state before;
    if (DEBUG_BUILD)
        thread_state_save(&before);
    if (is_killed(cell)) {
        obey_kill(self, cell);
    } else if (cell->phase == PHASE_BORN) {
        start(self);
        left--;
    } else if (cell->phase == PHASE_RUNNING) {
        cell_open(cell, self->world->tag);
        left = replay(self, cell, left);
    }
    if (DEBUG_BUILD)
        check_thread(self, &before);
    return left;
}

/* Inside, and somebody has told us to look: into the inbox, and at the life word, because
 * whoever kills us tells us as well. */
static CC_NOINLINE void use_token(struct cadre_self *self, struct cell *cell)
{
    plain_write(&cell->task.token, false);
    fifo_append_inbox(&cell->mailbox, inbox_take(&cell->task.inbox, INBOX_EMPTY));
    if (is_killed(cell) && !cell->killed) {
        bias_leave(&self->worker->bias);
        obey_kill(self, cell);
        bias_enter(&self->worker->bias);
    }
}

/* Inside. Nothing is left to do: the cell runs again when somebody schedules it. */
static inline void go_idle(struct cell *cell)
{
    plain_write(&cell->task.scheduled, false);
    if (unlikely(cell_is_closed(cell)) && cell->phase == PHASE_FREE)
        task_give(&cell->task, TASK_NOBODY); /* whoever makes the next life takes it */
}

/* Inside. True: it has more to do. */
static CC_INLINE bool run(struct cadre_self *self, struct worker *worker,
                          struct cell *cell)
{
    uint32_t left = self->batch;
    uint64_t me = load_relaxed(&cell->accepts);
    store_release(&self->me, me); /* who reads it may read the class, too */
    if (unlikely(me >> 56 == 0)) {
        store_release(&self->me, cell_address(self->world, cell));
        bias_leave(&worker->bias);
        left = prepare(self, cell, left);
        bias_enter(&worker->bias);
    }
    while (likely(left > 0)) {
        if (unlikely(plain_read(&cell->task.token)))
            use_token(self, cell);
        struct inbox_node *node = fifo_take(&cell->mailbox);
        if (!node) {
            if (unlikely(plain_read(&cell->task.token)))
                continue; /* it came while the kill was obeyed */
            go_idle(cell);
            return false;
        }
        bias_leave(&worker->bias);
        left--;
        if (unlikely(!take(self, cell, letter_of(node))))
            left = replay(self, cell, left);
        bias_enter(&worker->bias);
        if (worker_slice_is_over(worker))
            break;
    }
    return true;
}

uint32_t turn_run(struct worker *worker, uint32_t max)
{
    struct cadre_self *self = worker->context;
    struct task *task;
    uint32_t left = max;
    while (left > 0 && (task = worker_next(worker))) {
        struct cell *cell = container_of(task, struct cell, task);
        self->cell = cell;
        self->now = 0;
        if (unlikely(run(self, worker, cell)))
            worker_requeue(worker, task);
        left--;
    }
    store_relaxed(&self->me, 0);
    return max - left;
}
