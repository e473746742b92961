/* alloc.h: the one door to the heap: counts, limits, and fails on demand.
 *
 * Each system has a heap of its own, which is the user's function when there is one:
 * tests make it fail. Sizes are given back when freeing, so that nothing needs to be
 * stored beside a block. Any thread. */
#ifndef MEM_ALLOC_H
#define MEM_ALLOC_H

#include "base/atomic.h"
#include "base/cc.h"
#include "mem/region.h"

#include <stddef.h>

enum { HEAP_SMALL = 4 << 20 }; /* bytes held, up to which huge pages would be a waste */

struct heap {
    void *(*realloc)(void *user, void *old, size_t old_size, size_t new_size);
    void *user;
    size_t max;           /* most bytes at a time */
    bool maps;            /* pages are mapped, not realloc's */
    ATOMIC(size_t) bytes; /* held now */
    struct regions regions;
};

/* realloc NULL: malloc's. */
void heap_init(struct heap *heap,
               void *(*realloc)(void *user, void *old, size_t old_size,
                                size_t new_size),
               void *user, size_t max);

/* *p on success: size bytes, aligned for any type, not zeroed. Returns 0, -ENOMEM, or
 * CADRE_EFULL at the heap's own limit. */
CC_MUST_CHECK int heap_get(struct heap *heap, void **p, size_t size);
void heap_put(struct heap *heap, void *p, size_t size); /* NULL is fine */

/* The same, at the start of a cache line pair and zeroed. Multiples of REGION_PIECE are
 * pages where those are mapped, which is less to pay for both. */
CC_MUST_CHECK int heap_get_lines(struct heap *heap, void **p, size_t size);
void heap_put_lines(struct heap *heap, void *p, size_t size); /* NULL is fine */

/* The same for pieces of some pages, which are to leave this process when they are put:
 * malloc keeps them where others stand above, and maps by itself only what is larger
 * than anything that was freed before (or 32 MiB). So without a user's function these
 * are mapped, from REGION_SIZE on as huge pages; those of REGION_PIECE are cut from
 * regions, which are huge pages from HEAP_SMALL on. Under AddressSanitizer they are
 * malloc's, which is watched. */
CC_MUST_CHECK int heap_get_pages(struct heap *heap, void **p, size_t size);
void heap_put_pages(struct heap *heap, void *p, size_t size); /* NULL is fine */

/* Addresses kept for pieces that are to stand side by side: size is a multiple of
 * REGION_SIZE. Nothing is charged, and nothing there may be used, before its piece was
 * taken: in order from the first one, under a lock of the caller's. Each is zeroed;
 * errors as heap_get. NULL: there are none, as where the heap maps nothing. taken: how
 * many pieces were. */
void *heap_reserve(struct heap *heap, size_t size);
CC_MUST_CHECK int heap_take_reserved(struct heap *heap, void *piece);
void heap_put_reserved(struct heap *heap, void *p, size_t size, size_t taken);

/* A part of what was put may still be resident: see region_tidy, which this is. */
bool heap_tidy(struct heap *heap, bool busy);

/* Puts on the account what somebody in mem/ maps by itself, and takes it off. Returns 0
 * or CADRE_EFULL at the heap's own limit. */
CC_MUST_CHECK int heap_charge(struct heap *heap, size_t size);
void heap_discharge(struct heap *heap, size_t size);

/* What belongs to no system (buffers), and a system before it has a heap. */
void *heap_outside_get(size_t size);
void heap_outside_put(void *p);

#endif
