/* spsc.h: the places of a ring that one thread fills and another one empties.
 *
 * Where those are, and how many, is the caller's; here is only which one is next. Both
 * sides count from 0 and never begin anew: so any number of places will do, and all of
 * them may be full.
 *
 *   operation                  by whom      allowed beside
 *   spsc_has_room, spsc_put    the writer   the reader's
 *   spsc_has_more, spsc_take   the reader   the writer's
 *
 * A place is the writer's until spsc_put, and the reader's until spsc_take. */
#ifndef QUEUE_SPSC_H
#define QUEUE_SPSC_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stdint.h>

struct spsc {
    ATOMIC(uint64_t) in;  /* the writer's */
    ATOMIC(uint64_t) out; /* the reader's */
};

static inline void spsc_init(struct spsc *q)
{
    atomic_set(&q->in, 0);
    atomic_set(&q->out, 0);
}

/* Is one of so many places free? Which one *at says. */
static inline bool spsc_has_room(const struct spsc *q, uint64_t places, uint64_t *at)
{
    uint64_t in = load_relaxed(&q->in); /* ours */
    *at = in % places;
    return in - load_acquire(&q->out) < places; /* pairs with spsc_take */
}

/* It is filled. */
static inline void spsc_put(struct spsc *q)
{
    store_release(&q->in, load_relaxed(&q->in) + 1); /* pairs with spsc_has_more */
}

/* Is one filled? Which one *at says. */
static inline bool spsc_has_more(const struct spsc *q, uint64_t places, uint64_t *at)
{
    uint64_t out = load_relaxed(&q->out); /* ours */
    *at = out % places;
    return load_acquire(&q->in) != out; /* pairs with spsc_put */
}

/* It is empty. */
static inline void spsc_take(struct spsc *q)
{
    store_release(&q->out, load_relaxed(&q->out) + 1); /* pairs with spsc_has_room */
}

#endif
