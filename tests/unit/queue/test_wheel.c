/* test_wheel.c: timers in the order they are due, at every distance and near the end of
 * time. */
#include "queue/wheel.h"

#include "base/panic.h"
#include "support/effort.h"
#include "support/support.h"

#include <signal.h>
#include <sys/wait.h>

#define TICK (INT64_C(1) << WHEEL_TICK_BITS)
/* How long a slot of this level is. */
#define SPAN(level) (TICK << (WHEEL_LEVEL_BITS * (level)))

enum { NODES = 256 };

static struct wheel wheel;
static struct wheel_node nodes[NODES];

static void begin(int64_t now)
{
    memset(&wheel, 0xa5, sizeof wheel);
    memset(nodes, 0, sizeof nodes);
    wheel_init(&wheel, now);
}

static int make_empty(void **state)
{
    begin(0);
    return 0;
}

static void add(int i, int64_t due)
{
    wheel_add(&wheel, &nodes[i], due);
    assert_true(wheel_is_in(&nodes[i]));
    assert_true(nodes[i].due == due);
    wheel_check(&wheel);
}

static void take_out(int i)
{
    wheel_remove(&wheel, &nodes[i]);
    assert_false(wheel_is_in(&nodes[i]));
    wheel_check(&wheel);
}

static void assert_takes(int64_t now, int i)
{
    size_t count = wheel_count(&wheel);
    assert_ptr_equal(wheel_take(&wheel, now), &nodes[i]);
    assert_false(wheel_is_in(&nodes[i]));
    assert_int_equal(wheel_count(&wheel), count - 1);
    wheel_check(&wheel);
}

static void assert_none(int64_t now)
{
    size_t count = wheel_count(&wheel);
    assert_null(wheel_take(&wheel, now));
    assert_int_equal(wheel_count(&wheel), count);
    wheel_check(&wheel);
}

static void assert_next(int64_t when) { assert_true(wheel_next(&wheel) == when); }

static void assert_empty(void)
{
    assert_int_equal(wheel_count(&wheel), 0);
    assert_next(INT64_MAX);
    wheel_check(&wheel);
}

/* ---- empty, one ---- */

static void wheel_at_first_is_empty(void **state)
{
    assert_empty();
    assert_none(0);
    assert_none(SPAN(3));
    assert_none(INT64_MAX);
    assert_empty();
}

static void wheel_node_is_in_until_removed_or_taken(void **state)
{
    assert_false(wheel_is_in(&nodes[0]));
    add(0, 5 * TICK);
    assert_int_equal(wheel_count(&wheel), 1);
    take_out(0);
    assert_empty();
    assert_none(5 * TICK);
    add(0, 6 * TICK);
    assert_takes(6 * TICK, 0);
    assert_empty();
    add(0, 7 * TICK); /* and may come again */
    assert_takes(7 * TICK, 0);
}

/* ---- order ---- */

static void wheel_same_tick_is_first_added_first(void **state)
{
    for (int level = 0; level < WHEEL_LEVELS - 1; level++) {
        begin(0);
        for (int i = 0; i < 5; i++)
            add(i, SPAN(level) + 5 - i); /* due in the opposite order */
        for (int i = 0; i < 5; i++)
            assert_takes(SPAN(level) + 5, i);
        assert_empty();
    }
}

static void wheel_ticks_come_in_order(void **state)
{
    for (int shift = WHEEL_TICK_BITS; shift < 63 - 7; shift++) {
        begin(0);
        for (int i = 0; i < 100; i++) /* all, from a scattered start */
            add(i * 37 % 100, (int64_t)(i * 37 % 100 + 1) << shift);
        for (int i = 0; i < 100; i++)
            assert_takes((int64_t)100 << shift, i);
        assert_empty();
    }
}

static void wheel_levels_come_in_order(void **state)
{
    for (int level = WHEEL_LEVELS; level-- > 0;) {
        add(level * 2, SPAN(level) - 1);
        add(level * 2 + 1, SPAN(level));
    }
    for (int i = 0; i < WHEEL_LEVELS * 2; i++)
        assert_takes(INT64_MAX, i);
    assert_empty();
}

