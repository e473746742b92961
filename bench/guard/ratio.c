/* ratio.c: how much larger one median is than another, and how sure that is.
 *
 * The percentile bootstrap: draw as many rounds as there are, with replacement, take the
 * ratio of the medians, and do so often; 95 % of the ratios lie in the interval. It asks
 * nothing of the distribution, which for times has a long tail to one side. */
#include "guard/ratio.h"

#include <stdint.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values. */
static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* splitmix64: small, and the same everywhere. */
static uint64_t draw(uint64_t *seed)
{
    uint64_t z = *seed += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* `old_drawn` and `new_drawn` have room for the rounds; all of them once when seed is
 * NULL. */
static double ratio_once(double *old_drawn, double *new_drawn, const double *old_values,
                         const double *new_values, size_t rounds, uint64_t *seed)
{
    for (size_t i = 0; i < rounds; i++) {
        size_t from = seed ? (size_t)(draw(seed) % rounds) : i;
        old_drawn[i] = old_values[from];
        new_drawn[i] = new_values[from];
    }
    return median(new_drawn, rounds) / median(old_drawn, rounds);
}

int ratio_of(struct ratio *ratio, const double *old_values, const double *new_values,
             size_t rounds)
{
    uint64_t seed = 1;
    double *ratios = calloc(RESAMPLES + 2 * rounds, sizeof *ratios);
    if (!ratios)
        return -1;
    double *old_drawn = ratios + RESAMPLES, *new_drawn = old_drawn + rounds;
    for (size_t i = 0; i < RESAMPLES; i++)
        ratios[i] =
            ratio_once(old_drawn, new_drawn, old_values, new_values, rounds, &seed);
    qsort(ratios, RESAMPLES, sizeof *ratios, compare);
    ratio->low = ratios[RESAMPLES / 40];
    ratio->high = ratios[RESAMPLES - 1 - RESAMPLES / 40];
    ratio->ratio =
        ratio_once(old_drawn, new_drawn, old_values, new_values, rounds, NULL);
    ratio->old_median = median(old_drawn, rounds);
    ratio->new_median = median(new_drawn, rounds);
    free(ratios);
    return 0;
}
