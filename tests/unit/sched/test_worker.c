/* test_worker.c: one worker's choices, step by step on one thread and in virtual time. */
#include "sched/worker.h"

#include "support/support.h"

#include <sys/wait.h>

enum { CREW = 3, TASKS = 1000 };

/* ---- a crew without threads ---- */

static struct crew crew;
static struct worker workers[CREW];
static struct idle_seat seats[CREW];
static struct worker *const w = &workers[0]; /* the one under test */

static void join_crew(struct worker *worker)
{
    worker->searching = false;
    (void)idle_found(&crew.idle);
}

/* count workers; the first has just run something, the others search. */
static void make_crew(uint32_t count)
{
    crew = (struct crew){.workers = workers, .count = count};
    idle_init(&crew.idle, seats, count);
    inject_init(&crew.injected);
    crew.clock.is_virtual = true;
    clock_advance(&crew.clock, 1);
    for (uint32_t i = 0; i < count; i++) {
        worker_init(&workers[i], &crew, i, 1);
        seats[i].word.fd = PARK_ON_NOTHING;
    }
    join_crew(w);
    worker_enter(w);
}

static int make_one(void **state)
{
    make_crew(1);
    return 0;
}

static int make_three(void **state)
{
    make_crew(CREW);
    return 0;
}

static int end_crew(void **state)
{
    worker_enter(NULL);
    return 0;
}

/* ---- tasks that note in `record` that they were run ---- */

static struct job {
    struct task task;
    int again; /* how often it makes itself runnable again, in this way: */
    void (*push)(struct worker *worker, struct task *task);
    int64_t takes_ns;
} jobs[TASKS];

static void run_job(struct task *task, struct worker *worker)
{
    struct job *job = container_of(task, struct job, task);
    record_add((uint64_t)(job - jobs));
    clock_advance(&crew.clock, job->takes_ns);
    if (job->again > 0) {
        job->again--;
        job->push(worker, task);
    }
}

/* Job number n, as new; also forgets what was run. */
static struct task *job(int n)
{
    record_clear();
    jobs[n] = (struct job){.task.run = run_job};
    return &jobs[n].task;
}

static struct task *repeating(int n, int again,
                              void (*push)(struct worker *, struct task *))
{
    struct task *task = job(n);
    jobs[n].again = again;
    jobs[n].push = push;
    return task;
}

static void push_next(struct worker *worker, struct task *task)
{
    worker_push(worker, task);
}

static void publish_jobs(struct worker *worker, int from, int end)
{
    for (int i = from; i < end; i++)
        worker_publish(worker, job(i));
}

static void inject_jobs(int from, int end)
{
    for (int i = from; i < end; i++)
        inject_push(&crew.injected, &job(i)->link);
}

static void steps(int n)
{
    for (int i = 0; i < n; i++)
        assert_true(worker_step(w));
}

/* Steps until there is nothing left. */
static void run_dry(void)
{
    while (worker_step(w)) {
    }
}

/* ---- the order of picking ---- */

static void worker_without_work_searches(void **state)
{
    assert_false(worker_step(w));
    assert_true(w->searching);
    assert_int_equal(load_relaxed(&crew.idle.searching), 1);
    assert_int_equal(load_relaxed(&w->turns), 0);
}

static void worker_runs_the_woken_task_before_its_ring(void **state)
{
    publish_jobs(w, 1, 3);
    worker_push(w, job(0));
    steps(3);
    assert_record(0, 1, 2);
    assert_int_equal(load_relaxed(&w->turns), 3);
}

static void worker_runs_its_ring_before_injected_work(void **state)
{
    inject_jobs(2, 4);
    publish_jobs(w, 0, 2);
    steps(4);
    assert_record(0, 1, 2, 3);
}

static void worker_push_moves_the_one_before_to_the_ring(void **state)
{
    worker_push(w, job(0));
    assert_int_equal(runq_size(&w->ring), 0); /* nobody else's business */
    worker_push(w, job(1));
    worker_push(w, job(2));
    assert_int_equal(runq_size(&w->ring), 2);
    steps(3);
    assert_record(2, 0, 1);
}

