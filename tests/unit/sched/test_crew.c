/* test_crew.c: what happens between workers: wakes, tokens, who moves where; without
 * threads, so that one test plays all of them. */
#include "unit/sched/four.h"

/* ---- wakes ---- */

static void crew_wake_of_ones_own_runs_it_next(void **state)
{
    schedule_jobs(w, 1, 2);
    post(&crew, w, job_for(w, 0));
    assert_false(idle_has_arrivals(&crew.idle, 0));
    steps(w, 2);
    assert_record(0, 1);
    assert_job(0, 1, 1);
}

static void crew_wake_of_one_scheduled_here_leaves_it_the_token(void **state)
{
    schedule_jobs(w, 0, 1);
    post(&crew, w, &jobs[0]);
    assert_int_equal(deque_size(&w->deque), 1);
    run_dry(w);
    assert_job(0, 1, 1);
}

static void crew_wake_goes_to_the_owner_when_it_is_up(void **state)
{
    post(&crew, w, job_for(other, 0));
    assert_true(idle_has_arrivals(&crew.idle, 1));
    assert_int_equal(load_relaxed(&jobs[0].task.asker), 0);
    assert_owner(0, other);
    assert_false(worker_step(w));
    assert_int_equal(steals(w), 0);
}

static void crew_wake_from_outside_goes_to_the_owner(void **state)
{
    store_relaxed(&job_for(other, 0)->task.asker, (int16_t)2); /* of a former time */
    post(&crew, NULL, &jobs[0]);
    assert_int_equal(load_relaxed(&jobs[0].task.asker), TASK_NOBODY);
    steps(other, 1);
    assert_record(1000);
    assert_job(0, 1, 1);
}

static void crew_wake_from_outside_wakes_the_sleeping_owner(void **state)
{
    assert_true(worker_lie_down(other));
    post(&crew, NULL, job_for(other, 0));
    assert_int_equal(woken(1), 1);
    assert_false(idle_is_asleep(&crew.idle, 1));
    worker_get_up(other);
    steps(other, 1);
    assert_record(1000);
}

static void crew_wake_of_nobodys_makes_it_ones_own(void **state)
{
    post(&crew, other, new_job(0));
    assert_owner(0, other);
    steps(other, 1);
    assert_record(1000);
    assert_job(0, 1, 1);
}

static void crew_wake_of_nobodys_from_outside_makes_it_the_firsts(void **state)
{
    post(&crew, NULL, new_job(0));
    assert_owner(0, w);
    steps(w, 1);
    assert_record(0);
}

static void crew_mail_is_taken_with_one_wake(void **state)
{
    job_for(other, 0);
    post(&crew, NULL, &jobs[0]);
    post(&crew, w, &jobs[0]);
    post(&crew, third, &jobs[0]);
    settle();
    assert_job(0, 1, 3);
    post(&crew, NULL, &jobs[0]); /* and with the next one what comes later */
    settle();
    assert_job(0, 2, 4);
}

/* ---- pulling ---- */

static void crew_wake_pulls_a_task_from_a_sleeper(void **state)
{
    assert_true(worker_lie_down(other));
    post(&crew, w, job_for(other, 0));
    assert_owner(0, w);
    assert_true(idle_is_asleep(&crew.idle, 1));
    assert_int_equal(woken(1), 0);
    assert_int_equal(steals(w), 1);
    assert_int_equal(steals(other), 0);
    steps(w, 1);
    assert_record(0);
    assert_job(0, 1, 1);
    worker_get_up(other); /* nobody holds its bias */
    assert_false(worker_step(other));
}

static void crew_wake_does_not_pull_what_is_being_made(void **state)
{
    assert_true(worker_lie_down(other));
    job_for(other, 0)->task.scheduled = true; /* by somebody outside */
    post(&crew, w, &jobs[0]);
    assert_owner(0, other);
    assert_int_equal(woken(1), 1);
    assert_int_equal(steals(w), 0);
    worker_get_up(other);
    assert_false(worker_step(other));
    assert_true(jobs[0].task.token); /* for its first run */
}

static void crew_wake_does_not_pull_while_another_robs(void **state)
{
    assert_true(worker_lie_down(other));
    job_for(other, 0);
    assert_true(bias_seize(&other->bias, false));
    post(&crew, w, &jobs[0]);
    bias_release(&other->bias);
    assert_owner(0, other);
    settle();
    assert_job(0, 1, 1);
}

static void crew_wake_does_not_pull_from_one_woken_just_now(void **state)
{
    assert_true(worker_lie_down(other));
    assert_true(idle_wake(&crew.idle, 1)); /* it rests until it runs */
    post(&crew, w, job_for(other, 0));
    assert_owner(0, other);
    assert_int_equal(steals(w), 0);
    settle();
    assert_job(0, 1, 1);
}

