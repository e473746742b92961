/* test_idle.c: who sleeps, who searches, whom to wake; nearly all on one thread, where
 * waking changes bits and counts only. */
#include "sched/idle.h"

#include "support/support.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MANY = 130 }; /* three words of the mask, the last one with two bits */

static struct idle idle;
static struct idle_seat seats[MANY];

/* As at the start: all of them search. */
static void make_idle(uint32_t workers)
{
    idle_init(&idle, seats, workers);
    for (uint32_t w = 0; w < workers; w++)
        seats[w].word.fd = PARK_ON_NOTHING;
}

static void all_enter(uint32_t workers)
{
    make_idle(workers);
    for (uint32_t w = 0; w < workers; w++)
        idle_enter(&idle, w);
}

static uint32_t searching(void) { return load_relaxed(&idle.searching); }

/* So many search and so many sleep. */
static void assert_idle(uint32_t searchers, uint32_t sleepers)
{
    assert_int_equal(searching(), searchers);
    assert_int_equal(idle_sleepers(&idle), sleepers);
}

static void idle_at_first_all_search(void **state)
{
    make_idle(4);
    assert_idle(4, 0);
    for (uint32_t w = 0; w < 4; w++)
        assert_true(idle_is_woken(&idle, w));
}

static void idle_enter_makes_a_searcher_a_sleeper(void **state)
{
    make_idle(4);
    idle_enter(&idle, 2);
    assert_idle(3, 1);
    assert_false(idle_is_woken(&idle, 2));
    assert_true(idle_is_woken(&idle, 1));
}

static void idle_sleepers_are_counted_in_every_group(void **state)
{
    make_idle(MANY);
    for (uint32_t w = 0; w < MANY; w++) {
        idle_enter(&idle, w);
        assert_idle(MANY - 1 - w, w + 1);
    }
}

static void idle_leave_of_one_not_woken_says_so(void **state)
{
    make_idle(2);
    idle_enter(&idle, 0);
    assert_false(idle_leave(&idle, 0));
    assert_idle(1, 0); /* neither asleep nor searching: it has found work */
}

static void idle_leave_of_one_woken_leaves_it_a_searcher(void **state)
{
    all_enter(1);
    idle_notify(&idle);
    assert_true(idle_leave(&idle, 0));
    assert_idle(1, 0);
}

/* ---- finding ---- */

static void idle_found_says_who_was_the_last_searcher(void **state)
{
    make_idle(3);
    assert_false(idle_found(&idle));
    assert_false(idle_found(&idle));
    assert_true(idle_found(&idle));
    assert_idle(0, 0);
}

static void idle_search_adds_a_searcher(void **state)
{
    make_idle(1);
    assert_true(idle_found(&idle));
    idle_search(&idle);
    assert_idle(1, 0);
    assert_true(idle_found(&idle));
}

/* ---- waking one ---- */

static void idle_notify_wakes_one_that_searches_then(void **state)
{
    all_enter(3);
    idle_notify(&idle);
    assert_idle(1, 2);
    assert_true(idle_is_woken(&idle, 0));
    assert_int_equal(load_relaxed(&seats[0].word.value), 1);
    assert_int_equal(load_relaxed(&seats[1].word.value), 0);
}

static void idle_notify_wakes_nobody_while_one_searches(void **state)
{
    make_idle(3);
    idle_enter(&idle, 0);
    idle_enter(&idle, 1);
    idle_notify(&idle); /* the third searches */
    assert_idle(1, 2);
}

static void idle_notify_again_waits_for_the_one_just_woken(void **state)
{
    all_enter(3);
    idle_notify(&idle);
    idle_notify(&idle);
    assert_idle(1, 2);
    assert_true(idle_found(&idle)); /* the woken one has work now */
    idle_notify(&idle);
    assert_idle(1, 1);
}

static void idle_notify_without_sleepers_changes_nothing(void **state)
{
    make_idle(2);
    (void)idle_found(&idle);
    (void)idle_found(&idle);
    idle_notify(&idle); /* everybody is at work */
    assert_idle(0, 0);
}

