/* test_sched.c: the set of workers, polled by the program's own loop or on threads. */
#include "sched/sched.h"

#include "support/short_heap.h"
#include "support/support.h"
#include "support/verdict.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

static struct heap heap;
static struct sched sched;

static void open_sched(enum sched_mode mode, uint32_t workers)
{
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    assert_int_equal(sched_init(&sched, &heap, mode, workers, mode == SCHED_POLLED, 1),
                     0);
}

static int open_polled(void **state)
{
    open_sched(SCHED_POLLED, 1);
    return 0;
}

static int close_sched(void **state)
{
    sched_fini(&sched);
    return load_relaxed(&heap.bytes) == 0 ? 0 : -1;
}

/* ---- tasks that count their runs ---- */

enum { TASKS = 1000 };

static struct job {
    struct task task;
    atomic_uint runs;
    int again;
} jobs[TASKS];
static atomic_uint all_runs;

static void run_job(struct task *task, struct worker *worker)
{
    struct job *job = container_of(task, struct job, task);
    atomic_fetch_add(&job->runs, 1);
    if (job->again > 0) {
        job->again--;
        worker_requeue(worker, task);
    }
    atomic_fetch_add(&all_runs, 1);
}

/* Jobs 0 .. count - 1, each run again so many times. */
static void submit(int count, int again)
{
    atomic_store(&all_runs, 0);
    for (int i = 0; i < count; i++) {
        jobs[i].task.run = run_job;
        jobs[i].again = again;
        atomic_store(&jobs[i].runs, 0);
        sched_submit(&sched, &jobs[i].task);
    }
}

static void assert_runs(int count, unsigned each)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(atomic_load(&jobs[i].runs), each);
    assert_int_equal(atomic_load(&all_runs), (unsigned)count * each);
}

/* ---- polled ---- */

