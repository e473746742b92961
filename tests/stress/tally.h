/* tally.h: counters that all threads add to, in lines of their own. Not the runtime's:
 * a test compares them with what the runtime says. */
#ifndef STRESS_TALLY_H
#define STRESS_TALLY_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum { TALLY_SHARDS = 64, TALLY_COUNTS = 16 };

struct tally {
    struct {
        alignas(128) _Atomic uint64_t count[TALLY_COUNTS];
    } shards[TALLY_SHARDS];
};

static inline unsigned tally_shard(void)
{
    static atomic_uint threads;
    static _Thread_local unsigned mine;
    if (mine == 0)
        mine = atomic_fetch_add(&threads, 1) % TALLY_SHARDS + 1;
    return mine - 1;
}

static inline void tally_add(struct tally *tally, unsigned which)
{
    atomic_fetch_add_explicit(&tally->shards[tally_shard()].count[which], 1,
                              memory_order_relaxed);
}

static inline uint64_t tally_sum(struct tally *tally, unsigned which)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < TALLY_SHARDS; i++)
        sum += atomic_load(&tally->shards[i].count[which]);
    return sum;
}

static inline void tally_clear(struct tally *tally)
{
    for (unsigned i = 0; i < TALLY_SHARDS; i++)
        for (unsigned c = 0; c < TALLY_COUNTS; c++)
            atomic_store(&tally->shards[i].count[c], 0);
}

#endif
