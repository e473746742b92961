/* test_deadlock.c: actors that wait for each other are named in the log. */
#include "support/awaiting.h"

#include <cadre/chain.h>
#include <cadre/supervise.h>

#include <errno.h>
#include <stdio.h>

/* What a node does with a request. */
enum manner { ANSWER, VISIT_FIRST, DEFER, STASH, FORWARD, FORWARD_ONLY, HAND_ON };
/* How it waits. */
enum how { CLOSED, OPEN, OF_CHAIN, AFTER_STEP };

typedef struct {
    enum manner manner;
    cadre_ref friend;
} node;

/* To a node: ask this one, and wait. */
typedef struct {
    cadre_ref whom;
    cadre_time before, timeout;
    enum how how;
} visit;
static CADRE_TYPE(visit);
typedef struct {
    int nothing;
} question;
static CADRE_TYPE(question);
typedef struct {
    cadre_promise promise;
} order;
static CADRE_TYPE(order);

static unsigned answered, failed, cancelled;

static int ask_further(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    int err =
        cadre_ask(self, &token, ((node *)state)->friend, 9 * CADRE_SECOND, question, 0);
    return err ? err : cadre_follow(self, token);
}

/* What is to be waited for. */
static cadre_token begin(cadre_self *self, void *state, const visit *v)
{
    cadre_token token;
    ((node *)state)->friend = v->whom;
    if (v->how == AFTER_STEP) {
        assert_int_equal(cadre_after(self, &token, CADRE_MS, question, 0), 0);
        assert_int_equal(cadre_chain(self, &token, token, ask_further, NULL), 0);
    } else {
        assert_int_equal(cadre_ask(self, &token, v->whom, v->timeout, question, 0), 0);
    }
    if (v->how == OF_CHAIN)
        assert_int_equal(cadre_chain(self, &token, token, NULL, NULL), 0);
    return token;
}

static int pay(cadre_self *self, void *state, const visit *v)
{
    cadre_msg m;
    int err = v->before ? cadre_sleep(self, v->before) : 0;
    if (err)
        return err;
    cadre_token token = begin(self, state, v);
    err = v->how == OPEN ? cadre_await_open(self, token, &m)
                         : cadre_await(self, token, &m);
    cancelled += err != 0;
    answered += !err && cadre_body(&m, question);
    failed += !err && cadre_body(&m, cadre_failure);
    return 0;
}

/* As it was made: the friend stays the same then. */
static int serve_one(cadre_self *self, void *state, cadre_msg *m)
{
    const node *me = state;
    cadre_promise promise;
    visit v = {me->friend, 0, CADRE_SECOND, CLOSED};
    switch (me->manner) {
    case VISIT_FIRST:
        (void)pay(self, state, &v);
        return cadre_reply(self, m, question, 0);
    case DEFER:
        assert_int_equal(cadre_defer(self, m, &promise), 0);
        (void)pay(self, state, &v);
        return cadre_answer(self, promise, question, 0);
    case STASH:
        assert_int_equal(cadre_stash(self, m), 0);
        return pay(self, state, &v);
    case FORWARD:
        v.whom = m->from;
        assert_int_equal(cadre_forward(self, me->friend, m), 0);
        return pay(self, state, &v);
    case FORWARD_ONLY:
        return cadre_forward(self, me->friend, m);
    case HAND_ON:
        assert_int_equal(cadre_defer(self, m, &promise), 0);
        assert_int_equal(cadre_send(self, me->friend, order, promise), 0);
        v.whom = m->from;
        return pay(self, state, &v);
    default:
        return cadre_reply(self, m, question, 0);
    }
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    const order *o = cadre_body(m, order);
    if (cadre_body(m, visit))
        return pay(self, state, cadre_body(m, visit));
    if (o) {
        assert_int_equal(cadre_sleep(self, 20 * CADRE_MS), 0);
        return cadre_answer(self, o->promise, question, 0);
    }
    return m->token.id ? serve_one(self, state, m) : cadre_unhandled(self, m);
}

