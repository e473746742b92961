/* sweep.h: one system after the other, on real threads, in each of which another
 * allocation fails. */
#ifndef SUPPORT_SWEEP_H
#define SUPPORT_SWEEP_H

#include "support/short_heap.h"

struct sweep {
    const cadre_class *root; /* ends by itself: with 0, or -ENOMEM */
    uint32_t io_threads;
    void (*meanwhile)(void); /* is called while it runs; NULL: nothing is */
};

/* One system with this heap: in the end all is accounted for, and given back. */
void sweep_run(const struct sweep *sweep, struct short_heap *heap);
/* Allocation k and the following, `count` in all, fail, k = 1, 2, 3 ... Returns k. */
uint64_t sweep_all(const struct sweep *sweep, uint64_t count);
/* count 0: one, then all from k on. what: for the line that says how many. */
void sweep_both(const struct sweep *sweep, uint64_t count, const char *what);

#endif
