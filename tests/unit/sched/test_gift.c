/* test_gift.c: what a worker with much to do gives to one that is hungry, and when. */
#include "unit/sched/four.h"

enum { DRAWS = 64 };

/* ---- gifts ---- */

/* What has been given to it, in the order in which it will run. */
static void assert_given(struct worker *to, int from, int end)
{
    for (int i = from; i < end; i++)
        assert_owner(i, to);
    worker_get_up(to);
    record_clear();
    run_dry(to);
    assert_int_equal(record.count, end - from);
    for (int i = from; i < end; i++)
        assert_int_equal(record.values[i - from], to->id * 1000 + (uint64_t)i);
}

/* Everything is worth moving. */
static int make_four_slow(void **state)
{
    make_crew(CREW, 1);
    w->slice.every = 1;
    return 0;
}

static void gift_gives_half_of_what_waits_rounded_up(void **state)
{
    for (int count = 1; count <= 9; count++) {
        make_four_slow(NULL);
        line_up_jobs(w, 0, count);
        assert_true(worker_lie_down(other));
        worker_attend(w);
        assert_int_equal(woken(1), 1);
        assert_line(w, (count + 1) / 2, count);
        assert_given(other, 0, (count + 1) / 2);
        assert_int_equal(steals(w), 1);
        assert_int_equal(steals(other), 0);
    }
}

static void gift_says_who_gave_it(void **state)
{
    line_up_jobs(w, 0, 2);
    assert_true(worker_lie_down(other));
    worker_attend(w);
    assert_int_equal(task_giver(load_relaxed(&jobs[0].task.asker)), w->id);
}

static void gift_gives_from_the_line_then_from_the_old_end(void **state)
{
    schedule_jobs(w, 2, 6);
    line_up_jobs(w, 0, 2);
    assert_true(worker_lie_down(other));
    worker_attend(w);
    assert_int_equal(w->line.count, 0);
    assert_given(other, 0, 3);
    record_clear();
    run_dry(w);
    assert_record(5, 4, 3);
}

static void gift_gives_so_many_at_a_time_at_most(void **state)
{
    line_up_jobs(w, 0, 3 * WORKER_GIFT);
    assert_true(worker_lie_down(other));
    worker_attend(w);
    assert_line(w, WORKER_GIFT, 3 * WORKER_GIFT);
    assert_given(other, 0, WORKER_GIFT);
}

static void gift_gives_to_one_and_to_the_next_with_the_next_look(void **state)
{
    line_up_jobs(w, 0, 8);
    assert_true(worker_lie_down(other));
    assert_true(worker_lie_down(third));
    worker_attend(w);
    assert_int_equal(woken(1) + woken(2), 1);
    worker_attend(w);
    assert_int_equal(woken(1), 1);
    assert_int_equal(woken(2), 1);
    assert_int_equal(w->line.count, 2);
    worker_attend(w); /* nobody is left */
    assert_int_equal(w->line.count, 2);
    assert_int_equal(steals(w), 2);
}

static void gift_gives_nothing_to_nobody(void **state)
{
    line_up_jobs(w, 0, 8);
    schedule_jobs(w, 8, 16);
    worker_attend(w);
    assert_true(idle_lie_down(&crew.idle, 1, false)); /* asleep, but not hungry */
    worker_attend(w);
    assert_line(w, 0, 8);
    assert_int_equal(deque_size(&w->deque), 8);
    for (int i = 0; i < 16; i++)
        assert_owner(i, w);
    assert_int_equal(steals(w), 0);
}

/* Who lies down is counted first, and stands in the mask a moment later. */
static void gift_gives_nothing_to_one_that_is_counted_only(void **state)
{
    line_up_jobs(w, 0, 8);
    fetch_add_seq(&crew.idle.wants, 1);
    worker_attend(w);
    assert_line(w, 0, 8);
    for (int i = 0; i < 8; i++)
        assert_owner(i, w);
    assert_int_equal(steals(w), 0);
}

static void gift_gives_nothing_when_nothing_waits(void **state)
{
    assert_true(worker_lie_down(other));
    worker_attend(w);
    assert_int_equal(woken(1), 0);
    assert_int_equal(idle_take_hungry(&crew.idle, -1), 1); /* it still is */
}

static void gift_does_not_give_what_is_next(void **state)
{
    schedule_jobs(w, 0, 1);
    assert_true(worker_lie_down(other));
    worker_attend(w);
    assert_int_equal(woken(1), 0);
    schedule_jobs(w, 1, 2);
    assert_given(other, 0, 1);
}

static void gift_gives_to_the_watch_last(void **state)
{
    for (uint32_t watch = 1; watch < CREW; watch++) {
        make_four_slow(NULL);
        line_up_jobs(w, 0, 64);
        for (uint32_t i = 1; i < CREW; i++)
            assert_true(worker_lie_down(&workers[i]));
        assert_true(idle_take_watch(&crew.idle, watch));
        worker_attend(w);
        worker_attend(w);
        assert_int_equal(woken(watch), 0);
        worker_attend(w);
        assert_int_equal(woken(watch), 1);
    }
}

