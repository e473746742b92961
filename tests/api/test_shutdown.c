/* test_shutdown.c: a system ends in phases: closing, draining, stopping, killing. */
#include "support/open.h"
#include "support/short_heap.h"

#include <cadre/await.h>
#include <cadre/offload.h>
#include <cadre/shutdown.h>
#include <cadre/timer.h>

#include <errno.h>
#include <stdio.h>

typedef struct {
    int nothing;
} pulse;
static CADRE_TYPE(pulse);

/* Facts that handlers collect, on whatever thread. */
static struct {
    atomic_uint ready, told, cancelled, done, ends, refused, bad;
    atomic_uint order[32];
} facts;

static void forget(void) { memset(&facts, 0, sizeof facts); }
static void expect(bool holds) { atomic_fetch_add(&facts.bad, !holds); }

static cadre_system *open_with(const cadre_config *config, const cadre_class *root)
{
    cadre_system *sys = NULL;
    forget();
    assert_int_equal(cadre_system_new(&sys, config, root, NULL), 0);
    return sys;
}

/* Runs it until so many are ready. */
static void run_until_ready(cadre_system *sys, unsigned count)
{
    cadre_counters c;
    assert_int_equal(cadre_stats(sys, &c), 0);
    while (c.simulated && atomic_load(&facts.ready) < count)
        assert_true(cadre_system_poll(sys, 0) >= 0);
    await(&facts.ready, count);
}

static int64_t left;
static void add_line(void *user, const cadre_leftover *line)
{
    left += (int64_t)line->count;
}

/* The end of a test: all sums are right, and so many messages were left. */
static void close_with(cadre_system *sys, int64_t messages)
{
    char line[64];
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    left = 0;
    int64_t sum = cadre_system_report(sys, add_line, NULL);
    assert_int_equal(sum, left);
    assert_int_equal(sum, sums.dead);
    if (messages >= 0)
        assert_int_equal(sum, messages);
    snprintf(line, sizeof line, "messages left in all: %lld", (long long)sum);
    assert_int_equal(lines_with(line), 1);
    assert_int_equal(facts.bad, 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }

/* ---- closing ---- */

enum { LISTENERS = 5 };

static int listener_start(cadre_self *self, void *state)
{
    cadre_token token;
    expect(cadre_when_closing(self, NULL) == 0);
    expect(cadre_when_closing(self, &token) == 0);
    expect(cadre_when_closing(self, NULL) == 0);
    expect(cadre_cancel(self, token) == 0);
    expect(cadre_cancel(self, token) == -ENOENT);
    atomic_fetch_add(&facts.ready, 1);
    return 0;
}

static int late(cadre_self *self, void *state, cadre_msg *m)
{
    expect(cadre_body(m, cadre_closing) != NULL);
    atomic_fetch_add(&facts.told, 100);
    return 0;
}

static int listener_receive(cadre_self *self, void *state, cadre_msg *m)
{
    unsigned *told = state;
    cadre_token token;
    const cadre_closing *closing = cadre_body(m, cadre_closing);
    expect(closing && closing->until > 0 && m->token.id);
    atomic_fetch_add(&facts.told, 1);
    if (++*told < 2)
        return 0;
    expect(cadre_when_closing(self, &token) == 0); /* it closes already */
    expect(cadre_then(self, token, late) == 0);
    expect(cadre_when_closing(self, &token) == 0);
    expect(cadre_cancel(self, token) == 0); /* though it is on its way */
    return 0;
}
static const cadre_class listener = {.name = "listener",
                                     .state_size = sizeof(unsigned),
                                     .start = listener_start,
                                     .receive = listener_receive};

static int listeners_start(cadre_self *self, void *state)
{
    cadre_ref gone;
    for (int i = 0; i < LISTENERS; i++)
        expect(cadre_spawn(self, NULL, &listener, NULL) == 0);
    expect(cadre_spawn(self, &gone, &listener, NULL) == 0);
    return cadre_kill(self, gone, 0);
}
static const cadre_class listeners = {.start = listeners_start, .receive = nothing};

static void tell_once(const cadre_config *config)
{
    cadre_system *sys = open_with(config, &listeners);
    run_until_ready(sys, LISTENERS);
    assert_int_equal(cadre_system_shutdown(sys, CADRE_NEVER, CADRE_NEVER), 0);
    assert_int_equal(facts.told, LISTENERS * 102);
    close_with(sys, 0);
}

static void closing_told_once(void **state) { every_way(tell_once); }

enum { TIMES = 300 };
static int many_start(cadre_self *self, void *state)
{
    for (int i = 0; i < TIMES; i++)
        expect(cadre_when_closing(self, NULL) == 0);
    atomic_fetch_add(&facts.ready, 1);
    return 0;
}

static int many_receive(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&facts.told, cadre_body(m, cadre_closing) != NULL);
    return 0;
}
static const cadre_class many = {.start = many_start, .receive = many_receive};

