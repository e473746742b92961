/* router.h: stands in front of several actors, and picks one for each message.
 *
 * What it gets, requests and plain messages of any type, it passes on to one of its
 * targets, or to all, by its way:
 *
 *   CADRE_ROUND_ROBIN  to one after the other
 *   CADRE_LEAST_BUSY   to the one with the fewest requests of this router left; plain
 *                      messages do not count. Among equals, one after the other
 *   CADRE_BY_KEY       what has the same key goes to the same target, by rendezvous
 *                      hashing (Thaler and Ravishankar 1996): when one of n targets comes
 *                      or leaves, only about 1/n of the keys move, to it or from it
 *   CADRE_BROADCAST    to all. The outcome of a request is the first answer that is no
 *                      failure; the rest is cancelled then. When all have failed, it is
 *                      the last failure
 *
 * One after the other, and by key, all is passed on as if it had been sent there: the
 * sender is the same, and an answer goes to whoever asked. In the other ways the router
 * asks the targets itself, and passes the answer on; a plain message that goes to all
 * comes from the router.
 *
 * A target that ends is left out from then on; what it still had to answer fails with
 * CADRE_EDEAD. One that its parent restarts (supervise.h) has not ended. Without a target
 * a request is refused with -EHOSTUNREACH, and a plain message is a dead letter.
 *
 * What it is told: cadre_router_add, cadre_router_remove. All else is routed. Each way
 * but CADRE_ROUND_ROBIN costs time in proportion to the number of targets.
 *
 * Guarantees, each with a test of that name:
 *   each_message_to_one  each message goes to one target; to all: once to each
 *   key_stays            the same key goes to the same target while that is there, unless
 *                        a new one takes the key over; no other key moves
 *   least_busy_first     as above
 *   one_outcome          also when targets end or leave, and this actor is stopped */
#ifndef CADRE_ACTORS_ROUTER_H
#define CADRE_ACTORS_ROUTER_H
#include <cadre/actors/share.h>
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

enum cadre_way { CADRE_ROUND_ROBIN, CADRE_LEAST_BUSY, CADRE_BY_KEY, CADRE_BROADCAST };

/* The key of a message. Keys may be close to each other: they are hashed. Called in the
 * actor's turn; must not block, and sees all types that come. */
typedef uint64_t cadre_route_key(const cadre_type *type, const void *body);

#define CADRE_ROUTER_MAX 32 /* targets in the config; any number by cadre_router_add */

/* Its config, which cadre_spawn() takes as init. An unknown way, or one by key without a
 * key, fails the start with -EINVAL; the same target twice with -EEXIST. */
typedef struct cadre_router {
    cadre_ref targets[CADRE_ROUTER_MAX]; /* ended by id 0 or the array's end */
    cadre_route_key *key;                /* of CADRE_BY_KEY */
    /* For bodies that own something (share.h), where the router asks or sends to all.
     * NULL: such requests are refused with -ENOTSUP, such answers are replaced by that
     * failure, and such plain messages are dead letters. */
    cadre_share *share;
    uint8_t way;      /* enum cadre_way */
    uint64_t own[10]; /* zero; the actor's own */
} cadre_router;

CADRE_API extern const cadre_class cadre_router_class;

/* One more target. Failures: -EEXIST (it is one), -EINVAL (nobody, the router itself),
 * -ENOMEM, CADRE_EFULL. */
typedef struct cadre_router_add {
    cadre_ref target;
} cadre_router_add;
CADRE_API extern const cadre_type cadre_router_add_type;

/* One less. It still answers what it was asked. Failures: -ENOENT (it is none). */
typedef struct cadre_router_remove {
    cadre_ref target;
} cadre_router_remove;
CADRE_API extern const cadre_type cadre_router_remove_type;

/* The answer to both: how many there are now. */
typedef struct cadre_router_targets {
    uint32_t count;
} cadre_router_targets;
CADRE_API extern const cadre_type cadre_router_targets_type;

#ifdef __cplusplus
}
#endif
#endif