static const cadre_class classes[] = {
    {.name = "a", .state_size = sizeof(node), .receive = receive},
    {.name = "b", .state_size = sizeof(node), .receive = receive},
    {.name = "c", .state_size = sizeof(node), .receive = receive}};
enum { A, B, C };

static cadre_ref make(cadre_self *self, int class, enum manner manner, cadre_ref friend)
{
    cadre_ref ref;
    node init = {manner, friend};
    assert_int_equal(cadre_spawn(self, &ref, &classes[class], &init), 0);
    return ref;
}

static cadre_ref make_one(cadre_self *self, int class)
{
    return make(self, class, ANSWER, (cadre_ref){0});
}
static void make_two(cadre_self *self, cadre_ref *a, cadre_ref *b)
{
    answered = failed = cancelled = 0;
    *a = make_one(self, A);
    *b = make_one(self, B);
}

/* Waits a while first, so that all do before any request comes. */
static void send_to(cadre_self *self, cadre_ref who, cadre_ref whom, enum how how)
{
    assert_int_equal(
        cadre_send(self, who, visit, whom, CADRE_MS, 9 * CADRE_SECOND, how), 0);
}

/* After 11 ms, which is 10 after the waits began, notes how many lines there are. */
static int count_lines(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_sleep(self, 11 * CADRE_MS), 0);
    record_add(lines_with("deadlock: "));
    return 0;
}
static void count_later(cadre_self *self)
{
    tell_number(self, cast(self, count_lines, (cadre_ref){0}), 0);
}

/* Named in time, and nothing else. */
static void one_line(void)
{
    assert_record(1);
    assert_int_equal(lines_with("deadlock: "), 1);
}
static void no_line(void) { assert_int_equal(lines_with("deadlock: "), 0); }

/* ---- cycle_is_named ---------------------------------------------------------------- */

static void two_scene(cadre_self *self)
{
    cadre_ref a, b;
    make_two(self, &a, &b);
    send_to(self, a, b, CLOSED);
    send_to(self, b, a, CLOSED);
    count_later(self);
}
static void two_judge(void)
{
    one_line();
    assert_int_equal(lines_with("(a) waits for ") + lines_with("(b) waits for "), 2);
    assert_int_equal(
        lines_with("(a): await one open") + lines_with("(b): await one open"), 1);
}

/* The one in the middle has the request in hand, or has put it somewhere. */
static enum manner manner;
static void nested_scene(cadre_self *self)
{
    cadre_ref a = make_one(self, A);
    send_to(self, a, make(self, B, manner, a), CLOSED);
    count_later(self);
}
static void deferred_judge(void)
{
    one_line();
    assert_int_equal(lines_with("(b, deferred)"), manner == DEFER);
}

/* It is not where it was sent to, but is found there. */
static void passed_on_scene(cadre_self *self)
{
    cadre_ref a = make_one(self, A), c = make(self, C, manner, a);
    send_to(self, a, make(self, B, FORWARD_ONLY, c), CLOSED);
    count_later(self);
}
static void passed_on_judge(void)
{
    one_line();
    assert_int_equal(lines_with("(c"), 1);
    assert_int_equal(lines_with("(b)"), 0);
}

static void three_scene(cadre_self *self)
{
    cadre_ref c = make_one(self, C);
    cadre_ref b = make(self, B, VISIT_FIRST, c);
    cadre_ref a = make_one(self, A);
    send_to(self, a, b, CLOSED);
    send_to(self, c, a, CLOSED);
    count_later(self);
}
static void three_judge(void)
{
    one_line();
    assert_int_equal(lines_with("(a) waits for ") * lines_with("(b) waits for ") *
                         lines_with("(c) waits for "),
                     1);
}

