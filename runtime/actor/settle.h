/* settle.h: a callback has returned: what becomes of the message, and of the actor. */
#ifndef ACTOR_SETTLE_H
#define ACTOR_SETTLE_H

#include "actor/envelope.h"
#include "actor/self.h"

/* What start or receive returned. type: of the message in hand, and who sent it; NULL at
 * the start. */
void settle_result(struct cadre_self *self, const cadre_type *type, uint64_t from,
                   int result);
/* A message that was not just handled: its fate, and what receive returned. from: in the
 * envelope, which may be somebody else's by now. */
void settle_message(struct cadre_self *self, struct envelope *e, const cadre_type *type,
                    uint64_t from, int result);
/* In a simulation. */
void settle_trace(struct cadre_self *self, uint64_t from, const cadre_type *type);

int settle_misuse(struct cadre_self *self, int result) CC_COLD;
/* What a callback may return, or -EINVAL. */
static inline int settle_checked(struct cadre_self *self, int result)
{
    return likely(result <= CADRE_STOP) ? result : settle_misuse(self, result);
}

#endif
