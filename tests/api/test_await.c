/* test_await.c: handlers wait for outcomes, closed and open. */
#include "support/awaiting.h"

#include <cadre/chain.h>
#include <cadre/offload.h>

#include <errno.h>

typedef struct {
    int nothing;
} tick;
static CADRE_TYPE(tick);

static void one_end(void) { assert_int_equal(ends.count, 1); }

/* Has this one handle a number. */
static void start_with(cadre_self *self, cadre_receive *act, cadre_ref friend)
{
    tell_number(self, cast(self, act, friend), 1);
}

/* ---- what is waited for ---- */

static int ask_and_wait(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref whom = ((player *)state)->friend;
    uint64_t before = value_of(m), token = ask_for(self, whom, CADRE_SECOND, 0);
    cadre_msg answer;
    must_await(self, token, &answer);
    assert_ptr_equal(answer.type, &owned_type);
    assert_int_equal(((owned *)answer.body)->id, 1);
    assert_int_equal(answer.token.id, token);
    assert_int_equal(answer.from.id, whom.id);
    assert_int_equal(value_of(m), before); /* the message in hand stays */
    returned++;
    return 0;
}

static void ask_scene(cadre_self *self)
{
    start_with(self, ask_and_wait, serve(self, REPLY, (cadre_ref){0}));
}

static void ask_judge(void)
{
    one_end();
    assert_int_equal(returned, 1);
    assert_dropped_once(2);
}

static void await_an_answer(void **state) { awaiting(ask_scene, ask_judge); }

static int wait_in_vain(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_time begin = cadre_now(self);
    cadre_msg answer;
    uint64_t token = ask_for(self, ((player *)state)->friend, CADRE_SECOND, 0);
    must_await(self, token, &answer);
    assert_int_equal(cadre_body(&answer, cadre_failure)->code, -ETIMEDOUT);
    assert_true(cadre_now(self) >= begin + CADRE_SECOND);
    returned++;
    return 0;
}

static void vain_scene(cadre_self *self)
{
    start_with(self, wait_in_vain, serve(self, KEEP, (cadre_ref){0}));
}

static void vain_judge(void)
{
    assert_int_equal(returned, 1);
    assert_dropped_once(1);
}

static void await_a_timeout(void **state) { awaiting(vain_scene, vain_judge); }

static int sleep_and_wait(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_time begin = cadre_now(self);
    cadre_token token;
    cadre_msg rung;
    assert_int_equal(cadre_sleep(self, CADRE_MS), 0);
    assert_true(cadre_now(self) >= begin + CADRE_MS);
    assert_int_equal(cadre_sleep(self, 0), 0);
    assert_int_equal(cadre_sleep(self, CADRE_NEVER), -ERANGE);
    assert_int_equal(cadre_after(self, &token, CADRE_MS, owned, 0), 0);
    must_await(self, token.id, &rung);
    assert_ptr_equal(rung.type, &owned_type);
    assert_true(cadre_now(self) >= begin + 2 * CADRE_MS);
    assert_int_equal(cadre_await(self, token, &rung), -ENOENT); /* it is over */
    returned++;
    return 0;
}

static void timer_scene(cadre_self *self)
{
    start_with(self, sleep_and_wait, (cadre_ref){0});
}

static void await_a_timer(void **state) { awaiting(timer_scene, vain_judge); }

static int add_one(void *body)
{
    ((number *)body)->value++;
    return 0;
}

static int refuse(void *body) { return CADRE_EUSER - 3; }

static int offload_and_wait(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token good, bad;
    cadre_msg result;
    assert_int_equal(
        cadre_offload(self, &good, CADRE_POOL_USER, CADRE_SECOND, add_one, number, 41),
        0);
    assert_int_equal(
        cadre_offload(self, &bad, CADRE_POOL_FILES, CADRE_SECOND, refuse, owned, 0), 0);
    must_await(self, good.id, &result);
    assert_int_equal(value_of(&result), 42);
    must_await(self, bad.id, &result);
    assert_int_equal(cadre_body(&result, cadre_failure)->code, CADRE_EUSER - 3);
    returned++;
    return 0;
}

static void offload_scene(cadre_self *self)
{
    start_with(self, offload_and_wait, (cadre_ref){0});
}

static void await_an_offload(void **state) { awaiting(offload_scene, vain_judge); }

/* ---- futures ---- */

typedef struct {
    cadre_promise promise;
} order;
static CADRE_TYPE(order);

static int keep_promise(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_answer(self, cadre_body(m, order)->promise, owned, 0);
}

