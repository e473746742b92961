/* test_sched.c: the set of workers on threads: start, stop, sleep, watch. */
#include "sched/sched.h"

#include "support/short_heap.h"
#include "support/support.h"
#include "support/verdict.h"
#include "unit/sched/mail.h"

#include <errno.h>
#include <sys/resource.h>

/* ---- threads ---- */

static void sched_threads_run_every_task_once(void **state)
{
    for (uint32_t workers = 1; workers <= 4; workers++) {
        start_threads(workers);
        post_all(JOBS);
        await(&all_runs, JOBS);
        end_threads();
        assert_runs(JOBS, 1);
    }
}

static void sched_stop_waits_until_threads_have_run_what_is_left(void **state)
{
    for (uint32_t workers = 1; workers <= 4; workers++) {
        open_sched(SCHED_THREADS, workers);
        make_jobs(10);
        assert_int_equal(sched_start(&sched), 0);
        post_all(JOBS);
        sched_stop(&sched); /* at once */
        assert_runs(JOBS, 11);
        assert_int_equal(sched.started, 0);
        assert_int_equal(close_sched(NULL), 0);
    }
}

static void sched_stop_without_work_ends_the_threads(void **state)
{
    for (int i = 0; i < 20; i++) {
        start_threads(3);
        end_threads();
    }
}

/* Each job sends letters to some others, so that they move, sleep and wake. */
static void mail_around(struct job *job, struct worker *worker)
{
    int me = (int)(job - jobs);
    static const int steps[MAIL] = {1, 7, 31, 57};
    if (atomic_load(&job->runs) > 0)
        return;
    for (int i = 0; i < MAIL; i++)
        post(worker, (me + steps[i]) % JOBS);
}

static bool has_all_mail(void *arg)
{
    unsigned sum = 0;
    for (int i = 0; i < JOBS; i++)
        sum += atomic_load(&jobs[i].letters);
    return sum == JOBS * MAIL;
}

/* Nothing is lost, wherever tasks have moved: the first letters make each job run once
 * and send its own; each gets as many as it has places for. */
static void sched_letters_between_workers_all_arrive(void **state)
{
    for (uint32_t workers = 1; workers <= 4; workers++) {
        open_sched(SCHED_THREADS, workers);
        for (int i = 0; i < JOBS; i++)
            jobs[i].act = mail_around;
        assert_int_equal(sched_start(&sched), 0);
        assert_true(inbox_poke(&jobs[0].task.inbox)); /* without one that counts */
        crew_wake(&sched.crew, NULL, &jobs[0].task);
        await_true(has_all_mail, NULL);
        end_threads();
        for (int i = 0; i < JOBS; i++) {
            assert_int_equal(atomic_load(&jobs[i].letters), MAIL);
            assert_in_range(atomic_load(&jobs[i].runs), 1, MAIL + 1);
        }
    }
}

/* ---- all asleep, tidying ---- */

static void count_call(void *user) { atomic_fetch_add((atomic_uint *)user, 1); }

static void sched_threads_say_when_all_sleep(void **state)
{
    static atomic_uint calls;
    for (uint32_t workers = 1; workers <= 4; workers += 3) {
        atomic_store(&calls, 0);
        open_sched(SCHED_THREADS, workers);
        sched.all_asleep = count_call;
        sched.all_asleep_user = &calls;
        assert_int_equal(sched_start(&sched), 0);
        await(&calls, 1);
        for (unsigned round = 1; round <= 20; round++) {
            unsigned before = atomic_load(&calls);
            post(NULL, 0);
            await(&all_runs, round);
            await(&calls, before + 1);
        }
        end_threads();
    }
}

static void sched_threads_tidy_until_there_is_no_more(void **state)
{
    open_sched(SCHED_THREADS, 2);
    sched.tidy = tidy_some;
    atomic_store(&tidied, 0);
    atomic_store(&to_tidy, 100);
    assert_int_equal(sched_start(&sched), 0);
    await(&tidied, 100);
    post_all(10);
    await(&all_runs, 10);
    end_threads();
    assert_int_equal(atomic_load(&to_tidy), 0);
}

/* ---- alarms ---- */

enum { BELLS = 20, EACH = 10 };
static struct alarm bells[BELLS];
static int64_t due[BELLS];
static atomic_uint early;

static void set_bell(struct worker *worker, int i, int64_t delay)
{
    bells[i] = (struct alarm){.task = &jobs[i].task, .mail = &jobs[i].mail[1]};
    atomic_set(&bells[i].state, ALARM_OFF);
    due[i] = clock_now(&sched.crew.clock) + delay;
    bias_enter(&worker->bias);
    alarm_set(&worker->alarms, &bells[i], due[i]);
    bias_leave(&worker->bias);
}

