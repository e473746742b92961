/* region.c: pieces cut from huge pages, which go when they are whole again. */
#include "mem/region.h"

#include "base/cc.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { HEAD = REGION_PIECE }; /* before the first piece; one page of it is resident */
#define ALL UINT32_MAX

struct region {
    struct list open;
    uint32_t used; /* a bit for each piece that somebody has */
    uint32_t idle; /* and for each that was put, and is resident */
};

static_assert(REGION_SIZE / REGION_PIECE == 32, "a bit for each piece");

void regions_init(struct regions *regions)
{
    pthread_mutex_init(&regions->lock, NULL);
    regions->open = NULL;
    regions->used = 0;
    atomic_set(&regions->idle, 0);
}

static char *start_of(struct region *r) { return (char *)r + HEAD; }

static struct region *region_of(char *piece)
{
    return (struct region *)(void *)(piece - (uintptr_t)piece % REGION_SIZE - HEAD);
}

/* ---- regions come and go, under the lock ---- */

/* Behind the others. */
static void enter(struct regions *all, struct region *r)
{
    list_init(&r->open);
    if (all->open)
        list_append(all->open, &r->open);
    else
        all->open = &r->open;
}

static void leave(struct regions *all, struct region *r)
{
    if (all->open == &r->open)
        all->open = list_is_empty(&r->open) ? NULL : r->open.next;
    list_remove(&r->open);
}

static struct region *first_of(struct regions *all)
{
    return container_of(all->open, struct region, open);
}

static void unmap(char *from, char *to)
{
    if (from < to)
        (void)munmap(from, (size_t)(to - from));
}

/* A new one, or none. Twice as much has an aligned one inside. */
static struct region *add(struct regions *all, bool huge)
{
    size_t size = HEAD + 2 * (size_t)REGION_SIZE;
    char *raw =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    char *head = raw + (0 - (uintptr_t)raw - HEAD) % REGION_SIZE;
    char *end = head + HEAD + REGION_SIZE;
    unmap(raw, head);
    unmap(end, raw + size);
    (void)madvise(head, HEAD + REGION_SIZE,
                  huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE); /* a hint */
    struct region *r = (struct region *)(void *)head;
    enter(all, r); /* the rest is zero */
    return r;
}

/* Nobody will find it any more. */
static void drop(struct regions *all, struct region *r)
{
    leave(all, r);
    counter_add(&all->idle, -(int64_t)bits_set(r->idle));
}

/* ---- pieces ---- */

static char *cut(struct regions *all, struct region *r, bool *dirty)
{
    unsigned i = bit_lowest((uint32_t)~r->used);
    uint32_t bit = UINT32_C(1) << i;
    *dirty = r->idle & bit;
    counter_add(&all->idle, -(int64_t)*dirty);
    all->used++;
    r->idle &= ~bit;
    r->used |= bit;
    if (r->used == ALL)
        leave(all, r);
    return start_of(r) + (size_t)i * REGION_PIECE;
}

void *region_cut(struct regions *all, bool huge, bool *dirty)
{
    pthread_mutex_lock(&all->lock);
    struct region *r = all->open ? first_of(all) : add(all, huge);
    char *piece = r ? cut(all, r, dirty) : NULL;
    pthread_mutex_unlock(&all->lock);
    return piece;
}

/* Returns the region if it has all of its pieces back. */
static struct region *put(struct regions *all, struct region *r, char *piece)
{
    uint32_t bit = UINT32_C(1) << (piece - start_of(r)) / REGION_PIECE;
    if (r->used == ALL)
        enter(all, r);
    all->used--;
    counter_add(&all->idle, 1);
    r->used &= ~bit;
    r->idle |= bit;
    if (r->used > 0)
        return NULL;
    drop(all, r);
    return r;
}

void region_put(struct regions *all, void *piece)
{
    pthread_mutex_lock(&all->lock);
    struct region *whole = put(all, region_of(piece), piece);
    pthread_mutex_unlock(&all->lock);
    if (whole)
        unmap((char *)whole, start_of(whole) + REGION_SIZE);
}

/* ---- tidying ---- */

/* Zeroed when they are cut again. */
static void cool_pieces(char *from, size_t size)
{
    if (madvise(from, size, MADV_DONTNEED) != 0)
        memset(from, 0, size); /* locked into memory */
}

/* Under the lock. All that idle in this region; neighbours in one go. */
static void cool(struct regions *all, struct region *r)
{
    while (r->idle) {
        unsigned i = bit_lowest(r->idle), n = bit_lowest(~((uint64_t)r->idle >> i));
        cool_pieces(start_of(r) + (size_t)i * REGION_PIECE, (size_t)n * REGION_PIECE);
        r->idle &= ~(uint32_t)(((UINT64_C(1) << n) - 1) << i);
        counter_add(&all->idle, -(int64_t)n);
    }
}

bool region_tidy(struct regions *all, bool busy)
{
    if (load_relaxed(&all->idle) <=
        REGION_IDLE) /* a hint: asked at each falling asleep */
        return false;
    pthread_mutex_lock(&all->lock);
    int64_t most = busy && all->used > REGION_IDLE ? all->used : REGION_IDLE;
    bool more = load_relaxed(&all->idle) > most;
    while (more && first_of(all)->idle == 0)
        all->open = all->open->next; /* to the end of the ring */
    if (more)
        cool(all, first_of(all));
    pthread_mutex_unlock(&all->lock);
    return more;
}
