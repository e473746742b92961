/* outcome.c: how an operation has ended, and who is told. */
#include "actor/outcome.h"

#include "actor/after.h"
#include "actor/ask.h"
#include "actor/await.h"
#include "actor/chain.h"
#include "actor/closing.h"
#include "actor/offload.h"
#include "actor/receive.h"
#include "actor/watch.h"

static CC_COLD void note_failure(struct cadre_self *self, const struct envelope *e)
{
    int code = ((const cadre_failure *)(const void *)e->body)->code;
    self_note(self, EVENT_FAILURE, self_address(self), (uint32_t)code, NULL);
}

/* The outcome of an operation, for the actor itself: for the sake of what that was
 * started for. */
static CC_INLINE void receive_outcome(struct cadre_self *self, struct cell *cell,
                                      struct op *op, struct envelope *e)
{
    uint64_t token = op->token;
    bool failed = e->type == &cadre_failure_type;
    cadre_receive *handle =
        after_receive(self, (enum op_kind)op->kind, failed ? op->otherwise : op->then);
    op_context_begin(self, op);
    if (failed)
        note_failure(self, e);
    op_mark_outcome(cell, e, token);
    op_end(self, op);
    (void)receive(self, cell, e, token, &handle);
    op_context_end(self);
}

/* One that other operations lead from, or that a handler waits for. */
static CC_NOINLINE void pass_outcome(struct cadre_self *self, struct cell *cell,
                                     struct op *op, struct envelope *e)
{
    struct chain_outcome o = {op, e, 0};
    if (op->next || op->silent)
        chain_run(self, &o);
    if (o.e && o.op->wait) {
        if (o.e->type == &cadre_failure_type)
            note_failure(self, o.e);
        await_end(self, o.op, o.e);
    } else if (o.e) {
        receive_outcome(self, cell, o.op, o.e);
    } else {
        if (o.result != 0)
            settle_result(self, NULL, 0, settle_check(self, o.result));
        op_context_end(self);
    }
}

static CC_INLINE void take_outcome(struct cadre_self *self, struct cell *cell,
                                   struct op *op, struct envelope *e)
{
    if (unlikely(op->next || op->silent || op->wait))
        pass_outcome(self, cell, op, e);
    else
        receive_outcome(self, cell, op, e);
}

/* What was made for it ahead is now its outcome. */
static struct envelope *take_made(struct cadre_self *self, struct op *op)
{
    struct envelope *e = op->message;
    counter_add(&self->accepted, 1);
    if (op->kind == OP_CLOSING)
        closing_fill(self->world, e);
    else if (op->kind != OP_TIMER)
        return op_take_failure(self, op, op->code, 0);
    else
        self_note(self, EVENT_TIMER, self_address(self), 0, e->type);
    op->message = NULL;
    return e;
}

/* Of one that repeats. */
static void take_tick(struct cadre_self *self, struct cell *cell, struct op *op)
{
    uint64_t token = op->token;
    enum op_kind kind = (enum op_kind)op->kind;
    cadre_receive *then = op->then;
    struct envelope *e = after_rang(self, op);
    if (!e)
        return;
    self_note(self, EVENT_TIMER, cell_address(cell), 0, e->type);
    op_mark_outcome(cell, e, token);
    counter_add(&self->accepted, 1);
    cadre_receive *handle = after_receive(self, kind, then);
    (void)receive(self, cell, e, token, &handle);
}

/* An operation's alarm has rung, or its memory comes back. */
void outcome_take_op(struct cadre_self *self, struct cell *cell, struct op *op)
{
    if (op->dead) {
        if (op->kind == OP_WATCH || op->kind == OP_LINK)
            watch_withdrawn(self, op);
        op_free(self, op);
        return;
    }
    store_relaxed(&op->alarm.state, ALARM_OFF);
    if (self->now < op->alarm.node.due)
        self->now = 0; /* it rang during this turn: it is later than the turn knows */
    if (op->kind == OP_EVERY || op->kind == OP_IDLE) {
        take_tick(self, cell, op);
    } else if (!op->told) {
        take_outcome(self, cell, op, take_made(self, op));
    }
}

void outcome_take_offload(struct cadre_self *self, struct cell *cell,
                          struct letter *letter)
{
    struct envelope *e;
    struct op *op = offload_came(self, letter, &e);
    if (!op || (!e && op->told))
        return;
    counter_add(&self->accepted, e != NULL);
    self_note(self, EVENT_OFFLOAD, cell_address(cell), 0, NULL);
    take_outcome(self, cell, op, e ? e : take_made(self, op));
}

void outcome_take_answer(struct cadre_self *self, struct cell *cell, struct envelope *e)
{
    struct op *op = op_find(cell, envelope_tail(e)->token);
    if (likely(op && op->kind != OP_PROMISE))
        take_outcome(self, cell, op, e);
    else
        ask_answered(self, op, e);
}
