/* runq.c: a ring: its owner pushes and pops, thieves take half. */
#include "queue/runq.h"

#include <stddef.h>

void runq_init(struct runq *q, struct runq_slot *slots, uint32_t capacity)
{
    atomic_set(&q->head, 0);
    atomic_set(&q->tail, 0);
    q->mask = capacity - 1;
    q->slots = slots;
    for (uint32_t i = 0; i < capacity; i++)
        atomic_set(&slots[i].item, NULL);
}

bool runq_push(struct runq *q, void *item)
{
    /* acquire: a thief's reads of the slot come before we write it again. */
    uint32_t head = load_acquire(&q->head);
    uint32_t tail = load_relaxed(&q->tail); /* our own */
    if (tail - head > q->mask)
        return false;
    store_relaxed(&q->slots[tail & q->mask].item, item); /* published by tail */
    store_release(&q->tail, tail + 1); /* pairs with the acquire in runq_take_half */
    return true;
}

void *runq_pop(struct runq *q)
{
    uint32_t head = load_acquire(&q->head);
    uint32_t tail = load_relaxed(&q->tail); /* our own */
    while (tail != head) {
        void *item = load_relaxed(&q->slots[head & q->mask].item);
        if (cas_acq_rel(&q->head, &head, head + 1))
            return item;
    }
    return NULL;
}

uint32_t runq_take_half(struct runq *q, void **items, uint32_t max)
{
    uint32_t head = load_acquire(&q->head);
    for (;;) {
        uint32_t tail = load_acquire(&q->tail);
        uint32_t size = tail - head;
        if ((int32_t)size <= 0)
            return 0;
        if (size > q->mask + 1) { /* head moved on between the two loads */
            head = load_acquire(&q->head);
            continue;
        }
        uint32_t n = size - size / 2;
        if (n > max)
            n = max;
        for (uint32_t i = 0; i < n; i++)
            items[i] = load_relaxed(&q->slots[(head + i) & q->mask].item);
        if (cas_acq_rel(&q->head, &head, head + n))
            return n;
    }
}
