/* gauges.c: the gauges of a system, by slot. */
#include "actor/gauge.h"

#include <assert.h>
#include <string.h>

enum { LEVELS = 3 }; /* of pointers, and a leaf of gauges below: 28 bits */
static_assert((LEVELS + 1) * GAUGE_LEVEL_BITS == SLOT_BITS, "slots have as many");
static uint32_t index_at(uint32_t slot, int level)
{
    return slot >> (LEVELS - level) * GAUGE_LEVEL_BITS & (GAUGE_LEVEL - 1);
}

static size_t bytes_at(int level)
{
    return level < LEVELS ? sizeof(struct gauge_node)
                          : GAUGE_LEVEL * sizeof(struct gauge);
}

void gauges_init(struct gauges *gauges, struct heap *heap)
{
    gauges->heap = heap;
    pthread_mutex_init(&gauges->lock, NULL);
    list_init(&gauges->flooded);
    atomic_set(&gauges->asked, 0);
    for (int i = 0; i < GAUGE_LEVEL; i++)
        atomic_set(&gauges->top.below[i], NULL);
}

/* As deep as the tree. */
static void fini_node(struct heap *heap, struct gauge_node *node, int level)
{
    for (int i = 0; i < GAUGE_LEVEL; i++) {
        void *below = load_relaxed(&node->below[i]);
        if (below && level + 1 < LEVELS)
            fini_node(heap, below, level + 1);
        heap_put_lines(heap, below, bytes_at(level + 1));
    }
}

void gauges_fini(struct gauges *gauges)
{
    fini_node(gauges->heap, &gauges->top, 0);
    pthread_mutex_destroy(&gauges->lock);
}

/* Under the lock. What is new is zero: vacant. */
static int grow(struct gauges *gauges, struct gauge_node *node, uint32_t index,
                size_t bytes)
{
    void *p = NULL;
    if (load_relaxed(&node->below[index]))
        return 0;
    int err = heap_get_lines(gauges->heap, &p, bytes);
    if (err)
        return err;
    memset(p, 0, bytes);
    store_release(&node->below[index], p); /* pairs with gauges_find */
    return 0;
}

int gauges_make(struct gauges *gauges, uint32_t slot, struct gauge **gauge)
{
    struct gauge_node *node = &gauges->top;
    int err = 0;
    pthread_mutex_lock(&gauges->lock);
    for (int level = 0; !err && level < LEVELS; level++) {
        uint32_t index = index_at(slot, level);
        err = grow(gauges, node, index, bytes_at(level + 1));
        node = load_relaxed(&node->below[index]);
    }
    pthread_mutex_unlock(&gauges->lock);
    if (!err)
        *gauge = gauges_find(gauges, slot);
    return err;
}

struct gauge *gauges_find(struct gauges *gauges, uint32_t slot)
{
    void *p = &gauges->top;
    for (int level = 0; level < LEVELS; level++)
        p = load_acquire(&((struct gauge_node *)p)->below[index_at(slot, level)]);
    return (struct gauge *)p + index_at(slot, LEVELS);
}
