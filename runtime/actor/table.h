/* table.h: address to cell: generations over memory that is never unmapped.
 *
 * Cells stand in chunks that live as long as the system, so looking one up takes no
 * lock, no reference count and no fence, from any thread, for the dead as well. Free
 * cells wait in caches of the workers and, what is too many there, in a common list.
 *
 * The first chunks stand side by side where there are addresses to be kept for them: the
 * address of an actor of the first half million leads to its cell without a look at where
 * the chunks are, which each message would have to wait for. */
#ifndef ACTOR_TABLE_H
#define ACTOR_TABLE_H

#include "actor/cell.h"
#include "mem/alloc.h"

#include <pthread.h>

enum {
    TABLE_CHUNK = 512,                     /* cells: 64 KiB */
    TABLE_CHUNKS = SLOT_MAX / TABLE_CHUNK, /* at most */
    TABLE_NEAR = 1 << 19, /* cells side by side, at most: 64 MiB of addresses */
    TABLE_FIRST = 16,     /* chunks that the first directory has room for */
    TABLE_FRESH = 64,     /* cells made ready at a time */
    TABLE_CACHE = 256     /* free cells that a worker keeps */
};

/* Where the chunks are. A full one is copied into one twice as large, and kept, because
 * somebody may be reading it. */
struct table_directory {
    struct table_directory *smaller;
    uint32_t room;
    struct cell *chunks[]; /* each set once, before `used` says so */
};

struct table {
    struct heap *heap;
    uint32_t first_generation; /* constant; above those of former systems of this tag */
    uint32_t last_generation; /* constant; of the first slots, of others the greatest */
    uint32_t scarce;          /* constant; how many those are */
    /* What distinguishes addresses into it from all others: the tag; in the process of an
     * isolated actor also its slot, so that the first one here has the address that it
     * has outside. Constant, but for the start. */
    uint64_t tag_bits;
    uint32_t cells_max; /* constant: there are never more */
    /* What follows is written under the lock. */
    alignas(CACHE_LINE) ATOMIC(uint64_t) used; /* cells ever made */
    ATOMIC(struct table_directory *) directory;
    alignas(CACHE_LINE) pthread_mutex_t lock;
    struct cell *free; /* under the lock */
    struct cell *near; /* the first TABLE_NEAR; or NULL: there is no room for them */
};

/* What one thread has seen of it, so that a look leads to a cell at once: both only grow,
 * and what was there stays. Zero: nothing yet. */
struct table_view {
    uint64_t tag_bits;
    uint64_t near_end; /* as end, of those that stand side by side ... */
    uintptr_t near;    /* ... from here on */
    uint64_t end;      /* the place of the first slot that was not there */
    struct cell *const *chunks;
};

/* Free cells of one worker. */
struct table_cache {
    struct cell *first;
    uint32_t count;
};

void table_init(struct table *table, struct heap *heap);
void table_fini(struct table *table);
/* Before the first cell: so many slots have so few lives that some are used up. */
void table_make_scarce(struct table *table, uint32_t slots, uint32_t lives);
/* The first generation that no address into this table has. */
uint32_t table_next_generation(const struct table *table);

/* A cell that nobody else will take, most recently freed first. Errors: heap_get's. */
CC_MUST_CHECK int table_take(struct table *table, struct table_cache *cache,
                             struct cell **cell);
/* Gives back a cell that has retired, or could not be claimed. */
void table_put(struct table *table, struct table_cache *cache, struct cell *cell);

/* The cell in this slot, or NULL: there never was one. */
static CC_INLINE struct cell *table_find(const struct table *table, uint64_t slot)
{
    if (unlikely(!above64_acquire(&table->used, slot)))
        return NULL;
    /* Any directory that was there when `used` grew, or a later one. */
    const struct table_directory *d = load_acquire(&table->directory);
    return d->chunks[slot / TABLE_CHUNK] + slot % TABLE_CHUNK;
}

/* The last generation that may live in this slot. */
static CC_INLINE uint32_t table_last_generation(const struct table *table,
                                                uint32_t slot)
{
    return slot < table->scarce ? table->last_generation : GENERATION_MAX;
}

/* The slot that this address leads to: that of another system is out of all bounds. */
static CC_INLINE uint64_t table_slot(const struct table *table, uint64_t id)
{
    return (id ^ table->tag_bits) >> SLOT_BITS;
}

/* Looks again. */
static inline void table_look(const struct table *t, struct table_view *view)
{
    uint64_t used = load_acquire(&t->used);
    *view = (struct table_view){.tag_bits = t->tag_bits};
    if (used == 0)
        return; /* it is just being made */
    /* The directory that was there then, or a later one. */
    const struct table_directory *d = load_acquire(&t->directory);
    uint64_t near = t->near ? TABLE_NEAR : TABLE_CHUNK;
    view->near_end = (used < near ? used : near) << SLOT_BITS;
    view->near = (uintptr_t)d->chunks[0];
    view->end = used << SLOT_BITS;
    view->chunks = d->chunks;
}

/* Where this address leads to; does it lead to a cell that was seen; then to which? */
static CC_INLINE uint64_t table_place(const struct table_view *view, uint64_t id)
{
    return id ^ view->tag_bits;
}
static CC_INLINE bool table_sees(const struct table_view *view, uint64_t place)
{
    return place < view->end;
}
static CC_INLINE struct cell *table_seen(const struct table_view *view, uint64_t place)
{
    uint64_t slot = place >> SLOT_BITS;
    return view->chunks[slot / TABLE_CHUNK] + slot % TABLE_CHUNK;
}

/* The same of one that stands side by side with the first. */
static CC_INLINE bool table_sees_near(const struct table_view *view, uint64_t place)
{
    return place < view->near_end;
}
static CC_INLINE struct cell *table_seen_near(const struct table_view *view,
                                              uint64_t place)
{
    return (struct cell *)(view->near + (place >> SLOT_BITS) * sizeof(struct cell));
}

/* The cell that this address leads to, or NULL: no such slot, or another system's. */
static CC_INLINE struct cell *table_resolve(const struct table *table, uint64_t id)
{
    return table_find(table, table_slot(table, id));
}

#endif
