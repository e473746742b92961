/* test_pool.c: blocks from pools of several threads, freed from any, through the depot.
 *
 * A block has one owner at a time, who writes all over it; blocks that went from pool to
 * pool do not race with their former owners; none is lost. Memory that goes back has no
 * owner and is not touched any more; and all of it goes back that can, once every thread
 * has reclaimed to the end.
 *
 * Two blocks to a chain, two to a slab, and the first block of each pool is from a mixed
 * one. */
#include "mem/pool.h"

#include <string.h>

enum { SIZE = 32, WORDS = SIZE / 8, BLOCKS = 40 };

static struct heap heap;
static struct pool_depot depot;
static struct pool pools[4];
static uint64_t *blocks[BLOCKS]; /* that were ever seen */
static int owner[BLOCKS];        /* 0: free */
static int block_count, gone, slabs;
static ATOMIC(uint64_t *) mail[3];

/* This slab goes: none of its blocks may be anybody's. */
static void forget_blocks(const char *slab, size_t size)
{
    for (int i = 0; i < block_count; i++)
        if ((uintptr_t)blocks[i] - (uintptr_t)slab < size) {
            mc_assert(owner[i] == 0);
            gone++;
        }
}

static void *from_arena(void *user, void *old, size_t old_size, size_t new_size)
{
    slabs += new_size ? 1 : -1;
    if (new_size)
        return mc_alloc(new_size);
    forget_blocks(old, old_size);
    mc_free(old, old_size);
    return NULL;
}

static void setup(void)
{
    block_count = gone = slabs = 0;
    heap_init(&heap, from_arena, NULL, SIZE_MAX);
    mc_quiet(&heap.bytes, sizeof heap.bytes);
    pool_depot_init(&depot, &heap);
    unsigned c = pool_class_of(SIZE);
    struct depot_class *d = &depot.classes[c];
    mc_quiet(depot.classes, c * sizeof *d); /* nothing happens there */
    mc_quiet(d + 1, (POOL_CLASSES - 1 - c) * sizeof *d);
    mc_quiet(&d->slab_count, sizeof d->slab_count); /* numbers and hints */
    mc_quiet(&d->stocked, sizeof d->stocked);
    mc_quiet(&depot.spare, sizeof depot.spare + sizeof depot.held);
    mc_plain_write(&d->inbox.head, sizeof d->inbox.head);
    mc_plain_write(&d->newcomers.head, sizeof d->newcomers.head);
    mc_plain_write(&depot.mixed.head, sizeof depot.mixed.head);
    for (int i = 0; i < 4; i++)
        pool_init(&pools[i], &depot);
    for (int i = 0; i < 3; i++)
        atomic_set(&mail[i], NULL);
    mc_name(&d->inbox, 8, "inbox");
    mc_name(&d->newcomers, 8, "newcomers");
    mc_name(&d->taken, 1, "taken");
    mc_name(&d->chains, 8, "chains");
    mc_name(mail, sizeof mail, "mail");
}

static int index_of(const uint64_t *block)
{
    for (int i = 0; i < block_count; i++)
        if (blocks[i] == block)
            return i;
    mc_assert(block_count < BLOCKS);
    owner[block_count] = 0;
    blocks[block_count] = (uint64_t *)(uintptr_t)block;
    return block_count++;
}

static uint64_t *get(void)
{
    void *p;
    mc_assert(pool_get(&pools[mc_self()], &p, SIZE) == 0);
    int i = index_of(p);
    mc_note("gets block %d", i);
    mc_assert(owner[i] == 0);
    owner[i] = mc_self() + 1;
    uint64_t *block = p;
    for (int w = 0; w < WORDS; w++)
        plain_write(&block[w], (uint64_t)owner[i]);
    return block;
}

static void put(uint64_t *block)
{
    int i = index_of(block);
    for (int w = 0; w < WORDS; w++)
        mc_assert(plain_read(&block[w]) == (uint64_t)owner[i]);
    mc_note("puts block %d", i);
    owner[i] = 0;
    pool_put(&pools[mc_self()], block, SIZE);
}

/* ---- threads ---- */

static void get_and_put(int self)
{
    uint64_t *mine[3];
    for (int i = 0; i < 3; i++)
        mine[i] = get();
    for (int i = 0; i < 3; i++)
        put(mine[i]); /* two of them go to the depot */
}

