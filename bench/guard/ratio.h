/* ratio.h: how much larger one median is than another, and how sure that is. */
#ifndef GUARD_RATIO_H
#define GUARD_RATIO_H

#include <stddef.h>

enum { RESAMPLES = 10000 };

struct ratio {
    double old_median, new_median;
    double ratio;     /* new / old */
    double low, high; /* its 95 % interval */
};

/* The two values at one index were measured in the same round, and share the machine's
 * good and bad minutes; so rounds are what the bootstrap draws. The same values give the
 * same interval. Returns 0, or -1 when there is no memory. */
int ratio_of(struct ratio *ratio, const double *old_values, const double *new_values,
             size_t rounds);

#endif
