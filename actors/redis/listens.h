/* listens.h: the actor of those who listen to channels. */
#ifndef ACTORS_REDIS_LISTENS_H
#define ACTORS_REDIS_LISTENS_H

#include "link.h"

/* It is asked by cadre_redis_listen. The place outlives it. Errors: cadre_spawn()'s. */
CADRE_MUST_CHECK int listens_spawn(cadre_self *self, cadre_ref *child,
                                   const struct place *place);

#endif
