/* test_rescue.c: the watch takes what waits behind a handler that does not end. On one
 * thread: a worker whose bias is left and which has run is one inside a handler. */
#include "base/thread.h"
#include "sched/worker.h"

#include "support/support.h"
#include "unit/sched/jobs.h"

enum { RUNNING = JOBS - 1 };

static struct worker *const victim = &workers[1];

static void job_runs(struct job *job, struct worker *worker)
{
    if (record.count < RECORD_MAX)
        record_add(worker->id * 1000 + (uint64_t)job->number);
}

/* w watches; the victim is in the handler of RUNNING; the others are inside. */
static int make_stuck(void **state)
{
    make_crew(CREW, 1);
    crew.can_stop = thread_has_barrier();
    job_for(victim, RUNNING)->task.scheduled = true;
    counter_add(&victim->turns, 1);
    bias_leave(&victim->bias);
    return 0;
}

static uint64_t steals(void) { return load_relaxed(&w->steals); }

static void need_barrier(void)
{
    if (!crew.can_stop)
        skip();
}

/* What its handler does: it sends something to somebody of its own. */
static void wake_in_handler(int from, int end)
{
    bias_enter(&victim->bias);
    schedule_jobs(victim, from, end);
    bias_leave(&victim->bias);
}

static void line_up_before_handler(int from, int end)
{
    bias_enter(&victim->bias);
    line_up_jobs(victim, from, end);
    bias_leave(&victim->bias);
}

/* The watch has looked once. */
static void look_once(void) { assert_false(worker_rescue(w)); }

static void end_handler(void)
{
    bias_enter(&victim->bias);
    jobs[RUNNING].task.scheduled = false;
}

/* It looks once more where the last came from before it sleeps. */
static void take_all_the_rest(void)
{
    for (int i = 0; i == 0 || !worker_lie_down(w); i++) {
        assert_in_range(i, 0, JOBS);
        run_dry(w);
    }
    worker_get_up(w);
}

/* Nothing was taken: all of it runs where it was. */
static void assert_left(int count)
{
    assert_int_equal(steals(), 0);
    assert_int_equal(deque_size(&w->deque) + w->line.count, 0);
    if (!load_relaxed(&victim->bias.inside))
        end_handler();
    record_clear();
    run_dry(victim);
    assert_int_equal(record.count, count);
}

static void assert_w_is_inside(void) { assert_true(load_relaxed(&w->bias.inside)); }

/* ---- whom ---- */

static void rescue_looks_twice(void **state)
{
    need_barrier();
    wake_in_handler(0, 3);
    assert_false(worker_rescue(w));
    assert_int_equal(steals(), 0);
    assert_w_is_inside();
    assert_true(worker_rescue(w));
    assert_int_equal(steals(), 1);
    assert_w_is_inside();
    assert_false(load_relaxed(&victim->bias.wanted));
}

static void rescue_leaves_one_that_has_run_meanwhile(void **state)
{
    wake_in_handler(0, 3);
    for (int i = 0; i < 5; i++) {
        assert_false(worker_rescue(w));
        counter_add(&victim->turns, 1);
    }
    assert_left(3);
}

static void rescue_leaves_one_that_is_inside(void **state)
{
    wake_in_handler(0, 3);
    look_once();
    bias_enter(&victim->bias);
    assert_false(worker_rescue(w));
    assert_w_is_inside();
    assert_left(3);
}

static void rescue_leaves_one_that_another_robs(void **state)
{
    need_barrier();
    wake_in_handler(0, 3);
    look_once();
    assert_true(bias_seize(&victim->bias, true));
    assert_false(worker_rescue(w));
    bias_release(&victim->bias);
    assert_left(3);
}

static void rescue_without_a_barrier_is_none(void **state)
{
    crew.can_stop = false;
    wake_in_handler(0, 3);
    look_once();
    assert_false(worker_rescue(w));
    assert_w_is_inside();
    assert_left(3);
}

static void rescue_leaves_one_that_rests(void **state)
{
    end_handler();
    assert_true(worker_lie_down(victim));
    post(&crew, NULL, job_for(victim, 0)); /* wakes it, but it has not risen */
    look_once();
    assert_false(worker_rescue(w));
    assert_false(load_relaxed(&victim->bias.wanted));
    worker_get_up(victim);
    assert_left(1);
}

static void rescue_leaves_sleepers(void **state)
{
    end_handler();
    assert_true(worker_lie_down(victim));
    look_once();
    assert_false(worker_rescue(w));
    assert_true(idle_is_asleep(&crew.idle, victim->id));
    worker_get_up(victim);
    assert_left(0);
}