/* ---- arrivals ---- */

static void crew_arrivals_run_in_their_order(void **state)
{
    for (int i = 0; i < 5; i++)
        post(&crew, NULL, job_for(w, i));
    steps(w, 5);
    assert_record(0, 1, 2, 3, 4);
}

static void crew_arrivals_run_behind_the_young(void **state)
{
    schedule_jobs(w, 1, 3);
    post(&crew, NULL, job_for(w, 0));
    steps(w, 3);
    assert_record(2, 1, 0);
}

static void crew_arrivals_are_looked_at_when_nothing_is_young(void **state)
{
    schedule_jobs(w, 1, 3);
    post(&crew, NULL, job_for(w, 0));
    steps(w, 1);
    assert_true(idle_has_arrivals(&crew.idle, 0));
    steps(w, 1); /* the newest one's place was empty */
    assert_false(idle_has_arrivals(&crew.idle, 0));
    assert_line(w, 0, 1);
    run_dry(w);
    assert_record(2, 1, 0);
    assert_job(0, 1, 1);
}

static void crew_arrivals_are_looked_at_when_the_old_one_has_its_turn(void **state)
{
    schedule_jobs(w, 1, 3);
    post(&crew, NULL, job_for(w, 0));
    w->oldest_next = true; /* so that the line has its turn */
    w->due = 1;
    steps(w, 1);
    assert_record(0);
}

static void crew_arrivals_are_looked_at_when_a_window_ends(void **state)
{
    schedule_jobs(w, 1, 3);
    post(&crew, NULL, job_for(w, 0));
    w->slice.left = 3;
    for (int left = 2; left > 0; left--) {
        assert_false(worker_slice_is_over(w));
        assert_int_equal(w->slice.left, left);
        assert_true(idle_has_arrivals(&crew.idle, 0));
    }
    (void)worker_slice_is_over(w);
    assert_false(idle_has_arrivals(&crew.idle, 0));
    assert_line(w, 0, 1);
    run_dry(w);
    assert_record(2, 1, 0);
}

static void crew_arrivals_simulated_are_looked_at_when_a_window_ends(void **state)
{
    worker_shuffle(w);
    post(&crew, NULL, job_for(w, 0));
    end_window(w);
    assert_false(idle_has_arrivals(&crew.idle, 0));
    assert_line(w, 0, 1);
}

static void crew_arrival_of_a_scheduled_one_is_its_token(void **state)
{
    post(&crew, NULL, job_for(w, 0));
    worker_schedule(w, &jobs[0].task);
    end_window(w);
    assert_true(jobs[0].task.token);
    steps(w, 1);
    assert_job(0, 1, 1);
    assert_false(worker_step(w)); /* not twice */
    assert_false(jobs[0].task.token);
}

static void crew_token_is_forwarded_to_the_new_owner(void **state)
{
    job_for(other, 0);
    post(&crew, NULL, &jobs[0]);
    task_give(&jobs[0].task, (int32_t)third->id);
    assert_false(worker_step(other));
    assert_true(idle_has_arrivals(&crew.idle, third->id));
    settle();
    assert_job(0, 1, 1);
}

static void crew_token_of_one_that_runs_elsewhere_is_forwarded(void **state)
{
    job_for(other, 0);
    post(&crew, w, &jobs[0]);
    task_give(&jobs[0].task, (int32_t)third->id);
    jobs[0].task.scheduled = true;
    assert_false(worker_step(other));
    assert_owner(0, third);
    assert_false(jobs[0].task.token); /* that is the other thread's */
    assert_false(worker_step(third));
    assert_true(jobs[0].task.token);
}

static void crew_token_of_a_new_life_elsewhere_is_forwarded_from_the_line(void **state)
{
    line_up_jobs(w, 0, 2);
    task_give(&jobs[0].task, TASK_NOBODY); /* it ended while it waited */
    assert_true(task_claim(&jobs[0].task, third->id));
    steps(w, 1);
    assert_record(1);
    assert_false(worker_step(w));
    assert_true(idle_has_arrivals(&crew.idle, third->id));
    settle();
    assert_job(0, 1, 0);
}

static void crew_token_of_nobodys_is_used_where_it_is(void **state)
{
    post(&crew, NULL, job_for(w, 0));
    task_give(&jobs[0].task, TASK_NOBODY);
    run_dry(w);
    assert_owner(0, w);
    assert_job(0, 1, 1);
}

/* ---- following ---- */

enum { DRAWS = 64 };

