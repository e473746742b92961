/* test_async.c: asynchronous functions: what they wait for, in which order, and how they
 * end. Time is virtual. */
#include "support/effort.h"
#include "support/support.h"

#include <cadre/async.h>
#include <cadre/timer.h>

#include <errno.h>

/* Answers a number with its double after as many milliseconds; never a number of 1000. */
struct slow {
    cadre_async run;
    cadre_promise asked;
    uint64_t value;
};
static int slow_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct slow *me = state;
    CADRE_ASYNC(&me->run, slow_receive, self, state, m);
    cadre_async_lock(self, &me->run, NULL);
    me->value = cadre_body(m, number)->value;
    assert_int_equal(cadre_defer(self, m, &me->asked), 0);
    CADRE_AWAIT(cadre_after(self, &me->run.token,
                            me->value == 1000 ? CADRE_SECOND * 3600
                                              : (cadre_time)me->value * CADRE_MS,
                            number, 0));
    assert_non_null(cadre_body(m, number));
    (void)cadre_answer(self, me->asked, number, 2 * me->value);
    CADRE_ASYNC_END;
}
static const cadre_class slow_class = {
    .name = "slow", .state_size = sizeof(struct slow), .receive = slow_receive};

/* The actor that each test is about. */
enum { SLOTS = 4 };
struct me {
    cadre_ref slow;
    cadre_async run, other, slots[SLOTS];
    uint64_t left, round;
};

/* One that starts as the test says and receives as it says. */
static cadre_receive *first, *otherwise;
static int begin(cadre_self *self, void *state)
{
    struct me *me = state;
    assert_int_equal(cadre_spawn(self, &me->slow, &slow_class, NULL), 0);
    return first(self, state, NULL);
}
static int take_other(cadre_self *self, void *state, cadre_msg *m)
{
    return otherwise ? otherwise(self, state, m) : cadre_unhandled(self, m);
}
static void note_reason(cadre_self *self, void *state, int reason)
{
    record_add(10000 + (uint64_t)-reason);
}
static const cadre_class subject_class = {.name = "subject",
                                          .state_size = sizeof(struct me),
                                          .start = begin,
                                          .receive = take_other,
                                          .stop = note_reason};

/* Plays a root like that with a seed; end: its reason is to be this one. */
static void play_seed(uint64_t seed, cadre_receive *function, cadre_receive *receive,
                      int reason)
{
    cadre_config config = quiet(2, seed);
    first = function;
    otherwise = receive;
    config.end_when_quiet = true;
    record_clear();
    assert_int_equal(run(&config, &subject_class, NULL), reason);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
}
enum { SEEDS = 50 / EFFORT_SEEDS };

#define ASK(async, ms, n)                                                              \
    cadre_ask(self, &(async)->token, me->slow, (ms)*CADRE_MS, number, (n))

/* ---- in sequence ---- */

static cadre_time began;
static int in_sequence(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    CADRE_ASYNC(&me->run, in_sequence, self, state, m);
    began = cadre_now(self);
    CADRE_AWAIT(ASK(&me->run, 100, 5));
    record_add(cadre_body(m, number)->value);
    assert_true(cadre_now(self) >= began + 5 * CADRE_MS);
    CADRE_AWAIT(cadre_after(self, &me->run.token, 7 * CADRE_MS, number, 77));
    record_add(cadre_body(m, number)->value);
    assert_true(cadre_now(self) >= began + 12 * CADRE_MS);
    CADRE_AWAIT(ASK(&me->run, 100, 6));
    record_add(cadre_body(m, number)->value);
    CADRE_ASYNC_RETURN(CADRE_STOP);
    CADRE_ASYNC_END;
}
static void async_goes_on_behind_each_wait(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play_seed(seed, in_sequence, NULL, 0);
        assert_record(10, 77, 12, 10000);
    }
}

static int in_a_loop(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    CADRE_ASYNC(&me->run, in_a_loop, self, state, m);
    for (me->left = 5; me->left > 0; me->left--) {
        if (me->left % 2)
            CADRE_AWAIT(ASK(&me->run, 100, me->left));
        else
            CADRE_AWAIT(cadre_after(self, &me->run.token, 0, number, 100));
        record_add(cadre_body(m, number)->value);
    }
    CADRE_ASYNC_END;
}
static void async_waits_in_a_loop(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play_seed(seed, in_a_loop, NULL, 0);
        assert_record(10, 100, 6, 100, 2, 10000);
    }
}

/* ---- failures ---- */

