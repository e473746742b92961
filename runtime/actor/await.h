/* await.h: handlers that wait.
 *
 * A wait stands in the frame of the handler that waits, on a stack that nobody runs. The
 * turn in which that happened ends on the worker's next stack, as its first deed there
 * (await_arrive). A later turn of the same actor finds the outcome and says whose it is
 * (self->resumes); back in the loop it switches to the handler, which goes on as if that
 * were its turn. When the stack that found it next runs, it looks for another turn.
 *
 * While a handler waits closed, the actor's other letters are held, in order; afterwards
 * they come before those of its mailbox. Who waits closed meanwhile does not look at them
 * again, unless what it waits for may be among them: so a long queue is read once. */
#ifndef ACTOR_AWAIT_H
#define ACTOR_AWAIT_H

#include "actor/op.h"
#include "sched/fiber.h"

static inline bool await_is_closed(const struct cell *cell)
{
    const struct extras *extras = cell_extras(cell);
    return unlikely(extras != NULL) && extras->closed;
}

/* The operation is over, and the handler that waits for it has this: nothing else may be
 * done in this turn. */
void await_end(struct cadre_self *self, struct op *op, struct envelope *e);
/* Inside the bias; outside afterwards: which stack is the handler's. */
struct fiber *await_depart(struct cadre_self *self);
/* On the worker's next stack, inside the bias: ends the turn in which a handler has begun
 * to wait, if one has. */
void await_arrive(struct cadre_self *self);
/* In the loop, inside the bias: the turn is the handler's, which goes on now. Returns
 * when another one waits; or never. */
static CC_INLINE void await_go_on(struct cadre_self *self)
{
    const void *frame = self->worker->jobs.frame;
    fiber_resume(self->worker, await_depart(self));
    self->worker->jobs.frame = frame;
    self_here = self;
    bias_enter(&self->worker->bias); /* much later */
    await_arrive(self);
}
/* One that cannot go on waiting, or has something to print, or NULL. There are some that
 * wait. */
struct wait *await_find_due(const struct cell *cell);
static inline struct wait *await_due(const struct cell *cell)
{
    const struct extras *extras = cell_extras(cell);
    if (likely(!extras) || !extras->waits ||
        (!extras->roused && cell_phase(cell) == PHASE_RUNNING))
        return NULL;
    return await_find_due(cell);
}
/* Such a one goes on, as in await_end. */
void await_run(struct cadre_self *self, struct wait *wait);
/* Is there one that was held, and nobody waits closed? */
static inline bool await_has_held(const struct cell *cell)
{
    const struct extras *extras = cell_extras(cell);
    return unlikely(extras != NULL) && extras->held.newest && !extras->closed;
}
/* That one. */
struct letter *await_next_held(struct cell *cell);
/* Closed: is this the answer that the handler waits for? */
static inline bool await_is_over(const struct cell *cell, struct letter *letter)
{
    const struct op *op = cell->extras->closed->op;
    return letter_kind(letter) == LETTER_ANSWER && op &&
           envelope_tail(envelope_of(letter))->token == op->token;
}
/* Closed: has this letter to wait until the handler has returned? Then it is held. Or it
 * is what the handler waits for, as in await_end. was_back: it had come back from where
 * it was set aside, and so comes before the others. */
bool await_holds(struct cadre_self *self, struct cell *cell, struct letter *letter,
                 bool was_back);
static inline bool await_takes(struct cadre_self *self, struct cell *cell,
                               struct letter *letter, bool was_back)
{
    if (!await_is_closed(cell))
        return false;
    if (!await_is_over(cell, letter))
        return await_holds(self, cell, letter, was_back);
    await_end(self, cell->extras->closed->op, envelope_of(letter));
    return true;
}
/* What is held is in front of the mailbox again; there are extras. */
void await_give_back(struct cadre_self *self, struct cell *cell);
/* The handler returns: what it has awaited is done with. */
void await_release_second(struct cadre_self *self);
static inline void await_release(struct cadre_self *self)
{
    if (unlikely(self->second != NULL))
        await_release_second(self);
}

#endif
