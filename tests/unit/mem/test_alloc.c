/* test_alloc.c: the heap counts, limits, aligns, and fails as it says. */
#include "mem/alloc.h"

#include "support/process.h"
#include "support/short_heap.h"
#include "support/support.h"
#include "support/verdict.h"

#include <errno.h>
#include <sys/resource.h>

static struct heap heap;

static size_t held(void) { return load_relaxed(&heap.bytes); }

/* The heap on malloc. */
static void use_malloc(size_t max) { heap_init(&heap, NULL, NULL, max); }

/* The heap on one that refuses the calls numbered first .. first + count - 1. */
static struct short_heap below;

static void use_short_heap(uint64_t first, uint64_t count, size_t max)
{
    cadre_config config = {0};
    short_heap_init(&below, first, count);
    short_heap_serve(&below, &config);
    heap_init(&heap, config.alloc, config.alloc_user, max);
}

static void assert_nothing_is_out(void)
{
    assert_int_equal(held(), 0);
    assert_int_equal(atomic_load(&below.blocks), 0);
    assert_false(verdict_has_failed()); /* sizes came back as they went */
}

/* ---- counting ---- */

static void heap_counts_what_it_gave(void **state)
{
    void *a, *b;
    use_malloc(SIZE_MAX);
    assert_int_equal(heap_get(&heap, &a, 100), 0);
    assert_int_equal(held(), 100);
    assert_int_equal(heap_get(&heap, &b, 28), 0);
    assert_int_equal(held(), 128);
    heap_put(&heap, a, 100);
    assert_int_equal(held(), 28);
    heap_put(&heap, b, 28);
    assert_int_equal(held(), 0);
}

static void heap_put_of_null_does_nothing(void **state)
{
    use_short_heap(0, 0, SIZE_MAX);
    heap_put(&heap, NULL, 100);
    heap_put_lines(&heap, NULL, 100);
    assert_nothing_is_out();
}

/* Pages are counted and limited like the rest, by size and to the byte. */
static void heap_counts_pages(void **state)
{
    enum { PIECE = 64 << 10 };
    void *a, *b;
    use_malloc(2 * PIECE);
    assert_int_equal(heap_get_pages(&heap, &a, PIECE), 0);
    assert_int_equal(heap_get_pages(&heap, &b, PIECE), 0);
    memset(a, 1, PIECE);
    memset(b, 2, PIECE);
    assert_int_equal(held(), 2 * PIECE);
    assert_int_equal(heap_get_pages(&heap, &b, 1), CADRE_EFULL);
    heap_put_pages(&heap, a, PIECE);
    assert_int_equal(held(), PIECE);
    heap_put_pages(&heap, b, PIECE);
    heap_put_pages(&heap, NULL, PIECE);
    assert_int_equal(held(), 0);
}

static void heap_pages_that_cannot_be_had_are_enomem(void **state)
{
    void *p = &heap;
    use_malloc(SIZE_MAX);
    assert_int_equal(heap_get_pages(&heap, &p, SIZE_MAX / 2), -ENOMEM);
    assert_ptr_equal(p, &heap);
    assert_int_equal(held(), 0);
}

static void heap_pages_come_from_the_users_function(void **state)
{
    void *p;
    use_short_heap(2, 1, SIZE_MAX);
    assert_int_equal(heap_get_pages(&heap, &p, 4096), 0);
    assert_int_equal(atomic_load(&below.bytes), 4096);
    heap_put_pages(&heap, p, 4096);
    assert_int_equal(heap_get_pages(&heap, &p, 4096), -ENOMEM);
    assert_nothing_is_out();
}

static uint64_t put_every_second(void **pieces, int first, int count, size_t size)
{
    uint64_t before = process_resident();
    for (int i = first; i < count; i += 2)
        heap_put_pages(&heap, pieces[i], size);
    while (heap_tidy(&heap, false)) {
    }
    return before - process_resident();
}

/* Other pieces above them do not matter. */
static void heap_pages_leave_the_process_when_they_are_put(void **state)
{
    enum { PIECE = REGION_PIECE, PIECES = 512 };
    static void *pieces[PIECES];
    if (CC_ASAN)
        skip(); /* malloc's there, and kept to be watched */
    use_malloc(SIZE_MAX);
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(heap_get_pages(&heap, &pieces[i], PIECE), 0);
        memset(pieces[i], 1, PIECE);
    }
    assert_true(put_every_second(pieces, 0, PIECES, PIECE) >=
                (PIECES / 2 - REGION_IDLE) * PIECE / 10 * 9);
    assert_true(put_every_second(pieces, 1, PIECES, PIECE) >=
                PIECES / 2 * PIECE / 10 * 9);
    assert_null(heap.regions.open);
}