static void worker_takes_all_injected_work_at_a_time(void **state)
{
    inject_jobs(0, 10);
    steps(1);
    assert_int_equal(runq_size(&w->ring), 9);
    assert_true(inject_is_empty(&crew.injected));
    steps(9);
    assert_record(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
}

static void worker_takes_no_more_than_half_a_ring_at_a_time(void **state)
{
    inject_jobs(0, WORKER_RING);
    steps(1);
    assert_int_equal(runq_size(&w->ring), WORKER_RING / 2 - 1);
    assert_false(inject_is_empty(&crew.injected));
    steps(WORKER_RING - 1);
    assert_false(worker_step(w));
}

static void worker_looks_at_injected_work_however_busy_it_is(void **state)
{
    worker_publish(w, repeating(0, 200, worker_publish));
    worker_publish(w, repeating(1, 200, worker_publish));
    inject_push(&crew.injected, &job(2)->link);
    steps(WORKER_LOOK);
    assert_int_equal(record.values[WORKER_LOOK - 1], 2);
}

static void worker_with_a_full_ring_still_takes_injected_work(void **state)
{
    publish_jobs(w, 0, WORKER_RING);
    inject_jobs(WORKER_RING, WORKER_RING + 2);
    w->picks = WORKER_LOOK - 1;
    steps(1);
    assert_record(WORKER_RING);
    assert_int_equal(runq_size(&w->ring), WORKER_RING);
    run_dry();
    assert_int_equal(record.count, WORKER_RING + 2); /* each of them once */
}

/* ---- streaks ---- */

static void worker_gives_the_ring_its_turn_after_a_streak(void **state)
{
    worker_publish(w, job(1));
    worker_push(w, repeating(0, 100, push_next));
    steps(WORKER_STREAK + 1);
    for (int i = 0; i < WORKER_STREAK; i++)
        assert_int_equal(record.values[i], 0);
    assert_int_equal(record.values[WORKER_STREAK], 1);
    run_dry();
    assert_int_equal(record.count, 102); /* none was lost */
}

static void worker_gives_injected_work_its_turn_after_a_streak(void **state)
{
    inject_jobs(1, 2);
    worker_push(w, repeating(0, 100, push_next));
    steps(WORKER_STREAK + 1);
    assert_int_equal(record.values[WORKER_STREAK - 1], 0);
    assert_int_equal(record.values[WORKER_STREAK], 1);
}

static void worker_goes_on_after_a_streak_when_nothing_else_waits(void **state)
{
    worker_push(w, repeating(0, 300, push_next));
    steps(301);
    assert_int_equal(record.count, 301);
    assert_int_equal(runq_size(&w->ring), 0);
}

/* ---- overflow ---- */

static void worker_ring_overflow_goes_to_the_injector(void **state)
{
    publish_jobs(w, 0, WORKER_RING);
    assert_true(inject_is_empty(&crew.injected));
    worker_publish(w, job(WORKER_RING));
    assert_int_equal(runq_size(&w->ring), WORKER_RING / 2 + 1);
    struct inject_node *nodes[WORKER_RING];
    assert_int_equal(inject_take(&crew.injected, nodes, WORKER_RING), WORKER_RING / 2);
    for (int i = 0; i < WORKER_RING / 2; i++) /* the older half, oldest first */
        assert_ptr_equal(nodes[i], &jobs[i].task.link);
}

static void worker_ring_overflow_loses_and_doubles_nothing(void **state)
{
    static unsigned seen[TASKS];
    publish_jobs(w, 0, TASKS);
    for (int left = TASKS; left > 0; left--) {
        record_clear();
        steps(1);
        assert_int_equal(record.count, 1);
        assert_int_equal(seen[record.values[0]]++, 0);
    }
    assert_false(worker_step(w));
}

/* ---- requeue ---- */

static void worker_requeue_of_a_lone_task_stays_off_the_ring(void **state)
{
    worker_push(w, repeating(0, 3, worker_requeue));
    steps(1);
    assert_int_equal(runq_size(&w->ring), 0);
    assert_false(crew_has_work(&crew)); /* nobody needs to come for it */
    steps(3);
    assert_record(0, 0, 0, 0);
}

static void worker_requeue_goes_behind_the_ring(void **state)
{
    publish_jobs(w, 1, 3);
    worker_push(w, repeating(0, 1, worker_requeue));
    steps(4);
    assert_record(0, 1, 2, 0);
}

static void worker_requeue_goes_behind_injected_work(void **state)
{
    publish_jobs(w, 1, 2);
    worker_push(w, repeating(0, 1, worker_requeue));
    inject_jobs(2, 4);
    steps(5);
    assert_record(0, 1, 2, 3, 0);
}

static void push_and_requeue(struct worker *worker, struct task *task)
{
    worker_push(worker, &jobs[1].task);
    worker_requeue(worker, task);
}

static void worker_requeue_goes_behind_what_it_woke(void **state)
{
    (void)job(1);
    worker_push(w, repeating(0, 1, push_and_requeue));
    steps(3);
    assert_record(0, 1, 0);
}

static void worker_requeue_of_a_lone_task_lets_injected_work_run_next(void **state)
{
    struct task *other = job(1);
    worker_push(w, repeating(0, 1, worker_requeue));
    steps(1);
    inject_push(&crew.injected, &other->link);
    steps(2);
    assert_record(0, 1, 0);
}

/* ---- slices ---- */

/* Messages of one task, each of this length, until its slice is over. */
static int messages_in_a_slice(int64_t message_ns)
{
    int n = 0;
    w->slice_start = 0;
    do {
        clock_advance(&crew.clock, message_ns);
        n++;
    } while (!worker_slice_is_over(w));
    return n;
}

static void worker_reads_the_clock_every_64_messages_at_first(void **state)
{
    clock_advance(&crew.clock, 1000 * CADRE_SECOND);
    for (int i = 0; i < 63; i++)
        assert_false(worker_slice_is_over(w));
    assert_int_equal(w->clock_last, 0);
    assert_false(worker_slice_is_over(w)); /* reads it: the slice begins */
    assert_true(w->clock_last > 0);
}

static void worker_reads_the_clock_more_often_when_messages_are_long(void **state)
{
    (void)messages_in_a_slice(2 * CADRE_MS);
    (void)messages_in_a_slice(2 * CADRE_MS);
    assert_int_equal(w->clock_every, 1);
    assert_in_range(messages_in_a_slice(2 * CADRE_MS), 1, 2);
}

static void worker_slice_is_a_millisecond_whatever_messages_take(void **state)
{
    static const int64_t lengths[] = {5000, 10000, 50000, 100000, 200000};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        (void)messages_in_a_slice(lengths[i]); /* learns how long they are */
        (void)messages_in_a_slice(lengths[i]);
        int64_t slice = messages_in_a_slice(lengths[i]) * lengths[i];
        assert_in_range(slice, WORKER_SLICE_NS, WORKER_SLICE_NS * 3 / 2 + lengths[i]);
    }
}

