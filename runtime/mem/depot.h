/* depot.h: where pools leave blocks for each other, and how memory goes back.
 *
 * Pools that have too many blocks of a class leave chains of them here; pools that have
 * none take them: one locked instruction to give, two to take, for POOL_CHAIN blocks.
 *
 * Chains hold blocks of many slabs, in any order. Sorting takes them apart and brings
 * every block home to its slab's own list; a slab that has all of its blocks back goes
 * to the heap, and with the rest of its huge page to the system (see region.h). Nobody
 * sorts while the depot is small (see pool.c), so that blocks on their way from one
 * worker to another meet none of this. Sorted blocks are still there for the taking.
 *
 * A slab has blocks of one class, because what is born together dies together more often
 * within a class than among all. But small systems have few blocks of many classes: the
 * first blocks of each class come from mixed slabs (see pool.c), which stay to the end.
 *
 *   operation          by whom  allowed beside
 *   pool_depot_give    anybody  everything
 *   pool_depot_slab    anybody  everything
 *   pool_depot_take    anybody  everything; NULL when another has the lock
 *   pool_depot_sort    anybody  everything; comes back soon when another has it
 *
 * The lock of a class is only ever tried, and held for a few chains at a time. Whoever
 * fails to take cuts new blocks; whoever fails to sort comes again. */
#ifndef MEM_DEPOT_H
#define MEM_DEPOT_H

#include "base/atomic.h"
#include "mem/alloc.h"
#include "mem/slab.h"

enum { DEPOT_RELEASE_COST = 64 }; /* of a slab, in blocks sorted */

struct depot_class {
    /* Anybody. */
    alignas(CACHE_LINE) ck_stack_t inbox; /* chains */
    ck_stack_t newcomers;                 /* slabs that are not in the tree yet */
    ATOMIC(uint32_t) slab_count;          /* these, and those in the tree */
    /* Set by exchange, cleared by whoever set it, to whom all below it belongs. */
    alignas(CACHE_LINE) ATOMIC(bool) taken;
    ATOMIC(bool) stocked;     /* there is something below; others only look */
    ck_stack_entry_t *chains; /* those that were in the inbox */
    struct pool_block *loose; /* sorted: of mixed slabs */
    struct list partial;      /* sorted: slabs with some of their blocks */
    struct slab_tree slabs;
};

/* What the pools of one system share. */
struct pool_depot {
    struct heap *heap;
    struct depot_class classes[POOL_CLASSES];
    ck_stack_t mixed; /* slabs of all classes, for the end; anybody */
    /* Bytes of the blocks that are here; and of all slabs of one class. Anybody adds:
     * pools count for themselves first, so the first is exact when all have settled. */
    alignas(CACHE_LINE) ATOMIC(int64_t) spare;
    ATOMIC(int64_t) held;
};

void pool_depot_init(struct pool_depot *depot, struct heap *heap);
/* Frees all memory; no pool may be used afterwards. */
void pool_depot_fini(struct pool_depot *depot);

/* A list of up to POOL_CHAIN free blocks of this class, linked by next. */
void pool_depot_give(struct pool_depot *depot, unsigned class, struct pool_block *list);
/* Such a list, or NULL. */
struct pool_block *pool_depot_take(struct pool_depot *depot, unsigned class);

/* A new slab: of this class, or mixed if it is POOL_CLASSES. Errors: heap_get's. */
CC_MUST_CHECK int pool_depot_slab(struct pool_depot *depot, unsigned class,
                                  struct slab **slab);

/* Sorts about *budget blocks, and takes off what it did. True: no chains were left. */
bool pool_depot_sort(struct pool_depot *depot, unsigned class, int *budget);

#endif
