/* wheel.h: timers in the order they are due: one thread at a time.
 *
 * A hierarchical timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing
 * Wheels", SOSP 1987). It has no clock: whoever calls it says what time it is, in
 * nanoseconds. It has no memory: a node is part of what it is the timer of, and whoever
 * adds it keeps it where it is until it is taken or removed.
 *
 *   wheel_add, wheel_remove   a few instructions, however many nodes there are
 *   wheel_take                the same on average: a node moves once per level at most
 *   wheel_next                looks at WHEEL_LOOK nodes at most
 *
 * Time is cut into ticks of about a microsecond. A node is never taken before the
 * nanosecond in which it is due, and never refused from then on. Nodes come in the order
 * of their ticks, and those of the same tick in the order in which they were added. The
 * wheel stands at the tick of the last node taken or, when there was none, of the time
 * that wheel_take was told; a node added with an earlier one counts as of that tick.
 *
 * Times are not negative. One that goes back counts as the latest so far. */
#ifndef QUEUE_WHEEL_H
#define QUEUE_WHEEL_H

#include "queue/list.h"

#include <stddef.h>
#include <stdint.h>

enum {
    WHEEL_TICK_BITS = 10, /* a tick is 1,024 ns */
    WHEEL_LEVEL_BITS = 6, /* each level has 64 slots, each as long as the level below */
    WHEEL_LEVELS = 9,
    WHEEL_SLOTS = WHEEL_LEVELS << WHEEL_LEVEL_BITS,
    WHEEL_LOOK = 64, /* how many nodes wheel_next looks at */
};

/* All zero: not in a wheel. */
struct wheel_node {
    struct list link; /* next is NULL: not in a wheel */
    int64_t due;
};

struct wheel {
    int64_t tick;   /* where it stands: no node is of an earlier one */
    int64_t latest; /* the latest time it was told */
    size_t count;
    uint32_t levels;                     /* a bit for each level that is not empty */
    uint64_t occupied[WHEEL_LEVELS + 1]; /* a bit for each slot; the last one unused */
    struct list slots[WHEEL_SLOTS + 1]; /* the last one: of this tick, later than now */
};

void wheel_init(struct wheel *w, int64_t now);

/* The node is in no wheel. It may be due already, or as late as INT64_MAX. */
void wheel_add(struct wheel *w, struct wheel_node *n, int64_t due);

/* The node is in this wheel. */
void wheel_remove(struct wheel *w, struct wheel_node *n);

/* The next node that is due, which is then in no wheel; NULL when there is none. */
struct wheel_node *wheel_take(struct wheel *w, int64_t now);

/* When to call wheel_take next: not after the first node is due, mostly just then, and
 * always later than a time at which it gave NULL. INT64_MAX when the wheel is empty. */
int64_t wheel_next(const struct wheel *w);

/* Panics when it is not in order. It looks at every node: for tests. */
void wheel_check(const struct wheel *w);

static inline bool wheel_is_in(const struct wheel_node *n) { return n->link.next; }

static inline size_t wheel_count(const struct wheel *w) { return w->count; }

#endif
