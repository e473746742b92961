/* test_isolate.c: actors that run in a process of their own. */
#include "support/isolating.h"

#include <cadre/apply.h>

#include <errno.h>

static void isolated_is_an_actor(void **state)
{
    for (uint32_t workers = 1; workers <= 2; workers++) {
        begin(workers);
        cadre_ref who = odd_one();
        assert_int_equal(ask(who, PING, 1), 2);
        assert_int_equal(ask(who, COUNT, 0), 2);
        assert_int_equal(ask(who, ME, 0), who.id);
        assert_int_equal(ask(who, LATER, 9), 9);
        assert_int_equal(ask(who, ASK, 0), 8);
        assert_int_equal(ask(who, AWAIT, 4), 6);
        assert_int_equal(ask(who, FORWARD, 40), 41);
        assert_int_equal(ask(who, NOTHING, 0), CADRE_EUNANSWERED);
        cadre_future *deferred = call_as(who, (errand){.value = DEFER});
        tell(who, ANSWER, 12);
        assert_int_equal(outcome(deferred), 12);
        tell(who, TELL, 77);
        await(&notes.numbered, 1);
        assert_int_equal(notes.numbers[0], 77);
        end();
    }
}

static int spawn_here(cadre_self *self, void *state, void *arg)
{
    const cadre_opts opts = {.isolated = true};
    return cadre_spawn_with(self, &notes.child, &odd_class, NULL, &opts);
}

