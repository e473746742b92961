/* test_table.c: slots, generations, and the free cells of two workers. */
#include "actor/table.h"

#include "support/short_heap.h"
#include "support/support.h"
#include "support/verdict.h"

#include <errno.h>

enum { ALL_SLOTS = 1 << 28 };

static struct heap heap;
static struct table table;
static struct table_cache cache, other; /* of two workers */

static int make_table(void **state)
{
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    table_init(&table, &heap);
    cache = other = (struct table_cache){0};
    return 0;
}

static int end_table(void **state)
{
    table_fini(&table);
    return load_relaxed(&heap.bytes) == 0 ? 0 : -1;
}

static uint32_t used(void) { return load_relaxed(&table.used); }

static struct cell *take(struct table_cache *from)
{
    struct cell *cell = NULL;
    assert_int_equal(table_take(&table, from, &cell), 0);
    assert_non_null(cell);
    return cell;
}

/* An actor's whole life in this cell. */
static void live_and_die(struct cell *cell)
{
    struct letter start;
    assert_true(cell_claim(cell, &start));
    assert_true(cell_retire(cell, table.last_generation));
    assert_int_equal(mpsc_advance(&cell->mailbox), MPSC_IDLE);
}

/* ---- slots ---- */

static void table_at_first_finds_nothing(void **state)
{
    assert_null(table_find(&table, 0));
    assert_null(table_find(&table, TABLE_CHUNK));
    assert_null(table_find(&table, GENERATION_MAX));
}

static void table_finds_a_taken_cell_by_its_slot(void **state)
{
    for (uint32_t slot = 0; slot < 200; slot++) {
        struct cell *cell = take(&cache);
        assert_int_equal(cell->slot, slot);
        assert_ptr_equal(table_find(&table, slot), cell);
    }
}

static void table_makes_cells_ready_in_batches(void **state)
{
    for (uint32_t i = 0; i < 3 * TABLE_FRESH; i++) {
        (void)take(&cache);
        assert_int_equal(used(), (i / TABLE_FRESH + 1) * TABLE_FRESH);
    }
    assert_non_null(table_find(&table, 3 * TABLE_FRESH - 1));
    assert_null(table_find(&table, 3 * TABLE_FRESH));
}

static void run_nothing(struct task *task, struct worker *worker) {}

static void table_cells_have_its_task_and_its_first_generation(void **state)
{
    table.first_generation = 7;
    table.run = run_nothing;
    struct cell *cell = take(&cache);
    assert_true(cell->task.run == run_nothing);
    assert_true(load_relaxed(&cell->life) == life_word(7, LIFE_VACANT, 0));
    assert_int_equal((uintptr_t)cell % CACHE_LINE, 0);
}

static void table_cells_stay_where_they_are_across_chunks(void **state)
{
    enum { CELLS = 3 * TABLE_CHUNK };
    static struct cell *cells[CELLS];
    for (uint32_t slot = 0; slot < CELLS; slot++)
        cells[slot] = take(&cache);
    for (uint32_t slot = 0; slot < CELLS; slot++) {
        assert_int_equal(cells[slot]->slot, slot);
        assert_ptr_equal(table_find(&table, slot), cells[slot]);
        if (slot % TABLE_CHUNK != 0)
            assert_ptr_equal(cells[slot], cells[slot - 1] + 1);
    }
}

/* As if all cells below this one had been made; they are not to be looked at. */
static void skip_to(uint32_t slot) { atomic_set(&table.used, slot); }

static void table_goes_on_in_the_next_directory(void **state)
{
    enum { BORDER = TABLE_CHUNK * TABLE_FAN };
    skip_to(BORDER - TABLE_FRESH);
    for (uint32_t i = 0; i < 2 * TABLE_FRESH; i++) {
        struct cell *cell = take(&cache);
        assert_int_equal(cell->slot, BORDER - TABLE_FRESH + i);
        assert_ptr_equal(table_find(&table, cell->slot), cell);
    }
    assert_non_null(load_relaxed(&table.directories[0]));
    assert_non_null(load_relaxed(&table.directories[1]));
    assert_null(load_relaxed(&table.directories[2]));
}

