/* test_bad_input_waits.c: what is called from the wrong place, or too often, is refused
 * by name: await, futures, chains, calls that block, applied functions, pins, scopes. */
#include "support/asking.h"
#include "support/open.h"

#include <cadre/apply.h>
#include <cadre/await.h>
#include <cadre/chain.h>
#include <cadre/future.h>
#include <cadre/offload.h>
#include <cadre/pin.h>
#include <cadre/scope.h>

#include <errno.h>
#include <pthread.h>

/* ---- 17: calls from elsewhere ---- */

static cadre_self *leaked;
static int leak(cadre_self *self, void *state)
{
    leaked = self;
    return 0;
}
static int no_work(void *body) { return 0; }
static int no_call(cadre_self *self, void *state, void *arg) { return 0; }

enum { STEPS = 13 };
static int step;
static int call_from_elsewhere(void)
{
    cadre_msg m;
    cadre_ref child;
    cadre_scope scope;
    cadre_promise p;
    cadre_token t = {1}, next;
    switch (step) {
    case 0:
        return cadre_await(leaked, t, &m);
    case 1:
        return cadre_await_open(leaked, t, &m);
    case 2:
        return cadre_receive_type(leaked, &owned_type, 1, &m);
    case 3:
        return cadre_sleep(leaked, 1);
    case 4:
        return cadre_print_waits(leaked, (cadre_ref){1});
    case 5:
        return cadre_promise_new(leaked, &t, &p, 1);
    case 6:
        return cadre_chain(leaked, &next, t, note_outcome, NULL);
    case 7:
        return cadre_join(leaked, &next, &t, 1, 1);
    case 8:
        return cadre_follow(leaked, t);
    case 9:
        return cadre_offload(leaked, &t, CADRE_POOL_USER, 1, no_work, number, 1);
    case 10:
        return cadre_apply(leaked, (cadre_ref){1}, no_call, NULL);
    case 11:
        return cadre_spawn_pinned(leaked, &child, &sink_class, NULL);
    default:
        return cadre_scope_open(leaked, &scope);
    }
}
static void *call_on_a_thread(void *arg)
{
    *(int *)arg = call_from_elsewhere();
    return NULL;
}
/* Between the turns, on the thread that polls, and on one that never does. */
static bool on_a_thread;
static void use_leaked_self(void)
{
    static const cadre_class leaking = {.start = leak, .receive = note_outcome};
    cadre_system *sys = open_system(1, 1, &leaking);
    pthread_t thread;
    int err = 0;
    while (cadre_system_poll(sys, 0) > 0) {
    }
    if (on_a_thread) {
        assert_int_equal(pthread_create(&thread, NULL, call_on_a_thread, &err), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    } else {
        err = call_from_elsewhere();
    }
    assert_int_equal(err, -EPERM);
    assert_int_equal(lines_with("called outside the actor's callback"), 1);
    close_system(sys);
    assert_int_equal(sums.accepted, 0);
}
static void row_17_waits_and_futures_elsewhere(void **state)
{
    for (step = 0; step < STEPS; step++)
        for (int i = 0; i < 2; i++) {
            on_a_thread = i;
            misuse(use_leaked_self);
        }
}

/* ---- 24: more than there is memory for ---- */

enum { TEN_MILLION = 10000000 };
enum { AGAIN = 1000 }; /* more than a pool keeps back under ASan */
static uint32_t made, came;

/* Half of them by promises, half of them steps of those: as many as there is room for.
 * And then there is room again. */
static void make_until_memory_ends(cadre_self *self)
{
    cadre_promise p, first = {{0}, {0}};
    static cadre_token last[AGAIN];
    cadre_token t, next;
    int err = 0;
    for (made = 0; err == 0 && made < TEN_MILLION; made += err == 0) {
        err = cadre_promise_new(self, &t, &p, CADRE_NEVER);
        if (err == 0)
            err = cadre_chain(self, &next, t, note_outcome, note_outcome);
        first = made == 0 ? p : first;
        last[made % AGAIN] = err ? last[made % AGAIN] : t;
    }
    assert_int_equal(err, CADRE_EFULL);
    for (uint32_t i = 0; i < AGAIN; i++)
        assert_int_equal(cadre_cancel(self, last[i]), 0);
    assert_int_equal(cadre_answer(self, first, number, 1), 0);
}
static void row_24_more_futures_than_memory(void **state)
{
    cadre_config config = quiet(1, 9);
    config.memory_max = 4 << 20;
    outcomes.count = 0;
    assert_int_equal(play_with(&config, make_until_memory_ends), 0);
    assert_true(made > 3000);
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
}

/* The same from a thread: each has an answer, or is told that there was no room. */
static int answer_it(cadre_self *self, void *state, cadre_msg *m)
{
    int err = cadre_reply(self, m, number, 1);
    assert_true(err == 0 || err == CADRE_EFULL);
    came++;
    return 0;
}
static void row_24_more_calls_than_memory(void **state)
{
    static const cadre_class answers = {.receive = answer_it};
    cadre_config config = quiet(1, 3); /* simulated: handlers may assert */
    config.memory_max = 4 << 20;
    cadre_system *sys;
    cadre_msg answer;
    uint32_t answered = 0;
    int err = 0;
    cadre_future **all = malloc(TEN_MILLION * sizeof(cadre_future *));
    assert_non_null(all);
    assert_int_equal(cadre_system_new(&sys, &config, &answers, NULL), 0);
    made = came = 0;
    while (made < TEN_MILLION &&
           !(err = cadre_call(sys, &all[made], cadre_system_root(sys), number, 1)))
        made++;
    assert_int_equal(err, CADRE_EFULL);
    assert_true(made > 3000);
    for (uint32_t i = 0; i < made; i++) {
        assert_int_equal(cadre_future_wait(all[i], CADRE_NEVER, &answer), 0);
        answered += cadre_body(&answer, number) != NULL;
        cadre_future_free(all[i]);
    }
    free(all);
    assert_true(answered <= made && answered > 0);
    assert_int_equal(came, made);
    close_system(sys);
}

int main(void)
{
    TESTS(cmocka_unit_test(row_17_waits_and_futures_elsewhere),
          cmocka_unit_test(row_24_more_futures_than_memory),
          cmocka_unit_test(row_24_more_calls_than_memory));
    return RUN_TESTS();
}