static void worker_reads_the_clock_seldom_again_when_messages_are_short(void **state)
{
    (void)messages_in_a_slice(2 * CADRE_MS);
    (void)messages_in_a_slice(2 * CADRE_MS);
    assert_int_equal(w->clock_every, 1);
    for (int i = 0; i < 1000; i++)
        (void)worker_slice_is_over(w); /* no time passes */
    assert_int_equal(w->clock_every, 64);
}

static void worker_gives_the_ring_its_turn_after_a_slice(void **state)
{
    w->clock_every = w->clock_left = 1;
    worker_publish(w, job(1));
    worker_push(w, repeating(0, 10, push_next));
    jobs[0].takes_ns = WORKER_SLICE_NS;
    steps(4);
    assert_record(0, 0, 1, 0); /* the clock is read before the first and the third */
}

/* ---- stealing ---- */

static void worker_steals_the_older_half_rounded_up(void **state)
{
    for (int count = 1; count <= 9; count++) {
        make_crew(2);
        publish_jobs(&workers[1], 0, count);
        steps(1);
        assert_record(0);
        assert_int_equal(runq_size(&w->ring), (count + 1) / 2 - 1);
        assert_int_equal(runq_size(&workers[1].ring), count / 2);
        assert_int_equal(load_relaxed(&w->steals), 1);
    }
}

