/* test_pool.c: size classes, reuse, chains from one pool to another, and big blocks. */
#include "mem/pool.h"

#include "support/support.h"

#include <errno.h>

enum { SLAB = SLAB_SIZE };

/* ---- two pools of one depot, on a heap that can be told to fail ---- */

static struct heap heap;
static struct pool_depot depot;
static struct pool pool, other;
static bool heap_fails;

static void *maybe(void *user, void *old, size_t old_size, size_t new_size)
{
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return heap_fails ? NULL : malloc(new_size);
}

static int make_pools(void **state)
{
    heap_fails = false;
    heap_init(&heap, maybe, NULL, SIZE_MAX);
    pool_depot_init(&depot, &heap);
    pool_init(&pool, &depot);
    pool_init(&other, &depot);
    return 0;
}

/* Everything goes back with the depot. */
static int end_pools(void **state)
{
    pool_depot_fini(&depot);
    return load_relaxed(&heap.bytes) == 0 ? 0 : -1;
}

static size_t held(void) { return load_relaxed(&heap.bytes); }

static void *get(struct pool *from, size_t size)
{
    void *p = NULL;
    assert_int_equal(pool_get(from, &p, size), 0);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
    return p;
}

/* ---- classes ---- */

static void pool_class_is_the_smallest_that_fits(void **state)
{
    for (size_t size = 0; size <= POOL_BLOCK_MAX; size++) {
        unsigned c = pool_class_of(size);
        assert_true(c < POOL_CLASSES);
        assert_true(pool_size_of(c) >= size);
        if (c > 0)
            assert_true(pool_size_of(c - 1) < size);
    }
}

static void pool_class_sizes_are_as_described(void **state)
{
    static const size_t sizes[POOL_CLASSES] = {
        16,  32,  48,  64,  80,  96,   112,  128,  160,  192,  224,  256,  320,  384,
        448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096};
    for (unsigned c = 0; c < POOL_CLASSES; c++) {
        assert_int_equal(pool_size_of(c), sizes[c]);
        assert_int_equal(pool_class_of(sizes[c]), c);
        if (c + 1 < POOL_CLASSES)
            assert_int_equal(pool_class_of(sizes[c] + 1), c + 1);
    }
}

static void pool_blocks_hold_what_was_asked_for(void **state)
{
    static unsigned char *blocks[POOL_BLOCK_MAX + 9];
    enum { COUNT = sizeof blocks / sizeof blocks[0] };
    for (size_t size = 0; size < COUNT; size++) {
        blocks[size] = get(&pool, size);
        memset(blocks[size], (int)(size % 251), size);
    }
    for (size_t size = 0; size < COUNT; size++) {
        for (size_t i = 0; i < size; i++)
            if (blocks[size][i] != size % 251)
                fail_msg("byte %zu of %zu is another block's", i, size);
        pool_put(&pool, blocks[size], size);
    }
}

/* ---- reuse ---- */

static void pool_gives_the_newest_free_block_first(void **state)
{
    if (POOL_QUARANTINE)
        skip(); /* the oldest first, there */
    void *a = get(&pool, 100), *b = get(&pool, 100);
    pool_put(&pool, a, 100);
    pool_put(&pool, b, 100);
    assert_ptr_equal(get(&pool, 100), b);
    assert_ptr_equal(get(&pool, 97), a); /* of the same class */
    assert_ptr_not_equal(get(&pool, 96), b);
}

/* At once; under AddressSanitizer when as many as it keeps out of use came behind. */
static void pool_gives_a_free_block_again(void **state)
{
    void *first = get(&pool, 100);
    pool_put(&pool, first, 100);
    for (int i = 0; i < POOL_QUARANTINE; i++) {
        void *p = get(&pool, 100);
        assert_ptr_not_equal(p, first);
        pool_put(&pool, p, 100);
    }
    assert_ptr_equal(get(&pool, 100), first);
}

static void pool_blocks_of_other_classes_are_left_alone(void **state)
{
    void *p = get(&pool, 16);
    pool_put(&pool, p, 16);
    assert_ptr_not_equal(get(&pool, 17), p);
    assert_int_equal(pool_count(&pool.classes[0]), 1);
}

static void pool_in_use_takes_no_more_memory(void **state)
{
    enum { BLOCKS = 10 };
    void *p[BLOCKS];
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < BLOCKS; i++)
            p[i] = get(&pool, 200);
        for (int i = 0; i < BLOCKS; i++)
            pool_put(&pool, p[i], 200);
    }
    /* What is out of use fills one more. */
    assert_int_equal(held(), POOL_QUARANTINE ? 2 * SLAB : SLAB);
}

