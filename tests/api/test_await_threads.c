/* test_await_threads.c: handlers wait on real workers, in polled systems, in masses. */
#include "support/awaiting.h"
#include "support/effort.h"

#include <cadre/offload.h>

#include <errno.h>
#include <pthread.h>

/* What the handlers of one run have found: real workers may not assert. */
static struct facts {
    atomic_uint answered, moved, wrong, waiting, most;
} facts;

static void facts_clear(void)
{
    atomic_store(&facts.answered, 0);
    atomic_store(&facts.moved, 0);
    atomic_store(&facts.wrong, 0);
    atomic_store(&facts.waiting, 0);
    atomic_store(&facts.most, 0);
}

static void must(bool it_holds) { atomic_fetch_add(&facts.wrong, !it_holds); }

/* ---- many that ask and wait ---- */

enum { CLIENTS = 40, SERVERS = 8, ROUNDS = 25 };

static int answer(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_reply(self, m, number, cadre_body(m, number)->value + 1);
}

static const cadre_class answerer_class = {.name = "answerer", .receive = answer};

typedef struct {
    cadre_ref servers[SERVERS];
    uint32_t index;
} client;

static int add_one(void *body)
{
    ((number *)body)->value++;
    return 0;
}

static int start_one(cadre_self *self, client *c, uint32_t i, cadre_token *token)
{
    if (i % 8 == 7)
        return cadre_offload(self, token, CADRE_POOL_USER, CADRE_NEVER, add_one, number,
                             i);
    return cadre_ask(self, token, c->servers[(c->index + i) % SERVERS], CADRE_NEVER,
                     number, i);
}

static int client_start(cadre_self *self, void *state)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        pthread_t thread = pthread_self();
        cadre_token token;
        cadre_msg m;
        must(start_one(self, state, i, &token) == 0);
        must((i % 2 ? cadre_await : cadre_await_open)(self, token, &m) == 0);
        must(m.type == &number_type && ((number *)m.body)->value == i + 1);
        must(pthread_equal(thread, pthread_self()));
        atomic_fetch_add(&facts.answered, 1);
    }
    return CADRE_STOP;
}

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static const cadre_class client_class = {.name = "client",
                                         .state_size = sizeof(client),
                                         .start = client_start,
                                         .receive = nothing};

static int crowd_start(cadre_self *self, void *state)
{
    client init = {.index = 0};
    for (uint32_t i = 0; i < SERVERS; i++)
        must(cadre_spawn(self, &init.servers[i], &answerer_class, NULL) == 0);
    for (init.index = 0; init.index < CLIENTS; init.index++)
        must(cadre_spawn(self, NULL, &client_class, &init) == 0);
    return 0;
}

static const cadre_class crowd_class = {
    .name = "crowd", .start = crowd_start, .receive = nothing};

static void crowd_check(void)
{
    assert_int_equal(atomic_load(&facts.wrong), 0);
    assert_int_equal(atomic_load(&facts.answered), CLIENTS * ROUNDS);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    assert_int_equal(sums.dead, 0);
}

static void crowd_with(const cadre_config *given)
{
    cadre_config config = *given;
    config.end_when_quiet = true;
    facts_clear();
    assert_int_equal(run(&config, &crowd_class, NULL), 0);
    crowd_check();
}

static void many_ask_and_wait(void **state) { every_way(crowd_with); }

/* ---- a program's own loop ---- */

static void poll_to_the_end(cadre_system *sys)
{
    while (cadre_system_poll(sys, CADRE_SECOND) != -ESHUTDOWN) {
    }
    assert_int_equal(cadre_system_wait(sys), 0);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

static cadre_system *new_crowd(uint64_t seed)
{
    cadre_system *sys;
    cadre_config config = quiet(seed ? 2 : CADRE_NO_WORKERS, seed);
    config.end_when_quiet = true;
    assert_int_equal(cadre_system_new(&sys, &config, &crowd_class, NULL), 0);
    return sys;
}

static void polled_handlers_wait(void **state)
{
    facts_clear();
    poll_to_the_end(new_crowd(0));
    crowd_check();
}

/* One system is polled by a handler of another one, now and then, and finally from here:
 * each call finds and leaves things as they were. */
static cadre_system *inner;

static int poll_inner(cadre_self *self, void *state, cadre_msg *m)
{
    number *n = cadre_body(m, number);
    int turns = cadre_system_poll(inner, 0);
    must(turns >= 0 || turns == -ESHUTDOWN);
    must(cadre_me(self).id != 0); /* it is still this one's handler */
    if (turns == -ESHUTDOWN || n->value > 3)
        return CADRE_STOP;
    must(cadre_sleep(self, 1000) == 0);
    return cadre_send(self, cadre_me(self), number, n->value + 1);
}

static int poller_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), number, 0);
}

static const cadre_class poller_class = {
    .name = "poller", .start = poller_start, .receive = poll_inner};

