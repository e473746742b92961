/* stash.h: messages set aside. */
#ifndef ACTOR_STASH_H
#define ACTOR_STASH_H

#include "actor/self.h"

/* Is there a message to be handled again? */
bool stash_has_next(const struct cell *cell);
/* That message, the receiver's to free. */
struct envelope *stash_next(struct cell *cell);
/* Makes dead letters of everything; there are extras. */
void stash_end(struct cadre_self *self, struct cell *cell);

#endif
