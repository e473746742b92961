/* rng.c: small, fast, seedable randomness. */
#include "base/rng.h"

#include <sys/random.h>

uint64_t rng_entropy(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (uintptr_t)&seed; /* early at boot: better than nothing */
    return seed;
}
