/* test_pool.c: blocks from pools of several threads, freed from any, through the depot.
 *
 * A block has one owner at a time, who writes all over it; blocks that went from pool to
 * pool do not race with their former owners; none is lost. */
#include "mem/pool.h"

#include <string.h>

enum { SIZE = 32, WORDS = SIZE / 8, BLOCKS = 16 };

static struct heap heap;
static struct pool_depot depot;
static struct pool pools[4];
static uint64_t *blocks[BLOCKS]; /* that were ever seen */
static int owner[BLOCKS];        /* 0: free */
static int block_count, slabs;
static ATOMIC(uint64_t *) mail[3];

static void *from_arena(void *user, void *old, size_t old_size, size_t new_size)
{
    slabs += new_size ? 1 : -1;
    return new_size ? mc_alloc(new_size) : NULL;
}

static void setup(void)
{
    block_count = slabs = 0;
    heap_init(&heap, from_arena, NULL, SIZE_MAX);
    mc_quiet(&heap.bytes, sizeof heap.bytes);
    pool_depot_init(&depot, &heap);
    for (unsigned c = 0; c < POOL_CLASSES; c++)
        depot.chains[c].inbox.head = NULL;
    struct inject *chain = &depot.chains[pool_class_of(SIZE)];
    mc_plain_write(&chain->inbox.head, sizeof chain->inbox.head);
    mc_plain_write(&depot.slabs.head, sizeof depot.slabs.head);
    for (int i = 0; i < 4; i++)
        pool_init(&pools[i], &depot);
    for (int i = 0; i < 3; i++)
        atomic_set(&mail[i], NULL);
    mc_name(&chain->inbox, 8, "inbox");
    mc_name(&chain->taking, 1, "taking");
    mc_name(&chain->oldest, 8, "oldest");
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

/* ---- afterwards ---- */

static int free_in(const struct pool *pool)
{
    const struct pool_class *class = &pool->classes[pool_class_of(SIZE)];
    uint32_t n = 0;
    for (const struct pool_block *b = class->first; n < class->count; b = b->next)
        n++;
    return (int)n;
}

static int free_in_depot(void)
{
    struct inject_node *node;
    int n = 0;
    while (inject_take(&depot.chains[pool_class_of(SIZE)], &node, 1) == 1)
        for (const struct pool_block *b = container_of(node, struct pool_block, chain);
             b; b = b->next)
            n++;
    return n;
}

static void none_lost(void)
{
    for (int i = 0; i < 3; i++)
        if (load_relaxed(&mail[i]))
            put(load_relaxed(&mail[i]));
    int n = free_in_depot();
    for (int i = 0; i < 4; i++)
        n += free_in(&pools[i]);
    mc_assert(n == block_count);
    pool_depot_fini(&depot);
    mc_assert(slabs == 0);
}

#define TEST(text, n, run)                                                             \
    .name = "pool: " text, .threads = n, .setup = setup, .thread = run,                \
    .final = none_lost, .unordered_stores = true /* `taking` is a lock */

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("chains through the depot", 2, get_and_put),
         .bounds = {.preemptions = 3, .stale = 2},
         .deep = {.preemptions = 6, .stale = 3}},
        {TEST("three threads", 3, get_and_put),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("chains there and back", 2, stream),
         .bounds = {.preemptions = 3, .stale = 2},
         .deep = {.preemptions = 5, .stale = 3}},
        {TEST("freed by others", 3, send_and_put),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