static int until_the_deadline(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    CADRE_ASYNC(&me->run, until_the_deadline, self, state, m);
    began = cadre_now(self);
    CADRE_AWAIT(ASK(&me->run, 20, 1000));
    record_add((uint64_t)-cadre_body(m, cadre_failure)->code);
    assert_in_range((uint64_t)(cadre_now(self) - began), 20 * CADRE_MS, 30 * CADRE_MS);
    CADRE_ASYNC_END;
}
static void async_sees_the_deadline_of_a_wait(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play_seed(seed, until_the_deadline, NULL, 0);
        assert_record(ETIMEDOUT, 10000);
    }
}

static const cadre_type too_big_type = {.name = "big", .size = CADRE_BODY_MAX + 1};
static int with_refusals(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    CADRE_ASYNC(&me->run, with_refusals, self, state, m);
    for (me->left = 3; me->left > 0; me->left--) {
        CADRE_AWAIT(cadre_after_as(self, &me->run.token, 1, &too_big_type, "x"));
        record_add((uint64_t)-cadre_body(m, cadre_failure)->code);
        assert_true(cadre_same(cadre_body(m, cadre_failure)->origin, cadre_me(self)));
    }
    CADRE_AWAIT(ASK(&me->run, 100, 4));
    record_add(cadre_body(m, number)->value);
    CADRE_ASYNC_END;
}
static void async_sees_a_refused_call_at_once(void **state)
{
    play_seed(1, with_refusals, NULL, 0);
    assert_record(EMSGSIZE, EMSGSIZE, EMSGSIZE, 8, 10000);
}

static int without_token(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    cadre_token elsewhere;
    CADRE_ASYNC(&me->run, without_token, self, state, m);
    CADRE_AWAIT(ASK(&me->run, 100, 4));
    record_add(cadre_body(m, number)->value);
    CADRE_AWAIT(cadre_after(self, &elsewhere, 1, number, 9));
    record_add((uint64_t)-cadre_body(m, cadre_failure)->code);
    CADRE_ASYNC_END;
}
static int record_number(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(cadre_body(m, number)->value);
    return 0;
}
static void async_without_its_token_is_enoent(void **state)
{
    play_seed(1, without_token, record_number, 0);
    assert_record(8, ENOENT, 9, 10000);
}

static int and_fail(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    CADRE_ASYNC(&me->run, and_fail, self, state, m);
    CADRE_AWAIT(cadre_after(self, &me->run.token, 1, number, 9));
    CADRE_ASYNC_RETURN(-EIO);
    CADRE_ASYNC_END;
}
static void async_that_fails_fails_its_actor(void **state)
{
    play_seed(1, and_fail, NULL, -EIO);
    assert_record(10000 + EIO);
}

static int for_ever(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    CADRE_ASYNC(&me->run, for_ever, self, state, m);
    CADRE_AWAIT(ASK(&me->run, 3600 * 1000, 1000));
    record_add(1);
    CADRE_ASYNC_END;
}
static int start_and_end(cadre_self *self, void *state, cadre_msg *m)
{
    int err = for_ever(self, state, NULL);
    return err ? err : cadre_stop(self, cadre_me(self));
}
static void async_ends_with_its_actor(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play_seed(seed, start_and_end, NULL, 0);
        assert_record(10000);
    }
}

/* ---- several ---- */

static int slot(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    cadre_async *run = m ? me->slots : &me->slots[me->left];
    while (m && !cadre_async_awaits(run, m))
        run++;
    CADRE_ASYNC(run, slot, self, state, m);
    CADRE_AWAIT(cadre_after(self, &run->token, (SLOTS - (run - me->slots)) * CADRE_MS,
                            number, (uint64_t)(run - me->slots)));
    record_add(cadre_body(m, number)->value);
    CADRE_AWAIT(cadre_after(self, &run->token, 10 * CADRE_MS, number,
                            (uint64_t)(run - me->slots)));
    record_add(10 + cadre_body(m, number)->value);
    CADRE_ASYNC_END;
}
static int start_slots(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    for (me->left = 0; me->left < SLOTS; me->left++)
        assert_int_equal(slot(self, state, NULL), 0);
    return 0;
}
static void async_runs_of_one_function_are_apart(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play_seed(seed, start_slots, NULL, 0);
        assert_record(3, 2, 1, 0, 13, 12, 11, 10, 10000);
    }
}

static int start_twice(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    assert_false(cadre_async_is_running(&me->run));
    assert_int_equal(in_sequence(self, state, NULL), 0);
    assert_true(cadre_async_is_running(&me->run));
    assert_int_equal(in_sequence(self, state, NULL), -ENOENT);
    return 0;
}
static void async_under_way_refuses_to_start(void **state)
{
    play_seed(1, start_twice, NULL, 0);
    assert_record(10, 77, 12, 10000);
}

