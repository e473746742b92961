/* op.h: pending operations of one actor: token, cancel, release at its end.
 *
 * An operation belongs to the actor that started it, or, a promise, to the one that owes
 * an answer; only that one's turn touches it. Its token is unique in the system for ever.
 * So a token of another actor, or of an operation that is over, finds nothing.
 *
 * It may have an alarm. Where that cannot be turned off, because it rings already or
 * stands with another worker, the operation is over all the same, but its memory stays
 * until the mail has come: `dead` says so. */
#ifndef ACTOR_OP_H
#define ACTOR_OP_H

#include "actor/extras.h"
#include "sched/alarm.h"

enum op_kind {
    OP_ASK,     /* an answer is to come */
    OP_TIMER,   /* a message is, at its time */
    OP_EVERY,   /* the same, again and again */
    OP_IDLE,    /* the same, when nothing else has */
    OP_PROMISE, /* an answer is owed */
    OP_OFFLOAD, /* a blocking call is to come back */
    OP_FUTURE,  /* a promise is to be kept, or a step to be done (chain.h) */
    OP_WATCH,   /* somebody's end is to be told (watch.h) */
    OP_LINK,    /* the same, and this actor fails with that one, and that with this */
    OP_KINDS
};

/* How the outcomes of several become one (chain.h). */
struct join {
    uint32_t need; /* values; 0: the first outcome, whatever it is */
    uint32_t count, values, failures;
    uint32_t left; /* of its tokens, when it is abandoned: still to be looked at */
    uint64_t tokens[];
};
static inline size_t op_join_bytes(uint32_t count)
{
    return sizeof(struct join) + count * sizeof(uint64_t);
}
/* There are not enough left for it to succeed. */
static inline bool op_join_has_failed(const struct join *join)
{
    return join->failures > join->count - (join->need ? join->need : 1);
}

/* Promises have the token of whoever asked, maybe the same actor, with this bit. */
#define OP_PROMISED (UINT64_C(1) << 63)

struct op {
    struct letter letter; /* LETTER_OP: the mail of its alarm */
    struct alarm alarm;
    uint64_t token;
    struct op *chain; /* the next one in the same chain of the table */
    /* What is done for the sake of a promise: its first child, and each one's next, and
     * where the pointer to this one stands. */
    struct op *parent, *child, *sibling, **place;
    int64_t deadline; /* of what it was started for */
    /* Who handles its outcome: a value, a failure; NULL: receive, or it passes on to
     * `next`, the future that it leads to (chain.h); which has one before it, unless it
     * joins several. */
    cadre_receive *then, *otherwise;
    struct op *next, *previous;
    struct wait *wait; /* the handler that waits for it; or NULL */
    /* What its outcome is when the alarm rings, made ahead; a promise: the request. */
    struct envelope *message;
    union {
        struct {
            uint64_t to; /* OP_ASK, OP_WATCH, OP_LINK: whom it asked, or watches ... */
            struct envelope *entry; /* ... and where it stands with that one; or NULL */
        };
        struct { /* OP_TIMER, OP_EVERY, OP_IDLE */
            int64_t due, period;
        };
        struct join *join; /* OP_FUTURE: of several; or NULL */
        struct {           /* OP_OFFLOAD: the call, and how to withdraw it */
            struct offload *offload;
            bool (*withdraw)(struct cadre_self *self, struct offload *offload);
        };
    };
    int code; /* what its failure says, if that is the outcome */
    uint8_t kind;
    bool dead;
    bool in_hand;  /* OP_PROMISE: the request is being handled */
    bool answered; /* OP_FUTURE: its promise was kept, the answer is on its way ... */
    bool silent;   /* ... or nobody waits for it */
};

/* What a handler has in hand while it waits; as in cadre_self. */
struct hand {
    struct envelope *message;
    uint8_t fate, owes;
    bool more;
    struct context context;
};

/* A handler that waits (await.h); on its own stack. */
struct wait {
    struct fiber *fiber;
    struct wait *next;      /* of the same actor */
    struct op *op;          /* NULL: it is over */
    struct envelope *e;     /* its outcome; NULL: the wait is cancelled */
    const cadre_type *type; /* or a message of this one; NULL: only the outcome */
    struct hand hand;
    bool cancelled, prints;
};

/* A new one in the running actor's table, which inherits what is being handled. Errors:
 * pool_get's, -ESHUTDOWN. */
CC_MUST_CHECK int op_new(struct cadre_self *self, struct op **op, enum op_kind kind);
/* The same with the failure that it may have. */
CC_MUST_CHECK int op_new_failing(struct cadre_self *self, struct op **op,
                                 enum op_kind kind);
/* The promise to answer this request. Errors: as op_new. */
CC_MUST_CHECK int op_new_promise(struct cadre_self *self, struct op **op,
                                 struct envelope *request);

struct op *op_find(const struct cell *cell, uint64_t token);
/* Marks its outcome as that, with whose it is, for when it is set aside. */
void op_mark_outcome(const struct cell *cell, struct envelope *e, uint64_t token);

void op_set_alarm(struct cadre_self *self, struct op *op, int64_t due);
/* Its outcome is a failure, with these; the message that says so. */
struct envelope *op_take_failure(struct cadre_self *self, struct op *op, int code,
                                 int cause);
/* The actor is told: the outcome is a failure with this code. */
void op_fail(struct cadre_self *self, struct op *op, int code);
/* When an operation is to time out: not after what it is done for. */
int64_t op_due(struct cadre_self *self, cadre_time timeout);
/* It is over: out of the table, and freed, now or later, with its message. */
void op_end(struct cadre_self *self, struct op *op);
/* The same without an outcome: nobody waits any more. So it is for what leads to it; and
 * what it leads to fails. */
void op_abandon(struct cadre_self *self, struct op *op);
/* The outcome of several is known: nobody waits any more for those that lead to it. */
void op_abandon_rest(struct cadre_self *self, struct op *op);
/* Its letter came, and it is dead. */
void op_free(struct cadre_self *self, struct op *op);

/* The actor ends, for this reason: so do all of them. */
void ops_end(struct cadre_self *self, struct cell *cell, int reason);

/* An outcome of it is what is handled now, for the sake of what it was started for. A
 * future is for the sake of what led to it. */
void op_context_begin(struct cadre_self *self, const struct op *op);
/* What is being handled is over: what was started for its sake goes on for its own. */
void op_orphan_young(struct cadre_self *self);
static inline void op_context_end(struct cadre_self *self)
{
    if (unlikely(self->context.young))
        op_orphan_young(self);
    self->context.deadline = CADRE_NEVER;
    self->context.parent = NULL;
}

#endif
