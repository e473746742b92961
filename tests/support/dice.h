/* dice.h: small seedable randomness of the tests' own (SplitMix64). */
#ifndef SUPPORT_DICE_H
#define SUPPORT_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

static inline uint64_t mix64(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t dice_next(struct dice *dice)
{
    return mix64(dice->state += UINT64_C(0x9e3779b97f4a7c15));
}

/* A stream for each purpose. */
static inline struct dice dice_new(uint64_t seed, uint64_t purpose)
{
    return (struct dice){mix64(seed) ^ mix64(purpose * 2 + 1)};
}

/* 0 .. n-1 */
static inline uint32_t dice_below(struct dice *dice, uint32_t n)
{
    return (uint32_t)(((dice_next(dice) >> 32) * n) >> 32);
}

/* True once in n. */
static inline bool dice_once_in(struct dice *dice, uint32_t n)
{
    return dice_below(dice, n) == 0;
}

#endif