/* A circle of many: all ask their neighbour. The line is not longer than a line. */
static void long_scene(cadre_self *self)
{
    enum { MANY = 100 };
    cadre_ref all[MANY];
    for (int i = 0; i < MANY; i++)
        all[i] = make(self, i % 3, ANSWER, (cadre_ref){0});
    for (int i = 0; i < MANY; i++)
        send_to(self, all[i], all[(i + 7) % MANY], CLOSED);
    count_later(self);
}
static void long_judge(void)
{
    one_line();
    assert_int_equal(lines_with(" more waits for "), 1);
    assert_int_equal(lines_with("deadline"), 1);
}

static void chain_scene(cadre_self *self)
{
    cadre_ref a, b;
    make_two(self, &a, &b);
    send_to(self, a, b, OF_CHAIN);
    send_to(self, b, a, CLOSED);
    count_later(self);
}
/* What is waited for becomes a request while it is. */
static void step_scene(cadre_self *self)
{
    cadre_ref a, b;
    make_two(self, &a, &b);
    send_to(self, a, b, AFTER_STEP);
    send_to(self, b, a, CLOSED);
}
static void step_judge(void) { assert_int_equal(lines_with("deadlock: "), 1); }

/* Somebody waits for one of a circle, and is none of it. */
static void tail_scene(cadre_self *self)
{
    cadre_ref a, b;
    make_two(self, &a, &b);
    send_to(self, a, b, CLOSED);
    send_to(self, b, a, CLOSED);
    for (int i = 0; i < 3; i++)
        send_to(self, make_one(self, C), a, CLOSED);
    count_later(self);
}
static void tail_judge(void)
{
    two_judge();
    assert_int_equal(lines_with("(c)"), 0);
}

/* Two, one after the other: each has its line. */
static void again_scene(cadre_self *self)
{
    cadre_ref a, b;
    make_two(self, &a, &b);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cadre_send(self, a, visit, b, CADRE_MS, CADRE_SECOND, CLOSED),
                         0);
        assert_int_equal(
            cadre_send(self, b, visit, a, CADRE_MS, 2 * CADRE_SECOND, CLOSED), 0);
    }
    count_later(self);
}
static void again_judge(void)
{
    assert_record(1);
    assert_int_equal(lines_with("deadlock: "), 2);
}

static cadre_ref victim;

/* One more life at the same address: its circle is another one. */
static int keeper_start(cadre_self *self, void *state)
{
    const cadre_opts keeps = {.keep = true};
    const node init = {.manner = ANSWER};
    cadre_ref a, b;
    make_two(self, &a, &b);
    int err = cadre_spawn_with(self, &victim, &classes[B], &init, &keeps);
    send_to(self, a, victim, CLOSED);
    for (int i = 0; i < 2; i++)
        send_to(self, victim, a, CLOSED);
    return err ? err : cadre_after(self, NULL, 20 * CADRE_MS, question, 0);
}
static int keeper_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, cadre_child_down))
        return cadre_restart(self, victim);
    return cadre_kill(self, victim, 0);
}
static const cadre_class keeper_class = {
    .name = "keeper", .start = keeper_start, .receive = keeper_receive};
static void keep_scene(cadre_self *self)
{
    assert_int_equal(cadre_spawn(self, NULL, &keeper_class, NULL), 0);
}
static void keep_judge(void)
{
    assert_int_equal(lines_with("deadlock: "), 2);
    assert_int_equal(cancelled, 1);
}

static void cycle_is_named(void **state)
{
    awaiting(two_scene, two_judge);
    awaiting(three_scene, three_judge);
    awaiting(long_scene, long_judge);
    awaiting(chain_scene, one_line);
    awaiting(step_scene, step_judge);
    awaiting(tail_scene, tail_judge);
    awaiting(again_scene, again_judge);
    awaiting(keep_scene, keep_judge);
}