static int promise_and_wait(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    cadre_promise promise;
    cadre_msg kept_one;
    assert_int_equal(cadre_promise_new(self, &token, &promise, CADRE_SECOND), 0);
    assert_int_equal(cadre_send(self, ((player *)state)->friend, order, promise), 0);
    must_await(self, token.id, &kept_one);
    assert_ptr_equal(kept_one.type, &owned_type);
    returned++;
    return 0;
}

static void promise_scene(cadre_self *self)
{
    start_with(self, promise_and_wait, cast(self, keep_promise, (cadre_ref){0}));
}

static void await_a_promise(void **state) { awaiting(promise_scene, vain_judge); }

/* A step in between runs, though the wait is closed: it is waited for, too. */
static int add_to_sum(cadre_self *self, void *state, cadre_msg *m)
{
    ((player *)state)->sum += ((owned *)m->body)->id;
    cadre_msg n;
    assert_int_equal(cadre_sleep(self, 1), -EPERM);
    assert_int_equal(cadre_await(self, m->token, &n), -EPERM);
    return 0;
}

static int join_and_wait(cadre_self *self, void *state, cadre_msg *m)
{
    player *me = state;
    cadre_token all, steps[2];
    cadre_msg joined;
    for (uint32_t i = 0; i < 2; i++) {
        cadre_token asked = {ask_for(self, me->friend, CADRE_SECOND, 2 * i)};
        assert_int_equal(cadre_chain(self, &steps[i], asked, add_to_sum, NULL), 0);
    }
    assert_int_equal(cadre_await(self, steps[0], NULL), -EINVAL);
    assert_int_equal(cadre_join(self, &all, steps, 2, 2), 0);
    assert_int_equal(cadre_await(self, steps[0], &joined), -EBUSY);
    must_await(self, all.id, &joined);
    assert_int_equal(cadre_body(&joined, cadre_joined)->values, 2);
    assert_int_equal(me->sum, 1 + 3);
    returned++;
    return 0;
}

static void join_scene(cadre_self *self)
{
    start_with(self, join_and_wait, serve(self, REPLY, (cadre_ref){0}));
}

static void join_judge(void)
{
    assert_int_equal(returned, 1);
    assert_dropped_once(4);
}

static void join_play(void) { awaiting(join_scene, join_judge); }

/* The steps call what they may not: not in a debug build. */
static void await_what_others_lead_to(void **state) { misuse(join_play); }

/* ---- when it comes ---- */

static int come_before(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg answer;
    uint64_t token = ask_for(self, ((player *)state)->friend, CADRE_SECOND, 0);
    assert_int_equal(cadre_sleep(self, 100 * CADRE_MS), 0);
    cadre_time now = cadre_now(self);
    must_await(self, token, &answer);
    assert_int_equal(((owned *)answer.body)->id, 1);
    assert_true(cadre_now(self) < now + CADRE_MS);
    returned++;
    return 0;
}

static void before_scene(cadre_self *self)
{
    start_with(self, come_before, serve(self, REPLY, (cadre_ref){0}));
}

static void await_what_has_come(void **state) { awaiting(before_scene, ask_judge); }

/* Also: several at once, waited for in another order; and the wait in start. */
static int wait_at_start(cadre_self *self, void *state)
{
    cadre_ref whom = serve(self, REPLY, (cadre_ref){0});
    uint64_t tokens[3];
    cadre_msg answer;
    for (uint32_t i = 0; i < 3; i++)
        tokens[i] = ask_for(self, whom, CADRE_SECOND, 2 * i);
    for (uint32_t i = 3; i-- > 0;) {
        must_await(self, tokens[i], &answer);
        assert_int_equal(((owned *)answer.body)->id, 2 * i + 1);
    }
    returned++;
    return 0;
}

static int count_after_start(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(returned, 1);
    record_add(value_of(m));
    return 0;
}

static const cadre_class starter_class = {
    .name = "starter", .start = wait_at_start, .receive = count_after_start};

static void starter_scene(cadre_self *self)
{
    cadre_ref starter;
    assert_int_equal(cadre_spawn(self, &starter, &starter_class, NULL), 0);
    for (uint64_t i = 1; i <= 3; i++)
        tell_number(self, starter, i);
}

static void starter_judge(void)
{
    assert_int_equal(returned, 1);
    assert_dropped_once(6);
    assert_record(1, 2, 3);
}

static void await_in_start(void **state) { awaiting(starter_scene, starter_judge); }

/* ---- the guarantees ---- */

enum { LAST = 20 };

/* Waits at the first, the second and the tenth. */
static int wait_sometimes(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t n = value_of(m);
    if (n == 1 || n == 2 || n == 10) {
        cadre_msg answer;
        must_await(self, ask_for(self, ((player *)state)->friend, CADRE_SECOND, 0),
                   &answer);
        assert_int_equal(cadre_sleep(self, CADRE_MS), 0);
        assert_int_equal(record.count, n - 1);
    }
    record_add(n);
    return 0;
}

