/* test_table.c: slots, chunks, caches, and generations that run out. */
#include "support/support.h"

#include "actor/table.h"

#include <errno.h>

static struct heap heap;
static struct table table;
static struct table_cache cache;

static int open_table(void **state)
{
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    table_init(&table, &heap);
    cache = (struct table_cache){0};
    return 0;
}

static int close_table(void **state)
{
    table_fini(&table);
    return load_relaxed(&heap.bytes) == 0 ? 0 : -1;
}

static struct cell *take(void)
{
    struct cell *cell = NULL;
    assert_int_equal(table_take(&table, &cache, &cell), 0);
    assert_ptr_equal(table_find(&table, cell->slot), cell);
    return cell;
}

/* One whole life; returns its generation. */
static uint32_t live(struct cell *cell)
{
    struct letter start;
    assert_true(cell_claim(cell, &start));
    assert_int_equal(mpsc_advance(&cell->mailbox), MPSC_IDLE);
    assert_true(cell_retire(cell, table.last_generation));
    return cell->generation;
}

static void table_find_knows_only_cells_that_were_made(void **state)
{
    assert_null(table_find(&table, 0));
    struct cell *cell = take();
    assert_int_equal(cell->slot, 0);
    assert_non_null(table_find(&table, TABLE_FRESH - 1));
    assert_null(table_find(&table, TABLE_FRESH));
    assert_null(table_find(&table, GENERATION_MAX));
}

static void table_cells_differ_also_across_chunks(void **state)
{
    enum { N = 2 * TABLE_CHUNK + 1 };
    static bool seen[N + TABLE_FRESH];
    for (int i = 0; i < N; i++) {
        struct cell *cell = take();
        assert_true(cell->slot < N + TABLE_FRESH);
        assert_false(seen[cell->slot]);
        seen[cell->slot] = true;
        assert_true(mpsc_is_idle(&cell->mailbox));
    }
    static const uint32_t borders[] = {0, TABLE_CHUNK - 1, TABLE_CHUNK,
                                       2 * TABLE_CHUNK};
    for (int i = 0; i < 4; i++)
        assert_int_equal(table_find(&table, borders[i])->slot, borders[i]);
}

static void table_crosses_into_the_next_directory(void **state)
{
    enum { EDGE = TABLE_CHUNK * TABLE_FAN };
    atomic_set(&table.used, EDGE - TABLE_FRESH); /* as if so many had been made */
    struct cell *before = take();
    assert_int_equal(before->slot, EDGE - TABLE_FRESH);
    cache = (struct table_cache){0};
    struct cell *after = take();
    assert_int_equal(after->slot, EDGE);
    assert_int_equal(table_find(&table, EDGE - 1)->slot, EDGE - 1);
}

static void table_full_is_enomem(void **state)
{
    struct cell *cell = NULL;
    atomic_set(&table.used, TABLE_CHUNK * TABLE_FAN * TABLE_FAN);
    assert_int_equal(table_take(&table, &cache, &cell), -ENOMEM);
    assert_null(cell);
    atomic_set(&table.used, 0);
}

static void table_gives_what_was_freed_last(void **state)
{
    struct cell *a = take(), *b = take();
    table_put(&table, &cache, a);
    table_put(&table, &cache, b);
    assert_ptr_equal(take(), b);
    assert_ptr_equal(take(), a);
}

static void table_retires_a_slot_whose_generations_are_used_up(void **state)
{
    table.last_generation = 2;
    struct cell *first = take();
    assert_int_equal(live(first), 1);
    table_put(&table, &cache, first);
    assert_ptr_equal(take(), first);
    assert_int_equal(live(first), 2);
    table_put(&table, &cache, first);
    for (int i = 0; i < 3 * TABLE_FRESH; i++)
        assert_ptr_not_equal(take(), first);
    assert_ptr_equal(table_find(&table, first->slot),
                     first); /* still there for letters */
}

static void table_first_generation_is_kept(void **state)
{
    table.first_generation = 40;
    assert_int_equal(table_next_generation(&table), 40);
    struct cell *cell = take();
    assert_int_equal(live(cell), 40);
    assert_int_equal(live(cell), 41);
    assert_int_equal(table_next_generation(&table), 42);
    table.last_generation = 42;
    assert_int_equal(live(cell), 42);
    assert_int_equal(table_next_generation(&table), GENERATION_MAX);
}

static void table_moves_cells_from_a_full_cache_to_an_empty_one(void **state)
{
    enum { N = 4 * TABLE_CACHE };
    static struct cell *cells[N];
    struct table_cache mine = cache, other = {0};
    for (int i = 0; i < N; i++)
        assert_int_equal(table_take(&table, &mine, &cells[i]), 0);
    uint32_t used = load_relaxed(&table.used);
    for (int i = 0; i < N; i++) {
        table_put(&table, &mine, cells[i]);
        assert_true(mine.count <= TABLE_CACHE);
    }
    for (int i = 0; i < N - TABLE_CACHE; i++)
        assert_int_equal(table_take(&table, &other, &cells[i]), 0);
    assert_int_equal(load_relaxed(&table.used), used); /* no fresh ones were needed */
}

static unsigned left;
static void *limited(void *user, void *old, size_t old_size, size_t new_size)
{
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return left && left-- ? realloc(old, new_size) : NULL;
}

static void table_out_of_memory_can_be_tried_again(void **state)
{
    struct cell *cell = NULL;
    heap_init(&heap, limited, NULL, SIZE_MAX);
    for (left = 0; left < 2; left++) { /* neither directory nor chunk; no chunk */
        unsigned granted = left;
        assert_int_equal(table_take(&table, &cache, &cell), -ENOMEM);
        assert_null(cell);
        assert_null(table_find(&table, 0));
        left = granted;
    }
    left = 1;
    assert_int_equal(table_take(&table, &cache, &cell), 0);
    assert_int_equal(cell->slot, 0);
}

int main(void)
{
#define WITH_TABLE(f) cmocka_unit_test_setup_teardown(f, open_table, close_table)
    TESTS(WITH_TABLE(table_find_knows_only_cells_that_were_made),
          WITH_TABLE(table_cells_differ_also_across_chunks),
          WITH_TABLE(table_crosses_into_the_next_directory),
          WITH_TABLE(table_full_is_enomem), WITH_TABLE(table_gives_what_was_freed_last),
          WITH_TABLE(table_retires_a_slot_whose_generations_are_used_up),
          WITH_TABLE(table_first_generation_is_kept),
          WITH_TABLE(table_moves_cells_from_a_full_cache_to_an_empty_one),
          WITH_TABLE(table_out_of_memory_can_be_tried_again));
    return RUN_TESTS();
}
