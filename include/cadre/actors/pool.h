/* pool.h: as many workers as there is work for, of one class, behind one address.
 *
 * What the pool gets, requests and plain messages of any type, goes to one of its workers
 * (or to all), by its way; see router.h. It asks them itself, and passes the answer on.
 *
 * A worker that ends by itself, or fails, is restarted at its address, with fresh state
 * and the messages that waited (supervise.h). When that has been necessary too often, the
 * pool fails with CADRE_ERESTARTS, and its parent decides.
 *
 * There are `min` workers to begin with; messages that come before they are up wait.
 * When for `grow_after` each of them has more than `busy` requests to answer, there is
 * one more, up to `max`; it gets what comes from then on. When for `shrink_after` there
 * has been one without any, and none with more than `busy`, there is one less, down to
 * `min`. One that has none is taken, and it ends after the messages that it already
 * has. Plain messages do not count: a pool that gets nothing else stays at `min`.
 *
 * The answer to cadre_pool_ask is a cadre_pool_status. Each request costs time in
 * proportion to the number of workers, unless they are used one after the other and their
 * number is fixed.
 *
 * Guarantees, each with a test of that name:
 *   failed_worker_loses_only_its_message  and the requests that it had deferred: these
 *                    fail with CADRE_EDEAD (CADRE_EUNANSWERED: it has stopped on that)
 *   between_bounds   once there were `min` workers, there are never fewer that messages
 *                    go to; and never more than `max` that have not ended
 *   grows_and_shrinks  as above, not earlier, and not much later
 *   removed_worker_finishes  it handles every message that was sent to it, unless it
 *                    fails meanwhile
 *   one_outcome      also when workers fail, and this actor is stopped */
#ifndef CADRE_ACTORS_POOL_H
#define CADRE_ACTORS_POOL_H
#include <cadre/actors/router.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init. Without a class, with max below min, a
 * negative time, a bad way (router.h), or CADRE_BROADCAST with max above min the start
 * fails with -EINVAL. When it cannot have `min` workers it fails with the reason. */
typedef struct cadre_pool {
    const cadre_class *cls; /* of the workers */
    const void *init;       /* as cadre_spawn()'s; stays where it is */
    cadre_route_key *key;   /* of CADRE_BY_KEY */
    cadre_share *share; /* for requests and answers that own something (share.h). NULL:
                           such requests are refused with -ENOTSUP, such answers are
                           replaced by that failure */
    uint32_t min, max;  /* workers. min 0: 1. max 0: as min */
    uint32_t busy;      /* requests a worker may have before it is too many. 0: 1 */
    uint32_t max_restarts;   /* of all workers, in 5 s. 0: 3 times max */
    cadre_time grow_after;   /* 0: 100 ms */
    cadre_time shrink_after; /* 0: 10 s */
    uint8_t way;             /* enum cadre_way */
    uint64_t own[14];        /* zero; the actor's own */
} cadre_pool;

CADRE_API extern const cadre_class cadre_pool_class;

typedef struct cadre_pool_ask {
    int none;
} cadre_pool_ask;
CADRE_API extern const cadre_type cadre_pool_ask_type;

typedef struct cadre_pool_status {
    uint32_t workers;     /* that messages go to */
    uint32_t outstanding; /* requests that they have to answer */
} cadre_pool_status;
CADRE_API extern const cadre_type cadre_pool_status_type;

#ifdef __cplusplus
}
#endif
#endif
