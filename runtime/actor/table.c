/* table.c: address to cell: generations over memory that is never unmapped. */
#include "actor/table.h"

#include <errno.h>

enum { TABLE_MAX = TABLE_CHUNK * TABLE_FAN * TABLE_FAN };

void table_init(struct table *t, struct heap *heap)
{
    t->heap = heap;
    t->first_generation = 1;
    t->last_generation = GENERATION_MAX;
    t->run = NULL;
    t->free = NULL;
    atomic_set(&t->used, 0);
    for (uint32_t d = 0; d < TABLE_FAN; d++)
        atomic_set(&t->directories[d], NULL);
    pthread_mutex_init(&t->lock, NULL);
}

void table_fini(struct table *t)
{
    for (uint32_t i = 0; i < TABLE_FAN; i++) {
        struct table_directory *d = load_relaxed(&t->directories[i]);
        for (uint32_t c = 0; d && c < TABLE_FAN; c++)
            heap_put_lines(t->heap, load_relaxed(&d->chunks[c]),
                           TABLE_CHUNK * sizeof(struct cell));
        heap_put_lines(t->heap, d, sizeof *d);
    }
    pthread_mutex_destroy(&t->lock);
}

uint32_t table_next_generation(const struct table *t)
{
    uint32_t next = t->first_generation, used = load_acquire(&t->used);
    for (uint32_t slot = 0; slot < used; slot++) {
        uint32_t generation = life_generation(load_relaxed(&table_find(t, slot)->life));
        if (generation == 0)
            return GENERATION_MAX; /* used up */
        if (generation > next)
            next = generation;
    }
    return next;
}

/* Under the lock: the chunk where slot stands, made if need be. */
static int chunk_of(struct table *t, uint32_t slot, struct cell **cells)
{
    void *p;
    uint32_t chunk = slot / TABLE_CHUNK;
    struct table_directory *d = load_relaxed(&t->directories[chunk / TABLE_FAN]);
    if (!d) {
        int err = heap_get_lines(t->heap, &p, sizeof *d);
        if (err)
            return err;
        d = p;
        store_relaxed(&t->directories[chunk / TABLE_FAN], d);
    }
    *cells = load_relaxed(&d->chunks[chunk % TABLE_FAN]);
    if (!*cells) {
        int err = heap_get_lines(t->heap, &p, TABLE_CHUNK * sizeof(struct cell));
        if (err)
            return err;
        *cells = p;
        store_relaxed(&d->chunks[chunk % TABLE_FAN], *cells);
    }
    return 0;
}

static void keep(struct table_cache *cache, struct cell *cell)
{
    cell->free_next = cache->first;
    cache->first = cell;
    cache->count++;
}

/* Under the lock: cells that never were. */
static int make_fresh(struct table *t, struct table_cache *cache)
{
    uint32_t used = load_relaxed(&t->used); /* written under the lock only */
    struct cell *cells;
    if (used == TABLE_MAX)
        return -ENOMEM;
    int err = chunk_of(t, used, &cells);
    if (err)
        return err;
    for (uint32_t i = TABLE_FRESH; i-- > 0;) {
        struct cell *cell = &cells[(used + i) % TABLE_CHUNK];
        cell_init(cell, used + i, t->first_generation);
        cell->task.run = t->run;
        keep(cache, cell);
    }
    store_release(&t->used, used + TABLE_FRESH); /* pairs with table_find */
    return 0;
}

/* Old cells if there are any, else fresh ones. */
static CC_NOINLINE int refill(struct table *t, struct table_cache *cache)
{
    pthread_mutex_lock(&t->lock);
    while (t->free && cache->count < TABLE_FRESH) {
        struct cell *cell = t->free;
        t->free = cell->free_next;
        keep(cache, cell);
    }
    int err = cache->count ? 0 : make_fresh(t, cache);
    pthread_mutex_unlock(&t->lock);
    return err;
}

static struct cell *first_of(struct table_cache *cache)
{
    struct cell *cell = cache->first;
    cache->first = cell->free_next;
    cache->count--;
    return cell;
}

int table_take(struct table *t, struct table_cache *cache, struct cell **cell)
{
    int err = cache->count ? 0 : refill(t, cache);
    if (!err)
        *cell = first_of(cache);
    return err;
}

static CC_NOINLINE void give_half(struct table *t, struct table_cache *cache)
{
    pthread_mutex_lock(&t->lock);
    while (cache->count > TABLE_CACHE / 2) {
        struct cell *cell = first_of(cache);
        cell->free_next = t->free;
        t->free = cell;
    }
    pthread_mutex_unlock(&t->lock);
}

void table_put(struct table *t, struct table_cache *cache, struct cell *cell)
{
    if (life_generation(load_acquire(&cell->life)) == 0)
        return; /* its generations are used up */
    keep(cache, cell);
    if (cache->count > TABLE_CACHE)
        give_half(t, cache);
}
