/* clock.h: monotonic nanoseconds, real or virtual. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stdint.h>

/* All zero is the real clock. A virtual one stands still until it is advanced. */
struct clock {
    bool is_virtual;
    ATOMIC(int64_t) virtual_ns; /* the simulation's only thread */
};

int64_t clock_now(const struct clock *clock);

static inline void clock_advance(struct clock *clock, int64_t by_ns)
{
    counter_add(&clock->virtual_ns, by_ns);
}

#endif
