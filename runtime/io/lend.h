/* lend.h: does it pay that a worker sleeps in a loop of its own?
 *
 * To be woken costs the machine more than most of what a loop brings at a time; but two
 * workers do more than one, if there is enough for both, and CPUs. No figure tells the
 * one case from the other, because what is measured are the costs of the way it is done
 * now. So it is tried: the worker lends its loop to the first one (io/berth.h), or has it
 * back, for a moment; and what has come in meanwhile decides which way it stays. When
 * that is as it was before, the next trial is put off for twice as long.
 *
 * Where both ways bring the same, one worker is enough, which saves a thread. If that one
 * is busy most of the time what comes has to wait for each other there: so it is done if
 * it saves some of the CPUs as well. */
#ifndef IO_LEND_H
#define IO_LEND_H

#include <stdbool.h>
#include <stdint.h>

/* So far. */
struct lend_load {
    uint64_t own;                    /* what the loop has rung for, ... */
    uint64_t host;                   /* ... and the first one's */
    int64_t own_cpu_ns, host_cpu_ns; /* of their workers */
    bool may_try;                    /* a trial may begin; or this is one */
};

/* What comes in a second, and what one of that costs all workers. */
struct lend_pace {
    int64_t rate, cost_ns;
};

/* Its worker's; while it is lent, of who has the host's seat. */
struct lend {
    bool is_lent, is_trial, is_settled;
    bool was_full;         /* the host was busy most of the time, when last lent */
    int64_t since;         /* the window's beginning; 0: none yet */
    struct lend_load then; /* what there was */
    struct lend_pace usual, other; /* on average, and when it was last the other way */
    int64_t hold_ns;               /* between trials */
    int64_t until;                 /* no trial */
};

enum { LEND_WINDOW_NS = 16000000, LEND_TRIAL_NS = 8000000 };

/* Is it time to judge? */
static inline bool lend_is_due(const struct lend *lend, int64_t now)
{
    return now - lend->since >= (lend->is_trial ? LEND_TRIAL_NS : LEND_WINDOW_NS);
}
/* A window has ended, and the next one begins. True: it is to be done the other way now,
 * which the caller sees to. */
bool lend_judge(struct lend *lend, int64_t now, struct lend_load load);

#endif