static void rescue_of_a_handler_with_nothing_behind_it_is_none(void **state)
{
    look_once();
    assert_false(worker_rescue(w));
    assert_false(worker_rescue(w));
    assert_w_is_inside();
    assert_left(0);
}

static void rescue_finds_the_one_that_is_stuck(void **state)
{
    need_barrier();
    for (uint32_t stuck = 1; stuck < CREW; stuck++) {
        make_crew(CREW, 1);
        crew.can_stop = true;
        schedule_jobs(&workers[stuck], 0, 2);
        counter_add(&workers[stuck].turns, 1);
        bias_leave(&workers[stuck].bias);
        look_once();
        assert_true(worker_rescue(w));
        run_dry(w);
        assert_runs(0, 2, 1);
    }
}

/* ---- what ---- */

static void rescue_takes_what_its_handler_woke(void **state)
{
    need_barrier();
    wake_in_handler(0, 5);
    look_once();
    assert_true(worker_rescue(w));
    run_dry(w);
    assert_record(0, 1, 2, 3, 4); /* first the one that has waited longest */
    end_handler();
    assert_false(worker_step(victim));
}

static void rescue_takes_the_line_in_its_order(void **state)
{
    need_barrier();
    line_up_before_handler(0, 5);
    look_once();
    assert_true(worker_rescue(w));
    assert_line(w, 0, 5);
    run_dry(w);
    assert_record(0, 1, 2, 3, 4);
    end_handler();
    assert_false(worker_step(victim));
}

static void rescue_takes_what_has_arrived(void **state)
{
    need_barrier();
    for (int i = 0; i < 5; i++)
        post(&crew, NULL, job_for(victim, i));
    look_once();
    assert_true(worker_rescue(w));
    assert_false(idle_has_arrivals(&crew.idle, victim->id));
    run_dry(w);
    assert_record(0, 1, 2, 3, 4);
    for (int i = 0; i < 5; i++)
        assert_int_equal(atomic_load(&jobs[i].letters), 1);
}

static void rescue_takes_everything_that_waits(void **state)
{
    need_barrier();
    line_up_before_handler(0, 200);
    wake_in_handler(200, 400);
    for (int i = 400; i < 600; i++)
        post(&crew, NULL, job_for(victim, i));
    look_once();
    assert_true(worker_rescue(w));
    assert_int_equal(steals(), 1);
    take_all_the_rest();
    assert_runs(0, 600, 1);
    assert_true(steals() >= 4); /* some at a time: 400 of the line, 200 of the deque */
    end_handler();
    assert_false(worker_step(victim));
}

static void rescue_takes_a_full_deque(void **state)
{
    need_barrier();
    wake_in_handler(0, DEQUE_SIZE + 1);
    assert_true(deque_is_full(&victim->deque));
    look_once();
    assert_true(worker_rescue(w));
    take_all_the_rest();
    assert_runs(0, DEQUE_SIZE + 1, 1);
}

/* Alarms may have filled it, or what came from outside. */
static void rescue_finds_room_where_the_deque_is_full(void **state)
{
    need_barrier();
    wake_in_handler(0, 200);
    look_once();
    schedule_jobs(w, 200, 200 + DEQUE_SIZE + 1);
    assert_true(worker_rescue(w));
    assert_true(deque_ring_size(&w->deque) <= DEQUE_SIZE);
    take_all_the_rest();
    assert_runs(0, 200 + DEQUE_SIZE + 1, 1);
}

static void rescue_goes_on_before_it_sleeps_only_while_its_victim_is_stuck(void **state)
{
    need_barrier();
    wake_in_handler(0, DEQUE_SIZE + 1);
    look_once();
    assert_true(worker_rescue(w));
    run_dry(w);
    counter_add(&victim->turns, 1); /* it has gone on */
    assert_true(worker_lie_down(w));
    worker_get_up(w);
    assert_int_equal(steals(), 1);
    end_handler();
    run_dry(victim);
    assert_runs(0, DEQUE_SIZE + 1, 1);
}

static void rescue_does_not_take_what_runs(void **state)
{
    need_barrier();
    wake_in_handler(0, 1);
    post(&crew, NULL, &jobs[RUNNING]);
    look_once();
    assert_true(worker_rescue(w));
    run_dry(w);
    assert_record(0);
    assert_int_equal(load_relaxed(&jobs[RUNNING].task.owner), victim->id);
    assert_true(jobs[RUNNING].task.token); /* it finds its mail */
}

