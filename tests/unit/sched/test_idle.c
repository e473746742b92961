/* test_idle.c: who sleeps, who would like work, who keeps watch; nearly all on one
 * thread, where waking changes words and counts only. */
#include "sched/idle.h"

#include "base/thread.h"
#include "support/support.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum {
    MANY = 130,
    TASKS = 8
}; /* three words of the mask, the last one with two bits */

static struct idle idle;
static struct idle_bed beds[MANY];
static struct task tasks[TASKS];

/* As at the start: all of them are up. */
static void make_idle(uint32_t workers)
{
    idle_init(&idle, beds, workers);
    for (uint32_t w = 0; w < workers; w++)
        beds[w].word.fd = PARK_ON_NOTHING;
    for (int i = 0; i < TASKS; i++)
        task_init(&tasks[i]);
}

static void all_lie_down(uint32_t workers, bool are_hungry)
{
    make_idle(workers);
    for (uint32_t w = 0; w < workers; w++)
        assert_true(idle_lie_down(&idle, w, are_hungry));
}

static void deliver(uint32_t worker, int task)
{
    idle_deliver(&idle, worker, &tasks[task], &tasks[task]);
}

/* What has arrived for it are these tasks, newest first. */
#define assert_arrived(worker, ...)                                                    \
    assert_arrived_are(worker, (const int[]){__VA_ARGS__},                             \
                       sizeof((const int[]){__VA_ARGS__}) / sizeof(int))
static void assert_arrived_are(uint32_t worker, const int *expected, size_t count)
{
    struct task *task = idle_take_arrivals(&idle, worker);
    for (size_t i = 0; i < count; i++, task = task->arrival)
        assert_ptr_equal(task, &tasks[expected[i]]);
    assert_null(task);
}

static uint32_t woken(uint32_t worker)
{
    return load_relaxed(&beds[worker].word.value);
}
static uint32_t hungry(void) { return load_relaxed(&idle.wants) & ~IDLE_UNWATCHED; }
static bool unwatched(void) { return load_relaxed(&idle.wants) & IDLE_UNWATCHED; }
static bool in_mask(uint32_t w)
{
    return load_relaxed(&idle.mask[w / 64]) >> w % 64 & 1;
}

/* So many stand in the mask, and `wants` says so. */
static void assert_hungry(uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t w = 0; w < idle.workers; w++)
        found += in_mask(w);
    assert_int_equal(found, count);
    assert_int_equal(hungry(), count);
}

/* ---- lying down, getting up ---- */

static void idle_at_first_all_are_up(void **state)
{
    make_idle(MANY);
    for (uint32_t w = 0; w < MANY; w++) {
        assert_false(idle_is_asleep(&idle, w));
        assert_false(idle_has_arrivals(&idle, w));
        assert_null(idle_take_arrivals(&idle, w));
    }
    assert_hungry(0);
    assert_false(unwatched());
    assert_false(idle_all_asleep(&idle));
}

static void idle_lie_down_puts_the_hungry_into_the_mask(void **state)
{
    make_idle(MANY);
    for (uint32_t w = 0; w < MANY; w++) {
        assert_true(idle_lie_down(&idle, w, true));
        assert_true(idle_is_asleep(&idle, w));
        assert_true(idle_is_hungry(&idle, w));
        assert_false(w + 1 < MANY && idle_is_hungry(&idle, w + 1));
        assert_hungry(w + 1);
        assert_int_equal(load_relaxed(&beds[w].parks), 1);
    }
}

static void idle_lie_down_of_one_not_hungry_stays_out_of_it(void **state)
{
    all_lie_down(3, false);
    assert_hungry(0);
    assert_true(idle_is_asleep(&idle, 1));
    assert_int_equal(idle_take_hungry(&idle, -1), -1);
}

static void idle_lie_down_on_arrivals_stays_up(void **state)
{
    make_idle(2);
    deliver(0, 3);
    assert_false(idle_lie_down(&idle, 0, true));
    assert_false(idle_is_asleep(&idle, 0));
    assert_hungry(0);
    assert_arrived(0, 3);
    assert_true(idle_lie_down(&idle, 0, true));
}

static void idle_get_up_unwoken_takes_all_back(void **state)
{
    all_lie_down(3, true);
    idle_get_up(&idle, 1);
    assert_false(idle_is_asleep(&idle, 1));
    assert_hungry(2);
    assert_null(idle_take_arrivals(&idle, 1));
    idle_get_up(&idle, 1); /* does no harm when it is up */
    assert_hungry(2);
}

