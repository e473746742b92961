/* route.h: which of several targets gets a message, and what they have to answer.
 *
 * Common to routers and pools. All zero, apart from what is set at the start. */
#ifndef ACTORS_ROUTE_H
#define ACTORS_ROUTE_H

#include "pending.h"
#include "rows.h"

#include <cadre/actors/router.h>

struct route_target {
    cadre_ref ref;
    cadre_token watch; /* its owner's affair */
    uint32_t outstanding;
};

#define ROUTE_NONE UINT32_MAX
struct route {
    cadre_route_key *key;
    cadre_share *share;
    /* Of the owner: the outcome of what was asked of a target. Calls route_outcome(). */
    cadre_receive *on_outcome;
    struct rows targets; /* struct route_target */
    struct pending asks;
    uint32_t next; /* where one after the other goes on */
    uint8_t way;
    bool asks_itself; /* else requests are passed on with all that belongs to them */
};

static inline struct route_target *route_at(const struct route *route, uint32_t i)
{
    return rows_at(&route->targets, sizeof(struct route_target), i);
}

/* Is there such a way, with what it needs? */
bool route_is_good(uint8_t way, cadre_route_key *key);

/* The index of this target, or ROUTE_NONE. */
uint32_t route_find(const struct route *route, cadre_ref ref);
/* Makes room for one more. Errors: -ENOMEM. */
CADRE_MUST_CHECK int route_reserve(struct route *route);
/* One more target, for which there must be room. */
void route_add(struct route *route, cadre_ref ref, cadre_token watch);
void route_remove(struct route *route, uint32_t i);

/* Passes m on, or refuses it. Returns 0, for receive to return. */
int route_pass(cadre_self *self, struct route *route, cadre_msg *m);
/* The outcome goes to whoever asked. */
void route_outcome(cadre_self *self, struct route *route, cadre_msg *m);

/* At the end. The promises end with their holder. */
void route_free(struct route *route);

#endif