static void pool_cuts_the_first_of_all_classes_from_one_slab(void **state)
{
    assert_int_equal(held(), 0);
    for (size_t size = 16; size <= 1024; size += 16) /* 33 KB */
        (void)get(&pool, size);
    assert_int_equal(held(), SLAB);
}

static void pool_takes_slabs_for_a_class_that_is_used_much(void **state)
{
    for (int i = 0; i < POOL_MIXED_BYTES / 4096; i++)
        (void)get(&pool, 4096);
    for (int slab = 2; slab <= 4; slab++)
        for (int i = 0; i < 15; i++) { /* and a header, so 16 do not fit */
            (void)get(&pool, 4096);
            assert_int_equal(held(), slab * SLAB);
        }
}

static void pool_blocks_of_a_line_stand_in_one(void **state)
{
    for (int i = 0; i < 2000; i++)
        assert_int_equal((uintptr_t)get(&pool, 64) % 64, 0);
    (void)get(&pool, 16);
    assert_int_equal((uintptr_t)get(&other, 16) % 16, 0);
    assert_int_equal((uintptr_t)get(&other, 192) % 64, 0);
}

/* ---- big blocks ---- */

static void pool_big_blocks_come_from_the_heap(void **state)
{
    void *p = get(&pool, POOL_BLOCK_MAX + 1);
    assert_int_equal(held(), POOL_BLOCK_MAX + 1);
    memset(p, 1, POOL_BLOCK_MAX + 1);
    pool_put(&other, p, POOL_BLOCK_MAX + 1);
    assert_int_equal(held(), 0);
}

static void pool_block_of_the_greatest_class_does_not(void **state)
{
    pool_put(&pool, get(&pool, POOL_BLOCK_MAX), POOL_BLOCK_MAX);
    assert_int_equal(held(), SLAB);
    assert_int_equal(pool_count(&pool.classes[POOL_CLASSES - 1]), 1);
}

/* ---- chains from one pool to another ---- */

static bool depot_has(unsigned c) { return depot.classes[c].inbox.head != NULL; }

/* Nothing left to cut from. */
static void use_up(struct pool *from, size_t size)
{
    from->mixed.start = from->mixed.end;
    from->fresh[pool_class_of(size)].start = from->fresh[pool_class_of(size)].end;
}

/* How many free blocks of this size a pool keeps at most. */
static uint32_t most_kept(size_t size)
{
    uint32_t by_bytes = POOL_KEEP_BYTES / (uint32_t)size;
    uint32_t by_count = POOL_KEEP_BLOCKS + POOL_QUARANTINE;
    return by_bytes > by_count ? by_bytes : by_count;
}

static void pool_keeps_what_it_may_then_gives_a_chain_away(void **state)
{
    static const size_t sizes[] = {16, 64, 256, 1024, 4096};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        size_t size = sizes[s];
        unsigned c = pool_class_of(size);
        for (uint32_t i = 0; i < most_kept(size); i++)
            pool_put(&other, get(&pool, size), size);
        assert_int_equal(pool_count(&other.classes[c]), most_kept(size));
        assert_false(depot_has(c));
        pool_put(&other, get(&pool, size), size);
        assert_int_equal(pool_count(&other.classes[c]),
                         most_kept(size) + 1 - POOL_CHAIN);
        assert_true(depot_has(c));
    }
}

/* ---- room and places ---- */

static void pool_place_is_where_the_class_stands(void **state)
{
    for (unsigned c = 0; c < POOL_CLASSES; c++) {
        assert_ptr_equal(pool_at(&pool, pool_place_of(c)), &pool.classes[c]);
        assert_int_equal(pool_place_of(c) / POOL_PLACE, c);
        assert_int_not_equal(pool_place_of(c), POOL_PLACE_NONE);
    }
    for (uint32_t size = 1; size <= 128; size++)
        assert_int_equal(pool_place_of_small(size), pool_place_of(pool_class_of(size)));
}

static void pool_count_and_room_make_what_it_keeps(void **state)
{
    for (unsigned c = 0; c < POOL_CLASSES; c++) {
        struct pool_class *class = &pool.classes[c];
        size_t size = pool_size_of(c);
        assert_int_equal(pool_count(class), 0);
        assert_int_equal(class->room, most_kept(size));
        assert_int_equal(class->keep, most_kept(size));
        pool_put(&pool, get(&other, size), size);
        assert_int_equal(pool_count(class), 1);
        assert_int_equal(class->room, most_kept(size) - 1);
    }
}

