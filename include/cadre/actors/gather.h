/* gather.h: asks many, answers once.
 *
 * A request of any type is asked of all targets at once, with a copy of its body. The
 * answer is one cadre_gathered, which lists for each target what came back: an answer of
 * whatever type, or a cadre_failure. It comes as soon as it is decided: when `need`
 * targets have answered, or when so many have failed that they cannot any more, or when
 * there is nothing left to wait for. What is still pending then is cancelled.
 *
 *   all of them, whatever they say   need = 0
 *   any, the first that answers      need = 1
 *   a quorum of k                    need = k
 *   all, or give up at the first failure: need = the number of targets
 *
 * Only an outcome that is a cadre_failure is a failure. A target that has not answered
 * after `timeout` has failed with -ETIMEDOUT. A client that wants to see who has answered
 * then waits longer than that. Plain messages are not handled.
 *
 * Guarantees, each with a test of that name:
 *   decided_at_once   the answer comes with the outcome that decides it
 *   one_outcome       also when targets end, and this actor is stopped: CADRE_EDEAD
 *   rest_is_cancelled as above; also when the client cancels, or ends */
#ifndef CADRE_ACTORS_GATHER_H
#define CADRE_ACTORS_GATHER_H
#include <cadre/actors/share.h>
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

#define CADRE_GATHER_MAX 32 /* targets; for more let gathers gather */

/* Its config, which cadre_spawn() takes as init. Without targets, with more needed than
 * there are, or with a negative time the start fails with -EINVAL. */
typedef struct cadre_gather {
    cadre_ref targets[CADRE_GATHER_MAX]; /* ended by id 0 or the array's end */
    uint32_t need;      /* answers that are enough. 0: wait for every outcome */
    cadre_time timeout; /* nanoseconds for each target. 0: 5 s. CADRE_NEVER is fine */
    /* For requests and answers that own something (share.h). NULL: the outcome of such a
     * target is the failure -ENOTSUP. */
    cadre_share *share;
    uint64_t own[4]; /* zero; the actor's own */
} cadre_gather;

CADRE_API extern const cadre_class cadre_gather_class;

/* The answer. It owns the list, and the list owns what the answers own. */
typedef struct cadre_gathered {
    uint32_t targets;  /* lines in the list, in the order of the config */
    uint32_t answers;  /* outcomes that are no failures */
    uint32_t failures; /* the rest was not waited for */
    bool enough;       /* as many answers as needed; need = 0: all of them */
    cadre_buf *list;   /* read it with cadre_gathered_at() */
} cadre_gathered;
CADRE_API extern const cadre_type cadre_gathered_type;

/* What target i said, as the message that came from it: cadre_body() works on it. Its
 * type is NULL when it was not waited for, and when there is no target i. Valid as long
 * as the body g is; the body in it may be changed, and what it owns taken out. Any
 * thread. */
CADRE_API cadre_msg cadre_gathered_at(const cadre_gathered *g, uint32_t i);

#ifdef __cplusplus
}
#endif
#endif