static void idle_get_up_keeps_what_has_arrived(void **state)
{
    all_lie_down(1, true);
    deliver(0, 2);
    idle_get_up(&idle, 0);
    assert_arrived(0, 2);
    assert_hungry(0);
}

static void idle_taking_arrivals_of_a_sleeper_gives_none(void **state)
{
    all_lie_down(1, true);
    assert_null(idle_take_arrivals(&idle, 0));
}

/* ---- delivery ---- */

static void idle_deliver_puts_the_newest_in_front(void **state)
{
    make_idle(2);
    deliver(1, 0);
    deliver(1, 1);
    deliver(1, 2);
    assert_true(idle_has_arrivals(&idle, 1));
    assert_false(idle_has_arrivals(&idle, 0));
    assert_arrived(1, 2, 1, 0);
    assert_false(idle_has_arrivals(&idle, 1));
    assert_int_equal(woken(1), 0); /* it was up */
}

static void idle_deliver_of_a_list_keeps_its_order(void **state)
{
    make_idle(1);
    deliver(0, 0);
    tasks[3].arrival = &tasks[4];
    tasks[4].arrival = &tasks[5];
    idle_deliver(&idle, 0, &tasks[3], &tasks[5]);
    assert_arrived(0, 3, 4, 5, 0);
}

static void idle_deliver_to_a_sleeper_wakes_it_once(void **state)
{
    all_lie_down(2, true);
    deliver(1, 0);
    assert_false(idle_is_asleep(&idle, 1));
    assert_int_equal(woken(1), 1);
    deliver(1, 1);
    assert_int_equal(woken(1), 1);
    assert_int_equal(woken(0), 0);
    assert_true(idle_is_asleep(&idle, 0));
    assert_arrived(1, 1, 0); /* PARKED is no task */
}

static void idle_deliver_writes_to_a_sleepers_descriptor(void **state)
{
    uint64_t count;
    all_lie_down(1, true);
    beds[0].word.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    deliver(0, 0);
    assert_int_equal(read(beds[0].word.fd, &count, sizeof count), sizeof count);
    deliver(0, 1); /* it is awake */
    assert_int_equal(read(beds[0].word.fd, &count, sizeof count), -1);
    close(beds[0].word.fd);
}

static void idle_wake_wakes_a_sleeper_with_nothing(void **state)
{
    all_lie_down(2, true);
    assert_true(idle_wake(&idle, 0));
    assert_int_equal(woken(0), 1);
    assert_false(idle_is_asleep(&idle, 0));
    assert_null(idle_take_arrivals(&idle, 0));
    assert_true(idle_is_asleep(&idle, 1));
}

static void idle_wake_of_one_that_is_up_says_so(void **state)
{
    make_idle(2);
    assert_false(idle_wake(&idle, 0));
    deliver(0, 0);
    assert_false(idle_wake(&idle, 0));
    assert_int_equal(woken(0), 0);
    assert_arrived(0, 0);
}

/* ---- the hungry ---- */

static void idle_take_hungry_gives_each_once(void **state)
{
    static bool taken[MANY];
    all_lie_down(MANY, true);
    for (uint32_t left = MANY; left > 0; left--) {
        assert_hungry(left);
        int32_t w = idle_take_hungry(&idle, -1);
        assert_in_range(w, 0, MANY - 1);
        assert_false(taken[w]);
        taken[w] = true;
    }
    assert_int_equal(idle_take_hungry(&idle, -1), -1);
    assert_hungry(0);
}

static void idle_taken_from_the_mask_sleeps_on(void **state)
{
    all_lie_down(1, true);
    assert_int_equal(idle_take_hungry(&idle, -1), 0);
    assert_true(idle_is_asleep(&idle, 0));
    assert_int_equal(woken(0), 0);
}

static void idle_take_hungry_of_nobody_is_none(void **state)
{
    make_idle(3);
    assert_int_equal(idle_take_hungry(&idle, -1), -1);
    assert_int_equal(idle_take_hungry(&idle, 1), -1);
    assert_hungry(0);
}

static void idle_take_hungry_takes_the_watch_last(void **state)
{
    for (int32_t watch = 0; watch < MANY; watch += 43) {
        all_lie_down(MANY, true);
        for (int i = 1; i < MANY; i++)
            assert_int_not_equal(idle_take_hungry(&idle, watch), watch);
        assert_int_equal(idle_take_hungry(&idle, watch), watch);
        assert_int_equal(idle_take_hungry(&idle, watch), -1);
        assert_hungry(0);
    }
}