static void table_that_is_full_is_enomem(void **state)
{
    struct cell *cell = NULL;
    skip_to(ALL_SLOTS - TABLE_FRESH);
    for (int i = 0; i < TABLE_FRESH; i++)
        cell = take(&cache);
    assert_int_equal(cell->slot, GENERATION_MAX); /* the greatest that an address has */
    assert_ptr_equal(table_find(&table, GENERATION_MAX), cell);
    struct cell *none = cell;
    assert_int_equal(table_take(&table, &cache, &none), -ENOMEM);
    assert_ptr_equal(none, cell);
    table_put(&table, &cache, cell);
    assert_ptr_equal(take(&cache), cell);
}

/* ---- generations ---- */

static void table_gives_the_most_recently_freed_cell_first(void **state)
{
    struct cell *a = take(&cache), *b = take(&cache);
    table_put(&table, &cache, a);
    table_put(&table, &cache, b);
    assert_ptr_equal(take(&cache), b);
    assert_ptr_equal(take(&cache), a);
}

static void table_drops_a_cell_whose_generations_are_used_up(void **state)
{
    table.last_generation = 2;
    struct cell *first = take(&cache);
    for (int life = 0; life < 2; life++) {
        live_and_die(first);
        uint32_t before = cache.count;
        table_put(&table, &cache, first);
        assert_int_equal(cache.count, before + (life == 0));
        if (life == 0)
            assert_ptr_equal(take(&cache), first);
    }
    for (int i = 0; i < 3 * TABLE_FRESH; i++)
        assert_ptr_not_equal(take(&cache), first);
    assert_ptr_equal(table_find(&table, first->slot), first); /* but it stays */
}

static void table_addresses_are_never_given_twice(void **state)
{
    enum { LIVES = 2, CELLS = 100 };
    static unsigned seen[4 * TABLE_FRESH][LIVES + 1];
    table.last_generation = LIVES;
    for (int i = 0; i < CELLS * LIVES; i++) {
        struct cell *cell = take(&cache);
        live_and_die(cell);
        assert_in_range(cell->generation, 1, LIVES);
        assert_int_equal(seen[cell->slot][cell->generation]++, 0);
        table_put(&table, &cache, cell);
    }
    assert_int_equal(used(), 2 * TABLE_FRESH); /* each slot lived twice */
}

static void table_next_generation_is_above_all_given(void **state)
{
    table.first_generation = 10;
    assert_int_equal(table_next_generation(&table), 10);
    struct cell *one = take(&cache), *two = take(&cache);
    assert_int_equal(table_next_generation(&table), 10);
    live_and_die(one);
    assert_int_equal(table_next_generation(&table), 11);
    for (int i = 0; i < 5; i++)
        live_and_die(two);
    assert_int_equal(table_next_generation(&table), 15);
}

static void table_next_generation_after_the_last_is_the_greatest(void **state)
{
    table.last_generation = 1;
    live_and_die(take(&cache));
    assert_int_equal(table_next_generation(&table), GENERATION_MAX);
}

/* ---- the free cells of two workers ---- */

/* How many free cells wait in the common list. */
static uint32_t common(void)
{
    uint32_t n = 0;
    for (const struct cell *cell = table.free; cell; cell = cell->free_next)
        n++;
    return n;
}

static void put_many(struct table_cache *to, uint32_t count)
{
    static struct cell *cells[4 * TABLE_CACHE];
    for (uint32_t i = 0; i < count; i++)
        cells[i] = take(&cache);
    for (uint32_t i = 0; i < count; i++)
        table_put(&table, to, cells[i]);
}

static void table_cache_keeps_what_it_may_then_gives_half(void **state)
{
    put_many(&other, TABLE_CACHE);
    assert_int_equal(other.count, TABLE_CACHE);
    assert_int_equal(common(), 0);
    table_put(&table, &other, take(&cache));
    assert_int_equal(other.count, TABLE_CACHE / 2);
    assert_int_equal(common(), TABLE_CACHE / 2 + 1);
}

