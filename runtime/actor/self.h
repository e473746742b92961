/* self.h: the running actor: one per worker, and one for the threads outside.
 *
 * The public cadre_self. It belongs to a worker, not to an actor: while that worker runs
 * a turn it stands for the turn's actor, in between for nobody. */
#ifndef ACTOR_SELF_H
#define ACTOR_SELF_H

#include "actor/world.h"

/* What became of the message in hand; the turn obeys it after receive has returned. */
enum fate { FATE_HANDLED, FATE_UNHANDLED, FATE_FORWARDED, FATE_STASHED, FATE_DEFERRED };

/* Is it a request? Then its sender is owed an answer, or has it. */
enum debt { OWES_NOTHING, OWES_ANSWER, OWES_NO_MORE };

/* For whose sake something is handled; see ask.h. */
struct cause {
    int64_t deadline;  /* CADRE_NEVER: none */
    struct op *parent; /* a promise to answer that request; NULL: none (yet) */
    struct op *young;  /* what was started since, while there is none */
};

/* How many tokens of a worker follow each other, before the others' come. */
enum { SELF_TOKEN_RUN = 64 };

/* A step of a chain that runs; see chain.c. */
struct step {
    struct op *of;           /* whose outcome it makes */
    struct envelope *passed; /* that; or NULL */
    bool followed;           /* it is to be that of another operation */
};

/* What cadre_fail() has noted. */
enum { WORDS_MAX = 200 };
struct words {
    uint64_t of; /* the actor; 0: nothing is noted */
    int code;
    char text[WORDS_MAX + 1];
};

/* Who has begun to wait closed on this worker; see cycle.h. */
struct lookout {
    struct listed *first, **last; /* those that are to be looked at */
    int64_t latest;               /* stamp that was given */
    bool is_set;                  /* there will be a look: ... */
    struct alarm alarm;           /* ... its mail is for ... */
    struct cell cell;             /* ... this one, which is no actor */
};

struct cadre_self {
    struct world *world;
    struct worker *worker;  /* NULL: outside */
    struct table_view view; /* of the world's table */
    /* Whose turn it is; NULL between turns. Also for threads that ask who is stuck. */
    ATOMIC(struct cell *) cell;
    struct envelope
        *message; /* in hand, during receive; not valid in other callbacks */
    union {       /* all zero is the common case */
        struct {
            uint8_t fate; /* enum fate, of the message in hand */
            bool more;    /* something was unstashed, awaited, forked or flooded */
            bool traced;  /* messages are noted; constant */
            bool never;   /* fills the word */
        };
        uint32_t unusual;
    };
    uint8_t owes; /* enum debt, of the message in hand */
    /* A message that was handled: the next one that is sent is put into it if it is of
     * its size, so that what goes to and fro does without the pool. NULL: none. */
    struct envelope *spent;
    struct cause context;
    struct step *step; /* the running one, or NULL */
    /* Handlers that wait (await.h): */
    struct envelope *second; /* what was awaited last; or NULL */
    uint8_t second_owes;     /* enum debt */
    uint32_t usual;          /* `unusual` when nothing is; constant */
    bool forked;             /* a scope was opened in this callback */
    struct wait *resumes;    /* whose turn it is from now on; or NULL */
    struct cell *parting;    /* whose turn is to end; or NULL */
    uint64_t looks;          /* of the lookout, counted; no other worker's number */
    uint32_t looked;     /* flow.h: at so much mail, of what flow_grown has counted */
    uint64_t noted,      /* flow.h: that one is flooded, and known to be so ... */
        noted_turn;      /* ... in that turn of the worker's */
    uint64_t next_token; /* of the operations started here */
    cadre_time now;      /* 0: not known; for self_now ... */
    uint64_t now_turn;   /* ... and the worker's turn in which it was read */
    struct rng rng;      /* the users' own stream */
    struct pool pool;
    struct table_cache cells;
    /* One writer: this worker, or the holder of the outside lock. */
    alignas(CACHE_LINE) ATOMIC(uint64_t) accepted;
    ATOMIC(uint64_t) handled;
    ATOMIC(uint64_t) dead;
    ATOMIC(uint64_t) dropped;
    ATOMIC(uint64_t) spawned;
    ATOMIC(uint64_t) ended;
    /* What a system that drains waits for, beside messages: promises and offloaded calls,
     * begun here, and over, wherever they were begun. */
    ATOMIC(uint64_t) duties;
    ATOMIC(uint64_t) duties_over;
    int64_t credit,
        credit_at;          /* for looks at the clock (account.c), when it was given */
    ATOMIC(uint64_t) mutes; /* flow.h */
    struct words words;     /* of whoever fails next */
    bool expects;           /* an answer from a process soon (sched/isolation.h) */
    struct lookout lookout;
};

