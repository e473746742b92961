/* pool.h: size-classed blocks, per thread, freed from any thread.
 *
 * Each worker has a pool: a stack of free blocks per size class, touched by nobody
 * else, so that getting and putting cost a few plain instructions. A block may be put
 * into any pool of the same depot. When one has collected too many, as it happens where
 * messages arrive that others allocate, a chain of them goes to the depot, and from
 * there to whoever runs out: one locked instruction for CHAIN blocks in each direction.
 *
 * Sizes above POOL_BLOCK_MAX come from the heap directly. Memory taken for blocks is
 * kept until the depot's end.
 *
 * Under AddressSanitizer free blocks are poisoned behind their link, and each class
 * keeps the last 256 out of use, so that a late access is reported. */
#ifndef MEM_POOL_H
#define MEM_POOL_H

#include "mem/alloc.h"
#include "queue/inject.h"

#include <stdint.h>

enum {
    POOL_BLOCK_MAX = 4096,
    POOL_CLASSES = 28, /* 16, 32, ... 128, then four per doubling up to 4096 */
    POOL_CHAIN = 32
};

/* A free block. The first of a chain is linked into the depot. */
struct pool_block {
    struct pool_block *next;
    struct inject_node chain;
};

/* What the pools of one system share. */
struct pool_depot {
    struct heap *heap;
    ck_stack_t slabs; /* all memory ever taken, for the end */
    struct inject chains[POOL_CLASSES];
};

struct pool_class {
    struct pool_block *first, *last; /* last counts only under AddressSanitizer */
    uint32_t count;
};

struct pool {
    struct pool_depot *depot;
    char *fresh, *fresh_end; /* not yet cut into blocks */
    struct pool_class classes[POOL_CLASSES];
};

void pool_depot_init(struct pool_depot *depot, struct heap *heap);
/* Frees all memory; no pool may be used afterwards. */
void pool_depot_fini(struct pool_depot *depot);

void pool_init(struct pool *pool, struct pool_depot *depot);

/* Only the pool's own thread. size bytes, aligned for any type. Errors: heap_get's. */
CC_MUST_CHECK int pool_get(struct pool *pool, void **p, size_t size);
void pool_put(struct pool *pool, void *p, size_t size);

#endif
