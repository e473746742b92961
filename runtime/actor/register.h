/* register.h: actors that give themselves names, and look others up. */
#ifndef ACTOR_REGISTER_H
#define ACTOR_REGISTER_H

#include "actor/self.h"

/* This one ends: it has no names any more. There are extras. */
void register_end(struct cadre_self *self, struct cell *cell);

/* Who has this name: a name or any other text; 0: nobody. Any thread. */
uint64_t register_find(struct world *world, const char *text);

#endif
