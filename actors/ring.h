/* ring.h: a list that goes round, through what is in it: any of it leaves at once.
 *
 * The head is a ring, too. None of them may be moved while they are in the list. */
#ifndef ACTORS_RING_H
#define ACTORS_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring {
    struct ring *next, *prev;
};

static inline void ring_init(struct ring *head) { head->next = head->prev = head; }
static inline bool ring_is_empty(const struct ring *head) { return head->next == head; }

/* At the end. */
static inline void ring_add(struct ring *head, struct ring *ring)
{
    ring->next = head;
    ring->prev = head->prev;
    head->prev->next = ring;
    head->prev = ring;
}
static inline void ring_remove(struct ring *ring)
{
    ring->prev->next = ring->next;
    ring->next->prev = ring->prev;
}

/* The T whose field this ring is. */
#define RING_OF(ring, T, field) ((T *)(void *)((char *)(ring)-offsetof(T, field)))

#endif
