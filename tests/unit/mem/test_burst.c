/* test_burst.c: a million blocks at once, and what is left of them when they are free.
 *
 * Resident memory must fall to what is in use plus 32 MiB, by nothing but what a worker
 * does before it sleeps. Sanitizers keep memory of their own: under them the bytes of the
 * heap are judged alone, and there are fewer blocks. */
#include "mem/pool.h"

#include "support/dice.h"
#include "support/effort.h"
#include "support/process.h"
#include "support/support.h"

#include <pthread.h>
#include <sched.h>

enum { SIZE = 64, MOST = 1000000, LEAST = 250000, LEFT = 32 << 20, WORKERS = 2 };

static struct heap heap;
static struct pool_depot depot;
static struct pool pools[WORKERS];
static void *blocks[MOST];
static uint32_t count; /* of them in a burst */
static uint64_t resident_before;

static void *of_malloc(void *user, void *old, size_t old_size, size_t new_size)
{
    if (new_size)
        return malloc(new_size);
    free(old);
    return NULL;
}

static void make_pools(bool of_user)
{
    heap_init(&heap, of_user ? of_malloc : NULL, NULL, SIZE_MAX);
    pool_depot_init(&depot, &heap);
    for (int i = 0; i < WORKERS; i++)
        pool_init(&pools[i], &depot);
    count = (uint32_t)effort(MOST, MOST);
    if (count < LEAST)
        count = LEAST;                /* of fewer nothing would go back */
    memset(blocks, 1, sizeof blocks); /* resident from now on */
    resident_before = process_resident();
}

static int make(void **state)
{
    make_pools(false);
    return 0;
}

static int make_of_user(void **state)
{
    make_pools(true);
    return 0;
}

static int end(void **state)
{
    pool_depot_fini(&depot);
    return load_relaxed(&heap.bytes) == 0 ? 0 : -1;
}

static uint64_t held(void) { return load_relaxed(&heap.bytes); }

/* As much as the blocks need is there, and not more than 32 MiB beside it. */
static void assert_small(uint64_t in_use)
{
    assert_true(held() <= in_use + LEFT);
    if (EFFORT_SLOWDOWN == 1)
        assert_true(process_resident() <= resident_before + in_use + LEFT);
}

static void assert_large(uint64_t in_use)
{
    assert_true(held() >= in_use);
    if (EFFORT_SLOWDOWN == 1)
        assert_true(process_resident() >= resident_before + in_use);
}

static void *get(struct pool *pool, size_t size)
{
    void *p = NULL;
    assert_int_equal(pool_get(pool, &p, size), 0);
    memset(p, 1, size);
    return p;
}

static void burst(struct pool *pool, size_t size)
{
    for (uint32_t i = 0; i < count; i++)
        blocks[i] = get(pool, size);
    assert_large(count * (uint64_t)size);
}

/* The ones from `first` on, `step` apart. */
static void put_all(struct pool *pool, size_t size, uint32_t first, uint32_t step)
{
    for (uint32_t i = first; i < count; i += step)
        pool_put(pool, blocks[i], size);
}

/* What a worker does that finds no work. */
static void go_idle(struct pool *pool)
{
    while (pool_reclaim(pool)) {
    }
}

static void shuffle(void)
{
    struct dice dice = dice_new(3, 0);
    for (uint32_t i = count; i > 1; i--) {
        uint32_t k = dice_below(&dice, i);
        void *p = blocks[k];
        blocks[k] = blocks[i - 1];
        blocks[i - 1] = p;
    }
}

/* ---- bursts ---- */

static void burst_freed_by_its_worker_goes_back(void **state)
{
    burst(&pools[0], SIZE);
    put_all(&pools[0], SIZE, 0, 1);
    go_idle(&pools[0]);
    assert_small(0);
}

static void burst_freed_by_another_worker_goes_back(void **state)
{
    burst(&pools[0], SIZE);
    put_all(&pools[1], SIZE, 0, 1);
    go_idle(&pools[1]);
    assert_small(0);
}

