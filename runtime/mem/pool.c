/* pool.c: size-classed blocks, per thread, freed from any thread. */
#include "mem/pool.h"

#include "base/panic.h"

#include <stdbool.h>

enum {
    SLAB_SIZE = 64 << 10,
    KEEP_BYTES = 64 << 10,        /* a class gives a chain away above this ... */
    KEEP_BLOCKS = 2 * POOL_CHAIN, /* ... and above this many blocks */
    QUARANTINE = CC_ASAN ? 256 : 0
};

/* The header of a slab, a multiple of the largest alignment. */
struct slab {
    alignas(CACHE_LINE) ck_stack_entry_t link;
};

static unsigned class_of(size_t size)
{
    if (size <= 128)
        return size ? (unsigned)((size - 1) / 16) : 0;
    unsigned doubling = bit_highest(size - 1); /* 7: 129..256, 8: 257..512, ... */
    return 8 + (doubling - 7) * 4 + (unsigned)(((size - 1) >> (doubling - 2)) & 3);
}

static size_t size_of(unsigned class)
{
    if (class < 8)
        return (class + 1) * 16;
    unsigned doubling = 7 + (class - 8) / 4;
    return ((size_t)1 << doubling) + (((class - 8) % 4 + 1) << (doubling - 2));
}

void pool_depot_init(struct pool_depot *depot, struct heap *heap)
{
    depot->heap = heap;
    ck_stack_init(&depot->slabs);
    for (unsigned c = 0; c < POOL_CLASSES; c++)
        inject_init(&depot->chains[c]);
}

void pool_depot_fini(struct pool_depot *depot)
{
    ck_stack_entry_t *e = ck_stack_batch_pop_upmc(&depot->slabs);
    while (e) {
        struct slab *slab = container_of(e, struct slab, link);
        e = e->next;
        mem_unpoison(slab, SLAB_SIZE);
        heap_put(depot->heap, slab, SLAB_SIZE);
    }
}

void pool_init(struct pool *pool, struct pool_depot *depot)
{
    *pool = (struct pool){.depot = depot};
}

/* Behind the links, so that lists can be walked. */
static void hide(struct pool_block *b, size_t size)
{
    if (size > sizeof *b)
        mem_poison(b + 1, size - sizeof *b);
}

static void show(struct pool_block *b, size_t size)
{
    if (size > sizeof *b)
        mem_unpoison(b + 1, size - sizeof *b);
}

static void insert(struct pool_class *class, struct pool_block *b)
{
    class->count++;
    if (QUARANTINE) { /* oldest first */
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

static struct pool_block *detach(struct pool_class *class)
{
    struct pool_block *b = class->first;
    class->first = b->next;
    class->count--;
    return b;
}

/* Hands POOL_CHAIN blocks to whoever needs them. */
static CC_NOINLINE void give_chain(struct pool *pool, unsigned c)
{
    struct pool_class *class = &pool->classes[c];
    struct pool_block *chain = NULL;
    for (int i = 0; i < POOL_CHAIN; i++) {
        struct pool_block *b = detach(class);
        plain_write(&b->next, chain);
        chain = b;
    }
    inject_push(&pool->depot->chains[c], &chain->chain);
}

static bool take_chain(struct pool *pool, unsigned c)
{
    struct inject_node *node;
    if (inject_take(&pool->depot->chains[c], &node, 1) == 0)
        return false;
    struct pool_block *b = container_of(node, struct pool_block, chain);
    while (b) {
        struct pool_block *next = plain_read(&b->next);
        insert(&pool->classes[c], b);
        b = next;
    }
    return true;
}

/* Cuts one block from fresh memory; what is left of a slab that is too short is lost. */
static int cut(struct pool *pool, size_t size, struct pool_block **b)
{
    if ((size_t)(pool->fresh_end - pool->fresh) < size) {
        void *p;
        int err = heap_get(pool->depot->heap, &p, SLAB_SIZE);
        if (err)
            return err;
        struct slab *slab = p;
        ck_stack_push_upmc(&pool->depot->slabs, &slab->link);
        pool->fresh = (char *)(slab + 1);
        pool->fresh_end = (char *)slab + SLAB_SIZE;
    }
    *b = (struct pool_block *)(void *)pool->fresh;
    pool->fresh += size;
    return 0;
}

static CC_NOINLINE int get_slowly(struct pool *pool, void **p, size_t size)
{
    if (size > POOL_BLOCK_MAX)
        return heap_get(pool->depot->heap, p, size);
    unsigned c = class_of(size);
    struct pool_block *b;
    if (take_chain(pool, c) && pool->classes[c].count > QUARANTINE) {
        b = detach(&pool->classes[c]);
        show(b, size_of(c));
    } else {
        int err = cut(pool, size_of(c), &b);
        if (err)
            return err;
    }
    *p = b;
    return 0;
}

int pool_get(struct pool *pool, void **p, size_t size)
{
    if (likely(size <= POOL_BLOCK_MAX)) {
        unsigned c = class_of(size);
        struct pool_class *class = &pool->classes[c];
        if (likely(class->count > QUARANTINE)) {
            struct pool_block *b = detach(class);
            show(b, size_of(c));
            *p = b;
            return 0;
        }
    }
    return get_slowly(pool, p, size);
}

void pool_put(struct pool *pool, void *p, size_t size)
{
    if (unlikely(size > POOL_BLOCK_MAX)) {
        heap_put(pool->depot->heap, p, size);
        return;
    }
    unsigned c = class_of(size);
    struct pool_class *class = &pool->classes[c];
    insert(class, p);
    hide(p, size_of(c));
    if (unlikely(class->count > KEEP_BLOCKS + QUARANTINE &&
                 class->count * size_of(c) > KEEP_BYTES))
        give_chain(pool, c);
}