static void closing_is_told_without_memory(void **state)
{
    struct short_heap heap;
    cadre_config config = quiet(2, 7);
    short_heap_init(&heap, 0, 0);
    short_heap_serve(&heap, &config);
    cadre_system *sys = open_with(&config, &many);
    run_until_ready(sys, 1);
    short_heap_refuse(&heap, true);
    assert_int_equal(cadre_system_shutdown(sys, CADRE_NEVER, CADRE_NEVER), 0);
    assert_int_equal(facts.told, TIMES);
    close_with(sys, 0);
    assert_int_equal(heap.blocks, 0);
}

static void a_mere_stop_closes_nothing(void **state)
{
    cadre_config config = quiet(2, 7);
    cadre_system *sys = open_with(&config, &listeners);
    run_until_ready(sys, LISTENERS);
    assert_int_equal(cadre_system_stop_by(sys, CADRE_SECOND), 0);
    assert_int_equal(facts.told, 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

static cadre_system *told_from;
static int tell_it(void *body)
{
    int err = cadre_tell(told_from, cadre_system_root(told_from), pulse, 0);
    atomic_fetch_add(&facts.refused, err == -ESHUTDOWN);
    return 0;
}

static int gate_start(cadre_self *self, void *state)
{
    int err = cadre_when_closing(self, NULL);
    atomic_fetch_add(&facts.ready, 1);
    return err;
}

static int gate_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, cadre_closing) ? cadre_offload(self, NULL, CADRE_POOL_USER,
                                                        CADRE_NEVER, tell_it, pulse, 0)
                                        : 0;
}
static const cadre_class gate = {.start = gate_start, .receive = gate_receive};

static void tell_a_closing_one(const cadre_config *config)
{
    cadre_system *sys = told_from = open_with(config, &gate);
    run_until_ready(sys, 1);
    assert_int_equal(cadre_system_shutdown(sys, CADRE_NEVER, CADRE_NEVER), 0);
    assert_int_equal(facts.refused, 1);
    close_with(sys, 0);
}

static void tells_are_refused_while_it_drains(void **state)
{
    every_way(tell_a_closing_one);
}

/* ---- draining ---- */

enum { JOBS = 10, HOPS = 3 };

/* A request for n goes down n desks, each in another way. */
typedef struct {
    cadre_promise promise;
    uint64_t value;
    cadre_ref next;
} desk;

static int compute(void *body)
{
    ((number *)body)->value += 1;
    return 0;
}

static int desk_answers(cadre_self *self, void *state, cadre_msg *m)
{
    desk *d = state;
    expect(cadre_answer(self, d->promise, number, d->value) == 0);
    cadre_unstash(self);
    d->promise.token.id = 0;
    return 0;
}

static int desk_begins(cadre_self *self, desk *d, const cadre_msg *m)
{
    cadre_token token;
    d->value = cadre_body(m, number)->value;
    int err = cadre_defer(self, m, &d->promise);
    if (!err && d->value % 3 == 0)
        err = cadre_offload(self, &token, CADRE_POOL_USER, CADRE_NEVER, compute, number,
                            d->value);
    else if (!err && d->value % 3 == 1 && d->next.id)
        err = cadre_ask(self, &token, d->next, CADRE_NEVER, number, d->value + 1);
    else if (!err)
        err = cadre_after(self, &token, CADRE_MS, pulse, 0);
    return err ? err : cadre_then(self, token, desk_answers);
}