static void wheel_same_tick_from_far_and_near_is_first_added_first(void **state)
{
    int64_t due = SPAN(5) + SPAN(4) + SPAN(3) + SPAN(2) + SPAN(1) + SPAN(0);
    int count = 0;
    for (int64_t left = due; left > 0; left /= 3) {
        assert_none(due - left);
        add(count++, due);
    }
    for (int i = 0; i < count; i++)
        assert_takes(due, i);
    assert_empty();
}

static void wheel_batch_left_half_taken_keeps_its_order(void **state)
{
    add(0, 10 * TICK);
    add(1, 10 * TICK);
    add(2, 20 * TICK);
    assert_takes(30 * TICK, 0);
    add(3, 10 * TICK + 1); /* its tick goes on */
    add(4, 15 * TICK);
    add(5, 30 * TICK + 1);
    add(6, 9 * TICK); /* too late for its own */
    assert_takes(30 * TICK, 1);
    assert_takes(30 * TICK, 3);
    assert_takes(30 * TICK, 6);
    assert_takes(30 * TICK, 4);
    assert_takes(30 * TICK, 2);
    assert_none(30 * TICK);
    assert_takes(30 * TICK + 1, 5);
}

/* ---- remove ---- */

static void wheel_removes_any_place_at_any_level(void **state)
{
    for (int level = 0; level < WHEEL_LEVELS; level++)
        for (int place = 0; place < 3; place++) {
            begin(0);
            for (int i = 0; i < 3; i++)
                add(i, SPAN(level));
            take_out(place);
            assert_int_equal(wheel_count(&wheel), 2);
            assert_none(SPAN(level) - 1);
            assert_takes(SPAN(level), place == 0);
            assert_takes(SPAN(level), place == 2 ? 1 : 2);
            assert_none(INT64_MAX);
            assert_empty();
        }
}

static void wheel_remove_of_the_last_leaves_its_level_empty(void **state)
{
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        begin(0);
        add(0, SPAN(level));
        add(1, SPAN(level) + 1);
        take_out(0);
        assert_next(SPAN(level) + 1);
        take_out(1);
        assert_empty();
        assert_none(INT64_MAX);
    }
}

static void wheel_removes_who_waits_within_the_tick(void **state)
{
    for (int i = 0; i < 3; i++)
        add(i, TICK - 1);
    assert_none(1);
    take_out(1);
    assert_none(2);
    assert_takes(TICK - 1, 0);
    take_out(2);
    assert_empty();
    add(0, TICK + 500);
    assert_none(TICK);
    take_out(0);
    assert_empty();
}

/* ---- never early, never late ---- */

static void assert_exactly_at(int64_t start, int64_t due)
{
    begin(start);
    add(0, due);
    assert_next(due);
    if (due > start) {
        assert_none(start);
        assert_next(due);
        assert_none(due - 1);
        assert_next(due);
    }
    assert_takes(due > start ? due : start, 0);
    assert_empty();
}

static void wheel_is_exact_at_the_borders_of_slots(void **state)
{
    for (int level = 0; level < WHEEL_LEVELS; level++)
        for (int slot = 1; slot < (level == WHEEL_LEVELS - 1 ? 32 : 65); slot++)
            for (int64_t off = -1; off <= 1; off++) {
                int64_t due = SPAN(level) * slot + off;
                assert_exactly_at(0, due);
                assert_exactly_at(SPAN(level) - 1, due);
                assert_exactly_at(due - 1, due);
                assert_exactly_at(due, due);
                assert_exactly_at(due, due - 1);
            }
}

static const int64_t starts[] = {
    0,
    1,
    TICK - 1,
    (INT64_C(1) << 31) - 1,
    INT64_C(1) << 31,
    (INT64_C(1) << 32) - 1,
    INT64_C(1) << 32,
    SPAN(5) - 1,
    (INT64_C(1) << 62) - 1,
    INT64_C(1) << 62,
    INT64_MAX - SPAN(7),
    INT64_MAX - TICK,
    INT64_MAX - 1,
    INT64_MAX,
};
enum { STARTS = sizeof starts / sizeof *starts };

