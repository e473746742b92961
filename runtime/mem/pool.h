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

#include <assert.h>

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
    int32_t room;  /* for so many more; then a chain goes to the depot */
    uint32_t keep; /* constant: for so many in all */
};

/* Where blocks are cut from. */
struct pool_fresh {
    char *start, *end;
};

struct pool {
    struct pool_depot *depot;
    /* By class; the last one never has room: it stands for what is not the pool's. */
    struct pool_class classes[POOL_CLASSES + 1];
    struct pool_block *last[POOL_CLASSES]; /* counts only under AddressSanitizer */
    struct pool_fresh fresh[POOL_CLASSES], mixed;
    uint32_t mixed_bytes[POOL_CLASSES]; /* cut for this class */
    int64_t given;                      /* bytes, not yet in the depot's account ... */
    uint32_t moves;                     /* ... of so many chains given or taken */
    unsigned reclaiming;                /* the class where reclaiming goes on */
    uint32_t fills;                     /* how often there was no free block at hand */
};

void pool_init(struct pool *pool, struct pool_depot *depot);

/* Before its worker sleeps: leaves what it will hardly need to others, and gives memory
 * back. True: there is more to be done, so look for work and call again. */
bool pool_reclaim(struct pool *pool);

/* When there is no free block at hand. */
int pool_get_slowly(struct pool *pool, void **p, unsigned class);
/* When pool_put_at has failed: makes room, and puts it. */
void pool_put_slowly(struct pool *pool, void *p, unsigned class);

/* What follows: only the pool's own thread. The common paths are inline. */

static inline uint32_t pool_count(const struct pool_class *class)
{
    return class->keep - (uint32_t) class->room;
}

/* The block into its class, whose room is counted already. */
static CC_INLINE void pool_insert(struct pool *pool, struct pool_class *class,
                                  struct pool_block *b)
{
    if (POOL_QUARANTINE) { /* oldest first */
        size_t c = (size_t)(class - pool->classes);
        b->next = NULL;
        if (class->first)
            pool->last[c]->next = b;
        else
            class->first = b;
        pool->last[c] = b;
    } else { /* newest first: it is in the cache */
        b->next = class->first;
        class->first = b;
    }
}

static inline bool pool_has(const struct pool_class *class)
{
    return POOL_QUARANTINE ? pool_count(class) > POOL_QUARANTINE : class->first != NULL;
}

static inline struct pool_block *pool_detach(struct pool_class *class)
{
    struct pool_block *b = class->first;
    class->first = b->next;
    class->room++;
    return b;
}

/* A class by its place, which is what a block need know of it: cheaper than its number,
 * because it need not be multiplied. */
enum {
    POOL_PLACE = sizeof(struct pool_class),
    POOL_PLACE_NONE = POOL_CLASSES * POOL_PLACE
};
static inline uint32_t pool_place_of(unsigned c) { return c * POOL_PLACE; }
static inline struct pool_class *pool_at(struct pool *pool, uint32_t place)
{
    return (struct pool_class *)(void *)((char *)pool->classes + place);
}

/* Of a class up to 128 bytes; POOL_PLACE is what they differ by. */
static_assert(POOL_PLACE == 16, "pool_class_of_small");
static inline uint32_t pool_place_of_small(uint32_t size)
{
    return (size - 1) & ~(uint32_t)(POOL_PLACE - 1);
}

/* From a class that has one. */
static CC_INLINE void *pool_take(struct pool *pool, uint32_t place)
{
    struct pool_block *b = pool_detach(pool_at(pool, place));
    pool_show(b, place / POOL_PLACE);
    return b;
}

/* Is there room for one more? Not for what is none of the pool's blocks. */
static inline bool pool_has_room(struct pool *pool, uint32_t place)
{
    return pool_at(pool, place)->room > 0;
}

/* False: there is no room, which pool_put_slowly must set right, or it is none of the
 * pool's blocks. */
static CC_INLINE bool pool_put_at(struct pool *pool, void *p, uint32_t place)
{
    struct pool_class *class = pool_at(pool, place);
    if (unlikely(--class->room < 0))
        return false;
    pool_insert(pool, class, p);
    pool_hide(p, place / POOL_PLACE);
    return true;
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
    if (unlikely(!pool_put_at(pool, p, pool_place_of(c))))
        pool_put_slowly(pool, p, c);
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
