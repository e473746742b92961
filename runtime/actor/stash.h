/* stash.h: messages set aside. */
#ifndef ACTOR_STASH_H
#define ACTOR_STASH_H

#include "actor/extras.h"

/* Is there a message to be handled again? */
static inline bool stash_has_next(const struct cell *cell)
{
    return unlikely(cell->extras != NULL) && cell->extras->back.newest;
}
/* That message, the receiver's to free. */
struct envelope *stash_next(struct cell *cell);
/* Makes dead letters of everything; there are extras. */
void stash_end(struct cadre_self *self, struct cell *cell);

#endif
