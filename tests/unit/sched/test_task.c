/* test_task.c: to whom a task belongs. */
#include "sched/task.h"

#include "base/thread.h"
#include "support/support.h"

static struct task task;

static int make_free(void **state)
{
    task_init(&task);
    return 0;
}

static int32_t owner(void) { return load_relaxed(&task.owner); }

static void task_at_first_is_nobodys(void **state)
{
    assert_int_equal(owner(), TASK_NOBODY);
    assert_int_equal(load_relaxed(&task.asker), TASK_NOBODY);
    assert_false(task.scheduled);
    assert_false(task.token);
    assert_null(task.arrival);
    assert_ptr_equal(load_relaxed(&task.inbox.newest), INBOX_EMPTY);
    for (uint32_t worker = 0; worker < 4; worker++)
        assert_false(task_is_owned_by(&task, worker));
}

static void task_claimed_is_the_claimers_alone(void **state)
{
    assert_true(task_claim(&task, 3));
    assert_true(task_is_owned_by(&task, 3));
    assert_false(task_is_owned_by(&task, 0));
    assert_false(task_is_owned_by(&task, 2));
}

static void task_owned_cannot_be_claimed(void **state)
{
    assert_true(task_claim(&task, 0)); /* the first worker is somebody */
    assert_false(task_claim(&task, 1));
    assert_false(task_claim(&task, 0));
    assert_int_equal(owner(), 0);
}

static void task_given_away_is_the_others(void **state)
{
    assert_true(task_claim(&task, 1));
    task_give(&task, 1023);
    assert_false(task_is_owned_by(&task, 1));
    assert_true(task_is_owned_by(&task, 1023));
    assert_false(task_claim(&task, 1));
}

static void task_given_to_nobody_can_be_claimed_again(void **state)
{
    assert_true(task_claim(&task, 1));
    task_give(&task, TASK_NOBODY);
    assert_false(task_is_owned_by(&task, 1));
    assert_true(task_claim(&task, 2));
    assert_int_equal(owner(), 2);
}

static void task_with_anything_else_to_say_is_not_just_that(void **state)
{
    const uint8_t values[] = {false, true, TASK_LIGHT};
    for (int i = 0; i < 3; i++) {
        task_set_just(&task, values[i]);
        assert_int_equal(task.scheduled, values[i]);
        assert_true(task_is_just(&task, values[i]));
        assert_false(task_is_just(&task, values[(i + 1) % 3]));
        task.token = true;
        assert_false(task_is_just(&task, values[i]));
        task.token = false;
        task.odd = 128;
        assert_false(task_is_just(&task, values[i]));
        task.odd = 0;
        task.pinned = true;
        assert_false(task_is_just(&task, values[i]));
        task_set_just(&task, values[i]);
        assert_false(task.pinned);
    }
}

static void task_asker_can_be_any_worker(void **state)
{
    store_relaxed(&task.asker, (int16_t)1023);
    assert_int_equal(load_relaxed(&task.asker), 1023);
}

static void task_asker_says_who_gave_it(void **state)
{
    assert_int_equal(task_giver(task_given_by(0)), 0);
    assert_int_equal(task_giver(task_given_by(1023)), 1023);
    assert_int_equal(task_giver(TASK_NOBODY), TASK_NOBODY);
    assert_int_equal(task_giver(0), TASK_NOBODY);
    assert_int_equal(task_giver(1023), TASK_NOBODY);
}

/* ---- who wins ---- */

enum { THREADS = 3, ROUNDS = 100000 };
static const uint32_t numbers[THREADS] = {0, 1, 2};
static unsigned guarded; /* by owning it */
static atomic_uint there;

static void *claim_and_give_back(void *arg)
{
    const uint32_t *me = arg;
    atomic_fetch_add(&there, 1);
    while (atomic_load(&there) < THREADS)
        thread_yield();
    for (int round = 0; round < ROUNDS; round++) {
        while (!task_claim(&task, *me))
            thread_yield();
        guarded++;
        task_give(&task, TASK_NOBODY);
    }
    return NULL;
}

static void task_is_claimed_by_one_at_a_time(void **state)
{
    struct thread threads[THREADS];
    guarded = 0;
    atomic_store(&there, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&threads[i], "claimer", claim_and_give_back,
                                      (void *)&numbers[i]),
                         0);
    for (int i = 0; i < THREADS; i++)
        thread_join(&threads[i]);
    assert_int_equal(guarded, THREADS * ROUNDS);
    assert_int_equal(owner(), TASK_NOBODY);
}

#define ON_FREE(test) cmocka_unit_test_setup(test, make_free)

int main(void)
{
    TESTS(ON_FREE(task_at_first_is_nobodys),
          ON_FREE(task_claimed_is_the_claimers_alone),
          ON_FREE(task_owned_cannot_be_claimed), ON_FREE(task_given_away_is_the_others),
          ON_FREE(task_given_to_nobody_can_be_claimed_again),
          ON_FREE(task_asker_can_be_any_worker), ON_FREE(task_asker_says_who_gave_it),
          ON_FREE(task_with_anything_else_to_say_is_not_just_that),
          ON_FREE(task_is_claimed_by_one_at_a_time));
    return RUN_TESTS();
}
