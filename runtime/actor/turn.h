/* turn.h: one turn: a batch of messages, one receive each, the result obeyed. */
#ifndef ACTOR_TURN_H
#define ACTOR_TURN_H

#include "actor/self.h"

/* The crew's run: turns of cells. */
uint32_t turn_run(struct worker *worker, uint32_t max);

#endif