static void pool_take_and_put_at_a_place_are_inverse(void **state)
{
    uint32_t place = pool_place_of(pool_class_of(100));
    struct pool_class *class = pool_at(&pool, place);
    for (int i = 0; i <= POOL_QUARANTINE; i++)
        assert_true(pool_put_at(&pool, get(&other, 100), place));
    assert_true(pool_has(class));
    void *p = pool_take(&pool, place);
    memset(p, 1, 100);
    assert_int_equal(pool_count(class), POOL_QUARANTINE);
    assert_false(pool_has(class));
    assert_true(pool_put_at(&pool, p, place));
    assert_int_equal(pool_count(class), 1 + POOL_QUARANTINE);
}

static void pool_place_of_the_heap_refuses_all(void **state)
{
    char block[64];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pool_at(&pool, POOL_PLACE_NONE)->room, 0);
        assert_false(pool_put_at(&pool, block, POOL_PLACE_NONE));
        assert_null(pool_at(&pool, POOL_PLACE_NONE)->first);
        pool_at(&pool, POOL_PLACE_NONE)->room = 0; /* as its users do */
    }
    for (unsigned c = 0; c < POOL_CLASSES; c++)
        assert_int_equal(pool_count(&pool.classes[c]), 0);
}

static void pool_put_beyond_its_room_fails_until_a_chain_is_given(void **state)
{
    enum { SIZE = 64 };
    unsigned c = pool_class_of(SIZE);
    uint32_t place = pool_place_of(c), most = most_kept(SIZE);
    for (uint32_t i = 0; i < most; i++)
        assert_true(pool_put_at(&pool, get(&other, SIZE), place));
    assert_int_equal(pool.classes[c].room, 0);
    void *p = get(&other, SIZE);
    assert_false(pool_put_at(&pool, p, place));
    assert_false(depot_has(c));
    pool_put_slowly(&pool, p, c);
    assert_true(depot_has(c));
    assert_int_equal(pool_count(&pool.classes[c]), most + 1 - POOL_CHAIN);
    assert_int_equal(pool.classes[c].room, POOL_CHAIN - 1);
    int n = 0;
    for (struct pool_block *b = pool_depot_take(&depot, c); b; b = b->next)
        n++;
    assert_int_equal(n, POOL_CHAIN);
}

/* What is cut ahead, or taken as a chain, may be more than there is room for. */
static void pool_in_debt_gives_chains_until_there_is_room(void **state)
{
    enum { SIZE = 64 };
    unsigned c = pool_class_of(SIZE);
    struct pool_class *class = &pool.classes[c];
    for (uint32_t i = 0; i < most_kept(SIZE); i++)
        pool_put(&pool, get(&other, SIZE), SIZE);
    class->keep -= 2 * POOL_CHAIN; /* as if it kept less */
    class->room -= 2 * POOL_CHAIN;
    uint32_t before = pool_count(class);
    assert_true(class->room < 0);
    pool_put(&pool, get(&other, SIZE), SIZE);
    assert_true(class->room >= 0);
    assert_int_equal(pool_count(class), before + 1 - 3 * POOL_CHAIN);
}

static void pool_that_runs_out_takes_a_chain(void **state)
{
    enum { SIZE = 1024 };
    unsigned c = pool_class_of(SIZE);
    for (uint32_t i = 0; i <= most_kept(SIZE); i++)
        pool_put(&other, get(&pool, SIZE), SIZE);
    size_t before = held();
    use_up(&pool, SIZE);
    heap_fails = true;
    if (POOL_QUARANTINE) { /* all of it waits there */
        void *p;
        assert_int_equal(pool_get(&pool, &p, SIZE), -ENOMEM);
        assert_int_equal(pool_count(&pool.classes[c]), POOL_CHAIN);
        return;
    }
    for (uint32_t left = POOL_CHAIN; left-- > 0;) {
        memset(get(&pool, SIZE), 1, SIZE);
        assert_int_equal(pool_count(&pool.classes[c]), left);
    }
    assert_false(depot_has(c));
    assert_int_equal(held(), before);
}

static void pool_blocks_going_round_take_no_more_memory(void **state)
{
    enum { SIZE = 512, BLOCKS = 1000 };
    size_t after_first = 0;
    for (int round = 0; round < 20; round++) { /* one allocates, the other frees */
        void *p[BLOCKS];
        for (int i = 0; i < BLOCKS; i++)
            p[i] = get(&pool, SIZE);
        for (int i = 0; i < BLOCKS; i++)
            pool_put(&other, p[i], SIZE);
        if (round == 1)
            after_first = held();
    }
    assert_true(held() <= after_first + SLAB);
}

