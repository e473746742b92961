/* soak_round.h: what all the actors and threads of one round of the soak share.
 *
 * A round is a system with PLACES places. In each lives one actor at a time; when it has
 * ended, another one, with the next life number, may be put there by anybody. Messages
 * wander between the places, and FEEDERS threads add more from outside. */
#ifndef STRESS_SOAK_ROUND_H
#define STRESS_SOAK_ROUND_H

#include "stress/tally.h"
#include "support/dice.h"
#include "support/verdict.h"

#include <cadre.h>

#include <semaphore.h>
#include <stdbool.h>

enum { PLACES = 48, FEEDERS = 2, SENDERS = PLACES + FEEDERS };

/* What where[] says of a place: VACANT, the address of its actor, or, while that has not
 * begun, its life number: addresses are far greater. */
enum { VACANT = 0 };
#define LEAST_ADDRESS (UINT64_C(1) << 56)

/* How a round ends. */
enum ending { ENDS_STOP, ENDS_DRAINED, ENDS_KILL, ENDS_FAIL, ENDS_OUTSIDE, ENDINGS };

enum count {
    ACCEPTED,       /* sends, replies, forwards, tells that returned 0 */
    HANDLED,        /* receives that returned 0 or CADRE_STOP, not set aside */
    CREATED,        /* bodies */
    DROPPED,        /* bodies seen by drop */
    UNHANDLED,      /* among them those that no receive was content with */
    REFUSED,        /* among them those whose tell failed: the system was stopping */
    EMPTY_ACCEPTED, /* the same of messages without a body */
    EMPTY_HANDLED,
    SPAWNED,
    STARTED,
    STOPPED
};

static struct round {
    uint64_t seed, goal;
    int64_t target; /* messages that wander at a time, roughly */
    enum ending ending;
    struct tally tally;
    cadre_system *system;
    _Atomic uint64_t manager;       /* its address */
    _Atomic uint64_t where[PLACES]; /* see VACANT */
    _Atomic uint32_t life[PLACES];  /* the last one given out */
    atomic_int appetite;            /* below 0: send less than you receive */
    atomic_bool draining, over;
    atomic_llong aside; /* messages that are set aside now */
    atomic_llong owned; /* blocks and buffers that bodies own now */
    sem_t permits;      /* for the feeders */
} round_;

static inline void count_up(enum count which) { tally_add(&round_.tally, which); }
static inline uint64_t counted(enum count which)
{
    return tally_sum(&round_.tally, which);
}

/* Nothing is fed any more. */
static inline void round_over(void)
{
    atomic_store(&round_.over, true);
    for (int i = 0; i < FEEDERS; i++)
        sem_post(&round_.permits);
}

#endif