static void heap_counts_pieces_to_the_byte(void **state)
{
    enum { PIECE = REGION_PIECE, PIECES = HEAP_SMALL / PIECE + 40 };
    static void *pieces[PIECES];
    use_malloc(SIZE_MAX);
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(heap_get_pages(&heap, &pieces[i], PIECE), 0);
        assert_int_equal(held(), (size_t)(i + 1) * PIECE); /* nothing for the rest */
    }
    for (int i = PIECES; i-- > 0;) {
        heap_put_pages(&heap, pieces[i], PIECE);
        assert_int_equal(held(), (size_t)i * PIECE);
    }
}

static void heap_pages_that_do_not_suit_a_region_are_mapped_apart(void **state)
{
    void *large, *odd;
    use_malloc(SIZE_MAX);
    assert_int_equal(heap_get_pages(&heap, &large, HEAP_SMALL + REGION_PIECE), 0);
    assert_int_equal(heap_get_pages(&heap, &odd, 5000), 0);
    assert_null(heap.regions.open);
    memset(odd, 1, 5000);
    heap_put_pages(&heap, odd, 5000);
    heap_put_pages(&heap, large, HEAP_SMALL + REGION_PIECE);
    assert_int_equal(held(), 0);
}

static void heap_gives_aligned_memory(void **state)
{
    use_malloc(SIZE_MAX);
    for (size_t size = 1; size < 100; size++) {
        void *p;
        assert_int_equal(heap_get(&heap, &p, size), 0);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        memset(p, 0xa5, size);
        heap_put(&heap, p, size);
    }
}

static void heap_gives_sizes_back_as_they_were(void **state)
{
    void *small, *lines;
    use_short_heap(0, 0, SIZE_MAX);
    assert_int_equal(heap_get(&heap, &small, 33), 0);
    assert_int_equal(heap_get_lines(&heap, &lines, 77), 0);
    assert_int_equal(atomic_load(&below.blocks), 2);
    assert_int_equal(atomic_load(&below.bytes), held());
    heap_put(&heap, small, 33);
    heap_put_lines(&heap, lines, 77);
    assert_nothing_is_out();
}

static struct {
    void *user, *old;
    size_t old_size, new_size;
} asked;

static void *note_call(void *user, void *old, size_t old_size, size_t new_size)
{
    static max_align_t block;
    asked.user = user;
    asked.old = old;
    asked.old_size = old_size;
    asked.new_size = new_size;
    return new_size ? &block : NULL;
}

static void heap_asks_the_users_function_as_documented(void **state)
{
    void *p;
    heap_init(&heap, note_call, &asked, SIZE_MAX);
    assert_int_equal(heap_get(&heap, &p, 10), 0);
    assert_ptr_equal(asked.user, &asked);
    assert_null(asked.old);
    assert_int_equal(asked.old_size, 0);
    assert_int_equal(asked.new_size, 10);
    heap_put(&heap, p, 10);
    assert_ptr_equal(asked.user, &asked);
    assert_ptr_equal(asked.old, p);
    assert_int_equal(asked.old_size, 10);
    assert_int_equal(asked.new_size, 0);
}

/* ---- the limit ---- */

static void heap_at_its_limit_is_efull(void **state)
{
    void *p = &heap, *q = &heap;
    use_malloc(1000);
    assert_int_equal(heap_get(&heap, &q, 1001), CADRE_EFULL);
    assert_ptr_equal(q, &heap); /* written on success only */
    assert_int_equal(heap_get(&heap, &p, 1000), 0);
    assert_int_equal(heap_get(&heap, &q, 1), CADRE_EFULL);
    assert_ptr_equal(q, &heap);
    assert_int_equal(held(), 1000);
    heap_put(&heap, p, 1000);
    assert_int_equal(heap_get(&heap, &p, 1), 0);
    heap_put(&heap, p, 1);
    assert_int_equal(held(), 0);
}

static void heap_at_its_limit_asks_nobody(void **state)
{
    void *p;
    use_short_heap(0, 0, 1000);
    assert_int_equal(heap_get(&heap, &p, 1001), CADRE_EFULL);
    assert_int_equal(heap_get_lines(&heap, &p, 1000), CADRE_EFULL);
    assert_int_equal(atomic_load(&below.calls), 0);
}

static void heap_refuses_sizes_that_would_wrap(void **state)
{
    void *p, *q;
    use_malloc(SIZE_MAX - 1);
    assert_int_equal(heap_get(&heap, &p, 100), 0);
    assert_int_equal(heap_get(&heap, &q, SIZE_MAX), CADRE_EFULL);
    assert_int_equal(heap_get(&heap, &q, SIZE_MAX - 100), CADRE_EFULL);
    assert_int_equal(heap_get(&heap, &q, SIZE_MAX - 1), CADRE_EFULL);
    assert_int_equal(held(), 100);
    heap_put(&heap, p, 100);
}