static void idle_keep_hungry_puts_it_back(void **state)
{
    all_lie_down(2, true);
    int32_t w = idle_take_hungry(&idle, 0);
    assert_int_equal(w, 1);
    idle_keep_hungry(&idle, 1);
    assert_hungry(2);
    assert_int_equal(idle_take_hungry(&idle, 0), 1);
}

/* It got up while somebody looked for a gift in vain. */
static void idle_kept_hungry_when_it_is_up_counts_once(void **state)
{
    all_lie_down(1, true);
    assert_int_equal(idle_take_hungry(&idle, -1), 0);
    idle_get_up(&idle, 0);
    idle_keep_hungry(&idle, 0);
    assert_true(idle_lie_down(&idle, 0, true));
    assert_hungry(1);
    idle_get_up(&idle, 0);
    assert_hungry(0);
}

/* ---- all asleep ---- */

static void idle_all_asleep_needs_every_one(void **state)
{
    make_idle(MANY);
    for (uint32_t w = 0; w < MANY; w++) {
        assert_false(idle_all_asleep(&idle));
        assert_true(idle_lie_down(&idle, w, w % 2));
    }
    assert_true(idle_all_asleep(&idle));
    assert_true(idle_wake(&idle, MANY - 1));
    assert_false(idle_all_asleep(&idle));
}

static void idle_all_asleep_is_over_with_a_delivery(void **state)
{
    all_lie_down(3, true);
    deliver(1, 0);
    assert_false(idle_all_asleep(&idle));
}

/* The first or the last is always up: it wakes the other before it lies down itself. */
static atomic_uint ended;
enum { ROUNDS = 100000, FIRST = 0, LAST = MANY - 1 };

static void change_places(uint32_t sleeper, uint32_t tired)
{
    (void)idle_wake(&idle, sleeper);
    idle_get_up(&idle, sleeper);
    (void)idle_lie_down(&idle, tired, true);
}

static void *take_turns(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        change_places(FIRST, LAST);
        change_places(LAST, FIRST);
    }
    atomic_store(&ended, 1);
    return NULL;
}

static void idle_all_asleep_is_not_taken_in_by_turns(void **state)
{
    struct thread thread;
    unsigned said = 0;
    all_lie_down(MANY, true);
    idle_get_up(&idle, LAST);
    atomic_store(&ended, 0);
    assert_int_equal(thread_start(&thread, "turns", take_turns, NULL), 0);
    while (atomic_load(&ended) == 0)
        said += idle_all_asleep(&idle);
    thread_join(&thread);
    assert_int_equal(said, 0);
}

/* ---- the watch ---- */
static void idle_watch_is_taken_by_one_only(void **state)
{
    make_idle(3);
    assert_true(idle_take_watch(&idle, 0)); /* worker 0 is somebody */
    assert_false(idle_take_watch(&idle, 1));
    assert_false(idle_take_watch(&idle, 0));
    idle_leave_watch(&idle, 1); /* it has none to leave */
    assert_false(idle_take_watch(&idle, 2));
    idle_leave_watch(&idle, 0);
    assert_true(idle_take_watch(&idle, 2));
    assert_false(idle_take_watch(&idle, 0));
}

static void idle_left_watch_is_missing_until_it_is_taken(void **state)
{
    make_idle(2);
    assert_true(idle_lie_down(&idle, 1, true));
    assert_true(idle_take_watch(&idle, 0));
    assert_false(unwatched());
    idle_leave_watch(&idle, 0);
    assert_true(unwatched());
    assert_int_equal(woken(1), 0); /* nothing to watch */
    assert_true(idle_take_watch(&idle, 1));
    assert_false(unwatched());
}

static void idle_left_watch_goes_to_a_sleeper_while_others_are_up(void **state)
{
    make_idle(3);
    assert_true(idle_lie_down(&idle, 1, true));
    assert_true(idle_take_watch(&idle, 0));
    idle_leave_watch(&idle, 0); /* 2 may be stuck */
    assert_int_equal(woken(1), 1);
    assert_false(unwatched());
    assert_true(idle_lie_down(&idle, 1, true));
    idle_leave_watch(&idle, 2); /* it got up, and nobody has it */
    assert_int_equal(woken(1), 2);
}