static int desk_receive(cadre_self *self, void *state, cadre_msg *m)
{
    desk *d = state;
    return d->promise.token.id ? cadre_stash(self, m) : desk_begins(self, d, m);
}
static const cadre_class desk_class = {
    .name = "desk", .state_size = sizeof(desk), .receive = desk_receive};

static int office_start(cadre_self *self, void *state)
{
    cadre_ref next = {0};
    int err = 0;
    for (int i = 0; !err && i < HOPS; i++)
        err = cadre_spawn(self, &next, &desk_class, &(desk){.next = next});
    for (uint64_t i = 0; !err && i < JOBS; i++)
        err = cadre_ask(self, NULL, next, CADRE_NEVER, number, i);
    atomic_fetch_add(&facts.ready, 1);
    return err;
}

static int office_receive(cadre_self *self, void *state, cadre_msg *m)
{
    expect(cadre_body(m, number) != NULL);
    atomic_fetch_add(&facts.done, 1);
    return 0;
}
static const cadre_class office = {.start = office_start, .receive = office_receive};

static void drain_all(const cadre_config *config)
{
    cadre_system *sys = open_with(config, &office);
    run_until_ready(sys, 1);
    assert_int_equal(cadre_system_shutdown(sys, CADRE_NEVER, CADRE_NEVER), 0);
    assert_int_equal(facts.done, JOBS);
    assert_int_equal(lines_with("not drained"), 0);
    close_with(sys, 0);
}

static void drained_is_done(void **state) { every_way(drain_all); }

/* Its work outside is over later: until then its cadre_closing is not handled. */
static int holder_start(cadre_self *self, void *state)
{
    int err = cadre_when_closing(self, NULL);
    if (!err)
        err = cadre_every(self, NULL, CADRE_MS, pulse, 0); /* holds up nothing */
    atomic_fetch_add(&facts.ready, 1);
    return err;
}

static int holder_receive(cadre_self *self, void *state, cadre_msg *m)
{
    unsigned *pulses = state;
    if (cadre_body(m, cadre_closing) && *pulses < 5)
        return cadre_stash(self, m);
    if (cadre_body(m, cadre_closing))
        atomic_fetch_add(&facts.done, 1);
    else if (++*pulses >= 5)
        cadre_unstash(self);
    return 0;
}
static const cadre_class holder = {
    .state_size = sizeof(unsigned), .start = holder_start, .receive = holder_receive};

static int waiter_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, cadre_closing)) {
        expect(cadre_sleep(self, 5 * CADRE_MS) == 0);
        atomic_fetch_add(&facts.done, 1);
    }
    return 0;
}
static const cadre_class waiter = {.start = holder_start, .receive = waiter_receive};

static void hold_and_let_go(const cadre_config *config)
{
    const cadre_class *const roots[] = {&holder, &waiter};
    for (int i = 0; i < 2; i++) {
        cadre_system *sys = open_with(config, roots[i]);
        run_until_ready(sys, 1);
        assert_int_equal(cadre_system_shutdown(sys, CADRE_NEVER, CADRE_NEVER), 0);
        assert_int_equal(facts.done, 1);
        close_with(sys, -1); /* a pulse may be */
        (void)quiet(1, 1);   /* forgets the lines */
    }
}

static void closing_that_is_not_handled_holds_up_draining(void **state)
{
    every_way(hold_and_let_go);
}

static int keeper_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_stash(self, m);
}
static const cadre_class keeper = {
    .name = "keeper", .start = gate_start, .receive = keeper_receive};

static void keep_for_ever(const cadre_config *config)
{
    cadre_system *sys = open_with(config, &keeper);
    run_until_ready(sys, 1);
    assert_int_equal(cadre_system_shutdown(sys, CADRE_MS, CADRE_NEVER), 0);
    assert_int_equal(lines_with("not drained"), 1);
    assert_int_equal(lines_with("1 message of type cadre_closing was left for actor "),
                     1);
    close_with(sys, 1);
}

