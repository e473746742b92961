/* appetite.h: does it pay that a worker has work, when much of that talks to others?
 *
 * A message that crosses between workers, alone or with a task that is shared, costs as
 * much as many within one. So each worker counts what crosses, and whenever it reads the
 * clock it sets that against the time there was something to do. When it has cost more
 * than it brought for a while, the worker gives up what it has (see fold in worker.c) and
 * abstains: 16 ms at first, twice as long each time, up to 256 ms; from the beginning
 * again when it was right to have work meanwhile.
 *
 *   operation            by whom
 *   appetite_is_hungry   anybody
 *   appetite_calm        anybody
 *   the rest             the worker */
#ifndef SCHED_APPETITE_H
#define SCHED_APPETITE_H

#include "base/atomic.h"
#include "base/clock.h"
#include "sched/task.h"

struct appetite {
    uint32_t crossed;   /* messages to and from others, since it was judged */
    uint32_t came;      /* messages from others, ever */
    int32_t partner;    /* whose task the last of those sent was for, or TASK_NOBODY */
    uint64_t gift;      /* the last turn of a task that was given, or UINT64_MAX ... */
    int32_t giver;      /* ... and by whom */
    uint64_t preempted; /* how often its CPU was taken from it, when it last asked */
    uint32_t abstains_ms;
    /* ns that were missing for what crossed to be worth while. */
    ATOMIC(int64_t) chatter;
    ATOMIC(int64_t) sated; /* it wants no work until then; 0: it has never abstained */
};

void appetite_init(struct appetite *a);

/* Something goes to another worker's task; so much has come from others. */
static inline void appetite_note_post(struct appetite *a, const struct task *task)
{
    a->crossed++;
    a->partner = load_relaxed(&task->owner);
}
static inline void appetite_note_mail(struct appetite *a, uint32_t count)
{
    a->crossed += count;
    a->came += count;
}
/* The task has this turn, and its token is used now. Was it given to us with all that
 * waited for it? What the turn has of that has crossed, too, but nobody has posted it: it
 * is counted here alone, so by half. A window that ends in the turn stands for it. */
static inline void appetite_note_gift(struct appetite *a, struct task *task,
                                      uint64_t turn)
{
    int32_t giver = task_giver(load_relaxed(&task->asker));
    if (giver == TASK_NOBODY)
        return;
    store_relaxed(&task->asker, TASK_NOBODY); /* what it has later is its own */
    a->giver = giver;
    a->gift = turn;
}
static inline void appetite_note_window(struct appetite *a, uint64_t turn,
                                        uint32_t messages)
{
    if (likely(turn != a->gift))
        return;
    if (a->partner == TASK_NOBODY) {
        a->partner = a->giver;
        a->crossed = 0; /* it was from outside, or who has posted it counts it */
    }
    a->crossed += messages / 2;
}

/* So many messages took so long; worker: its number. True: it did not pay, for too long;
 * `partner` says whom it was with. */
bool appetite_judge(struct appetite *a, uint32_t worker, int64_t took,
                    uint32_t messages, const struct clock *clock);
/* What there was is given up, by it or by the one it was with. */
static inline void appetite_calm(struct appetite *a) { store_relaxed(&a->chatter, 0); }
/* It is with somebody who chats, too. */
static inline bool appetite_is_chatty(const struct appetite *a)
{
    return load_relaxed(&a->chatter) > 0;
}

void appetite_abstain(struct appetite *a, int64_t now);
bool appetite_is_hungry(const struct appetite *a, const struct clock *clock);

#endif
