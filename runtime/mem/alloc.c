/* alloc.c: the one door to the heap: counts, limits, and fails on demand. */
#include "mem/alloc.h"

#include <cadre/base.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

static void *libc_realloc(void *user, void *old, size_t old_size, size_t new_size)
{
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

/* *dirty: not zeroed. */
static void *map(struct heap *heap, size_t size, bool *dirty)
{
    *dirty = false;
    if (size == REGION_PIECE) /* relaxed: a number that is compared */
        return region_cut(&heap->regions, load_relaxed(&heap->bytes) > HEAP_SMALL,
                          dirty);
    void *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (size >= REGION_SIZE)
        (void)madvise(p, size, MADV_HUGEPAGE); /* a hint */
    return p;
}

static void unmap(struct heap *heap, void *p, size_t size)
{
    if (size == REGION_PIECE)
        region_put(&heap->regions, p);
    else
        (void)munmap(p, size);
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
    regions_init(&heap->regions);
}

/* ---- the account ---- */

/* Relaxed, here and below: a number that is compared, and orders nothing. */
void heap_discharge(struct heap *heap, size_t size)
{
    fetch_add_relaxed(&heap->bytes, (size_t)0 - size);
}

int heap_charge(struct heap *heap, size_t size)
{
    size_t before = fetch_add_relaxed(&heap->bytes, size);
    if (size <= heap->max && before <= heap->max - size)
        return 0;
    heap_discharge(heap, size);
    return CADRE_EFULL;
}

/* What was charged for has come, or NULL. */
static int deliver(struct heap *heap, void **p, void *got, size_t size)
{
    if (got) {
        *p = got;
        return 0;
    }
    heap_discharge(heap, size);
    return -ENOMEM;
}

/* ---- get and put ---- */

int heap_get(struct heap *heap, void **p, size_t size)
{
    int err = heap_charge(heap, size);
    return err ? err : deliver(heap, p, heap->realloc(heap->user, NULL, 0, size), size);
}

void heap_put(struct heap *heap, void *p, size_t size)
{
    if (!p)
        return;
    heap->realloc(heap->user, p, size, 0);
    heap_discharge(heap, size);
}

static int get_pages(struct heap *heap, void **p, size_t size, bool *dirty)
{
    int err = heap_charge(heap, size);
    return err ? err : deliver(heap, p, map(heap, size, dirty), size);
}

int heap_get_pages(struct heap *heap, void **p, size_t size)
{
    bool dirty;
    return heap->maps ? get_pages(heap, p, size, &dirty) : heap_get(heap, p, size);
}

void heap_put_pages(struct heap *heap, void *p, size_t size)
{
    if (!heap->maps) {
        heap_put(heap, p, size);
    } else if (p) {
        unmap(heap, p, size);
        heap_discharge(heap, size);
    }
}

bool heap_tidy(struct heap *heap, bool busy)
{
    return heap->maps && region_tidy(&heap->regions, busy);
}

/* ---- lines ---- */

static bool are_pages(const struct heap *heap, size_t size)
{
    return heap->maps && size > 0 && size % REGION_PIECE == 0;
}

static int get_zeroed_pages(struct heap *heap, void **p, size_t size)
{
    bool dirty;
    int err = get_pages(heap, p, size, &dirty);
    if (!err && dirty)
        memset(*p, 0, size);
    return err;
}

int heap_get_lines(struct heap *heap, void **p, size_t size)
{
    void *raw;
    if (are_pages(heap, size))
        return get_zeroed_pages(heap, p, size);
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

/* ---- what stands side by side ---- */

/* Addresses are limited, and most of them ought to be for what is used. */
static bool are_scarce(size_t addresses)
{
    struct rlimit most;
    return getrlimit(RLIMIT_AS, &most) != 0 || most.rlim_cur / 16 < addresses;
}

void *heap_reserve(struct heap *heap, size_t size)
{
    if (!heap->maps || are_scarce(size))
        return NULL;
    char *raw = mmap(NULL, size + REGION_SIZE, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    size_t before = (0 - (uintptr_t)raw) % REGION_SIZE; /* for huge pages */
    if (before > 0)
        (void)munmap(raw, before);
    (void)munmap(raw + before + size, REGION_SIZE - before); /* never nothing */
    return raw + before;
}

/* With the first piece of a huge page all of it is opened. */
static bool open_reserved(struct heap *heap, void *piece)
{
    if ((uintptr_t)piece % REGION_SIZE != 0)
        return true;
    if (mprotect(piece, REGION_SIZE, PROT_READ | PROT_WRITE) != 0)
        return false;
    /* A hint. Relaxed: a number that is compared. */
    (void)madvise(piece, REGION_SIZE,
                  load_relaxed(&heap->bytes) > HEAP_SMALL ? MADV_HUGEPAGE
                                                          : MADV_NOHUGEPAGE);
    return true;
}

int heap_take_reserved(struct heap *heap, void *piece)
{
    int err = heap_charge(heap, REGION_PIECE);
    if (err || open_reserved(heap, piece))
        return err;
    heap_discharge(heap, REGION_PIECE);
    return -ENOMEM;
}

void heap_put_reserved(struct heap *heap, void *p, size_t size, size_t taken)
{
    if (!p)
        return;
    (void)munmap(p, size);
    heap_discharge(heap, taken * REGION_PIECE);
}

/* ---- outside ---- */

void *heap_outside_get(size_t size) { return malloc(size); }

void heap_outside_put(void *p) { free(p); }