static void worker_runs_what_it_stole_in_order(void **state)
{
    publish_jobs(&workers[2], 0, 6);
    steps(3);
    assert_record(0, 1, 2);
    assert_int_equal(load_relaxed(&w->steals), 1);
}

static void worker_steals_half_of_a_full_ring(void **state)
{
    publish_jobs(&workers[1], 0, WORKER_RING);
    steps(1);
    assert_int_equal(runq_size(&w->ring), WORKER_RING / 2 - 1);
    assert_int_equal(runq_size(&workers[1].ring), WORKER_RING / 2);
}

static void worker_prefers_injected_work_to_stealing(void **state)
{
    publish_jobs(&workers[1], 0, 2);
    inject_jobs(2, 3);
    steps(1);
    assert_record(2);
    assert_int_equal(load_relaxed(&w->steals), 0);
}

static void worker_does_not_steal_what_another_woke(void **state)
{
    worker_push(&workers[1], job(0));
    assert_false(worker_step(w));
    assert_int_equal(load_relaxed(&w->steals), 0);
    assert_ptr_equal(workers[1].next, &jobs[0].task);
}

static void worker_finds_the_only_work_wherever_it_is(void **state)
{
    for (uint32_t victim = 1; victim < CREW; victim++)
        for (int i = 0; i < 20; i++) {
            publish_jobs(&workers[victim], 0, 1);
            steps(1);
            assert_record(0);
        }
}

/* ---- sleep ---- */

static void worker_may_sleep_when_there_is_nothing(void **state)
{
    assert_false(worker_step(w));
    assert_true(worker_may_sleep(w));
    assert_int_equal(idle_sleepers(&crew.idle), 1);
    assert_int_equal(load_relaxed(&w->parks), 1);
    assert_false(w->searching);
}

static void worker_may_not_sleep_when_work_came(void **state)
{
    assert_false(worker_step(w));
    inject_jobs(0, 1);
    assert_false(worker_may_sleep(w));
    assert_int_equal(idle_sleepers(&crew.idle), 0);
    assert_int_equal(load_relaxed(&w->parks), 0);
    steps(1);
    assert_record(0);
}

static void worker_may_not_sleep_while_another_has_a_full_ring(void **state)
{
    assert_false(worker_step(w));
    publish_jobs(&workers[2], 0, 1);
    assert_false(worker_may_sleep(w));
    steps(1);
}

static void worker_may_not_sleep_when_it_is_to_end(void **state)
{
    assert_false(worker_step(w));
    store_seq(&crew.stopping, true);
    assert_false(worker_may_sleep(w));
    assert_int_equal(idle_sleepers(&crew.idle), 0);
}

static void worker_that_is_woken_counts_as_searching(void **state)
{
    assert_false(worker_step(w));
    assert_true(worker_may_sleep(w));
    inject_jobs(0, 1);
    idle_notify(&crew.idle);
    assert_true(idle_is_woken(&crew.idle, w->id));
    worker_woken(w);
    steps(1); /* and is none any more when it has found work */
    assert_false(w->searching);
    assert_int_equal(load_relaxed(&crew.idle.searching), 0);
}

static void worker_that_publishes_wakes_a_sleeper(void **state)
{
    join_crew(&workers[2]);
    workers[1].searching = true;
    assert_true(worker_may_sleep(&workers[1]));
    worker_publish(w, job(0));
    assert_true(idle_is_woken(&crew.idle, 1));
}