static void gift_does_not_give_what_runs(void **state)
{
    job_for(w, 0)->task.scheduled = true; /* it runs */
    assert_true(worker_lie_down(other));
    post(&crew, NULL, &jobs[0]);
    end_window(w);
    worker_attend(w);
    assert_owner(0, w);
    assert_true(jobs[0].task.token);
    assert_int_equal(woken(1), 0);
}

static void gift_does_not_give_what_has_its_token_elsewhere(void **state)
{
    schedule_jobs(w, 0, 4);
    for (int i = 0; i < 4; i++)
        lose_token(&jobs[i]);
    assert_true(worker_lie_down(other));
    worker_attend(w);
    assert_int_equal(woken(1), 0);
    assert_int_equal(steals(w), 0);
    assert_int_equal(load_relaxed(&crew.idle.wants), 1); /* hungry as before */
    assert_int_equal(deque_size(&w->deque), 0);
    for (int i = 0; i < 4; i++)
        crew_wake(&crew, NULL, &jobs[i].task); /* the tokens come back */
    settle();
    assert_runs(0, 4, 1);
}

static void gift_gives_another_when_one_has_its_token_elsewhere(void **state)
{
    schedule_jobs(w, 0, 4);
    lose_token(&jobs[0]);
    assert_true(worker_lie_down(other));
    worker_attend(w);
    assert_given(other, 1, 3);
    crew_wake(&crew, NULL, &jobs[0].task);
    settle();
    assert_runs(0, 4, 1);
}

static void gift_brings_its_mail(void **state)
{
    schedule_jobs(w, 0, 2);
    post(&crew, w, &jobs[0]);
    assert_true(worker_lie_down(other));
    worker_attend(w);
    assert_given(other, 0, 1);
    assert_job(0, 1, 1);
}

static void gift_stays_where_it_was_given(void **state)
{
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        make_crew(CREW, seed);
        w->slice.every = 1;
        line_up_jobs(w, 0, 1);
        store_relaxed(&jobs[0].task.asker, (int16_t)2); /* of a former time */
        assert_true(worker_lie_down(other));
        worker_attend(w);
        assert_given(other, 0, 1);
    }
}

/* ---- what is worth a gift ---- */

static bool gives(void)
{
    assert_true(worker_lie_down(other));
    worker_attend(w);
    return woken(1) > 0;
}

static void gift_gives_when_many_wait(void **state)
{
    line_up_jobs(w, 0, 191);
    assert_false(gives());
    worker_get_up(other);
    line_up_jobs(w, 191, 192);
    assert_true(gives());
}

/* More workers than CPUs: only as many as there are CPUs are woken to share work. */
static void gift_goes_to_nobody_in_surplus(void **state)
{
    crew.surplus = 1;
    line_up_jobs(w, 0, 192);
    assert_false(gives());
    worker_get_up(other);
    crew.surplus = 0;
    assert_true(gives());
}

static void gift_gives_when_one_waits_long(void **state)
{
    line_up_jobs(w, 0, 1);
    w->due = WORKER_STREAK - 190;
    assert_false(gives());
    worker_get_up(other);
    w->due--;
    assert_true(gives());
}

static void gift_gives_when_messages_are_long(void **state)
{
    w->slice.every = 3;
    line_up_jobs(w, 0, 1);
    assert_true(gives());
}

static void gift_looks_for_the_hungry_when_one_more_waits(void **state)
{
    assert_true(worker_lie_down(other));
    schedule_jobs(w, 0, 192);
    assert_int_equal(woken(1), 0);
    schedule_jobs(w, 192, 193); /* 192 wait, besides the one that is next */
    assert_int_equal(woken(1), 1);
}

static void gift_looks_for_the_hungry_when_an_old_one_runs(void **state)
{
    line_up_jobs(w, 0, 193);
    assert_true(worker_lie_down(other));
    steps(w, 1);
    assert_int_equal(woken(1), 1);
}

static void gift_looks_for_the_hungry_when_it_reads_the_clock(void **state)
{
    line_up_jobs(w, 0, 193);
    assert_true(worker_lie_down(other));
    for (int i = 0; i < 64; i++)
        (void)worker_slice_is_over(w);
    assert_int_equal(woken(1), 1);
}

static void gift_simulated_gives_now_and_then_what_is_worth_little(void **state)
{
    int gave = 0;
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        make_crew(CREW, seed);
        w->shuffled = true;
        line_up_jobs(w, 0, 1);
        gave += gives();
    }
    assert_in_range(gave, DRAWS / 4, DRAWS * 3 / 4);
}

/* ---- the watch is called ---- */

/* All others sleep, the watch too. */
static void end_watch(void)
{
    assert_true(worker_lie_down(w));
    assert_true(worker_lie_down(other));
    crew.idle.workers = 2; /* of the crew's four */
    assert_true(idle_take_watch(&crew.idle, 1));
    assert_true(idle_end_watch(&crew.idle));
    worker_get_up(w);
    assert_int_equal(woken(1), 0);
}

static bool nobody_watches(void)
{
    return load_relaxed(&crew.idle.wants) & IDLE_UNWATCHED;
}

