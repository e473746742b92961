/* alloc.c: the one door to the heap: counts, limits, and fails on demand. */
#include "mem/alloc.h"

#include <cadre/base.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *libc_realloc(void *user, void *old, size_t old_size, size_t new_size)
{
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

void heap_init(struct heap *heap,
               void *(*realloc)(void *user, void *old, size_t old_size,
                                size_t new_size),
               void *user, size_t max)
{
    heap->realloc = realloc ? realloc : libc_realloc;
    heap->user = user;
    heap->max = max;
    atomic_set(&heap->bytes, 0);
}

int heap_get(struct heap *heap, void **p, size_t size)
{
    /* Relaxed: a number that is compared, and orders nothing. */
    size_t before = fetch_add_relaxed(&heap->bytes, size);
    int err = CADRE_EFULL;
    if (size <= heap->max && before <= heap->max - size) {
        void *got = heap->realloc(heap->user, NULL, 0, size);
        if (got) {
            *p = got;
            return 0;
        }
        err = -ENOMEM;
    }
    fetch_add_relaxed(&heap->bytes, (size_t)0 - size);
    return err;
}

void heap_put(struct heap *heap, void *p, size_t size)
{
    if (!p)
        return;
    heap->realloc(heap->user, p, size, 0);
    fetch_add_relaxed(&heap->bytes, (size_t)0 - size);
}

int heap_get_lines(struct heap *heap, void **p, size_t size)
{
    void *raw;
    int err = size > SIZE_MAX - CACHE_PAIR ? -ENOMEM
                                           : heap_get(heap, &raw, size + CACHE_PAIR);
    if (err)
        return err;
    char *start = (char *)raw + CACHE_PAIR - (uintptr_t)raw % CACHE_PAIR;
    memcpy(start - sizeof raw, &raw, sizeof raw); /* there is room: raw is aligned */
    memset(start, 0, size);
    *p = start;
    return 0;
}

void heap_put_lines(struct heap *heap, void *p, size_t size)
{
    if (!p)
        return;
    void *raw;
    memcpy(&raw, (char *)p - sizeof raw, sizeof raw);
    heap_put(heap, raw, size + CACHE_PAIR);
}

void *heap_outside_get(size_t size) { return malloc(size); }

void heap_outside_put(void *p) { free(p); }
