/* seat.h: who runs a loop, and how he is told of commands.
 *
 * A loop is run by one thread at a time, which has its seat. Anybody puts commands into
 * its inbox. Whoever has the seat takes them all and leaves AWAKE: he will look again
 * without being told. Before he sleeps in the loop he takes what is there once more and
 * leaves EMPTY; so from then on the first to push something is the one who wakes him, by
 * the loop's descriptor, and nobody else need (queue/inbox.h: it is the token).
 *
 *   operation     by whom
 *   seat_take     anybody
 *   seat_leave    who has it; seat_next has been called since he last slept
 *   seat_push     anybody; true: wake whoever sleeps there
 *   seat_next     who has it
 *   seat_rest     who has it; NULL: he may sleep, and calls seat_next afterwards */
#ifndef IO_SEAT_H
#define IO_SEAT_H

#include "queue/inbox.h"

struct seat {
    ATOMIC(uint32_t) taken;
    struct inbox commands;
    int wake_fd; /* the loop's descriptor, an eventfd; constant */
};

/* Whoever sleeps in the loop wakes up. Any thread, a signal handler; errno is kept. */
void seat_wake(const struct seat *seat);

static inline void seat_init(struct seat *seat)
{
    atomic_set(&seat->taken, 0);
    inbox_init(&seat->commands);
}

static inline bool seat_take(struct seat *seat)
{
    uint32_t none = 0;
    return load_relaxed(&seat->taken) == 0 && cas_acq_rel(&seat->taken, &none, 1);
}

static inline void seat_leave(struct seat *seat)
{
    store_release(&seat->taken, 0); /* pairs with the next one's take */
}

static inline bool seat_push(struct seat *seat, struct inbox_node *node)
{
    return inbox_push(&seat->commands, node);
}

/* What was taken, the oldest first. */
static inline struct inbox_node *seat_in_order(struct inbox_node *newest)
{
    struct inbox_node *oldest = NULL;
    while (newest) {
        struct inbox_node *older = plain_read(&newest->next);
        plain_write(&newest->next, oldest);
        oldest = newest;
        newest = older;
    }
    return oldest;
}

static inline struct inbox_node *seat_next(struct seat *seat)
{
    return seat_in_order(inbox_take(&seat->commands, INBOX_AWAKE));
}

static inline struct inbox_node *seat_rest(struct seat *seat)
{
    return seat_in_order(inbox_take(&seat->commands, INBOX_EMPTY));
}

#endif
