/* test_aloof.c: a worker that keeps what it has, and to itself. On one thread: of four
 * workers the last one is aloof. */
#include "base/thread.h"
#include "sched/worker.h"

#include "unit/sched/jobs.h"

enum { HERMIT = CREW - 1 };

static struct worker *const hermit = &workers[HERMIT];

static void job_runs(struct job *job, struct worker *worker)
{
    record_add(worker->id * 1000 + (uint64_t)job->number);
}

static int make(void **state)
{
    make_crew(CREW, 1);
    crew_set_aloof(&crew, 1);
    return 0;
}

/* A job that is being made by a handler of this worker. */
static struct job *job_made(struct worker *maker, int n)
{
    struct job *job = job_for(maker, n);
    job->task.scheduled = true;
    return job;
}

static struct job *hand_over(struct worker *maker, int n, uint32_t to)
{
    struct job *job = job_made(maker, n);
    worker_hand_over(maker, &job->task, to);
    return job;
}

static void assert_owner(const struct job *job, uint32_t worker)
{
    assert_int_equal(load_relaxed(&job->task.owner), worker);
}

static void lie_down(struct worker *worker) { assert_true(worker_lie_down(worker)); }

/* ---- handing over ---- */

static void handed_over_runs_there_and_once(void **state)
{
    struct job *job = hand_over(w, 0, HERMIT);
    assert_owner(job, HERMIT);
    run_dry(w);
    run_dry(hermit);
    assert_record(HERMIT * 1000);
    assert_false(job->task.scheduled);
    assert_true(inbox_is_empty(&job->task.inbox)); /* the token has been used */
}

static void handed_over_wakes_its_worker(void **state)
{
    lie_down(hermit);
    (void)hand_over(w, 0, HERMIT);
    assert_false(idle_is_asleep(&crew.idle, HERMIT));
    worker_get_up(hermit);
    run_dry(hermit);
    assert_record(HERMIT * 1000);
}

static void handed_over_to_oneself_runs_here(void **state)
{
    (void)hand_over(hermit, 0, HERMIT);
    run_dry(hermit);
    assert_record(HERMIT * 1000);
}

static void handed_over_by_an_aloof_one_runs_elsewhere(void **state)
{
    (void)hand_over(hermit, 0, 1);
    run_dry(hermit);
    run_dry(&workers[1]);
    assert_record(1000);
}

/* A letter for a former life holds the token. */
static void handed_over_with_its_token_elsewhere_runs_when_that_comes(void **state)
{
    struct job *job = job_made(w, 0);
    assert_true(inbox_push(&job->task.inbox, &job->mail[0]));
    worker_hand_over(w, &job->task, HERMIT);
    run_dry(hermit);
    assert_int_equal(record.count, 0);
    crew_wake(&crew, &workers[2], &job->task);
    run_dry(hermit);
    assert_record(HERMIT * 1000);
    assert_owner(job, HERMIT);
}

static void
handed_over_with_its_token_on_the_way_runs_when_that_is_forwarded(void **state)
{
    struct job *job = job_made(w, 0);
    assert_true(inbox_push(&job->task.inbox, &job->mail[0]));
    crew_wake(&crew, &workers[2], &job->task); /* it arrives at the maker's */
    worker_hand_over(w, &job->task, HERMIT);
    run_dry(w);
    run_dry(hermit);
    assert_record(HERMIT * 1000);
    assert_owner(job, HERMIT);
}

static void handed_over_with_its_token_here_takes_it_along(void **state)
{
    struct job *job = job_made(w, 0);
    job->task.token = true;
    job->mail[0].next = NULL;
    assert_true(inbox_push(&job->task.inbox, &job->mail[0]));
    worker_hand_over(w, &job->task, HERMIT);
    assert_false(job->task.token && job->task.scheduled);
    run_dry(hermit);
    assert_record(HERMIT * 1000);
    assert_int_equal(atomic_load(&job->letters), 1);
}

/* ---- what it has stays ---- */

static void aloof_keeps_a_task_that_another_wakes(void **state)
{
    for (int i = 0; i < 100; i++) {
        struct job *job = job_for(hermit, i);
        post(&crew, w, job);
        run_dry(hermit);
        assert_owner(job, HERMIT);
    }
    run_dry(w);
    assert_int_equal(record.count, 100);
    assert_int_equal(record.values[99], HERMIT * 1000 + 99);
}

static void aloof_keeps_a_task_while_it_sleeps(void **state)
{
    struct job *job = job_for(hermit, 0);
    lie_down(hermit);
    post(&crew, w, job);
    assert_false(idle_is_asleep(&crew.idle, HERMIT));
    worker_get_up(hermit);
    run_dry(hermit);
    assert_record(HERMIT * 1000);
    assert_owner(job, HERMIT);
}

static void aloof_gives_nothing_to_the_hungry(void **state)
{
    for (int i = 0; i < HERMIT; i++)
        lie_down(&workers[i]);
    assert_true(load_relaxed(&crew.idle.wants) & ~IDLE_UNWATCHED);
    schedule_jobs(hermit, 0, 400);
    run_dry(hermit);
    for (int i = 0; i < 400; i++)
        assert_owner(&jobs[i], HERMIT);
    for (int i = 0; i < HERMIT; i++)
        assert_true(idle_is_asleep(&crew.idle, (uint32_t)i));
}

static void aloof_is_not_robbed(void **state)
{
    crew.can_stop = thread_has_barrier();
    schedule_jobs(hermit, 0, 5);
    counter_add(&hermit->turns, 1);
    bias_leave(&hermit->bias); /* in a handler */
    for (int i = 0; i < 3; i++)
        assert_false(worker_rescue(w));
    bias_enter(&hermit->bias);
    run_dry(hermit);
    assert_int_equal(record.count, 5);
}