static void draining_has_its_limit(void **state) { every_way(keep_for_ever); }

/* ---- stopping ---- */

static int node_start(cadre_self *self, void *state);
static void node_stop(cadre_self *self, void *state, int reason)
{
    unsigned id = *(unsigned *)state;
    expect(reason == (id == 0 ? 0 : CADRE_EPARENT));
    atomic_store(&facts.order[atomic_fetch_add(&facts.ends, 1)], id);
}
static const cadre_class node = {.state_size = sizeof(unsigned),
                                 .start = node_start,
                                 .receive = nothing,
                                 .stop = node_stop};

/* Root 0 has 10, 20 and 30, and 10 has 11, 12 and 13. */
static int node_start(cadre_self *self, void *state)
{
    unsigned id = *(unsigned *)state;
    for (unsigned i = 1; id % 10 == 0 && i <= 3; i++)
        expect(cadre_spawn(self, NULL, &node,
                           &(unsigned){id + (id == 0 ? 10 * i : i)}) == 0);
    atomic_fetch_add(&facts.ready, 1);
    return 0;
}

static void stop_a_tree(const cadre_config *config)
{
    static const unsigned expected[] = {33, 32, 31, 30, 23, 22, 21,
                                        20, 13, 12, 11, 10, 0};
    enum { NODES = sizeof expected / sizeof expected[0] };
    cadre_system *sys = open_with(config, &node);
    run_until_ready(sys, NODES);
    assert_int_equal(cadre_system_shutdown(sys, 0, CADRE_NEVER), 0);
    assert_int_equal(facts.ends, NODES);
    for (int i = 0; i < NODES; i++)
        assert_int_equal(facts.order[i], expected[i]);
    close_with(sys, 0);
}

static void youngest_first(void **state) { every_way(stop_a_tree); }

/* ---- the deadline ---- */

enum { FLOOD = 1000 };
static int flood_start(cadre_self *self, void *state)
{
    cadre_ref to;
    int err = cadre_spawn(self, &to, &sink_class, NULL);
    for (uint64_t i = 0; !err && i < FLOOD; i++)
        err = cadre_send(self, i % 3 ? to : cadre_me(self), number, i);
    atomic_fetch_add(&facts.ready, 1);
    return err;
}

static int flood_receive(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&facts.done, 1);
    return 0;
}
static const cadre_class flooded = {
    .name = "flooded", .start = flood_start, .receive = flood_receive};

static void kill_a_flooded_one(const cadre_config *config)
{
    const cadre_time grace[] = {0, 20 * CADRE_MS / 1000, CADRE_NEVER};
    for (int i = 0; i < 3; i++) {
        (void)quiet(1, 1);
        cadre_system *sys = open_with(config, &flooded);
        run_until_ready(sys, 1);
        int reason = cadre_system_shutdown(sys, 0, grace[i]);
        assert_true(reason == 0 || (reason == CADRE_EKILLED && i < 2));
        close_with(sys, -1);
        assert_int_equal(sums.accepted, FLOOD);
    }
}

static void sums_are_exact(void **state) { every_way(kill_a_flooded_one); }

static atomic_bool may_return;
static int stick(cadre_self *self, void *state)
{
    atomic_fetch_add(&facts.ready, 1);
    while (!atomic_load(&may_return)) {
    }
    return 0;
}
static const cadre_class sticker = {
    .name = "sticker", .start = stick, .receive = nothing};

static void deadline_holds(void **state)
{
    cadre_config config = quiet(2, 0);
    cadre_system *sys = open_with(&config, &sticker);
    atomic_store(&may_return, false);
    run_until_ready(sys, 1);
    assert_int_equal(cadre_system_shutdown(sys, CADRE_MS, 2 * CADRE_MS), -ETIMEDOUT);
    assert_true(lines_with("(sticker) has not returned") > 0);
    assert_int_equal(lines_with("actors to be killed: 1"), 1);
    assert_int_equal(lines_with("left in all"), 0);
    atomic_store(&may_return, true);
    assert_int_equal(cadre_system_shutdown(sys, 0, 60 * CADRE_SECOND), CADRE_EKILLED);
    close_with(sys, 0);
}

