/* test_alarm.c: mail to a task, later: when it rings, who may cancel it, and what a
 * worker does about it. On one thread, in virtual time. */
#include "sched/alarm.h"

#include "base/rng.h"
#include "support/support.h"
#include "unit/sched/jobs.h"

#include <assert.h>

enum { ALARMS = 400, DUE = 5000 };
static_assert((int)ALARMS < (int)JOBS, "a job for each");

static struct alarm bells[ALARMS];
static struct worker *const other = &workers[1];

static void job_runs(struct job *job, struct worker *worker)
{
    if (record.count < RECORD_MAX)
        record_add((uint64_t)job->number);
}

static int make_two(void **state)
{
    make_crew(2, 1);
    for (int i = 0; i < ALARMS; i++) {
        bells[i] = (struct alarm){.mail = &jobs[i].mail[0]};
        atomic_set(&bells[i].state, ALARM_OFF);
    }
    return 0;
}

/* Number n, for a job of its own, which belongs to that worker. */
static struct alarm *set(struct worker *worker, int n, int64_t due)
{
    bells[n].task = &job_for(worker, n)->task;
    alarm_set(&worker->alarms, &bells[n], due);
    return &bells[n];
}

static bool cancel(struct worker *here, struct alarm *alarm)
{
    return alarm_cancel(&here->alarms, &workers[alarm->worker].alarms, alarm);
}

static int64_t now(void) { return clock_now(&crew.clock); }
static void pass(int64_t ns) { clock_advance(&crew.clock, ns); }
static void come(int64_t time) { pass(time - now()); }

/* What rings now, all of it. */
static void ring(struct worker *worker)
{
    while (alarms_are_due(&worker->alarms, now()))
        worker_ring(worker, worker, now());
    run_dry(worker);
}

static void assert_balance(uint64_t pending)
{
    uint64_t set_here = 0, over = 0;
    for (uint32_t i = 0; i < crew.count; i++) {
        set_here += load_relaxed(&workers[i].alarms.set);
        over += load_relaxed(&workers[i].alarms.over);
        wheel_check(&workers[i].alarms.wheel);
    }
    assert_int_equal(set_here - over, pending);
}

static unsigned letters(int n) { return atomic_load(&jobs[n].letters); }

/* ---- time ---- */

static void alarms_without_any_are_never_due(void **state)
{
    assert_false(alarms_are_set(&w->alarms));
    assert_false(alarms_are_due(&w->alarms, INT64_MAX - 1));
    assert_null(alarms_take(&w->alarms, INT64_MAX - 1));
    assert_true(worker_rest_ns(w) == PARK_FOREVER);
    assert_balance(0);
}

static void alarm_rings_at_its_nanosecond(void **state)
{
    struct alarm *alarm = set(w, 0, DUE);
    assert_true(alarms_are_set(&w->alarms));
    assert_false(alarms_are_due(&w->alarms, DUE - 1));
    assert_null(alarms_take(&w->alarms, DUE - 1));
    assert_int_equal(load_relaxed(&alarm->state), ALARM_SET);
    assert_balance(1);
    assert_true(alarms_are_due(&w->alarms, DUE));
    assert_ptr_equal(alarms_take(&w->alarms, DUE), alarm);
    assert_int_equal(load_relaxed(&alarm->state), ALARM_RANG);
    assert_null(alarms_take(&w->alarms, DUE));
    assert_false(alarms_are_set(&w->alarms));
    assert_balance(0);
}

static void alarm_set_in_the_past_rings_at_once(void **state)
{
    come(DUE);
    set(w, 0, 1);
    set(w, 1, 0);
    ring(w);
    assert_int_equal(record.count, 2);
    assert_balance(0);
}

static void alarms_ring_in_the_order_in_which_they_are_due(void **state)
{
    static const int64_t times[] = {900000, 50000, 70000000, 50000, 1, 8000000000};
    for (int i = 0; i < 6; i++)
        set(w, i, now() + times[i]);
    while (alarms_are_set(&w->alarms)) {
        struct alarm *alarm;
        pass(worker_rest_ns(w));
        while ((alarm = alarms_take(&w->alarms, now())))
            record_add((uint64_t)(alarm - bells));
    }
    assert_record(4, 1, 3, 0, 2, 5);
}

