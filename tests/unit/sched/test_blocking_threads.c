/* test_blocking_threads.c: how the threads for calls that block start and end; and all
 * of it at once. */
#include "sched/blocking.h"

#include "support/dice.h"
#include "support/effort.h"
#include "unit/sched/calls.h"

/* ---- threads that cannot be started ---- */

static void blocking_without_any_thread_does_not_take_a_job(void **state)
{
    make_pool(2, JOBS);
    atomic_store(&creation_fails, true);
    assert_int_equal(submit(0), -EAGAIN);
    assert_int_equal(count().waiting, 0);
    assert_int_equal(count().threads, 0);
    assert_int_equal(count().refused, 1);
    assert_false(cancel(0));
    atomic_store(&creation_fails, false);
    assert_int_equal(submit(0), 0);
    await_done(1);
    end_pool();
}

static void blocking_without_another_thread_makes_a_job_wait(void **state)
{
    make_pool(2, JOBS);
    occupy(0);
    atomic_store(&creation_fails, true);
    submit_all(1, 3);
    assert_int_equal(count().threads, 1);
    assert_int_equal(count().waiting, 2);
    atomic_store(&creation_fails, false);
    assert_int_equal(submit(3), 0); /* tries again */
    await_done(3);
    assert_int_equal(count().threads, 2);
    assert_began(0, 1, 2, 3);
    let_go(0);
    end_pool();
}

/* ---- threads that end ---- */

static void blocking_idle_threads_end_and_are_joined(void **state)
{
    make_pool_idle(4, JOBS, CADRE_MS);
    for (unsigned round = 0; round < 10; round++) {
        (void)make_calls(NULL);
        for (unsigned i = 0; i < 4; i++)
            occupy(i);
        assert_int_equal(count().threads, 4);
        for (unsigned i = 0; i < 4; i++)
            let_go(i);
        await_threads(0);
        assert_int_equal(created, 4 * (round + 1));
        assert_true(joined >= created - 1); /* by the last one that ended */
    }
    end_pool();
}

static void blocking_trickle_keeps_one_thread(void **state)
{
    make_pool_idle(2, JOBS, 20 * CADRE_MS);
    occupy(0);
    occupy(1);
    finish(0);
    finish(1);
    uint64_t done = 2;
    int64_t end = real_now() + 60 * CADRE_SECOND;
    while (count().threads == 2) {
        assert_int_equal(submit(2), 0);
        await_done(++done);
        assert_true(real_now() < end);
    }
    end_pool();
}

/* A job comes just when the time of the only thread is up. */
static void blocking_job_at_the_last_moment_is_run(void **state)
{
    uint32_t rounds = (uint32_t)effort(4000, 1000000);
    struct dice dice = dice_new(1, 1);
    make_pool_idle(1, 1, 60000);
    for (uint32_t round = 1; round <= rounds; round++) {
        assert_int_equal(submit(0), 0);
        await_done(round);
        int64_t next = real_now() + dice_below(&dice, 150000);
        while (real_now() < next)
            cpu_relax();
    }
    assert_true(created > 1);
    end_pool();
}

/* ---- everything at once ---- */

enum { SUBMITTERS = 4, EACH = 64 };

/* Who has a job: its submitter, or the pool. Each fate is counted by whom it befalls. */
struct piece {
    struct blocking_job job;
    atomic_bool is_out;
};

static struct submitter {
    struct thread thread;
    uint64_t seed;
    struct piece pieces[EACH];
    uint64_t taken, refused, cancelled;
} submitters[SUBMITTERS];
static atomic_ulong runs, dropped;

static void run_piece(struct blocking_job *job)
{
    struct piece *p = container_of(job, struct piece, job);
    atomic_fetch_add(&runs, 1);
    if (!atomic_exchange(&p->is_out, false))
        abort();
}

static void drop_piece(struct blocking_job *job)
{
    struct piece *p = container_of(job, struct piece, job);
    atomic_fetch_add(&dropped, 1);
    if (!atomic_exchange(&p->is_out, false))
        abort();
}

/* One of its jobs: submitted when it is at home, else cancelled. False: no more. */
static bool submit_or_cancel(struct submitter *s, struct piece *p)
{
    if (atomic_load(&p->is_out)) {
        if (blocking_cancel(&pool, &p->job)) {
            s->cancelled++;
            if (!atomic_exchange(&p->is_out, false))
                abort();
        }
        return true;
    }
    atomic_store(&p->is_out, true);
    int err = blocking_submit(&pool, &p->job);
    if (err)
        atomic_store(&p->is_out, false);
    s->taken += !err;
    s->refused += err != 0;
    return err != -ESHUTDOWN;
}

static void *submit_many(void *arg)
{
    struct submitter *s = arg;
    struct dice dice = dice_new(s->seed, 7);
    while (submit_or_cancel(s, &s->pieces[dice_below(&dice, EACH)]))
        if (dice_once_in(&dice, 64))
            thread_yield();
    return NULL;
}

static void start_submitters(uint64_t seed)
{
    atomic_store(&runs, 0);
    atomic_store(&dropped, 0);
    memset(submitters, 0, sizeof submitters);
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        struct submitter *s = &submitters[i];
        s->seed = seed * SUBMITTERS + i;
        for (unsigned k = 0; k < EACH; k++)
            blocking_job_init(&s->pieces[k].job, run_piece, i);
        assert_int_equal(thread_start(&s->thread, "submitter", submit_many, s), 0);
    }
}

static void submit_until_stopped(uint64_t seed)
{
    uint64_t taken = 0, refused = 0, cancelled = 0;
    make_pool_idle(1 + (uint32_t)seed % 4, 32, seed % 2 ? 20000 : CADRE_SECOND);
    start_submitters(seed);
    await_done(500);
    blocking_stop(&pool, drop_piece);
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        thread_join(&submitters[i].thread);
        taken += submitters[i].taken;
        refused += submitters[i].refused;
        cancelled += submitters[i].cancelled;
        for (unsigned k = 0; k < EACH; k++)
            assert_false(submitters[i].pieces[k].is_out);
    }
    struct blocking_counters c = count();
    assert_int_equal(c.submitted, taken);
    assert_int_equal(c.refused, refused);
    assert_int_equal(c.cancelled, cancelled);
    assert_int_equal(c.done, runs);
    assert_int_equal(c.dropped, dropped);
    end_pool();
}

static void blocking_every_job_has_one_fate(void **state)
{
    for (uint64_t seed = 1; seed <= effort(100, 5000); seed++)
        submit_until_stopped(seed);
}

#define TEST(f) cmocka_unit_test_setup(f, make_calls)

int main(void)
{
    TESTS(TEST(blocking_without_any_thread_does_not_take_a_job),
          TEST(blocking_without_another_thread_makes_a_job_wait),
          TEST(blocking_idle_threads_end_and_are_joined),
          TEST(blocking_trickle_keeps_one_thread),
          TEST(blocking_job_at_the_last_moment_is_run),
          TEST(blocking_every_job_has_one_fate));
    return RUN_TESTS();
}