static void rescue_of_mail_for_what_runs_only_is_none(void **state)
{
    need_barrier();
    post(&crew, NULL, &jobs[RUNNING]);
    look_once();
    assert_false(worker_rescue(w));
    assert_int_equal(steals(), 0);
    assert_true(jobs[RUNNING].task.token);
    assert_w_is_inside();
}

static void rescue_brings_mail_and_tokens_along(void **state)
{
    need_barrier();
    wake_in_handler(0, 2);
    post(&crew, NULL, &jobs[0]); /* scheduled: its token has arrived behind it */
    look_once();
    assert_true(worker_rescue(w));
    run_dry(w);
    assert_runs(0, 2, 1);
    assert_int_equal(atomic_load(&jobs[0].letters), 1);
}

static void rescue_forwards_tokens_of_others(void **state)
{
    need_barrier();
    post(&crew, NULL, job_for(victim, 0));
    task_give(&jobs[0].task, 2);
    look_once();
    assert_false(worker_rescue(w));
    assert_true(idle_has_arrivals(&crew.idle, 2));
}

static void rescue_lets_the_handler_go_on(void **state)
{
    need_barrier();
    wake_in_handler(0, 3);
    look_once();
    assert_true(worker_rescue(w));
    wake_in_handler(3, 6);
    post(&crew, NULL, &jobs[RUNNING]);
    bias_enter(&victim->bias); /* its end, as in run_job */
    worker_requeue(victim, &jobs[RUNNING].task);
    run_dry(victim);
    run_dry(w);
    assert_runs(0, 6, 1);
    assert_runs(RUNNING, RUNNING + 1, 1);
    assert_int_equal(atomic_load(&jobs[RUNNING].letters), 1);
}

/* ---- its alarms ---- */

static struct alarm alarms[2];

/* Of jobs 0 and 1, which are the victim's. */
static void set_alarm_in_handler(int n, int64_t due)
{
    bias_enter(&victim->bias);
    alarms[n] =
        (struct alarm){.task = &job_for(victim, n)->task, .mail = &jobs[n].mail[0]};
    atomic_set(&alarms[n].state, ALARM_OFF);
    alarm_set(&victim->alarms, &alarms[n], due);
    bias_leave(&victim->bias);
}

static void rescue_rings_the_alarms_of_a_handler_that_does_not_end(void **state)
{
    need_barrier();
    set_alarm_in_handler(0, 100);
    set_alarm_in_handler(1, 200);
    look_once();
    assert_false(worker_rescue(w)); /* not yet */
    clock_advance(&crew.clock, 100);
    assert_true(worker_rescue(w));
    run_dry(w);
    assert_record(0);
    assert_int_equal(atomic_load(&jobs[0].letters), 1);
    assert_int_equal(wheel_count(&victim->alarms.wheel), 1);
    clock_advance(&crew.clock, 100);
    assert_true(worker_rescue(w));
    run_dry(w);
    assert_record(0, 1);
    assert_int_equal(load_relaxed(&victim->alarms.over), 2);
    end_handler();
    assert_false(worker_step(victim));
}

static void rescue_rings_what_others_sent_back(void **state)
{
    need_barrier();
    set_alarm_in_handler(0, INT64_C(1) << 40);
    assert_false(alarm_cancel(&workers[2].alarms, &victim->alarms, &alarms[0]));
    look_once();
    assert_true(worker_rescue(w));
    run_dry(w);
    assert_record(0);
    assert_int_equal(wheel_count(&victim->alarms.wheel), 0);
}

/* Of one that has run meanwhile, or rests, they are its own business. */
static void rescue_rings_for_no_others(void **state)
{
    set_alarm_in_handler(0, 100);
    look_once();
    clock_advance(&crew.clock, 100);
    counter_add(&victim->turns, 1);
    assert_false(worker_rescue(w));
    assert_int_equal(load_relaxed(&alarms[0].state), ALARM_SET);
    end_handler();
    assert_false(worker_lie_down(victim)); /* it rings itself */
    run_dry(victim);
    assert_record(1000); /* on the victim */
    set_alarm_in_handler(1, 200);
    bias_enter(&victim->bias);
    assert_true(worker_lie_down(victim));
    clock_advance(&crew.clock, 100);
    post(&crew, NULL, job_for(victim, 2)); /* wakes it, but it has not risen */
    look_once();
    assert_false(worker_rescue(w));
    assert_int_equal(load_relaxed(&alarms[1].state), ALARM_SET);
    worker_get_up(victim);
    assert_left(1);
}

