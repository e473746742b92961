/* receive.h: one message is handed to a handler, and the result obeyed. */
#ifndef ACTOR_RECEIVE_H
#define ACTOR_RECEIVE_H

#include "actor/settle.h"

static CC_NOINLINE void receive_drop(struct envelope *e) { e->type->drop(e->body); }

/* Afterwards the envelope is free, or somebody else's. handle: where the handler is
 * found, so that it is looked up in the call itself. is_request: it is to be answered.
 * True: nothing unusual. */
static CC_INLINE bool receive_kind(struct cadre_self *self, struct cell *cell,
                                   struct envelope *e, uint64_t token,
                                   cadre_receive *const *handle, bool is_request)
{
    const cadre_type *type = e->type;
    cadre_msg m = {type, {e->from}, {token}, e->body};
    self->message = e;
    int result = (*handle)(self, cell->state, &m);
    if (unlikely((uint32_t)result | self->unusual) ||
        (is_request && unlikely(self->owes != OWES_NO_MORE))) {
        settle_message(self, e, type, m.from.id, result);
        return false;
    }
    if (is_request)
        self->owes = OWES_NOTHING;
    counter_add(&self->handled, 1);
    if (unlikely(type->drop))
        receive_drop(e);
    self_free_handled(self, e);
    return true;
}

static CC_INLINE bool receive(struct cadre_self *self, struct cell *cell,
                              struct envelope *e, uint64_t token,
                              cadre_receive *const *handle)
{
    return receive_kind(self, cell, e, token, handle, false);
}

#endif
