/* test_region.c: pieces cut from regions are apart, and come back together. */
#include "mem/region.h"

#include "base/cc.h"

#include "support/process.h"
#include "support/support.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

enum { PIECES = REGION_SIZE / REGION_PIECE };

static struct regions regions;

static int make(void **state)
{
    regions_init(&regions);
    return 0;
}

static int end(void **state)
{
    return regions.open || regions.used || load_relaxed(&regions.idle) ? -1 : 0;
}

static char *cut_any(bool *dirty)
{
    char *p = region_cut(&regions, true, dirty);
    assert_non_null(p);
    return p;
}

/* One that was never used. */
static char *cut(void)
{
    bool dirty = true;
    char *p = cut_any(&dirty);
    assert_false(dirty);
    return p;
}

static void put(void *p) { region_put(&regions, p); }

static void fill(char *p, int with) { memset(p, with, REGION_PIECE); }

static void assert_filled(const char *p, int with)
{
    for (size_t k = 0; k < REGION_PIECE; k++)
        assert_int_equal(p[k], with);
}

/* Whether there is memory at p: mincore knows nothing of other addresses. */
static bool is_mapped(char *p)
{
    unsigned char in[REGION_PIECE / 4096];
    return mincore(p, REGION_PIECE, in) == 0;
}

static void region_begins_where_a_huge_page_does(void **state)
{
    char *first = cut();
    assert_int_equal((uintptr_t)first % REGION_SIZE, 0);
    for (size_t i = 1; i < PIECES; i++)
        assert_ptr_equal(cut(), first + i * REGION_PIECE);
    char *other = cut();
    assert_int_equal((uintptr_t)other % REGION_SIZE, 0);
    assert_true(other < first || other >= first + REGION_SIZE);
    for (size_t i = 0; i < PIECES; i++)
        put(first + i * REGION_PIECE);
    put(other);
}

static void region_gives_zeroed_pieces_of_their_own(void **state)
{
    static char *pieces[3 * PIECES];
    for (int i = 0; i < 3 * PIECES; i++) {
        pieces[i] = cut();
        assert_filled(pieces[i], 0);
        fill(pieces[i], i + 1);
    }
    for (int i = 0; i < 3 * PIECES; i++) {
        assert_filled(pieces[i], i + 1);
        put(pieces[i]);
    }
}

static void region_is_unmapped_when_it_has_all_of_its_pieces(void **state)
{
    char *a = cut(), *b = cut(), *last = b + (PIECES - 2) * (size_t)REGION_PIECE;
    put(a);
    assert_true(is_mapped(a) && is_mapped(last));
    put(b);
    assert_false(is_mapped(a) || is_mapped(b) || is_mapped(last));
}

static void region_gives_pieces_again_and_says_that_they_are_dirty(void **state)
{
    bool dirty = false;
    char *a = cut(), *b = cut();
    fill(a, 7);
    put(a);
    assert_ptr_equal(cut_any(&dirty), a);
    assert_true(dirty);
    assert_filled(a, 7);
    put(a);
    put(b);
}

static void region_that_was_full_is_open_again(void **state)
{
    bool dirty;
    static char *pieces[2 * PIECES];
    for (int i = 0; i < 2 * PIECES; i++)
        pieces[i] = cut();
    assert_null(regions.open);
    put(pieces[3]);
    put(pieces[PIECES + 4]);
    assert_ptr_equal(cut_any(&dirty), pieces[3]);
    assert_ptr_equal(cut_any(&dirty), pieces[PIECES + 4]);
    assert_null(regions.open);
    for (int i = 0; i < 2 * PIECES; i++)
        put(pieces[i]);
}

/* ---- tidying ---- */

enum { FULL = 8, LEFT = REGION_IDLE };
static char *all[FULL * PIECES];

/* All but one piece of each region idle. */
static void leave_one_of_each(void)
{
    for (int i = 0; i < FULL * PIECES; i++) {
        all[i] = cut();
        fill(all[i], 1);
    }
    for (int i = 0; i < FULL * PIECES; i++)
        if (i % PIECES != 5)
            put(all[i]);
    assert_int_equal(regions.used, FULL);
    assert_int_equal(load_relaxed(&regions.idle), FULL * (PIECES - 1));
}

static void put_the_others(void)
{
    for (int i = 5; i < FULL * PIECES; i += PIECES) {
        assert_filled(all[i], 1);
        put(all[i]);
    }
}

static void region_tidy_leaves_few_idle_pieces(void **state)
{
    leave_one_of_each();
    uint64_t before = process_resident();
    int64_t idle = load_relaxed(&regions.idle);
    while (region_tidy(&regions, false)) {
        assert_true(load_relaxed(&regions.idle) < idle);
        idle = load_relaxed(&regions.idle);
    }
    assert_true(idle <= LEFT);
    uint64_t gone = (FULL * (PIECES - 1) - LEFT) * (uint64_t)REGION_PIECE;
    assert_true(CC_ASAN || process_resident() + gone / 10 * 9 <= before);
    put_the_others();
}

static void region_that_was_tidied_gives_zeroed_pieces(void **state)
{
    leave_one_of_each();
    while (region_tidy(&regions, false)) {
    }
    for (int i = 0; i < FULL * PIECES; i++)
        if (i % PIECES != 5) {
            bool dirty;
            all[i] = cut_any(&dirty);
            assert_filled(all[i], dirty ? 1 : 0);
            fill(all[i], 1);
        }
    assert_int_equal(load_relaxed(&regions.idle), 0);
    assert_null(regions.open);
    for (int i = 0; i < FULL * PIECES; i++)
        put(all[i]);
}

static void region_tidy_while_busy_leaves_as_many_as_are_used(void **state)
{
    for (int i = 0; i < FULL * PIECES; i++)
        all[i] = cut();
    for (int i = 0; i < FULL * PIECES; i += 2)
        put(all[i]);
    assert_false(region_tidy(&regions, true));
    put(all[1]);
    assert_true(region_tidy(&regions, true));
    assert_false(region_tidy(&regions, true));
    for (int i = 3; i < FULL * PIECES; i += 2)
        put(all[i]);
}

/* ---- threads ---- */

enum { THREADS = 4, CUTS = 500 };

/* Keeps two pieces at a time. */
static void *cut_many(void *arg)
{
    uintptr_t me = (uintptr_t)arg, *kept = NULL;
    for (int i = 0; i < CUTS; i++) {
        bool dirty;
        uintptr_t *p = region_cut(&regions, i % 2 == 0, &dirty);
        if (!p || (!dirty && *p != 0))
            return NULL;
        *p = me;
        if (i % 16 == 0)
            (void)region_tidy(&regions, false);
        if (kept && *kept != me)
            return NULL;
        if (kept)
            region_put(&regions, kept);
        kept = p;
    }
    region_put(&regions, kept);
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
          REGION(region_is_unmapped_when_it_has_all_of_its_pieces),
          REGION(region_gives_pieces_again_and_says_that_they_are_dirty),
          REGION(region_that_was_full_is_open_again),
          REGION(region_tidy_leaves_few_idle_pieces),
          REGION(region_that_was_tidied_gives_zeroed_pieces),
          REGION(region_tidy_while_busy_leaves_as_many_as_are_used),
          REGION(region_serves_many_threads));
    return RUN_TESTS();
}
