/* closing.h: who is told that the system closes.
 *
 * An operation whose message was made ahead, like a timer's; but its alarm stands in a
 * list of the world, and rings when the system begins to close, or at once when it does
 * already.
 *
 *   operation                  by whom                              inside
 *   cadre_when_closing         the actor's turn                     the outside lock
 *   its cancelling (op.c)      the same                             the outside lock
 *   closing_begin              a thread that shuts the system down  the outside lock */
#ifndef ACTOR_CLOSING_H
#define ACTOR_CLOSING_H

#include "actor/op.h"

/* Everybody who wants to know is told that the system closes, and may take until then to
 * drain. Again: nothing, but that time. Any thread that is not a worker. */
void closing_begin(struct world *world, cadre_time drain_until);

/* Its time has come: what the message says. */
void closing_fill(struct world *world, struct envelope *e);

#endif