static void pool_chain_holds_each_block_once(void **state)
{
    enum { SIZE = 64 };
    unsigned c = pool_class_of(SIZE);
    for (uint32_t i = 0; i <= most_kept(SIZE); i++)
        pool_put(&other, get(&pool, SIZE), SIZE);
    struct pool_block *first = pool_depot_take(&depot, c), *b = first;
    assert_non_null(first);
    for (int i = 1; i < POOL_CHAIN; i++) {
        b = b->next;
        assert_non_null(b);
        assert_ptr_not_equal(b, first);
    }
    assert_null(b->next);
    assert_null(pool_depot_take(&depot, c));
}

/* ---- no memory ---- */

static void pool_without_memory_is_enomem_then_goes_on(void **state)
{
    void *p = &pool;
    heap_fails = true;
    assert_int_equal(pool_get(&pool, &p, 100), -ENOMEM);
    assert_int_equal(pool_get(&pool, &p, POOL_BLOCK_MAX + 1), -ENOMEM);
    assert_ptr_equal(p, &pool); /* written on success only */
    assert_int_equal(held(), 0);
    heap_fails = false;
    (void)get(&pool, 100);
}

static void pool_at_the_limit_is_efull(void **state)
{
    void *p;
    heap_init(&heap, NULL, NULL, SLAB);
    (void)get(&pool, POOL_BLOCK_MAX);
    assert_int_equal(pool_get(&pool, &p, POOL_BLOCK_MAX + 1), CADRE_EFULL);
    assert_int_equal(pool_get(&other, &p, 16), CADRE_EFULL); /* needs a slab */
    (void)get(&pool, 16);                                    /* has one */
}

static void pool_needs_no_heap_while_it_has_free_blocks(void **state)
{
    enum { BLOCKS = 10 + POOL_QUARANTINE };
    static void *p[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        p[i] = get(&pool, 100);
    for (int i = 0; i < BLOCKS; i++)
        pool_put(&pool, p[i], 100);
    heap_fails = true;
    use_up(&pool, 100);
    for (int i = 0; i < 10; i++)
        (void)get(&pool, 100);
    assert_int_equal(pool_get(&pool, &p[0], 100), -ENOMEM);
}

/* ---- reclaim ---- */

static void go_idle(struct pool *idle)
{
    while (pool_reclaim(idle)) {
    }
}

/* As many blocks of this size as make the depot worth the trouble, and twice that. */
enum { MANY = 4096 };
static void *many[MANY];

static void get_many(struct pool *from, size_t size)
{
    for (int i = 0; i < MANY; i++)
        many[i] = get(from, size);
}

static void put_many(struct pool *to, size_t size)
{
    for (int i = 0; i < MANY; i++)
        pool_put(to, many[i], size);
}

static void pool_that_goes_idle_keeps_a_chain_of_each_class(void **state)
{
    static const size_t sizes[] = {16, 64, 1024};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int i = 0; i < 600; i++)
            pool_put(&other, get(&pool, sizes[s]), sizes[s]);
    size_t before = held();
    go_idle(&other);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        assert_int_equal(pool_count(&other.classes[pool_class_of(sizes[s])]),
                         POOL_KEEP_ASLEEP + POOL_QUARANTINE);
    assert_int_equal(held(), before); /* that little is not worth the trouble */
}

static void pool_reclaims_in_pieces(void **state)
{
    get_many(&pool, 4096);
    put_many(&other, 4096);
    size_t before = held(), last = before;
    assert_true(pool_reclaim(&other));
    assert_true(held() < before);
    while (pool_reclaim(&other)) {
        size_t most = POOL_STEP / DEPOT_RELEASE_COST + POOL_CHAIN;
        assert_true(last - held() <= most * SLAB);
        last = held();
    }
    size_t kept = POOL_SPARE + POOL_QUARANTINE * 4096;
    assert_true(held() <= kept + kept / 15 + 4 * SLAB); /* 15 blocks and a header */
}

static void pool_slab_with_a_block_in_use_stays(void **state)
{
    get_many(&pool, 4096);
    char *one = many[MANY / 2];
    many[MANY / 2] = get(&pool, 4096);
    memset(one, 7, 4096);
    put_many(&other, 4096);
    go_idle(&other);
    go_idle(&pool);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(one[i], 7);
    pool_put(&pool, one, 4096);
}

