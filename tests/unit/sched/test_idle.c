/* test_idle.c: the protocol of sleeping and waking, one step after the other. */
#include "support/support.h"

#include "sched/idle.h"

enum { MANY = 130 };
static struct idle idle;
static struct idle_seat seats[MANY];

static void init(uint32_t workers)
{
    for (uint32_t i = 0; i < workers; i++)
        seats[i].word.fd = PARK_ON_NOTHING;
    idle_init(&idle, seats, workers);
}

static void expect(uint32_t searching, uint32_t sleepers)
{
    assert_int_equal(load_relaxed(&idle.searching), searching);
    assert_int_equal(idle_sleepers(&idle), sleepers);
}

static void idle_all_search_at_first(void **state)
{
    init(3);
    expect(3, 0);
    idle_notify(&idle); /* they will find it */
    expect(3, 0);
}

static void idle_notify_wakes_one_and_only_one(void **state)
{
    init(3);
    for (uint32_t w = 0; w < 3; w++)
        idle_enter(&idle, w);
    expect(0, 3);
    idle_notify(&idle);
    expect(1, 2);
    assert_true(idle_is_woken(&idle, 0));
    assert_false(idle_is_woken(&idle, 1) || idle_is_woken(&idle, 2));
    idle_notify(&idle); /* the one woken will find this work as well */
    expect(1, 2);
}

static void idle_the_last_to_find_work_is_told_so(void **state)
{
    init(2);
    assert_false(idle_found(&idle));
    assert_true(idle_found(&idle));
    expect(0, 0);
    idle_notify(&idle); /* nobody to wake */
    expect(0, 0);
    idle_search(&idle);
    expect(1, 0);
    assert_true(idle_found(&idle));
}

static void idle_notify_wakes_the_next_when_none_searches(void **state)
{
    init(3);
    for (uint32_t w = 0; w < 3; w++)
        idle_enter(&idle, w);
    for (uint32_t w = 0; w < 3; w++) {
        idle_notify(&idle);
        assert_true(idle_is_woken(&idle, w));
        expect(1, 2 - w);
        assert_true(idle_found(&idle));
    }
    expect(0, 0);
}

static void idle_leave_says_whether_it_was_woken_meanwhile(void **state)
{
    init(1);
    idle_enter(&idle, 0);
    assert_false(idle_leave(&idle, 0));
    expect(0, 0);
    idle_search(&idle);
    idle_enter(&idle, 0);
    idle_notify(&idle);
    assert_true(idle_leave(&idle, 0)); /* it was counted by its waker */
    expect(1, 0);
}

static void idle_sleep_returns_at_once_when_woken(void **state)
{
    init(2);
    idle_enter(&idle, 0);
    idle_enter(&idle, 1);
    idle_notify(&idle);
    idle_sleep(&idle, 0);
    expect(1, 1);
}

static void idle_wake_all_wakes_everybody(void **state)
{
    init(MANY);
    for (uint32_t w = 0; w < MANY; w++)
        idle_enter(&idle, w);
    expect(0, MANY);
    idle_wake_all(&idle);
    expect(MANY, 0);
    for (uint32_t w = 0; w < MANY; w++)
        assert_true(idle_is_woken(&idle, w));
}

static void idle_knows_workers_beyond_one_word(void **state)
{
    init(MANY);
    for (uint32_t w = 0; w < MANY; w++)
        assert_int_equal(idle_found(&idle), w == MANY - 1);
    idle_search(&idle);
    idle_enter(&idle, 129);
    expect(0, 1);
    assert_false(idle_is_woken(&idle, 129));
    idle_notify(&idle);
    assert_true(idle_is_woken(&idle, 129));
    expect(1, 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(idle_all_search_at_first),
          cmocka_unit_test(idle_notify_wakes_one_and_only_one),
          cmocka_unit_test(idle_the_last_to_find_work_is_told_so),
          cmocka_unit_test(idle_notify_wakes_the_next_when_none_searches),
          cmocka_unit_test(idle_leave_says_whether_it_was_woken_meanwhile),
          cmocka_unit_test(idle_sleep_returns_at_once_when_woken),
          cmocka_unit_test(idle_wake_all_wakes_everybody),
          cmocka_unit_test(idle_knows_workers_beyond_one_word));
    return RUN_TESTS();
}