static int64_t later(int64_t time, int64_t by)
{
    return by > INT64_MAX - time ? INT64_MAX : time + by;
}

static void wheel_is_exact_from_any_start(void **state)
{
    for (int i = 0; i < STARTS; i++)
        for (int bits = 0; bits < 63; bits++)
            for (int64_t off = -1; off <= 1; off++)
                assert_exactly_at(starts[i],
                                  later(starts[i], (INT64_C(1) << bits) + off));
}

static void wheel_past_is_due_at_once(void **state)
{
    for (int s = 0; s < STARTS; s++) {
        int64_t now = starts[s];
        begin(now);
        add(0, now);
        add(1, 0);
        add(2, now / 2);
        assert_next(0);
        for (int i = 0; i < 3; i++)
            assert_takes(now, i);
        assert_empty();
    }
}

static void wheel_within_a_tick_waits_for_the_nanosecond(void **state)
{
    int64_t now = 7 * TICK;
    for (int i = 0; i < 6; i++)
        add(i, now + (int64_t[]){300, 100, 200, 100, 300, 0}[i]);
    assert_takes(now, 5);
    assert_none(now + 99);
    assert_next(now + 100);
    assert_takes(now + 100, 1);
    add(5, now + 100);
    assert_takes(now + 200, 2); /* of those due now, the first added */
    assert_takes(now + 300, 0);
    assert_takes(now + 300, 3);
    assert_takes(now + 300, 4);
    assert_takes(now + 300, 5);
    assert_empty();
}

static void wheel_waits_until_the_end_of_time(void **state)
{
    add(0, INT64_MAX);
    add(1, INT64_MAX);
    add(2, INT64_MAX - 1);
    assert_none(INT64_MAX - 2);
    assert_next(INT64_MAX - 1);
    assert_takes(INT64_MAX - 1, 2);
    assert_none(INT64_MAX - 1);
    assert_next(INT64_MAX);
    assert_takes(INT64_MAX, 0);
    assert_takes(INT64_MAX, 1);
    add(3, INT64_MAX);
    assert_takes(INT64_MAX, 3);
    assert_empty();
}

static void wheel_time_that_goes_back_is_the_latest(void **state)
{
    assert_none(SPAN(2) + 5);
    add(0, SPAN(2) + 5);
    add(1, SPAN(2) + 6);
    assert_takes(SPAN(1), 0);
    assert_none(SPAN(1));
    assert_takes(SPAN(2) + 6, 1);
}

/* ---- next ---- */

static void wheel_next_is_exact_for_a_few(void **state)
{
    for (int level = 0; level < WHEEL_LEVELS; level++) {
        begin(0);
        for (int i = 0; i < WHEEL_LOOK; i++)
            add(i, SPAN(level) + 100 - i);
        assert_next(SPAN(level) + 101 - WHEEL_LOOK);
        if (level < WHEEL_LEVELS - 1)
            add(WHEEL_LOOK, SPAN(level + 1));
        assert_next(SPAN(level) + 101 - WHEEL_LOOK);
        add(WHEEL_LOOK + 1, TICK - 1);
        assert_next(TICK - 1);
    }
}

/* Wakes when it is told to until one is due; returns how often it woke for nothing. */
static int wakes_until(int64_t due)
{
    for (int wakes = 0;; wakes++) {
        int64_t when = wheel_next(&wheel);
        assert_true(when <= due);
        if (wheel_take(&wheel, when)) {
            assert_true(when == due);
            return wakes;
        }
        assert_true(wheel_next(&wheel) > when);
        wheel_check(&wheel);
    }
}

static void wheel_next_for_many_wakes_once_per_level(void **state)
{
    for (int level = 1; level < WHEEL_LEVELS; level++) {
        begin(0);
        int64_t first = SPAN(level) + SPAN(level) / 2 + 17;
        for (int i = 0; i < NODES; i++)
            add(i, first + (NODES - 1 - i) * (SPAN(level) / 4 / NODES));
        int wakes = wakes_until(first);
        assert_in_range(wakes, level > 1, level);
    }
}

