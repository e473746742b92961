/* short_heap.c: a cadre_config.alloc that fails on demand and forgets nothing. */
#include "support/short_heap.h"

#include "support/verdict.h"

#include <stdlib.h>

/* In front of each block; a multiple of the largest alignment. */
struct tag {
    _Alignas(max_align_t) size_t size;
    uint64_t magic;
};
#define TAG_LIVE UINT64_C(0x11feb10c11feb10c)

void short_heap_init(struct short_heap *heap, uint64_t fail_first, uint64_t fail_count)
{
    heap->fail_first = fail_first;
    heap->fail_count = fail_count;
    atomic_store(&heap->calls, 0);
    atomic_store(&heap->refused, 0);
    atomic_store(&heap->blocks, 0);
    atomic_store(&heap->bytes, 0);
}

void short_heap_refuse(struct short_heap *heap, bool everything)
{
    heap->fail_first = everything;
    heap->fail_count = UINT64_MAX;
}

static void *take(struct short_heap *heap, size_t size)
{
    uint64_t call = atomic_fetch_add(&heap->calls, 1) + 1;
    if (heap->fail_first && call >= heap->fail_first &&
        call - heap->fail_first < heap->fail_count) {
        atomic_fetch_add(&heap->refused, 1);
        return NULL;
    }
    struct tag *tag = malloc(sizeof *tag + size);
    if (!tag)
        return NULL;
    *tag = (struct tag){.size = size, .magic = TAG_LIVE};
    atomic_fetch_add(&heap->blocks, 1);
    atomic_fetch_add(&heap->bytes, (long long)size);
    return tag + 1;
}

static void give_back(struct short_heap *heap, void *p, size_t size)
{
    struct tag *tag = (struct tag *)p - 1;
    CHECK(tag->magic == TAG_LIVE);
    CHECK_EQ(tag->size, size);
    tag->magic = 0;
    atomic_fetch_sub(&heap->blocks, 1);
    atomic_fetch_sub(&heap->bytes, (long long)size);
    free(tag);
}

static void *serve(void *user, void *old, size_t old_size, size_t new_size)
{
    struct short_heap *heap = user;
    CHECK(!old || new_size == 0); /* the runtime never resizes */
    if (new_size > 0)
        return take(heap, new_size);
    if (old)
        give_back(heap, old, old_size);
    return NULL;
}

void short_heap_serve(struct short_heap *heap, cadre_config *config)
{
    config->alloc = serve;
    config->alloc_user = heap;
}
