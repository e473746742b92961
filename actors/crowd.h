/* crowd.h: actors that are watched: found by address, kept in the order they came in.
 *
 * What is known about one is a struct of the actor's whose first field is a struct
 * fellow; all of a crowd are of one size. */
#ifndef ACTORS_CROWD_H
#define ACTORS_CROWD_H

#include "pending.h"
#include "ring.h"

#include <cadre/watch.h>

struct fellow {
    struct ring ring; /* in the crowd */
    cadre_buf *buf;   /* where it is */
    cadre_ref who;
    cadre_token watch;
};

struct crowd {
    struct ring all; /* of struct fellow, by their `ring` */
    struct pending places;
};

/* To be called first, and where the crowd stays. */
void crowd_init(struct crowd *crowd);
static inline uint32_t crowd_count(const struct crowd *crowd)
{
    return crowd->places.count;
}
/* NULL: it is not there. */
struct fellow *crowd_find(const struct crowd *crowd, cadre_ref who);

/* Adds one that is not there yet, zeroed behind its first field. When it ends, on_down
 * gets the cadre_down, and removes it. Errors: cadre_watch()'s, -ENOMEM. */
CADRE_MUST_CHECK int crowd_add(cadre_self *self, struct crowd *crowd,
                               struct fellow **fellow, cadre_ref who, size_t size,
                               cadre_receive *on_down);
/* Nobody is told of its end any more. The struct is gone. */
void crowd_remove(cadre_self *self, struct crowd *crowd, struct fellow *fellow);
/* For the end of the actor, which ends its watches. */
void crowd_free(struct crowd *crowd);

#endif
