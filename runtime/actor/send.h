/* send.h: resolve, push, wake. */
#ifndef ACTOR_SEND_H
#define ACTOR_SEND_H

#include "actor/self.h"

/* Checks what a user passed. Returns 0, -EINVAL, -EMSGSIZE; having failed, it has dropped
 * what the body owns. */
int send_check_failed(struct world *world, const char *what, const cadre_type *type,
                      const void *body) CC_COLD;
static inline int send_check(struct world *world, const char *what,
                             const cadre_type *type, const void *body)
{
    if (likely(type && (body || type->size == 0) && type->size <= CADRE_BODY_MAX))
        return 0;
    return send_check_failed(world, what, type, body);
}

/* Drops what the body of a refused message owns. Returns err. */
int send_refuse(const cadre_type *type, const void *body, int err);

/* A message with a copy of the body. Errors: pool_get's; the body is dropped then. */
CC_MUST_CHECK int send_prepare(struct cadre_self *self, struct envelope **envelope,
                               uint64_t token, const cadre_type *type,
                               const void *body);

/* Accepts the message: it is the receiver's from here on, or a dead letter at once where
 * there is none. */
void send_deliver(struct cadre_self *self, struct envelope *envelope, uint64_t to);

/* Puts a letter into a cell's mailbox and sees that it is looked at. Any thread; with
 * self NULL also signal handlers. */
void send_letter(struct world *world, struct cadre_self *self, struct cell *cell,
                 struct letter *letter);

/* Asks an actor of this generation to stop or to be killed. As send_letter. */
void send_halt(struct world *world, struct cadre_self *self, uint64_t who,
               enum halt halt, int reason);

#endif