static void burst_freed_in_any_order_goes_back(void **state)
{
    burst(&pools[0], SIZE);
    shuffle();
    put_all(&pools[0], SIZE, 0, 2);
    go_idle(&pools[0]); /* and keeps some, from all over the place */
    put_all(&pools[1], SIZE, 1, 2);
    go_idle(&pools[1]);
    assert_small(0);
}

static void burst_again_and_again_goes_back(void **state)
{
    for (int round = 0; round < 3; round++) {
        burst(&pools[round % 2], SIZE);
        put_all(&pools[1], SIZE, 0, 1);
        go_idle(&pools[1]);
        assert_small(0);
    }
}

static void burst_of_which_a_part_stays_goes_back_in_part(void **state)
{
    burst(&pools[0], SIZE);
    for (uint32_t i = count / 2; i < count; i++)
        pool_put(&pools[1], blocks[i], SIZE);
    go_idle(&pools[1]);
    assert_small(count / 2 * SIZE);
    for (uint32_t i = 0; i < count / 2; i++) /* those are all there, and whole */
        for (size_t k = 0; k < SIZE; k++)
            assert_int_equal(((char *)blocks[i])[k], 1);
}

/* Actors' states that stay, between messages that do not. */
static void burst_beside_other_sizes_goes_back(void **state)
{
    enum { STATES = 10000, STATE = 48 };
    static void *states[STATES];
    for (uint32_t i = 0, s = 0; i < count; i++) {
        blocks[i] = get(&pools[0], SIZE);
        if (i % (count / STATES) == 0 && s < STATES)
            states[s++] = get(&pools[0], STATE);
    }
    put_all(&pools[1], SIZE, 0, 1);
    go_idle(&pools[1]);
    assert_small(STATES * STATE);
    for (int s = 0; s < STATES; s++)
        pool_put(&pools[0], states[s], STATE);
}

static void burst_of_every_size_goes_back(void **state)
{
    count = (uint32_t)effort(100000, 100000);
    for (uint32_t i = 0; i < count; i++)
        blocks[i] = get(&pools[0], pool_size_of(i % POOL_CLASSES));
    for (uint32_t i = 0; i < count; i++)
        pool_put(&pools[i / 100 % 2], blocks[i], pool_size_of(i % POOL_CLASSES));
    go_idle(&pools[0]);
    go_idle(&pools[1]);
    assert_small(0);
}

static void burst_from_the_users_heap_goes_back(void **state)
{
    burst(&pools[0], SIZE);
    put_all(&pools[1], SIZE, 0, 1);
    go_idle(&pools[1]);
    assert_true(held() <= LEFT); /* what malloc makes of that is its own affair */
}

/* Nobody sleeps: pools that give to the depot also make it smaller. */
static void burst_gives_memory_back_also_while_all_work(void **state)
{
    burst(&pools[0], SIZE);
    uint64_t peak = held();
    put_all(&pools[1], SIZE, 0, 1);
    assert_true(held() <= peak / 2 + LEFT / 2);
    for (int round = 0; round < 10; round++) { /* now a smaller load goes on and on */
        for (uint32_t i = 0; i < count / 10; i++)
            blocks[i] = get(&pools[0], SIZE);
        for (uint32_t i = 0; i < count / 10; i++)
            pool_put(&pools[1], blocks[i], SIZE);
    }
    assert_true(held() <= count / 10 * SIZE + LEFT / 2);
}

static void burst_of_a_small_size_is_left_for_the_next(void **state)
{
    count = POOL_SPARE / SIZE / 2;
    burst(&pools[0], SIZE);
    uint64_t peak = held();
    put_all(&pools[0], SIZE, 0, 1);
    go_idle(&pools[0]);
    assert_int_equal(held(), peak);
    burst(&pools[0], SIZE);
    assert_true(held() <= peak + SLAB_SIZE);
}

