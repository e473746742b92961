/* region.c: pieces cut from huge pages. */
#include "mem/region.h"

#include <stdint.h>
#include <sys/mman.h>

void region_init(struct region *r)
{
    atomic_set(&r->taken, false);
    r->next = r->end = NULL;
}

static bool try_lock(struct region *r) { return !exchange_acquire(&r->taken, true); }

/* Pairs with the exchange in try_lock. */
static void unlock(struct region *r) { store_release(&r->taken, false); }

static void unmap(char *from, char *to)
{
    if (from < to)
        (void)munmap(from, (size_t)(to - from));
}

/* Under the lock. */
static void drop(struct region *r)
{
    unmap(r->next, r->end);
    r->next = r->end = NULL;
}

/* Under the lock: a new one, or none. Twice as much has an aligned one inside. */
static void renew(struct region *r)
{
    drop(r);
    char *raw = mmap(NULL, 2 * REGION_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED)
        return;
    char *start = raw + (0 - (uintptr_t)raw) % REGION_SIZE;
    unmap(raw, start);
    unmap(start + REGION_SIZE, raw + 2 * REGION_SIZE);
    (void)madvise(start, REGION_SIZE, MADV_HUGEPAGE); /* a hint */
    r->next = start;
    r->end = start + REGION_SIZE;
}

void region_trim(struct region *r)
{
    if (!try_lock(r))
        return;
    drop(r);
    unlock(r);
}

void *region_cut(struct region *r, size_t size)
{
    char *piece = NULL;
    /* Of larger ones too much would be left over. */
    if (size == 0 || size % REGION_PIECE != 0 || size > REGION_SIZE / 4)
        return NULL;
    if (!try_lock(r))
        return NULL;
    if ((size_t)(r->end - r->next) < size)
        renew(r);
    if (r->next) {
        piece = r->next;
        r->next += size;
    }
    unlock(r);
    return piece;
}
