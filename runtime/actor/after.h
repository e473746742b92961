/* after.h: timers as messages. */
#ifndef ACTOR_AFTER_H
#define ACTOR_AFTER_H

#include "actor/op.h"

#include <cadre/timer.h>

/* The time of one that repeats has come. Its message, to be handled under its token; or
 * NULL: none this time. */
struct envelope *after_rang(struct cadre_self *self, struct op *op);

/* What is to handle the outcome of an operation of this kind; then: what cadre_then()
 * said, or NULL. The message of silence does not break it, any other does. */
cadre_receive *after_receive_noted(struct cadre_self *self, enum op_kind kind,
                                   cadre_receive *then);
static inline cadre_receive *after_receive(struct cadre_self *self, enum op_kind kind,
                                           cadre_receive *then)
{
    const struct cell *cell = self_cell(self);
    if (unlikely(cell->extras->fronted)) /* it is to know of silence, or is counted */
        return after_receive_noted(self, kind, then);
    return then ? then : cell->receive;
}

#endif
