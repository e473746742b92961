/* test_clock.c: the real clock, and the virtual one that stands still. */
#include "base/clock.h"

#include "support/support.h"

static void clock_all_zero_is_the_real_one(void **state)
{
    struct clock clock = {0};
    int64_t before = real_now();
    int64_t now = clock_now(&clock);
    assert_true(before <= now && now <= real_now());
}

static void clock_real_never_goes_back(void **state)
{
    struct clock clock = {0};
    int64_t last = clock_now(&clock);
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_now(&clock);
        assert_true(now >= last);
        last = now;
    }
}

static void clock_virtual_starts_at_zero_and_stands_still(void **state)
{
    struct clock clock = {.is_virtual = true};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(clock_now(&clock), 0);
}

static void clock_virtual_goes_on_by_what_is_said(void **state)
{
    struct clock clock = {.is_virtual = true};
    clock_advance(&clock, 1);
    assert_int_equal(clock_now(&clock), 1);
    clock_advance(&clock, 100 * CADRE_SECOND);
    assert_int_equal(clock_now(&clock), 100 * CADRE_SECOND + 1);
    clock_advance(&clock, 0);
    assert_int_equal(clock_now(&clock), 100 * CADRE_SECOND + 1);
}

static void clock_virtual_of_two_systems_go_apart(void **state)
{
    struct clock one = {.is_virtual = true}, two = {.is_virtual = true};
    clock_advance(&one, 5);
    assert_int_equal(clock_now(&one), 5);
    assert_int_equal(clock_now(&two), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(clock_all_zero_is_the_real_one),
          cmocka_unit_test(clock_real_never_goes_back),
          cmocka_unit_test(clock_virtual_starts_at_zero_and_stands_still),
          cmocka_unit_test(clock_virtual_goes_on_by_what_is_said),
          cmocka_unit_test(clock_virtual_of_two_systems_go_apart));
    return RUN_TESTS();
}
