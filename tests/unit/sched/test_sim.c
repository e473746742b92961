/* test_sim.c: workers stepped on one thread, in an order drawn from a seed. */
#include "support/support.h"

#include "sched/sim.h"

static struct heap heap;
static struct sched sched;
static struct sim sim;

static void open_sim(uint32_t workers, uint64_t seed)
{
    record_clear();
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    assert_int_equal(sched_init(&sched, &heap, SCHED_SIMULATED, workers, false, seed), 0);
    assert_int_equal(sim_init(&sim, &sched, seed), 0);
}

static void close_sim(void)
{
    sim_fini(&sim, &sched);
    sched_fini(&sched);
    assert_int_equal(load_relaxed(&heap.bytes), 0);
}

struct work {
    struct task task;
    uint64_t id;
    int left;
};

static void run_work(struct task *task, struct worker *w)
{
    struct work *work = container_of(task, struct work, task);
    assert_ptr_equal(worker_current(), w);
    record_add(work->id * 10 + w->id);
    if (work->left-- > 0)
        worker_requeue(w, &work->task);
}

enum { WORKS = 6 };
static struct work works[WORKS];

static void submit_all(int times)
{
    for (uint64_t i = 0; i < WORKS; i++) {
        works[i] = (struct work){.task.run = run_work, .id = i, .left = times - 1};
        sched_submit(&sched, &works[i].task);
    }
}

static struct record order_of(uint32_t workers, uint64_t seed)
{
    open_sim(workers, seed);
    submit_all(10);
    while (sim_step(&sim, &sched)) {
    }
    assert_int_equal(record.count, WORKS * 10);
    assert_null(worker_current());
    close_sim();
    return record;
}

static bool same(const struct record *a, const struct record *b)
{
    return a->count == b->count &&
           memcmp(a->values, b->values, a->count * sizeof a->values[0]) == 0;
}

static void sim_same_seed_same_order(void **state)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct record a = order_of(3, seed), b = order_of(3, seed);
        assert_true(same(&a, &b));
    }
}

static void sim_other_seeds_other_orders(void **state)
{
    struct record first = order_of(3, 1);
    for (uint64_t seed = 2; seed <= 10; seed++) {
        struct record other = order_of(3, seed);
        assert_false(same(&first, &other));
    }
}

static void sim_all_workers_take_part(void **state)
{
    bool seen[3] = {false};
    struct record r = order_of(3, 5);
    for (size_t i = 0; i < r.count; i++)
        seen[r.values[i] % 10] = true;
    assert_true(seen[0] && seen[1] && seen[2]);
}

static void sim_sleeps_until_there_is_work(void **state)
{
    open_sim(2, 1);
    int steps = 0;
    while (sim_step(&sim, &sched))
        assert_true(++steps < 100);
    assert_false(sim_step(&sim, &sched));
    assert_int_equal(idle_sleepers(&sched.crew.idle), 2);
    submit_all(1);
    assert_int_equal(idle_sleepers(&sched.crew.idle), 1);
    while (sim_step(&sim, &sched)) {
    }
    assert_int_equal(record.count, WORKS);
    close_sim();
}

static void sim_time_passes_with_each_step(void **state)
{
    open_sim(1, 1);
    assert_int_equal(clock_now(&sched.crew.clock), 0);
    submit_all(2);
    int64_t steps = 0;
    while (sim_step(&sim, &sched))
        assert_int_equal(clock_now(&sched.crew.clock), ++steps * SIM_STEP_NS);
    assert_false(sim_step(&sim, &sched));
    assert_int_equal(clock_now(&sched.crew.clock), steps * SIM_STEP_NS);
    close_sim();
}

int main(void)
{
    TESTS(cmocka_unit_test(sim_same_seed_same_order),
          cmocka_unit_test(sim_other_seeds_other_orders),
          cmocka_unit_test(sim_all_workers_take_part),
          cmocka_unit_test(sim_sleeps_until_there_is_work),
          cmocka_unit_test(sim_time_passes_with_each_step));
    return RUN_TESTS();
}