#define STUCK(test) cmocka_unit_test_setup(test, make_stuck)

/* ---- when the watch looks ---- */

static int64_t look_ns(int64_t now) { return idle_look_ns(&crew.idle, now, 500); }
static bool look_is_due(int64_t now) { return idle_look_is_due(&crew.idle, now); }

static void look_is_not_put_off_by_what_wakes_the_watch(void **state)
{
    assert_false(look_is_due(1000)); /* nobody has begun to wait */
    assert_int_equal(look_ns(1000), 500);
    for (int64_t now = 1100; now < 1500; now += 100) {
        assert_int_equal(look_ns(now), 1500 - now);
        assert_false(look_is_due(now)); /* it was woken, or is another one */
    }
    assert_int_equal(look_ns(1700), 0);
    assert_true(look_is_due(1700));
    assert_false(look_is_due(1700));
    assert_int_equal(look_ns(1700), 500); /* twice in one turn is a period at least */
}

static void look_is_off_when_all_sleep(void **state)
{
    assert_int_equal(look_ns(1000), 500);
    for (uint32_t i = 0; i < CREW; i++)
        assert_true(idle_lie_down(&crew.idle, i, false));
    assert_true(idle_take_watch(&crew.idle, 0));
    assert_true(idle_end_watch(&crew.idle));
    assert_int_equal(look_ns(9000), 500);
}

/* Worker 1 watches; 0 stands by, and finds itself the watch when that has gone. */
static void look_of_a_deputy_is_when_it_was_due(void **state)
{
    struct idle *idle = &crew.idle;
    for (uint32_t i = 0; i < 2; i++) /* and others do not sleep */
        assert_true(idle_lie_down(idle, i, false));
    assert_true(idle_take_watch(idle, 1));
    assert_true(idle_stand_by(idle, 0));
    assert_false(idle_stand_by(idle, 1));                /* one is enough */
    assert_false(idle_stand_down(idle, 0, false, 1000)); /* there is a watch */
    assert_int_equal(look_ns(1000), 500);
    assert_true(idle_stand_by(idle, 0));
    idle_get_up(idle, 1);
    idle_leave_watch(idle, 1);
    assert_true(idle_is_asleep(idle, 0)); /* nobody is woken for that */
    assert_true(idle_stand_down(idle, 0, false, 1100));
    assert_int_equal(look_ns(1100), 400);
    assert_true(look_is_due(1500));
    assert_true(idle_lie_down(idle, 1, false));
    assert_true(idle_stand_by(idle, 1));
    idle_get_up(idle, 0);
    idle_leave_watch(idle, 0);
    assert_true(idle_stand_down(idle, 1, false, 2000));
    assert_int_equal(look_ns(2000), 0); /* none was: at once */
}

int main(void)
{
    TESTS(
        STUCK(rescue_looks_twice), STUCK(rescue_leaves_one_that_has_run_meanwhile),
        STUCK(rescue_leaves_one_that_is_inside),
        STUCK(rescue_leaves_one_that_another_robs),
        STUCK(rescue_without_a_barrier_is_none), STUCK(rescue_leaves_one_that_rests),
        STUCK(rescue_leaves_sleepers),
        STUCK(rescue_of_a_handler_with_nothing_behind_it_is_none),
        STUCK(rescue_finds_the_one_that_is_stuck),
        STUCK(rescue_takes_what_its_handler_woke),
        STUCK(rescue_takes_the_line_in_its_order), STUCK(rescue_takes_what_has_arrived),
        STUCK(rescue_takes_everything_that_waits), STUCK(rescue_takes_a_full_deque),
        STUCK(rescue_finds_room_where_the_deque_is_full),
        STUCK(rescue_goes_on_before_it_sleeps_only_while_its_victim_is_stuck),
        STUCK(rescue_does_not_take_what_runs),
        STUCK(rescue_of_mail_for_what_runs_only_is_none),
        STUCK(rescue_brings_mail_and_tokens_along),
        STUCK(rescue_forwards_tokens_of_others), STUCK(rescue_lets_the_handler_go_on),
        STUCK(rescue_rings_the_alarms_of_a_handler_that_does_not_end),
        STUCK(rescue_rings_what_others_sent_back), STUCK(rescue_rings_for_no_others),
        STUCK(look_is_not_put_off_by_what_wakes_the_watch),
        STUCK(look_is_off_when_all_sleep), STUCK(look_of_a_deputy_is_when_it_was_due));
    return RUN_TESTS();
}
