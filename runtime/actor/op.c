/* op.c: pending operations of one actor: token, cancel, release at its end. */
#include "actor/op.h"

#include "actor/send.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- the table ------------------------------------------------------------------- */

enum { MOVE = 8 }; /* chains at a time: a cache line of them */

static size_t bytes_of(uint32_t chains) { return chains * sizeof(struct op *); }

static void insert(struct ops *ops, struct op *op)
{
    struct op **chain = ops_chain(ops, op->token);
    op->chain = *chain;
    *chain = op;
}

/* Empty ones. Large tables come from the kernel, which is quick to zero them. */
static int get_chains(struct cadre_self *self, void **p, uint32_t n)
{
    if (bytes_of(n) > POOL_BLOCK_MAX)
        return heap_get_lines(self->pool.depot->heap, p, bytes_of(n));
    int err = pool_get(&self->pool, p, bytes_of(n));
    if (!err)
        memset(*p, 0, bytes_of(n));
    return err;
}

static void put_chains(struct cadre_self *self, const struct ops *ops,
                       struct op **chains, uint32_t n)
{
    if (chains == ops->few)
        return;
    if (bytes_of(n) > POOL_BLOCK_MAX)
        heap_put_lines(self->pool.depot->heap, chains, bytes_of(n));
    else
        pool_put(&self->pool, chains, bytes_of(n));
}

/* The next old ones; there are some. */
static void move(struct cadre_self *self, struct ops *ops)
{
    uint32_t n = ops->mask / 2 + 1;
    for (int i = 0; i < MOVE && ops->moved < n; i++) {
        struct op *op = ops->old[ops->moved++]; /* so ops_chain is of the new ones */
        for (struct op *next; op; op = next) {
            next = op->chain;
            insert(ops, op);
        }
    }
    if (ops->moved < n)
        return;
    put_chains(self, ops, ops->old, n);
    ops->old = NULL;
    ops->room = ops->mask + 1;
}

/* Twice as many chains; without memory the old ones get longer. */
static void grow(struct cadre_self *self, struct ops *ops)
{
    void *p;
    uint32_t n = ops->mask + 1;
    if (get_chains(self, &p, 2 * n))
        return;
    ops->old = ops->chains;
    ops->moved = ops->room = 0;
    ops->chains = p;
    ops->mask = 2 * n - 1;
}

static CC_NOINLINE void make_room(struct cadre_self *self, struct ops *ops)
{
    if (!ops->old)
        grow(self, ops);
    if (ops->old)
        move(self, ops);
}

static void take_out(struct ops *ops, struct op *op)
{
    struct op **place = ops_chain(ops, op->token);
    while (*place != op)
        place = &(*place)->chain;
    *place = op->chain;
    ops->count--;
}

/* ---- what is done for the sake of what ------------------------------------------- */

static void join(struct op **first, struct op *op)
{
    op->sibling = *first;
    if (op->sibling)
        op->sibling->place = &op->sibling;
    op->place = first;
    *first = op;
}

static inline void leave(struct op *op)
{
    if (likely(!op->place))
        return;
    *op->place = op->sibling;
    if (op->sibling)
        op->sibling->place = op->place;
    op->place = NULL;
    op->parent = NULL;
}

static void orphan(struct op **first)
{
    while (*first)
        leave(*first);
}

/* It belongs to what is being handled, if that is a request or done for one. */
static void inherit(struct cadre_self *self, struct op *op)
{
    struct cause *context = &self->context;
    op->deadline = context->deadline;
    if (!op_has_kin((enum op_kind)op->kind))
        return; /* it belongs to its actor alone */
    op->parent = context->parent;
    if (context->parent)
        join(&context->parent->child, op);
    else if (self->owes == OWES_ANSWER)
        join(&context->young, op);
}

/* The request in hand is to be answered later: what was started for it is for this. */
static void adopt(struct cadre_self *self, struct op *promise)
{
    struct cause *context = &self->context;
    promise->child = context->young;
    if (promise->child)
        promise->child->place = &promise->child;
    for (struct op *child = promise->child; child; child = child->sibling)
        child->parent = promise;
    context->young = NULL;
    context->parent = promise;
}

void op_orphan_young(struct cadre_self *self) { orphan(&self->context.young); }

static_assert(offsetof(struct op, parent) <= 160 && sizeof(struct op) <= 192,
              "both are size classes");

/* ---- one operation --------------------------------------------------------------- */

/* In pieces: the compiler would clear all of it with one slow instruction. */
static CC_INLINE void clear(struct op *op, enum op_kind kind)
{
    enum {
        FIRST = offsetof(struct op, token),
        MIDDLE = offsetof(struct op, next),
        KIN = offsetof(struct op, parent)
    };
    memset((char *)op + FIRST, 0, MIDDLE - FIRST);
    memset((char *)op + MIDDLE, 0, KIN - MIDDLE);
    if (op_has_kin(kind))
        memset((char *)op + KIN, 0, sizeof *op - KIN);
}

