/* park.h: put one thread to sleep and wake it: the futex.
 *
 * Where a program's own event loop does the sleeping, waking means writing to the
 * eventfd that the loop polls; in a simulation nobody sleeps. */
#ifndef BASE_PARK_H
#define BASE_PARK_H

#include "base/atomic.h"

#include <stdint.h>

enum { PARK_FOREVER = -1 };
enum { PARK_ON_FUTEX = -1, PARK_ON_NOTHING = -2 };

struct park_word {
    ATOMIC(uint32_t) value;
    int fd; /* an eventfd, or one of the above; constant */
};

/* Sleeps while the word is `expected`, at most timeout_ns (PARK_FOREVER: no limit); may
 * return early, so the caller looks at the word again. */
void park_wait(struct park_word *word, uint32_t expected, int64_t timeout_ns);
/* Wakes up to `threads` sleepers. Async-signal safe. The word may have gone meanwhile:
 * the kernel compares addresses only. */
void park_wake(struct park_word *word, int threads);

#endif