/* Whatever the times are, and however the clock goes on: once, and never early. */
static void alarms_of_any_times_ring_once_and_never_early(void **state)
{
    struct rng rng = rng_stream(7, 1);
    int64_t due[ALARMS];
    for (int i = 0; i < ALARMS; i++) {
        due[i] = 1 + (int64_t)(rng_next(&rng) >> (16 + rng_below(&rng, 40)));
        set(w, i, due[i]);
    }
    for (int steps = 0; alarms_are_set(&w->alarms); steps++) {
        assert_in_range(steps, 0, 100 * ALARMS);
        int64_t rest = worker_rest_ns(w);
        pass(rest > 0 ? rest : 1);
        int64_t before = now() - (rest > 0 ? rest : 1);
        ring(w);
        for (int i = 0; i < ALARMS; i++) {
            if (letters(i))
                assert_true(due[i] <= now());
            else
                assert_true(due[i] > before);
        }
    }
    for (int i = 0; i < ALARMS; i++)
        assert_int_equal(letters(i), 1);
    assert_balance(0);
}

/* ---- cancelled at home ---- */

static void alarm_cancelled_at_home_is_off_at_once(void **state)
{
    struct alarm *alarm = set(w, 0, DUE);
    assert_true(cancel(w, alarm));
    assert_int_equal(load_relaxed(&alarm->state), ALARM_OFF);
    assert_int_equal(wheel_count(&w->alarms.wheel), 0);
    assert_balance(0);
    come(10 * DUE);
    ring(w);
    assert_int_equal(letters(0), 0);
    assert_false(alarms_are_set(&w->alarms));
}

static void alarm_that_is_off_is_cancelled_already(void **state)
{
    struct alarm *alarm = set(w, 0, DUE);
    assert_true(cancel(w, alarm));
    assert_true(cancel(w, alarm));
    assert_true(cancel(other, alarm));
    assert_balance(0);
    assert_false(alarms_are_due(&w->alarms, 0));
}

static void alarm_that_rang_cannot_be_cancelled(void **state)
{
    struct alarm *alarm = set(w, 0, DUE);
    come(DUE);
    worker_ring(w, w, now());
    assert_false(cancel(w, alarm));
    assert_false(cancel(other, alarm));
    assert_balance(0);
    run_dry(w);
    assert_int_equal(letters(0), 1);
    assert_null(load_relaxed(&w->alarms.back));
}

/* ---- cancelled elsewhere ---- */

static void alarm_cancelled_elsewhere_sends_its_mail_all_the_same(void **state)
{
    struct alarm *alarm = set(w, 0, DUE);
    assert_false(cancel(other, alarm));
    assert_int_equal(load_relaxed(&alarm->state), ALARM_CANCELLED);
    assert_balance(0); /* nobody expects its outcome */
    assert_true(alarms_are_set(&w->alarms));
    assert_true(alarms_are_due(&w->alarms, now())); /* long before its time */
    assert_false(cancel(other, alarm));             /* again: it is on its way */
    ring(w);
    assert_int_equal(letters(0), 1);
    assert_int_equal(wheel_count(&w->alarms.wheel), 0);
    assert_false(alarms_are_due(&w->alarms, now()));
    assert_balance(0);
}

static void alarms_cancelled_elsewhere_all_come_back(void **state)
{
    for (int i = 0; i < ALARMS; i++)
        set(w, i, DUE + i % 7 * INT64_C(1000000));
    for (int i = 0; i < ALARMS; i += 2)
        assert_false(cancel(other, &bells[i]));
    assert_balance(ALARMS / 2);
    ring(w);
    for (int i = 0; i < ALARMS; i++)
        assert_int_equal(letters(i), i % 2 == 0);
    come(DUE + 7000000);
    ring(w);
    for (int i = 0; i < ALARMS; i++)
        assert_int_equal(letters(i), 1);
    assert_balance(0);
}

