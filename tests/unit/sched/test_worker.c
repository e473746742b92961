/* test_worker.c: what a worker runs next, and for how long. Workers are stepped by hand;
 * no thread is started. */
#include "support/support.h"

#include "sched/sched.h"

static struct heap heap;
static struct sched sched;
static struct worker *w0, *w1;

static int open_sched(void **state)
{
    record_clear();
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    if (sched_init(&sched, &heap, SCHED_THREADS, 2, false, 1))
        return -1;
    sched.crew.clock.is_virtual = true;
    clock_advance(&sched.crew.clock, 1000000000);
    w0 = &sched.crew.workers[0];
    w1 = &sched.crew.workers[1];
    return 0;
}

static int close_sched(void **state)
{
    sched_fini(&sched);
    return 0;
}

/* A task that records its number, and then what it is told to do. */
struct work {
    struct task task;
    uint64_t id;
    uint32_t again;         /* requeue itself as often */
    uint32_t wake_again;    /* make itself runnable, as one woken by itself */
    struct work *wakes[16]; /* up to the first NULL, once */
};

static void run_work(struct task *task, struct worker *w)
{
    struct work *work = container_of(task, struct work, task);
    record_add(work->id);
    for (int i = 0; i < 16 && work->wakes[i]; i++) {
        struct work *other = work->wakes[i];
        work->wakes[i] = NULL;
        worker_push(w, &other->task);
    }
    if (work->again && work->again--)
        worker_requeue(w, &work->task);
    else if (work->wake_again && work->wake_again--)
        worker_push(w, &work->task);
}

#define WORK(n, ...) {.task.run = run_work, .id = (n), __VA_ARGS__}

static bool step(struct worker *w)
{
    struct worker *before = worker_enter(w);
    bool ran = worker_step(w);
    worker_enter(before);
    return ran;
}

static void step_to_the_end(struct worker *w)
{
    while (step(w)) {
    }
}

static void worker_runs_what_was_woken_last_first(void **state)
{
    struct work a = WORK(1), b = WORK(2), c = WORK(3);
    struct work first = WORK(0, .wakes = {&a, &b, &c});
    sched_submit(&sched, &first.task);
    step_to_the_end(w0);
    assert_record(0, 3, 1, 2); /* the last is hot; the others wait in the ring */
    assert_int_equal(load_relaxed(&w0->turns), 4);
}

static void worker_requeue_goes_behind_all_others(void **state)
{
    struct work a = WORK(1), b = WORK(2);
    struct work first = WORK(0, .again = 2, .wakes = {&a, &b});
    sched_submit(&sched, &first.task);
    step_to_the_end(w0);
    assert_record(0, 1, 2, 0, 0);
}

static void worker_requeue_alone_runs_again(void **state)
{
    struct work alone = WORK(7, .again = 3);
    sched_submit(&sched, &alone.task);
    step_to_the_end(w0);
    assert_record(7, 7, 7, 7);
}

static size_t runs_before(uint64_t id)
{
    size_t n = 0;
    while (n < record.count && record.values[n] != id)
        n++;
    assert_true(n < record.count);
    return n;
}

static void worker_streak_of_the_woken_gives_way_to_the_ring(void **state)
{
    struct work hot = WORK(1, .wake_again = 300), waiting = WORK(2);
    struct work first = WORK(0, .wakes = {&waiting, &hot});
    sched_submit(&sched, &first.task);
    step_to_the_end(w0);
    assert_int_equal(runs_before(2), 1 + WORKER_STREAK);
    assert_int_equal(record.count, 303);
}

static void worker_looks_at_injected_work_now_and_then(void **state)
{
    struct work outside = WORK(3), busy[4] = {WORK(1, .again = 100), WORK(1, .again = 100),
                                              WORK(1, .again = 100), WORK(1, .again = 9)};
    struct work first = WORK(0, .wakes = {&busy[0], &busy[1], &busy[2], &busy[3]});
    sched_submit(&sched, &first.task);
    assert_true(step(w0));
    sched_submit(&sched, &outside.task);
    step_to_the_end(w0);
    assert_true(runs_before(3) <= WORKER_LOOK + 2);
    assert_int_equal(record.count, 1 + 3 * 101 + 10 + 1);
}

static void worker_alone_and_busy_looks_at_injected_work(void **state)
{
    struct work outside = WORK(3), busy = WORK(1, .wake_again = 400);
    sched_submit(&sched, &busy.task);
    assert_true(step(w0));
    sched_submit(&sched, &outside.task);
    step_to_the_end(w0);
    assert_true(runs_before(3) <= 2 * WORKER_STREAK);
}

static void worker_overflow_of_the_ring_is_not_lost(void **state)
{
    enum { N = WORKER_RING + 200 };
    static struct work works[N];
    bool seen[N + 1] = {false};
    struct worker *before = worker_enter(w0);
    for (uint64_t i = 0; i < N; i++) {
        works[i] = (struct work)WORK(i);
        worker_push(w0, &works[i].task);
    }
    worker_enter(before);
    step_to_the_end(w0);
    assert_int_equal(record.count, N);
    for (size_t i = 0; i < N; i++) {
        assert_false(seen[record.values[i]]);
        seen[record.values[i]] = true;
    }
}

