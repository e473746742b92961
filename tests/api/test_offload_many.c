/* test_offload_many.c: calls that block, by many actors at once: on threads, polled, and
 * simulated, where the same seed gives the same run. */
#include "support/asking.h"

#include <cadre/offload.h>

static struct {
    atomic_uint values, failures;
} got;
static int note(cadre_self *self, void *state, cadre_msg *m)
{
    bool failed = cadre_body(m, cadre_failure);
    atomic_fetch_add(failed ? &got.failures : &got.values, 1);
    return 0;
}

enum { CALLERS = 6, CALLS = 200 };
static int own_turn(void *body) { return ((owned *)body)->id % 3 ? 0 : CADRE_EUSER; }
static int call_often(cadre_self *self, void *state)
{
    uint32_t first = *(uint32_t *)state * CALLS;
    int err = 0;
    for (uint32_t i = first; !err && i < first + CALLS; i++)
        err = cadre_offload(self, NULL, (cadre_pool)(i % CADRE_POOLS), CADRE_NEVER,
                            own_turn, owned, i);
    return err;
}
static int spawn_callers(cadre_self *self, void *state)
{
    static const cadre_class class = {
        .state_size = sizeof(uint32_t), .start = call_often, .receive = note};
    int err = 0;
    for (uint32_t i = 0; !err && i < CALLERS; i++)
        err = cadre_spawn(self, NULL, &class, &i);
    return err;
}
static void call_from_many(const cadre_config *given)
{
    static const cadre_class root = {.start = spawn_callers, .receive = note};
    cadre_config config = *given;
    config.end_when_quiet = true;
    config.blocking_threads = 3;
    drops_clear();
    atomic_store(&got.values, 0);
    atomic_store(&got.failures, 0);
    assert_int_equal(run(&config, &root, NULL), 0);
    assert_int_equal(atomic_load(&got.failures), CALLERS * CALLS / 3);
    assert_int_equal(atomic_load(&got.values), CALLERS * CALLS * 2 / 3);
    assert_int_equal(sums.accepted, sums.handled);
    assert_dropped_once(CALLERS * CALLS);
}
static void many_calls(void **state) { every_way(call_from_many); }

static void same_seed_same_trace(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        cadre_config config = quiet(3, seed);
        call_from_many(&config);
        uint64_t trace = sums.trace;
        call_from_many(&config);
        assert_true(trace == sums.trace && trace != 0);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(many_calls), cmocka_unit_test(same_seed_same_trace));
    return RUN_TESTS();
}
