/* shedder.h: refuses what would wait too long, so that the rest need not wait.
 *
 * Stands in front of another actor and is asked like that one, with the same types; what
 * comes back is the target's answer. The target gets at most `concurrency` requests at a
 * time; the others wait here, the more important first, among equals in order. Bursts
 * may wait. But when more comes than the target can do, a queue does not help: it only
 * makes everybody wait. That is when the oldest that waits has been older than `delay`
 * for a whole `interval`. From then on it sheds:
 *
 *   - what has waited longer than `delay` fails with CADRE_EFULL, and at once what is
 *     going to, by the pace of late
 *   - until nothing waits, and the target could do more. Should the queue be too old
 *     again within `interval` after that, it sheds at once
 *
 * So the target is never without work, and what it works at is fresh. (Controlled delay,
 * by Nichols and Jacobson, in the form that Maurer, "Fail at Scale", ACM Queue 2015,
 * gives it for requests: their clients do not slow down for a single refusal, as TCP
 * does for a lost packet.)
 *
 * A request that has to wait, and then is too late for its deadline, by how long others
 * took of late, fails with CADRE_EFULL, too, whose cause is -ETIMEDOUT: at once, or when
 * its turn has come. One that its client cancels while it waits is dropped.
 *
 * Plain messages are passed on, or are dead letters while it sheds. The answer to
 * cadre_shedder_ask is a cadre_shedder_status.
 *
 * Guarantees, each with a test of that name:
 *   waits_are_bounded    what is passed on has waited at most delay + interval; while it
 *                        sheds, `delay`
 *   never_idle           while anything waits the target has `concurrency` requests
 *   bursts_are_served    nothing is refused as long as the oldest that waits is not
 *                        older than `delay` for a whole `interval`, and there is room
 *   important_last       what is more important is not refused for what is less so
 *   recovers             it stops to shed with the first request that need not wait
 *   too_late_is_refused  as above: the target does not work for nobody
 *   full_is_refused      with `waiting` requests waiting there is one failure for each
 *                        more: the youngest of the least important
 *   one_outcome          also when this actor is stopped meanwhile: CADRE_EDEAD
 *
 * What waits in this actor's own mailbox it does not see. A request that has waited is
 * not cancelled at the target when its client cancels it; its answer is dropped. */
#ifndef CADRE_ACTORS_SHEDDER_H
#define CADRE_ACTORS_SHEDDER_H
#include <cadre/actors/share.h>
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

#define CADRE_SHEDDER_LEVELS 4

/* How important a request is: 0 is the least, what is CADRE_SHEDDER_LEVELS or more counts
 * as the most. Called in the actor's turn; must not block, and sees all types of requests
 * that come. */
typedef uint32_t cadre_importance(const cadre_type *type, const void *body);

/* Its config, which cadre_spawn() takes as init. Times are in nanoseconds; one below 0
 * fails the start with -EINVAL, and so does a target that is nobody. */
typedef struct cadre_shedder {
    cadre_ref target;
    /* Requests that the target works at side by side: 1 for an actor that answers in its
     * handler, the workers of a pool, what a database allows. One more hides the way
     * there and back. What is more waits there, where nobody sees it. 0: 1 */
    uint32_t concurrency;
    uint32_t waiting;    /* most requests waiting. 0: 1024 */
    cadre_time delay;    /* that a queue may last; some times what one takes. 0: 5 ms */
    cadre_time interval; /* that a burst may last; a client's patience. 0: 100 ms */
    /* That the target has for one request, if the client gives it no more. 0: 5 s.
     * CADRE_NEVER: only the client's deadline. */
    cadre_time timeout;
    cadre_importance *importance; /* NULL: all are alike */
    /* For requests and answers that own something (share.h). NULL: such requests are
     * refused with -ENOTSUP, such answers are replaced by that failure. */
    cadre_share *share;
    uint64_t own[24]; /* zero; the actor's own */
} cadre_shedder;

CADRE_API extern const cadre_class cadre_shedder_class;

typedef struct cadre_shedder_ask {
    int none;
} cadre_shedder_ask;
CADRE_API extern const cadre_type cadre_shedder_ask_type;

/* Every request is counted once: it is passed on, is refused, was dropped, or waits. */
typedef struct cadre_shedder_status {
    bool sheds;
    uint32_t waiting;
    uint32_t pending; /* requests that the target has to answer */
    uint64_t passed;  /* to the target, ever */
    uint64_t refused;
    uint64_t dropped; /* while they waited: the deadline passed, the client gave up */
    cadre_time age;   /* nanoseconds that the oldest has waited; 0: none waits */
    cadre_time takes; /* nanoseconds that the target takes for one, of late */
} cadre_shedder_status;
CADRE_API extern const cadre_type cadre_shedder_status_type;

#ifdef __cplusplus
}
#endif
#endif