static void aloof_does_not_fold(void **state)
{
    schedule_jobs(hermit, 0, 3);
    hermit->appetite.partner = 0;
    hermit->folds = true;
    hermit->due = 1;
    run_dry(hermit);
    assert_runs(0, 3, 1);
    for (int i = 0; i < 3; i++)
        assert_owner(&jobs[i], HERMIT);
}

/* ---- nothing else comes ---- */

static void aloof_pulls_nothing_from_a_sleeper(void **state)
{
    struct job *job = job_for(w, 0);
    lie_down(w);
    post(&crew, hermit, job);
    assert_owner(job, 0);
    worker_get_up(w);
    run_dry(hermit);
    run_dry(w);
    assert_record(0);
    assert_owner(job, 0);
}

static void aloof_is_not_followed(void **state)
{
    for (int i = 0; i < 100; i++) {
        struct job *job = job_for(w, i);
        post(&crew, hermit, job);
        run_dry(w);
        assert_owner(job, 0);
    }
    assert_false(idle_has_arrivals(&crew.idle, HERMIT));
}

static void aloof_takes_over_nobodys(void **state)
{
    struct job *job = new_job(0);
    post(&crew, hermit, job);
    assert_owner(job, 0);
    run_dry(w);
    assert_record(0);
}

static void aloof_is_never_hungry(void **state)
{
    lie_down(hermit);
    assert_false(idle_is_hungry(&crew.idle, HERMIT));
    assert_int_equal(load_relaxed(&crew.idle.wants) & ~IDLE_UNWATCHED, 0);
    worker_appetites(&crew);
    assert_false(idle_is_hungry(&crew.idle, HERMIT));
}

static void aloof_is_nobodys_partner(void **state)
{
    schedule_jobs(w, 0, 3);
    w->appetite.partner = HERMIT;
    w->folds = true;
    w->due = 1;
    run_dry(w);
    assert_runs(0, 3, 1);
    for (int i = 0; i < 3; i++)
        assert_owner(&jobs[i], 0);
    lie_down(w); /* it has not abstained */
    assert_true(idle_is_hungry(&crew.idle, 0));
}

static void aloof_is_not_called_to_watch(void **state)
{
    lie_down(hermit);
    atomic_set(&crew.idle.wants, IDLE_UNWATCHED);
    idle_call_watch(&crew.idle);
    assert_true(idle_is_asleep(&crew.idle, HERMIT));
    lie_down(&workers[1]);
    fetch_or_seq(&crew.idle.wants, IDLE_UNWATCHED);
    idle_call_watch(&crew.idle);
    assert_false(idle_is_asleep(&crew.idle, 1));
}

static void aloof_ones_are_not_in_surplus(void **state)
{
    make_crew(CREW, 1);
    crew.surplus = 2; /* two CPUs */
    crew_set_aloof(&crew, 1);
    assert_int_equal(crew.surplus, 1);
    lie_down(&workers[1]);
    assert_true(crew_is_busy(&crew)); /* 0 and 2 */
    lie_down(&workers[2]);
    assert_false(crew_is_busy(&crew)); /* the hermit does not count */
    make_crew(CREW, 1);
    crew_set_aloof(&crew, 3);
    assert_int_equal(crew.surplus, 0);
    assert_int_equal(crew_ordinary(&crew), 1);
}

/* ---- at random ---- */

static void aloof_in_any_order(void **state)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        make_crew(CREW, seed);
        crew_set_aloof(&crew, 1);
        struct rng rng = rng_stream(seed, 99);
        for (int i = 0; i < CREW; i++)
            worker_shuffle(&workers[i]);
        for (int i = 0; i < 40; i++)
            (void)hand_over(&workers[i % CREW], i,
                            i % 2 ? HERMIT : (uint32_t)i / 2 % 3);
        for (int i = 0; i < 120; i++)
            post(&crew, &workers[rng_below(&rng, CREW)], &jobs[i % 40]);
        for (int i = 0; i < 2000; i++)
            (void)worker_step(&workers[rng_below(&rng, CREW)]);
        for (int i = 0; i < 40; i++) {
            assert_int_equal(atomic_load(&jobs[i].letters), 3);
            assert_int_equal(load_relaxed(&jobs[i].task.owner) == HERMIT, i % 2);
        }
    }
}

#define ALOOF(test) cmocka_unit_test_setup(test, make)

int main(void)
{
    TESTS(ALOOF(handed_over_runs_there_and_once), ALOOF(handed_over_wakes_its_worker),
          ALOOF(handed_over_to_oneself_runs_here),
          ALOOF(handed_over_by_an_aloof_one_runs_elsewhere),
          ALOOF(handed_over_with_its_token_elsewhere_runs_when_that_comes),
          ALOOF(handed_over_with_its_token_on_the_way_runs_when_that_is_forwarded),
          ALOOF(handed_over_with_its_token_here_takes_it_along),
          ALOOF(aloof_keeps_a_task_that_another_wakes),
          ALOOF(aloof_keeps_a_task_while_it_sleeps),
          ALOOF(aloof_gives_nothing_to_the_hungry), ALOOF(aloof_is_not_robbed),
          ALOOF(aloof_does_not_fold), ALOOF(aloof_pulls_nothing_from_a_sleeper),
          ALOOF(aloof_is_not_followed), ALOOF(aloof_takes_over_nobodys),
          ALOOF(aloof_is_never_hungry), ALOOF(aloof_is_nobodys_partner),
          ALOOF(aloof_is_not_called_to_watch), ALOOF(aloof_ones_are_not_in_surplus),
          ALOOF(aloof_in_any_order));
    return RUN_TESTS();
}