static void table_cache_refills_from_the_common_list_first(void **state)
{
    put_many(&other, TABLE_CACHE + 1);
    while (cache.count > 0)
        (void)take(&cache);
    uint32_t made = used(), waiting = common();
    (void)take(&cache);
    assert_int_equal(cache.count, TABLE_FRESH - 1);
    assert_int_equal(common(), waiting - TABLE_FRESH);
    assert_int_equal(used(), made);
}

static void table_cells_going_round_need_no_more_memory(void **state)
{
    enum { CELLS = 3 * TABLE_CACHE };
    static struct cell *cells[CELLS];
    for (int round = 0; round < 20; round++) { /* one spawns, the other buries */
        for (int i = 0; i < CELLS; i++)
            cells[i] = take(&cache);
        for (int i = 0; i < CELLS; i++)
            table_put(&table, &other, cells[i]);
        assert_true(other.count <= TABLE_CACHE);
    }
    assert_true(used() <= CELLS + TABLE_CACHE + TABLE_FRESH);
}

static void table_gives_each_free_cell_to_one_taker(void **state)
{
    static bool is_out[8 * TABLE_CACHE];
    put_many(&other, 2 * TABLE_CACHE);
    for (uint32_t i = 0; i < 3 * TABLE_CACHE; i++) {
        struct cell *cell = take(i % 2 ? &cache : &other);
        assert_false(is_out[cell->slot]);
        is_out[cell->slot] = true;
    }
}

/* ---- no memory ---- */

static void table_without_memory_is_enomem_then_goes_on(void **state)
{
    struct short_heap below;
    for (uint64_t fail = 1; fail <= 2; fail++) { /* the directory, the chunk */
        cadre_config config = {0};
        struct cell *cell = NULL;
        short_heap_init(&below, fail, 1);
        short_heap_serve(&below, &config);
        heap_init(&heap, config.alloc, config.alloc_user, SIZE_MAX);
        table_init(&table, &heap);
        cache = (struct table_cache){0};
        assert_int_equal(table_take(&table, &cache, &cell), -ENOMEM);
        assert_null(cell);
        assert_int_equal(used(), 0);
        assert_int_equal(take(&cache)->slot, 0);
        table_fini(&table);
        assert_int_equal(atomic_load(&below.blocks), 0);
    }
    assert_false(verdict_has_failed());
}

static void table_at_the_limit_is_efull(void **state)
{
    struct cell *cell;
    heap_init(&heap, NULL, NULL, 1000);
    assert_int_equal(table_take(&table, &cache, &cell), CADRE_EFULL);
}

#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, make_table, end_table)

int main(void)
{
    TESTS(WITH_TABLE(table_at_first_finds_nothing),
          WITH_TABLE(table_finds_a_taken_cell_by_its_slot),
          WITH_TABLE(table_makes_cells_ready_in_batches),
          WITH_TABLE(table_cells_have_its_task_and_its_first_generation),
          WITH_TABLE(table_cells_stay_where_they_are_across_chunks),
          WITH_TABLE(table_goes_on_in_the_next_directory),
          WITH_TABLE(table_that_is_full_is_enomem),
          WITH_TABLE(table_gives_the_most_recently_freed_cell_first),
          WITH_TABLE(table_drops_a_cell_whose_generations_are_used_up),
          WITH_TABLE(table_addresses_are_never_given_twice),
          WITH_TABLE(table_next_generation_is_above_all_given),
          WITH_TABLE(table_next_generation_after_the_last_is_the_greatest),
          WITH_TABLE(table_cache_keeps_what_it_may_then_gives_half),
          WITH_TABLE(table_cache_refills_from_the_common_list_first),
          WITH_TABLE(table_cells_going_round_need_no_more_memory),
          WITH_TABLE(table_gives_each_free_cell_to_one_taker),
          cmocka_unit_test(table_without_memory_is_enomem_then_goes_on),
          WITH_TABLE(table_at_the_limit_is_efull));
    return RUN_TESTS();
}