/* Nobody runs the system but whoever waits. */
static void works_without_workers(void **state)
{
    cadre_config config = quiet(CADRE_NO_WORKERS, 0);
    config.isolated = 1;
    need_processes();
    memset(&notes, 0, sizeof notes);
    assert_int_equal(cadre_system_new(&sys, &config, &sink_class, NULL), 0);
    assert_int_equal(cadre_apply_outside(sys, cadre_system_root(sys), spawn_here, NULL),
                     0);
    while (!notes.child.id)
        assert_true(cadre_system_poll(sys, CADRE_SECOND) >= 0);
    assert_int_equal(ask(notes.child, PING, 1), 2);
    cadre_system_stop(sys);
    while (cadre_system_poll(sys, CADRE_SECOND) >= 0) {
    }
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

/* Before and after it is read; and then it is answered. */
static void futures_may_be_forgotten(void **state)
{
    enum { ROUNDS = 1000 / EFFORT_SLOWDOWN, SLAB = 64 << 10 };
    begin(1);
    cadre_ref who = odd_one();
    for (int i = 0; i < 20; i++)
        cadre_future_free(call_as(who, (errand){.value = i % 2 ? PING : DEFER}));
    assert_int_equal(ask(who, COUNT, 0), 21);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    const uint64_t before = sums.bytes;
    for (int i = 0; i < ROUNDS; i++) {
        cadre_future *deferred = call_as(who, (errand){.value = DEFER});
        assert_int_equal(ask(who, PING, 1), 2);
        cadre_future_free(deferred);
    }
    assert_int_equal(ask(who, PING, 1), 2);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_true(sums.bytes < before + SLAB + ROUNDS * 24); /* none is kept */
    end();
}

static void order_of_a_pair_is_kept(void **state)
{
    begin(2);
    cadre_ref who = odd_one();
    for (uint64_t i = 0; i < NOTES; i++)
        tell(who, TELL, i);
    await(&notes.numbered, NOTES);
    for (uint64_t i = 0; i < NOTES; i++)
        assert_int_equal(notes.numbers[i], i);
    end();
}

/* Larger than a socket takes at once. */
static void large_messages_cross(void **state)
{
    static bulk l;
    begin(1);
    cadre_ref who = odd_one();
    cadre_future *futures[5];
    memset(&l, 3, sizeof l);
    for (int i = 0; i < 5; i++)
        assert_int_equal(cadre_call_as(sys, &futures[i], who, &bulk_type, &l), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(outcome(futures[i]), 6);
    tell(who, LARGE, 21);
    await(&notes.larges, 1);
    assert_int_equal(notes.bulk, 42);
    end();
}

static int call(cadre_self *self, void *state, void *arg)
{
    fail(); /* on no side */
    return 0;
}

static void what_cannot_cross_is_refused(void **state)
{
    begin(1);
    cadre_ref who = odd_one();
    drops_clear();
    assert_int_equal(ask(who, REFUSED, 0), 11);
    cadre_future *future;
    assert_int_equal(cadre_call(sys, &future, who, owned, 2), 0);
    assert_int_equal(outcome(future), CADRE_EUNANSWERED);
    assert_int_equal(atomic_load(&drops[2]), 1);
    assert_int_equal(lines_with("cannot be sent to an isolated actor: it has a drop"),
                     1);
    cadre_raise *raise;
    assert_int_equal(cadre_apply_outside(sys, who, call, NULL), 0);
    assert_int_equal(cadre_raise_new(&raise, sys, who, call, NULL), 0);
    assert_int_equal(cadre_raise_now(raise), 0);
    assert_int_equal(ask(who, PING, 1), 2);
    cadre_raise_free(raise);
    end();
    assert_int_equal(sums.dead, 3);
}

/* From there, and to there: where it is made it is dropped. */
static void answers_that_cannot_cross_fail(void **state)
{
    begin(1);
    cadre_ref who = odd_one();
    drops_clear();
    assert_int_equal(ask(who, OWNED, 0), -ENOTSUP);
    assert_int_equal(ask(who, ASK_OWNED, 0), ENOTSUP);
    assert_int_equal(atomic_load(&drops[3]), 1);
    end();
}

static void calls_are_filtered(void **state)
{
    static const cadre_isolation open_to_files = {.unfiltered = true};
    begin(1);
    cadre_ref who = odd_one();
    int64_t err = ask(who, OPEN, 0);
    bool is_filtered = lines_with("not filtered") == 0;
    if (!is_filtered)
        print_message("system calls are not filtered here\n");
    assert_int_equal(err, is_filtered ? EPERM : 0);
    who = spawn_odd((cadre_opts){.isolated = true, .isolation = &open_to_files},
                    (odd){0});
    assert_int_equal(ask(who, OPEN, 0), 0);
    end();
}

static void there_are_no_more_than_asked_for(void **state)
{
    const cadre_opts opts = {.isolated = true};
    begin(1);
    cadre_ref who[3];
    for (int i = 0; i < 3; i++)
        who[i] = odd_one();
    spawn_odd(opts, (odd){0});
    assert_int_equal(notes.err, -EAGAIN);
    tell(who[1], STOP, 0);
    await(&notes.ends, 1);
    await(&notes.ends, 1);
    who[1] = odd_one();
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(who[i], PING, 1), 2);
    end();
}

/* There it is an actor like any other, in this process. */
static bool ran_here;
static int run_here(cadre_self *self, void *state, cadre_msg *m)
{
    ran_here = true;
    return CADRE_STOP;
}
static const cadre_class local_class = {.name = "local", .receive = run_here};
static void simulated_scene(cadre_self *self)
{
    cadre_ref child;
    const cadre_opts opts = {.isolated = true};
    assert_int_equal(cadre_spawn_with(self, &child, &local_class, NULL, &opts), 0);
    assert_int_equal(cadre_send(self, child, number, 1), 0);
}
static void a_simulation_has_one_process(void **state)
{
    assert_int_equal(play(simulated_scene), 0);
    assert_true(ran_here);
}

static cadre_isolation bad;
static void spawn_badly(void)
{
    begin(1);
    spawn_odd((cadre_opts){.isolated = true, .isolation = &bad}, (odd){0});
    assert_int_equal(notes.err, -EINVAL);
    end();
}
static void spawn_with_a_budget(void)
{
    static const cadre_budget budget = {.messages = 1};
    begin(1);
    spawn_odd((cadre_opts){.isolated = true, .budget = &budget}, (odd){0});
    assert_int_equal(notes.err, -EINVAL);
    end();
}
/* The processes have no copy of it at this address. */
static int spawn_made_up(cadre_self *self, void *state, void *arg)
{
    const cadre_opts opts = {.isolated = true};
    cadre_class *made_up = malloc(sizeof *made_up);
    *made_up = odd_class;
    notes.err = cadre_spawn_with(self, &notes.child, made_up, NULL, &opts);
    free(made_up);
    atomic_fetch_add(&notes.spawned, 1);
    return 0;
}
static void spawn_a_made_up_class(void)
{
    begin(1);
    assert_int_equal(
        cadre_apply_outside(sys, cadre_system_root(sys), spawn_made_up, NULL), 0);
    await(&notes.spawned, 1);
    assert_int_equal(notes.err, -EINVAL);
    end();
}

static void bad_options_are_refused(void **state)
{
    bad = (cadre_isolation){.timeout = -1};
    misuse(spawn_badly);
    bad = (cadre_isolation){.reserved = {NULL, &bad}};
    misuse(spawn_badly);
    misuse(spawn_with_a_budget);
    misuse(spawn_a_made_up_class);
}

int main(void)
{
    TESTS(cmocka_unit_test(isolated_is_an_actor),
          cmocka_unit_test(works_without_workers),
          cmocka_unit_test(futures_may_be_forgotten),
          cmocka_unit_test(order_of_a_pair_is_kept),
          cmocka_unit_test(large_messages_cross),
          cmocka_unit_test(what_cannot_cross_is_refused),
          cmocka_unit_test(answers_that_cannot_cross_fail),
          cmocka_unit_test(calls_are_filtered),
          cmocka_unit_test(there_are_no_more_than_asked_for),
          cmocka_unit_test(a_simulation_has_one_process),
          cmocka_unit_test(bad_options_are_refused));
    return RUN_TESTS();
}