static bool is_readable(void)
{
    struct pollfd p = {.fd = sched.event_fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void sched_polled_is_readable_at_first(void **state)
{
    assert_true(sched.event_fd >= 0);
    assert_true(is_readable());
    assert_int_equal(sched_poll(&sched, 10, 0), 0);
    assert_false(is_readable());
}

static void sched_start_of_a_polled_one_rings(void **state)
{
    (void)sched_poll(&sched, 10, 0);
    assert_int_equal(sched_start(&sched), 0);
    assert_true(is_readable());
    assert_int_equal(sched.started, 0);
}

static void sched_submit_makes_a_polled_one_readable(void **state)
{
    (void)sched_poll(&sched, 10, 0);
    submit(1, 0);
    assert_true(is_readable());
    assert_int_equal(sched_poll(&sched, 10, 0), 1);
    assert_runs(1, 1);
    assert_false(is_readable());
    assert_int_equal(sched_poll(&sched, 10, 0), 0);
}

static void sched_submit_of_many_rings_once_asleep(void **state)
{
    for (int round = 0; round < 10; round++) {
        submit(20, 0);
        assert_true(is_readable());
        assert_int_equal(sched_poll(&sched, 100, 0), 20);
        assert_runs(20, 1);
        assert_false(is_readable());
    }
}

static void sched_poll_runs_at_most_max_and_stays_readable(void **state)
{
    (void)sched_poll(&sched, 10, 0);
    submit(10, 0);
    assert_int_equal(sched_poll(&sched, 4, 0), 4);
    assert_true(is_readable());
    assert_int_equal(sched_poll(&sched, 4, 0), 4);
    assert_true(is_readable());
    assert_int_equal(sched_poll(&sched, 4, 0), 2);
    assert_false(is_readable());
    assert_runs(10, 1);
}

static void sched_poll_of_exactly_all_looks_once_more(void **state)
{
    submit(4, 0);
    assert_int_equal(sched_poll(&sched, 4, 0), 4);
    assert_true(is_readable()); /* it cannot know */
    assert_int_equal(sched_poll(&sched, 4, 0), 0);
    assert_false(is_readable());
}

static void sched_poll_goes_on_with_what_tasks_wake(void **state)
{
    submit(3, 5);
    assert_int_equal(sched_poll(&sched, 100, 0), 18);
    assert_runs(3, 6);
}

static void sched_poll_returns_when_its_time_is_over(void **state)
{
    (void)sched_poll(&sched, 10, 0);
    int64_t before = real_now();
    assert_int_equal(sched_poll(&sched, 10, CADRE_MS), 0);
    assert_true(real_now() - before >= CADRE_MS);
}

static void *submit_one(void *arg)
{
    sched_submit(&sched, arg);
    return NULL;
}

static void sched_poll_waits_for_a_task_from_another_thread(void **state)
{
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        jobs[0] = (struct job){.task.run = run_job};
        assert_int_equal(pthread_create(&thread, NULL, submit_one, &jobs[0].task), 0);
        int turns = 0; /* the first ring may be the one from the start */
        while (turns == 0)
            turns = sched_poll(&sched, 10, 60 * CADRE_SECOND);
        assert_int_equal(turns, 1);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

static void sched_stop_of_a_polled_one_runs_what_is_left(void **state)
{
    submit(500, 2);
    sched_stop(&sched);
    assert_runs(500, 3);
}

static void sched_unring_takes_all_rings_at_once(void **state)
{
    for (int i = 0; i < 5; i++)
        sched_ring(&sched);
    assert_true(is_readable());
    sched_unring(&sched, 0);
    assert_false(is_readable());
    sched_unring(&sched, 0); /* and does not wait for more */
}

/* ---- who runs here ---- */

static struct worker *seen_here, *seen_elsewhere;
static struct sched stranger;

static void look_around(struct task *task, struct worker *worker)
{
    seen_here = sched_here(&sched);
    seen_elsewhere = sched_here(&stranger);
}

static void sched_here_is_the_worker_inside_a_task_only(void **state)
{
    jobs[0].task.run = look_around;
    assert_null(sched_here(&sched));
    sched_submit(&sched, &jobs[0].task);
    assert_int_equal(sched_poll(&sched, 10, 0), 1);
    assert_ptr_equal(seen_here, &sched.crew.workers[0]);
    assert_null(seen_elsewhere);
    assert_null(sched_here(&sched));
}

/* ---- all asleep ---- */

static void count_call(void *user) { atomic_fetch_add((atomic_uint *)user, 1); }

static void sched_polled_says_when_all_sleep(void **state)
{
    atomic_uint calls = 0;
    sched.all_asleep = count_call;
    sched.all_asleep_user = &calls;
    submit(3, 0);
    (void)sched_poll(&sched, 2, 0);
    assert_int_equal(atomic_load(&calls), 0); /* one is left */
    (void)sched_poll(&sched, 2, 0);
    assert_int_equal(atomic_load(&calls), 1);
}

static void sched_threads_say_when_all_sleep(void **state)
{
    static atomic_uint calls;
    atomic_store(&calls, 0);
    open_sched(SCHED_THREADS, 4);
    sched.all_asleep = count_call;
    sched.all_asleep_user = &calls;
    assert_int_equal(sched_start(&sched), 0);
    await(&calls, 1);
    for (unsigned round = 1; round <= 20; round++) {
        unsigned before = atomic_load(&calls);
        submit(1, 0);
        await(&all_runs, 1);
        await(&calls, before + 1);
    }
    sched_stop(&sched);
    assert_int_equal(close_sched(NULL), 0);
}

/* ---- threads ---- */

static void sched_threads_run_every_task_once(void **state)
{
    for (uint32_t workers = 1; workers <= 4; workers++) {
        open_sched(SCHED_THREADS, workers);
        assert_int_equal(sched_start(&sched), 0);
        submit(TASKS, 0);
        await(&all_runs, TASKS);
        sched_stop(&sched);
        assert_runs(TASKS, 1);
        assert_int_equal(close_sched(NULL), 0);
    }
}

static void sched_stop_waits_until_threads_have_run_what_is_left(void **state)
{
    for (uint32_t workers = 1; workers <= 4; workers++) {
        open_sched(SCHED_THREADS, workers);
        assert_int_equal(sched_start(&sched), 0);
        submit(TASKS, 10);
        sched_stop(&sched); /* at once */
        assert_runs(TASKS, 11);
        assert_int_equal(sched.started, 0);
        assert_int_equal(close_sched(NULL), 0);
    }
}

static void sched_stop_without_work_ends_the_threads(void **state)
{
    for (int i = 0; i < 20; i++) {
        open_sched(SCHED_THREADS, 3);
        assert_int_equal(sched_start(&sched), 0);
        assert_int_equal(sched.started, 3);
        sched_stop(&sched);
        assert_int_equal(close_sched(NULL), 0);
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

#define POLLED(test) cmocka_unit_test_setup_teardown(test, open_polled, close_sched)

int main(void)
{
    TESTS(
        POLLED(sched_polled_is_readable_at_first),
        POLLED(sched_start_of_a_polled_one_rings),
        POLLED(sched_submit_makes_a_polled_one_readable),
        POLLED(sched_submit_of_many_rings_once_asleep),
        POLLED(sched_poll_runs_at_most_max_and_stays_readable),
        POLLED(sched_poll_of_exactly_all_looks_once_more),
        POLLED(sched_poll_goes_on_with_what_tasks_wake),
        POLLED(sched_poll_returns_when_its_time_is_over),
        POLLED(sched_poll_waits_for_a_task_from_another_thread),
        POLLED(sched_stop_of_a_polled_one_runs_what_is_left),
        POLLED(sched_unring_takes_all_rings_at_once),
        POLLED(sched_here_is_the_worker_inside_a_task_only),
        POLLED(sched_polled_says_when_all_sleep),
        cmocka_unit_test(sched_threads_say_when_all_sleep),
        cmocka_unit_test(sched_threads_run_every_task_once),
        cmocka_unit_test(sched_stop_waits_until_threads_have_run_what_is_left),
        cmocka_unit_test(sched_stop_without_work_ends_the_threads),
        cmocka_unit_test(sched_init_without_memory_is_enomem_and_leaves_nothing),
        cmocka_unit_test(sched_init_without_descriptors_is_emfile_and_leaves_nothing));
    return RUN_TESTS();
}
