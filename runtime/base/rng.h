/* rng.h: small, fast, seedable randomness (SplitMix64, Steele et al., OOPSLA 2014). */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t z = (rng->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A stream of its own for each purpose: a draw in one never moves another. */
static inline struct rng rng_stream(uint64_t seed, uint64_t purpose)
{
    struct rng rng = {seed ^ (purpose * UINT64_C(0xd1342543de82ef95))};
    (void)rng_next(&rng);
    return rng;
}

/* A seed that nobody knows. */
uint64_t rng_entropy(void);

/* 0 .. n-1; n is not 0. The bias for small n is of no consequence here. */
static inline uint32_t rng_below(struct rng *rng, uint32_t n)
{
    return (uint32_t)(((rng_next(rng) >> 32) * n) >> 32);
}

#endif
