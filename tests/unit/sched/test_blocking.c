/* test_blocking.c: threads for calls that block: what runs, is refused, cancelled,
 * dropped, reported. */
#include "sched/blocking.h"

#include "unit/sched/calls.h"

#include <sys/wait.h>

/* ---- running ---- */

static void blocking_job_runs_once_on_a_named_thread_without_signals(void **state)
{
    make_pool(2, 4);
    assert_int_equal(count().threads, 0);
    assert_int_equal(created, 0);
    assert_int_equal(submit(0), 0);
    await_done(1);
    assert_int_equal(calls[0].ended, 1);
    assert_int_not_equal(calls[0].thread, pthread_self());
    assert_string_equal(calls[0].name, "cadre-b-test");
    assert_true(sigismember(&calls[0].mask, SIGTERM));
    assert_true(sigismember(&calls[0].mask, SIGINT));
    end_pool();
}

static void blocking_one_thread_runs_the_oldest_first(void **state)
{
    make_pool(1, JOBS);
    occupy(0);
    submit_all(1, 8);
    assert_int_equal(count().waiting, 7);
    assert_int_equal(blocking_waiting(&pool), 7);
    let_go(0);
    await_done(8);
    assert_began(0, 1, 2, 3, 4, 5, 6, 7);
    assert_int_equal(created, 1);
    end_pool();
}

static void blocking_runs_as_many_as_it_may_and_no_more(void **state)
{
    make_pool(3, JOBS);
    for (unsigned i = 0; i < 5; i++) {
        calls[i].has_gate = true;
        assert_int_equal(submit(i), 0); /* does not wait for a thread to wake up */
    }
    for (unsigned i = 0; i < 3; i++)
        await(&calls[i].begun, 1);
    struct blocking_counters c = count();
    assert_int_equal(c.running, 3);
    assert_int_equal(c.threads, 3);
    assert_int_equal(c.waiting, 2);
    let_go(1);
    await(&calls[3].begun, 1);
    assert_int_equal(count().running, 3);
    assert_int_equal(calls[4].begun, 0);
    for (unsigned i = 0; i < 5; i++)
        let_go(i);
    await_done(5);
    assert_int_equal(created, 3);
    end_pool();
}

static void blocking_free_thread_takes_the_next_job(void **state)
{
    make_pool(4, JOBS);
    for (unsigned i = 0; i < JOBS; i++) {
        assert_int_equal(submit(i), 0);
        await_done(i + 1);
    }
    assert_int_equal(created, 1);
    assert_int_equal(count().threads, 1);
    end_pool();
}

static void blocking_jobs_beyond_the_free_threads_start_others(void **state)
{
    make_pool(4, JOBS);
    occupy(0);
    occupy(1);
    finish(0);
    finish(1);
    for (unsigned i = 2; i < 6; i++) { /* two wake threads, two start some */
        calls[i].has_gate = true;
        assert_int_equal(submit(i), 0);
    }
    for (unsigned i = 2; i < 6; i++)
        await(&calls[i].begun, 1);
    assert_int_equal(created, 4);
    for (unsigned i = 2; i < 6; i++)
        let_go(i);
    end_pool();
}

static void blocking_thread_that_slept_last_is_woken_first(void **state)
{
    static const unsigned last[] = {1, 2, 0};
    make_pool(3, JOBS);
    for (unsigned i = 0; i < 3; i++)
        occupy(i);
    for (unsigned i = 0; i < 3; i++)
        finish(last[i]);
    for (unsigned i = 3; i < 6; i++) {
        occupy(i);
        assert_int_equal(calls[i].thread, calls[last[5 - i]].thread);
    }
    for (unsigned i = 3; i < 6; i++)
        let_go(i);
    end_pool();
}

static void submit_next(struct blocking_job *job)
{
    struct call *c = container_of(job, struct call, job);
    if (blocking_count(&pool).running != 1)
        abort();
    if (c < &calls[5] && blocking_submit(&pool, &c[1].job) != 0)
        abort();
    run_call(job);
}

static void blocking_job_may_submit_and_count(void **state)
{
    make_pool(1, 1);
    for (unsigned i = 0; i <= 5; i++)
        calls[i].job.run = submit_next;
    assert_int_equal(submit(0), 0);
    await_done(6);
    assert_began(0, 1, 2, 3, 4, 5);
    end_pool();
}

static void free_job(struct blocking_job *job)
{
    memset(job, 0xff, sizeof *job);
    free(job);
}

/* AddressSanitizer watches. */
static void blocking_job_may_free_itself(void **state)
{
    for (uint32_t threads = 0; threads <= 1; threads++) {
        struct blocking_job *job = malloc(sizeof *job);
        assert_non_null(job);
        make_pool(threads, 1);
        blocking_job_init(job, free_job, OWNERS);
        assert_int_equal(blocking_submit(&pool, job), 0);
        if (threads == 0)
            assert_true(blocking_step(&pool, 0));
        await_done(1);
        end_pool();
    }
}

