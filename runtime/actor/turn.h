/* turn.h: one turn: a batch of messages, one receive each, the result obeyed. */
#ifndef ACTOR_TURN_H
#define ACTOR_TURN_H

#include "actor/self.h"

/* The task->run of every cell. */
void turn_run(struct task *task, struct worker *worker);

#endif