/* ---- other messages ---- */

static int send_three(cadre_self *self, void *state, cadre_msg *m)
{
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(cadre_send(self, cadre_me(self), number, i), 0);
    return 0;
}

static int reentrant(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    CADRE_ASYNC(&me->run, reentrant, self, state, m);
    send_three(self, state, m);
    CADRE_AWAIT(ASK(&me->run, 100, 10));
    record_add(cadre_body(m, number)->value);
    CADRE_ASYNC_END;
}
static void async_waiting_lets_others_through(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play_seed(seed, reentrant, record_number, 0);
        assert_record(1, 2, 3, 20, 10000);
    }
}

static int locked(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    CADRE_ASYNC(&me->run, locked, self, state, m);
    cadre_async_lock(self, &me->run, NULL);
    send_three(self, state, m);
    for (me->left = 2; me->left > 0; me->left--) {
        CADRE_AWAIT(ASK(&me->run, 100, 10));
        record_add(cadre_body(m, number)->value);
    }
    CADRE_ASYNC_END;
}
static void async_locked_sets_others_aside(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play_seed(seed, locked, record_number, 0);
        assert_record(20, 20, 1, 2, 3, 10000);
    }
}

static int record_differently(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(50 + cadre_body(m, number)->value);
    return 0;
}
static int unlocked(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    CADRE_ASYNC(&me->run, unlocked, self, state, m);
    cadre_async_lock(self, &me->run, record_differently);
    send_three(self, state, m);
    CADRE_AWAIT(ASK(&me->run, 100, 10));
    record_add(cadre_body(m, number)->value);
    cadre_async_unlock(self, &me->run);
    CADRE_AWAIT(ASK(&me->run, 100, 10));
    record_add(cadre_body(m, number)->value);
    CADRE_ASYNC_END;
}
static void async_unlocked_lets_others_through_again(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play_seed(seed, unlocked, record_number, 0);
        assert_record(20, 51, 52, 53, 20, 10000);
    }
}

/* ---- cancelling, and being told ---- */

static int told(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    record_add(500 + cadre_body(m, number)->value);
    assert_false(cadre_async_is_running(&me->run));
    return CADRE_STOP;
}
static int locked_and_told(cadre_self *self, void *state, cadre_msg *m)
{
    ((struct me *)state)->run.over = told;
    return locked(self, state, m);
}
static void async_tells_when_it_is_over(void **state)
{
    play_seed(1, locked_and_told, record_number, 0);
    assert_record(20, 20, 520, 10000);
    assert_int_equal(sums.dead, 3);
}

static int told_and_goes_on(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(500 + cadre_body(m, number)->value);
    return 0;
}
/* What was set aside comes at once, and nothing else. */
static void check_cancelled(bool after_one)
{
    if (after_one)
        assert_record(20, 99, 1, 2, 3);
    else
        assert_record(99, 1, 2, 3);
}
/* Cancels it a little later each time, until it is over before. */
static int start_and_cancel(cadre_self *self, void *state, cadre_msg *m)
{
    struct me *me = state;
    CADRE_ASYNC(&me->other, start_and_cancel, self, state, m);
    for (me->round = 0;; me->round++) {
        record_clear();
        me->run.over = told_and_goes_on;
        assert_int_equal(locked(self, state, NULL), 0);
        CADRE_AWAIT(cadre_after(self, &me->other.token,
                                (cadre_time)me->round * CADRE_MS, number, 0));
        if (!cadre_async_is_running(&me->run))
            break;
        assert_int_equal(cadre_async_cancel(self, &me->run), 0);
        assert_int_equal(cadre_async_cancel(self, &me->run), -ENOENT);
        assert_false(cadre_async_is_running(&me->run));
        record_add(99);
        CADRE_AWAIT(cadre_after(self, &me->other.token, CADRE_SECOND, number, 0));
        check_cancelled(record.values[0] == 20);
    }
    assert_true(me->round >= 20);
    CADRE_ASYNC_END;
}
static void async_cancelled_goes_no_further(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play_seed(seed, start_and_cancel, record_number, 0);
        assert_record(20, 20, 520, 1, 2, 3, 10000);
    }
}

/* ---- many ---- */

