/* test_sched.c: workers on threads, and in a program's own loop. */
#include "support/support.h"

#include "sched/sched.h"

#include <errno.h>
#include <poll.h>
#include <sys/resource.h>

static struct heap heap;
static struct sched sched;
static atomic_uint ran, quiet_calls;

static void open_sched(enum sched_mode mode, uint32_t workers, bool polled)
{
    atomic_store(&ran, 0);
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    assert_int_equal(sched_init(&sched, &heap, mode, workers, polled, 1), 0);
}

static void close_sched(void)
{
    sched_stop(&sched);
    sched_fini(&sched);
    assert_int_equal(load_relaxed(&heap.bytes), 0);
}

struct work {
    struct task task;
    uint32_t left; /* requeue as often */
};

static void run_work(struct task *task, struct worker *w)
{
    struct work *work = container_of(task, struct work, task);
    if (sched_here(&sched) == w && worker_current() == w)
        atomic_fetch_add(&ran, 1);
    if (work->left && work->left--)
        worker_requeue(w, &work->task);
}

static void sched_threads_run_what_is_submitted(void **state)
{
    static struct work works[500];
    open_sched(SCHED_THREADS, 3, false);
    assert_int_equal(sched_start(&sched), 0);
    for (int i = 0; i < 500; i++) {
        works[i] = (struct work){.task.run = run_work, .left = 3};
        sched_submit(&sched, &works[i].task);
    }
    await(&ran, 2000);
    assert_null(sched_here(&sched));
    close_sched();
}

static void sched_stop_leaves_nothing_behind(void **state)
{
    static struct work works[500];
    for (int round = 0; round < 20; round++) {
        open_sched(SCHED_THREADS, 2, false);
        assert_int_equal(sched_start(&sched), 0);
        for (int i = 0; i < 500; i++) {
            works[i] = (struct work){.task.run = run_work, .left = 1};
            sched_submit(&sched, &works[i].task);
        }
        close_sched();
        assert_int_equal(atomic_load(&ran), 1000);
    }
}

static void note_quiet(void *user)
{
    assert_ptr_equal(user, &sched);
    atomic_fetch_add(&quiet_calls, 1);
}

static void sched_says_when_all_are_asleep(void **state)
{
    struct work work = {.task.run = run_work, .left = 10};
    open_sched(SCHED_THREADS, 3, false);
    sched.all_asleep = note_quiet;
    sched.all_asleep_user = &sched;
    atomic_store(&quiet_calls, 0);
    assert_int_equal(sched_start(&sched), 0);
    await(&quiet_calls, 1);
    unsigned before = atomic_load(&quiet_calls);
    sched_submit(&sched, &work.task);
    await(&quiet_calls, before + 1);
    assert_int_equal(atomic_load(&ran), 11);
    close_sched();
}

/* ---- polled ---- */

static bool is_readable(void)
{
    struct pollfd p = {.fd = sched.event_fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void sched_poll_runs_what_is_there(void **state)
{
    struct work a = {.task.run = run_work, .left = 2}, b = {.task.run = run_work};
    open_sched(SCHED_POLLED, 1, true);
    assert_int_equal(sched_start(&sched), 0);
    assert_true(is_readable()); /* look once at first */
    sched_submit(&sched, &a.task);
    assert_int_equal(sched_poll(&sched, 100, 0), 3);
    assert_false(is_readable());
    assert_int_equal(sched_poll(&sched, 100, 0), 0);
    sched_submit(&sched, &b.task);
    assert_true(is_readable());
    assert_int_equal(sched_poll(&sched, 100, 0), 1);
    assert_null(worker_current());
    close_sched();
}

static void sched_poll_runs_at_most_max(void **state)
{
    struct work a = {.task.run = run_work, .left = 9};
    open_sched(SCHED_POLLED, 1, true);
    sched_submit(&sched, &a.task);
    assert_int_equal(sched_poll(&sched, 4, 0), 4);
    assert_true(is_readable());
    assert_int_equal(sched_poll(&sched, 4, 0), 4);
    assert_true(is_readable());
    assert_int_equal(sched_poll(&sched, 4, 0), 2);
    assert_false(is_readable());
    close_sched();
}

static void sched_ring_and_unring(void **state)
{
    open_sched(SCHED_POLLED, 1, true);
    sched_unring(&sched, 0);
    assert_false(is_readable());
    sched_ring(&sched);
    sched_ring(&sched);
    assert_true(is_readable());
    sched_unring(&sched, CADRE_NEVER);
    assert_false(is_readable());
    int64_t before = real_now();
    sched_unring(&sched, 5 * CADRE_MS);
    assert_true(real_now() - before >= 5 * CADRE_MS);
    close_sched();
}

static void sched_without_descriptors_is_emfile(void **state)
{
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int err = sched_init(&sched, &heap, SCHED_POLLED, 1, true, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(err, -EMFILE);
    assert_int_equal(load_relaxed(&heap.bytes), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(sched_threads_run_what_is_submitted),
          cmocka_unit_test(sched_stop_leaves_nothing_behind),
          cmocka_unit_test(sched_says_when_all_are_asleep),
          cmocka_unit_test(sched_poll_runs_what_is_there),
          cmocka_unit_test(sched_poll_runs_at_most_max),
          cmocka_unit_test(sched_ring_and_unring),
          cmocka_unit_test(sched_without_descriptors_is_emfile));
    return RUN_TESTS();
}