static void poll_within_another(uint64_t seed, uint64_t inner_seed)
{
    cadre_config config = quiet(1, seed);
    facts_clear();
    inner = new_crowd(inner_seed);
    assert_int_equal(run(&config, &poller_class, NULL), 0);
    poll_to_the_end(inner);
    crowd_check();
}

static void systems_wait_within_each_other(void **state)
{
    poll_within_another(5, 0);
    for (uint64_t seed = 1; seed <= 20; seed++)
        poll_within_another(seed, seed + 7);
}

/* ---- ten thousand at once ---- */

enum { MANY = 10000 / EFFORT_SLOWDOWN }; /* TSan knows some 8,000 at a time */

static int gate_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static cadre_promise promises[MANY];
    uint32_t *count = state;
    must(cadre_defer(self, m, &promises[*count]) == 0);
    if (++*count == MANY)
        for (uint32_t i = 0; i < MANY; i++)
            must(cadre_answer(self, promises[i], number, i) == 0);
    return 0;
}

static const cadre_class gate_class = {
    .name = "gate", .state_size = sizeof(uint32_t), .receive = gate_receive};

static int visit_gate(cadre_self *self, void *state, cadre_msg *m)
{
    pthread_t thread = pthread_self();
    cadre_token token;
    cadre_msg opened;
    must(cadre_ask(self, &token, *(cadre_ref *)state, CADRE_NEVER, number, 1) == 0);
    must(cadre_await(self, token, &opened) == 0);
    must(pthread_equal(thread, pthread_self()));
    atomic_fetch_add(&facts.answered, 1);
    return CADRE_STOP;
}

static const cadre_class visitor_class = {
    .name = "visitor", .state_size = sizeof(cadre_ref), .receive = visit_gate};

static int gates_start(cadre_self *self, void *state)
{
    cadre_ref gate, visitor;
    must(cadre_spawn(self, &gate, &gate_class, NULL) == 0);
    for (uint32_t i = 0; i < MANY; i++) {
        must(cadre_spawn(self, &visitor, &visitor_class, &gate) == 0);
        must(cadre_send(self, visitor, number, 1) == 0);
    }
    return 0;
}

static const cadre_class gates_class = {
    .name = "gates", .start = gates_start, .receive = nothing};

static void gates_with(uint32_t workers, uint64_t seed)
{
    cadre_config config = quiet(workers, seed);
    config.end_when_quiet = true;
    config.stack_size = 16 << 10;
    facts_clear();
    assert_int_equal(run(&config, &gates_class, NULL), 0);
    assert_int_equal(atomic_load(&facts.wrong), 0);
    assert_int_equal(atomic_load(&facts.answered), MANY);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
}

static void ten_thousand_wait_at_once(void **state)
{
    gates_with(2, 0);
    gates_with(2, 9);
}

/* ---- waits without end ---- */

static int wait_for_ever(cadre_self *self, void *state)
{
    cadre_msg m;
    atomic_fetch_add(&facts.waiting, 1);
    int err = cadre_receive_type(self, &owned_type, CADRE_NEVER, &m);
    must(err == -ECANCELED);
    atomic_fetch_sub(&facts.waiting, 1);
    return 0;
}

static const cadre_class patient_class = {
    .name = "patient", .start = wait_for_ever, .receive = nothing};

static void quiet_with(const cadre_config *given)
{
    cadre_config config = *given;
    config.end_when_quiet = true;
    facts_clear();
    assert_int_equal(run(&config, &patient_class, NULL), 0);
    assert_int_equal(atomic_load(&facts.waiting), 0);
    assert_int_equal(atomic_load(&facts.wrong), 0);
}

static void quiet_ends_endless_waits(void **state) { every_way(quiet_with); }

static void simulation_ends_endless_waits(void **state)
{
    cadre_config config = quiet(2, 3);
    facts_clear();
    assert_int_equal(cadre_run(&config, &patient_class, NULL), -EDEADLK);
    assert_int_equal(atomic_load(&facts.waiting), 0);
    assert_int_equal(atomic_load(&facts.wrong), 0);
}

static void stop_by_ends_endless_waits(void **state)
{
    cadre_system *sys;
    cadre_config config = quiet(2, 0);
    facts_clear();
    assert_int_equal(cadre_system_new(&sys, &config, &patient_class, NULL), 0);
    await(&facts.waiting, 1);
    assert_int_equal(cadre_system_stop_by(sys, CADRE_MS), CADRE_EKILLED);
    assert_int_equal(atomic_load(&facts.waiting), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(many_ask_and_wait), cmocka_unit_test(polled_handlers_wait),
          cmocka_unit_test(systems_wait_within_each_other),
          cmocka_unit_test(ten_thousand_wait_at_once),
          cmocka_unit_test(quiet_ends_endless_waits),
          cmocka_unit_test(simulation_ends_endless_waits),
          cmocka_unit_test(stop_by_ends_endless_waits));
    return RUN_TESTS();
}
