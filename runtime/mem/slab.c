/* slab.c: which slab a block is part of. */
#include "mem/slab.h"

#include <string.h>

enum { LEVEL_BITS = 2 };

/* No two slabs begin in the same frame of SLAB_SIZE bytes. */
static uint64_t frame_of(const void *p) { return (uintptr_t)p / SLAB_SIZE; }

/* The way down, two bits to a level; an odd factor keeps different frames apart. */
static uint64_t way_to(uint64_t frame) { return frame * UINT64_C(0x9e3779b97f4a7c15); }
static unsigned turn_of(uint64_t way) { return (unsigned)(way >> (64 - LEVEL_BITS)); }

/* The pointer that points to slab, or the NULL where it would stand. */
static struct slab **place_of(struct slab_tree *tree, const struct slab *slab)
{
    struct slab **place = &tree->root;
    for (uint64_t way = way_to(frame_of(slab)); *place && *place != slab;
         way <<= LEVEL_BITS)
        place = &(*place)->under[turn_of(way)];
    return place;
}

void slab_tree_add(struct slab_tree *tree, struct slab *slab)
{
    memset(slab->under, 0, sizeof slab->under);
    *place_of(tree, slab) = slab;
}

static struct slab **any_under(struct slab *slab)
{
    for (unsigned i = 0; i < SLAB_FAN; i++)
        if (slab->under[i])
            return &slab->under[i];
    return NULL;
}

/* Any leaf below it can take its place: what is below a slab shares its way so far. */
void slab_tree_remove(struct slab_tree *tree, struct slab *slab)
{
    struct slab **place = place_of(tree, slab), **leaf = place, **next;
    struct slab *heir = slab;
    while ((next = any_under(heir))) {
        leaf = next;
        heir = *next;
    }
    *leaf = NULL;
    if (heir != slab) {
        memcpy(heir->under, slab->under, sizeof heir->under);
        *place = heir;
    }
}

static struct slab *find_from(const struct slab_tree *tree, uint64_t frame,
                              const void *p)
{
    struct slab *slab = tree->root;
    for (uint64_t way = way_to(frame); slab && !slab_has(slab, p); way <<= LEVEL_BITS)
        slab = slab->under[turn_of(way)];
    return slab;
}

struct slab *slab_tree_find(const struct slab_tree *tree, const void *p)
{
    /* It begins in the frame of p, or in the one before. */
    struct slab *slab = find_from(tree, frame_of(p), p);
    return slab ? slab : find_from(tree, frame_of(p) - 1, p);
}
