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
    /* Done for the sake of a request, and what such things are done for. */
    OP_ASK,     /* an answer is to come */
    OP_OFFLOAD, /* a blocking call is to come back */
    OP_PROMISE, /* an answer is owed */
    /* Alone. */
    OP_TIMER,   /* a message is to come, at its time */
    OP_EVERY,   /* the same, again and again */
    OP_IDLE,    /* the same, when nothing else has */
    OP_FUTURE,  /* a promise is to be kept, or a step to be done (chain.h) */
    OP_WATCH,   /* somebody's end is to be told (watch.h) */
    OP_LINK,    /* the same, and this actor fails with that one, and that with this */
    OP_CLOSING, /* that the system closes is to be told (closing.h) */
    OP_PORT,    /* something outside is this actor's (port.h) */
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

/* Of the envelope of a failure: what is behind its letter, but for the size at its end,
 * which only the heap would want to know. */
enum {
    OP_FAILURE = sizeof(struct envelope) - sizeof(struct letter) +
                 sizeof(cadre_failure) + offsetof(struct envelope_tail, bytes)
};

struct op {
    struct letter letter; /* LETTER_OP: the mail of its alarm; of OP_CLOSING, which
                           * stands in the world's list and in no wheel, too */
    union {
        struct alarm alarm;
        unsigned char failure[OP_FAILURE]; /* see op_take_failure */
    };
    uint64_t token;
    struct op *chain; /* the next one in the same chain of the table */
    int64_t deadline; /* of what it was started for */
    /* Who handles its outcome: a value, a failure; NULL: receive, or it passes on to
     * `next`, the future that it leads to (chain.h). */
    cadre_receive *then, *otherwise;
    struct op *next;
    struct wait *wait; /* the handler that waits for it; or NULL */
    /* What its outcome is when the alarm rings, made ahead; a promise: the request; a
     * request: nothing, it becomes its failure itself. */
    struct envelope *message;
    union {
        struct {
            uint64_t to; /* OP_ASK, OP_WATCH, OP_LINK: whom it asked, or watches ... */
            struct envelope *entry; /* ... and where it stands with that one; or NULL */
        };
        struct { /* OP_TIMER, OP_EVERY, OP_IDLE */
            int64_t due, period;
        };
        struct { /* OP_FUTURE: what leads to it: several, or one; or NULL */
            struct join *join;
            struct op *previous;
        };
        struct { /* OP_OFFLOAD, OP_PORT: the call, the port; and how to withdraw it */
            void *outside;
            bool (*withdraw)(struct cadre_self *self, void *outside);
        };
    };
    int code; /* what its failure says, if that is the outcome */
    uint8_t kind;
    bool dead : 1;
    bool told : 1;     /* its failure has been sent, whatever comes of its alarm */
    bool became : 1;   /* the block is an envelope now: that of its failure */
    bool in_hand : 1;  /* OP_PROMISE: the request is being handled */
    bool answered : 1; /* OP_FUTURE: its promise was kept, the answer comes ... */
    bool silent : 1;   /* ... or nobody waits for it */
    /* OP_LINK: cell_is_odd() of whom it is with. Constant; the only one that another
     * worker reads, so not beside those bits. */
    bool odd;
    /* What is done for the sake of a promise: its first child, and each one's next, and
     * where the pointer to this one stands. Others end here: there may be millions. */
    struct op *parent, *child, *sibling, **place;
};

static inline bool op_has_kin(enum op_kind kind) { return kind <= OP_PROMISE; }
/* It has one outcome, which somebody may wait for. */
static inline bool op_has_outcome(const struct op *op)
{
    return op->kind != OP_PROMISE && op->kind != OP_EVERY && op->kind != OP_IDLE &&
           op->kind != OP_PORT;
}

/* What a handler has in hand while it waits; as in cadre_self. */
struct hand {
    struct envelope *message;
    union {
        uint8_t fate;
        uint32_t unusual;
    };
    uint8_t owes;
    struct cause context;
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
/* The same with a token that it had elsewhere; 0: a new one. */
CC_MUST_CHECK int op_new_named(struct cadre_self *self, struct op **op,
                               enum op_kind kind, uint64_t token);
/* The same with the failure that it may have. */
CC_MUST_CHECK int op_new_failing(struct cadre_self *self, struct op **op,
                                 enum op_kind kind);
/* The promise to answer this request. Errors: as op_new. */
CC_MUST_CHECK int op_new_promise(struct cadre_self *self, struct op **op,
                                 struct envelope *request);

/* Tokens of one run have chains side by side: of operations that are started one after
 * the other the table is in the cache, however large it is. Where a run begins is as good
 * as random, so no pattern in the tokens makes long chains. */
static inline struct op **ops_chain(const struct ops *ops, uint64_t token)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t run = token / SELF_TOKEN_RUN * odd;
    run = (run ^ run >> 32) * odd >> 32; /* twice: once is regular, and may resonate */
    uint32_t at = (uint32_t)(run + token);
    if (unlikely(ops->old != NULL) && (at & ops->mask / 2) >= ops->moved)
        return &ops->old[at & ops->mask / 2];
    return &ops->chains[at & ops->mask];
}
static inline struct op *op_find(const struct cell *cell, uint64_t token)
{
    const struct extras *extras = cell_extras(cell);
    struct op *op = extras ? *ops_chain(&extras->ops, token) : NULL;
    while (op && op->token != token)
        op = op->chain;
    return op;
}
/* Marks its outcome as that, with whose it is, for when it is set aside. */
static inline void op_mark_outcome(const struct cell *cell, struct envelope *e,
                                   uint64_t token)
{
    plain_write(&e->letter.to,
                address_letter(cell_address(cell)) | (uint32_t)LETTER_OUTCOME);
    envelope_tail(e)->token = token;
}

void op_set_alarm(struct cadre_self *self, struct op *op, int64_t due);
/* Its outcome is a failure, with these; the message that says so. A request whose letter
 * is at home becomes that message itself: its end leaves the block to it. */
struct envelope *op_take_failure(struct cadre_self *self, struct op *op, int code,
                                 int cause);
/* The actor is told: the outcome is a failure with this code. */
void op_fail(struct cadre_self *self, struct op *op, int code);
/* When an operation is to time out: not after what it is done for. */
static inline int64_t op_due(struct cadre_self *self, cadre_time timeout)
{
    int64_t due = CADRE_NEVER, now;
    if (timeout != CADRE_NEVER && (now = self_now(self)) < CADRE_NEVER - timeout)
        due = now + timeout;
    return due < self->context.deadline ? due : self->context.deadline;
}
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
static inline void op_context_begin(struct cadre_self *self, const struct op *op)
{
    self->context.deadline = op->deadline;
    if (op_has_kin((enum op_kind)op->kind) && op->parent)
        self->context.parent = op->parent;
}
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
