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
    POOL_CHAIN = 32,
    POOL_KEEP_BYTES = 64 << 10,        /* a class gives a chain away above this ... */
    POOL_KEEP_BLOCKS = 2 * POOL_CHAIN, /* ... and above this many blocks */
    POOL_QUARANTINE = CC_ASAN ? 256 : 0
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

/* Hands POOL_CHAIN blocks to whoever needs them, if those of this class are too many. */
void pool_trim(struct pool *pool, unsigned class);
/* When there is no free block at hand. */
int pool_get_slowly(struct pool *pool, void **p, size_t size);

/* What follows: only the pool's own thread. The common paths are inline. */

static inline unsigned pool_class_of(size_t size)
{
    if (size <= 128)
        return size ? (unsigned)((size - 1) / 16) : 0;
    unsigned doubling = bit_highest(size - 1); /* 7: 129..256, 8: 257..512, ... */
    return 8 + (doubling - 7) * 4 + (unsigned)(((size - 1) >> (doubling - 2)) & 3);
}

static inline size_t pool_size_of(unsigned class)
{
    if (class < 8)
        return (class + 1) * 16;
    unsigned doubling = 7 + (class - 8) / 4;
    return ((size_t)1 << doubling) + (((class - 8) % 4 + 1) << (doubling - 2));
}

/* Behind the links, so that lists can be walked. */
static inline void pool_hide(struct pool_block *b, size_t size)
{
    if (size > sizeof *b)
        mem_poison(b + 1, size - sizeof *b);
}

static inline void pool_show(struct pool_block *b, size_t size)
{
    if (size > sizeof *b)
        mem_unpoison(b + 1, size - sizeof *b);
}

static inline void pool_insert(struct pool_class *class, struct pool_block *b)
{
    class->count++;
    if (POOL_QUARANTINE) { /* oldest first */
        b->next = NULL;
        if (class->count == 1)
            class->first = b;
        else
            class->last->next = b;
        class->last = b;
    } else { /* newest first: it is in the cache */
        b->next = class->first;
        class->first = b;
    }
}

static inline struct pool_block *pool_detach(struct pool_class *class)
{
    struct pool_block *b = class->first;
    class->first = b->next;
    class->count--;
    return b;
}

/* size bytes, aligned for any type. Errors: heap_get's. */
CC_MUST_CHECK static inline int pool_get(struct pool *pool, void **p, size_t size)
{
    if (likely(size <= POOL_BLOCK_MAX)) {
        unsigned c = pool_class_of(size);
        struct pool_class *class = &pool->classes[c];
        if (likely(class->count > POOL_QUARANTINE)) {
            struct pool_block *b = pool_detach(class);
            pool_show(b, pool_size_of(c));
            *p = b;
            return 0;
        }
    }
    return pool_get_slowly(pool, p, size);
}

static inline void pool_put(struct pool *pool, void *p, size_t size)
{
    if (unlikely(size > POOL_BLOCK_MAX)) {
        heap_put(pool->depot->heap, p, size);
        return;
    }
    unsigned c = pool_class_of(size);
    struct pool_class *class = &pool->classes[c];
    pool_insert(class, p);
    pool_hide(p, pool_size_of(c));
    if (unlikely(class->count > POOL_KEEP_BLOCKS + POOL_QUARANTINE))
        pool_trim(pool, c);
}

#endif
