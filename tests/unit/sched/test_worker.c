/* test_worker.c: what one worker runs when, step by step on one thread and in virtual
 * time. */
#include "unit/sched/one.h"

#include <sys/wait.h>

/* ---- the young end ---- */

static void worker_without_work_runs_nothing(void **state)
{
    assert_false(worker_step(w));
    assert_int_equal(load_relaxed(&w->turns), 0);
    assert_true(load_relaxed(&w->bias.inside));
}

static void worker_runs_the_youngest_first(void **state)
{
    schedule_jobs(w, 0, 5);
    steps(w, 5);
    assert_record(4, 3, 2, 1, 0);
    assert_int_equal(load_relaxed(&w->turns), 5);
    assert_false(worker_step(w));
}

static void worker_runs_what_a_run_wakes_next(void **state)
{
    schedule_jobs(w, 0, 3);
    wakes[2] = job_for(w, 3);
    wakes[3] = job_for(w, 4);
    how_often = 2;
    steps(w, 5);
    assert_record(2, 3, 4, 1, 0);
}

static void worker_schedule_of_a_scheduled_one_is_nothing(void **state)
{
    schedule_jobs(w, 0, 2);
    worker_schedule(w, &jobs[0].task);
    worker_schedule(w, &jobs[1].task);
    assert_int_equal(deque_size(&w->deque), 2);
    run_dry(w);
    assert_record(1, 0);
}

static void worker_schedule_of_the_running_one_is_nothing(void **state)
{
    schedule_jobs(w, 0, 1);
    wakes[0] = &jobs[0];
    how_often = 1;
    run_dry(w);
    assert_record(0);
}

static void worker_schedule_says_that_a_light_one_has_more(void **state)
{
    struct task *task = &job_for(w, 0)->task;
    task_set_just(task, TASK_LIGHT);
    assert_null(worker_run_next(w, task));
    assert_true(task_is_just(task, TASK_LIGHT));
    worker_schedule(w, task);
    assert_false(task_is_just(task, TASK_LIGHT));
    assert_true(task_is_just(task, true));
    assert_int_equal(deque_size(&w->deque), 1);
    run_dry(w);
    assert_record(0);
}

static void worker_schedule_first_gives_the_one_before(void **state)
{
    struct task *a = &job_for(w, 0)->task, *b = &job_for(w, 1)->task;
    assert_null(worker_schedule_first(w, a));
    assert_true(a->scheduled);
    assert_null(worker_schedule_first(w, a));
    assert_ptr_equal(worker_schedule_first(w, b), a);
    worker_push_behind(w, a);
    run_dry(w);
    assert_record(1, 0);
}

static void worker_runs_at_most_max(void **state)
{
    schedule_jobs(w, 0, 5);
    assert_int_equal(crew.run(w, 3), 3);
    assert_record(4, 3, 2);
    assert_int_equal(crew.run(w, UINT32_MAX), 2);
}

/* ---- fairness ---- */

static void worker_gives_the_oldest_its_turn_after_a_streak(void **state)
{
    schedule_jobs(w, 2, 3);
    schedule_talkers(0, 1, 3 * WORKER_STREAK / 2);
    steps(w, WORKER_STREAK);
    for (int i = 0; i < WORKER_STREAK - 1; i++)
        assert_int_equal(record.values[i], i % 2);
    assert_int_equal(record.values[WORKER_STREAK - 1], 2);
    run_dry(w);
    assert_int_equal(record.count, 3 * WORKER_STREAK / 2 + 2); /* none was lost */
}

static void worker_gives_the_line_its_turn_after_a_streak(void **state)
{
    line_up_jobs(w, 2, 3);
    schedule_talkers(0, 1, 3 * WORKER_STREAK);
    steps(w, WORKER_STREAK); /* the first one is the deque's oldest */
    assert_runs(2, 3, 0);
    steps(w, 1);
    assert_runs(2, 3, 1);
}

static void worker_starts_a_new_streak_after_an_old_one(void **state)
{
    w->backlog = 100; /* waited the last time: nothing piles up */
    schedule_jobs(w, 2, 4);
    schedule_talkers(0, 1, 3 * WORKER_STREAK);
    steps(w, 2 * WORKER_STREAK - 1);
    assert_runs(2, 3, 1);
    assert_runs(3, 4, 0);
    steps(w, 1);
    assert_runs(3, 4, 1);
}

