/* deque.h: a bounded queue with two ends: one thread at a time.
 *
 * The newest item stands in a place of its own: to push and to take it again is all that
 * most of them ever see. In an empty place there may be a mark: whoever looks before it
 * pushes there finds it, and is reminded of something at no cost to all others. */
#ifndef QUEUE_DEQUE_H
#define QUEUE_DEQUE_H

#include "base/atomic.h"
#include "base/cc.h"

#include <stdbool.h>
#include <stdint.h>

enum { DEQUE_SIZE = 256 }; /* besides the newest */

#define DEQUE_MARK ((void *)(uintptr_t)1)

struct deque {
    void *newest;          /* none: NULL or DEQUE_MARK */
    uint32_t oldest, next; /* of the ring; they count from 0 and wrap */
    void *items[DEQUE_SIZE];
};

static inline void deque_init(struct deque *q)
{
    q->newest = NULL;
    q->oldest = q->next = 0;
}

static inline uint32_t deque_ring_size(const struct deque *q)
{
    return plain_read(&q->next) - plain_read(&q->oldest);
}

static inline bool deque_has_newest(const struct deque *q)
{
    return (uintptr_t)plain_read(&q->newest) > (uintptr_t)DEQUE_MARK;
}

static inline uint32_t deque_size(const struct deque *q)
{
    return deque_ring_size(q) + deque_has_newest(q);
}

/* The next one to push finds the mark; nothing, when there is a newest one already. */
static inline void deque_mark(struct deque *q)
{
    if (!deque_has_newest(q))
        plain_write(&q->newest, DEQUE_MARK);
}

/* Has it no more room than for one that comes when `newest` is free? */
static inline bool deque_is_full(const struct deque *q)
{
    return deque_ring_size(q) == DEQUE_SIZE;
}

/* Into the ring, in front of all there. Not when it is full. */
static inline void deque_push_ring(struct deque *q, void *item)
{
    uint32_t next = plain_read(&q->next);
    q->items[next % DEQUE_SIZE] = item;
    plain_write(&q->next, next + 1);
}

/* Behind all. Not when the ring is full. */
static inline void deque_push_oldest(struct deque *q, void *item)
{
    uint32_t oldest = plain_read(&q->oldest) - 1;
    plain_write(&q->oldest, oldest);
    q->items[oldest % DEQUE_SIZE] = item;
}

/* In front of all. Not when the ring is full and there is a newest one. */
static inline void deque_push(struct deque *q, void *item)
{
    if (deque_has_newest(q))
        deque_push_ring(q, plain_read(&q->newest));
    plain_write(&q->newest, item);
}

/* NULL when it is empty. */
static inline void *deque_take_newest(struct deque *q)
{
    void *item = NULL;
    if (deque_has_newest(q)) {
        item = plain_read(&q->newest);
        plain_write(&q->newest, NULL);
    } else if (plain_read(&q->next) != plain_read(&q->oldest)) {
        uint32_t next = plain_read(&q->next) - 1;
        plain_write(&q->next, next);
        item = q->items[next % DEQUE_SIZE];
    }
    return item;
}

static inline void *deque_take_oldest(struct deque *q)
{
    uint32_t oldest = plain_read(&q->oldest);
    if (oldest == plain_read(&q->next))
        return deque_take_newest(q);
    plain_write(&q->oldest, oldest + 1);
    return q->items[oldest % DEQUE_SIZE];
}

#endif
