/* isolate.h: what comes out of the process of an isolated actor. */
#ifndef ACTOR_ISOLATE_H
#define ACTOR_ISOLATE_H

#include "actor/process.h"

/* The envelope that a frame says, for self to send; there, too. Errors: pool_get's. */
CC_MUST_CHECK int isolate_envelope(struct cadre_self *self, struct envelope **envelope,
                                   const struct wire_head *head, const void *body);
/* Its class starts in a process, which says so when it has. */
void isolate_start(struct cadre_self *self, struct cell *cell);
/* There are news of its process, in whatever phase it is. */
void isolate_came(struct cadre_self *self, struct cell *cell, struct letter *letter);

#endif