/* One block in eight stays, so no slab can go, and all the others are sorted. */
static void pool_takes_what_was_sorted(void **state)
{
    if (POOL_QUARANTINE)
        skip(); /* the first chains would wait there */
    unsigned c = pool_class_of(4096);
    uint32_t got = 0;
    get_many(&pool, 4096);
    for (int i = 0; i < MANY; i++)
        if (i % 8)
            pool_put(&other, many[i], 4096);
        else
            memset(many[i], 1 + i / 8 % 100, 4096);
    size_t before = held();
    go_idle(&other);
    assert_int_equal(held(), before);
    assert_false(depot_has(c) || depot.classes[c].chains);
    use_up(&pool, 4096);
    heap_fails = true;
    for (void *p; pool_get(&pool, &p, 4096) == 0; got++)
        memset(p, 0, 4096);
    assert_int_equal(got, MANY / 8 * 7);
    for (int i = 0; i < MANY; i += 8)
        for (int k = 0; k < 4096; k += 64)
            assert_int_equal(((char *)many[i])[k], 1 + i / 8 % 100);
}

/* Gets, puts and goes idle while the heap gives nothing from its n-th piece on. */
static void with_heap_that_ends(uint64_t pieces)
{
    static const size_t sizes[] = {16, 64, 200, 4096, 5000};
    void *p[1000] = {NULL};
    heap_init(&heap, maybe, NULL, pieces * SLAB);
    for (int i = 0; i < 4000; i++) {
        size_t size = sizes[i % 1000 % 5];
        struct pool *here = i % 3 ? &pool : &other;
        if (p[i % 1000])
            pool_put(here, p[i % 1000], size);
        p[i % 1000] = NULL;
        int err = pool_get(here, &p[i % 1000], size);
        assert_true(err == 0 || (err == CADRE_EFULL && !p[i % 1000]));
        if (!err)
            memset(p[i % 1000], i, size);
        if (i % 500 == 0)
            go_idle(here);
        assert_true(held() <= pieces * SLAB);
    }
    for (int i = 0; i < 1000; i++)
        if (p[i])
            pool_put(&pool, p[i], sizes[i % 5]);
}

static void pool_survives_a_heap_that_ends_anywhere(void **state)
{
    for (uint64_t pieces = 0; pieces < 40; pieces++) {
        with_heap_that_ends(pieces);
        assert_int_equal(end_pools(state), 0);
        make_pools(state);
    }
}

#define WITH_POOLS(test) cmocka_unit_test_setup_teardown(test, make_pools, end_pools)

int main(void)
{
    TESTS(cmocka_unit_test(pool_class_is_the_smallest_that_fits),
          cmocka_unit_test(pool_class_sizes_are_as_described),
          WITH_POOLS(pool_blocks_hold_what_was_asked_for),
          WITH_POOLS(pool_gives_the_newest_free_block_first),
          WITH_POOLS(pool_gives_a_free_block_again),
          WITH_POOLS(pool_blocks_of_other_classes_are_left_alone),
          WITH_POOLS(pool_in_use_takes_no_more_memory),
          WITH_POOLS(pool_cuts_the_first_of_all_classes_from_one_slab),
          WITH_POOLS(pool_takes_slabs_for_a_class_that_is_used_much),
          WITH_POOLS(pool_blocks_of_a_line_stand_in_one),
          WITH_POOLS(pool_big_blocks_come_from_the_heap),
          WITH_POOLS(pool_block_of_the_greatest_class_does_not),
          WITH_POOLS(pool_keeps_what_it_may_then_gives_a_chain_away),
          WITH_POOLS(pool_place_is_where_the_class_stands),
          WITH_POOLS(pool_count_and_room_make_what_it_keeps),
          WITH_POOLS(pool_take_and_put_at_a_place_are_inverse),
          WITH_POOLS(pool_place_of_the_heap_refuses_all),
          WITH_POOLS(pool_put_beyond_its_room_fails_until_a_chain_is_given),
          WITH_POOLS(pool_in_debt_gives_chains_until_there_is_room),
          WITH_POOLS(pool_that_runs_out_takes_a_chain),
          WITH_POOLS(pool_blocks_going_round_take_no_more_memory),
          WITH_POOLS(pool_chain_holds_each_block_once),
          WITH_POOLS(pool_without_memory_is_enomem_then_goes_on),
          WITH_POOLS(pool_at_the_limit_is_efull),
          WITH_POOLS(pool_needs_no_heap_while_it_has_free_blocks),
          WITH_POOLS(pool_that_goes_idle_keeps_a_chain_of_each_class),
          WITH_POOLS(pool_reclaims_in_pieces),
          WITH_POOLS(pool_slab_with_a_block_in_use_stays),
          WITH_POOLS(pool_takes_what_was_sorted),
          WITH_POOLS(pool_survives_a_heap_that_ends_anywhere));
    return RUN_TESTS();
}
