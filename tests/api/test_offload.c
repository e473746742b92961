/* test_offload.c: calls that block: their results, their pools, and what becomes of those
 * that nobody waits for. Calls are held and let go by semaphores. */
#include "support/asking.h"

#include <cadre/apply.h>
#include <cadre/chain.h>
#include <cadre/offload.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

/* ---- calls ---- */

static int add_1(void *body)
{
    ((owned *)body)->id++;
    return 0;
}
static int fail_it(void *body) { return CADRE_EUSER - 4; }
static int return_5(void *body) { return 5; }
static int change_large(void *body)
{
    large *l = body;
    if (!large_is_whole(l))
        return CADRE_EUSER;
    *l = large_of(l->id + 1);
    return 0;
}

static sem_t gate;
static atomic_uint begun, ended;
static int pass_gate(void *body)
{
    atomic_fetch_add(&begun, 1);
    while (sem_wait(&gate) != 0) {
    }
    atomic_fetch_add(&ended, 1);
    return 0;
}
static void gate_close(void)
{
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    atomic_store(&begun, 0);
    atomic_store(&ended, 0);
    drops_clear();
}
static void gate_open(unsigned n)
{
    while (n-- > 0)
        sem_post(&gate);
}

/* ---- simulated: what comes ---- */

static uint64_t token;
static cadre_work *work;
static uint64_t offload(cadre_self *self, cadre_pool pool, cadre_time timeout,
                        uint32_t id)
{
    cadre_token t = {0};
    assert_int_equal(cadre_offload(self, &t, pool, timeout, work, owned, id), 0);
    assert_true(t.id != 0);
    return t.id;
}
static void offload_one(cadre_self *self)
{
    token = offload(self, CADRE_POOL_USER, CADRE_NEVER, 0);
}
static int expected_code;
static void judge_result(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(outcomes.list[0].token, token);
    assert_int_equal(outcomes.list[0].code, expected_code);
    assert_int_equal(outcomes.list[0].when / CADRE_MS, 0); /* it takes no time */
    if (expected_code == 0)
        assert_answered(0, token, 1);
}
static void judge_result_1(void)
{
    judge_result();
    assert_int_equal(atomic_exchange(&drops[1], 0), 1); /* it is what the body became */
    atomic_store(&drops[0], 1);
}
static void result_is_what_the_body_became(void **state)
{
    work = add_1;
    expected_code = 0;
    asking(offload_one, judge_result_1, 1);
}
static void failing_call_has_a_failure(void **state)
{
    work = fail_it;
    expected_code = CADRE_EUSER - 4;
    asking(offload_one, judge_result, 1);
    work = return_5;
    expected_code = -EINVAL;
    asking(offload_one, judge_result, 1);
}

static void offload_large(cadre_self *self)
{
    cadre_token t;
    large l = large_of(0);
    assert_int_equal(cadre_offload_as(self, &t, CADRE_POOL_FILES, CADRE_NEVER,
                                      change_large, &large_type, &l),
                     0);
    token = t.id;
}
static void large_bodies_are_whole(void **state)
{
    expected_code = 0;
    asking(offload_large, judge_result_1, 1);
}