/* ---- failing ---- */

static void heap_that_fails_below_is_enomem_and_counts_nothing(void **state)
{
    void *p = &heap;
    use_short_heap(1, 1, SIZE_MAX);
    assert_int_equal(heap_get(&heap, &p, 100), -ENOMEM);
    assert_ptr_equal(p, &heap);
    assert_nothing_is_out();
    assert_int_equal(heap_get(&heap, &p, 100), 0); /* the next one works */
    heap_put(&heap, p, 100);
    assert_nothing_is_out();
}

static void heap_get_lines_that_fails_below_is_enomem(void **state)
{
    void *p = &heap;
    use_short_heap(1, 1, SIZE_MAX);
    assert_int_equal(heap_get_lines(&heap, &p, 100), -ENOMEM);
    assert_ptr_equal(p, &heap);
    assert_nothing_is_out();
}

static void heap_get_lines_of_an_impossible_size_is_enomem(void **state)
{
    void *p;
    use_malloc(SIZE_MAX);
    assert_int_equal(heap_get_lines(&heap, &p, SIZE_MAX), -ENOMEM);
    assert_int_equal(heap_get_lines(&heap, &p, SIZE_MAX - CACHE_PAIR + 1), -ENOMEM);
    assert_int_equal(held(), 0);
}

/* ---- lines ---- */

/* Gives memory that begins `offset` bytes behind a line pair, filled with rubbish. */
static struct {
    alignas(CACHE_PAIR) unsigned char bytes[4 * CACHE_PAIR];
    size_t offset, out;
} arena;

static void *give_from_arena(void *user, void *old, size_t old_size, size_t new_size)
{
    if (new_size == 0) {
        assert_ptr_equal(old, arena.bytes + arena.offset);
        assert_int_equal(old_size, arena.out);
        arena.out = 0;
        return NULL;
    }
    assert_true(arena.offset + new_size <= sizeof arena.bytes);
    arena.out = new_size;
    return arena.bytes + arena.offset;
}

static void assert_lines(size_t size)
{
    void *p;
    memset(arena.bytes, 0xa5, sizeof arena.bytes);
    assert_int_equal(heap_get_lines(&heap, &p, size), 0);
    unsigned char *first = p, *raw = arena.bytes + arena.offset;
    assert_int_equal((uintptr_t)p % CACHE_PAIR, 0);
    assert_true(first >= raw + sizeof(void *)); /* where the way back is kept */
    assert_true(first + size <= raw + arena.out);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(first[i], 0);
    memset(p, 0xff, size);
    heap_put_lines(&heap, p, size);
    assert_int_equal(arena.out, 0);
    assert_int_equal(held(), 0);
}

static void heap_get_lines_is_aligned_and_zeroed_wherever_memory_begins(void **state)
{
    heap_init(&heap, give_from_arena, NULL, SIZE_MAX);
    for (arena.offset = 0; arena.offset < CACHE_PAIR; arena.offset += 16)
        for (size_t size = 0; size <= 2 * CACHE_PAIR; size++)
            assert_lines(size);
}

static void heap_get_lines_counts_what_the_alignment_costs(void **state)
{
    void *p;
    use_malloc(SIZE_MAX);
    assert_int_equal(heap_get_lines(&heap, &p, 100), 0);
    assert_int_equal(held(), 100 + CACHE_PAIR);
    heap_put_lines(&heap, p, 100);
    assert_int_equal(held(), 0);
}

/* As chunks of cells are. */
static void heap_get_lines_of_whole_pieces_is_pages(void **state)
{
    char *p;
    void *raw;
    use_malloc(SIZE_MAX);
    assert_int_equal(heap_get_lines(&heap, &raw, REGION_PIECE), 0);
    assert_int_equal(held(), REGION_PIECE + (CC_ASAN ? CACHE_PAIR : 0));
    p = raw;
    assert_int_equal((uintptr_t)p % CACHE_PAIR, 0);
    for (size_t i = 0; i < REGION_PIECE; i++)
        assert_int_equal(p[i], 0);
    memset(p, 0xff, REGION_PIECE);
    heap_put_lines(&heap, p, REGION_PIECE);
    assert_int_equal(held(), 0);
}

/* What another had before is not seen. */
static void heap_get_lines_of_a_used_piece_is_zeroed(void **state)
{
    char *p;
    void *raw, *other;
    use_malloc(SIZE_MAX);
    assert_int_equal(heap_get_pages(&heap, &raw, REGION_PIECE), 0);
    assert_int_equal(heap_get_pages(&heap, &other, REGION_PIECE), 0);
    memset(raw, 0xff, REGION_PIECE);
    heap_put_pages(&heap, raw, REGION_PIECE);
    assert_int_equal(heap_get_lines(&heap, &raw, REGION_PIECE), 0);
    p = raw;
    for (size_t i = 0; i < REGION_PIECE; i++)
        assert_int_equal(p[i], 0);
    heap_put_lines(&heap, raw, REGION_PIECE);
    heap_put_pages(&heap, other, REGION_PIECE);
}