static CC_INLINE uint32_t place_of(enum op_kind kind)
{
    const uint32_t with = pool_place_of(pool_class_of(sizeof(struct op)));
    const uint32_t without = pool_place_of(pool_class_of(offsetof(struct op, parent)));
    return op_has_kin(kind) ? with : without;
}

static CC_INLINE int make(struct cadre_self *self, struct op **result,
                          enum op_kind kind)
{
    void *p;
    struct cell *cell = self_cell(self);
    if (unlikely(cell_phase(cell) != PHASE_RUNNING))
        return -ESHUTDOWN;
    uint32_t place = place_of(kind);
    int err = likely(cell->extras != NULL) ? 0 : extras_make(self, cell);
    if (unlikely(err))
        return err;
    if (likely(pool_has(pool_at(&self->pool, place))))
        p = pool_take(&self->pool, place);
    else if ((err = pool_get_slowly(&self->pool, &p, place / POOL_PLACE)))
        return err;
    struct op *op = *result = p;
    clear(op, kind);
    plain_write(&op->letter.to,
                address_letter(cell_address(cell)) | (uint32_t)LETTER_OP);
    op->letter.place = place;
    atomic_set(&op->alarm.state, ALARM_OFF);
    op->alarm.node.link.next = NULL; /* in no wheel */
    op->kind = (uint8_t)kind;
    op->code = -ETIMEDOUT;
    return 0;
}

static inline void add(struct cadre_self *self, struct op *op)
{
    struct ops *ops = &self_cell(self)->extras->ops;
    if (unlikely(ops->count++ >= ops->room))
        make_room(self, ops);
    insert(ops, op);
}

static CC_INLINE int make_named(struct cadre_self *self, struct op **result,
                                enum op_kind kind, uint64_t token)
{
    int err = make(self, result, kind);
    if (unlikely(err))
        return err;
    struct op *op = *result;
    op->token = token ? token : self_next_token(self);
    inherit(self, op);
    add(self, op);
    return 0;
}

int op_new(struct cadre_self *self, struct op **op, enum op_kind kind)
{
    return make_named(self, op, kind, 0);
}

int op_new_named(struct cadre_self *self, struct op **op, enum op_kind kind,
                 uint64_t token)
{
    return make_named(self, op, kind, token);
}

int op_new_failing(struct cadre_self *self, struct op **op, enum op_kind kind)
{
    int err = op_new(self, op, kind);
    if (err)
        return err;
    err = send_prepare_failure(self, &(*op)->message);
    if (unlikely(err))
        op_end(self, *op);
    return err;
}

int op_new_promise(struct cadre_self *self, struct op **op, struct envelope *request)
{
    int err = make(self, op, OP_PROMISE);
    if (err)
        return err;
    (*op)->token = envelope_tail(request)->token | OP_PROMISED;
    (*op)->deadline = envelope_tail(request)->deadline;
    (*op)->message = request;
    (*op)->in_hand = true;
    adopt(self, *op);
    add(self, *op);
    counter_add(&self->duties, 1);
    return 0;
}

void op_set_alarm(struct cadre_self *self, struct op *op, int64_t due)
{
    struct worker *here = self->worker;
    op->alarm.task = &self_cell(self)->task;
    op->alarm.mail = &op->letter.node;
    bias_enter(&here->bias);
    alarm_set(&here->alarms, &op->alarm, due);
    bias_leave(&here->bias);
}

/* It stands in the world's list, not in a wheel. */
static bool cancel_closing(struct cadre_self *self, struct op *op)
{
    pthread_mutex_lock(&self->world->outside_lock);
    bool off = load_relaxed(&op->alarm.state) == ALARM_SET; /* else it rings already */
    if (off) {
        list_remove(&op->alarm.node.link);
        store_relaxed(&op->alarm.state, ALARM_OFF);
    }
    pthread_mutex_unlock(&self->world->outside_lock);
    return off;
}

static CC_NOINLINE bool cancel_alarm(struct cadre_self *self, struct op *op)
{
    if (op->kind == OP_CLOSING)
        return cancel_closing(self, op);
    struct worker *here = self->worker;
    struct worker *home = &here->crew->workers[op->alarm.worker];
    bias_enter(&here->bias);
    bool off = alarm_cancel(&here->alarms, &home->alarms, &op->alarm);
    bias_leave(&here->bias);
    return off;
}

/* True: its letter is not on its way, and never will be. */
static inline bool silence(struct cadre_self *self, struct op *op)
{
    return load_relaxed(&op->alarm.state) == ALARM_OFF || cancel_alarm(self, op);
}