static void worker_last_to_stop_searching_wakes_another_for_the_rest(void **state)
{
    join_crew(&workers[2]);
    assert_true(worker_may_sleep(&workers[1]));
    idle_search(&crew.idle); /* w is the only searcher, so nobody is woken here */
    w->searching = true;
    publish_jobs(&workers[2], 0, 4);
    assert_false(idle_is_woken(&crew.idle, 1));
    steps(1); /* steals two; the rest is for somebody else */
    assert_true(idle_is_woken(&crew.idle, 1));
}

/* ---- who runs here ---- */

static void worker_enter_says_who_was_here_before(void **state)
{
    assert_ptr_equal(worker_current(), w);
    assert_ptr_equal(worker_enter(NULL), w);
    assert_null(worker_current());
    assert_null(worker_enter(w));
}

static void leave_worker(struct task *task, struct worker *worker)
{
    worker_enter(NULL); /* as in the child of a fork */
}

static void step_with_leaver(void)
{
    jobs[0] = (struct job){.task.run = leave_worker};
    worker_push(w, &jobs[0].task);
    (void)worker_step(w);
}

static void worker_left_by_its_task_is_a_panic(void **state)
{
    int status = in_child(step_with_leaver);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

#define ALONE(test) cmocka_unit_test_setup_teardown(test, make_one, end_crew)
#define OF_THREE(test) cmocka_unit_test_setup_teardown(test, make_three, end_crew)

int main(void)
{
    TESTS(ALONE(worker_without_work_searches),
          ALONE(worker_runs_the_woken_task_before_its_ring),
          ALONE(worker_runs_its_ring_before_injected_work),
          ALONE(worker_push_moves_the_one_before_to_the_ring),
          ALONE(worker_takes_all_injected_work_at_a_time),
          ALONE(worker_takes_no_more_than_half_a_ring_at_a_time),
          ALONE(worker_looks_at_injected_work_however_busy_it_is),
          ALONE(worker_with_a_full_ring_still_takes_injected_work),
          ALONE(worker_gives_the_ring_its_turn_after_a_streak),
          ALONE(worker_gives_injected_work_its_turn_after_a_streak),
          ALONE(worker_goes_on_after_a_streak_when_nothing_else_waits),
          ALONE(worker_ring_overflow_goes_to_the_injector),
          ALONE(worker_ring_overflow_loses_and_doubles_nothing),
          ALONE(worker_requeue_of_a_lone_task_stays_off_the_ring),
          ALONE(worker_requeue_goes_behind_the_ring),
          ALONE(worker_requeue_goes_behind_injected_work),
          ALONE(worker_requeue_goes_behind_what_it_woke),
          ALONE(worker_requeue_of_a_lone_task_lets_injected_work_run_next),
          ALONE(worker_reads_the_clock_every_64_messages_at_first),
          ALONE(worker_reads_the_clock_more_often_when_messages_are_long),
          ALONE(worker_slice_is_a_millisecond_whatever_messages_take),
          ALONE(worker_reads_the_clock_seldom_again_when_messages_are_short),
          ALONE(worker_gives_the_ring_its_turn_after_a_slice),
          OF_THREE(worker_steals_the_older_half_rounded_up),
          OF_THREE(worker_runs_what_it_stole_in_order),
          OF_THREE(worker_steals_half_of_a_full_ring),
          OF_THREE(worker_prefers_injected_work_to_stealing),
          OF_THREE(worker_does_not_steal_what_another_woke),
          OF_THREE(worker_finds_the_only_work_wherever_it_is),
          ALONE(worker_may_sleep_when_there_is_nothing),
          ALONE(worker_may_not_sleep_when_work_came),
          OF_THREE(worker_may_not_sleep_while_another_has_a_full_ring),
          ALONE(worker_may_not_sleep_when_it_is_to_end),
          ALONE(worker_that_is_woken_counts_as_searching),
          OF_THREE(worker_that_publishes_wakes_a_sleeper),
          OF_THREE(worker_last_to_stop_searching_wakes_another_for_the_rest),
          ALONE(worker_enter_says_who_was_here_before),
          ALONE(worker_left_by_its_task_is_a_panic));
    return RUN_TESTS();
}