/* What one thread gets, others put. */
static void send_and_put(int self)
{
    if (self == 1) {
        for (int i = 0; i < 3; i++)
            store_release(&mail[i], get());
        put(get());
        return;
    }
    for (int i = 0; i < 3; i++) {
        uint64_t *block = exchange_acquire(&mail[i], NULL);
        if (block)
            put(block);
    }
    if (self == 3)
        put(get());
}

/* One thread puts a chain again and again; the other one gets what it can. */
static void stream(int self)
{
    for (int round = 0; round < 2; round++)
        get_and_put(self);
}

static int free_in(const struct pool *pool)
{
    const struct pool_class *class = &pool->classes[pool_class_of(SIZE)];
    uint32_t n = 0;
    for (const struct pool_block *b = class->first; n < pool_count(class); b = b->next)
        n++;
    return (int)n;
}

/* As a worker does that finds no work. It keeps blocks only while the depot has nothing
 * to spare; the account is quiet, so nobody has changed it since the pool looked. */
static void go_idle(void)
{
    struct pool *pool = &pools[mc_self()];
    while (pool_reclaim(pool))
        cpu_relax();
    mc_assert(free_in(pool) == 0 || load_relaxed(&depot.spare) <= POOL_SPARE);
}

static void use_and_go_idle(int self)
{
    get_and_put(self);
    go_idle();
}

/* One goes idle again and again beside one who works. */
static void idle_beside_work(int self)
{
    get_and_put(self);
    if (self == 1)
        go_idle();
    get_and_put(self);
    go_idle();
}

/* Some get what others free, who go idle then; some of it stays in use. */
static void send_and_go_idle(int self)
{
    send_and_put(self);
    go_idle();
}

/* ---- afterwards ---- */

static int free_in_depot(void)
{
    struct pool_block *b;
    int n = 0;
    while ((b = pool_depot_take(&depot, pool_class_of(SIZE))))
        for (; b; b = b->next)
            n++;
    return n;
}

static int free_anywhere(void)
{
    int n = free_in_depot();
    for (int i = 0; i < 4; i++)
        n += free_in(&pools[i]);
    return n;
}

static void none_lost(void)
{
    for (int i = 0; i < 3; i++)
        if (load_relaxed(&mail[i]))
            put(load_relaxed(&mail[i]));
    mc_assert(free_anywhere() == block_count - gone);
    pool_depot_fini(&depot);
    mc_assert(slabs == 0);
}

/* Those that are mixed, or still being cut. */
static int slabs_that_stay(void)
{
    int n = 0;
    for (int i = 0; i < 4; i++) {
        const struct pool_fresh *fresh = &pools[i].fresh[pool_class_of(SIZE)];
        n += pools[i].mixed.start != NULL;
        n += fresh->start && fresh->start + SIZE <= fresh->end;
    }
    return n;
}

static void all_gone_that_can(void)
{
    int in_mail = 0, in_pools = 0;
    for (int i = 0; i < 3; i++)
        in_mail += load_relaxed(&mail[i]) != NULL;
    for (int i = 0; i < 4; i++)
        in_pools += free_in(&pools[i]); /* kept for a reason: see go_idle */
    mc_assert(slabs <= slabs_that_stay() + in_mail + in_pools);
    /* Each account is settled. */
    mc_assert(load_relaxed(&depot.spare) ==
              SIZE * (block_count - gone - in_mail - in_pools));
    none_lost();
}

#define TEST(text, n, run, end)                                                        \
    .name = "pool: " text, .threads = n, .setup = setup, .thread = run, .final = end,  \
    .unordered_stores = true /* `taken` is a lock */

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("chains through the depot", 2, get_and_put, none_lost),
         .bounds = {.preemptions = 3, .stale = 2},
         .deep = {.preemptions = 6, .stale = 3}},
        {TEST("three threads", 3, get_and_put, none_lost),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("chains there and back", 2, stream, none_lost),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 3, .stale = 3}},
        {TEST("freed by others", 3, send_and_put, none_lost),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("idle, both", 2, use_and_go_idle, all_gone_that_can),
         .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("idle, three threads", 3, use_and_go_idle, all_gone_that_can),
         .bounds = {.preemptions = 1, .stale = 1},
         .deep = {.preemptions = 2, .stale = 1}},
        {TEST("idle beside work", 2, idle_beside_work, all_gone_that_can),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 3, .stale = 2}},
        {TEST("idle with what others got", 2, send_and_go_idle, all_gone_that_can),
         .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
