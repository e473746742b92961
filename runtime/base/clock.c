/* clock.c: monotonic nanoseconds, real or virtual. */
#include "base/clock.h"

#include <time.h>

int64_t clock_now(const struct clock *clock)
{
    if (clock->is_virtual)
        return load_relaxed(&clock->virtual_ns);
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}