/* Tells whoever was asked that nobody waits any more, if there is memory for it. */
static void recall(struct cadre_self *self, const struct op *op)
{
    struct envelope *e;
    if (send_prepare(self, &e, LETTER_CANCEL, &send_note_type, NULL))
        return;
    envelope_tail(e)->token = op->token;
    send_note(self, e, op->to);
}

/* Its letter is at home, so nobody else looks at what is behind it. */
static struct envelope *become(struct op *op)
{
    struct envelope *e = envelope_of(&op->letter); /* of the same block, and place */
    op->became = true;
    letter_set_kind(&e->letter, LETTER_OUTCOME);
    e->type = &cadre_failure_type;
    envelope_tail(e)->token = op->token;
    envelope_tail(e)->deadline = CADRE_NEVER;
    return e;
}

struct envelope *op_take_failure(struct cadre_self *self, struct op *op, int code,
                                 int cause)
{
    struct envelope *e = op->message ? op->message : become(op);
    e->from = op->kind == OP_ASK ? op->to : self_address(self);
    cadre_failure failure = {.code = code, .cause = cause, .origin = {e->from}};
    memcpy(e->body, &failure, sizeof failure);
    op->message = NULL;
    return e;
}

/* It comes from a worker that may sleep for long: the failure does not wait, if there is
 * a message for it. */
static void tell(struct cadre_self *self, struct op *op)
{
    if (!op->message && send_prepare_failure(self, &op->message))
        return;
    op->told = true;
    send_answer(self, op_take_failure(self, op, op->code, 0), self_address(self),
                op->token);
}

void op_fail(struct cadre_self *self, struct op *op, int code)
{
    if (op->kind == OP_ASK)
        recall(self, op); /* and so do those further down */
    op->code = code;
    if (silence(self, op)) {
        store_relaxed(&op->alarm.state, ALARM_RANG); /* as if: its letter comes */
        send_letter(self->world, self, self_cell(self), &op->letter);
    } else if (load_relaxed(&op->alarm.state) == ALARM_CANCELLED && !op->told) {
        tell(self, op);
    }
}

void op_free(struct cadre_self *self, struct op *op)
{
    self_free(self, envelope_of(&op->letter)); /* by its place */
}

/* Nothing leads to it any more. */
static void unchain(const struct cell *cell, struct op *op)
{
    const struct join *join = op->join;
    for (uint32_t i = 0; join && i < join->count; i++) {
        struct op *member = op_find(cell, join->tokens[i]);
        if (member && member->next == op)
            member->next = NULL;
    }
    if (op->previous)
        op->previous->next = NULL;
}

/* What it has of its own. */
static void release(struct cadre_self *self, struct op *op)
{
    struct envelope *e = op->message;
    /* The body of a request went when its handler returned. */
    if (e && op->kind != OP_PROMISE)
        body_drop(e->type, e->body);
    if (e)
        self_free(self, e);
    op->message = NULL;
    if ((op->kind == OP_OFFLOAD || op->kind == OP_PORT) && op->outside)
        (void)op->withdraw(self, op->outside);
    if (op->kind == OP_FUTURE && op->join)
        pool_put(&self->pool, op->join, op_join_bytes(op->join->count));
}

/* The handler that waits for it will have to go on without. */
static void forget_wait(struct cadre_self *self, struct op *op)
{
    op->wait->op = NULL;
    op->wait->cancelled = true;
    op->wait = NULL;
    self_cell(self)->extras->roused = true;
    self->more = true;
    self_cell(self)->task.odd = ODD;
}

/* No handler does anything for the sake of that promise any more. */
static void forget_parent(struct cadre_self *self, const struct op *op)
{
    struct wait *wait = self_cell(self)->extras->waits;
    if (self->context.parent == op)
        self->context.parent = NULL;
    for (; unlikely(wait != NULL); wait = wait->next)
        if (wait->hand.context.parent == op)
            wait->hand.context.parent = NULL;
}

/* What only others than requests have: made ahead, led to, done for their sake. */
static CC_NOINLINE void end_rest(struct cadre_self *self, struct cell *cell,
                                 struct op *op)
{
    if (op->kind == OP_PROMISE)
        counter_add(&self->duties_over, 1);
    if (op->kind == OP_FUTURE)
        unchain(cell, op);
    if (op_has_kin((enum op_kind)op->kind)) {
        leave(op);
        orphan(&op->child);
    }
    release(self, op);
    forget_parent(self, op);
    if (self->step && self->step->of == op)
        self->step->of = NULL;
    if (cell->extras->idle == op)
        cell->extras->idle = NULL;
}

