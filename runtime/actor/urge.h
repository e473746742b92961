/* urge.h: to send what goes before others. */
#ifndef ACTOR_URGE_H
#define ACTOR_URGE_H

#include "actor/send.h"

/* As send_request. Errors: also those of a limit. */
CC_MUST_CHECK int urge_request(struct cadre_self *self, uint64_t to, uint64_t token,
                               int64_t deadline, const cadre_type *type,
                               const void *body);

#endif
