/* chain.h: futures of an actor: what comes after an outcome. */
#ifndef ACTOR_CHAIN_H
#define ACTOR_CHAIN_H

#include "actor/op.h"

/* What has to be done with an outcome. */
struct chain_outcome {
    struct op *op;      /* whose it is; afterwards the one that has it now ... */
    struct envelope *e; /* ... and what it is; NULL: nothing is left to be done */
    int result;         /* what a step returned that the actor must obey, or 0 */
};

/* Takes an outcome through its steps, until one that the actor itself handles. */
void chain_run(struct cadre_self *self, struct chain_outcome *outcome);

#endif
