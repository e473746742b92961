/* urge.h: to send what goes before others. */
#ifndef ACTOR_URGE_H
#define ACTOR_URGE_H

#include "actor/send.h"

/* Of a message to this one. Generation 0 is the notes', and nobody's. */
static inline enum letter_kind urge_kind(cadre_ref to)
{
    return address_generation(to.id) ? LETTER_URGENT : 0;
}

/* As send_request. Errors: also those of a limit. */
CC_MUST_CHECK int urge_request(struct cadre_self *self, uint64_t to, uint64_t token,
                               int64_t deadline, const cadre_type *type,
                               const void *body);

#endif