/* Behind a chain, and more calls from its steps. */
static int offload_again(cadre_self *self, void *state, cadre_msg *m)
{
    const owned *o = m->body;
    uint64_t t = offload(self, CADRE_POOL_NAMES, CADRE_SECOND, o->id + 1);
    return cadre_follow(self, (cadre_token){t});
}
static int do_nothing(void *body) { return 0; }
static void chain_calls(cadre_self *self)
{
    cadre_token t;
    work = do_nothing;
    t.id = offload(self, CADRE_POOL_USER, CADRE_SECOND, 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(cadre_chain(self, &t, t, offload_again, NULL), 0);
    token = t.id;
}
static void judge_chained(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_answered(0, token, 5);
}
static void calls_in_a_chain(void **state) { asking(chain_calls, judge_chained, 6); }

static void offload_and_cancel(cadre_self *self)
{
    work = add_1;
    token = offload(self, CADRE_POOL_USER, CADRE_NEVER, 0);
    assert_int_equal(cadre_cancel(self, (cadre_token){token}), 0);
    assert_int_equal(cadre_cancel(self, (cadre_token){token}), -ENOENT);
}
static void judge_nothing(void) { assert_int_equal(outcomes.count, 0); }
static void cancelled_call_is_not_made(void **state)
{
    asking(offload_and_cancel, judge_nothing, 1); /* with the body as it was */
}

static int die(cadre_self *self, void *state)
{
    (void)offload(self, CADRE_POOL_USER, CADRE_NEVER, 0);
    return CADRE_STOP;
}
static void offload_and_die(cadre_self *self)
{
    static const cadre_class mortal = {.start = die, .receive = note_outcome};
    work = add_1;
    assert_int_equal(cadre_spawn(self, NULL, &mortal, NULL), 0);
}
static void call_of_one_that_ends_is_not_made(void **state)
{
    asking(offload_and_die, judge_nothing, 1);
}

static int hold_until(cadre_self *self, void *state, cadre_msg *m);
static void fill_pool(cadre_self *self)
{
    cadre_token t[4] = {{7}, {7}, {7}, {7}};
    int err = 0;
    work = do_nothing;
    for (uint32_t i = 0; i < 4; i++) {
        err = cadre_offload(self, &t[i], CADRE_POOL_USER, CADRE_NEVER, work, owned, i);
        assert_int_equal(err, i < 2 ? 0 : CADRE_EFULL);
    }
    assert_int_equal(t[2].id, 7);
    assert_int_equal(atomic_load(&drops[2]), 1); /* with the call that failed */
    assert_int_equal(
        cadre_offload(self, NULL, CADRE_POOL_FILES, CADRE_SECOND, work, owned, 4), 0);
    assert_int_equal(cadre_cancel(self, t[0]), 0); /* now there is room again */
    assert_int_equal(
        cadre_offload(self, NULL, CADRE_POOL_USER, CADRE_SECOND, work, owned, 5), 0);
    cadre_become(self, hold_until);
}
static uint32_t came;
static int hold_until(cadre_self *self, void *state, cadre_msg *m)
{
    assert_ptr_equal(m->type, &owned_type);
    if (++came == 3) /* and again */
        return cadre_offload(self, NULL, CADRE_POOL_USER, CADRE_SECOND, work, owned, 6);
    return 0;
}
static void full_pool_refuses_and_recovers(void **state)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        cadre_config config = quiet(1 + seed % 3, seed);
        config.blocking_waiting = 2;
        drops_clear();
        came = 0;
        assert_int_equal(play_with(&config, fill_pool), 0);
        assert_int_equal(came, 4);
        assert_dropped_once(7);
        assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    }
}

static const cadre_type huge_type = {.name = "huge", .size = CADRE_BODY_MAX + 1};
static int refuse(cadre_self *self, cadre_pool pool, cadre_time timeout,
                  cadre_work *call)
{
    cadre_token t = {7};
    owned o = {0};
    drops_clear();
    int err = cadre_offload_as(self, &t, pool, timeout, call, &owned_type, &o);
    assert_int_equal(t.id, 7);
    assert_dropped_once(1);
    return err;
}
static void misuse_offload(cadre_self *self)
{
    owned o = {0};
    int pool = -1;
    assert_int_equal(refuse(self, (cadre_pool)pool, 1, add_1), -EINVAL);
    assert_int_equal(refuse(self, CADRE_POOLS, 1, add_1), -EINVAL);
    assert_int_equal(refuse(self, CADRE_POOL_USER, 0, add_1), -EINVAL);
    assert_int_equal(refuse(self, CADRE_POOL_USER, -1, add_1), -EINVAL);
    assert_int_equal(refuse(self, CADRE_POOL_USER, 1, NULL), -EINVAL);
    assert_int_equal(cadre_offload_as(self, NULL, CADRE_POOL_USER, 1, add_1, NULL, &o),
                     -EINVAL);
    assert_int_equal(
        cadre_offload_as(self, NULL, CADRE_POOL_USER, 1, add_1, &owned_type, NULL),
        -EINVAL);
    assert_int_equal(
        cadre_offload_as(self, NULL, CADRE_POOL_USER, 1, add_1, &huge_type, &o),
        -EMSGSIZE);
}
static void play_misuse(void)
{
    assert_int_equal(play(misuse_offload), 0);
    assert_int_equal(lines_with("cadre_offload"), 7);
}
static void offload_checks_its_arguments(void **state) { misuse(play_misuse); }

