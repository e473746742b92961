/* test_lend.c: what a trial shows decides whether a loop is lent. */
#include "support/support.h"

#include "io/lend.h"

enum { MS = 1000000 };

/* A worker whose loop rings so often in a millisecond, and the host; time passes in
 * windows of their own length. */
struct world {
    struct lend lend;
    struct lend_load load;
    int64_t now;
    uint64_t own, lent; /* rings in a millisecond, each way; half of them its own */
    int cpu, own_cpu;   /* of the host, and of its own if not lent, in hundredths */
    bool is_tried;      /* another one is */
};

static bool window(struct world *w)
{
    int64_t ms = 1;
    while (!lend_is_due(&w->lend, w->now + ms * MS))
        ms++;
    uint64_t each = (w->lend.is_lent ? w->lent : w->own) * (uint64_t)ms / 2;
    w->now += ms * MS;
    w->load.own += each;
    w->load.host += each;
    w->load.host_cpu_ns += ms * MS / 100 * w->cpu;
    w->load.own_cpu_ns += w->lend.is_lent ? 0 : ms * MS / 100 * w->own_cpu;
    w->load.may_try = !w->is_tried;
    return lend_judge(&w->lend, w->now, w->load);
}

/* For how many hundredths of so many ms it was lent. */
static int lent_for(struct world *w, int ms)
{
    int64_t from = w->now, lent = 0;
    while (w->now < from + ms * INT64_C(1000000)) {
        int64_t last = w->now;
        bool was_lent = w->lend.is_lent;
        (void)window(w);
        lent += was_lent ? w->now - last : 0;
    }
    return (int)(lent * 100 / (w->now - from));
}

static void what_is_better_lent_is_lent(void **state)
{
    struct world w = {.own = 60, .lent = 100, .cpu = 100};
    (void)lent_for(&w, 160);
    assert_true(lent_for(&w, 16000) > 95);
}

static void what_is_better_alone_stays(void **state)
{
    struct world w = {.own = 100, .lent = 60, .cpu = 100};
    (void)lent_for(&w, 160);
    assert_true(lent_for(&w, 16000) < 5);
}

static void no_difference_saves_a_thread(void **state)
{
    struct world w = {.own = 20, .lent = 20, .cpu = 30};
    (void)lent_for(&w, 160);
    assert_int_equal(lent_for(&w, 16000), 100);
}

/* What comes at its own pace would wait for each other. */
static void no_difference_frees_a_host_that_is_full(void **state)
{
    struct world w = {.own = 60, .lent = 60, .cpu = 80};
    (void)lent_for(&w, 1600);
    assert_true(lent_for(&w, 16000) < 5);
    w.cpu = 30;
    (void)lent_for(&w, 3200);
    assert_int_equal(lent_for(&w, 1600), 100);
}

static void no_difference_saves_cpus(void **state)
{
    struct world w = {.own = 60, .lent = 60, .cpu = 80, .own_cpu = 40};
    (void)lent_for(&w, 1600);
    assert_true(lent_for(&w, 16000) > 95);
}

static void what_is_too_much_for_one_is_not_tried(void **state)
{
    struct world w = {.own = 60, .lent = 100, .cpu = 80, .own_cpu = 80};
    assert_int_equal(lent_for(&w, 16000), 0);
}

static void one_at_a_time_is_tried(void **state)
{
    struct world w = {.own = 60, .lent = 100, .is_tried = true};
    assert_int_equal(lent_for(&w, 16000), 0);
    w.is_tried = false;
    assert_true(lent_for(&w, 16000) > 95);
}

static void few_events_are_no_reason(void **state)
{
    struct world w = {.own = 1, .lent = 1, .cpu = 100};
    assert_int_equal(lent_for(&w, 1600), 0);
}

static void more_to_do_has_it_back(void **state)
{
    struct world w = {.own = 60, .lent = 60, .cpu = 50};
    (void)lent_for(&w, 160); /* at once: not only because it was long ago */
    w.own = 100;             /* and no more than before lent */
    w.cpu = 100;
    (void)lent_for(&w, 160);
    assert_true(lent_for(&w, 1600) < 20);
}

/* The host's thread has had its CPU for 60 % of the time, and wanted it for all. */
static void a_host_that_is_kept_waiting_is_tried_without(void **state)
{
    struct world w = {.own = 60, .lent = 60, .cpu = 60};
    (void)lent_for(&w, 16000);
    w.own = 100;
    (void)lent_for(&w, 3200);
    assert_true(lent_for(&w, 1600) < 20);
}

static void after_a_rest_nothing_is_compared(void **state)
{
    struct world w = {.own = 100, .lent = 100};
    (void)window(&w);
    (void)window(&w);
    w.now += 1000 * MS;
    w.load.own += 100000;
    assert_false(lend_judge(&w.lend, w.now, w.load));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_better_lent_is_lent),
        cmocka_unit_test(what_is_better_alone_stays),
        cmocka_unit_test(no_difference_saves_a_thread),
        cmocka_unit_test(no_difference_frees_a_host_that_is_full),
        cmocka_unit_test(no_difference_saves_cpus),
        cmocka_unit_test(what_is_too_much_for_one_is_not_tried),
        cmocka_unit_test(one_at_a_time_is_tried),
        cmocka_unit_test(few_events_are_no_reason),
        cmocka_unit_test(more_to_do_has_it_back),
        cmocka_unit_test(a_host_that_is_kept_waiting_is_tried_without),
        cmocka_unit_test(after_a_rest_nothing_is_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