/* Asks a task of another worker, with this seed. Does it come to the asker? */
static bool comes(uint64_t seed, int asker)
{
    make_crew(CREW, seed);
    job_for(other, 0);
    store_relaxed(&jobs[0].task.asker, (int16_t)asker);
    assert_true(inbox_push(&jobs[0].task.inbox, &jobs[0].mail[0]));
    idle_deliver(&crew.idle, 1, &jobs[0].task, &jobs[0].task);
    bool stays = worker_step(other);
    if (!stays) {
        assert_owner(0, &workers[asker]);
        assert_true(idle_has_arrivals(&crew.idle, (uint32_t)asker));
    }
    settle();
    assert_job(0, 1, 1);
    return !stays;
}

static void crew_task_follows_its_asker_most_times(void **state)
{
    int came = 0;
    for (uint64_t seed = 1; seed <= DRAWS; seed++)
        came += comes(seed, 0);
    assert_in_range(came, DRAWS / 2, DRAWS - 1);
}

static void crew_task_that_stays_runs_next(void **state)
{
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        make_crew(CREW, seed);
        schedule_jobs(other, 1, 2);
        post(&crew, w, job_for(other, 0));
        end_window(other);
        steps(other, 1);
        if (atomic_load(&jobs[0].runs) == 1)
            return; /* before the other one */
    }
    fail_msg("it always left");
}

static void crew_task_follows_by_the_seed_only(void **state)
{
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        bool came = comes(seed, 2);
        assert_int_equal(comes(seed, 2), came);
    }
}

static void crew_task_does_not_follow_to_the_outside(void **state)
{
    for (uint64_t seed = 1; seed <= DRAWS; seed++)
        assert_false(comes(seed, TASK_NOBODY));
}

static void crew_task_does_not_follow_to_where_it_is(void **state)
{
    for (uint64_t seed = 1; seed <= DRAWS; seed++)
        assert_false(comes(seed, 1));
}

static void crew_task_that_runs_does_not_follow(void **state)
{
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        make_crew(CREW, seed);
        job_for(other, 0)->task.scheduled = true;
        post(&crew, w, &jobs[0]);
        assert_false(worker_step(other));
        assert_owner(0, other);
        assert_true(jobs[0].task.token);
    }
}

#define OF_FOUR(test) cmocka_unit_test_setup(test, make_four)

int main(void)
{
    TESTS(OF_FOUR(crew_wake_of_ones_own_runs_it_next),
          OF_FOUR(crew_wake_of_one_scheduled_here_leaves_it_the_token),
          OF_FOUR(crew_wake_goes_to_the_owner_when_it_is_up),
          OF_FOUR(crew_wake_from_outside_goes_to_the_owner),
          OF_FOUR(crew_wake_from_outside_wakes_the_sleeping_owner),
          OF_FOUR(crew_wake_of_nobodys_makes_it_ones_own),
          OF_FOUR(crew_wake_of_nobodys_from_outside_makes_it_the_firsts),
          OF_FOUR(crew_mail_is_taken_with_one_wake),
          OF_FOUR(crew_wake_pulls_a_task_from_a_sleeper),
          OF_FOUR(crew_wake_does_not_pull_what_is_being_made),
          OF_FOUR(crew_wake_does_not_pull_while_another_robs),
          OF_FOUR(crew_wake_does_not_pull_from_one_woken_just_now),
          OF_FOUR(crew_arrivals_run_in_their_order),
          OF_FOUR(crew_arrivals_run_behind_the_young),
          OF_FOUR(crew_arrivals_are_looked_at_when_nothing_is_young),
          OF_FOUR(crew_arrivals_are_looked_at_when_the_old_one_has_its_turn),
          OF_FOUR(crew_arrivals_are_looked_at_when_a_window_ends),
          OF_FOUR(crew_arrivals_simulated_are_looked_at_when_a_window_ends),
          OF_FOUR(crew_arrival_of_a_scheduled_one_is_its_token),
          OF_FOUR(crew_token_is_forwarded_to_the_new_owner),
          OF_FOUR(crew_token_of_one_that_runs_elsewhere_is_forwarded),
          OF_FOUR(crew_token_of_a_new_life_elsewhere_is_forwarded_from_the_line),
          OF_FOUR(crew_token_of_nobodys_is_used_where_it_is),
          cmocka_unit_test(crew_task_follows_its_asker_most_times),
          cmocka_unit_test(crew_task_that_stays_runs_next),
          cmocka_unit_test(crew_task_follows_by_the_seed_only),
          cmocka_unit_test(crew_task_does_not_follow_to_the_outside),
          cmocka_unit_test(crew_task_does_not_follow_to_where_it_is),
          cmocka_unit_test(crew_task_that_runs_does_not_follow));
    return RUN_TESTS();
}
