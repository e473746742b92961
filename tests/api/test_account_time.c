/* test_account_time.c: the time of handlers is measured, and a budget for it holds. Real
 * time, of which there may always be more: lower bounds only. */
#include "support/support.h"

#include <cadre/await.h>
#include <cadre/supervise.h>

#include <sched.h>

#define SPIN (2 * CADRE_MS)
#define WINDOW (20 * CADRE_MS)

static cadre_budget budget;
static atomic_uint handled;
static int64_t longest, started, ended;

static int spin(cadre_self *self, void *state, cadre_msg *m)
{
    int64_t began = real_now();
    if (cadre_body(m, number)->value == 0)
        started = began;
    while ((ended = real_now()) - began < SPIN)
        ;
    longest = ended - began > longest ? ended - began : longest;
    atomic_fetch_add(&handled, 1);
    return 0;
}

static int spin_and_sleep(cadre_self *self, void *state, cadre_msg *m)
{
    (void)spin(self, state, m);
    return cadre_sleep(self, CADRE_MS);
}

static int skip_all(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&handled, 1);
    return 0;
}

static cadre_ref child;
static atomic_uint is_there;
static cadre_class working;
static int parent_start(cadre_self *self, void *state)
{
    cadre_opts opts = {.budget = &budget};
    int err = cadre_spawn_with(self, &child, &working, NULL, &opts);
    atomic_fetch_add(&is_there, 1);
    return err;
}
static const cadre_class parent = {.start = parent_start, .receive = skip_all};

/* Its account when it has handled so many. */
static cadre_usage usage_after(cadre_receive *receive, uint32_t amount)
{
    cadre_usage usage;
    cadre_system *sys;
    cadre_config config = quiet(1, 0);
    handled = is_there = 0;
    longest = started = ended = 0;
    working = (cadre_class){.name = "hog", .receive = receive};
    assert_int_equal(cadre_system_new(&sys, &config, &parent, NULL), 0);
    await(&is_there, 1);
    for (uint64_t i = 0; i < amount; i++)
        assert_int_equal(cadre_tell(sys, child, number, i), 0);
    do {
        sched_yield();
        assert_int_equal(cadre_usage_of(sys, child, &usage), 0);
    } while (usage.messages < amount || handled < amount);
    assert_int_equal(usage.messages, amount);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
    return usage;
}

static void long_handlers_are_all_measured(void **state)
{
    budget = (cadre_budget){0};
    int64_t began = real_now();
    cadre_usage usage = usage_after(spin, 20);
    assert_true(usage.time >= 20 * SPIN);
    assert_true(usage.time <= real_now() - began);
    assert_int_equal(usage.overs, 0);
}

static void short_handlers_take_no_more_than_there_was(void **state)
{
    budget = (cadre_budget){0};
    int64_t began = real_now();
    cadre_usage usage = usage_after(skip_all, 100000);
    assert_true(usage.time > 0);
    assert_true(usage.time <= real_now() - began);
}

static void what_comes_before_a_wait_is_measured(void **state)
{
    budget = (cadre_budget){0};
    assert_true(usage_after(spin_and_sleep, 5).time >= 5 * SPIN);
}

static void throttled_by_time(void **state)
{
    enum { SHARE = 4 }; /* a fourth */
    budget = (cadre_budget){
        .window = WINDOW, .time = WINDOW / SHARE, .over = CADRE_OVER_THROTTLE};
    cadre_usage usage = usage_after(spin, 20);
    /* What came last is not paid for yet: what was over when it came, and itself. */
    int64_t paid = usage.time - WINDOW / SHARE - 2 * longest;
    assert_true(ended - started >= paid * SHARE);
    assert_true(usage.rested > 0);
    assert_in_range(lines_with("it is held back. Have several do its work"), 1, 20);
}

int main(void)
{
    TESTS(cmocka_unit_test(long_handlers_are_all_measured),
          cmocka_unit_test(short_handlers_take_no_more_than_there_was),
          cmocka_unit_test(what_comes_before_a_wait_is_measured),
          cmocka_unit_test(throttled_by_time));
    return RUN_TESTS();
}
