/* inbox.h: many producers push, one consumer takes all: how others reach a task.
 *
 * A stack in one word. Besides its newest node the word knows two tags: EMPTY, and AWAKE,
 * empty but the consumer is told already. Telling is what the tags are for: whoever
 * changes EMPTY to something else must see to it that the consumer looks, and nobody else
 * need; it holds the inbox's token. The consumer, told, takes what is there and leaves
 * EMPTY, which ends the token; taking in between, untold, it leaves AWAKE, for a token is
 * still on its way. So a full inbox is told of once, and none is forgotten.
 *
 * Nodes are only ever taken all together, so there is no ABA (Treiber, 1986).
 *
 * Beside all that the word has a bit that the consumer alone changes: its inbox is gated.
 * It means nothing here but for inbox_is_plain, where whoever asks finds out, at no cost,
 * that there is something to be looked at before anything is put in.
 *
 *   operation     by whom        allowed beside
 *   inbox_push    anybody        everything; true: the caller holds the token now
 *   inbox_poke    anybody        everything; the same, with nothing to push
 *   inbox_take    the consumer   push, poke
 *   inbox_gate    the consumer   push, poke */
#ifndef QUEUE_INBOX_H
#define QUEUE_INBOX_H

#include "base/atomic.h"
#include "base/cc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inbox_node {
    struct inbox_node *next; /* older; the producer's, then the consumer's */
};

#define INBOX_EMPTY ((struct inbox_node *)NULL)
#define INBOX_AWAKE ((struct inbox_node *)(uintptr_t)1)
/* Beside a tag or a node, which is aligned. */
enum { INBOX_GATED = 2, INBOX_TAGS = 3 };

struct inbox {
    ATOMIC(struct inbox_node *) newest; /* or a tag */
};

static inline void inbox_init(struct inbox *q) { atomic_set(&q->newest, INBOX_EMPTY); }

static inline struct inbox_node *inbox_with(struct inbox_node *n, uintptr_t gated)
{
    return (struct inbox_node *)((uintptr_t)n | gated);
}
static inline uintptr_t inbox_gated(const struct inbox_node *word)
{
    return (uintptr_t)word & INBOX_GATED;
}
/* Without a tag. */
static inline struct inbox_node *inbox_nodes(struct inbox_node *word)
{
    return (struct inbox_node *)((uintptr_t)word & ~(uintptr_t)INBOX_TAGS);
}
static inline bool inbox_word_is_empty(const struct inbox_node *word)
{
    return ((uintptr_t)word & ~(uintptr_t)INBOX_GATED) == (uintptr_t)INBOX_EMPTY;
}

static inline bool inbox_push(struct inbox *q, struct inbox_node *n)
{
    struct inbox_node *before = load_relaxed(&q->newest);
    do
        plain_write(&n->next, inbox_nodes(before));
    /* release: the node, for inbox_take's acquire. acquire: whoever gets the token may
     * use what the last one who had it has left. */
    while (!cas_acq_rel(&q->newest, &before, inbox_with(n, inbox_gated(before))));
    return inbox_word_is_empty(before);
}

/* After this the consumer looks once more, and sees what was done before it. */
static inline bool inbox_poke(struct inbox *q)
{
    struct inbox_node *before = load_relaxed(&q->newest), *after;
    do
        after = inbox_word_is_empty(before)
                    ? inbox_with(INBOX_AWAKE, inbox_gated(before))
                    : before;
    while (!cas_acq_rel(&q->newest, &before,
                        after)); /* a store even where it is the same */
    return inbox_word_is_empty(before);
}

/* Is there nothing to take, and no gate? The consumer's look; out of date at once. */
static inline bool inbox_is_plain(const struct inbox *q)
{
    /* INBOX_EMPTY and INBOX_AWAKE are the smallest values. */
    return !above64_acquire(&q->newest, (uintptr_t)INBOX_AWAKE);
}

/* Is there something to take? As above. */
static inline bool inbox_has_nodes(const struct inbox *q)
{
    return above64_acquire(&q->newest, INBOX_TAGS);
}

static inline bool inbox_is_empty(const struct inbox *q)
{
    return !above64_acquire(&q->newest, (uintptr_t)INBOX_EMPTY);
}

/* Everything, newest first, NULL when there was nothing. tag: what stays behind. */
static inline struct inbox_node *inbox_take(struct inbox *q, struct inbox_node *tag)
{
    /* Relaxed: the bit is ours. */
    uintptr_t gated = inbox_gated(load_relaxed(&q->newest));
    return inbox_nodes(exchange_acq_rel(&q->newest, inbox_with(tag, gated)));
}

/* Acquire: what stands behind the gate can be read. */
static inline bool inbox_is_gated(const struct inbox *q)
{
    return inbox_gated(load_acquire(&q->newest)); /* pairs with inbox_gate */
}

static inline void inbox_gate(struct inbox *q, bool gated)
{
    struct inbox_node *before = load_relaxed(&q->newest), *after;
    do
        after = (struct inbox_node *)(((uintptr_t)before & ~(uintptr_t)INBOX_GATED) |
                                      (gated ? INBOX_GATED : 0u));
    while (!cas_acq_rel(&q->newest, &before, after));
}

#endif
