/* appetite.c: does it pay that a worker has work, when much of that talks to others? */
#include "sched/appetite.h"

#include "base/thread.h"

enum {
    CROSS_NS = 1000,     /* of work for each message that crosses, or it does not pay */
    CHATTY_AFTER = 2000, /* of those; tasks that are about to meet talk, too */
    ABSTAIN_MIN_MS = 16,
    ABSTAIN_MAX_MS = 256
};

void appetite_init(struct appetite *a)
{
    *a = (struct appetite){
        .partner = TASK_NOBODY, .gift = UINT64_MAX, .abstains_ms = ABSTAIN_MIN_MS};
    atomic_set(&a->chatter, 0);
    atomic_set(&a->sated, 0);
}

/* Has another thread had our CPU since we last asked? Then the clock says little. */
static bool was_preempted(struct appetite *a)
{
    uint64_t before = a->preempted;
    a->preempted = thread_preemptions();
    return a->preempted != before;
}

/* A message that crosses costs some 100 ns on either side, and more when its memory is
 * used again: CROSS_NS is on the safe side of both. */
bool appetite_judge(struct appetite *a, uint32_t worker, int64_t took,
                    uint32_t messages, const struct clock *clock)
{
    int32_t partner = a->partner;
    int64_t worth = (int64_t)a->crossed * CROSS_NS;
    int64_t before = load_relaxed(&a->chatter);
    bool is_part = a->crossed > messages / 8;
    a->crossed = 0;
    a->partner = TASK_NOBODY;
    if (took >= worth && before == 0)
        return false; /* nothing to be taken off: no need to ask */
    if (took >= worth && is_part && !clock->is_virtual && was_preempted(a))
        return false;
    if (partner < 0 || partner == (int32_t)worker)
        worth = 0;
    int64_t chatter = before + worth - took;
    store_relaxed(&a->chatter, chatter > 0 ? chatter : 0);
    if (took >= worth || chatter < (int64_t)CHATTY_AFTER * CROSS_NS)
        return false;
    a->partner = partner;
    return true;
}

void appetite_abstain(struct appetite *a, int64_t now)
{
    if (now - load_relaxed(&a->sated) > (int64_t)ABSTAIN_MAX_MS * 1000000)
        a->abstains_ms = ABSTAIN_MIN_MS;
    store_relaxed(&a->sated, now + (int64_t)a->abstains_ms * 1000000);
    if (a->abstains_ms < ABSTAIN_MAX_MS)
        a->abstains_ms *= 2;
}

bool appetite_is_hungry(const struct appetite *a, const struct clock *clock)
{
    int64_t sated = load_relaxed(&a->sated);
    return sated == 0 || clock_now(clock) >= sated;
}
