/* short_heap.h: a cadre_config.alloc that fails on demand and forgets nothing.
 *
 * It checks that sizes are given back as they were taken, and counts what is out. */
#ifndef SUPPORT_SHORT_HEAP_H
#define SUPPORT_SHORT_HEAP_H

#include <cadre.h>

#include <stdatomic.h>
#include <stdbool.h>

struct short_heap {
    uint64_t fail_first, fail_count; /* calls number first .. first + count - 1 fail */
    _Atomic uint64_t calls;          /* that asked for memory */
    _Atomic uint64_t refused;
    atomic_llong blocks, bytes; /* out now */
};

/* fail_first 0: nothing fails. */
void short_heap_init(struct short_heap *heap, uint64_t fail_first, uint64_t fail_count);

/* From now on everything fails; or nothing. */
void short_heap_refuse(struct short_heap *heap, bool everything);

/* Makes a configuration use it. */
void short_heap_serve(struct short_heap *heap, cadre_config *config);

#endif
