/* test_fiber.c: handlers suspend and go on, and the worker goes on meanwhile. */
#include "sched/fiber.h"

#include "base/context.h"
#include "mem/stack.h"

#include "support/short_heap.h"
#include "support/support.h"
#include "unit/sched/fibers.h"

#include <errno.h>
#include <pthread.h>

static void note(struct job *job, unsigned what)
{
    record_add((uint64_t)number_of(job) * 10 + what);
}

/* Notes 0 at its beginning, and 1 when it is resumed. */
static void suspend(struct job *job, struct worker *worker)
{
    note(job, 0);
    job_suspend(job, worker);
    note(job, 1);
    if (worker_current() != worker || job->result != 0)
        abort();
}

/* ---- one after the other ---- */

static void wake_first(struct job *job, struct worker *worker)
{
    note(job, 0);
    let_go_on(worker, &jobs[0]);
}

static void suspend_and_be_woken(struct job *job, struct worker *worker)
{
    jobs[1].act = wake_first;
    schedule(worker, 1);
    suspend(job, worker);
}

static void check_one(void) { assert_record(0, 10, 1); }

static void fiber_that_suspends_goes_on_when_it_is_resumed(void **state)
{
    each_way(suspend_and_be_woken, 2, check_one);
}

/* A suspends, B suspends on the next stack, C lets them go on: A first, or B. */
static bool b_first;
static void wake_two(struct job *job, struct worker *worker)
{
    note(job, 0);
    let_go_on(worker, &jobs[b_first ? 1 : 0]);
    let_go_on(worker, &jobs[b_first ? 0 : 1]);
}

static void suspend_b(struct job *job, struct worker *worker)
{
    jobs[2].act = wake_two;
    schedule(worker, 2);
    suspend(job, worker);
}

static void suspend_a(struct job *job, struct worker *worker)
{
    jobs[1].act = suspend_b;
    schedule(worker, 1);
    suspend(job, worker);
}

static void check_a_first(void) { assert_record(0, 10, 20, 1, 11); }
static void check_b_first(void) { assert_record(0, 10, 20, 11, 1); }

static void fibers_go_on_in_the_order_in_which_they_are_resumed(void **state)
{
    b_first = false;
    each_way(suspend_a, 3, check_a_first);
    b_first = true;
    each_way(suspend_a, 3, check_b_first);
}

/* The same handler, again and again: the stacks change places. */
enum { AGAIN = 1000 };
static void wake_again(struct job *job, struct worker *worker)
{
    let_go_on(worker, &jobs[0]);
}

static void suspend_again(struct job *job, struct worker *worker)
{
    for (unsigned i = 0; i < AGAIN; i++) {
        unsigned n = 1 + i % 2; /* whose last run has ended */
        jobs[n].act = wake_again;
        schedule(worker, (int)n);
        job_suspend(job, worker);
        job->saw += job->result == 0;
    }
}

static void check_again(void)
{
    assert_int_equal(jobs[0].saw, AGAIN);
    assert_int_equal(lines[0].resumed, AGAIN);
    assert_true(load_relaxed(&heap.bytes) < 4 * STACK_SIZE); /* one or two stacks */
}

static void fiber_suspends_often_on_few_stacks(void **state)
{
    each_way(suspend_again, AGAIN + 1, check_again);
}

/* A handler that changes the rounding has it when it goes on; others do not. */
static uint64_t words[2];
static void look_and_wake(struct job *job, struct worker *worker)
{
    job->saw = context_control();
    let_go_on(worker, &jobs[0]);
}

static void round_otherwise(struct job *job, struct worker *worker)
{
    jobs[1].act = jobs[2].act = look_and_wake;
    context_set_control(words[1]);
    schedule(worker, 1); /* on a new stack */
    job_suspend(job, worker);
    job->saw = context_control();
    schedule(worker, 2); /* on one that was parked */
    job_suspend(job, worker);
    job->saw += context_control();
    context_set_control(words[0]);
}

static void check_rounding(void)
{
    assert_int_equal(jobs[0].saw, 2 * words[1]);
    assert_int_equal(jobs[1].saw, words[0]);
    assert_int_equal(jobs[2].saw, words[0]);
    assert_int_equal(context_control(), words[0]);
}

static void fiber_keeps_the_rounding(void **state)
{
    words[0] = context_control();
    words[1] = words[0] ^ FIBERS_ROUNDING;
    each_way(round_otherwise, 3, check_rounding);
}

/* ---- many ---- */

static unsigned many;
static unsigned order[JOBS];
static size_t most_bytes;

