/* mpsc.h: many producers, one consumer, intrusive: every mailbox.
 *
 * The tail word is the whole state: IDLE (NULL), or the newest node. A producer
 * exchanges itself in and links its predecessor to itself; the one that found IDLE owns
 * the consumer's side from then on and must see to it that the queue is consumed. So
 * "is it scheduled" is the tail word too, and no wake-up can fall between the two.
 *
 * The consumer works on the first node while that is still in the queue, then advances:
 * to the next node, or to IDLE by a CAS that fails when somebody came meanwhile. One
 * locked instruction per push, none per node consumed, one per idling. After MC queues
 * for locks (Mellor-Crummey and Scott, 1991).
 *
 *   operation      by whom          allowed beside
 *   mpsc_push      anybody          everything; wait-free
 *   mpsc_claim     anybody          everything; fails unless idle
 *   mpsc_first     the consumer     mpsc_push
 *   mpsc_advance   the consumer     mpsc_push, mpsc_claim
 *
 * The consumer is whoever last got true from push or claim, or those it handed the
 * queue to, until advance returns MPSC_IDLE. */
#ifndef QUEUE_MPSC_H
#define QUEUE_MPSC_H

#include "base/atomic.h"
#include "base/cc.h"

#include <stdbool.h>
#include <stddef.h>

struct mpsc_node {
    ATOMIC(struct mpsc_node *) next; /* written once by the producer that comes next */
};

struct mpsc {
    ATOMIC(struct mpsc_node *) tail; /* any producer; to IDLE by the consumer */
    struct mpsc_node *first;         /* the consumer's; its new owner's on the way */
};

enum mpsc_state {
    MPSC_MORE, /* the next node is first now */
    MPSC_LATE, /* a producer is between exchange and link: try again later */
    MPSC_IDLE  /* the queue belongs to nobody: touch it no more */
};

static inline void mpsc_init(struct mpsc *q)
{
    atomic_set(&q->tail, NULL);
    q->first = NULL;
}

/* True: it was idle, and the caller is its consumer now. */
static inline bool mpsc_push(struct mpsc *q, struct mpsc_node *n)
{
    store_relaxed(&n->next, NULL);
    /* acq_rel: release publishes the node to advance's acquire of next, and acquire
     * takes over what the last consumer left when it went idle. */
    struct mpsc_node *before = exchange_acq_rel(&q->tail, n);
    if (before) {
        store_release(&before->next, n); /* pairs with the load in mpsc_advance */
        return false;
    }
    plain_write(&q->first, n);
    return true;
}

/* Takes an idle queue, with n as its first node. False: somebody else has it. */
static inline bool mpsc_claim(struct mpsc *q, struct mpsc_node *n)
{
    struct mpsc_node *idle = NULL;
    store_relaxed(&n->next, NULL);
    if (!cas_acq_rel(&q->tail, &idle, n))
        return false;
    plain_write(&q->first, n);
    return true;
}

static inline bool mpsc_is_idle(const struct mpsc *q)
{
    return load_relaxed(&q->tail) == NULL; /* a hint, out of date at once */
}

/* The node in hand; there is always one. */
static inline struct mpsc_node *mpsc_first(const struct mpsc *q)
{
    return plain_read(&q->first);
}

/* Leaves the first node behind: unless LATE it is the caller's to free. */
static inline enum mpsc_state mpsc_advance(struct mpsc *q)
{
    enum { PATIENCE = 64 };
    struct mpsc_node *n = plain_read(&q->first);
    struct mpsc_node *next = load_acquire(&n->next);
    if (!next) {
        struct mpsc_node *last = n;
        if (cas_acq_rel(&q->tail, &last, NULL))
            return MPSC_IDLE;
        for (int i = 0; !next && i < PATIENCE; i++) {
            cpu_relax();
            next = load_acquire(&n->next);
        }
        if (!next)
            return MPSC_LATE;
    }
    plain_write(&q->first, next);
    return MPSC_MORE;
}

#endif