/* ---- real threads ---- */

/* What the root notes; the test reads it when the system has ended, or awaits it. */
static struct {
    atomic_uint values, failures;
    atomic_int code;
} got;
static int note(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    if (f)
        atomic_store(&got.code, f->code);
    atomic_fetch_add(f ? &got.failures : &got.values, 1);
    return 0;
}
static const cadre_class noter_class = {.receive = note};
static cadre_system *sys;
static void open_with(uint32_t threads, uint32_t waiting, uint32_t workers)
{
    cadre_config config = quiet(workers, 0);
    config.blocking_threads = threads;
    config.blocking_waiting = waiting;
    gate_close();
    atomic_store(&got.values, 0);
    atomic_store(&got.failures, 0);
    assert_int_equal(cadre_system_new(&sys, &config, &noter_class, NULL), 0);
}
static void close_it(unsigned values, unsigned failures, uint32_t dropped)
{
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    assert_int_equal(cadre_system_free(sys), 0);
    assert_int_equal(atomic_load(&got.values), values);
    assert_int_equal(atomic_load(&got.failures), failures);
    assert_dropped_once(dropped);
    sem_destroy(&gate);
}

/* What the root is to do: calls, one after the other, in its turn. */
struct order {
    cadre_pool pool;
    cadre_time timeout;
    uint32_t first, n;
    int expected;
    bool stops; /* when two have begun */
};
static cadre_token tokens[8];
static atomic_uint wrong, done;
static int obey(cadre_self *self, void *state, void *arg)
{
    const struct order *o = arg;
    for (uint32_t i = o->first; i < o->first + o->n; i++)
        if (cadre_offload(self, &tokens[i], o->pool, o->timeout, pass_gate, owned, i) !=
            o->expected)
            atomic_fetch_add(&wrong, 1);
    bool stops = o->stops; /* afterwards it is not ours to look at */
    while (stops && atomic_load(&begun) < 2)
        sched_yield();
    atomic_fetch_add(&done, 1);
    return stops ? CADRE_STOP : 0;
}
static int obey_cancel(cadre_self *self, void *state, void *arg)
{
    if (cadre_cancel(self, *(cadre_token *)arg) != 0)
        atomic_fetch_add(&wrong, 1);
    atomic_fetch_add(&done, 1);
    return 0;
}
static void have_done(cadre_applied *what, void *arg)
{
    atomic_store(&done, 0);
    assert_int_equal(cadre_apply_outside(sys, cadre_system_root(sys), what, arg), 0);
    await(&done, 1);
    assert_int_equal(atomic_load(&wrong), 0);
}
static void order(cadre_pool pool, cadre_time timeout, uint32_t first, uint32_t n,
                  int expected)
{
    struct order o = {pool, timeout, first, n, expected, false};
    have_done(obey, &o);
}

/* However far each call has come when its time is up. */
static void one_outcome(void **state)
{
    for (uint32_t workers = 1; workers <= 2; workers++) {
        open_with(2, 100, workers);
        order(CADRE_POOL_USER, CADRE_NEVER, 0, 3, 0);
        order(CADRE_POOL_FILES, CADRE_MS, 3, 3, 0);
        await(&got.failures, 3);
        assert_int_equal(atomic_load(&got.code), -ETIMEDOUT);
        gate_open(6);
        await(&got.values, 3);
        close_it(3, 3, 6); /* what is late is dropped */
        assert_int_equal(atomic_load(&ended), atomic_load(&begun));
        assert_in_range(atomic_load(&begun), 3, 5);
    }
}