static void idle_watch_goes_on_while_anybody_is_up(void **state)
{
    make_idle(3);
    assert_true(idle_take_watch(&idle, 0));
    assert_true(idle_lie_down(&idle, 0, true));
    assert_true(idle_lie_down(&idle, 2, true));
    assert_false(idle_end_watch(&idle));
    assert_false(unwatched());
    assert_hungry(2);
}

static void idle_watch_ends_when_all_sleep(void **state)
{
    all_lie_down(3, true);
    assert_true(idle_take_watch(&idle, 0));
    assert_true(idle_end_watch(&idle));
    assert_true(unwatched());
    assert_hungry(3);                        /* beside that bit */
    assert_false(idle_take_watch(&idle, 1)); /* it is still its own, and sleeps */
}

static void idle_call_wakes_the_sleeping_watch(void **state)
{
    all_lie_down(3, true);
    assert_true(idle_take_watch(&idle, 1));
    assert_true(idle_end_watch(&idle));
    idle_check_watch(&idle);
    assert_int_equal(woken(1), 1);
    assert_int_equal(woken(0) + woken(2), 0);
    assert_false(unwatched());
    idle_check_watch(&idle); /* once is enough */
    assert_int_equal(woken(0) + woken(1) + woken(2), 1);
}

static void idle_call_without_a_watch_wakes_one_sleeper(void **state)
{
    make_idle(3);
    assert_true(idle_lie_down(&idle, 1, true));
    assert_true(idle_lie_down(&idle, 2, true));
    assert_true(idle_take_watch(&idle, 1));
    idle_leave_watch(&idle, 1);
    idle_check_watch(&idle);
    assert_int_equal(woken(0), 0);
    assert_int_equal(woken(1) + woken(2), 1);
    assert_false(unwatched());
}

static void idle_call_when_the_watch_went_to_work_wakes_another(void **state)
{
    all_lie_down(3, true);
    assert_true(idle_take_watch(&idle, 0));
    assert_true(idle_end_watch(&idle));
    idle_get_up(&idle, 0);
    idle_check_watch(&idle);
    assert_int_equal(woken(1) + woken(2), 1);
}

static void idle_call_while_it_watches_wakes_nobody(void **state)
{
    all_lie_down(3, true);
    assert_true(idle_take_watch(&idle, 0));
    idle_check_watch(&idle);
    idle_call_watch(&idle);
    for (uint32_t w = 0; w < 3; w++)
        assert_int_equal(woken(w), 0);
}

static void idle_deliver_to_one_that_is_up_calls_the_watch(void **state)
{
    all_lie_down(3, true);
    assert_true(idle_take_watch(&idle, 0));
    assert_true(idle_end_watch(&idle));
    deliver(2, 0); /* the first push wakes whom it is for, who is not in a handler */
    assert_int_equal(woken(0), 0);
    assert_true(unwatched());
    deliver(2, 1); /* the second may wait behind the first */
    assert_int_equal(woken(0), 1);
    assert_false(unwatched());
}

/* ---- sleeping ---- */

static void idle_sleep_returns_at_once_when_woken_before(void **state)
{
    all_lie_down(1, true);
    beds[0].word.fd = PARK_ON_FUTEX;
    assert_true(idle_wake(&idle, 0));
    assert_true(idle_sleep(&idle, 0, PARK_FOREVER));
    assert_true(idle_lie_down(&idle, 0, true));
    deliver(0, 0);
    assert_true(idle_sleep(&idle, 0, PARK_FOREVER));
}

static void idle_sleep_says_when_its_time_is_up(void **state)
{
    all_lie_down(1, true);
    beds[0].word.fd = PARK_ON_FUTEX;
    assert_false(idle_sleep(&idle, 0, 1000));
    assert_true(idle_is_asleep(&idle, 0)); /* until it gets up */
}

static void *lie_down_and_sleep(void *arg)
{
    if (!idle_lie_down(&idle, 0, true) || !idle_sleep(&idle, 0, PARK_FOREVER))
        return NULL;
    idle_get_up(&idle, 0);
    atomic_fetch_add((atomic_uint *)arg, 1);
    return NULL;
}

static bool one_sleeps(void *arg) { return idle_is_asleep(&idle, 0); }