static void shuffle(struct rng *rng)
{
    for (unsigned i = 0; i < many; i++)
        order[i] = i + 1;
    for (unsigned i = many - 1; i > 0; i--) {
        unsigned k = rng_below(rng, i + 1), t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
}

/* What is on the stack is the same afterwards. */
static CC_NOINLINE void stand(struct job *job, struct worker *worker)
{
    uint32_t here[64];
    uint32_t seed = (uint32_t)number_of(job);
    for (size_t i = 0; i < 64; i++)
        here[i] = seed * 2654435761u + (uint32_t)i;
    job_suspend(job, worker);
    for (size_t i = 0; i < 64; i++)
        job->saw += here[i] == seed * 2654435761u + (uint32_t)i;
}

static void wake_all(struct job *job, struct worker *worker)
{
    struct rng rng = rng_stream(7, 7);
    shuffle(&rng);
    most_bytes = load_relaxed(&heap.bytes);
    for (unsigned i = 0; i < many; i++)
        let_go_on(worker, &jobs[order[i]]);
}

static void stand_and_call_next(struct job *job, struct worker *worker)
{
    unsigned n = (unsigned)number_of(job);
    jobs[(n + 1) % (many + 1)].act = n == many ? wake_all : stand_and_call_next;
    if (n < many) {
        schedule(worker, (int)n + 1);
        if (n > 0)
            stand(job, worker);
    } else {
        schedule(worker, 0);
        stand(job, worker);
    }
}

static void check_many(void)
{
    for (unsigned i = 1; i <= many; i++) {
        assert_int_equal(jobs[i].result, 0);
        assert_int_equal(jobs[i].saw, 64);
    }
    assert_int_equal(lines[0].resumed, many);
    assert_true(most_bytes > (many - 1) * (size_t)STACK_MIN);
    assert_true(load_relaxed(&heap.bytes) <
                (FIBER_PARKED + STACK_KEPT + 3) * (size_t)STACK_SIZE);
}

static void fibers_by_the_thousand_go_on_in_any_order(void **state)
{
#ifdef CC_TSAN
    many = 500; /* it knows no more than some thousand stacks */
#else
    many = CC_ASAN ? 2000 : getenv("CADRE_EMULATED") ? 500 : JOBS - 1;
#endif
    each_way(stand_and_call_next, many + 2, check_many);
}

/* ---- the ends of threads ---- */

static pthread_key_t at_end;
static bool ended_at_home, ran_elsewhere;

/* On the stack that this thread was made with? */
static CC_NOINLINE bool is_at_home(void)
{
    pthread_attr_t attr;
    void *low;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attr) ||
        pthread_attr_getstack(&attr, &low, &size))
        abort();
    pthread_attr_destroy(&attr);
    char *here = __builtin_frame_address(0);
    return here >= (char *)low && here < (char *)low + size;
}

static void see_end(void *arg) { ended_at_home = is_at_home(); }

static void look_where_it_is(struct job *job, struct worker *worker)
{
    ran_elsewhere = !is_at_home();
}

/* The one that suspended on the thread's stack goes on first, so its loop resumes the
 * other one, whose loop comes to the end. */
static void end_elsewhere(struct job *job, struct worker *worker)
{
    pthread_setspecific(at_end, job);
    suspend_a(job, worker);
}

static void suspend_last(struct job *job, struct worker *worker)
{
    suspend_b(job, worker);
    jobs[3].act = look_where_it_is;
    schedule(worker, 3);
}

static void end_elsewhere_first(struct job *job, struct worker *worker)
{
    jobs[1].act = suspend_last;
    schedule(worker, 1);
    pthread_setspecific(at_end, job);
    suspend(job, worker);
}

static void fiber_loop_ends_on_the_threads_own_stack(void **state)
{
    assert_int_equal(pthread_key_create(&at_end, see_end), 0);
    b_first = false;
    for (int i = 0; i < 20; i++) {
        ended_at_home = ran_elsewhere = false;
        open_sched(SCHED_THREADS, 1);
        jobs[0].act = i % 2 ? end_elsewhere_first : end_elsewhere;
        post(0);
        assert_int_equal(sched_start(&sched), 0);
        if (i % 4 < 2)
            run_until_ended(i % 2 ? 4 : 3);
        sched_stop(&sched);
        assert_int_equal(atomic_load(&ended), i % 2 ? 4 : 3);
        assert_true(ended_at_home);
        assert_int_equal(ran_elsewhere, i % 2);
        close_sched();
    }
    pthread_key_delete(at_end);
}

