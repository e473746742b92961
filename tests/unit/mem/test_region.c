/* test_region.c: pieces cut from regions are zeroed, apart, and unmapped one by one. */
#include "mem/region.h"

#include "support/process.h"
#include "support/support.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>

enum { PIECES = REGION_SIZE / REGION_PIECE };

static struct region region;

static int make(void **state)
{
    region_init(&region);
    return 0;
}

static int end(void **state)
{
    region_trim(&region);
    return region.next || region.end ? -1 : 0;
}

static char *cut(size_t size)
{
    char *p = region_cut(&region, size);
    assert_non_null(p);
    return p;
}

static void give_back(void *p, size_t size) { assert_int_equal(munmap(p, size), 0); }

/* Whether there is memory at p: mincore knows nothing of other addresses. */
static bool is_mapped(char *p)
{
    unsigned char in[REGION_PIECE / 4096];
    return mincore(p, REGION_PIECE, in) == 0;
}

static void region_begins_where_a_huge_page_does(void **state)
{
    char *first = cut(REGION_PIECE);
    assert_int_equal((uintptr_t)first % REGION_SIZE, 0);
    for (size_t i = 1; i < PIECES; i++)
        assert_ptr_equal(cut(REGION_PIECE), first + i * REGION_PIECE);
    char *other = cut(REGION_PIECE);
    assert_int_equal((uintptr_t)other % REGION_SIZE, 0);
    assert_true(other < first || other >= first + REGION_SIZE);
    give_back(first, REGION_SIZE);
    give_back(other, REGION_PIECE);
}

static void region_gives_zeroed_pieces_of_their_own(void **state)
{
    static char *pieces[3 * PIECES];
    for (int i = 0; i < 3 * PIECES; i++) {
        pieces[i] = cut(REGION_PIECE);
        for (size_t k = 0; k < REGION_PIECE; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], i + 1, REGION_PIECE);
    }
    for (int i = 0; i < 3 * PIECES; i++) {
        for (size_t k = 0; k < REGION_PIECE; k++)
            assert_int_equal(pieces[i][k], i + 1);
        give_back(pieces[i], REGION_PIECE);
    }
}

static void region_refuses_sizes_that_do_not_suit_it(void **state)
{
    static const size_t sizes[] = {
        0, 1, 4096, REGION_PIECE + 4096, REGION_SIZE, SIZE_MAX - REGION_PIECE + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_null(region_cut(&region, sizes[i]));
    assert_null(region.next); /* and maps nothing */
}

static void region_too_short_for_a_piece_is_unmapped(void **state)
{
    char *first = cut(REGION_PIECE);
    for (size_t i = 1; i < PIECES - 1; i++)
        (void)cut(REGION_PIECE);
    char *rest = region.next;
    assert_int_equal(region.end - rest, REGION_PIECE);
    assert_true(is_mapped(rest));
    char *other = cut((size_t)2 * REGION_PIECE);
    assert_int_equal((uintptr_t)other % REGION_SIZE, 0);
    assert_false(is_mapped(rest));
    give_back(first, REGION_SIZE - REGION_PIECE);
    give_back(other, (size_t)2 * REGION_PIECE);
}

static void region_that_is_trimmed_leaves_its_pieces(void **state)
{
    char *piece = cut(REGION_PIECE);
    piece[0] = 7;
    region_trim(&region);
    assert_false(is_mapped(piece + REGION_PIECE));
    assert_int_equal(piece[0], 7);
    char *next = cut(REGION_PIECE); /* and there is a next one */
    next[0] = 8;
    give_back(piece, REGION_PIECE);
    assert_int_equal(next[0], 8);
    give_back(next, REGION_PIECE);
}

static void region_where_another_cuts_gives_nothing(void **state)
{
    assert_false(exchange_acquire(&region.taken, true));
    assert_null(region_cut(&region, REGION_PIECE));
    region_trim(&region);
    store_release(&region.taken, false);
    give_back(cut(REGION_PIECE), REGION_PIECE);
}

/* ---- threads ---- */

enum { THREADS = 4, CUTS = 500 };

static void *cut_many(void *arg)
{
    uintptr_t me = (uintptr_t)arg;
    for (int i = 0; i < CUTS;) {
        uintptr_t *p = region_cut(&region, REGION_PIECE << i % 2);
        if (!p) { /* another was there */
            sched_yield();
            continue;
        }
        if (*p != 0)
            return NULL;
        *p = me;
        if (*p != me || munmap(p, REGION_PIECE << i++ % 2) != 0)
            return NULL;
    }
    return arg;
}

static void region_serves_many_threads(void **state)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, cut_many, (void *)(i + 1)),
                         0);
    for (uintptr_t i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, (void *)(i + 1));
    }
}

#define REGION(test) cmocka_unit_test_setup_teardown(test, make, end)

int main(void)
{
    TESTS(REGION(region_begins_where_a_huge_page_does),
          REGION(region_gives_zeroed_pieces_of_their_own),
          REGION(region_refuses_sizes_that_do_not_suit_it),
          REGION(region_too_short_for_a_piece_is_unmapped),
          REGION(region_that_is_trimmed_leaves_its_pieces),
          REGION(region_where_another_cuts_gives_nothing),
          REGION(region_serves_many_threads));
    return RUN_TESTS();
}
