/* ask.h: requests and answers. */
#ifndef ACTOR_ASK_H
#define ACTOR_ASK_H

#include "actor/op.h"

/* An answer came that the running actor does not wait for. promise: to answer the request
 * that has its token, so it is somebody else's now; or NULL: it is dropped. */
void ask_answered(struct cadre_self *self, struct op *promise, struct envelope *answer);
/* A note came that nobody waits for the answer to a request any more. */
void ask_recalled(struct cadre_self *self, struct envelope *note);
/* A note came that a request is elsewhere now. */
void ask_moved(struct cadre_self *self, struct envelope *note);
/* This request, which is in hand, stays here: whoever made it is told, where it would
 * look elsewhere. */
void ask_tell_moved(struct cadre_self *self, struct envelope *request) CC_COLD;
static inline void ask_stays(struct cadre_self *self, struct envelope *request)
{
    if (unlikely(envelope_has_moved(request)))
        ask_tell_moved(self, request);
}
/* The handler of a request that was deferred has returned. */
void ask_deferred(struct cadre_self *self, struct envelope *request);

/* Has this request come here, and is to be answered here? Letters that were not read yet
 * count when they are held, or set aside; so not those in the mailbox. */
enum owed { OWED_NOT, OWED_LATER /* deferred */, OWED };
enum owed ask_owes(const struct cell *cell, uint64_t asker, uint64_t token);

#endif