/* Its time comes before its worker has seen that: it comes once. */
static void alarm_cancelled_elsewhere_just_before_it_rings_comes_once(void **state)
{
    struct alarm *alarm = set(w, 0, DUE);
    set(w, 1, DUE);
    come(DUE);
    assert_false(cancel(other, alarm));
    ring(w);
    assert_int_equal(letters(0), 1);
    assert_int_equal(letters(1), 1);
    assert_int_equal(load_relaxed(&alarm->state), ALARM_CANCELLED);
    assert_balance(0);
}

static void alarm_set_again_elsewhere_stands_there(void **state)
{
    struct alarm *alarm = set(w, 0, DUE);
    come(DUE);
    ring(w);
    store_relaxed(&alarm->state, ALARM_OFF);
    job_for(other, 0);
    alarm_set(&other->alarms, alarm, 2 * DUE);
    assert_int_equal(alarm->worker, other->id);
    assert_false(alarms_are_set(&w->alarms));
    assert_true(cancel(other, alarm));
    assert_balance(0);
}

/* ---- what a worker does ---- */

static void worker_rings_for_a_task_of_another(void **state)
{
    set(w, 0, DUE);
    task_give(&jobs[0].task, (int32_t)other->id);
    come(DUE);
    worker_ring(w, w, now());
    run_dry(other); /* it follows who rang to its worker */
    run_dry(w);
    assert_int_equal(letters(0), 1);
}

/* Others wait for its bias meanwhile. */
static void worker_rings_so_many_at_a_time(void **state)
{
    for (int i = 0; i < ALARMS; i++)
        set(w, i, DUE);
    come(DUE);
    worker_ring(w, w, now());
    run_dry(w);
    assert_runs(0, 256, 1);
    assert_runs(256, ALARMS, 0);
    assert_int_equal(worker_rest_ns(w), 0);
    ring(w);
    assert_runs(0, ALARMS, 1);
}

static void worker_rests_until_its_next_alarm(void **state)
{
    struct alarm *first = set(w, 0, DUE);
    set(w, 1, 3 * DUE);
    assert_int_equal(worker_rest_ns(w), DUE - now());
    pass(1000);
    assert_int_equal(worker_rest_ns(w), DUE - now());
    assert_true(worker_rest_ns(other) == PARK_FOREVER);
    come(DUE);
    assert_int_equal(worker_rest_ns(w), 0);
    pass(7);
    assert_int_equal(worker_rest_ns(w), 0); /* late */
    ring(w);
    assert_int_equal(worker_rest_ns(w), 3 * DUE - now());
    assert_false(cancel(w, first));
    assert_true(cancel(w, &bells[1]));
    come(3 * DUE);
    ring(w); /* it looks once more, for nothing */
    assert_true(worker_rest_ns(w) == PARK_FOREVER);
    assert_int_equal(letters(1), 0);
}

static void worker_with_an_alarm_that_is_due_does_not_lie_down(void **state)
{
    set(w, 0, DUE);
    assert_true(worker_lie_down(w));
    worker_get_up(w);
    come(DUE);
    assert_false(worker_lie_down(w));
    run_dry(w);
    assert_int_equal(letters(0), 1);
    assert_true(worker_lie_down(w));
    worker_get_up(w);
}

static void worker_with_a_cancelled_alarm_does_not_lie_down(void **state)
{
    struct alarm *alarm = set(w, 0, DUE);
    assert_false(cancel(other, alarm));
    assert_false(worker_lie_down(w));
    run_dry(w);
    assert_int_equal(letters(0), 1);
    assert_true(worker_lie_down(w));
    worker_get_up(w);
}

