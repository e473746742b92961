/* test_deadletter.c: dead letters are counted, logged at a limited rate, and listed in a
 * report whose last line stands for all that did not fit. */
#include "actor/deadletter.h"

#include "actor/send.h"
#include "support/support.h"

#include <stdio.h>

enum { TAG = 3, SLOT = 17, GENERATION = 2, PLACES = REPORT_PLACES };

static struct world world;
static struct cadre_self self; /* for all threads outside */

/* A world with as much in it as a dead letter needs, in virtual time. */
static int make_world(void **state)
{
    (void)quiet(1, 1); /* forgets the lines of the test before */
    world = (struct world){.log = {collect_line, NULL, LOG_DEBUG}, .tag = TAG};
    world.sched.crew.clock.is_virtual = true;
    heap_init(&world.heap, NULL, NULL, SIZE_MAX);
    pool_depot_init(&world.depot, &world.heap);
    table_init(&world.table, &world.heap);
    self_init(&self, &world, NULL);
    return deadletter_report_init(&world);
}

static int end_world(void **state)
{
    deadletter_report_fini(&world);
    table_fini(&world.table);
    pool_depot_fini(&world.depot);
    return load_relaxed(&world.heap.bytes) == 0 ? 0 : -1;
}

static const cadre_class clerk = {.name = "clerk"};

static uint64_t at(uint32_t slot) { return address(TAG, slot, GENERATION); }

/* What is left of one of this type from outside to that slot. */
static struct dead_letter remains(uint32_t slot, const cadre_type *type)
{
    return (struct dead_letter){.to = at(slot), .type = type, .class = &clerk};
}

/* A letter of this type from outside, in nobody's memory. */
static void write_letter(struct envelope *e, const cadre_type *type, uint32_t place)
{
    memset(e, 0, sizeof *e);
    e->letter.to = address_letter(at(SLOT));
    e->letter.place = place;
    e->type = type;
}

static void die(uint32_t slot, const cadre_type *type)
{
    struct dead_letter letter = remains(slot, type);
    deadletter_record(&self, &letter, DEAD_ENDED);
}

static uint64_t report_sum(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < PLACES; i++)
        sum += world.report[i].count;
    return sum;
}

/* The count of one line, which there is once at most. */
static uint64_t reported(uint32_t slot, const cadre_type *type)
{
    const struct report_line *found = NULL;
    for (uint32_t i = 0; i < PLACES - 1; i++) {
        const struct report_line *line = &world.report[i];
        if (line->count && line->type == type && line->to == at(slot)) {
            assert_null(found);
            assert_string_equal(line->actor, "clerk");
            found = line;
        }
    }
    return found ? found->count : 0;
}

/* ---- names ---- */

static void deadletter_address_is_slot_and_generation(void **state)
{
    char text[ADDRESS_TEXT];
    assert_string_equal(address_text(text, address(TAG, SLOT, GENERATION)), "17.2");
    assert_string_equal(address_text(text, address(255, SLOT_MAX, GENERATION_MAX)),
                        "268435455.134217727");
    assert_string_equal(address_text(text, 0), "outside");
}

static void deadletter_class_without_name_is_a_question_mark(void **state)
{
    static const cadre_class nameless;
    assert_string_equal(class_name(&clerk), "clerk");
    assert_string_equal(class_name(&nameless), "?");
    assert_string_equal(class_name(NULL), "?");
}

/* ---- counting, dropping ---- */

static void deadletter_recorded_is_counted_and_keeps_its_body(void **state)
{
    drops_clear();
    for (int i = 0; i < 5; i++)
        die(SLOT, &owned_type);
    assert_int_equal(load_relaxed(&self.dead), 5);
    assert_dropped_once(0);
}

static void deadletter_drops_the_body_and_frees_the_envelope(void **state)
{
    void *p;
    size_t size = envelope_size(&owned_type, false);
    drops_clear();
    assert_int_equal(pool_get(&self.pool, &p, size), 0);
    struct envelope *e = p;
    write_letter(e, &owned_type, pool_place_of(pool_class_of(size)));
    memcpy(e->body, &(owned){0}, sizeof(owned));
    send_dead(&self, e, at(SLOT), &clerk, DEAD_NOBODY);
    assert_dropped_once(1);
    assert_int_equal(load_relaxed(&self.dead), 1);
    assert_int_equal(pool_count(&self.pool.classes[pool_class_of(size)]), 1);
}

