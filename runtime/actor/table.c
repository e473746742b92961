/* table.c: address to cell: generations over memory that is never unmapped. */
#include "actor/table.h"

#include <errno.h>

#define CHUNK_BYTES (TABLE_CHUNK * sizeof(struct cell))
#define NEAR_BYTES (TABLE_NEAR * sizeof(struct cell))

void table_init(struct table *t, struct heap *heap)
{
    t->heap = heap;
    t->first_generation = 1;
    t->last_generation = GENERATION_MAX;
    t->scarce = 0;
    t->cells_max = (uint32_t)TABLE_CHUNKS * TABLE_CHUNK;
    t->free = NULL;
    t->near = NULL;
    atomic_set(&t->used, 0);
    t->tag_bits = 0;
    atomic_set(&t->directory, NULL);
    pthread_mutex_init(&t->lock, NULL);
}

static size_t directory_size(uint32_t room)
{
    return sizeof(struct table_directory) + room * sizeof(struct cell *);
}

static bool is_near(const struct table *t, uint32_t chunk)
{
    return t->near && chunk < TABLE_NEAR / TABLE_CHUNK;
}

void table_fini(struct table *t)
{
    struct table_directory *d = load_relaxed(&t->directory);
    size_t near = 0;
    for (uint32_t c = 0; d && c < d->room; c++)
        if (is_near(t, c))
            near += d->chunks[c] != NULL;
        else
            heap_put_lines(t->heap, d->chunks[c], CHUNK_BYTES);
    heap_put_reserved(t->heap, t->near, NEAR_BYTES, near);
    while (d) {
        struct table_directory *smaller = d->smaller;
        heap_put_lines(t->heap, d, directory_size(d->room));
        d = smaller;
    }
    pthread_mutex_destroy(&t->lock);
}

void table_make_scarce(struct table *t, uint32_t slots, uint32_t lives)
{
    t->scarce = slots;
    t->last_generation = t->first_generation + lives - 1;
}

uint32_t table_next_generation(const struct table *t)
{
    uint32_t next = t->first_generation;
    uint64_t used = load_acquire(&t->used);
    for (uint64_t slot = 0; slot < used; slot++) {
        uint32_t generation = life_generation(load_relaxed(&table_find(t, slot)->life));
        if (generation == 0) /* used up */
            generation = table_last_generation(t, (uint32_t)slot) + 1;
        if (generation > next)
            next = generation;
    }
    return next < GENERATION_MAX ? next : GENERATION_MAX;
}

/* Under the lock: a directory with room for this chunk. */
static int directory_for(struct table *t, uint32_t chunk, struct table_directory **d)
{
    void *p;
    *d = load_relaxed(&t->directory);
    if (*d && chunk < (*d)->room)
        return 0;
    uint32_t room = *d ? 2 * (*d)->room : TABLE_FIRST;
    int err = heap_get_lines(t->heap, &p, directory_size(room));
    if (err)
        return err;
    struct table_directory *larger = p;
    larger->smaller = *d;
    larger->room = room;
    for (uint32_t c = 0; *d && c < chunk; c++)
        larger->chunks[c] = (*d)->chunks[c];
    store_release(&t->directory, larger); /* pairs with table_find */
    *d = larger;
    return 0;
}

/* Under the lock: a chunk that there is not. */
static int make_chunk(struct table *t, uint32_t chunk, struct cell **cells)
{
    void *p;
    if (chunk == 0 && !t->near && t->cells_max > TABLE_CHUNK &&
        CHUNK_BYTES == REGION_PIECE)
        t->near = heap_reserve(t->heap, NEAR_BYTES);
    bool near = is_near(t, chunk);
    if (near)
        p = t->near + (size_t)chunk * TABLE_CHUNK;
    int err = near ? heap_take_reserved(t->heap, p)
                   : heap_get_lines(t->heap, &p, CHUNK_BYTES);
    if (!err)
        *cells = p;
    return err;
}

/* Under the lock: the chunk where slot stands, made if need be. */
static int chunk_of(struct table *t, uint32_t slot, struct cell **cells)
{
    struct table_directory *d;
    uint32_t chunk = slot / TABLE_CHUNK;
    int err = directory_for(t, chunk, &d);
    if (!err && !d->chunks[chunk])
        err = make_chunk(t, chunk, &d->chunks[chunk]);
    if (!err)
        *cells = d->chunks[chunk];
    return err;
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
    uint32_t used = (uint32_t)load_relaxed(&t->used); /* written under the lock only */
    struct cell *cells;
    uint32_t fresh =
        t->cells_max - used < TABLE_FRESH ? t->cells_max - used : TABLE_FRESH;
    if (fresh == 0)
        return -ENOMEM;
    int err = chunk_of(t, used, &cells);
    if (err)
        return err;
    for (uint32_t i = fresh; i-- > 0;) {
        struct cell *cell = &cells[(used + i) % TABLE_CHUNK];
        cell_init(cell, t->tag_bits ^ address(0, used + i, t->first_generation));
        keep(cache, cell);
    }
    store_release(&t->used, used + fresh); /* pairs with table_find */
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
