/* turn.h: one turn: a batch of messages, one receive each, the result obeyed. */
#ifndef ACTOR_TURN_H
#define ACTOR_TURN_H

#include "actor/self.h"

/* The crew's run: turns of cells. */
uint32_t turn_run(struct worker *worker, uint32_t max);

/* In no turn: would the next one of this actor begin with the oldest letter of its
 * mailbox, if there is one, and not with something that comes before all letters? */
bool turn_comes_to_mail(const struct cell *cell);

#endif