static void wheel_next_for_many_in_a_tick_moves_on(void **state)
{
    for (int i = 0; i < NODES; i++)
        add(i, 9 * TICK + 900 - (i % 4));
    assert_next(9 * TICK);
    assert_none(9 * TICK);
    assert_next(9 * TICK + 1);
    assert_none(9 * TICK + 890);
    assert_next(9 * TICK + 891);
    assert_takes(9 * TICK + 897, 3);
    assert_true(wheel_next(&wheel) <= 9 * TICK + 897);
}

static void wheel_next_for_many_in_the_past_is_at_once(void **state)
{
    assert_none(SPAN(1));
    for (int i = 0; i < NODES; i++)
        add(i, NODES - i);
    assert_true(wheel_next(&wheel) <= 1);
    for (int i = 0; i < NODES; i++)
        assert_takes(SPAN(1), i);
    assert_empty();
}

/* ---- many ---- */

/* One tick in which every other node is not yet due. Would it look at these again and
 * again, or walk through the ticks, this would not end. */
static void wheel_looks_at_many_of_a_tick_once(void **state)
{
    size_t count = effort(400000, 2000000);
    struct wheel_node *many = calloc(count, sizeof *many);
    assert_non_null(many);
    int64_t now = SPAN(8) + SPAN(4);
    for (size_t i = 0; i < count; i++)
        wheel_add(&wheel, &many[i], now + (int64_t)(i % 2));
    for (int64_t odd = 0; odd < 2; odd++) {
        for (size_t i = (size_t)odd; i < count; i += 2)
            assert_ptr_equal(wheel_take(&wheel, now + odd), &many[i]);
        assert_none(now + odd);
    }
    assert_empty();
    free(many);
}

/* ---- misuse ---- */

static void add_twice(void)
{
    wheel_add(&wheel, &nodes[0], 5);
    wheel_add(&wheel, &nodes[0], 6);
}

static void remove_twice(void)
{
    wheel_add(&wheel, &nodes[0], 5);
    wheel_remove(&wheel, &nodes[0]);
    wheel_remove(&wheel, &nodes[0]);
}

static void wheel_misuse_ends_a_debug_build(void **state)
{
    if (!DEBUG_BUILD)
        skip();
    int added = in_child(add_twice), removed = in_child(remove_twice);
    assert_true(WIFSIGNALED(added) && WTERMSIG(added) == SIGABRT);
    assert_true(WIFSIGNALED(removed) && WTERMSIG(removed) == SIGABRT);
}

#define ON_EMPTY(test) cmocka_unit_test_setup(test, make_empty)

int main(void)
{
    TESTS(ON_EMPTY(wheel_at_first_is_empty),
          ON_EMPTY(wheel_node_is_in_until_removed_or_taken),
          ON_EMPTY(wheel_same_tick_is_first_added_first),
          ON_EMPTY(wheel_ticks_come_in_order), ON_EMPTY(wheel_levels_come_in_order),
          ON_EMPTY(wheel_same_tick_from_far_and_near_is_first_added_first),
          ON_EMPTY(wheel_batch_left_half_taken_keeps_its_order),
          ON_EMPTY(wheel_removes_any_place_at_any_level),
          ON_EMPTY(wheel_remove_of_the_last_leaves_its_level_empty),
          ON_EMPTY(wheel_removes_who_waits_within_the_tick),
          ON_EMPTY(wheel_is_exact_at_the_borders_of_slots),
          ON_EMPTY(wheel_is_exact_from_any_start), ON_EMPTY(wheel_past_is_due_at_once),
          ON_EMPTY(wheel_within_a_tick_waits_for_the_nanosecond),
          ON_EMPTY(wheel_waits_until_the_end_of_time),
          ON_EMPTY(wheel_time_that_goes_back_is_the_latest),
          ON_EMPTY(wheel_next_is_exact_for_a_few),
          ON_EMPTY(wheel_next_for_many_wakes_once_per_level),
          ON_EMPTY(wheel_next_for_many_in_a_tick_moves_on),
          ON_EMPTY(wheel_next_for_many_in_the_past_is_at_once),
          ON_EMPTY(wheel_looks_at_many_of_a_tick_once),
          ON_EMPTY(wheel_misuse_ends_a_debug_build));
    return RUN_TESTS();
}
