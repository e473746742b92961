/* test_fiber_steps.c: handlers suspend while somebody steps, or go too deep. */
#include "sched/fiber.h"

#include "mem/stack.h"

#include "support/support.h"
#include "unit/sched/fibers.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- stepped ---- */

static void just_suspend(struct job *job, struct worker *worker)
{
    job_suspend(job, worker);
}

/* Whoever polls finds his own frames as they were, however deep he is. */
static CC_NOINLINE int poll_from(int depth, int max)
{
    char here[100];
    memset(here, depth, sizeof here);
    int turns = depth > 0 ? poll_from(depth - 1, max) : sched_poll(&sched, max, 0);
    for (size_t i = 0; i < sizeof here; i++)
        assert_int_equal(here[i], depth);
    return turns;
}

static void fiber_stands_between_two_polls(void **state)
{
    open_sched(SCHED_POLLED, 1);
    for (int i = 0; i < 10; i++) {
        jobs[i].act = just_suspend;
        post(i);
    }
    assert_int_equal(poll_from(50, 1), 1); /* so that no run is asked for more */
    assert_int_equal(poll_from(50, 100), 9);
    assert_null(worker_current());
    assert_int_equal(atomic_load(&ended), 0);
    assert_int_equal(poll_from(3, 100), 0);
    for (int i = 0; i < 10; i += 2)
        let_go_on(&sched.crew.workers[0], &jobs[i]);
    assert_int_equal(poll_from(20, 3), 3);
    assert_int_equal(poll_from(0, 3), 2);
    assert_int_equal(atomic_load(&ended), 5);
    for (int i = 1; i < 10; i += 2)
        let_go_on(&sched.crew.workers[0], &jobs[i]);
    assert_int_equal(poll_from(10, 100), 5);
    assert_int_equal(atomic_load(&ended), 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(jobs[i].result, 0);
    sched_stop(&sched);
    close_sched();
}

/* The run in which the first one suspended was asked for more, and goes on with that. */
static void fiber_poll_runs_few_more_than_it_may(void **state)
{
    open_sched(SCHED_POLLED, 1);
    jobs[0].act = just_suspend;
    for (int i = 0; i < 200; i++)
        post(i);
    assert_int_equal(sched_poll(&sched, 10, 0), 10);
    let_go_on(&sched.crew.workers[0], &jobs[0]);
    assert_in_range(sched_poll(&sched, 1, 0), 1, FIBER_RUN);
    int left = 200 - (int)atomic_load(&ended);
    assert_int_equal(sched_poll(&sched, 1, 0), 1); /* once only */
    assert_int_equal(sched_poll(&sched, 1000, 0), left - 1);
    assert_int_equal(atomic_load(&ended), 200);
    sched_stop(&sched);
    close_sched();
}

/* Each turn of a task is one, whether its handler suspends, goes on, or neither. */
static void fiber_poll_runs_no_more_than_it_may(void **state)
{
    open_sched(SCHED_POLLED, 1);
    for (int i = 0; i < 9; i++) {
        jobs[i].act = i % 3 == 1 ? just_suspend : NULL;
        post(i);
    }
    for (int i = 0; i < 9; i++)
        assert_int_equal(sched_poll(&sched, 1, 0), 1);
    assert_int_equal(sched_poll(&sched, 1, 0), 0);
    assert_int_equal(sched_poll(&sched, 0, 0), 0);
    assert_int_equal(atomic_load(&ended), 6);
    for (int i = 1; i < 9; i += 3)
        let_go_on(&sched.crew.workers[0], &jobs[i]);
    for (unsigned i = 7; i <= 9; i++) {
        assert_int_equal(sched_poll(&sched, 1, 0), 1);
        assert_int_equal(atomic_load(&ended), i);
    }
    sched_stop(&sched);
    close_sched();
}

static void see_no_worker(struct job *job, struct worker *worker)
{
    job->saw = (uint64_t)fiber_suspend(&sched.crew.workers[1], &job->fiber);
}

/* Of another worker than the one that runs; or of one that is not stepped just now. */
static void fiber_suspend_elsewhere_is_refused(void **state)
{
    struct fiber *none = NULL;
    open_sched(SCHED_POLLED, 2);
    jobs[0].act = see_no_worker;
    post(0);
    assert_int_equal(sched_poll(&sched, 1, 0), 1);
    assert_int_equal((int)jobs[0].saw, -EPERM);
    assert_int_equal(fiber_suspend(&sched.crew.workers[0], &none), -EPERM);
    assert_null(none);
    close_sched();
}

/* ---- too deep ---- */

static CC_NOINLINE unsigned fall(unsigned n)
{
    char here[512];
    memset(here, (int)n, sizeof here);
    unsigned below = n < UINT32_MAX ? fall(n + 1) : 0;
    return below + (unsigned)here[n % sizeof here];
}

static void explain(int sig, siginfo_t *info, void *context)
{
    struct fiber_fault fault;
    if (!fiber_explain_fault(info->si_addr, &fault))
        _exit(1);
    _exit(fault.worker == 0 && fault.size == STACK_SIZE ? 42 : 2);
}

static void go_too_deep(struct job *job, struct worker *worker)
{
    static char room[64 << 10];
    stack_t other = {.ss_sp = room, .ss_size = sizeof room};
    struct sigaction action = {.sa_sigaction = explain,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&other, NULL);
    sigaction(SIGSEGV, &action, NULL);
    jobs[2].saw = fall(0);
}

static enum sched_mode mode_of_child;
static void run_too_deep(void)
{
    open_sched(mode_of_child, 1);
    jobs[0].act = just_suspend;
    jobs[1].act = go_too_deep;
    post(0);
    post(1);
    if (sched_start(&sched) != 0)
        _exit(3);
    run_until_ended(2);
}

static void fiber_too_deep_is_stopped_by_its_guard(void **state)
{
    for (int mode = SCHED_THREADS; mode <= SCHED_SIMULATED; mode++) {
        mode_of_child = (enum sched_mode)mode;
        int status = in_child(run_too_deep);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 42);
    }
}

static void no_more(void) {}

static void look_at_addresses(struct job *job, struct worker *worker)
{
    struct fiber_fault fault;
    job->saw = fiber_explain_fault(NULL, &fault) || fiber_explain_fault(&fault, &fault);
}

static void fiber_explains_no_other_fault(void **state)
{
    struct fiber_fault fault = {0};
    assert_false(fiber_explain_fault(&fault, &fault));
    each_way(look_at_addresses, 1, no_more);
    assert_int_equal(jobs[0].saw, 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(fiber_stands_between_two_polls),
          cmocka_unit_test(fiber_poll_runs_few_more_than_it_may),
          cmocka_unit_test(fiber_poll_runs_no_more_than_it_may),
          cmocka_unit_test(fiber_suspend_elsewhere_is_refused),
          cmocka_unit_test(fiber_too_deep_is_stopped_by_its_guard),
          cmocka_unit_test(fiber_explains_no_other_fault));
    return RUN_TESTS();
}
