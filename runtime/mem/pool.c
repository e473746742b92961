/* pool.c: size-classed blocks, per thread, freed from any thread. */
#include "mem/pool.h"

enum { SETTLE = POOL_STEP / POOL_CHAIN }; /* chains given or taken */

static uint32_t most_kept(unsigned c)
{
    uint32_t by_bytes = POOL_KEEP_BYTES / (uint32_t)pool_size_of(c);
    uint32_t by_count = POOL_KEEP_BLOCKS + POOL_QUARANTINE;
    return by_bytes > by_count ? by_bytes : by_count;
}

void pool_init(struct pool *pool, struct pool_depot *depot)
{
    *pool = (struct pool){.depot = depot};
    for (unsigned c = 0; c < POOL_CLASSES; c++)
        pool->classes[c].room = (int32_t)(pool->classes[c].keep = most_kept(c));
}

/* ---- give ---- */

/* Tells the depot what went in and out. Returns how many bytes are there. */
static int64_t settle(struct pool *pool)
{
    int64_t given = pool->given;
    pool->given = 0;
    pool->moves = 0;
    /* Relaxed: a number. Also when nothing was given: it sees all that others said. */
    return fetch_add_relaxed(&pool->depot->spare, given) + given;
}

/* Returns how many: at most a chain, and not those below `keep`. */
static uint32_t give(struct pool *pool, unsigned c, uint32_t keep)
{
    struct pool_class *class = &pool->classes[c];
    uint32_t count = pool_count(class), n = count > keep ? count - keep : 0;
    if (n > POOL_CHAIN)
        n = POOL_CHAIN;
    struct pool_block *chain = NULL, *b = class->first;
    for (uint32_t i = 0; i < n; i++) {
        struct pool_block *next = b->next;
        plain_write(&b->next, chain);
        chain = b;
        b = next;
    }
    class->first = b;
    class->room += (int32_t)n;
    if (n > 0)
        pool_depot_give(pool->depot, c, chain);
    pool->given += (int64_t)(n * pool_size_of(c));
    pool->moves++;
    return n;
}

/* Hands a chain to whoever needs it. */
static void trim(struct pool *pool, unsigned c)
{
    struct pool_depot *depot = pool->depot;
    (void)give(pool, c, 0);
    if (pool->moves < SETTLE)
        return;
    int64_t spare = settle(pool);
    int budget = POOL_STEP;
    /* Relaxed: a number that changes slowly. */
    if (spare > POOL_SPARE && spare > load_relaxed(&depot->held) / 2)
        (void)pool_depot_sort(depot, c, &budget); /* as many as came since */
}

void pool_put_slowly(struct pool *pool, void *p, unsigned c)
{
    pool->classes[c].room++; /* what pool_put_at has taken off */
    trim(pool, c);
    pool_put_class(pool, p, c);
}

/* ---- take ---- */

/* One that may be more than there is room for: the next to be put sees to that. */
static void add(struct pool *pool, unsigned c, struct pool_block *b)
{
    pool->classes[c].room--;
    pool_insert(pool, &pool->classes[c], b);
}

static void take(struct pool *pool, unsigned c)
{
    int n = 0;
    struct pool_block *b = pool_depot_take(pool->depot, c);
    if (!b)
        return;
    for (struct pool_block *next; b; b = next, n++) {
        next = plain_read(&b->next);
        add(pool, c, b);
    }
    pool->given -= n * (int64_t)pool_size_of(c);
    if (++pool->moves >= SETTLE)
        (void)settle(pool);
}

/* At the start of a cache line, or as many blocks of this size as fit in one. */
static char *aligned(char *start, size_t size)
{
    size_t align = size & (0 - size);
    if (align > CACHE_LINE)
        align = CACHE_LINE;
    return start + (0 - (uintptr_t)start) % align;
}

/* Cuts one block from fresh memory; what is left of a slab that is too short is lost. */
static int cut(struct pool *pool, unsigned c, struct pool_block **b)
{
    size_t size = pool_size_of(c);
    bool mix = pool->mixed_bytes[c] < POOL_MIXED_BYTES;
    struct pool_fresh *from = mix ? &pool->mixed : &pool->fresh[c];
    char *start = aligned(from->start, size);
    if (!from->start || start + size > from->end) {
        struct slab *slab;
        int err = pool_depot_slab(pool->depot, mix ? POOL_CLASSES : c, &slab);
        if (err)
            return err;
        start = slab_start(slab);
        from->end = slab_end(slab);
    }
    if (mix)
        pool->mixed_bytes[c] += (uint32_t)size;
    from->start = start + size;
    *b = (struct pool_block *)(void *)start;
    return 0;
}

/* After a cut: some more from the same slab, so that the next ones are at hand. The
 * lowest comes first, as the cache likes it. */
static void stock(struct pool *pool, unsigned c)
{
    size_t size = pool_size_of(c);
    struct pool_fresh *from = &pool->fresh[c];
    size_t more = (size_t)(from->end - from->start) / size;
    if (pool->mixed_bytes[c] < POOL_MIXED_BYTES || size > POOL_STOCK_BLOCK)
        return;
    if (more > POOL_STOCK)
        more = POOL_STOCK;
    from->start += more * size;
    for (size_t i = 1; i <= more; i++) {
        struct pool_block *b = (struct pool_block *)(void *)(from->start - i * size);
        add(pool, c, b);
        pool_hide(b, c);
    }
}

int pool_get_slowly(struct pool *pool, void **p, unsigned c)
{
    pool->fills++;
    struct pool_block *b;
    take(pool, c);
    if (pool_has(&pool->classes[c])) {
        b = pool_detach(&pool->classes[c]);
        pool_show(b, c);
    } else {
        int err = cut(pool, c, &b);
        if (err)
            return err;
        stock(pool, c);
    }
    *p = b;
    return 0;
}

/* ---- reclaim ---- */

/* Of each class, down to so many. */
static void give_all(struct pool *pool, unsigned c, uint32_t keep, int *budget)
{
    while (*budget > 0 && pool_count(&pool->classes[c]) > keep + POOL_QUARANTINE)
        *budget -= (int)give(pool, c, keep + POOL_QUARANTINE);
}

/* Bytes in the depot. Relaxed: our own account is settled, that of others may be late,
 * but then they come here themselves. */
static int64_t spare_in(struct pool *pool)
{
    return pool->given ? settle(pool) : load_relaxed(&pool->depot->spare);
}

bool pool_reclaim(struct pool *pool)
{
    int budget = POOL_STEP;
    for (unsigned c = 0; c < POOL_CLASSES; c++)
        give_all(pool, c, POOL_KEEP_ASLEEP, &budget);
    int64_t spare = settle(pool);
    if (budget <= 0)
        return true;
    for (unsigned i = 0; i < POOL_CLASSES && spare > POOL_SPARE; i++) {
        unsigned c = pool->reclaiming;
        give_all(pool, c, 0, &budget); /* each block may be all that keeps a slab */
        if (!pool_depot_sort(pool->depot, c, &budget))
            return true;
        spare = spare_in(pool);
        pool->reclaiming = (c + 1) % POOL_CLASSES;
    }
    return heap_tidy(pool->depot->heap, false);
}