/* More than it rings at a time: while it slept their memory would be kept. */
static void worker_with_many_cancelled_alarms_lies_down_without_them(void **state)
{
    for (int i = 0; i < ALARMS; i++)
        assert_false(cancel(other, set(w, i, DUE)));
    for (int i = 0; !worker_lie_down(w); i++) {
        assert_in_range(i, 0, ALARMS);
        run_dry(w);
        run_dry(other);
    }
    assert_null(load_relaxed(&w->alarms.back));
    worker_get_up(w);
    run_dry(w);
    run_dry(other);
    assert_runs(0, ALARMS, 1);
}
/* The same where none of them makes work for this worker. */
static void worker_with_many_cancelled_alarms_of_others(void **state)
{
    for (int i = 0; i < ALARMS; i++) {
        set(w, i, DUE);
        task_give(&jobs[i].task, (int32_t)other->id);
        assert_false(cancel(other, &bells[i]));
    }
    for (int i = 0; !worker_lie_down(w); i++)
        assert_in_range(i, 0, ALARMS);
    assert_null(load_relaxed(&w->alarms.back));
    worker_get_up(w);
    run_dry(other);
    run_dry(w);
    assert_runs(0, ALARMS, 1);
}

/* A busy one does not have to become idle first. */
static void worker_rings_when_it_reads_the_clock(void **state)
{
    set(w, 0, DUE);
    pass(DUE / 2);
    end_window(w);
    assert_false(worker_has_work(w));
    come(DUE);
    end_window(w);
    assert_true(worker_has_work(w));
    run_dry(w);
    assert_int_equal(letters(0), 1);
}

static void lie_down(struct worker *worker)
{
    bias_leave(&worker->bias);
    bias_enter(&worker->bias);
    assert_true(worker_lie_down(worker));
}

/* All sleep, and no alarm is set that somebody expects. */
static void crew_with_an_alarm_is_not_quiet(void **state)
{
    assert_false(crew_is_quiet(&crew)); /* all are up */
    lie_down(w);
    assert_false(crew_is_quiet(&crew));
    lie_down(other);
    assert_true(crew_is_quiet(&crew));
    worker_get_up(w);
    struct alarm *alarm = set(w, 0, DUE);
    lie_down(w);
    assert_false(crew_is_quiet(&crew));
    worker_get_up(other);
    assert_false(cancel(other, alarm)); /* its mail comes, but nobody waits for it */
    lie_down(other);
    assert_true(crew_is_quiet(&crew));
}

#define BY_TWO(test) cmocka_unit_test_setup(test, make_two)

int main(void)
{
    TESTS(BY_TWO(alarms_without_any_are_never_due),
          BY_TWO(alarm_rings_at_its_nanosecond),
          BY_TWO(alarm_set_in_the_past_rings_at_once),
          BY_TWO(alarms_ring_in_the_order_in_which_they_are_due),
          BY_TWO(alarms_of_any_times_ring_once_and_never_early),
          BY_TWO(alarm_cancelled_at_home_is_off_at_once),
          BY_TWO(alarm_that_is_off_is_cancelled_already),
          BY_TWO(alarm_that_rang_cannot_be_cancelled),
          BY_TWO(alarm_cancelled_elsewhere_sends_its_mail_all_the_same),
          BY_TWO(alarms_cancelled_elsewhere_all_come_back),
          BY_TWO(alarm_cancelled_elsewhere_just_before_it_rings_comes_once),
          BY_TWO(alarm_set_again_elsewhere_stands_there),
          BY_TWO(worker_rings_for_a_task_of_another),
          BY_TWO(worker_rings_so_many_at_a_time),
          BY_TWO(worker_rests_until_its_next_alarm),
          BY_TWO(worker_with_an_alarm_that_is_due_does_not_lie_down),
          BY_TWO(worker_with_a_cancelled_alarm_does_not_lie_down),
          BY_TWO(worker_with_many_cancelled_alarms_lies_down_without_them),
          BY_TWO(worker_with_many_cancelled_alarms_of_others),
          BY_TWO(worker_rings_when_it_reads_the_clock),
          BY_TWO(crew_with_an_alarm_is_not_quiet));
    return RUN_TESTS();
}