/* Out of all that knows it. */
static CC_INLINE void detach(struct cadre_self *self, struct op *op)
{
    struct cell *cell = self_cell(self);
    take_out(&cell->extras->ops, op);
    if (unlikely(op->next != NULL) && op->next->previous == op)
        op->next->previous = NULL;
    if (op->kind == OP_ASK)
        leave(op);
    else
        end_rest(self, cell, op);
    if (unlikely(op->wait != NULL))
        forget_wait(self, op);
    op->dead = true;
}

void op_end(struct cadre_self *self, struct op *op)
{
    detach(self, op);
    if (!op->became && silence(self, op))
        op_free(self, op);
}

/* One that leads to this, or NULL. */
static struct op *source_of(const struct cell *cell, struct op *op)
{
    if (op->kind != OP_FUTURE)
        return NULL;
    for (struct join *join = op->join; join && join->left > 0; join->left--) {
        struct op *member = op_find(cell, join->tokens[join->left - 1]);
        if (member && member->next == op)
            return member;
    }
    return op->previous;
}

/* Nobody wants to be told any more: that needs no memory, for the operation itself is the
 * letter that says so, and is freed there. */
static void end_watch(struct cadre_self *self, struct op *op)
{
    struct cell *cell = table_resolve(&self->world->table, op->to);
    detach(self, op);
    if (!cell) {
        op_free(self, op);
        return;
    }
    plain_write(&op->letter.to, address_letter(op->to) | (uint32_t)LETTER_OP);
    send_letter(self->world, self, cell, &op->letter);
}

/* It leads nowhere now, and nothing leads to it. */
static void abandon_one(struct cadre_self *self, struct op *op)
{
    if (op->kind == OP_WATCH || op->kind == OP_LINK) {
        end_watch(self, op);
        return;
    }
    if (op->kind == OP_ASK)
        recall(self, op);
    op_end(self, op);
}

/* From the sources to here; each forgets the way when it is gone. */
static void abandon_all(struct cadre_self *self, struct op *op)
{
    const struct cell *cell = self_cell(self);
    struct op *source, *at = op;
    for (;;) {
        while ((source = source_of(cell, at)))
            at = source;
        struct op *next = at == op ? NULL : at->next;
        abandon_one(self, at);
        if (!next)
            return;
        at = next;
    }
}

void op_abandon_rest(struct cadre_self *self, struct op *op)
{
    const struct join *join = op->join;
    for (uint32_t i = 0; i < join->count; i++) {
        struct op *member = op_find(self_cell(self), join->tokens[i]);
        if (member && member->next == op) {
            member->next = NULL;
            abandon_all(self, member);
        }
    }
}

/* What this one leads to will have no outcome from it. */
static void fail_next(struct cadre_self *self, struct op *op)
{
    struct op *next = op->next;
    op->next = NULL;
    if (!next)
        return;
    if (next->previous == op)
        next->previous = NULL;
    if (next->join) {
        next->join->failures++;
        if (!op_join_has_failed(next->join))
            return;
        op_abandon_rest(self, next);
    }
    op_fail(self, next, -ECANCELED);
}

void op_abandon(struct cadre_self *self, struct op *op)
{
    fail_next(self, op);
    abandon_all(self, op);
}

/* The handler that has deferred it waits: when it returns, its turn fails the request. */
static void undo_defer(const struct cell *cell, struct op *op)
{
    struct wait *wait = cell->extras->waits;
    while (wait->hand.message != op->message || wait->hand.fate != FATE_DEFERRED)
        wait = wait->next;
    wait->hand.fate = FATE_HANDLED;
    wait->hand.owes = OWES_ANSWER;
    op->message = NULL;
}

/* But not the next one, where that one has gone down. */
static void kill_linked(struct cadre_self *self, const struct op *op, int reason)
{
    const struct cell *cell = table_resolve(&self->world->table, op->to);
    if (cell && cell_is_odd(cell) == op->odd)
        send_halt(self->world, self, op->to, HALT_KILL, reason);
}

void ops_end(struct cadre_self *self, struct cell *cell, int reason)
{
    struct ops *ops = &cell->extras->ops;
    while (ops->old)
        move(self, ops);
    for (uint32_t i = 0; i <= ops->mask; i++)
        for (struct op *op; (op = ops->chains[i]);) {
            if (op->kind == OP_PROMISE && op->in_hand) {
                undo_defer(cell, op);
            } else if (op->kind == OP_PROMISE) {
                struct envelope *request = op->message;
                op->message = NULL;
                send_failure(self, request, cell_address(cell), CADRE_EDEAD, reason);
            } else if (op->kind == OP_LINK && reason != 0) {
                kill_linked(self, op, reason);
            }
            abandon_one(self, op);
        }
    put_chains(self, ops, ops->chains, ops->mask + 1);
    ops_init(ops);
}