/* Its first run sets it, the others are for the mail that comes by it; some wait long
 * enough for all workers to fall asleep meanwhile. */
static void set_again(struct job *job, struct worker *worker)
{
    int i = (int)(job - jobs);
    unsigned runs = atomic_load(&job->runs);
    if (runs > 0 && clock_now(&sched.crew.clock) < due[i])
        atomic_fetch_add(&early, 1);
    if (runs < EACH)
        set_bell(worker, i, i % 4 == 0 ? 3000000 : 1000 * i);
}

static uint64_t alarms_pending(void)
{
    uint64_t pending = 0;
    for (uint32_t i = 0; i < sched.crew.count; i++)
        pending += load_relaxed(&sched.crew.workers[i].alarms.set) -
                   load_relaxed(&sched.crew.workers[i].alarms.over);
    return pending;
}

static void sched_threads_wake_up_for_alarms(void **state)
{
    for (uint32_t workers = 1; workers <= 4; workers++) {
        atomic_store(&early, 0);
        open_sched(SCHED_THREADS, workers);
        for (int i = 0; i < BELLS; i++)
            jobs[i].act = set_again;
        assert_int_equal(sched_start(&sched), 0);
        post_all(BELLS);
        await(&all_runs, BELLS * (EACH + 1));
        sched_stop(&sched);
        assert_int_equal(alarms_pending(), 0);
        assert_int_equal(close_sched(NULL), 0);
        assert_runs(BELLS, EACH + 1);
        assert_int_equal(atomic_load(&early), 0);
    }
}

/* That all sleep, and that nothing is to come. */
static atomic_uint says;
static void say(void *user)
{
    if (atomic_load(&all_runs) < EACH + 1)
        atomic_fetch_add(&early, 1);
    atomic_fetch_add(&says, 1);
}

static void set_long(struct job *job, struct worker *worker)
{
    if (atomic_load(&job->runs) < EACH)
        set_bell(worker, 0, 2000000);
}

static void sched_threads_with_an_alarm_set_are_not_quiet(void **state)
{
    for (uint32_t workers = 1; workers <= 4; workers++) {
        open_sched(SCHED_THREADS, workers);
        atomic_store(&early, 0);
        atomic_store(&says, 0);
        sched.all_asleep = say;
        jobs[0].act = set_long;
        post(NULL, 0); /* before the start: nobody is quiet before it has run */
        assert_int_equal(sched_start(&sched), 0);
        await(&all_runs, EACH + 1);
        await(&says, 1);
        end_threads();
        assert_int_equal(atomic_load(&early), 0);
    }
}

/* ---- the watch ---- */

enum { BEHIND = 5 };
static atomic_uint holds;

/* Does not end before those that it wakes have run. */
static void wait_for_those_behind(struct job *job, struct worker *worker)
{
    bias_enter(&worker->bias);
    for (int i = 1; i <= BEHIND; i++) {
        if (!task_claim(&jobs[i].task, worker->id))
            abort();
        worker_schedule(worker, &jobs[i].task);
    }
    bias_leave(&worker->bias);
    while (atomic_load(&all_runs) < BEHIND)
        thread_yield();
}

static uint64_t moves(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < sched.crew.count; i++)
        sum += load_relaxed(&sched.crew.workers[i].steals);
    return sum;
}

/* All workers, the watch too. */
static bool all_sleep(void *arg)
{
    return load_seq(&sched.crew.idle.wants) & IDLE_UNWATCHED &&
           idle_all_asleep(&sched.crew.idle);
}

static void sched_work_behind_a_handler_is_rescued(void **state)
{
    if (!thread_has_barrier())
        skip();
    for (uint32_t workers = 2; workers <= 4; workers++) {
        start_threads(workers);
        for (int round = 0; round < 10; round++) {
            await_true(all_sleep, NULL); /* so the watch must be called */
            make_jobs(0);
            jobs[0].act = wait_for_those_behind;
            post(NULL, 0);
            await(&all_runs, BEHIND + 1);
        }
        assert_true(moves() > 0);
        end_threads();
    }
}

/* Ends when the main thread says so. */
static void hold(struct job *job, struct worker *worker)
{
    atomic_fetch_add(&holds, 1);
    while (atomic_load(&holds) < 2)
        thread_yield();
}

static void sched_letters_behind_a_handler_are_rescued(void **state)
{
    if (!thread_has_barrier())
        skip();
    for (int round = 0; round < 10; round++) {
        start_threads(2);
        atomic_store(&holds, 0);
        jobs[0].act = hold;
        post(NULL, 0);
        await(&holds, 1);
        for (int i = 1; i <= BEHIND; i++)
            post(NULL, i); /* nobody's, so the first worker's, which may be the one */
        await(&all_runs, BEHIND);
        assert_int_equal(atomic_load(&jobs[0].runs), 0);
        atomic_fetch_add(&holds, 1);
        await(&all_runs, BEHIND + 1);
        end_threads();
    }
}