static void worker_works_off_what_piles_up(void **state)
{
    schedule_jobs(w, 2, 102);
    schedule_talkers(0, 1, 3 * WORKER_STREAK);
    steps(w, WORKER_STREAK - 1);
    assert_runs(2, 102, 0);
    record_clear();
    steps(w, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(record.values[i], 2 + i);
}

static void worker_works_off_so_many_at_a_time_at_most(void **state)
{
    line_up_jobs(w, 2, 2 + 2 * WORKER_STREAK);
    schedule_talkers(0, 1, 3 * WORKER_STREAK);
    steps(w, WORKER_STREAK - 1);
    steps(w, WORKER_STREAK);
    uint32_t left = w->line.count;
    assert_in_range(left, WORKER_STREAK, WORKER_STREAK * 3 / 2); /* it and the deque */
    steps(w, WORKER_STREAK - 1);
    assert_int_equal(w->line.count, left); /* the young end again */
}

/* One run takes one and leaves two more. */
static void worker_does_not_lay_out_what_grows(void **state)
{
    enum { GROWERS = 20 };
    schedule_jobs(w, 2, 2 + GROWERS);
    for (int i = 0; i < GROWERS; i++) {
        wakes[2 + i] = job_for(w, 100 + 2 * i);
        wakes_too[2 + i] = job_for(w, 101 + 2 * i);
    }
    schedule_talkers(0, 1, 3 * WORKER_STREAK);
    steps(w, WORKER_STREAK - 1);
    assert_runs(2, 2 + GROWERS, 0);
    steps(w, WORKER_STREAK / 2);
    assert_runs(2, 3, 1);
    assert_runs(4, 2 + GROWERS, 0); /* the second, before it was seen to grow */
}

static void worker_goes_on_after_a_streak_when_nothing_else_waits(void **state)
{
    schedule_talkers(0, 1, WORKER_STREAK + 50);
    steps(w, WORKER_STREAK + 51);
    assert_int_equal(record.count, WORKER_STREAK + 51);
    assert_false(worker_step(w));
}

static void worker_old_end_and_line_take_turns(void **state)
{
    schedule_jobs(w, 0, 3);
    line_up_jobs(w, 10, 13);
    for (int i = 0; i < 6; i++) {
        w->due = 1; /* the young end has had its share */
        steps(w, 1);
    }
    assert_record(0, 10, 1, 11, 2, 12);
}

static void worker_without_young_ones_runs_the_line_in_order(void **state)
{
    line_up_jobs(w, 0, 5);
    run_dry(w);
    assert_record(0, 1, 2, 3, 4);
    assert_line(w, 0, 0);
}

/* ---- a full deque ---- */

static void worker_full_deque_spills_to_the_line_oldest_first(void **state)
{
    enum { FULL = DEQUE_SIZE + 1 };
    schedule_jobs(w, 0, FULL);
    assert_line(w, 0, 0);
    assert_int_equal(deque_size(&w->deque), FULL);
    schedule_jobs(w, FULL, FULL + 1);
    assert_line(w, 0, DEQUE_SIZE / 2);
    assert_int_equal(deque_size(&w->deque), FULL + 1 - DEQUE_SIZE / 2);
    for (int i = FULL; i >= DEQUE_SIZE / 2; i--) {
        w->due = WORKER_STREAK;
        steps(w, 1);
        assert_int_equal(record.values[FULL - i], i);
    }
    run_dry(w);
    assert_runs(0, FULL + 1, 1);
}

static void worker_spilling_again_goes_behind_the_first(void **state)
{
    schedule_jobs(w, 0, DEQUE_SIZE + 1 + 1 + DEQUE_SIZE / 2);
    assert_line(w, 0, DEQUE_SIZE);
}

static void worker_spilling_loses_and_doubles_nothing(void **state)
{
    schedule_jobs(w, 0, JOBS);
    steps(w, JOBS);
    assert_false(worker_step(w));
    assert_runs(0, JOBS, 1);
}

static void worker_spilled_with_its_token_elsewhere_is_not_in_line(void **state)
{
    schedule_jobs(w, 0, DEQUE_SIZE + 1);
    lose_token(&jobs[5]);
    schedule_jobs(w, DEQUE_SIZE + 1, DEQUE_SIZE + 2);
    assert_int_equal(w->line.count, DEQUE_SIZE / 2 - 1);
    assert_false(jobs[5].task.scheduled);
    run_dry(w);
    assert_runs(5, 6, 0);
    crew_wake(&crew, w, &jobs[5].task); /* the token comes, and brings it back */
    run_dry(w);
    assert_runs(0, DEQUE_SIZE + 2, 1);
}

static void worker_spilled_with_its_token_takes_its_mail_later(void **state)
{
    schedule_jobs(w, 0, DEQUE_SIZE + 1);
    post(&crew, w, &jobs[5]);
    assert_true(jobs[5].task.token);
    schedule_jobs(w, DEQUE_SIZE + 1, DEQUE_SIZE + 2);
    assert_line(w, 0, DEQUE_SIZE / 2); /* with it, and its token is that of the line */
    run_dry(w);
    assert_runs(5, 6, 1);
    assert_int_equal(atomic_load(&jobs[5].letters), 1);
}

/* ---- requeue ---- */

static void worker_requeue_goes_behind_all_others(void **state)
{
    line_up_jobs(w, 3, 4);
    schedule_jobs(w, 0, 3);
    jobs[2].again = 1;
    run_dry(w);
    assert_record(2, 1, 0, 3, 2);
}

static void worker_requeue_of_a_lone_task_runs_it_again(void **state)
{
    schedule_jobs(w, 0, 1);
    jobs[0].again = 3;
    run_dry(w);
    assert_record(0, 0, 0, 0);
}

static void worker_requeue_with_the_token_elsewhere_goes_on_without(void **state)
{
    schedule_jobs(w, 0, 1);
    jobs[0].again = 1;
    lose_token(&jobs[0]);
    steps(w, 1);
    assert_true(jobs[0].task.scheduled);
    assert_line(w, 0, 0);
    run_dry(w);
    assert_record(0, 0);
    crew_wake(&crew, NULL, &jobs[0].task); /* from outside */
    run_dry(w);
    assert_record(0, 0, 0);
}

static void worker_requeue_with_unread_mail_reads_it_with_its_token(void **state)
{
    schedule_jobs(w, 0, 1);
    jobs[0].again = 1;
    assert_true(
        inbox_push(&jobs[0].task.inbox, &jobs[0].mail[0])); /* its sender has it */
    steps(w, 1);
    assert_line(w, 0, 0);
    run_dry(w);
    assert_record(0, 0);
    assert_int_equal(atomic_load(&jobs[0].letters), 0);
    crew_wake(&crew, NULL, &jobs[0].task);
    run_dry(w);
    assert_int_equal(atomic_load(&jobs[0].letters), 1);
}

static void worker_requeue_uses_the_token_that_is_here(void **state)
{
    struct job *job = job_for(w, 0);
    job->task.scheduled = true; /* it runs */
    post(&crew, w, job);
    assert_true(job->task.token);
    worker_requeue(w, &job->task);
    assert_line(w, 0, 1);
    run_dry(w);
    assert_int_equal(atomic_load(&job->letters), 1);
    assert_runs(0, 1, 1);
}

static void worker_scheduled_in_line_runs_at_the_young_end_already(void **state)
{
    line_up_jobs(w, 0, 2);
    worker_schedule(w, &jobs[1].task); /* somebody here sends it something */
    steps(w, 1);
    assert_record(1);
    run_dry(w); /* once more, for its token */
    assert_record(1, 0, 1);
}

static void worker_in_line_and_deque_is_run_from_one_of_them(void **state)
{
    line_up_jobs(w, 0, 1);
    worker_schedule(w, &jobs[0].task);
    w->oldest_next = true; /* so that the line has its turn */
    w->due = 1;
    steps(w, 1); /* found in line, and left to the deque */
    assert_record(0);
    assert_int_equal(w->line.count, 0);
    assert_int_equal(deque_size(&w->deque), 0);
    assert_false(worker_step(w));
    assert_ptr_equal(load_relaxed(&jobs[0].task.inbox.newest), INBOX_EMPTY);
}

/* ---- sleep ---- */

static void worker_lies_down_resting_and_hungry(void **state)
{
    assert_true(worker_lie_down(w));
    assert_true(idle_is_asleep(&crew.idle, 0));
    assert_true(bias_seize(&w->bias, false));
    assert_true(bias_is_resting(&w->bias));
    bias_release(&w->bias);
    assert_int_equal(idle_take_hungry(&crew.idle, -1), 0);
}

static void worker_got_up_is_inside_and_not_hungry(void **state)
{
    assert_true(worker_lie_down(w));
    worker_get_up(w);
    assert_false(idle_is_asleep(&crew.idle, 0));
    assert_false(bias_seize(&w->bias, true));
    assert_int_equal(load_relaxed(&crew.idle.wants), 0);
}

static void worker_does_not_lie_down_on_arrivals(void **state)
{
    post(&crew, NULL, job_for(w, 0));
    assert_false(worker_lie_down(w));
    assert_false(idle_is_asleep(&crew.idle, 0));
    assert_false(bias_seize(&w->bias, true)); /* inside */
    assert_int_equal(load_relaxed(&crew.idle.wants), 0);
    run_dry(w);
    assert_record(0);
}

static void worker_does_not_lie_down_when_it_is_to_end(void **state)
{
    store_seq(&crew.stopping, true);
    assert_false(worker_lie_down(w));
    assert_false(idle_is_asleep(&crew.idle, 0));
    assert_false(bias_seize(&w->bias, true));
    assert_int_equal(load_relaxed(&crew.idle.wants), 0);
}

/* ---- who runs here ---- */

static void worker_enter_says_who_was_here_before(void **state)
{
    assert_null(worker_current());
    assert_null(worker_enter(w));
    assert_ptr_equal(worker_current(), w);
    assert_ptr_equal(worker_enter(NULL), w);
    assert_null(worker_current());
}

static void fork_outside(void)
{
    worker_forked(); /* nothing runs here: all is well */
    bias_leave(&w->bias);
    bias_enter(&w->bias);
}

static void fork_in_a_handler(void)
{
    worker_enter(w);
    bias_leave(&w->bias);
    worker_forked();
    if (worker_current())
        exit(1);
    bias_enter(&w->bias); /* the handler has returned */
}

static void worker_forked_must_not_come_back(void **state)
{
    assert_int_equal(in_child(fork_outside), 0);
    int status = in_child(fork_in_a_handler);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* ---- simulated ---- */

static void worker_shuffled_gives_everything_a_turn_in_any_order(void **state)
{
    bool orders_differ = false;
    struct record first = {0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        make_crew(1, seed);
        w->shuffled = true;
        w->backlog = 100; /* nothing piles up */
        w->due = 1; /* the old end has its turn, and draws how soon it has the next */
        line_up_jobs(w, 0, 5);
        schedule_jobs(w, 5, 10);
        run_dry(w);
        assert_int_equal(record.count, 10);
        assert_runs(0, 10, 1);
        if (seed == 1)
            first = record;
        orders_differ |= memcmp(&first, &record, sizeof first) != 0;
    }
    assert_true(orders_differ);
}

static void worker_shuffled_ends_slices_at_random(void **state)
{
    int ended = 0;
    w->shuffled = true;
    w->slice.left = 1;
    for (int i = 0; i < 1000; i++)
        ended += worker_slice_is_over(w);
    assert_in_range(ended, 50, 250); /* one in nine or so */
}

#define ALONE(test) cmocka_unit_test_setup(test, make_one)

int main(void)
{
    TESTS(ALONE(worker_without_work_runs_nothing),
          ALONE(worker_runs_the_youngest_first),
          ALONE(worker_runs_what_a_run_wakes_next),
          ALONE(worker_schedule_of_a_scheduled_one_is_nothing),
          ALONE(worker_schedule_of_the_running_one_is_nothing),
          ALONE(worker_schedule_says_that_a_light_one_has_more),
          ALONE(worker_schedule_first_gives_the_one_before),
          ALONE(worker_runs_at_most_max),
          ALONE(worker_gives_the_oldest_its_turn_after_a_streak),
          ALONE(worker_gives_the_line_its_turn_after_a_streak),
          ALONE(worker_starts_a_new_streak_after_an_old_one),
          ALONE(worker_works_off_what_piles_up),
          ALONE(worker_works_off_so_many_at_a_time_at_most),
          ALONE(worker_does_not_lay_out_what_grows),
          ALONE(worker_goes_on_after_a_streak_when_nothing_else_waits),
          ALONE(worker_old_end_and_line_take_turns),
          ALONE(worker_without_young_ones_runs_the_line_in_order),
          ALONE(worker_full_deque_spills_to_the_line_oldest_first),
          ALONE(worker_spilling_again_goes_behind_the_first),
          ALONE(worker_spilling_loses_and_doubles_nothing),
          ALONE(worker_spilled_with_its_token_elsewhere_is_not_in_line),
          ALONE(worker_spilled_with_its_token_takes_its_mail_later),
          ALONE(worker_requeue_goes_behind_all_others),
          ALONE(worker_requeue_of_a_lone_task_runs_it_again),
          ALONE(worker_requeue_with_the_token_elsewhere_goes_on_without),
          ALONE(worker_requeue_with_unread_mail_reads_it_with_its_token),
          ALONE(worker_requeue_uses_the_token_that_is_here),
          ALONE(worker_scheduled_in_line_runs_at_the_young_end_already),
          ALONE(worker_in_line_and_deque_is_run_from_one_of_them),
          ALONE(worker_lies_down_resting_and_hungry),
          ALONE(worker_got_up_is_inside_and_not_hungry),
          ALONE(worker_does_not_lie_down_on_arrivals),
          ALONE(worker_does_not_lie_down_when_it_is_to_end),
          ALONE(worker_enter_says_who_was_here_before),
          ALONE(worker_forked_must_not_come_back),
          ALONE(worker_shuffled_gives_everything_a_turn_in_any_order),
          ALONE(worker_shuffled_ends_slices_at_random));
    return RUN_TESTS();
}