static void worker_takes_injected_work_in_order(void **state)
{
    static struct work works[100];
    for (uint64_t i = 0; i < 100; i++) {
        works[i] = (struct work)WORK(i);
        sched_submit(&sched, &works[i].task);
    }
    step_to_the_end(w0);
    assert_int_equal(record.count, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(record.values[i], i);
}

static void worker_steals_the_older_half(void **state)
{
    struct work a = WORK(1), b = WORK(2), c = WORK(3), d = WORK(4), e = WORK(5);
    struct work first = WORK(0, .wakes = {&a, &b, &c, &d, &e});
    sched_submit(&sched, &first.task);
    assert_true(step(w0)); /* next: e; ring: a, b, c, d */
    assert_true(step(w1));
    assert_int_equal(load_relaxed(&w1->steals), 1);
    assert_int_equal(runq_size(&w0->ring), 2);
    assert_int_equal(runq_size(&w1->ring), 1);
    step_to_the_end(w1);
    step_to_the_end(w0);
    assert_record(0, 1, 2, 3, 4, 5); /* it came back for the rest, but not for next */
}

static void worker_leaves_the_next_of_others_alone(void **state)
{
    struct work a = WORK(1), first = WORK(0, .wakes = {&a});
    sched_submit(&sched, &first.task);
    assert_true(step(w0));
    assert_false(step(w1));
    assert_false(crew_has_work(&sched.crew));
    assert_true(step(w0));
    assert_record(0, 1);
}

static void worker_may_sleep_only_when_there_is_nothing(void **state)
{
    struct work a = WORK(1);
    assert_false(step(w0));
    assert_true(worker_may_sleep(w0));
    assert_int_equal(load_relaxed(&w0->parks), 1);
    assert_int_equal(idle_sleepers(&sched.crew.idle), 1);
    assert_false(step(w1));
    sched_submit(&sched, &a.task); /* nobody is woken: w1 still searches */
    assert_int_equal(idle_sleepers(&sched.crew.idle), 1);
    assert_false(worker_may_sleep(w1));
    assert_true(step(w1));
    assert_int_equal(load_relaxed(&w1->parks), 0);
}

static void worker_sleeping_is_woken_by_surplus_only(void **state)
{
    struct work a = WORK(1), b = WORK(2), c = WORK(3), first = WORK(0, .wakes = {&a});
    assert_false(step(w1));
    assert_true(worker_may_sleep(w1));
    sched_submit(&sched, &first.task);
    assert_true(step(w0)); /* one task woke another */
    assert_false(idle_is_woken(&sched.crew.idle, 1));
    a.wakes[0] = &b;
    a.wakes[1] = &c;
    assert_true(step(w0)); /* one more than it can run at once */
    assert_true(idle_is_woken(&sched.crew.idle, 1));
    worker_woken(w1);
    assert_true(step(w1));
    assert_record(0, 1, 2);
    step_to_the_end(w0);
}

/* ---- the slice ---- */

/* How many messages, each taking so long, fit into one slice. */
static int messages_in_slice(int64_t each_ns)
{
    int n = 0;
    w0->slice_start = 0;
    do {
        clock_advance(&sched.crew.clock, each_ns);
        n++;
    } while (!worker_slice_is_over(w0));
    return n;
}

static void slice_adapts_to_slow_messages(void **state)
{
    (void)messages_in_slice(100000); /* it learns that a look every 64 is too rare */
    for (int i = 0; i < 10; i++)
        assert_in_range(messages_in_slice(100000), 10, 16); /* of 0.1 ms in 1 ms */
    (void)messages_in_slice(5000000);
    for (int i = 0; i < 10; i++)
        assert_in_range(messages_in_slice(5000000), 1, 2);
}

static void slice_looks_rarely_when_messages_are_fast(void **state)
{
    (void)messages_in_slice(5000000);
    (void)messages_in_slice(100);
    for (int i = 0; i < 10; i++)
        assert_in_range(messages_in_slice(100), 10000, 10000 + 3 * 64);
    assert_int_equal(w0->clock_every, 64);
}

static void slice_of_a_stopped_clock_never_ends(void **state)
{
    for (int i = 0; i < 100000; i++)
        assert_false(worker_slice_is_over(w0));
}

int main(void)
{
#define WITH_SCHED(f) cmocka_unit_test_setup_teardown(f, open_sched, close_sched)
    TESTS(WITH_SCHED(worker_runs_what_was_woken_last_first),
          WITH_SCHED(worker_requeue_goes_behind_all_others),
          WITH_SCHED(worker_requeue_alone_runs_again),
          WITH_SCHED(worker_streak_of_the_woken_gives_way_to_the_ring),
          WITH_SCHED(worker_looks_at_injected_work_now_and_then),
          WITH_SCHED(worker_alone_and_busy_looks_at_injected_work),
          WITH_SCHED(worker_overflow_of_the_ring_is_not_lost),
          WITH_SCHED(worker_takes_injected_work_in_order),
          WITH_SCHED(worker_steals_the_older_half),
          WITH_SCHED(worker_leaves_the_next_of_others_alone),
          WITH_SCHED(worker_may_sleep_only_when_there_is_nothing),
          WITH_SCHED(worker_sleeping_is_woken_by_surplus_only),
          WITH_SCHED(slice_adapts_to_slow_messages),
          WITH_SCHED(slice_looks_rarely_when_messages_are_fast),
          WITH_SCHED(slice_of_a_stopped_clock_never_ends));
    return RUN_TESTS();
}
