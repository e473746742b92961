/* rng.c: small, fast, seedable randomness. */
#include "base/rng.h"

#include "base/clock.h"

#include <sys/random.h>

uint64_t rng_entropy(void)
{
    const struct clock real = {0};
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
        seed = (uint64_t)clock_now(&real); /* early at boot: better than nothing */
    return seed;
}
