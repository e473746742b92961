/* supervisor.h: starts children, and starts them again when they fail.
 *
 * Its children start in the order of the table, each after the one before is up, so that
 * a later one may rely on an earlier one. When one of them ends, `when` says whether it
 * is to start again, and the strategy who else is:
 *
 *   CADRE_ONE_FOR_ONE    only the one that ended
 *   CADRE_ONE_FOR_ALL    all of them, because they know too much of each other
 *   CADRE_REST_FOR_ONE   that one and those behind it, which rely on it
 *
 * The others are ended before, the last one first, each after its current message; then
 * all start in order. A child keeps its address and its mailbox (supervise.h). When more
 * than `max_restarts` have become necessary `within` some time, starting again does not
 * help: then the supervisor itself fails with CADRE_ERESTARTS, all of its children end,
 * and the next supervisor decides. At its own end its children end one by one, the last
 * one first.
 *
 * A supervisor may be the child of another one, and mostly is: init is its config.
 *
 * What it is asked: cadre_which_child, cadre_add_child, cadre_remove_child. All of its
 * answers are a cadre_child or a cadre_failure.
 *
 * Guarantees, each with a test of that name:
 *   starts_in_order      no child starts before the one in front of it is up
 *   strategy_is_kept     who is ended and started again is as above, and nobody else
 *   restarts_are_bounded after more than max_restarts within the time it fails
 *   backs_off            no restart comes before its backoff is over
 *   ends_in_reverse      each child has ended before the one in front of it is asked to
 *   half_born_is_hidden  an address is given out only while its child is, or was, up */
#ifndef CADRE_ACTORS_SUPERVISOR_H
#define CADRE_ACTORS_SUPERVISOR_H
#include <cadre/ask.h>
#include <cadre/supervise.h>
#ifdef __cplusplus
extern "C" {
#endif

enum cadre_strategy { CADRE_ONE_FOR_ONE, CADRE_ONE_FOR_ALL, CADRE_REST_FOR_ONE };
/* When a child that has ended starts again. */
enum cadre_when {
    CADRE_PERMANENT, /* always */
    CADRE_TRANSIENT, /* when it has failed or was killed */
    CADRE_TEMPORARY  /* never */
};

/* How to make a child. */
typedef struct cadre_child_spec {
    const cadre_class *cls;
    const void *init; /* as cadre_spawn()'s */
    uint8_t when;     /* enum cadre_when */
    uint8_t mail;     /* enum cadre_mail: of what waits while it is down */
    bool pinned;      /* pin.h */
    bool late; /* it is up not when start() has returned, but when it has sent its
                         parent a cadre_ready: after connecting to something, say */
} cadre_child_spec;

/* Its config, which cadre_spawn() takes as init. What it points to is read whenever a
 * child is first made, and stays where it is meanwhile. Negative times, unknown values,
 * and a class of NULL fail the start with -EINVAL. */
typedef struct cadre_supervisor {
    const cadre_child_spec *children;
    uint32_t count;
    uint8_t strategy;      /* enum cadre_strategy */
    bool late;             /* it sends its parent a cadre_ready when all are up */
    uint32_t max_restarts; /* 0: 3 */
    cadre_time within;     /* 0: 5 s */
    cadre_time backoff;    /* before a restart: a random time from half of this to this,
                                 twice as much each time a child fails again before it has
                                 been up for `within`. 0: at once */
    cadre_time backoff_max;   /* 0: 30 s */
    cadre_time start_timeout; /* a child that is not up by then is killed. 0: 5 s */
    uint64_t own[16];         /* zero; the actor's own */
} cadre_supervisor;

CADRE_API extern const cadre_class cadre_supervisor_class;

/* From a child with `late`, to its parent: it is up now. */
typedef struct cadre_ready {
    int none;
} cadre_ready;
CADRE_API extern const cadre_type cadre_ready_type;

/* The answer to all that follow. */
typedef struct cadre_child {
    cadre_ref ref;
} cadre_child;
CADRE_API extern const cadre_type cadre_child_type;

/* Where is child `index` of the table? Answered when it is up. Failures: -ENOENT (there
 * is none, or it has ended for good); CADRE_EDEAD (it does so before it is up). */
typedef struct cadre_which_child {
    uint32_t index;
} cadre_which_child;
CADRE_API extern const cadre_type cadre_which_child_type;

/* One more child, behind the others. Answered when it is up. What init points to stays
 * until then. Failures: -EINVAL (the spec), -ENOMEM, those of cadre_spawn(); CADRE_EDEAD
 * (it ended for good before it was up). */
typedef struct cadre_add_child {
    cadre_child_spec spec;
} cadre_add_child;
CADRE_API extern const cadre_type cadre_add_child_type;

/* The child ends for good, whatever its spec says. Answered when it was asked to, after
 * which it may still have messages to work off. Failures: -ENOENT (it is not one of this
 * supervisor's children, or has ended for good). */
typedef struct cadre_remove_child {
    cadre_ref ref;
} cadre_remove_child;
CADRE_API extern const cadre_type cadre_remove_child_type;

#ifdef __cplusplus
}
#endif
#endif
