/* breaker.h: fails fast while its target is ill.
 *
 * Stands in front of another actor and is asked like that one, with the same types; what
 * comes back is the target's answer. It watches how requests end:
 *
 *   closed     requests are passed on; `failures` failures in a row open it
 *   open       requests fail at once with -EHOSTDOWN, whose cause is the code of the
 *              last failure; after `cooldown` it is half-open
 *   half-open  one request at a time is passed on as a probe, the others fail at once;
 *              `successes` probes in a row that succeed close it, one that fails opens it
 *
 * What was passed on before the state changed has no influence on the new one; neither
 * has a request that its client cancelled. Plain messages are passed on, or are dead
 * letters unless it is closed. The answer to cadre_breaker_ask is a cadre_breaker_status.
 *
 * Guarantees, each with a test of that name:
 *   fails_fast_when_open  as above: the target gets nothing, the client waits for nothing
 *   one_probe_at_a_time   half-open, the target has at most one request to answer
 *   only_counted_codes    an answer that is a failure with another code is a success
 *   one_outcome           also when this actor is stopped meanwhile: CADRE_EDEAD */
#ifndef CADRE_ACTORS_BREAKER_H
#define CADRE_ACTORS_BREAKER_H
#include <cadre/actors/share.h>
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init. Without a target, or with a negative
 * time, the start fails with -EINVAL. */
typedef struct cadre_breaker {
    cadre_ref target;
    uint32_t failures;   /* in a row open it. 0: 5 */
    uint32_t successes;  /* of probes in a row close it. 0: 1 */
    cadre_time cooldown; /* nanoseconds that it stays open. 0: 10 s */
    /* Nanoseconds that the target has for one request, if the client gives it no fewer.
     * 0: 5 s. CADRE_NEVER: only the client's deadline. */
    cadre_time timeout;
    /* The codes that count as failures, ended by 0 or the array's end. None: -ETIMEDOUT,
     * CADRE_EDEAD, CADRE_EUNANSWERED, CADRE_EFULL. */
    int codes[8];
    /* For requests and answers that own something (share.h). NULL: such requests are
     * refused with -ENOTSUP, such answers are replaced by that failure. */
    cadre_share *share;
    uint64_t own[8]; /* zero; the actor's own */
} cadre_breaker;

CADRE_API extern const cadre_class cadre_breaker_class;

enum { CADRE_BREAKER_CLOSED, CADRE_BREAKER_OPEN, CADRE_BREAKER_HALF_OPEN };

typedef struct cadre_breaker_ask {
    int none;
} cadre_breaker_ask;
CADRE_API extern const cadre_type cadre_breaker_ask_type;

typedef struct cadre_breaker_status {
    int state;        /* CADRE_BREAKER_* */
    int code;         /* of the last failure; 0: there was none */
    uint32_t row;     /* closed: failures in a row; half-open: successes */
    uint32_t pending; /* requests that the target has to answer */
    uint64_t refused; /* requests that failed at once, ever */
    uint64_t opened;  /* how often it opened */
    cadre_time left;  /* open: nanoseconds until it is half-open; else 0 */
} cadre_breaker_status;
CADRE_API extern const cadre_type cadre_breaker_status_type;

#ifdef __cplusplus
}
#endif
#endif
