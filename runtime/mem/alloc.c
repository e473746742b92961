/* alloc.c: the one door to the heap: counts, limits, and fails on demand. */
#include "mem/alloc.h"

#include <cadre/base.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void *libc_realloc(void *user, void *old, size_t old_size, size_t new_size)
{
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

static void *map(struct heap *heap, size_t size)
{
    /* Relaxed: a number that is compared. */
    void *p = load_relaxed(&heap->bytes) > HEAP_SMALL ? region_cut(&heap->region, size)
                                                      : NULL;
    if (p)
        return p;
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void unmap(void *p, size_t size)
{
    /* When this splits a mapping and there are too many, the memory goes at least. */
    if (munmap(p, size) != 0)
        (void)madvise(p, size, MADV_DONTNEED);
}

void heap_init(struct heap *heap,
               void *(*realloc)(void *user, void *old, size_t old_size,
                                size_t new_size),
               void *user, size_t max)
{
    heap->realloc = realloc ? realloc : libc_realloc;
    heap->user = user;
    heap->max = max;
    heap->maps = !realloc && !CC_ASAN;
    atomic_set(&heap->bytes, 0);
    region_init(&heap->region);
}

void heap_trim(struct heap *heap) { region_trim(&heap->region); }

/* ---- the account ---- */

/* Relaxed, here and below: a number that is compared, and orders nothing. */
static void pay_back(struct heap *heap, size_t size)
{
    fetch_add_relaxed(&heap->bytes, (size_t)0 - size);
}

static int charge(struct heap *heap, size_t size)
{
    size_t before = fetch_add_relaxed(&heap->bytes, size);
    if (size <= heap->max && before <= heap->max - size)
        return 0;
    pay_back(heap, size);
    return CADRE_EFULL;
}

/* What was charged for has come, or NULL. */
static int deliver(struct heap *heap, void **p, void *got, size_t size)
{
    if (got) {
        *p = got;
        return 0;
    }
    pay_back(heap, size);
    return -ENOMEM;
}

/* ---- get and put ---- */

int heap_get(struct heap *heap, void **p, size_t size)
{
    int err = charge(heap, size);
    return err ? err : deliver(heap, p, heap->realloc(heap->user, NULL, 0, size), size);
}

void heap_put(struct heap *heap, void *p, size_t size)
{
    if (!p)
        return;
    heap->realloc(heap->user, p, size, 0);
    pay_back(heap, size);
}

int heap_get_pages(struct heap *heap, void **p, size_t size)
{
    if (!heap->maps)
        return heap_get(heap, p, size);
    int err = charge(heap, size);
    return err ? err : deliver(heap, p, map(heap, size), size);
}

void heap_put_pages(struct heap *heap, void *p, size_t size)
{
    if (!heap->maps) {
        heap_put(heap, p, size);
    } else if (p) {
        unmap(p, size);
        pay_back(heap, size);
    }
}

/* ---- lines ---- */

static bool are_pages(const struct heap *heap, size_t size)
{
    return heap->maps && size > 0 && size % REGION_PIECE == 0;
}

int heap_get_lines(struct heap *heap, void **p, size_t size)
{
    void *raw;
    if (are_pages(heap, size))
        return heap_get_pages(heap, p, size);
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
    if (are_pages(heap, size)) {
        heap_put_pages(heap, p, size);
        return;
    }
    void *raw;
    memcpy(&raw, (char *)p - sizeof raw, sizeof raw);
    heap_put(heap, raw, size + CACHE_PAIR);
}

/* ---- outside ---- */

void *heap_outside_get(size_t size) { return malloc(size); }

void heap_outside_put(void *p) { free(p); }