/* ---- refusal ---- */

static void blocking_full_refuses_until_there_is_room(void **state)
{
    make_pool(1, 2);
    occupy(0);
    submit_all(1, 3);
    assert_int_equal(submit(3), CADRE_EFULL);
    assert_int_equal(submit(3), CADRE_EFULL);
    struct blocking_counters c = count();
    assert_int_equal(c.refused, 2);
    assert_int_equal(c.submitted, 3);
    assert_false(cancel(3));
    let_go(0);
    await_done(3);
    assert_int_equal(submit(3), 0);
    await_done(4);
    assert_began(0, 1, 2, 3);
    end_pool();
}

static void blocking_full_does_not_depend_on_threads_waking_up(void **state)
{
    make_pool(3, 1);
    for (unsigned round = 0; round < 3; round++) { /* new threads, then sleeping ones */
        for (unsigned i = 0; i < 5; i++) {
            calls[i].has_gate = true;
            assert_int_equal(submit(i), i < 4 ? 0 : CADRE_EFULL);
        }
        for (unsigned i = 0; i < 4; i++)
            let_go(i);
        await_done(4 * (round + 1));
    }
    end_pool();
}

static void blocking_full_takes_one_after_a_cancel(void **state)
{
    make_pool(1, 1);
    occupy(0);
    assert_int_equal(submit(1), 0);
    assert_int_equal(submit(2), CADRE_EFULL);
    assert_true(cancel(1));
    assert_int_equal(submit(2), 0);
    assert_int_equal(submit(1), CADRE_EFULL);
    let_go(0);
    await_done(2);
    assert_began(0, 2);
    end_pool();
}

/* ---- cancel ---- */

static void blocking_cancel_before_it_began_gives_it_back(void **state)
{
    make_pool(1, JOBS);
    occupy(0);
    submit_all(1, 5);
    assert_true(cancel(2));
    assert_false(cancel(2));
    assert_true(cancel(4));
    assert_true(cancel(1));
    assert_int_equal(count().waiting, 1);
    assert_int_equal(submit(1), 0); /* behind the others now */
    let_go(0);
    await_done(3);
    assert_began(0, 3, 1);
    assert_int_equal(count().cancelled, 3);
    end_pool();
}

static void blocking_cancel_of_what_does_not_wait_is_refused(void **state)
{
    make_pool(1, JOBS);
    assert_false(cancel(0));
    occupy(0);
    assert_false(cancel(0));
    finish(0);
    assert_false(cancel(0));
    assert_int_equal(count().cancelled, 0);
    end_pool();
}

/* ---- stop ---- */

static atomic_bool stopped;

static void *stop_pool(void *arg)
{
    blocking_stop(&pool, drop_call);
    atomic_store(&stopped, true);
    return NULL;
}

static void blocking_stop_drops_what_waits_and_awaits_what_runs(void **state)
{
    struct thread stopper;
    atomic_store(&stopped, false);
    make_pool(2, JOBS);
    occupy(0);
    occupy(1);
    submit_all(2, 5);
    calls[2].has_gate = true;
    assert_int_equal(thread_start(&stopper, "stopper", stop_pool, NULL), 0);
    await(&calls[2].dropped, 1); /* and no other yet */
    assert_int_equal(submit(5), -ESHUTDOWN);
    finish(1);
    await_threads(1); /* it ends at once */
    assert_int_equal(count().waiting, 2);
    let_go(2);
    await(&calls[4].dropped, 1);
    assert_false(stopped);
    let_go(0);
    thread_join(&stopper);
    assert_int_equal(calls[0].ended, 1);
    assert_began(0, 1, 2, 3, 4); /* or dropped */
    for (unsigned i = 2; i < 5; i++)
        assert_int_equal(calls[i].begun * 10 + calls[i].dropped, 1);
    assert_int_equal(count().dropped, 3);
    end_pool();
}

static void blocking_stopped_refuses(void **state)
{
    make_pool(2, JOBS);
    assert_int_equal(submit(0), 0);
    await_done(1);
    blocking_stop(&pool, no_drop);
    blocking_stop(&pool, no_drop);
    assert_int_equal(count().threads, 0);
    assert_int_equal(submit(1), -ESHUTDOWN);
    assert_false(cancel(1));
    assert_int_equal(count().refused, 1);
    assert_int_equal(created, 1);
    end_pool();
}

static void blocking_stop_before_any_job_has_nothing_to_do(void **state)
{
    make_pool(2, JOBS);
    end_pool();
    assert_int_equal(created, 0);
}

/* ---- no threads ---- */

