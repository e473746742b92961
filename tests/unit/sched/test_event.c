/* test_event.c: events come back as they were noted, with their age. */
#include "sched/event.h"

#include "support/support.h"

static struct recent recent;
static struct event event;

static void note_at(int64_t now)
{
    static const int about;
    recent_init(&recent);
    event_add(&recent, now, EVENT_FAIL, 17, (uint32_t)-5, &about);
    assert_true(event_get(&recent, 0, &event));
    assert_int_equal(event.kind, EVENT_FAIL);
    assert_int_equal(event.who, 17);
    assert_int_equal((int32_t)event.other, -5);
    assert_ptr_equal(event.about, &about);
}

static void event_comes_back_as_it_was_noted(void **state)
{
    static const int64_t times[] = {0, 1, INT64_C(1) << 40, INT64_C(1) << 56,
                                    INT64_MAX};
    for (int i = 0; i < 5; i++)
        note_at(times[i]);
    assert_false(event_get(&recent, 1, &event));
}

static void event_has_an_age(void **state)
{
    note_at(1000);
    assert_int_equal(event_age(&event, 1000), 0);
    assert_int_equal(event_age(&event, 1300), 300);
    assert_int_equal(event_age(&event, 1000 + CADRE_SECOND), CADRE_SECOND);
}

static void event_noted_later_has_no_age(void **state)
{
    note_at(1000);
    assert_int_equal(event_age(&event, 999), 0);
    assert_int_equal(event_age(&event, 0), 0);
}

/* Some bits of the clock are left out: after two years they come again. */
static void event_has_an_age_over_the_end_of_its_clock(void **state)
{
    note_at((INT64_C(1) << 56) - 100);
    assert_int_equal(event_age(&event, (INT64_C(1) << 56) + 200), 300);
    note_at((INT64_C(5) << 56) + 7);
    assert_int_equal(event_age(&event, (INT64_C(5) << 56) + 10), 3);
}

int main(void)
{
    TESTS(cmocka_unit_test(event_comes_back_as_it_was_noted),
          cmocka_unit_test(event_has_an_age),
          cmocka_unit_test(event_noted_later_has_no_age),
          cmocka_unit_test(event_has_an_age_over_the_end_of_its_clock));
    return RUN_TESTS();
}
