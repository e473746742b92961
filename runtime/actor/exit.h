/* exit.h: the end of an actor: children first, then itself, then its slot. */
#ifndef ACTOR_EXIT_H
#define ACTOR_EXIT_H

#include "actor/self.h"

/* How the children are asked to end: after what they have, or at once. */
enum exit_manner { EXIT_GENTLY, EXIT_AT_ONCE };

/* The running actor ends with this reason. It takes no more messages from here on; its
 * stop is called when the last child has ended, possibly in a later turn. */
void exit_begin(struct cadre_self *self, int reason, enum exit_manner manner);

/* Nothing is left to wait for: neither children nor handlers. */
bool exit_is_due(const struct cell *cell);
void exit_finish(struct cadre_self *self);

/* It is down, and was released. */
void exit_released(struct cadre_self *self);

/* The life word says kill. */
void exit_killed(struct cadre_self *self);

/* A note arrived that an ending actor may wait for. */
void exit_note(struct cadre_self *self, struct letter *note);

#endif
