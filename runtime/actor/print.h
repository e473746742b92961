/* print.h: where handlers wait, to the log.
 *
 * Only the stack itself knows who stands on it. So a suspended handler that is to tell is
 * resumed, prints, and suspends again, with the wait as it was. */
#ifndef ACTOR_PRINT_H
#define ACTOR_PRINT_H

#include "actor/op.h"

/* Somebody wants to know: marks all that wait, who are then due (await.h). Frees e. */
void print_asked(struct cadre_self *self, struct cell *cell, struct envelope *e);
/* By a handler that waits, on its stack: does so. */
void print_wait(struct cadre_self *self, struct wait *wait);

#endif