/* Sends the next number to its friend, and does so again. */
static int send_the_next(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t n = value_of(m);
    tell_number(self, ((player *)state)->friend, n);
    if (n < LAST)
        tell_number(self, cadre_me(self), n + 1);
    return 0;
}

static void order_scene(cadre_self *self)
{
    cadre_ref whom = serve(self, REPLY, (cadre_ref){0});
    cadre_ref hero = cast(self, wait_sometimes, whom);
    tell_number(self, cast(self, send_the_next, hero), 1);
}

static void order_judge(void)
{
    assert_int_equal(record.count, LAST);
    for (uint64_t i = 0; i < LAST; i++)
        assert_int_equal(record.values[i], i + 1);
}

static void await_keeps_order(void **state) { awaiting(order_scene, order_judge); }

static int wait_for_long(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_sleep(self, CADRE_SECOND), 0);
    assert_int_equal(record.count, LAST);
    returned++;
    return 0;
}

static int go_on(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t n = value_of(m);
    record_add(n);
    if (n < LAST)
        tell_number(self, cadre_me(self), n + 1);
    return 0;
}

static void suspend_scene(cadre_self *self)
{
    tell_number(self, cast(self, wait_for_long, (cadre_ref){0}), 1);
    tell_number(self, cast(self, go_on, (cadre_ref){0}), 1);
}

static void suspend_judge(void)
{
    assert_int_equal(returned, 1);
    assert_int_equal(ends.count, 2);
}

static void await_suspends_one(void **state)
{
    cadre_config config = quiet(1, 7); /* one worker: nobody else can go on */
    record_clear();
    returned = ends.count = 0;
    assert_int_equal(play_with(&config, suspend_scene), 0);
    suspend_judge();
    awaiting(suspend_scene, suspend_judge);
}

/* ---- open waits ---- */

/* The n-th waits longest: 5 - n. They are resumed the other way round. */
static int wait_open(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t n = value_of(m);
    cadre_token token;
    cadre_msg rung;
    player *me = state;
    me->sum++;
    assert_int_equal(me->sum, n);
    assert_int_equal(
        cadre_after(self, &token, (cadre_time)(5 - n) * CADRE_SECOND, tick, 0), 0);
    must_await_open(self, token.id, &rung);
    assert_int_equal(value_of(m), n);
    assert_int_equal(me->sum, 4); /* the others came meanwhile */
    record_add(n);
    return 0;
}

static void open_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, wait_open, (cadre_ref){0});
    for (uint64_t n = 1; n <= 4; n++)
        tell_number(self, hero, n);
}

static void open_judge(void)
{
    assert_record(4, 3, 2, 1);
    one_end();
}

static void open_waits_end_in_any_order(void **state)
{
    awaiting(open_scene, open_judge);
}

/* 1 and 2 wait open, 3 closed and longer than both; 4 comes behind. */
static int wait_both_ways(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t n = value_of(m);
    cadre_token token;
    cadre_msg rung;
    if (n <= 2) {
        assert_int_equal(cadre_after(self, &token, CADRE_SECOND, tick, 0), 0);
        must_await_open(self, token.id, &rung);
    } else if (n == 3) {
        assert_int_equal(cadre_sleep(self, 5 * CADRE_SECOND), 0);
        assert_int_equal(record.count, 0);
    }
    record_add(n);
    return 0;
}

static void both_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, wait_both_ways, (cadre_ref){0});
    for (uint64_t n = 1; n <= 4; n++)
        tell_number(self, hero, n);
}

static void both_judge(void)
{
    assert_int_equal(record.count, 4);
    assert_int_equal(record.values[0], 3);
    one_end();
}

static void open_waits_wait_for_a_closed_one(void **state)
{
    awaiting(both_scene, both_judge);
}

int main(void)
{
    TESTS(cmocka_unit_test(await_an_answer), cmocka_unit_test(await_a_timeout),
          cmocka_unit_test(await_a_timer), cmocka_unit_test(await_an_offload),
          cmocka_unit_test(await_a_promise),
          cmocka_unit_test(await_what_others_lead_to),
          cmocka_unit_test(await_what_has_come), cmocka_unit_test(await_in_start),
          cmocka_unit_test(await_keeps_order), cmocka_unit_test(await_suspends_one),
          cmocka_unit_test(open_waits_end_in_any_order),
          cmocka_unit_test(open_waits_wait_for_a_closed_one));
    return RUN_TESTS();
}
