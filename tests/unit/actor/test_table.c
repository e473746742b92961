/* test_table.c: slots, generations, and the free cells of two workers. */
#include "actor/table.h"

#include "support/short_heap.h"
#include "support/support.h"
#include "support/verdict.h"

#include <errno.h>

enum { ALL_SLOTS = TABLE_CHUNKS * TABLE_CHUNK, TAG = 200 };

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
    static const cadre_class anybody;
    assert_true(cell_claim(cell, 0));
    cell_begin(cell, &anybody, SLOT_NONE);
    assert_true(cell_retire(cell, table_last_generation(&table, cell_slot(cell))));
    task_give(&cell->task, TASK_NOBODY);
}

/* ---- slots ---- */

static void table_at_first_finds_nothing(void **state)
{
    assert_null(table_find(&table, 0));
    assert_null(table_find(&table, TABLE_CHUNK));
    assert_null(table_find(&table, SLOT_MAX));
}

static void table_finds_a_taken_cell_by_its_slot(void **state)
{
    for (uint32_t slot = 0; slot < 200; slot++) {
        struct cell *cell = take(&cache);
        assert_int_equal(cell_slot(cell), slot);
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

static void table_cells_are_free_and_of_its_first_generation(void **state)
{
    table.first_generation = 7;
    for (int i = 0; i < TABLE_FRESH + 1; i++) {
        struct cell *cell = take(&cache);
        assert_true(load_relaxed(&cell->life) == life_word(7, LIFE_VACANT, 0));
        assert_int_equal(load_relaxed(&cell->task.owner), TASK_NOBODY);
        assert_int_equal((uintptr_t)cell % CACHE_LINE, 0);
    }
}

static void table_cells_stay_where_they_are_across_chunks(void **state)
{
    enum { CELLS = 3 * TABLE_CHUNK };
    static struct cell *cells[CELLS];
    for (uint32_t slot = 0; slot < CELLS; slot++)
        cells[slot] = take(&cache);
    for (uint32_t slot = 0; slot < CELLS; slot++) {
        assert_int_equal(cell_slot(cells[slot]), slot);
        assert_ptr_equal(table_find(&table, slot), cells[slot]);
        if (slot % TABLE_CHUNK != 0)
            assert_ptr_equal(cells[slot], cells[slot - 1] + 1);
    }
}

/* As if all cells below this one had been made; they are not to be looked at. */
static void skip_to(uint32_t slot)
{
    void *p;
    uint32_t room = slot / TABLE_CHUNK + 1;
    size_t size = sizeof(struct table_directory) + room * sizeof(struct cell *);
    assert_int_equal(heap_get_lines(&heap, &p, size), 0);
    struct table_directory *d = p;
    d->room = room;
    atomic_set(&table.directory, d);
    atomic_set(&table.used, slot);
}

/* Larger directories; and the chunks stay where they are. */
static void table_goes_on_in_the_next_directory(void **state)
{
    enum { CELLS = (4 * TABLE_FIRST + 1) * TABLE_CHUNK };
    struct cell *firsts[4 * TABLE_FIRST + 1];
    for (uint32_t slot = 0; slot < CELLS; slot++) {
        struct cell *cell = take(&cache);
        assert_int_equal(cell_slot(cell), slot);
        if (slot % TABLE_CHUNK == 0)
            firsts[slot / TABLE_CHUNK] = cell;
    }
    const struct table_directory *d = load_relaxed(&table.directory);
    assert_int_equal(d->room, 8 * TABLE_FIRST);
    for (uint32_t room = 4 * TABLE_FIRST; room >= TABLE_FIRST; room /= 2) {
        d = d->smaller;
        assert_int_equal(d->room, room);
    }
    assert_null(d->smaller);
    for (uint32_t slot = 0; slot < CELLS; slot += TABLE_CHUNK) {
        assert_ptr_equal(table_find(&table, slot), firsts[slot / TABLE_CHUNK]);
        assert_ptr_equal(table_find(&table, slot + TABLE_CHUNK - 1),
                         firsts[slot / TABLE_CHUNK] + TABLE_CHUNK - 1);
    }
    assert_null(table_find(&table, CELLS));
}

/* Takes three chunks; each of their addresses leads to its cell. Returns how many do so
 * without a look at where the chunks are. */
static uint32_t look_at_three_chunks(void)
{
    enum { CELLS = 3 * TABLE_CHUNK };
    struct table_view view;
    uint32_t near = 0;
    table.tag_bits = (uint64_t)TAG << 56;
    for (uint32_t slot = 0; slot < CELLS; slot++)
        (void)take(&cache);
    table_look(&table, &view);
    for (uint32_t slot = 0; slot < CELLS; slot++) {
        struct cell *cell = table_find(&table, slot);
        uint64_t place = table_place(&view, cell_address(cell));
        assert_true(table_sees(&view, place));
        assert_ptr_equal(table_seen(&view, place), cell);
        if (table_sees_near(&view, place)) {
            assert_ptr_equal(table_seen_near(&view, place), cell);
            near++;
        }
    }
    uint64_t past = table_place(&view, address(TAG, CELLS, 1));
    assert_false(table_sees(&view, past) || table_sees_near(&view, past));
    return near;
}

static void table_first_chunks_stand_side_by_side(void **state)
{
    assert_int_equal(look_at_three_chunks(), (CC_ASAN ? 1 : 3) * TABLE_CHUNK);
}

/* What the user's function gives may be anywhere. */
static void table_of_a_users_heap_has_one_chunk_near(void **state)
{
    struct short_heap below;
    cadre_config config = {0};
    short_heap_init(&below, 0, 0);
    short_heap_serve(&below, &config);
    heap_init(&heap, config.alloc, config.alloc_user, SIZE_MAX);
    assert_int_equal(look_at_three_chunks(), TABLE_CHUNK);
    table_fini(&table);
    assert_int_equal(atomic_load(&below.blocks), 0);
    (void)make_table(state);
}

static void table_that_nobody_has_used_is_seen_empty(void **state)
{
    struct table_view view;
    table_look(&table, &view);
    uint64_t place = table_place(&view, address(0, 0, 1));
    assert_false(table_sees(&view, place) || table_sees_near(&view, place));
}

static void table_resolves_addresses_with_its_tag_only(void **state)
{
    table.tag_bits = (uint64_t)TAG << 56;
    for (uint32_t slot = 0; slot < TABLE_FRESH; slot++) {
        struct cell *cell = take(&cache);
        assert_ptr_equal(table_resolve(&table, address(TAG, slot, 1)), cell);
        assert_ptr_equal(table_resolve(&table, address(TAG, slot, 77)), cell);
        assert_null(table_resolve(&table, address(0, slot, 1)));
        assert_null(table_resolve(&table, address(TAG + 1, slot, 1)));
        assert_null(table_resolve(&table, address(TAG ^ 1, slot, 1)));
        assert_null(table_resolve(&table, address(255, slot, 1)));
    }
    assert_null(table_resolve(&table, address(TAG, TABLE_FRESH, 1)));
    assert_null(table_resolve(&table, address(TAG, SLOT_MAX, 1)));
    assert_null(table_resolve(&table, 0));
    assert_null(table_resolve(&table, UINT64_MAX));
}

static void table_that_is_full_is_enomem(void **state)
{
    struct cell *cell = NULL;
    skip_to(ALL_SLOTS - TABLE_FRESH);
    for (int i = 0; i < TABLE_FRESH; i++)
        cell = take(&cache);
    assert_int_equal(cell_slot(cell), ALL_SLOTS - 1);
    assert_true(ALL_SLOTS - 1 <= SLOT_MAX);
    assert_ptr_equal(table_find(&table, ALL_SLOTS - 1), cell);
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
    table_make_scarce(&table, 1000, 2);
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
    assert_ptr_equal(table_find(&table, cell_slot(first)), first); /* but it stays */
}

static void table_addresses_are_never_given_twice(void **state)
{
    enum { LIVES = 2, CELLS = 100 };
    static unsigned seen[4 * TABLE_FRESH][LIVES + 1];
    table_make_scarce(&table, 1000, LIVES);
    for (int i = 0; i < CELLS * LIVES; i++) {
        struct cell *cell = take(&cache);
        live_and_die(cell);
        uint32_t generation = address_generation(cell_address(cell));
        assert_in_range(generation, 1, LIVES);
        assert_int_equal(seen[cell_slot(cell)][generation]++, 0);
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

static void table_next_generation_is_above_the_last(void **state)
{
    table_make_scarce(&table, 1000, 3);
    struct cell *one = take(&cache);
    for (int i = 0; i < 3; i++)
        live_and_die(one);
    assert_int_equal(table_next_generation(&table), 4);
}

static void table_next_generation_after_the_greatest_is_the_greatest(void **state)
{
    table.first_generation = GENERATION_MAX;
    live_and_die(take(&cache));
    assert_int_equal(table_next_generation(&table), GENERATION_MAX);
}

static void table_is_scarce_in_its_first_slots_only(void **state)
{
    table.first_generation = 7;
    table_make_scarce(&table, 3, 2);
    assert_int_equal(table_last_generation(&table, 0), 8);
    assert_int_equal(table_last_generation(&table, 2), 8);
    assert_int_equal(table_last_generation(&table, 3), GENERATION_MAX);
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
        assert_false(is_out[cell_slot(cell)]);
        is_out[cell_slot(cell)] = true;
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
        assert_int_equal(cell_slot(take(&cache)), 0);
        table_fini(&table);
        assert_int_equal(atomic_load(&below.blocks), 0);
    }
    assert_false(verdict_has_failed());
}

static void table_without_memory_for_a_larger_directory_stays_whole(void **state)
{
    struct short_heap below;
    cadre_config config = {0};
    struct cell *cell = NULL;
    enum { CELLS = TABLE_FIRST * TABLE_CHUNK };
    for (uint64_t late = 0; late < 2; late++) { /* the directory, the chunk in it */
        short_heap_init(&below, 1 + TABLE_FIRST + 1 + late, 1);
        short_heap_serve(&below, &config);
        heap_init(&heap, config.alloc, config.alloc_user, SIZE_MAX);
        table_init(&table, &heap);
        cache = (struct table_cache){0};
        for (int i = 0; i < CELLS; i++)
            (void)take(&cache);
        assert_int_equal(table_take(&table, &cache, &cell), -ENOMEM);
        assert_null(cell);
        assert_int_equal(used(), CELLS);
        assert_int_equal(cell_slot(table_find(&table, CELLS - 1)), CELLS - 1);
        assert_null(table_find(&table, CELLS));
        assert_int_equal(cell_slot(take(&cache)), CELLS);
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
          WITH_TABLE(table_cells_are_free_and_of_its_first_generation),
          WITH_TABLE(table_cells_stay_where_they_are_across_chunks),
          WITH_TABLE(table_goes_on_in_the_next_directory),
          WITH_TABLE(table_first_chunks_stand_side_by_side),
          WITH_TABLE(table_of_a_users_heap_has_one_chunk_near),
          WITH_TABLE(table_that_nobody_has_used_is_seen_empty),
          WITH_TABLE(table_resolves_addresses_with_its_tag_only),
          WITH_TABLE(table_that_is_full_is_enomem),
          WITH_TABLE(table_gives_the_most_recently_freed_cell_first),
          WITH_TABLE(table_drops_a_cell_whose_generations_are_used_up),
          WITH_TABLE(table_addresses_are_never_given_twice),
          WITH_TABLE(table_next_generation_is_above_all_given),
          WITH_TABLE(table_next_generation_is_above_the_last),
          WITH_TABLE(table_next_generation_after_the_greatest_is_the_greatest),
          WITH_TABLE(table_is_scarce_in_its_first_slots_only),
          WITH_TABLE(table_cache_keeps_what_it_may_then_gives_half),
          WITH_TABLE(table_cache_refills_from_the_common_list_first),
          WITH_TABLE(table_cells_going_round_need_no_more_memory),
          WITH_TABLE(table_gives_each_free_cell_to_one_taker),
          cmocka_unit_test(table_without_memory_is_enomem_then_goes_on),
          cmocka_unit_test(table_without_memory_for_a_larger_directory_stays_whole),
          WITH_TABLE(table_at_the_limit_is_efull));
    return RUN_TESTS();
}