static void a_debt_is_found(void **state)
{
    static const enum manner all[] = {VISIT_FIRST, DEFER, STASH};
    for (int i = 0; i < 3; i++) {
        manner = all[i];
        awaiting(nested_scene, deferred_judge);
    }
    for (int i = 0; i < 2; i++) {
        manner = all[i];
        awaiting(passed_on_scene, passed_on_judge);
    }
}

/* ---- no_false_alarm ---------------------------------------------------------------- */

static void open_scene(cadre_self *self)
{
    cadre_ref a, b;
    make_two(self, &a, &b);
    send_to(self, a, b, OPEN);
    send_to(self, b, a, CLOSED);
}
static void open_judge(void)
{
    no_line();
    assert_int_equal(answered, 2);
}

/* It takes long, but nobody waits in a circle. */
static void slow_scene(cadre_self *self)
{
    cadre_ref a, b, c = make_one(self, C), d = make_one(self, C);
    make_two(self, &a, &b);
    assert_int_equal(cadre_send(self, c, visit, d, 50 * CADRE_MS, CADRE_SECOND, CLOSED),
                     0);
    send_to(self, b, c, CLOSED);
    send_to(self, a, b, CLOSED);
    send_to(self, a, c, CLOSED);
}
static void slow_judge(void)
{
    no_line();
    assert_int_equal(answered, 4);
}

/* The circle ends before it is worth a line. */
static void short_scene(cadre_self *self)
{
    cadre_ref a, b;
    make_two(self, &a, &b);
    assert_int_equal(cadre_send(self, a, visit, b, CADRE_MS, 2 * CADRE_MS, CLOSED), 0);
    send_to(self, b, a, CLOSED);
}
static void short_judge(void)
{
    no_line();
    assert_int_equal(failed, 1);
    assert_int_equal(answered, 1);
}

/* Who has it now is not where it was sent to, and will answer. */
static void passed_scene(cadre_self *self)
{
    cadre_ref a, b, c = make_one(self, C), d = make_one(self, C);
    make_two(self, &a, &b);
    assert_int_equal(cadre_send(self, c, visit, d, 20 * CADRE_MS, CADRE_SECOND, CLOSED),
                     0);
    send_to(self, a, make(self, B, FORWARD, c), CLOSED);
}
static void passed_judge(void)
{
    no_line();
    assert_int_equal(answered, 3);
}

/* Who owes the answer has given the promise away; so the line says that. */
static void handed_on_scene(cadre_self *self)
{
    cadre_ref a, b;
    make_two(self, &a, &b);
    send_to(self, a, make(self, B, HAND_ON, make_one(self, C)), CLOSED);
}
static void handed_on_judge(void)
{
    assert_int_equal(lines_with("deadlock: "), lines_with("(b, deferred)"));
    assert_int_equal(answered, 2);
}

static int kill_soon(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_sleep(self, 3 * CADRE_MS), 0);
    return cadre_kill(self, victim, 0);
}
static void kill_scene(cadre_self *self)
{
    cadre_ref a, b;
    make_two(self, &a, &b);
    victim = make_one(self, C);
    send_to(self, a, b, CLOSED);
    send_to(self, b, victim, CLOSED);
    send_to(self, victim, a, CLOSED);
    tell_number(self, cast(self, kill_soon, (cadre_ref){0}), 0);
}
static void kill_judge(void)
{
    no_line();
    assert_int_equal(cancelled, 1);
    assert_int_equal(answered + failed, 2);
}

static void no_false_alarm(void **state)
{
    awaiting(open_scene, open_judge);
    awaiting(slow_scene, slow_judge);
    awaiting(short_scene, short_judge);
    awaiting(passed_scene, passed_judge);
    awaiting(handed_on_scene, handed_on_judge);
    awaiting(kill_scene, kill_judge);
}

int main(void)
{
    TESTS(cmocka_unit_test(cycle_is_named), cmocka_unit_test(a_debt_is_found),
          cmocka_unit_test(no_false_alarm));
    return RUN_TESTS();
}
