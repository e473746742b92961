/* limiter.h: a token bucket in front of an actor that must not be hurried.
 *
 * Stands in front of another actor, which gets everything that the limiter gets, requests
 * and plain messages of any type, as if it had been sent there: the sender is the same,
 * and an answer goes to whoever asked. A message takes a token. Tokens come at an even
 * rate, and `burst` of them are kept. Without a token a message waits, in order; when too
 * many wait already, a request is refused with CADRE_EFULL at once, and a plain message
 * becomes a dead letter.
 *
 * A request whose deadline passes while it waits is dropped, and takes no token. The
 * target may end: what is sent to it fails as always.
 *
 * Guarantees, each with a test of that name:
 *   never_faster     in any time t at most burst + t * rate / per messages are passed on
 *   never_slower     while messages wait, each token is used when it comes
 *   order_is_kept    messages are passed on in the order in which they came
 *   full_is_refused  with `waiting` messages waiting, the next is refused at once
 *
 * What waits is looked at each time a token comes, all of it: with many thousands waiting
 * that costs. When the limiter ends, waiting requests fail with CADRE_EDEAD. */
#ifndef CADRE_ACTORS_LIMITER_H
#define CADRE_ACTORS_LIMITER_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init. Without a target, with a negative time,
 * or with more than one message in a nanosecond the start fails with -EINVAL. */
typedef struct cadre_limiter {
    cadre_ref target;
    uint32_t rate;    /* messages in the time `per`. 0: 100 */
    cadre_time per;   /* nanoseconds. 0: 1 s */
    uint32_t burst;   /* most tokens kept, as many at the start. 0: 1 */
    uint32_t waiting; /* most messages waiting. 0: 64. UINT32_MAX: none may wait */
    uint64_t own[4];  /* zero; the actor's own */
} cadre_limiter;

CADRE_API extern const cadre_class cadre_limiter_class;

#ifdef __cplusplus
}
#endif
#endif
