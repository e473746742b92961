/* outcome.h: how an operation has ended, and who is told: a handler, other operations
 * that lead from it, or a handler that waits. All by the turn, outside the bias. */
#ifndef ACTOR_OUTCOME_H
#define ACTOR_OUTCOME_H

#include "actor/op.h"

/* An operation's alarm has rung, or its memory comes back. */
void outcome_take_op(struct cadre_self *self, struct cell *cell, struct op *op);
/* A call that may block is over. */
void outcome_take_offload(struct cadre_self *self, struct cell *cell,
                          struct letter *letter);
/* Somebody has answered a request of this life. */
void outcome_take_answer(struct cadre_self *self, struct cell *cell,
                         struct envelope *e);

#endif
