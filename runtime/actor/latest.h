/* latest.h: letters that wait, of which some give way to later ones with the same key.
 *
 * A walk for each that gives way would be quadratic where a mailbox gets a thousand too
 * many in one go. Here they are found by a hash of their keys, in memory that is had for
 * as long as that takes. One thread at a time. */
#ifndef ACTOR_LATEST_H
#define ACTOR_LATEST_H

#include "actor/envelope.h"

struct latest_item {
    struct letter *letter; /* NULL: it has given way */
    uint64_t key;
    uint32_t
        next; /* younger, in the same bucket; 0: none. As all here, index and one */
};

struct latest {
    struct latest_item *items; /* the oldest first */
    uint32_t *first, *last;    /* of each bucket: the oldest and the youngest, or 0 */
    uint32_t mask, count, waiting;
    uint32_t oldest; /* nobody before this index waits */
};

/* For so many. */
size_t latest_bytes(uint32_t most);
void latest_init(struct latest *latest, void *zeroed, uint32_t most);
void latest_add(struct latest *latest, struct letter *letter, uint64_t key);
/* The oldest one with this key, else of all; NULL: none waits. */
struct letter *latest_give_way(struct latest *latest, uint64_t key);

#endif