static void blocking_threadless_runs_what_is_stepped(void **state)
{
    make_pool(0, 4);
    assert_false(blocking_step(&pool, 0));
    submit_all(0, 4);
    assert_int_equal(submit(4), CADRE_EFULL);
    assert_int_equal(blocking_waiting(&pool), 4);
    assert_int_equal(ordered, 0);
    assert_false(blocking_step(&pool, 4));
    assert_true(blocking_step(&pool, 2));
    assert_true(blocking_step(&pool, 0));
    assert_true(cancel(1));
    assert_false(blocking_step(&pool, 1));
    assert_true(blocking_step(&pool, 0));
    assert_false(blocking_step(&pool, 0));
    assert_began(2, 0, 3);
    assert_int_equal(calls[2].thread, pthread_self());
    assert_int_equal(count().done, 3);
    assert_int_equal(created, 0);
    end_pool();
}

static void blocking_threadless_drops_what_was_not_stepped(void **state)
{
    make_pool(0, 4);
    submit_all(0, 3);
    assert_true(blocking_step(&pool, 1));
    blocking_stop(&pool, drop_call);
    assert_began(1, 0, 2); /* or dropped */
    assert_int_equal(calls[0].dropped + calls[2].dropped, 2);
    assert_int_equal(count().dropped, 2);
    assert_false(blocking_step(&pool, 0));
    assert_int_equal(submit(3), -ESHUTDOWN);
    end_pool();
}

/* ---- who runs for how long ---- */

static struct report {
    unsigned count;
    int64_t for_ns[JOBS]; /* 0: does not run */
} report;

static void visit(void *user, uint64_t owner, int64_t for_ns)
{
    struct report *r = user;
    r->count++;
    r->for_ns[owner - OWNERS] = for_ns;
}

static void look(void)
{
    report = (struct report){0};
    blocking_running(&pool, visit, &report);
}

static void blocking_running_tells_who_runs_for_how_long(void **state)
{
    make_pool(3, JOBS);
    int64_t before = real_now();
    occupy(0);
    int64_t between = real_now();
    occupy(1);
    occupy(2);
    assert_int_equal(submit(4), 0); /* waits */
    finish(2);
    await_done(2);
    int64_t later = real_now();
    occupy(3);
    int64_t after = real_now();
    look();
    int64_t end = real_now();
    assert_int_equal(report.count, 3);
    assert_in_range(report.for_ns[3], 1, end - later);
    assert_in_range(report.for_ns[0], after - between, end - before);
    assert_in_range(report.for_ns[1], 1, end - between);
    finish(0);
    finish(1);
    finish(3);
    look();
    assert_int_equal(report.count, 0);
    end_pool();
}

/* ---- init and fini ---- */

static void blocking_idle_time_of_zero_is_ten_seconds(void **state)
{
    make_pool_idle(1, 1, 0);
    assert_int_equal(pool.limits.idle_ns, 10 * CADRE_SECOND);
    end_pool();
}

static void fini(void) { blocking_fini(&pool); }

static void blocking_fini_before_stop_is_a_broken_invariant(void **state)
{
    make_pool(1, 1);
    int status = in_child(fini);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    end_pool();
}

static void blocking_heap_at_its_limit_is_no_pool(void **state)
{
    struct blocking_limits limits = {.name = "none", .threads_max = 2};
    heap_init(&heap, NULL, NULL, 64);
    assert_int_equal(blocking_init(&pool, &heap, &limits), CADRE_EFULL);
    assert_int_equal(load_relaxed(&heap.bytes), 0);
}

#define TEST(f) cmocka_unit_test_setup(f, make_calls)

int main(void)
{
    TESTS(TEST(blocking_job_runs_once_on_a_named_thread_without_signals),
          TEST(blocking_one_thread_runs_the_oldest_first),
          TEST(blocking_runs_as_many_as_it_may_and_no_more),
          TEST(blocking_free_thread_takes_the_next_job),
          TEST(blocking_jobs_beyond_the_free_threads_start_others),
          TEST(blocking_thread_that_slept_last_is_woken_first),
          TEST(blocking_job_may_submit_and_count), TEST(blocking_job_may_free_itself),
          TEST(blocking_full_refuses_until_there_is_room),
          TEST(blocking_full_does_not_depend_on_threads_waking_up),
          TEST(blocking_full_takes_one_after_a_cancel),
          TEST(blocking_cancel_before_it_began_gives_it_back),
          TEST(blocking_cancel_of_what_does_not_wait_is_refused),
          TEST(blocking_stop_drops_what_waits_and_awaits_what_runs),
          TEST(blocking_stopped_refuses),
          TEST(blocking_stop_before_any_job_has_nothing_to_do),
          TEST(blocking_heap_at_its_limit_is_no_pool),
          TEST(blocking_threadless_runs_what_is_stepped),
          TEST(blocking_threadless_drops_what_was_not_stepped),
          TEST(blocking_running_tells_who_runs_for_how_long),
          TEST(blocking_idle_time_of_zero_is_ten_seconds),
          TEST(blocking_fini_before_stop_is_a_broken_invariant));
    return RUN_TESTS();
}