/* One request of many: pauses for a second, asks on, and answers. */
struct errand {
    cadre_ref upstream;
    cadre_async run;
    cadre_promise client;
    uint64_t value;
};
static int errand_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct errand *me = state;
    CADRE_ASYNC(&me->run, errand_receive, self, state, m);
    me->value = cadre_body(m, number)->value;
    assert_int_equal(cadre_defer(self, m, &me->client), 0);
    CADRE_AWAIT(cadre_after(self, &me->run.token, CADRE_SECOND, number, 0));
    CADRE_AWAIT(cadre_ask(self, &me->run.token, me->upstream, 10 * CADRE_SECOND, number,
                          me->value));
    (void)cadre_answer_as(self, me->client, m->type, m->body);
    CADRE_ASYNC_RETURN(CADRE_STOP);
    CADRE_ASYNC_END;
}
static const cadre_class errand_class = {
    .name = "errand", .state_size = sizeof(struct errand), .receive = errand_receive};

/* Takes 2 seconds for each, and any number at once. */
typedef struct {
    cadre_promise promise;
    uint64_t value;
} waiting;
static CADRE_TYPE(waiting);
static int upstream_receive(cadre_self *self, void *state, cadre_msg *m)
{
    waiting *w = cadre_body(m, waiting);
    cadre_promise promise;
    if (w)
        return cadre_answer(self, w->promise, number, w->value + 1);
    assert_int_equal(cadre_defer(self, m, &promise), 0);
    return cadre_after(self, NULL, 2 * CADRE_SECOND, waiting, promise,
                       cadre_body(m, number)->value);
}
static const cadre_class upstream_class = {.name = "upstream",
                                           .receive = upstream_receive};

static int proxy_start(cadre_self *self, void *state)
{
    return cadre_spawn(self, state, &upstream_class, NULL);
}
static int proxy_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct errand init = {.upstream = *(cadre_ref *)state};
    cadre_ref errand;
    assert_int_equal(cadre_spawn(self, &errand, &errand_class, &init), 0);
    return cadre_forward(self, errand, m);
}
static const cadre_class proxy_class = {.name = "proxy",
                                        .state_size = sizeof(cadre_ref),
                                        .start = proxy_start,
                                        .receive = proxy_receive};

enum { REQUESTS = 10000 };
struct crowd {
    uint64_t answers, sum;
    cadre_time began;
};
static int crowd_start(cadre_self *self, void *state)
{
    cadre_ref proxy;
    ((struct crowd *)state)->began = cadre_now(self);
    assert_int_equal(cadre_spawn(self, &proxy, &proxy_class, NULL), 0);
    for (uint64_t i = 0; i < REQUESTS; i++)
        assert_int_equal(cadre_ask(self, NULL, proxy, 60 * CADRE_SECOND, number, i), 0);
    return 0;
}
static int crowd_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct crowd *me = state;
    me->sum += cadre_body(m, number)->value;
    if (++me->answers < REQUESTS)
        return 0;
    record_add(me->sum);
    record_add((uint64_t)((cadre_now(self) - me->began) / CADRE_MS));
    return CADRE_STOP;
}

static void async_serves_10000_slow_requests_on_2_workers(void **state)
{
    static const cadre_class crowd_class = {.name = "crowd",
                                            .state_size = sizeof(struct crowd),
                                            .start = crowd_start,
                                            .receive = crowd_receive};
    cadre_config config = quiet(2, 7);
    record_clear();
    assert_int_equal(run(&config, &crowd_class, NULL), 0);
    assert_int_equal(record.count, 2);
    assert_int_equal(record.values[0], (uint64_t)REQUESTS * (REQUESTS + 1) / 2);
    assert_in_range(record.values[1], 3000, 3500);
    assert_int_equal(sums.dead, 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(async_goes_on_behind_each_wait),
          cmocka_unit_test(async_waits_in_a_loop),
          cmocka_unit_test(async_sees_the_deadline_of_a_wait),
          cmocka_unit_test(async_sees_a_refused_call_at_once),
          cmocka_unit_test(async_without_its_token_is_enoent),
          cmocka_unit_test(async_that_fails_fails_its_actor),
          cmocka_unit_test(async_ends_with_its_actor),
          cmocka_unit_test(async_runs_of_one_function_are_apart),
          cmocka_unit_test(async_under_way_refuses_to_start),
          cmocka_unit_test(async_waiting_lets_others_through),
          cmocka_unit_test(async_locked_sets_others_aside),
          cmocka_unit_test(async_unlocked_lets_others_through_again),
          cmocka_unit_test(async_tells_when_it_is_over),
          cmocka_unit_test(async_cancelled_goes_no_further),
          cmocka_unit_test(async_serves_10000_slow_requests_on_2_workers));
    return RUN_TESTS();
}