static bool has_begun_or_failed(void *arg)
{
    return atomic_load(&begun) > 0 || atomic_load(&got.failures) > *(unsigned *)arg;
}
static void timeout_while_running(void **state)
{
    unsigned tries = 0;
    open_with(1, 100, 1);
    while (atomic_load(&begun) == 0) { /* again, where it did not begin in time */
        order(CADRE_POOL_USER, 20 * CADRE_MS, tries, 1, 0);
        await_true(has_begun_or_failed, &tries);
        await(&got.failures, ++tries);
        assert_true(tries < 8);
    }
    assert_int_equal(atomic_load(&got.code), -ETIMEDOUT);
    assert_int_equal(atomic_load(&ended), 0);
    gate_open(1);
    await(&ended, 1);
    close_it(0, tries, tries);
}

static void pools_do_not_starve(void **state)
{
    open_with(1, 100, 2);
    order(CADRE_POOL_USER, CADRE_NEVER, 0, 3, 0);
    await(&begun, 1);
    order(CADRE_POOL_FILES, CADRE_NEVER, 3, 1, 0);
    await(&begun, 2);
    order(CADRE_POOL_NAMES, CADRE_NEVER, 4, 1, 0);
    await(&begun, 3);
    gate_open(5);
    await(&got.values, 5);
    close_it(5, 0, 5);
}

static void cancel_is_exact(void **state)
{
    open_with(1, 100, 2);
    order(CADRE_POOL_USER, CADRE_NEVER, 0, 3, 0);
    await(&begun, 1);
    have_done(obey_cancel, &tokens[0]); /* has begun: goes on */
    have_done(obey_cancel, &tokens[1]); /* has not: never does */
    gate_open(2);
    await(&got.values, 1);
    assert_int_equal(atomic_load(&begun), 2);
    close_it(1, 0, 3);
    assert_int_equal(atomic_load(&ended), 2);
}

static void timeout_while_waiting(void **state)
{
    open_with(1, 100, 1);
    order(CADRE_POOL_USER, CADRE_NEVER, 0, 1, 0);
    await(&begun, 1);
    order(CADRE_POOL_USER, CADRE_MS, 1, 2, 0);
    await(&got.failures, 2);
    assert_int_equal(atomic_load(&got.code), -ETIMEDOUT);
    gate_open(1);
    await(&got.values, 1);
    close_it(1, 2, 3);
    assert_int_equal(atomic_load(&begun), 1); /* they were withdrawn */
}

/* The stop waits for the call that runs; those that wait are not made. */
static void *open_when_all_have_ended(void *arg)
{
    cadre_counters c;
    do
        sched_yield();
    while (cadre_stats(sys, &c) == 0 && c.actors > 0);
    gate_open(1);
    return NULL;
}
static void system_stops_meanwhile(void **state)
{
    pthread_t opener;
    open_with(1, 100, 2);
    order(CADRE_POOL_USER, CADRE_NEVER, 0, 4, 0);
    await(&begun, 1);
    cadre_system_stop(sys);
    assert_int_equal(pthread_create(&opener, NULL, open_when_all_have_ended, NULL), 0);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(pthread_join(opener, NULL), 0);
    assert_int_equal(atomic_load(&ended), 1);
    assert_int_equal(atomic_load(&begun), 1);
    close_it(0, 0, 4);
}

static void full_threads_refuse_and_recover(void **state)
{
    open_with(1, 1, 2);
    order(CADRE_POOL_USER, CADRE_NEVER, 0, 2, 0);
    order(CADRE_POOL_USER, CADRE_NEVER, 2, 2, CADRE_EFULL);
    gate_open(2);
    await(&got.values, 2);
    order(CADRE_POOL_NAMES, CADRE_NEVER, 4, 1, 0);
    gate_open(1);
    await(&got.values, 3);
    close_it(3, 0, 5);
}