/* ---- accounts ---- */

/* Every block is in use, in a pool, in the depot, or not cut yet. */
static void burst_is_accounted_for_to_the_byte(void **state)
{
    count = MOST;
    burst(&pools[0], SIZE);
    shuffle();
    put_all(&pools[1], SIZE, 0, 3);
    put_all(&pools[1], SIZE, 1, 3);
    go_idle(&pools[1]);
    go_idle(&pools[0]);
    unsigned c = pool_class_of(SIZE);
    struct depot_class *d = &depot.classes[c];
    uint64_t slabs = load_relaxed(&d->slab_count);
    assert_int_equal(load_relaxed(&depot.held), slabs * SLAB_SIZE);
    assert_int_equal(held(), (slabs + 1) * SLAB_SIZE); /* and one that is mixed */
    uint64_t used = count / 3 * SIZE;
    uint64_t cached =
        (pool_count(&pools[0].classes[c]) + pool_count(&pools[1].classes[c])) * SIZE;
    uint64_t uncut = (uint64_t)(pools[0].fresh[c].end - pools[0].fresh[c].start);
    uint64_t spare = (uint64_t)load_relaxed(&depot.spare);
    assert_int_equal(slabs * d->slabs.root->blocks * SIZE + POOL_MIXED_BYTES,
                     used + cached + uncut / SIZE * SIZE + spare);
}

/* ---- two workers ---- */

static ATOMIC(uint32_t) made, gone;

/* One gets and passes on, in a ring of the array; the other frees. Both go idle. */
static void *getter(void *arg)
{
    struct pool *pool = &pools[0];
    for (uint32_t i = 0; i < count; i++) {
        void *p;
        if (pool_get(pool, &p, SIZE) != 0)
            abort();
        memset(p, (int)(i % 251), SIZE);
        blocks[i] = p;
        store_release(&made, i + 1);
        if (i % (count / 16) == 0)
            go_idle(pool);
        while (i + 1 - load_acquire(&gone) > count / 2)
            sched_yield();
    }
    go_idle(pool);
    return NULL;
}

static void *putter(void *arg)
{
    struct pool *pool = &pools[1];
    for (uint32_t i = 0; i < count; i++) {
        while (load_acquire(&made) <= i) {
            if (pool_reclaim(pool) == false)
                sched_yield();
        }
        for (size_t k = 0; k < SIZE; k++)
            if (((unsigned char *)blocks[i])[k] != i % 251)
                abort();
        pool_put(pool, blocks[i], SIZE);
        store_release(&gone, i + 1);
    }
    go_idle(pool);
    return NULL;
}

static void burst_between_two_threads_goes_back(void **state)
{
    pthread_t threads[WORKERS];
    atomic_set(&made, 0);
    atomic_set(&gone, 0);
    assert_int_equal(pthread_create(&threads[0], NULL, getter, NULL), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, putter, NULL), 0);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    assert_small(0);
}

#define BURST(test) cmocka_unit_test_setup_teardown(test, make, end)

int main(void)
{
    TESTS(BURST(burst_freed_by_its_worker_goes_back),
          BURST(burst_freed_by_another_worker_goes_back),
          BURST(burst_freed_in_any_order_goes_back),
          BURST(burst_again_and_again_goes_back),
          BURST(burst_of_which_a_part_stays_goes_back_in_part),
          BURST(burst_beside_other_sizes_goes_back),
          BURST(burst_of_every_size_goes_back),
          cmocka_unit_test_setup_teardown(burst_from_the_users_heap_goes_back,
                                          make_of_user, end),
          BURST(burst_gives_memory_back_also_while_all_work),
          BURST(burst_of_a_small_size_is_left_for_the_next),
          BURST(burst_is_accounted_for_to_the_byte),
          BURST(burst_between_two_threads_goes_back));
    return RUN_TESTS();
}
