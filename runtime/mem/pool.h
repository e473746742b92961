/* pool.h: size-classed blocks, per thread, freed from any thread.
 *
 * Each worker has a pool: a stack of free blocks per size class, touched by nobody
 * else, so that getting and putting cost a few plain instructions. A block may be put
 * into any pool of the same depot. When one has collected too many, as it happens where
 * messages arrive that others allocate, a chain of them goes to the depot, and from
 * there to whoever runs out: one or two locked instructions for POOL_CHAIN blocks.
 *
 * Sizes above POOL_BLOCK_MAX come from the heap directly.
 *
 * Memory goes back in two ways, both in the course of the workers' own business. One
 * that finds no work calls pool_reclaim before it sleeps, until the depot is down to
 * POOL_SPARE. While nobody sleeps, pools that leave chains in the depot sort as many
 * others, once the depot is above POOL_SPARE and holds more than is in use. What is left
 * then: POOL_SPARE for the next burst; what the pools keep; and slabs that a live block
 * stands in, which is as much as the live blocks allow: nothing is ever moved.
 *
 * The first blocks of each class are cut from mixed slabs, which stay: at most
 * POOL_MIXED_BYTES per class and pool.
 *
 * Under AddressSanitizer free blocks are poisoned, and each class keeps the last 256
 * out of use, so that a late access is reported. */
#ifndef MEM_POOL_H
#define MEM_POOL_H

#include "mem/depot.h"

enum {
    POOL_KEEP_BYTES = 64 << 10,        /* a class gives a chain away above this ... */
    POOL_KEEP_BLOCKS = 2 * POOL_CHAIN, /* ... and above this many blocks */
    POOL_KEEP_ASLEEP = POOL_CHAIN,     /* blocks of a class */
    POOL_MIXED_BYTES = 16 << 10,
    /* Blocks cut ahead, and of which size at most. None where each counts. */
    POOL_STOCK = CC_ASAN || ATOMIC_MODEL ? 0 : 15,
    POOL_STOCK_BLOCK = 512,
    POOL_SPARE = 8 << 20, /* the depot's before memory goes back */
    POOL_STEP = 256,      /* blocks sorted at a time: some 30 us if none is cached */
    POOL_QUARANTINE = CC_ASAN ? 256 : 0
};

struct pool_class {
    struct pool_block *first;
    uint32_t count;
    uint32_t keep; /* constant: gives a chain away above this */
};

/* Where blocks are cut from. */
struct pool_fresh {
    char *start, *end;
};

struct pool {
    struct pool_depot *depot;
    struct pool_class classes[POOL_CLASSES];
    struct pool_block *last[POOL_CLASSES]; /* counts only under AddressSanitizer */
    struct pool_fresh fresh[POOL_CLASSES], mixed;
    uint32_t mixed_bytes[POOL_CLASSES]; /* cut for this class */
    int64_t given;                      /* bytes, not yet in the depot's account ... */
    uint32_t moves;                     /* ... of so many chains given or taken */
    unsigned reclaiming;                /* the class where reclaiming goes on */
};

void pool_init(struct pool *pool, struct pool_depot *depot);

/* Before its worker sleeps: leaves what it will hardly need to others, and gives memory
 * back. True: there is more to be done, so look for work and call again. */
bool pool_reclaim(struct pool *pool);

/* Hands POOL_CHAIN blocks to whoever needs them. */
void pool_trim(struct pool *pool, unsigned class);
/* When there is no free block at hand. */
int pool_get_slowly(struct pool *pool, void **p, unsigned class);

/* What follows: only the pool's own thread. The common paths are inline. */

static inline void pool_insert(struct pool *pool, unsigned c, struct pool_block *b)
{
    struct pool_class *class = &pool->classes[c];
    class->count++;
    if (POOL_QUARANTINE) { /* oldest first */
        b->next = NULL;
        if (class->count == 1)
            class->first = b;
        else
            pool->last[c]->next = b;
        pool->last[c] = b;
    } else { /* newest first: it is in the cache */
        b->next = class->first;
        class->first = b;
    }
}

static inline bool pool_has(const struct pool_class *class)
{
    return POOL_QUARANTINE ? class->count > POOL_QUARANTINE : class->first != NULL;
}

static inline struct pool_block *pool_detach(struct pool_class *class)
{
    struct pool_block *b = class->first;
    class->first = b->next;
    class->count--;
    return b;
}

/* From a class that has one. */
static CC_INLINE void *pool_take(struct pool *pool, unsigned c)
{
    struct pool_block *b = pool_detach(&pool->classes[c]);
    pool_show(b, c);
    return b;
}

/* pool_size_of(c) bytes, aligned for any type. Errors: heap_get's. */
CC_MUST_CHECK static CC_INLINE int pool_get_class(struct pool *pool, void **p,
                                                  unsigned c)
{
    struct pool_class *class = &pool->classes[c];
    if (unlikely(!pool_has(class)))
        return pool_get_slowly(pool, p, c);
    struct pool_block *b = pool_detach(class);
    pool_show(b, c);
    *p = b;
    return 0;
}

static CC_INLINE void pool_put_class(struct pool *pool, void *p, unsigned c)
{
    pool_insert(pool, c, p);
    pool_hide(p, c);
    if (unlikely(pool->classes[c].count > pool->classes[c].keep))
        pool_trim(pool, c);
}

/* size bytes, aligned for any type. Errors: heap_get's. */
CC_MUST_CHECK static inline int pool_get(struct pool *pool, void **p, size_t size)
{
    if (unlikely(size > POOL_BLOCK_MAX))
        return heap_get(pool->depot->heap, p, size);
    return pool_get_class(pool, p, pool_class_of(size));
}

static inline void pool_put(struct pool *pool, void *p, size_t size)
{
    if (unlikely(size > POOL_BLOCK_MAX))
        heap_put(pool->depot->heap, p, size);
    else
        pool_put_class(pool, p, pool_class_of(size));
}

#endif
