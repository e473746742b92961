/* ask.h: requests and answers. */
#ifndef ACTOR_ASK_H
#define ACTOR_ASK_H

#include "actor/op.h"

/* An answer came for the running actor. The operation that waits for it, or NULL: none
 * does, and the answer is somebody else's now, or gone. */
struct op *ask_answered(struct cadre_self *self, struct envelope *answer);
/* A note came that nobody waits for the answer to a request any more. */
void ask_recalled(struct cadre_self *self, struct envelope *note);
/* The handler of a request that was deferred has returned. */
void ask_deferred(struct cadre_self *self, struct envelope *request);

#endif