/* One of this kind, in nobody's hands any more: it goes back with all its bytes. */
static void lose_a_big_one(enum letter_kind kind)
{
    static const cadre_type big = {.name = "big", .size = POOL_BLOCK_MAX};
    void *p;
    bool has_tail = kind != 0;
    size_t before = load_relaxed(&world.heap.bytes);
    size_t size = envelope_size(&big, has_tail);
    assert_int_equal(pool_get(&self.pool, &p, size), 0);
    assert_true(load_relaxed(&world.heap.bytes) > before);
    struct envelope *e = p;
    write_letter(e, &big, POOL_PLACE_NONE);
    e->letter.to |= kind;
    if (has_tail)
        *envelope_tail(e) = (struct envelope_tail){1, CADRE_NEVER, size};
    send_dead(&self, e, at(SLOT), &clerk, DEAD_NOBODY);
    assert_int_equal(load_relaxed(&world.heap.bytes), before);
    assert_int_equal(pool_at(&self.pool, POOL_PLACE_NONE)->room, 0);
}

static void deadletter_too_big_for_the_pool_goes_back_to_the_heap(void **state)
{
    lose_a_big_one(0);
    lose_a_big_one(LETTER_OUTCOME);
    assert_int_equal(load_relaxed(&self.dead), 2);
    assert_int_equal(load_relaxed(&self.dropped), 0);
}

static void deadletter_is_not_what_nobody_waits_for(void **state)
{
    store_seq(&world.stopping, true);
    lose_a_big_one(LETTER_ANSWER);
    assert_int_equal(load_relaxed(&self.dropped), 1);
    lose_a_big_one(LETTER_CANCEL); /* nor is that a message */
    assert_int_equal(load_relaxed(&self.dropped), 1);
    assert_int_equal(load_relaxed(&self.dead), 0);
    assert_int_equal(report_sum(), 0);
    assert_int_equal(lines_with(""), 0);
}

/* ---- the log ---- */

static void deadletter_log_says_what_from_whom_to_whom_and_why(void **state)
{
    struct dead_letter letter = remains(SLOT, &number_type);
    letter.from = address(TAG, 4, 1);
    deadletter_record(&self, &letter, DEAD_STOPPED);
    assert_int_equal(lines_with("dead letter: number from 4.1 to 17.2 (clerk): "
                                "it stopped before its turn came"),
                     1);
}

static void deadletter_log_has_a_reason_of_its_own_for_each_case(void **state)
{
    static const char *const reasons[] = {
        "no such actor", "it has ended", "it stopped before its turn came",
        "it failed on this message", "it does not expect this type"};
    struct dead_letter letter = remains(SLOT, &number_type);
    for (int reason = DEAD_NOBODY; reason <= DEAD_UNHANDLED; reason++) {
        deadletter_record(&self, &letter, (enum dead_reason)reason);
        assert_int_equal(lines_with(reasons[reason]), 1);
    }
}

static void deadletter_log_copes_without_names(void **state)
{
    static const cadre_type nameless;
    struct dead_letter letter = remains(SLOT, &nameless);
    letter.class = NULL;
    deadletter_record(&self, &letter, DEAD_NOBODY);
    assert_int_equal(lines_with("dead letter: ? from outside to 17.2 (?): "), 1);
}

static void deadletter_log_shows_no_control_characters_of_names(void **state)
{
    static const cadre_type evil = {.name = "a\n\x1b[2Jb"};
    die(SLOT, &evil);
    assert_int_equal(lines_with("dead letter: a??[2Jb from"), 1);
}

static void deadletter_log_below_warn_is_silent(void **state)
{
    world.log.level = LOG_ERROR;
    die(SLOT, &number_type);
    assert_int_equal(lines_with(""), 0);
    assert_int_equal(load_relaxed(&self.dead), 1); /* but counted */
}

static void deadletter_log_writes_ten_lines_a_second_and_counts_the_rest(void **state)
{
    for (int i = 0; i < 25; i++)
        die(SLOT, &number_type);
    assert_int_equal(lines_with("dead letter"), LOG_LINES_PER_SECOND);
    assert_int_equal(lines_with("more not shown"), 0);
    clock_advance(&world.sched.crew.clock, CADRE_SECOND);
    self.now = 0; /* another turn */
    die(SLOT, &number_type);
    assert_int_equal(lines_with("(and 15 more not shown)"), 1);
    assert_int_equal(load_relaxed(&self.dead), 26);
}