static void fiber_suspends_while_the_workers_are_stopped(void **state)
{
    for (int mode = SCHED_THREADS; mode <= SCHED_SIMULATED; mode++) {
        open_sched((enum sched_mode)mode, 2);
        jobs[0].act = suspend_a;
        b_first = mode % 2;
        post(0);
        sched_stop(&sched); /* nothing was started */
        assert_int_equal(atomic_load(&ended), 3);
        assert_int_equal(lines[0].resumed + lines[1].resumed, 2);
        close_sched();
    }
}

/* ---- several workers ---- */

enum { STANDING = 10 };
static struct job *standing[WORKERS][STANDING];

/* Lets one that stands here go on, and stands for a while itself. */
static void take_turns(struct job *job, struct worker *worker)
{
    struct job **place = &standing[worker->id][number_of(job) % STANDING];
    struct job *other = *place;
    *place = number_of(job) % 7 == 0 ? NULL : job;
    if (other)
        let_go_on(worker, other);
    if (*place == job) {
        job_suspend(job, worker);
        job->saw = worker_current() == worker;
    }
}

/* With nothing else to do, the worker lets all go on that stand. */
static uint32_t run_jobs_and_standing(struct worker *worker, uint32_t max)
{
    uint32_t n = run_jobs(worker, max);
    for (int i = 0; n < max && i < STANDING; i++)
        if (standing[worker->id][i]) {
            let_go_on(worker, standing[worker->id][i]);
            standing[worker->id][i] = NULL;
            n += run_jobs(worker, max - n);
            i = -1;
        }
    return n;
}

static void fibers_of_several_workers_all_go_on(void **state)
{
    enum { MANY = 2000 };
    for (uint32_t workers = 1; workers <= WORKERS; workers++) {
        open_sched(SCHED_THREADS, workers);
        sched.crew.run = run_jobs_and_standing;
        for (int i = 0; i < MANY; i++) {
            jobs[i].act = take_turns;
            post(i);
        }
        assert_int_equal(sched_start(&sched), 0);
        await(&ended, MANY);
        sched_stop(&sched);
        for (int i = 0; i < MANY; i++)
            assert_int_equal(jobs[i].saw, number_of(&jobs[i]) % 7 != 0);
        close_sched();
    }
}

/* ---- failing ---- */

static int why;
static void find_no_stack(struct job *job, struct worker *worker)
{
    struct fiber *none = NULL;
    heap.max = load_relaxed(&heap.bytes);
    why = fiber_suspend(worker, &none);
    heap.max = SIZE_MAX;
    job->saw = none == NULL && worker_current() == worker;
    suspend_a(job, worker); /* nothing is broken */
}

static void check_refused(void)
{
    assert_int_equal(why, CADRE_EFULL);
    assert_true(jobs[0].saw);
    assert_record(0, 10, 20, 1, 11);
}

static void fiber_without_a_stack_is_refused(void **state)
{
    b_first = false;
    each_way(find_no_stack, 3, check_refused);
}

static void fail_to_suspend(struct job *job, struct worker *worker)
{
    job_suspend(job, worker);
}

/* In threads a drain needs a stack; when there is none, it runs on its caller's. */
static void fiber_that_cannot_have_a_stack_runs_and_cannot_suspend(void **state)
{
    struct short_heap below;
    cadre_config config = {0};
    open_sched(SCHED_THREADS, 1);
    jobs[0].act = fail_to_suspend;
    post(0);
    short_heap_init(&below, 1, 100);
    short_heap_serve(&below, &config);
    struct heap before = heap;
    heap.realloc = config.alloc;
    heap.user = config.alloc_user;
    sched_stop(&sched);
    heap.realloc = before.realloc;
    heap.user = before.user;
    assert_int_equal(jobs[0].result, -EPERM);
    assert_int_equal(atomic_load(&ended), 1);
    assert_true(atomic_load(&below.refused) > 0);
    close_sched();
}

int main(void)
{
    TESTS(cmocka_unit_test(fiber_that_suspends_goes_on_when_it_is_resumed),
          cmocka_unit_test(fibers_go_on_in_the_order_in_which_they_are_resumed),
          cmocka_unit_test(fiber_suspends_often_on_few_stacks),
          cmocka_unit_test(fiber_keeps_the_rounding),
          cmocka_unit_test(fibers_by_the_thousand_go_on_in_any_order),
          cmocka_unit_test(fiber_loop_ends_on_the_threads_own_stack),
          cmocka_unit_test(fiber_suspends_while_the_workers_are_stopped),
          cmocka_unit_test(fibers_of_several_workers_all_go_on),
          cmocka_unit_test(fiber_without_a_stack_is_refused),
          cmocka_unit_test(fiber_that_cannot_have_a_stack_runs_and_cannot_suspend));
    return RUN_TESTS();
}
