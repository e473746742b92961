/* runq.h: a ring: its owner pushes and pops, thieves take half.
 *
 * First in, first out, for everybody. The owner writes tail; head moves by CAS, the
 * owner's by one, a thief's by half of what it saw. A slot is read before the CAS and
 * counts only when the CAS succeeds, and it is not written again before head has passed
 * it. As in Go's scheduler (runtime/proc.go, runqput and runqgrab).
 *
 *   operation        by whom     allowed beside
 *   runq_push        the owner   runq_take_half
 *   runq_pop         the owner   runq_take_half
 *   runq_take_half   anybody     everything
 *   runq_size        anybody     everything; a snapshot */
#ifndef QUEUE_RUNQ_H
#define QUEUE_RUNQ_H

#include "base/atomic.h"
#include "base/cc.h"

#include <stdbool.h>
#include <stdint.h>

struct runq_slot {
    ATOMIC(void *) item; /* the owner's to write, while no thief may still want it */
};

struct runq {
    alignas(CACHE_PAIR) ATOMIC(uint32_t) head; /* the owner and thieves, by CAS */
    alignas(CACHE_PAIR) ATOMIC(uint32_t) tail; /* the owner */
    uint32_t mask;                             /* constant */
    struct runq_slot *slots;                   /* constant */
};

/* slots: a power of two of them, at least 2, the caller's memory. */
void runq_init(struct runq *q, struct runq_slot *slots, uint32_t capacity);

/* False when full. */
bool runq_push(struct runq *q, void *item);

/* The oldest item, or NULL. */
void *runq_pop(struct runq *q);

/* Moves the older half, rounded up and at most max, to items[]. Returns how many. */
uint32_t runq_take_half(struct runq *q, void **items, uint32_t max);

static inline uint32_t runq_size(const struct runq *q)
{
    uint32_t head = load_acquire(&q->head), tail = load_acquire(&q->tail);
    return (int32_t)(tail - head) > 0 ? tail - head : 0;
}

#endif
