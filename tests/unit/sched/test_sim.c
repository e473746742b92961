/* test_sim.c: the workers on one thread, in an order drawn from the seed. */
#include "sched/sim.h"

#include "support/short_heap.h"
#include "support/support.h"

#include <errno.h>

enum { WORKERS = 3, TASKS = 20, AGAIN = 5 };

static struct heap heap;
static struct sched sched;
static struct sim sim;

/* Each run is recorded as worker * 100 + task. */
static struct job {
    struct task task;
    int again;
    struct inbox_node mail;
} jobs[TASKS];

static void wake(struct worker *worker, int i)
{
    if (inbox_push(&jobs[i].task.inbox, &jobs[i].mail))
        crew_wake(&sched.crew, worker, &jobs[i].task);
}

/* The even ones have more to do, the odd ones wake themselves. */
static void run_job(struct job *job, struct worker *worker)
{
    int i = (int)(job - jobs);
    record_add((uint64_t)worker->id * 100 + (uint64_t)i);
    assert_true(load_relaxed(&worker->bias.inside));
    assert_false(bias_is_resting(&worker->bias));
    if (job->task.token) {
        job->task.token = false;
        (void)inbox_take(&job->task.inbox, INBOX_EMPTY);
    }
    (void)worker_slice_is_over(worker);
    if (job->again > 0 && i % 2 == 0) {
        job->again--;
        worker_requeue(worker, &job->task);
        return;
    }
    job->task.scheduled = false;
    if (job->again > 0) {
        job->again--;
        wake(worker, i);
    }
}

static uint32_t run_jobs(struct worker *worker, uint32_t max)
{
    struct task *task;
    uint32_t n = 0;
    for (; n < max && (task = worker_next(worker)); n++)
        run_job(container_of(task, struct job, task), worker);
    return n;
}

static void open_sim(uint64_t seed)
{
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    assert_int_equal(sched_init(&sched, &heap, SCHED_SIMULATED, WORKERS, false, seed),
                     0);
    sched.crew.run = run_jobs;
    assert_int_equal(sim_init(&sim, &sched, seed), 0);
    assert_int_equal(sched_start(&sched), 0);
}

static void close_sim(void)
{
    sim_fini(&sim, &sched);
    sched_fini(&sched);
    assert_int_equal(load_relaxed(&heap.bytes), 0);
}

static void submit_jobs(void)
{
    record_clear();
    for (int i = 0; i < TASKS; i++) {
        task_init(&jobs[i].task);
        jobs[i].again = AGAIN;
        wake(NULL, i);
    }
}

/* Runs all jobs until every worker sleeps; the order is in `record`. */
static void play_jobs(uint64_t seed)
{
    open_sim(seed);
    submit_jobs();
    while (sim_step(&sim, &sched)) {
    }
    assert_int_equal(record.count, TASKS * (AGAIN + 1));
    close_sim();
}

static void sim_of_the_same_seed_runs_in_the_same_order(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        play_jobs(seed);
        struct record first = record;
        play_jobs(seed);
        assert_record_is(first.values, first.count);
    }
}

static void sim_of_another_seed_runs_in_another_order(void **state)
{
    play_jobs(1);
    struct record first = record;
    for (uint64_t seed = 2; seed <= 20; seed++) {
        play_jobs(seed);
        assert_memory_not_equal(first.values, record.values,
                                first.count * sizeof record.values[0]);
    }
}

static void sim_gives_work_to_every_worker(void **state)
{
    unsigned runs[WORKERS] = {0};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        play_jobs(seed);
        for (size_t i = 0; i < record.count; i++)
            runs[record.values[i] / 100]++;
    }
    for (int i = 0; i < WORKERS; i++)
        assert_true(runs[i] > 0);
}

static void sim_runs_every_task_as_often_as_it_was_made_runnable(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        unsigned runs[TASKS] = {0};
        play_jobs(seed);
        for (size_t i = 0; i < record.count; i++)
            runs[record.values[i] % 100]++;
        for (int i = 0; i < TASKS; i++)
            assert_int_equal(runs[i], AGAIN + 1);
    }
}

static void sim_step_lets_a_microsecond_pass(void **state)
{
    open_sim(1);
    submit_jobs();
    for (int i = 1; i <= 10; i++) {
        assert_true(sim_step(&sim, &sched));
        assert_int_equal(clock_now(&sched.crew.clock), i * SIM_STEP_NS);
    }
    while (sim_step(&sim, &sched)) {
    }
    close_sim();
}

static void sim_step_without_work_is_false_once_all_sleep(void **state)
{
    open_sim(1);
    int steps = 0;
    while (sim_step(&sim, &sched))
        assert_true(++steps <= 100);
    assert_true(idle_all_asleep(&sched.crew.idle));
    int64_t now = clock_now(&sched.crew.clock);
    assert_false(sim_step(&sim, &sched));
    assert_int_equal(clock_now(&sched.crew.clock), now); /* no time passes */
    close_sim();
}

static void sim_asleep_wakes_up_for_a_task(void **state)
{
    open_sim(1);
    while (sim_step(&sim, &sched)) {
    }
    for (int i = 0; i < 10; i++) {
        record_clear();
        task_init(&jobs[0].task);
        jobs[0].again = 0;
        wake(NULL, 0);
        while (sim_step(&sim, &sched)) {
        }
        assert_int_equal(record.count, 1);
    }
    close_sim();
}

static void sim_step_leaves_the_thread_without_a_worker(void **state)
{
    open_sim(1);
    submit_jobs();
    while (sim_step(&sim, &sched))
        assert_null(worker_current());
    close_sim();
}

/* ---- what moves ---- */

