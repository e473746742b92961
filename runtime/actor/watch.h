/* watch.h: who is told when an actor has ended.
 *
 * A watch is an envelope that stays with the actor that is watched, in a list, and comes
 * back as the news. It also brings the memory for that list, should there be none. So
 * neither to take a watch in nor to tell can fail.
 *
 * The operation that waits for the news says where in the list its envelope stands
 * (op->entry): that is read and written by the turns of the one that is watched alone.
 * To withdraw a watch the operation itself, which is over, goes there as a letter
 * (op.c), and takes the entry out: behind the watch, because letters keep their order.
 * It is in memory as long as there is an entry, since the news goes out after that. */
#ifndef ACTOR_WATCH_H
#define ACTOR_WATCH_H

#include "actor/op.h"

/* A watch has come, for this life of the cell or another one, in whatever phase. */
void watch_came(struct cadre_self *self, struct cell *cell, struct envelope *e);
/* Nobody waits any more for what this one, which is dead, has watched here. */
void watch_withdrawn(struct cadre_self *self, struct op *op);
/* The end is complete. Watches that wait in the mailbox were sent before: when they come
 * they are told why. */
void watch_mark(struct cadre_self *self, struct cell *cell);
/* All who are in the list are told. There are extras. */
void watch_tell(struct cadre_self *self, struct cell *cell);
/* The same with links alone: the actor is down, and will start again without them. */
void watch_tell_links(struct cadre_self *self, struct cell *cell);

#endif