void self_init(struct cadre_self *self, struct world *world, struct worker *worker);

/* What a worker does before it sleeps: sched's tidy. */
bool self_tidy(struct worker *worker);

/* The one whose callback runs on this thread; else none that anybody could pass. */
extern CC_THREAD_LOCAL const struct cadre_self *self_here;
/* Says which one runs here from now on. Returns the one before. */
const struct cadre_self *self_enter(const struct cadre_self *self);
/* Says that none does: there is no self to pass. Returns the one before. */
extern const char self_nobody;
static inline const struct cadre_self *self_leave(void)
{
    const struct cadre_self *before = self_here;
    self_here = (const struct cadre_self *)(const void *)&self_nobody;
    return before;
}

/* 0, or why this call may not be made: -EINVAL, -EPERM, -EBADFD (after a fork). what:
 * the function's name, for the log. */
int self_refuse(const cadre_self *self, const char *what) CC_COLD;
static inline int self_check(const cadre_self *self, const char *what)
{
    if (likely(self == self_here))
        return 0;
    return self_refuse(self, what);
}

/* The same; and -ENOTSUP in a process of its own (uplink.h), where it cannot be. */
int self_check_outer(const cadre_self *self, const char *what);

/* One less that alarms.set has counted (sched/alarm.h). Inside, because whoever rings for
 * a worker that is stuck in a handler counts there, too. */
static inline void self_count_over(struct cadre_self *self)
{
    struct worker *here = self->worker;
    bias_enter(&here->bias);
    counter_add(&here->alarms.over, 1);
    bias_leave(&here->bias);
}

/* A mistake of the caller: one log line that names it, at a limited rate; in a debug
 * build the end. Returns err. */
int world_misuse(struct world *world, int err, const char *fmt, ...)
    CC_PRINTF(3, 4) CC_COLD;

static inline struct cell *self_cell(const struct cadre_self *self)
{
    return load_relaxed(&self->cell);
}
/* The address of whose turn it is; 0 for those outside. */
static inline uint64_t self_address(const struct cadre_self *self)
{
    return self->worker ? cell_address(self_cell(self)) : 0;
}

/* Of a new operation: never 0, and never again, here or on another worker. */
static inline uint64_t self_next_token(struct cadre_self *self)
{
    uint64_t token = self->next_token++;
    if (unlikely(self->next_token % SELF_TOKEN_RUN == 0))
        self->next_token += (self->world->sched.crew.count - 1) * SELF_TOKEN_RUN;
    return token;
}

/* Notes what has happened (sched/event.h); outside the workers nothing is noted. */
void self_note(struct cadre_self *self, enum event_kind kind, uint64_t who,
               uint64_t other, const void *about) CC_COLD;

/* Frees an envelope, without its body. */
void self_free_slowly(struct cadre_self *self, struct envelope *e);
static CC_INLINE void self_free(struct cadre_self *self, struct envelope *e)
{
    if (unlikely(!pool_put_at(&self->pool, e, e->letter.place)))
        self_free_slowly(self, e);
}

/* The same after it was handled: it is kept at hand, if none is; but what the heap gave
 * may be large, and others want it; and AddressSanitizer is to know that it is free. */
static CC_INLINE void self_free_handled(struct cadre_self *self, struct envelope *e)
{
    if (CC_ASAN || unlikely(self->spent))
        self_free(self, e);
    else if (unlikely(e->letter.place == POOL_PLACE_NONE))
        self_free_slowly(self, e);
    else
        self->spent = e;
}
/* The one at hand, if there is one. */
static inline void self_free_spent(struct cadre_self *self)
{
    if (self->spent)
        self_free(self, self->spent);
    self->spent = NULL;
}

/* The time, read when first asked for in a turn. */
cadre_time self_now(cadre_self *self);

/* Takes the message in hand out of m. -EINVAL when m is not that, or was taken. */
int self_take_message(cadre_self *self, cadre_msg *m, enum fate fate, const char *what);

#endif