static void poll_a_shutdown(void **state)
{
    for (uint64_t seed = 0; seed < 3; seed++) {
        cadre_config config = quiet(CADRE_NO_WORKERS, seed);
        cadre_system *sys = open_with(&config, &office);
        while (atomic_load(&facts.ready) == 0)
            assert_true(cadre_system_poll(sys, 0) >= 0);
        assert_int_equal(cadre_system_shutdown(sys, CADRE_NEVER, CADRE_NEVER), 0);
        assert_int_equal(facts.done, JOBS);
        close_with(sys, 0);
    }
}

/* ---- bad input ---- */

static void negative_times(void)
{
    cadre_config config = quiet(1, 1);
    cadre_system *sys = open_with(&config, &sink_class);
    assert_int_equal(cadre_system_shutdown(sys, -1, CADRE_SECOND), -EINVAL);
    assert_int_equal(cadre_system_shutdown(sys, 0, -1), -EINVAL);
    assert_int_equal(cadre_system_stop_by(sys, CADRE_SECOND), 0); /* it lives */
    assert_int_equal(cadre_system_free(sys), 0);
}

static void negative_times_are_refused(void **state) { misuse(negative_times); }

static void no_system_is_refused(void **state)
{
    assert_int_equal(cadre_system_shutdown(NULL, 0, 0), -EINVAL);
}

static void ask_in_a_handler(cadre_self *self)
{
    assert_int_equal(cadre_system_shutdown(cadre_system_of(self), 0, 0), -EDEADLK);
}

static void a_worker_is_refused(void **state)
{
    assert_int_equal(play(ask_in_a_handler), 0);
}

static void when_closing_elsewhere_is_refused(void **state)
{
    assert_int_equal(cadre_when_closing(NULL, NULL), -EINVAL);
}

static void ask_at_the_end(cadre_self *self, void *state, int reason)
{
    assert_int_equal(cadre_when_closing(self, NULL), -ESHUTDOWN);
}
static const cadre_class asks_at_the_end = {.receive = nothing, .stop = ask_at_the_end};

static void when_closing_at_the_end_is_refused(void **state)
{
    close_system(open_system(1, 1, &asks_at_the_end));
}

static void again_and_after_a_stop(void **state)
{
    cadre_config config = quiet(2, 0);
    cadre_system *sys = open_with(&config, &sink_class);
    cadre_system_stop(sys);
    assert_int_equal(cadre_system_shutdown(sys, CADRE_NEVER, CADRE_NEVER), 0);
    assert_int_equal(cadre_system_shutdown(sys, CADRE_NEVER, CADRE_NEVER), 0);
    assert_int_equal(lines_with("left in all: 0"), 2);
    assert_int_equal(cadre_system_free(sys), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(closing_told_once),
          cmocka_unit_test(closing_is_told_without_memory),
          cmocka_unit_test(a_mere_stop_closes_nothing),
          cmocka_unit_test(tells_are_refused_while_it_drains),
          cmocka_unit_test(drained_is_done),
          cmocka_unit_test(closing_that_is_not_handled_holds_up_draining),
          cmocka_unit_test(draining_has_its_limit), cmocka_unit_test(youngest_first),
          cmocka_unit_test(sums_are_exact), cmocka_unit_test(deadline_holds),
          cmocka_unit_test(poll_a_shutdown),
          cmocka_unit_test(negative_times_are_refused),
          cmocka_unit_test(no_system_is_refused), cmocka_unit_test(a_worker_is_refused),
          cmocka_unit_test(when_closing_elsewhere_is_refused),
          cmocka_unit_test(when_closing_at_the_end_is_refused),
          cmocka_unit_test(again_and_after_a_stop));
    return RUN_TESTS();
}
