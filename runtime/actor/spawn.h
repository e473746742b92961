/* spawn.h: a new child. */
#ifndef ACTOR_SPAWN_H
#define ACTOR_SPAWN_H

#include "actor/self.h"

/* A class that can be spawned? 0, -EINVAL, -EMSGSIZE. */
int spawn_check(struct world *world, const char *what, const cadre_class *class);

/* A new actor, not yet running. parent NULL: the root, from outside. Errors: pool_get's
 * and table_take's. */
CC_MUST_CHECK int spawn_actor(struct cadre_self *self, struct cell *parent,
                              struct cell **child, const cadre_class *class,
                              const void *init);

/* Makes it run. */
void spawn_schedule(struct cadre_self *self, struct cell *child);

#endif
