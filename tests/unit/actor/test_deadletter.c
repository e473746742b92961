/* test_deadletter.c: counting, naming and reporting what nobody will handle. */
#include "support/support.h"

#include "actor/deadletter.h"

static struct world world;
static struct cadre_self self;
static char logged[LOG_LINE_MAX];

static void sink(void *user, int level, const char *line)
{
    assert_int_equal(level, LOG_WARN);
    strncpy(logged, line, sizeof logged - 1);
}

static int open_world(void **state)
{
    memset(&world, 0, sizeof world);
    heap_init(&world.heap, NULL, NULL, SIZE_MAX);
    pool_depot_init(&world.depot, &world.heap);
    world.log = (struct log){.sink = sink, .level = LOG_OFF};
    self_init(&self, &world, NULL);
    atomic_set(&world.stopping, true);
    logged[0] = '\0';
    return deadletter_report_init(&world);
}

static int close_world(void **state)
{
    deadletter_report_fini(&world);
    pool_depot_fini(&world.depot);
    return load_relaxed(&world.heap.bytes) == 0 ? 0 : -1;
}

static const cadre_class clerk = {.name = "clerk"};

static void record_one(uint64_t to, const cadre_type *type, const cadre_class *class)
{
    struct envelope e = {.letter.to = to, .from = address(1, 2, 3), .type = type};
    deadletter_record(&self, &e, class, DEAD_ENDED);
}

static uint64_t reported(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < REPORT_PLACES; i++)
        sum += world.report[i].count;
    return sum;
}

static const struct report_line *line_of(uint64_t to, const cadre_type *type)
{
    for (uint32_t i = 0; i < REPORT_PLACES - 1; i++)
        if (world.report[i].count && world.report[i].to == to &&
            world.report[i].type == type)
            return &world.report[i];
    return NULL;
}

static void deadletter_has_a_line_for_each_receiver_and_type(void **state)
{
    for (int times = 0; times < 3; times++)
        for (uint64_t to = 100; to < 110; to++)
            record_one(to, &number_type, &clerk);
    record_one(100, &owned_type, NULL);
    for (uint64_t to = 100; to < 110; to++) {
        assert_int_equal(line_of(to, &number_type)->count, 3);
        assert_string_equal(line_of(to, &number_type)->actor, "clerk");
    }
    assert_int_equal(line_of(100, &owned_type)->count, 1);
    assert_string_equal(line_of(100, &owned_type)->actor, "?");
    assert_int_equal(reported(), 31);
    assert_int_equal(load_relaxed(&self.dead), 31);
}

static void deadletter_keeps_types_of_the_same_name_apart(void **state)
{
    static const cadre_type twin = {.name = "number", .size = sizeof(number)};
    record_one(100, &number_type, &clerk);
    record_one(100, &twin, &clerk);
    assert_int_equal(line_of(100, &number_type)->count, 1);
    assert_int_equal(line_of(100, &twin)->count, 1);
}

static void deadletter_overflow_goes_to_the_last_line(void **state)
{
    const struct report_line *rest = &world.report[REPORT_PLACES - 1];
    for (uint64_t to = 1; to <= REPORT_LINES; to++)
        record_one(to << GENERATION_BITS | 1, &number_type, &clerk);
    assert_int_equal(rest->count, 0);
    for (uint64_t to = 1; to <= 50; to++)
        record_one((REPORT_LINES + to) << GENERATION_BITS | 1, &number_type, &clerk);
    assert_int_equal(rest->count, 50);
    for (uint64_t to = 1; to <= REPORT_LINES; to++) /* those that have a line keep it */
        record_one(to << GENERATION_BITS | 1, &number_type, &clerk);
    assert_int_equal(rest->count, 50);
    assert_int_equal(reported(), 2 * REPORT_LINES + 50);
    assert_int_equal(world.report_used, REPORT_LINES);
}

static void deadletter_before_the_end_is_counted_but_not_reported(void **state)
{
    atomic_set(&world.stopping, false);
    record_one(100, &number_type, &clerk);
    assert_int_equal(load_relaxed(&self.dead), 1);
    assert_int_equal(reported(), 0);
}

static void deadletter_is_logged_with_who_to_whom_what_and_why(void **state)
{
    world.log.level = LOG_WARN;
    record_one(address(1, 17, 5), &number_type, &clerk);
    assert_string_equal(logged,
                        "dead letter: number from 2.3 to 17.5 (clerk): it has ended");
    record_one(address(1, 17, 5), &(cadre_type){.name = NULL}, NULL);
    assert_string_equal(logged, "dead letter: ? from 2.3 to 17.5 (?): it has ended");
}

static void deadletter_drops_the_body_and_frees_the_envelope(void **state)
{
    void *p;
    size_t size = envelope_size(&owned_type);
    drops_clear();
    assert_int_equal(pool_get(&self.pool, &p, size), 0);
    struct envelope *e = p;
    *e = (struct envelope){.letter.to = 9, .type = &owned_type};
    memcpy(e->body, &(owned){0}, sizeof(owned));
    deadletter(&self, e, &clerk, DEAD_NOBODY);
    assert_dropped_once(1);
    assert_int_equal(load_relaxed(&self.dead), 1);
}

static void address_text_names_slot_and_generation(void **state)
{
    char text[ADDRESS_TEXT];
    assert_string_equal(address_text(text, 0), "outside");
    assert_string_equal(address_text(text, address(200, 0, 1)), "0.1");
    assert_string_equal(address_text(text, UINT64_MAX), "268435455.268435455");
    assert_string_equal(class_name(NULL), "?");
    assert_string_equal(class_name(&(cadre_class){.name = NULL}), "?");
    assert_string_equal(class_name(&clerk), "clerk");
}

int main(void)
{
#define WITH_WORLD(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    TESTS(WITH_WORLD(deadletter_has_a_line_for_each_receiver_and_type),
          WITH_WORLD(deadletter_keeps_types_of_the_same_name_apart),
          WITH_WORLD(deadletter_overflow_goes_to_the_last_line),
          WITH_WORLD(deadletter_before_the_end_is_counted_but_not_reported),
          WITH_WORLD(deadletter_is_logged_with_who_to_whom_what_and_why),
          WITH_WORLD(deadletter_drops_the_body_and_frees_the_envelope),
          cmocka_unit_test(address_text_names_slot_and_generation));
    return RUN_TESTS();
}
