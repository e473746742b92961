/* usage.h: the account of an actor that has a budget.
 *
 * Its turns write, others read under the lock of all accounts, which keeps it from being
 * freed meanwhile. A message only counts down to the next one that is measured; what
 * stands before receive does that (account.c). */
#ifndef ACTOR_USAGE_H
#define ACTOR_USAGE_H

#include "actor/self.h"

#include <cadre/account.h>

struct account {
    struct list link;       /* of all accounts in one chain; under their lock */
    uint64_t id;            /* its actor; constant, like the next two */
    const char *actor;      /* the class's name */
    cadre_budget budget;    /* the window is filled in */
    cadre_receive *receive; /* the actor's own, or what it has become */
    /* For the next outcome, what is to handle it; and what stands before that. */
    cadre_receive *then, *front;
    /* Written by its turn alone; read by anybody. `messages` and `time` are true up to
     * the last measured message; since then `span` - `left` have been handled. */
    ATOMIC(uint32_t) left, span;
    ATOMIC(uint64_t) messages, time, rested, bytes, bytes_max, overs;
    ATOMIC(bool) rests;
    /* The turn's own. */
    int64_t since; /* when the measured handler began, but for its waits; 0: none is */
    int64_t last;  /* when the last one ended */
    int64_t price; /* of one that is not measured: of late, in the mean */
    uint32_t dice;
    int64_t opened;         /* the window; 0: none is open */
    int64_t window_time;    /* what was used ... */
    uint64_t window_counts; /* ... since */
    bool is_new;            /* nothing is */
    bool told;              /* in this window: that the budget is exceeded */
    bool told_bytes;        /* or will be: that of bytes, since there were fewer */
    bool over_bytes;        /* will be, after the callback */
};

/* Where it is, or would be; under the lock. */
static inline struct list *accounts_chain(struct world *world, uint64_t id)
{
    return &world->accounts[address_slot(id) % ACCOUNT_CHAINS];
}

/* A handler begins to wait: how long it has taken so far, or -1: it is not measured. And
 * it goes on. */
static inline int64_t account_pause(struct account *a, int64_t now)
{
    int64_t took = a->since ? now - a->since : -1;
    a->since = 0;
    return took;
}
static inline void account_go_on(struct account *a, int64_t took, int64_t now)
{
    a->since = took < 0 ? 0 : now - took;
}

/* It gets so many bytes, or gives them back. False: it may not. */
bool account_get_bytes(struct account *a, uint64_t bytes);
void account_put_bytes(struct account *a, uint64_t bytes);

#endif
