/* bias.h: a lock for one thread, which others may borrow.
 *
 * Its owner enters and leaves with two plain stores and a load. Whoever else wants it
 * seizes it, which is rare, and pays for both: it says so, has every thread of the
 * process pass a memory barrier, and waits until the owner is not inside. After that
 * barrier either we see that the owner is inside, or the owner will see that we want it
 * and waits until we have released. While its owner rests, asleep, no barrier is needed:
 * it rises with one of its own. After Dice, Huang and Yang, "Asymmetric Dekker
 * Synchronization" (2001); the barrier is membarrier(2).
 *
 *   operation      by whom                        allowed beside
 *   bias_enter     the owner, outside, risen      everything; waits for a seizer
 *   bias_try_enter the same                       everything
 *   bias_leave     the owner, inside              everything
 *   bias_rest      the owner, inside              everything
 *   bias_rise      the owner, resting             everything
 *   bias_seize     anybody else                   everything; fails beside another seizer
 *   bias_ask       the same                       the same
 *   bias_release   whoever has seized it          everything but bias_seize's success
 *
 * The barrier interrupts a CPU, and takes long where that is virtual. Of an owner that
 * comes by often it is better asked for with bias_ask: that waits some microseconds for
 * the owner to see that somebody wants in, and to say that it waits.
 *
 * What the lock guards is handed over by it in both directions: all of it may be plain.
 * Sections are short, with no handler, lock or sleep inside, but the owner may lose its
 * CPU in one; so a seizer gives up after a while. */
#ifndef BASE_BIAS_H
#define BASE_BIAS_H

#include "base/atomic.h"
#include "base/cc.h"

#include <stdbool.h>
#include <stdint.h>

struct bias {
    ATOMIC(uint32_t) inside;  /* 1, or BIAS_WAITS; the owner */
    ATOMIC(uint32_t) resting; /* the owner */
    ATOMIC(uint32_t)
    wanted; /* set by seizers, one at a time, and cleared by that one */
};
enum { BIAS_BROKEN = 2 }; /* a value of `wanted` */
enum { BIAS_WAITS = 2 };  /* outside, until a seizer has released */

/* Before it is shared. The owner is inside. */
void bias_init(struct bias *bias);

void bias_wait(struct bias *bias) CC_COLD;

static inline void bias_enter(struct bias *bias)
{
    store_relaxed(&bias->inside, 1);
    fence_compiler(); /* the seizer's barrier makes this one of the CPU */
    /* acquire: what the last seizer did, by the store in bias_release. */
    if (unlikely(!is32_acquire(&bias->wanted, 0)))
        bias_wait(bias);
}

/* The same without waiting. False: outside, and somebody wants to get in. */
static CC_INLINE bool bias_try_enter(struct bias *bias)
{
    store_relaxed(&bias->inside, 1);
    fence_compiler();
    if (likely(is32_acquire(&bias->wanted, 0)))
        return true;
    store_release(&bias->inside, 0);
    return false;
}

static inline void bias_leave(struct bias *bias)
{
    store_release(&bias->inside, 0); /* pairs with the load in bias_seize */
}

/* Where there is no barrier in all threads, the owner has one of its own: for locks that
 * all enter this way and none seizes another way. */
static inline void bias_enter_fenced(struct bias *bias)
{
    store_relaxed(&bias->inside, 1);
    fence_seq(); /* pairs with the one in bias_seize_fenced */
    if (unlikely(!is32_acquire(&bias->wanted, 0)))
        bias_wait(bias);
}
CC_MUST_CHECK bool bias_seize_fenced(struct bias *bias);

/* Leaves and rests; rises and enters. */
void bias_rest(struct bias *bias);
void bias_rise(struct bias *bias);
/* By whoever has seized it: nothing of its owner's is under way. */
static inline bool bias_is_resting(const struct bias *bias)
{
    return load_seq(&bias->resting) != 0;
}

/* may_stop: with a barrier, if need be. False: not now. */
CC_MUST_CHECK bool bias_seize(struct bias *bias, bool may_stop);
/* The same, but it gives the owner the time to come by. */
CC_MUST_CHECK bool bias_ask(struct bias *bias, bool may_stop);
void bias_release(struct bias *bias);

/* In the child of a fork: the owner's copy must never come back here. */
void bias_break(struct bias *bias);

#endif