/* The same with some behind it. */
static void hold_some(struct job *job, struct worker *worker)
{
    bias_enter(&worker->bias);
    for (int i = 1; i <= BEHIND; i++) {
        if (!task_claim(&jobs[i].task, worker->id))
            abort();
        worker_schedule(worker, &jobs[i].task);
    }
    bias_leave(&worker->bias);
    hold(job, worker);
}

static bool behind_have_run(void)
{
    unsigned sum = 0;
    for (int i = 1; i <= BEHIND; i++)
        sum += atomic_load(&jobs[i].runs);
    return sum == BEHIND;
}

enum { KNOCKED = JOBS - 1 };
static bool have_run_after_a_knock(void *knocks)
{
    unsigned n = ++*(unsigned *)knocks;
    post(NULL, KNOCKED);
    await(&jobs[KNOCKED].runs, n);
    return behind_have_run();
}

/* The only one that can watch gets a letter again and again, so that it hardly sleeps. */
static void sched_watch_that_is_kept_awake_rescues_too(void **state)
{
    unsigned knocks = 0;
    if (!thread_has_barrier())
        skip();
    start_threads(2);
    atomic_store(&holds, 0);
    jobs[0].act = hold_some;
    assert_true(task_claim(&jobs[0].task, 0));
    assert_true(task_claim(&jobs[KNOCKED].task, 1));
    post(NULL, 0);
    await(&holds, 1);
    await_true(have_run_after_a_knock, &knocks);
    assert_int_equal(atomic_load(&jobs[0].runs), 0);
    atomic_fetch_add(&holds, 1);
    await(&jobs[0].runs, 1);
    end_threads();
}

static void sched_watch_sleeps_when_all_do(void **state)
{
    for (uint32_t workers = 2; workers <= 4; workers++) {
        start_threads(workers);
        for (unsigned round = 1; round <= 10; round++) {
            await_true(all_sleep, NULL);
            post(NULL, 0);
            await(&all_runs, round);
        }
        end_threads();
    }
}

/* ---- failing ---- */

static void sched_init_without_memory_is_enomem_and_leaves_nothing(void **state)
{
    struct short_heap below;
    for (uint64_t fail = 1;; fail++) {
        cadre_config config = {0};
        short_heap_init(&below, fail, 1);
        short_heap_serve(&below, &config);
        heap_init(&heap, config.alloc, config.alloc_user, SIZE_MAX);
        int err = sched_init(&sched, &heap, SCHED_POLLED, 2, true, 1);
        if (err == 0)
            sched_fini(&sched);
        assert_int_equal(atomic_load(&below.blocks), 0);
        assert_int_equal(load_relaxed(&heap.bytes), 0);
        if (err == 0)
            break;
        assert_int_equal(err, -ENOMEM);
        assert_int_equal(atomic_load(&below.refused), 1);
    }
    assert_true(atomic_load(&below.calls) >= 3);
    assert_false(verdict_has_failed());
}

static void sched_init_without_descriptors_is_emfile_and_leaves_nothing(void **state)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {0, before.rlim_max};
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int polled = sched_init(&sched, &heap, SCHED_POLLED, 1, true, 1);
    int threads = sched_init(&sched, &heap, SCHED_THREADS, 1, false, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(polled, -EMFILE);
    assert_int_equal(threads, 0); /* needs none */
    sched_fini(&sched);
    assert_int_equal(load_relaxed(&heap.bytes), 0);
}

int main(void)
{
    TESTS(
        cmocka_unit_test(sched_threads_say_when_all_sleep),
        cmocka_unit_test(sched_threads_tidy_until_there_is_no_more),
        cmocka_unit_test(sched_threads_run_every_task_once),
        cmocka_unit_test(sched_stop_waits_until_threads_have_run_what_is_left),
        cmocka_unit_test(sched_stop_without_work_ends_the_threads),
        cmocka_unit_test(sched_letters_between_workers_all_arrive),
        cmocka_unit_test(sched_threads_wake_up_for_alarms),
        cmocka_unit_test(sched_threads_with_an_alarm_set_are_not_quiet),
        cmocka_unit_test(sched_work_behind_a_handler_is_rescued),
        cmocka_unit_test(sched_letters_behind_a_handler_are_rescued),
        cmocka_unit_test(sched_watch_that_is_kept_awake_rescues_too),
        cmocka_unit_test(sched_watch_sleeps_when_all_do),
        cmocka_unit_test(sched_init_without_memory_is_enomem_and_leaves_nothing),
        cmocka_unit_test(sched_init_without_descriptors_is_emfile_and_leaves_nothing));
    return RUN_TESTS();
}
