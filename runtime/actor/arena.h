/* arena.h: memory that an actor owns until its end. */
#ifndef ACTOR_ARENA_H
#define ACTOR_ARENA_H

#include "actor/extras.h"

/* Frees it all; there are extras. */
void arena_end(struct cadre_self *self, struct cell *cell);

#endif