static void idle_sleep_lasts_until_it_is_woken(void **state)
{
    static atomic_uint got_up;
    struct thread thread;
    atomic_store(&got_up, 0);
    for (unsigned i = 0; i < 200; i++) {
        make_idle(1);
        beds[0].word.fd = PARK_ON_FUTEX;
        assert_int_equal(thread_start(&thread, "sleeper", lie_down_and_sleep, &got_up),
                         0);
        await_true(one_sleeps, NULL);
        assert_int_equal(atomic_load(&got_up), i);
        if (i % 2)
            deliver(0, 0);
        else
            assert_true(idle_wake(&idle, 0));
        thread_join(&thread);
        assert_int_equal(atomic_load(&got_up), i + 1);
        assert_hungry(0);
    }
}

/* ---- the mask while others change it ---- */

static atomic_uint wrong;

static void *lie_and_rise(void *arg)
{
    const uint32_t *w = arg;
    for (int i = 0; i < ROUNDS; i++) {
        (void)idle_lie_down(&idle, *w, true);
        idle_get_up(&idle, *w);
    }
    atomic_fetch_add(&ended, 1);
    return NULL;
}

/* Takes and puts back; `wants` never loses its bit nor gets one that nobody set. */
static void hunger_beside_others(bool has_watch)
{
    static const uint32_t numbers[] = {0, 1};
    struct thread threads[2];
    make_idle(3);
    assert_true(idle_take_watch(&idle, 2));
    if (!has_watch)
        fetch_or_seq(&idle.wants, IDLE_UNWATCHED);
    atomic_store(&wrong, 0);
    atomic_store(&ended, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            thread_start(&threads[i], "hungry", lie_and_rise, (void *)&numbers[i]), 0);
    while (atomic_load(&ended) < 2) {
        int32_t w = idle_take_hungry(&idle, -1);
        if (unwatched() == has_watch)
            atomic_fetch_add(&wrong, 1);
        if (w >= 0)
            idle_keep_hungry(&idle, (uint32_t)w);
        if (unwatched() == has_watch)
            atomic_fetch_add(&wrong, 1);
    }
    for (int i = 0; i < 2; i++)
        thread_join(&threads[i]);
    assert_int_equal(atomic_load(&wrong), 0);
    for (uint32_t w = 0; w < 2; w++)
        idle_get_up(&idle, w); /* one may have been put back too late */
    assert_hungry(0);
}

static void idle_hungry_are_counted_right_beside_others(void **state)
{
    hunger_beside_others(true);
    hunger_beside_others(false);
}

#define T cmocka_unit_test
int main(void)
{
    TESTS(
        T(idle_at_first_all_are_up), T(idle_lie_down_puts_the_hungry_into_the_mask),
        T(idle_lie_down_of_one_not_hungry_stays_out_of_it),
        T(idle_lie_down_on_arrivals_stays_up), T(idle_get_up_unwoken_takes_all_back),
        T(idle_get_up_keeps_what_has_arrived),
        T(idle_taking_arrivals_of_a_sleeper_gives_none),
        T(idle_deliver_puts_the_newest_in_front),
        T(idle_deliver_of_a_list_keeps_its_order),
        T(idle_deliver_to_a_sleeper_wakes_it_once),
        T(idle_deliver_writes_to_a_sleepers_descriptor),
        T(idle_wake_wakes_a_sleeper_with_nothing),
        T(idle_wake_of_one_that_is_up_says_so), T(idle_take_hungry_gives_each_once),
        T(idle_taken_from_the_mask_sleeps_on), T(idle_take_hungry_of_nobody_is_none),
        T(idle_take_hungry_takes_the_watch_last), T(idle_keep_hungry_puts_it_back),
        T(idle_kept_hungry_when_it_is_up_counts_once),
        T(idle_all_asleep_needs_every_one), T(idle_all_asleep_is_over_with_a_delivery),
        T(idle_all_asleep_is_not_taken_in_by_turns), T(idle_watch_is_taken_by_one_only),
        T(idle_left_watch_is_missing_until_it_is_taken),
        T(idle_left_watch_goes_to_a_sleeper_while_others_are_up),
        T(idle_watch_goes_on_while_anybody_is_up), T(idle_watch_ends_when_all_sleep),
        T(idle_call_wakes_the_sleeping_watch),
        T(idle_call_without_a_watch_wakes_one_sleeper),
        T(idle_call_when_the_watch_went_to_work_wakes_another),
        T(idle_call_while_it_watches_wakes_nobody),
        T(idle_deliver_to_one_that_is_up_calls_the_watch),
        T(idle_sleep_returns_at_once_when_woken_before),
        T(idle_sleep_says_when_its_time_is_up), T(idle_sleep_lasts_until_it_is_woken),
        T(idle_hungry_are_counted_right_beside_others));
    return RUN_TESTS();
}