static void gift_first_schedule_calls_the_watch(void **state)
{
    end_watch();
    worker_leave_watch(w);
    schedule_jobs(w, 0, 1);
    assert_int_equal(woken(1), 1);
    schedule_jobs(w, 1, 2);
    assert_int_equal(woken(1), 1);
}

static void gift_mark_of_the_watch_is_no_work(void **state)
{
    end_watch();
    worker_leave_watch(w);
    assert_ptr_equal(w->deque.newest, DEQUE_MARK);
    assert_false(worker_has_work(w));
    assert_true(nobody_watches());
    schedule_jobs(w, 0, 1);
    assert_false(nobody_watches());
    assert_int_equal(deque_size(&w->deque), 1);
    schedule_jobs(w, 1, 2);
    run_dry(w);
    assert_record(1, 0);
}

static void gift_mark_of_the_watch_is_given_to_push_behind(void **state)
{
    end_watch();
    worker_leave_watch(w);
    struct task *task = &job_for(w, 0)->task;
    assert_ptr_equal(worker_schedule_first(w, task), DEQUE_MARK);
    assert_int_equal(woken(1), 0);
    worker_push_behind(w, (struct task *)DEQUE_MARK);
    assert_int_equal(woken(1), 1);
    assert_int_equal(deque_size(&w->deque), 1);
}

static void gift_watch_is_not_called_while_nothing_is_pushed(void **state)
{
    end_watch();
    worker_leave_watch(w);
    assert_false(worker_step(w));
    assert_int_equal(woken(1), 0);
    schedule_jobs(w, 0, 1);
    assert_int_equal(woken(1), 1);
    run_dry(w);
    assert_record(0);
}

static void gift_watch_that_is_kept_is_not_minded(void **state)
{
    assert_true(worker_lie_down(other));
    assert_true(idle_take_watch(&crew.idle, 1));
    assert_false(nobody_watches());
    worker_leave_watch(w);
    assert_null(w->deque.newest);
    schedule_jobs(w, 0, 1);
    assert_int_equal(woken(1), 0);
}

static void gift_watch_minded_over_a_young_one_is_called_by_the_next(void **state)
{
    end_watch();
    schedule_jobs(w, 0, 1); /* before it is minded: no mark, no call */
    assert_int_equal(woken(1), 0);
    worker_leave_watch(w);
    schedule_jobs(w, 1, 2);
    assert_int_equal(woken(1), 1);
    run_dry(w);
    assert_record(1, 0);
}

static void gift_first_delivery_to_one_that_is_up_calls_the_watch(void **state)
{
    end_watch();
    post(&crew, NULL, job_for(w, 0));
    assert_int_equal(woken(1), 1);
}

#define OF_FOUR(test) cmocka_unit_test_setup(test, make_four)
#define OF_SLOW(test) cmocka_unit_test_setup(test, make_four_slow)

int main(void)
{
    TESTS(cmocka_unit_test(gift_gives_half_of_what_waits_rounded_up),
          OF_SLOW(gift_says_who_gave_it),
          OF_SLOW(gift_gives_from_the_line_then_from_the_old_end),
          OF_SLOW(gift_gives_so_many_at_a_time_at_most),
          OF_SLOW(gift_gives_to_one_and_to_the_next_with_the_next_look),
          OF_SLOW(gift_gives_nothing_to_nobody),
          OF_SLOW(gift_gives_nothing_to_one_that_is_counted_only),
          OF_SLOW(gift_gives_nothing_when_nothing_waits),
          OF_SLOW(gift_does_not_give_what_is_next),
          cmocka_unit_test(gift_gives_to_the_watch_last),
          OF_SLOW(gift_does_not_give_what_runs),
          OF_SLOW(gift_does_not_give_what_has_its_token_elsewhere),
          OF_SLOW(gift_gives_another_when_one_has_its_token_elsewhere),
          OF_SLOW(gift_brings_its_mail),
          cmocka_unit_test(gift_stays_where_it_was_given),
          OF_FOUR(gift_gives_when_many_wait), OF_FOUR(gift_gives_when_one_waits_long),
          OF_FOUR(gift_goes_to_nobody_in_surplus),
          OF_FOUR(gift_gives_when_messages_are_long),
          OF_FOUR(gift_looks_for_the_hungry_when_one_more_waits),
          OF_FOUR(gift_looks_for_the_hungry_when_an_old_one_runs),
          OF_FOUR(gift_looks_for_the_hungry_when_it_reads_the_clock),
          cmocka_unit_test(gift_simulated_gives_now_and_then_what_is_worth_little),
          OF_FOUR(gift_first_schedule_calls_the_watch),
          OF_FOUR(gift_mark_of_the_watch_is_no_work),
          OF_FOUR(gift_mark_of_the_watch_is_given_to_push_behind),
          OF_FOUR(gift_watch_is_not_called_while_nothing_is_pushed),
          OF_FOUR(gift_watch_that_is_kept_is_not_minded),
          OF_FOUR(gift_watch_minded_over_a_young_one_is_called_by_the_next),
          OF_FOUR(gift_first_delivery_to_one_that_is_up_calls_the_watch));
    return RUN_TESTS();
}
