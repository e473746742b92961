/* l16.h: the random numbers of the Savina suite: 16 bits, the same in all languages. */
#ifndef HARNESS_L16_H
#define HARNESS_L16_H

#include <stdint.h>

/* The state is any number at first: the seed. */
static inline uint32_t l16_next(uint32_t *state)
{
    *state = (*state * 1309 + 13849) & 65535;
    return *state;
}

/* 0 to n - 1. */
static inline uint32_t l16_below(uint32_t *state, uint32_t n)
{
    return l16_next(state) % n;
}

#endif