static void idle_notify_reaches_sleepers_of_every_group(void **state)
{
    all_enter(MANY);
    for (uint32_t w = 0; w < MANY; w++) {
        idle_notify(&idle);
        assert_idle(1, MANY - 1 - w);
        assert_true(idle_is_woken(&idle, w));
        (void)idle_found(&idle);
    }
}

static void idle_notify_writes_to_a_sleepers_descriptor(void **state)
{
    uint64_t count;
    all_enter(1);
    seats[0].word.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    idle_notify(&idle);
    assert_int_equal(read(seats[0].word.fd, &count, sizeof count), sizeof count);
    idle_notify(&idle); /* nobody sleeps */
    assert_int_equal(read(seats[0].word.fd, &count, sizeof count), -1);
    close(seats[0].word.fd);
}

/* ---- waking all ---- */

static void idle_wake_all_wakes_every_sleeper_as_a_searcher(void **state)
{
    all_enter(MANY);
    idle_wake_all(&idle);
    assert_idle(MANY, 0);
    for (uint32_t w = 0; w < MANY; w++)
        assert_int_equal(load_relaxed(&seats[w].word.value), 1);
}

static void idle_wake_all_leaves_those_awake_alone(void **state)
{
    make_idle(3);
    idle_enter(&idle, 1);
    idle_wake_all(&idle);
    assert_idle(3, 0);
    assert_int_equal(load_relaxed(&seats[0].word.value), 0);
    assert_int_equal(load_relaxed(&seats[1].word.value), 1);
}

static void idle_wake_all_without_sleepers_changes_nothing(void **state)
{
    make_idle(2);
    idle_wake_all(&idle);
    assert_idle(2, 0);
}

/* ---- sleeping ---- */

static void idle_sleep_returns_at_once_when_woken_before(void **state)
{
    all_enter(1);
    seats[0].word.fd = PARK_ON_FUTEX;
    idle_notify(&idle);
    idle_sleep(&idle, 0);
    assert_idle(1, 0);
}

static void *enter_and_sleep(void *arg)
{
    idle_enter(&idle, 0);
    idle_sleep(&idle, 0);
    return NULL;
}

static bool somebody_sleeps(void *arg) { return idle_sleepers(&idle) == 1; }

static void idle_sleep_lasts_until_a_notify(void **state)
{
    pthread_t thread;
    for (int i = 0; i < 100; i++) {
        make_idle(1);
        seats[0].word.fd = PARK_ON_FUTEX;
        assert_int_equal(pthread_create(&thread, NULL, enter_and_sleep, NULL), 0);
        await_true(somebody_sleeps, NULL);
        while (searching() != 0)
            cpu_relax(); /* it is between its two steps */
        idle_notify(&idle);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_idle(1, 0);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(idle_at_first_all_search),
          cmocka_unit_test(idle_enter_makes_a_searcher_a_sleeper),
          cmocka_unit_test(idle_sleepers_are_counted_in_every_group),
          cmocka_unit_test(idle_leave_of_one_not_woken_says_so),
          cmocka_unit_test(idle_leave_of_one_woken_leaves_it_a_searcher),
          cmocka_unit_test(idle_found_says_who_was_the_last_searcher),
          cmocka_unit_test(idle_search_adds_a_searcher),
          cmocka_unit_test(idle_notify_wakes_one_that_searches_then),
          cmocka_unit_test(idle_notify_wakes_nobody_while_one_searches),
          cmocka_unit_test(idle_notify_again_waits_for_the_one_just_woken),
          cmocka_unit_test(idle_notify_without_sleepers_changes_nothing),
          cmocka_unit_test(idle_notify_reaches_sleepers_of_every_group),
          cmocka_unit_test(idle_notify_writes_to_a_sleepers_descriptor),
          cmocka_unit_test(idle_wake_all_wakes_every_sleeper_as_a_searcher),
          cmocka_unit_test(idle_wake_all_leaves_those_awake_alone),
          cmocka_unit_test(idle_wake_all_without_sleepers_changes_nothing),
          cmocka_unit_test(idle_sleep_returns_at_once_when_woken_before),
          cmocka_unit_test(idle_sleep_lasts_until_a_notify));
    return RUN_TESTS();
}