/* ---- the report ---- */

static void deadletter_report_is_empty_while_the_system_runs(void **state)
{
    die(SLOT, &number_type);
    assert_int_equal(report_sum(), 0);
    assert_int_equal(world.report_used, 0);
}

static void deadletter_report_adds_up_what_is_of_one_kind(void **state)
{
    store_seq(&world.stopping, true);
    for (int i = 0; i < 7; i++)
        die(SLOT, &number_type);
    die(SLOT, &contact_type);    /* another type */
    die(SLOT + 1, &number_type); /* another actor */
    assert_int_equal(reported(SLOT, &number_type), 7);
    assert_int_equal(reported(SLOT, &contact_type), 1);
    assert_int_equal(reported(SLOT + 1, &number_type), 1);
    assert_int_equal(world.report_used, 3);
    assert_int_equal(report_sum(), 9);
}

static void deadletter_report_tells_types_of_the_same_name_apart(void **state)
{
    static const cadre_type twin = {.name = "number"};
    store_seq(&world.stopping, true);
    die(SLOT, &number_type);
    die(SLOT, &twin);
    assert_int_equal(reported(SLOT, &number_type), 1);
    assert_int_equal(reported(SLOT, &twin), 1);
}

static void deadletter_report_has_a_line_for_each_of_1024_kinds(void **state)
{
    store_seq(&world.stopping, true);
    for (uint32_t slot = 0; slot < REPORT_LINES; slot++) {
        die(slot, &number_type);
        assert_int_equal(world.report_used, slot + 1);
    }
    for (uint32_t slot = 0; slot < REPORT_LINES; slot++)
        assert_int_equal(reported(slot, &number_type), 1);
    assert_int_equal(world.report[PLACES - 1].count, 0);
}

static void deadletter_report_overflows_into_the_last_line(void **state)
{
    enum { KINDS = 3 * REPORT_LINES };
    store_seq(&world.stopping, true);
    for (uint32_t slot = 0; slot < KINDS; slot++)
        die(slot, &number_type);
    const struct report_line *rest = &world.report[PLACES - 1];
    assert_int_equal(rest->count, KINDS - REPORT_LINES);
    assert_int_equal(rest->to, 0); /* it stands for nobody */
    assert_int_equal(world.report_used, REPORT_LINES);
    assert_int_equal(report_sum(), KINDS); /* not one is lost */
}

static void deadletter_report_that_is_full_still_adds_to_its_lines(void **state)
{
    store_seq(&world.stopping, true);
    for (uint32_t slot = 0; slot <= REPORT_LINES; slot++)
        die(slot, &number_type);
    for (int i = 0; i < 4; i++)
        die(SLOT, &number_type);
    assert_int_equal(reported(SLOT, &number_type), 5);
    assert_int_equal(world.report[PLACES - 1].count, 1);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
    TESTS(cmocka_unit_test(deadletter_address_is_slot_and_generation),
          cmocka_unit_test(deadletter_class_without_name_is_a_question_mark),
          IN_WORLD(deadletter_recorded_is_counted_and_keeps_its_body),
          IN_WORLD(deadletter_drops_the_body_and_frees_the_envelope),
          IN_WORLD(deadletter_too_big_for_the_pool_goes_back_to_the_heap),
          IN_WORLD(deadletter_is_not_what_nobody_waits_for),
          IN_WORLD(deadletter_log_says_what_from_whom_to_whom_and_why),
          IN_WORLD(deadletter_log_has_a_reason_of_its_own_for_each_case),
          IN_WORLD(deadletter_log_copes_without_names),
          IN_WORLD(deadletter_log_shows_no_control_characters_of_names),
          IN_WORLD(deadletter_log_below_warn_is_silent),
          IN_WORLD(deadletter_log_writes_ten_lines_a_second_and_counts_the_rest),
          IN_WORLD(deadletter_report_is_empty_while_the_system_runs),
          IN_WORLD(deadletter_report_adds_up_what_is_of_one_kind),
          IN_WORLD(deadletter_report_tells_types_of_the_same_name_apart),
          IN_WORLD(deadletter_report_has_a_line_for_each_of_1024_kinds),
          IN_WORLD(deadletter_report_overflows_into_the_last_line),
          IN_WORLD(deadletter_report_that_is_full_still_adds_to_its_lines));
    return RUN_TESTS();
}
