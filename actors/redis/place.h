/* place.h: which server it is, and what each connection to it begins with. */
#ifndef ACTORS_REDIS_PLACE_H
#define ACTORS_REDIS_PLACE_H

#include "url.h"

#include <cadre/actors/redis.h>

/* Constant; what all connections of an actor have in common. */
struct place {
    struct url url;
    cadre_buf *text;    /* of the url */
    cadre_buf *setup;   /* what is sent first */
    uint32_t logins;    /* commands in it, before PING, MULTI and EXEC */
    cadre_redis limits; /* its config, all set */
};

/* Errors: -EINVAL, with words, -ENOMEM. To be freed in any case. */
CADRE_MUST_CHECK int place_init(cadre_self *self, struct place *place,
                                const cadre_redis *config);
void place_fini(struct place *place);

#endif