static void heap_reserved_pieces_are_charged_when_they_are_taken(void **state)
{
    enum { ALL = 2 * REGION_SIZE, TAKEN = REGION_SIZE / REGION_PIECE + 1 };
    use_malloc(TAKEN * REGION_PIECE);
    char *p = heap_reserve(&heap, ALL);
    if (CC_ASAN) {
        assert_null(p);
        return;
    }
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % REGION_SIZE, 0);
    assert_int_equal(held(), 0);
    for (size_t i = 0; i < TAKEN; i++) {
        char *piece = p + i * REGION_PIECE;
        assert_int_equal(heap_take_reserved(&heap, piece), 0);
        assert_int_equal(held(), (i + 1) * REGION_PIECE);
        assert_int_equal(piece[0], 0);
        memset(piece, 0xff, REGION_PIECE);
    }
    assert_int_equal(heap_take_reserved(&heap, p + TAKEN * REGION_PIECE), CADRE_EFULL);
    assert_int_equal(held(), TAKEN * REGION_PIECE);
    heap_put_reserved(&heap, p, ALL, TAKEN);
    assert_int_equal(held(), 0);
}

static void heap_reserves_nothing_where_the_user_gives_memory(void **state)
{
    use_short_heap(0, 0, SIZE_MAX);
    assert_null(heap_reserve(&heap, REGION_SIZE));
    heap_put_reserved(&heap, NULL, REGION_SIZE, 0);
    assert_int_equal(held(), 0);
}

static void heap_reserves_nothing_where_addresses_are_scarce(void **state)
{
    const size_t size = (size_t)256 * REGION_SIZE; /* there would be room for this */
    struct rlimit before, few;
    use_malloc(SIZE_MAX);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    few = (struct rlimit){.rlim_cur = 16 * size - 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &few), 0);
    void *p = heap_reserve(&heap, size);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_null(p);
}

static void heap_get_lines_of_whole_pieces_asks_the_user(void **state)
{
    void *p;
    use_short_heap(0, 0, SIZE_MAX);
    assert_int_equal(heap_get_lines(&heap, &p, REGION_PIECE), 0);
    assert_int_equal(atomic_load(&below.bytes), REGION_PIECE + CACHE_PAIR);
    heap_put_lines(&heap, p, REGION_PIECE);
    assert_nothing_is_out();
}

int main(void)
{
    TESTS(cmocka_unit_test(heap_counts_what_it_gave),
          cmocka_unit_test(heap_put_of_null_does_nothing),
          cmocka_unit_test(heap_counts_pages),
          cmocka_unit_test(heap_pages_that_cannot_be_had_are_enomem),
          cmocka_unit_test(heap_pages_come_from_the_users_function),
          cmocka_unit_test(heap_pages_leave_the_process_when_they_are_put),
          cmocka_unit_test(heap_counts_pieces_to_the_byte),
          cmocka_unit_test(heap_pages_that_do_not_suit_a_region_are_mapped_apart),
          cmocka_unit_test(heap_gives_aligned_memory),
          cmocka_unit_test(heap_gives_sizes_back_as_they_were),
          cmocka_unit_test(heap_asks_the_users_function_as_documented),
          cmocka_unit_test(heap_at_its_limit_is_efull),
          cmocka_unit_test(heap_at_its_limit_asks_nobody),
          cmocka_unit_test(heap_refuses_sizes_that_would_wrap),
          cmocka_unit_test(heap_that_fails_below_is_enomem_and_counts_nothing),
          cmocka_unit_test(heap_get_lines_that_fails_below_is_enomem),
          cmocka_unit_test(heap_get_lines_of_an_impossible_size_is_enomem),
          cmocka_unit_test(heap_get_lines_is_aligned_and_zeroed_wherever_memory_begins),
          cmocka_unit_test(heap_get_lines_counts_what_the_alignment_costs),
          cmocka_unit_test(heap_get_lines_of_whole_pieces_is_pages),
          cmocka_unit_test(heap_get_lines_of_a_used_piece_is_zeroed),
          cmocka_unit_test(heap_reserved_pieces_are_charged_when_they_are_taken),
          cmocka_unit_test(heap_reserves_nothing_where_the_user_gives_memory),
          cmocka_unit_test(heap_reserves_nothing_where_addresses_are_scarce),
          cmocka_unit_test(heap_get_lines_of_whole_pieces_asks_the_user));
    return RUN_TESTS();
}
