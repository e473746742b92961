/* hearers.h: who hears of a signal, and what it did before: what a handler looks at.
 *
 * A handler runs at any time, also a while after it was delivered: when nobody hears any
 * more, or others do. So nothing here is ever in a state that it may not see. It counts
 * itself while it is inside: a descriptor is closed when it was taken out, and when none
 * is inside that has it. What the signal did before is a function of one of two kinds,
 * each with its word: so it never takes one for the other, and finds what counts now or
 * what counted when it was delivered.
 *
 *   operation                  by whom             allowed beside
 *   hearers_add, _remove       under a lock        the handlers'
 *   former_set                 under a lock        the handlers'
 *   hearers_are_told           whoever removes     everything
 *   hearers_tell, former_get   a handler           everything */
#ifndef IO_HEARERS_H
#define IO_HEARERS_H

#include "base/atomic.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

enum { HEARERS = 256 };

struct hearers {
    ATOMIC(uint64_t) entries[HEARERS]; /* the number, and above it the descriptor */
    ATOMIC(uint32_t) inside;           /* handlers */
};

static inline uint32_t hearers_number(const struct hearers *h, uint32_t i)
{
    return (uint32_t)load_relaxed(&h->entries[i]); /* under the lock */
}

/* Where it is. HEARERS: there is no room. number: not 0. */
static inline uint32_t hearers_add(struct hearers *h, uint32_t number, uint32_t fd)
{
    uint32_t i = 0;
    while (i < HEARERS && hearers_number(h, i) != 0)
        i++;
    if (i < HEARERS)
        store_seq(&h->entries[i], (uint64_t)fd << 32 | number);
    return i;
}

/* When hearers_are_told nobody has the descriptor any more. */
static inline void hearers_remove(struct hearers *h, uint32_t i)
{
    store_seq(&h->entries[i], 0);
}
static inline bool hearers_are_told(const struct hearers *h)
{
    return load_seq(&h->inside) == 0; /* pairs with hearers_tell's first */
}

/* Dekker: it counts itself, then looks; who removes takes out, then looks. */
static inline void hearers_tell(struct hearers *h, uint32_t number,
                                void (*tell)(uint32_t fd))
{
    fetch_add_seq(&h->inside, 1);
    for (uint32_t i = 0; i < HEARERS; i++) {
        uint64_t entry = load_seq(&h->entries[i]);
        if ((uint32_t)entry == number)
            tell((uint32_t)(entry >> 32));
    }
    fetch_sub_seq(&h->inside, 1);
}

/* ---- what it did before ---------------------------------------------------------- */

typedef void former_plain(int number);
typedef void former_full(int number, siginfo_t *info, void *context);
struct former {
    ATOMIC(former_full *) full; /* or NULL: the other one counts */
    ATOMIC(former_plain *)
    plain; /* or SIG_DFL, SIG_IGN; old while that does not count */
};

static inline void former_set(struct former *f, former_plain *plain, former_full *full)
{
    if (!full)
        store_release(&f->plain, plain); /* before it counts */
    store_release(&f->full, full);
}

/* The one, or else the other. */
static inline former_full *former_get(const struct former *f, former_plain **plain)
{
    former_full *full = load_acquire(&f->full); /* pairs with former_set's */
    if (!full)
        *plain = load_acquire(&f->plain); /* or newer */
    return full;
}

#endif
