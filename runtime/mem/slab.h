/* slab.h: the memory that blocks are cut from, and which slab a block is part of.
 *
 * A block has no header and a slab no alignment beyond malloc's, because the user's
 * function gives none and more would be paid for twice. So the slabs of a class stand in
 * a tree, by where they begin: a trie over the bits of a hash, two bits to a level, each
 * slab being a node itself, which needs no memory, no balancing, and log4(n) steps. It is
 * asked only when memory is to be given back. One thread at a time: the class's lock. */
#ifndef MEM_SLAB_H
#define MEM_SLAB_H

#include "mem/block.h"
#include "queue/list.h"

#include <stdint.h>

enum { SLAB_SIZE = 64 << 10, SLAB_FAN = 4 };

struct slab {
    ck_stack_entry_t link; /* on its way into the tree; or of the mixed ones */
    struct slab *under[SLAB_FAN];
    struct list partial;     /* among those with some blocks in the depot */
    struct pool_block *free; /* its blocks that are in the depot ... */
    uint32_t home;           /* ... so many of ... */
    uint32_t blocks;         /* ... so many in all; constant */
};

struct slab_tree {
    struct slab *root;
};

/* Blocks stand in it as an array, the first at the start of a cache line. */
static inline char *slab_start(struct slab *slab)
{
    uintptr_t end = (uintptr_t)(slab + 1);
    return (char *)(slab + 1) + (CACHE_LINE - end % CACHE_LINE) % CACHE_LINE;
}
static inline char *slab_end(struct slab *slab) { return (char *)slab + SLAB_SIZE; }

static inline bool slab_has(const struct slab *slab, const void *p)
{
    return (uintptr_t)p - (uintptr_t)slab < SLAB_SIZE;
}

void slab_tree_add(struct slab_tree *tree, struct slab *slab);
void slab_tree_remove(struct slab_tree *tree, struct slab *slab);
/* The slab that p points into, or NULL. */
struct slab *slab_tree_find(const struct slab_tree *tree, const void *p);

#endif
