/* extras.h: what only some actors have: made when first needed. */
#ifndef ACTOR_EXTRAS_H
#define ACTOR_EXTRAS_H

#include "actor/gauge.h"
#include "actor/self.h"
#include "queue/list.h"

enum { OPS_FEW = 4 };

/* The operations of one actor by their tokens: chains in a table of a power of two. When
 * it grows its chains move some at a time, so that nobody waits for all of them. */
struct ops {
    struct op **chains; /* `few`, or elsewhere */
    uint32_t mask, count;
    struct op **old; /* NULL, or half as many: those that have not moved yet ... */
    uint32_t moved;  /* ... are from here on */
    uint32_t room;   /* from so many on each new one has chains to make or move */
    struct op *few[OPS_FEW];
};
static inline void ops_init(struct ops *ops)
{
    *ops = (struct ops){.chains = ops->few, .mask = OPS_FEW - 1, .room = OPS_FEW};
}

struct account; /* actor/usage */
struct extras {
    struct fifo aside, back; /* stash.h; back: and what is urgent */
    bool has_levels;         /* urgent.h: takes urgent messages first */
    struct ops ops;          /* op.h */
    struct wait *waits;      /* await.h: handlers that wait ... */
    bool roused;             /* ... of which some may be cancelled, or print; ... */
    struct wait *closed;     /* ... and the one for whose sake letters are ... */
    struct fifo held;        /* ... held, in front of them ... */
    struct fifo held_first;  /* ... those that were, or would be, among the ones back */
    uint32_t held_outcomes;  /* of those: how many are of operations */
    bool recalled;           /* of those: a request may have been cancelled */
    uint64_t listed;         /* cycle.h: the round of the lookout that knows it, ... */
    uint64_t stamped; /* ... the request that it waited for in the last look ... */
    int64_t since;    /* ... and when that was */
    struct op *idle;  /* after.c: what cadre_when_idle made; or NULL */
    cadre_receive *receive;     /* behind the one that notes when; NULL: none does */
    cadre_time last;            /* when a message was handled last */
    struct owned *owned;        /* arena.h */
    struct keep *keep;          /* keep.h: how it was spawned; or NULL */
    struct process *process;    /* process.h: where it runs; NULL: here */
    bool in_order;              /* exit.c: its children end one by one, ... */
    bool at_once;               /* ... killed, not stopped */
    uint32_t ports;             /* port.h: that are not closed, and it has, or had */
    struct list watches;        /* watch.h: who is told of the end */
    struct name_entry *names;   /* register.h: that it has */
    struct gauge *gauge;        /* gauge.h: of one with a limit, or flooded; or NULL */
    struct allowance allowance; /* its part of what that counts */
    struct account *account;    /* usage.h: of one with a budget; or NULL */
    bool fronted; /* something stands before what handles outcomes (after.h) */
    /* flow.h: whom it floods, to be muted when its handler returns; and when it is, by
     * whom: under the gauges' lock. */
    uint64_t slow_to;
    bool rests; /* the turn's: it has just been found muted */
    ATOMIC(struct gauge *) muted_by;
    struct cell *muted_cell;
    struct list muted;
};

CC_MUST_CHECK int extras_new(struct cadre_self *self, struct extras **extras);
void extras_free(struct cadre_self *self, struct extras *extras);

/* Makes them where there are none. Errors: pool_get's. */
CC_MUST_CHECK int extras_make(struct cadre_self *self, struct cell *cell);
/* Makes them of this memory; there are none. */
void extras_set(struct cell *cell, void *p);
/* NULL: it has none. */
static inline struct account *extras_account(const struct cell *cell)
{
    return cell->extras ? cell->extras->account : NULL;
}
/* Frees them; what they lead to is gone. */
void extras_end(struct cadre_self *self, struct cell *cell);

static inline struct gauge *extras_gauge(const struct cell *cell)
{
    const struct extras *extras = cell_extras(cell);
    return unlikely(extras != NULL) ? extras->gauge : NULL;
}
/* A letter is taken out of what waits, to be handled; or it waits again. */
static inline void extras_left(const struct cell *cell, struct letter *letter)
{
    struct gauge *gauge = extras_gauge(cell);
    if (unlikely(gauge != NULL))
        gauge_left(gauge, letter);
}
static inline void extras_back(const struct cell *cell, struct letter *letter)
{
    struct gauge *gauge = extras_gauge(cell);
    if (unlikely(gauge != NULL))
        gauge_back(gauge, letter);
}

#endif
