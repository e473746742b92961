/* pool.c: size-classed blocks, per thread, freed from any thread. */
#include "mem/pool.h"

#include "base/panic.h"

#include <stdbool.h>

enum { SLAB_SIZE = 64 << 10 };

/* The header of a slab, a multiple of the largest alignment. */
struct slab {
    alignas(max_align_t) ck_stack_entry_t link;
};

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

void pool_trim(struct pool *pool, unsigned c)
{
    struct pool_class *class = &pool->classes[c];
    struct pool_block *chain = NULL;
    if (class->count * pool_size_of(c) <= POOL_KEEP_BYTES)
        return;
    for (int i = 0; i < POOL_CHAIN; i++) {
        struct pool_block *b = pool_detach(class);
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
        pool_insert(&pool->classes[c], b);
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

int pool_get_slowly(struct pool *pool, void **p, size_t size)
{
    if (size > POOL_BLOCK_MAX)
        return heap_get(pool->depot->heap, p, size);
    unsigned c = pool_class_of(size);
    struct pool_block *b;
    if (take_chain(pool, c) && pool->classes[c].count > POOL_QUARANTINE) {
        b = pool_detach(&pool->classes[c]);
        pool_show(b, pool_size_of(c));
    } else {
        int err = cut(pool, pool_size_of(c), &b);
        if (err)
            return err;
    }
    *p = b;
    return 0;
}