/* A child has calls that run and that wait, and ends; its place is taken by others. */
static int child_start(cadre_self *self, void *state)
{
    return obey(self, state, *(struct order **)state);
}
static int spawn_child(cadre_self *self, void *state, void *arg)
{
    static const cadre_class child = {
        .state_size = sizeof arg, .start = child_start, .receive = note};
    return cadre_spawn(self, NULL, &child, &arg);
}
static bool only_root_is_left(void *arg)
{
    cadre_counters c;
    return cadre_stats(sys, &c) == 0 && c.actors == 1;
}
static void actor_ends_meanwhile(void **state)
{
    struct order o = {CADRE_POOL_USER, CADRE_NEVER, 0, 4, 0, true};
    open_with(2, 100, 2);
    have_done(spawn_child, &o);
    await(&begun, 2);
    await_true(only_root_is_left, NULL);
    struct order next = {CADRE_POOL_NAMES, CADRE_NEVER, 4, 1, 0, false};
    have_done(spawn_child, &next);
    await(&begun, 3);
    gate_open(3);
    await(&got.values, 1);
    close_it(1, 0, 5);
    assert_int_equal(atomic_load(&begun), 3);
}

/* ---- quiet, polled ---- */

static int offload_at_start(cadre_self *self, void *state)
{
    return cadre_offload(self, NULL, CADRE_POOL_USER, CADRE_NEVER, pass_gate, owned, 0);
}
static const cadre_class caller_class = {.start = offload_at_start, .receive = note};
static void quiet_does_not_end_while_a_call_runs(void **state)
{
    cadre_config config = quiet(2, 0);
    config.end_when_quiet = true;
    gate_close();
    atomic_store(&got.values, 0);
    assert_int_equal(cadre_system_new(&sys, &config, &caller_class, NULL), 0);
    await(&begun, 1);
    for (int i = 0; i < 20; i++) { /* all fall asleep again and again */
        cadre_counters c, later;
        assert_int_equal(cadre_stats(sys, &c), 0);
        assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 1), 0);
        do
            assert_int_equal(cadre_stats(sys, &later), 0);
        while (later.parks == c.parks);
    }
    gate_open(1);
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(atomic_load(&got.values), 21);
    assert_int_equal(cadre_system_free(sys), 0);
    assert_dropped_once(1);
    sem_destroy(&gate);
}

static void polled_system(void **state)
{
    cadre_config config = quiet(CADRE_NO_WORKERS, 0);
    gate_close();
    atomic_store(&got.values, 0);
    assert_int_equal(cadre_system_new(&sys, &config, &caller_class, NULL), 0);
    while (atomic_load(&begun) == 0)
        assert_true(cadre_system_poll(sys, CADRE_MS) >= 0);
    while (cadre_system_poll(sys, 0) > 0) {
    }
    gate_open(1);
    struct pollfd p = {.fd = cadre_system_fd(sys), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 60000), 1); /* it rings */
    while (atomic_load(&got.values) == 0)
        assert_true(cadre_system_poll(sys, 0) >= 0);
    cadre_system_stop(sys);
    while (cadre_system_poll(sys, 0) != -ESHUTDOWN) {
    }
    assert_int_equal(cadre_system_free(sys), 0);
    assert_dropped_once(1);
    sem_destroy(&gate);
}

int main(void)
{
    TESTS(cmocka_unit_test(result_is_what_the_body_became),
          cmocka_unit_test(failing_call_has_a_failure),
          cmocka_unit_test(large_bodies_are_whole), cmocka_unit_test(calls_in_a_chain),
          cmocka_unit_test(cancelled_call_is_not_made),
          cmocka_unit_test(call_of_one_that_ends_is_not_made),
          cmocka_unit_test(full_pool_refuses_and_recovers),
          cmocka_unit_test(offload_checks_its_arguments), cmocka_unit_test(one_outcome),
          cmocka_unit_test(pools_do_not_starve), cmocka_unit_test(cancel_is_exact),
          cmocka_unit_test(timeout_while_running),
          cmocka_unit_test(timeout_while_waiting),
          cmocka_unit_test(system_stops_meanwhile),
          cmocka_unit_test(full_threads_refuse_and_recover),
          cmocka_unit_test(actor_ends_meanwhile),
          cmocka_unit_test(quiet_does_not_end_while_a_call_runs),
          cmocka_unit_test(polled_system));
    return RUN_TESTS();
}
