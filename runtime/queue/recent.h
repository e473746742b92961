/* recent.h: the last few things that were noted, for whoever looks.
 *
 * A ring that one thread writes and never waits to write; what is old is overwritten.
 * Anybody may read at any time, a signal handler too, and knows of each entry whether it
 * is whole: `count` grows after the words, and is looked at again behind them. No fence:
 * whoever reads a word that overwrites sees the count that was there before it was.
 *
 *   operation      by whom      allowed beside
 *   recent_add     one writer   recent_get
 *   recent_get     anybody      everything */
#ifndef QUEUE_RECENT_H
#define QUEUE_RECENT_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stdint.h>

enum { RECENT_SIZE = 32, RECENT_WORDS = 4 };

struct recent_entry {
    ATOMIC(uint64_t) words[RECENT_WORDS]; /* the writer's */
};
struct recent {
    ATOMIC(uint64_t) count; /* of all that were ever noted; the writer's */
    struct recent_entry entries[RECENT_SIZE];
};

static inline void recent_init(struct recent *r)
{
    atomic_set(&r->count, 0);
    for (int n = 0; n < RECENT_SIZE; n++)
        for (int i = 0; i < RECENT_WORDS; i++)
            atomic_set(&r->entries[n].words[i], 0);
}

static inline void recent_add(struct recent *r, uint64_t a, uint64_t b, uint64_t c,
                              uint64_t d)
{
    uint64_t n = load_relaxed(&r->count); /* ours */
    struct recent_entry *entry = &r->entries[n % RECENT_SIZE];
    /* Both kinds pair with recent_get. */
    store_release(&entry->words[0], a);
    store_release(&entry->words[1], b);
    store_release(&entry->words[2], c);
    store_release(&entry->words[3], d);
    store_release(&r->count, n + 1);
}

static inline uint64_t recent_count(const struct recent *r)
{
    return load_acquire(&r->count); /* pairs with recent_add */
}

/* The nth of all, from 0. False: it is not there yet, or no more. */
static inline bool recent_get(const struct recent *r, uint64_t n,
                              uint64_t words[RECENT_WORDS])
{
    const struct recent_entry *entry = &r->entries[n % RECENT_SIZE];
    if (n >= recent_count(r))
        return false;
    for (int i = 0; i < RECENT_WORDS; i++)
        words[i] = load_acquire(&entry->words[i]); /* pairs with recent_add */
    /* Relaxed: behind those. The oldest may be in the writer's hands. */
    return load_relaxed(&r->count) - n < RECENT_SIZE;
}

#endif
