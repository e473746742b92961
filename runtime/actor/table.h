/* table.h: address to cell: generations over memory that is never unmapped.
 *
 * Cells stand in chunks that live as long as the system, so looking one up takes no
 * lock, no reference count and no fence, from any thread, for the dead as well. Free
 * cells wait in caches of the workers and, what is too many there, in a common list. */
#ifndef ACTOR_TABLE_H
#define ACTOR_TABLE_H

#include "actor/cell.h"
#include "mem/alloc.h"

#include <pthread.h>

enum {
    TABLE_CHUNK = 1024, /* cells */
    TABLE_FAN = 512,    /* chunks per directory, directories per table */
    TABLE_FRESH = 64,   /* cells made ready at a time */
    TABLE_CACHE = 256   /* free cells that a worker keeps */
};

struct table_directory {
    ATOMIC(struct cell *) chunks[TABLE_FAN]; /* set once, before `used` says so */
};

struct table {
    struct heap *heap;
    uint32_t first_generation; /* constant; above those of former systems of this tag */
    uint32_t last_generation;  /* constant; smaller in tests */
    /* Of every cell's task: letters may come before the first actor does. Constant. */
    void (*run)(struct task *task, struct worker *worker);
    alignas(CACHE_LINE) ATOMIC(uint32_t) used; /* cells ever made; under the lock */
    ATOMIC(struct table_directory *) directories[TABLE_FAN];
    alignas(CACHE_LINE) pthread_mutex_t lock;
    struct cell *free; /* under the lock */
};

/* Free cells of one worker. */
struct table_cache {
    struct cell *first;
    uint32_t count;
};

void table_init(struct table *table, struct heap *heap);
void table_fini(struct table *table);
/* The first generation that no address into this table has. */
uint32_t table_next_generation(const struct table *table);

/* A cell that nobody else will take, most recently freed first. Errors: heap_get's. */
CC_MUST_CHECK int table_take(struct table *table, struct table_cache *cache,
                             struct cell **cell);
/* Gives back a cell that has retired, or could not be claimed. */
void table_put(struct table *table, struct table_cache *cache, struct cell *cell);

/* The cell in this slot, or NULL when there never was one. */
static inline struct cell *table_find(const struct table *table, uint32_t slot)
{
    if (unlikely(slot >= load_acquire(&table->used)))
        return NULL;
    uint32_t chunk = slot / TABLE_CHUNK;
    struct table_directory *d = load_relaxed(&table->directories[chunk / TABLE_FAN]);
    return load_relaxed(&d->chunks[chunk % TABLE_FAN]) + slot % TABLE_CHUNK;
}

#endif