static void sim_moves_work_between_workers(void **state)
{
    uint64_t moves = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        open_sim(seed);
        submit_jobs();
        while (sim_step(&sim, &sched)) {
        }
        for (int i = 0; i < WORKERS; i++)
            moves += load_relaxed(&sched.crew.workers[i].steals);
        close_sim();
    }
    assert_true(moves > 0);
}

/* ---- tidying ---- */

static unsigned tidied, to_tidy;

static bool tidy_some(struct worker *worker)
{
    assert_ptr_equal(worker_current(), worker);
    tidied++;
    return to_tidy > 0 && --to_tidy > 0;
}

static void sim_tidies_all_before_it_sleeps(void **state)
{
    open_sim(1);
    sched.tidy = tidy_some;
    tidied = 0;
    to_tidy = 10;
    while (sim_step(&sim, &sched)) {
    }
    assert_int_equal(to_tidy, 0);
    assert_int_equal(tidied, 10 + WORKERS - 1); /* the others have nothing to do */
    close_sim();
}

static void sim_init_without_memory_is_enomem(void **state)
{
    struct short_heap below;
    cadre_config config = {0};
    struct sim none;
    open_sim(1);
    short_heap_init(&below, 1, 1);
    short_heap_serve(&below, &config);
    struct heap failing;
    heap_init(&failing, config.alloc, config.alloc_user, SIZE_MAX);
    sched.heap = &failing;
    assert_int_equal(sim_init(&none, &sched, 1), -ENOMEM);
    assert_int_equal(load_relaxed(&failing.bytes), 0);
    sched.heap = &heap;
    close_sim();
}

/* ---- time ---- */

enum { ALARMS = 8 };
static struct alarm alarms[ALARMS];

/* The alarms of worker i % WORKERS, for jobs that do nothing else. */
static void set_alarms(const int64_t *delays, int count)
{
    record_clear();
    for (int i = 0; i < count; i++) {
        struct worker *w = &sched.crew.workers[i % WORKERS];
        task_init(&jobs[i].task);
        jobs[i].again = 0;
        assert_true(task_claim(&jobs[i].task, w->id));
        alarms[i] = (struct alarm){.task = &jobs[i].task, .mail = &jobs[i].mail};
        atomic_set(&alarms[i].state, ALARM_OFF);
        alarm_set(&w->alarms, &alarms[i], clock_now(&sched.crew.clock) + delays[i]);
    }
}

static void sim_time_jumps_to_the_next_alarm(void **state)
{
    static const int64_t delays[] = {CADRE_SECOND, 3600 * CADRE_SECOND,
                                     86400 * CADRE_SECOND};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        open_sim(seed);
        while (sim_step(&sim, &sched)) {
        }
        int64_t start = clock_now(&sched.crew.clock);
        set_alarms(delays, 3);
        size_t seen = 0;
        for (int steps = 0; sim_step(&sim, &sched); steps++) {
            assert_in_range(steps, 0, 100); /* nobody waits */
            for (; seen < record.count; seen++) {
                assert_int_equal(record.values[seen] % 100, seen);
                assert_true(clock_now(&sched.crew.clock) >= start + delays[seen]);
                assert_true(clock_now(&sched.crew.clock) <
                            start + delays[seen] + 100 * SIM_STEP_NS);
            }
        }
        assert_int_equal(seen, 3);
        assert_true(crew_is_quiet(&sched.crew));
        close_sim();
    }
}

static void sim_of_the_same_seed_rings_in_the_same_order(void **state)
{
    static const int64_t delays[ALARMS] = {5, 5, 5, 4000, 4000, 3999, 70000, 5};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct record first = {0};
        for (int i = 0; i < 2; i++) {
            open_sim(seed);
            set_alarms(delays, ALARMS);
            while (sim_step(&sim, &sched)) {
            }
            assert_int_equal(record.count, ALARMS);
            if (i == 0)
                first = record;
            close_sim();
        }
        assert_record_is(first.values, first.count);
    }
}

/* Cancelled on another worker, it comes back without any time passing. */
static void sim_asleep_wakes_up_for_what_was_sent_back(void **state)
{
    static const int64_t delay = 1000 * CADRE_SECOND;
    open_sim(1);
    while (sim_step(&sim, &sched)) {
    }
    set_alarms(&delay, 1);
    struct worker *workers = sched.crew.workers;
    assert_false(alarm_cancel(&workers[1].alarms, &workers[0].alarms, &alarms[0]));
    while (sim_step(&sim, &sched)) {
    }
    assert_int_equal(record.count, 1);
    assert_true(clock_now(&sched.crew.clock) < CADRE_SECOND);
    close_sim();
}

int main(void)
{
    TESTS(cmocka_unit_test(sim_of_the_same_seed_runs_in_the_same_order),
          cmocka_unit_test(sim_of_another_seed_runs_in_another_order),
          cmocka_unit_test(sim_gives_work_to_every_worker),
          cmocka_unit_test(sim_runs_every_task_as_often_as_it_was_made_runnable),
          cmocka_unit_test(sim_step_lets_a_microsecond_pass),
          cmocka_unit_test(sim_step_without_work_is_false_once_all_sleep),
          cmocka_unit_test(sim_asleep_wakes_up_for_a_task),
          cmocka_unit_test(sim_step_leaves_the_thread_without_a_worker),
          cmocka_unit_test(sim_moves_work_between_workers),
          cmocka_unit_test(sim_tidies_all_before_it_sleeps),
          cmocka_unit_test(sim_time_jumps_to_the_next_alarm),
          cmocka_unit_test(sim_of_the_same_seed_rings_in_the_same_order),
          cmocka_unit_test(sim_asleep_wakes_up_for_what_was_sent_back),
          cmocka_unit_test(sim_init_without_memory_is_enomem));
    return RUN_TESTS();
}
