/* retry.h: asks again, with growing delays, until there is an answer.
 *
 * Stands in front of another actor and is asked like that one, with the same types; what
 * comes back is the target's answer. An attempt that fails with one of the listed codes
 * is repeated after a random time, until one succeeds, the attempts are used up, or the
 * next one would begin too late. Then the last failure is the answer, as it came.
 *
 * So the target may handle a request more than once: ask it in this way only for what it
 * may do twice. Plain messages are passed on, once.
 *
 * The delay before attempt n + 1 is anything from 0 to delay * 2^(n - 1), and to
 * delay_max (full jitter): those who failed together do not come back together.
 *
 * Guarantees, each with a test of that name:
 *   attempts_are_bounded    the target gets a request at most `attempts` times
 *   only_listed_codes       a failure with another code is the answer at once
 *   never_after_deadline    no attempt begins after the deadline, the client's or the own
 *   delays_have_full_jitter as above, and as the seed says
 *   cancelled_is_given_up   once the client cancels or ends, nothing is tried again
 *   one_outcome             also when this actor is stopped meanwhile: CADRE_EDEAD */
#ifndef CADRE_ACTORS_RETRY_H
#define CADRE_ACTORS_RETRY_H
#include <cadre/actors/share.h>
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init. Times are in nanoseconds; one below 0
 * fails the start with -EINVAL, and so does a target that is nobody. */
typedef struct cadre_retry {
    cadre_ref target;
    uint32_t attempts;    /* at most so many, the first included. 0: 5 */
    cadre_time timeout;   /* of one attempt. 0: 1 s */
    cadre_time delay;     /* the longest before the second attempt. 0: 100 ms */
    cadre_time delay_max; /* the longest before any. 0: 10 s */
    /* No attempt begins, and none lasts, beyond so much after the request came, nor
     * beyond the client's own deadline. 0: 30 s. CADRE_NEVER: only the client's. */
    cadre_time deadline;
    /* The codes of failures after which it tries again, ended by 0 or the array's end.
     * None: -ETIMEDOUT and CADRE_EDEAD. */
    int codes[8];
    /* For requests and answers that own something (share.h). NULL: such requests are
     * refused with -ENOTSUP, such answers are replaced by that failure. */
    cadre_share *share;
    uint64_t own[4]; /* zero; the actor's own */
} cadre_retry;

CADRE_API extern const cadre_class cadre_retry_class;

#ifdef __cplusplus
}
#endif
#endif
