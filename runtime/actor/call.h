/* call.h: one answer, for a thread that is not an actor.
 *
 * The public cadre_future. Two know it: the thread that made the call, and the request,
 * or whoever owes the answer to it; each gives it up once, the last one frees it. Its
 * memory comes from the heap of its system, which outlives both.
 *
 *   operation    by whom
 *   call_moves   whoever has the request now
 *   call_answer  whoever answers, once; or
 *   call_drop    whoever hears that nobody waits for the answer any more
 *   the rest     the thread that has the future */
#ifndef ACTOR_CALL_H
#define ACTOR_CALL_H

#include "actor/self.h"
#include "base/park.h"

#include <cadre/future.h>

enum call_state { CALL_PENDING, CALL_WAITED_FOR, CALL_ANSWERED };

struct cadre_future {
    struct world *world;
    struct park_word state; /* enum call_state */
    ATOMIC(uint32_t) refs;
    ATOMIC(int) event_fd; /* -1: none; the thread's, closed with the last reference */
    ATOMIC(uint64_t) to;  /* who has the request; 0: the thread has given it up */
    uint32_t serial;      /* constant; see call_token */
    struct envelope *answer; /* released by state; then the thread's */
};

/* A request's token says which future it is for: 44 bits of address, for blocks of 16
 * bytes, and behind them which of those that stood there, so that a promise that was
 * kept does not answer the next call. It would after 2^18 more, if it were that one. */
#define CALL_TOKEN (UINT64_C(1) << 62)
enum { CALL_ADDRESS_BITS = 44, CALL_SERIAL_BITS = 18 };
static inline uint64_t call_token(const struct cadre_future *future)
{
    uint64_t serial = future->serial % (1u << CALL_SERIAL_BITS);
    return CALL_TOKEN | serial << CALL_ADDRESS_BITS | (uint64_t)(uintptr_t)future >> 4;
}
static inline struct cadre_future *call_future(uint64_t token)
{
    uint64_t address = token & ((UINT64_C(1) << CALL_ADDRESS_BITS) - 1);
    return (struct cadre_future *)(uintptr_t)(address << 4);
}

/* Errors: heap_get's. */
CC_MUST_CHECK int call_new(struct cadre_future **future, struct world *world,
                           uint64_t to);
/* The request was not sent after all. */
void call_undo(struct cadre_future *future);
/* The unanswered request with this token has come to somebody else. False: the thread
 * has given it up, and told whoever had it before. */
bool call_moves(uint64_t token, uint64_t to);
/* It was given up, and nobody will answer. */
void call_drop(uint64_t token);
/* The answer, which is the future's from here on. */
void call_answer(struct cadre_self *self, struct envelope *answer);
/* Sleeps until there is an answer. False: not by then. */
bool call_wait(struct cadre_future *future, int64_t until);
static inline bool call_is_answered(const struct cadre_future *future)
{
    return load_acquire(&future->state.value) ==
           CALL_ANSWERED; /* pairs with call_answer */
}
/* A descriptor that is readable when there is an answer. Errors: -EMFILE, -ENOMEM. */
CC_MUST_CHECK int call_fd(struct cadre_future *future);
/* The thread does not want it any more. Returns who is to be told, before it is
 * forgotten; 0: nobody, it is answered. */
static inline uint64_t call_give_up(struct cadre_future *future)
{
    return call_is_answered(future) ? 0 : exchange_acq_rel(&future->to, 0);
}
/* Its part of the future goes, and with the last one all of it. */
void call_forget(struct cadre_future *future);

#endif
