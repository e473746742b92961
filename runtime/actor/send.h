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
                               uint64_t to, const cadre_type *type, const void *body);

/* Accepts the message: it is the receiver's from here on, or a dead letter at once where
 * there is none. */
void send_deliver(struct cadre_self *self, struct envelope *envelope);

/* Makes an actor run whose mailbox has just become ours. */
static inline void send_wake(struct cadre_self *self, struct cell *cell)
{
    if (likely(self->worker))
        worker_push(self->worker, &cell->task);
    else
        sched_submit(&self->world->sched, &cell->task);
}

/* cadre_stop and cadre_kill, from wherever. */
void send_halt(struct cadre_self *self, cadre_ref who, enum halt halt, int reason);

#endif
