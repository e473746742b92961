/* test_simulation.c: the same program and seed give the same run. */
#include "support/support.h"

#include <errno.h>
#include <sched.h>

static const cadre_type go_type = {.name = "go"};
static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }

/* A ring of actors around which several numbers run, with some chance in it. */
enum { RING = 8 };
static cadre_ref ring[RING];

static int pass(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t left = cadre_body(m, number)->value;
    if (left == 0)
        return 0;
    return cadre_send(self, ring[cadre_random(self) % RING], number, left - 1);
}

static void start_ring(cadre_self *self)
{
    static const cadre_class class = {.name = "passer", .receive = pass};
    for (int i = 0; i < RING; i++)
        assert_int_equal(cadre_spawn(self, &ring[i], &class, NULL), 0);
    for (int i = 0; i < RING; i++)
        assert_int_equal(cadre_send(self, ring[i], number, 50), 0);
}

static cadre_counters counters_of(uint32_t workers, uint64_t seed)
{
    cadre_config config = quiet(workers, seed);
    assert_int_equal(play_with(&config, start_ring), 0);
    assert_int_equal(sums.handled, RING * 51);
    return sums;
}

static void same_seed_same_run(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint32_t workers = 1 + (uint32_t)seed % 4;
        cadre_counters a = counters_of(workers, seed), b = counters_of(workers, seed);
        assert_true(a.trace != 0);
        assert_memory_equal(&a, &b, sizeof a);
    }
}

static void another_seed_another_run(void **state)
{
    uint64_t seen[20];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        seen[seed - 1] = counters_of(2, seed).trace;
        for (uint64_t before = 1; before < seed; before++)
            assert_true(seen[before - 1] != seen[seed - 1]);
    }
}

static void workers_are_part_of_the_run(void **state)
{
    assert_true(counters_of(2, 7).trace != counters_of(3, 7).trace);
}

/* Where things lie in memory has no influence. */
static void memory_is_no_part_of_the_run(void **state)
{
    cadre_counters a = counters_of(2, 3);
    void *blocks[100];
    for (int i = 0; i < 100; i++)
        blocks[i] = malloc((size_t)i * 1000 + 1);
    cadre_config config = quiet(1, 0); /* takes a tag, too */
    static const cadre_class root = {.receive = nothing};
    cadre_system *other;
    assert_int_equal(cadre_system_new(&other, &config, &root, NULL), 0);
    cadre_counters b = counters_of(2, 3);
    assert_int_equal(cadre_system_stop_by(other, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(other), 0);
    for (int i = 0; i < 100; i++)
        free(blocks[i]);
    assert_true(a.trace == b.trace);
}

static bool saw[2];
static int which(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(cadre_body(m, number)->value);
    return 0;
}

static int send_one(cadre_self *self, void *state)
{
    return cadre_send(self, ring[0], number, *(uint64_t *)state);
}

static void race(cadre_self *self)
{
    static const cadre_class goal = {.receive = which};
    static const cadre_class racer = {
        .state_size = sizeof(uint64_t), .start = send_one, .receive = nothing};
    assert_int_equal(cadre_spawn(self, &ring[0], &goal, NULL), 0);
    for (uint64_t i = 0; i < 2; i++)
        assert_int_equal(cadre_spawn(self, NULL, &racer, &i), 0);
}

static void seeds_find_different_orders(void **state)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        cadre_config config = quiet(2, seed);
        record_clear();
        assert_int_equal(play_with(&config, race), 0);
        assert_int_equal(record.count, 2);
        saw[record.values[0]] = true;
    }
    assert_true(saw[0] && saw[1]);
}

static int look_at_workers(cadre_self *self, void *state)
{
    cadre_counters c;
    assert_int_equal(cadre_stats(cadre_system_of(self), &c), 0);
    record_add(c.workers);
    return CADRE_STOP;
}

static void workers_default_to_2(void **state)
{
    static const cadre_class root = {.start = look_at_workers, .receive = nothing};
    cadre_config config = quiet(0, 1);
    record_clear();
    assert_int_equal(run(&config, &root, NULL), 0);
    assert_record(2);
}

static void a_simulation_that_would_sleep_for_ever_is_edeadlk(void **state)
{
    static const cadre_class root = {.name = "waiting", .receive = nothing};
    cadre_config config = quiet(2, 1);
    cadre_system *sys;
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), 0);
    assert_int_equal(cadre_system_wait(sys), -EDEADLK);
    assert_int_equal(cadre_tell_as(sys, cadre_system_root(sys), &go_type, NULL), 0);
    assert_int_equal(cadre_system_wait(sys), -EDEADLK); /* it goes on living */
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.handled, 1);
    assert_int_equal(cadre_system_stop_by(sys, CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

static void run_of_a_simulation_that_would_sleep_for_ever_is_edeadlk(void **state)
{
    static const cadre_class root = {.name = "waiting", .receive = nothing};
    cadre_config config = quiet(2, 1);
    assert_int_equal(cadre_run(&config, &root, NULL), -EDEADLK);
    assert_int_equal(lines_with("nothing will ever come"), 1);
}

static int spin_on(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_send_as(self, cadre_me(self), &go_type, NULL);
}

static void stop_by_goes_by_virtual_time(void **state)
{
    static const cadre_class root = {.receive = spin_on};
    cadre_config config = quiet(1, 1);
    cadre_system *sys;
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), 0);
    assert_int_equal(cadre_tell_as(sys, cadre_system_root(sys), &go_type, NULL), 0);
    int64_t before = real_now();
    assert_int_equal(cadre_system_stop_by(sys, 3600 * CADRE_SECOND), 0);
    assert_true(real_now() - before < 60 * CADRE_SECOND);
    assert_int_equal(cadre_system_free(sys), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(same_seed_same_run),
          cmocka_unit_test(another_seed_another_run),
          cmocka_unit_test(workers_are_part_of_the_run),
          cmocka_unit_test(memory_is_no_part_of_the_run),
          cmocka_unit_test(seeds_find_different_orders),
          cmocka_unit_test(workers_default_to_2),
          cmocka_unit_test(a_simulation_that_would_sleep_for_ever_is_edeadlk),
          cmocka_unit_test(run_of_a_simulation_that_would_sleep_for_ever_is_edeadlk),
          cmocka_unit_test(stop_by_goes_by_virtual_time));
    return RUN_TESTS();
}
