/* test_bad_input_asks.c: bad input for requests and timers: tokens of somebody else,
 * answers twice or too late, calls from elsewhere. What the headers say in more detail
 * stands beside their tests. */
#include "support/asking.h"
#include "support/open.h"

#include <errno.h>

static cadre_ref asked;
static uint64_t token;

/* ---- 17: calls from elsewhere ---- */

static cadre_self *leaked;
static int leak(cadre_self *self, void *state)
{
    leaked = self;
    return 0;
}
static int step;
static int call_from_elsewhere(owned *o, cadre_token *t)
{
    cadre_promise p = {{1}, {UINT64_C(1) << 63}};
    switch (step) {
    case 0:
        return cadre_ask_as(leaked, t, asked, 1, &owned_type, o);
    case 1:
        return cadre_after_as(leaked, t, 1, &owned_type, o);
    case 2:
        return cadre_every_as(leaked, t, 1, &owned_type, o);
    case 3:
        return cadre_when_idle_as(leaked, t, 1, &owned_type, o);
    case 4:
        return cadre_answer_as(leaked, p, &owned_type, o);
    case 5:
        return cadre_delegate_as(leaked, p, asked, &owned_type, o);
    case 6:
        atomic_store(&drops[0], 1); /* takes none */
        return cadre_cancel(leaked, *t);
    case 7:
        atomic_store(&drops[0], 1);
        return cadre_then(leaked, *t, note_outcome);
    case 8:
        atomic_store(&drops[0], 1);
        return cadre_is_awaited(leaked, p) ? 0 : -EPERM;
    case 9:
        atomic_store(&drops[0], 1);
        return cadre_deadline(leaked) == CADRE_NEVER ? -EPERM : 0;
    default:
        atomic_store(&drops[0], 1);
        return cadre_defer(leaked, &(cadre_msg){0}, &p);
    }
}
static void use_leaked_self(void)
{
    static const cadre_class leaking = {.start = leak, .receive = note_outcome};
    cadre_system *sys = open_system(1, 1, &leaking);
    owned o = {0};
    cadre_token t = {77};
    drops_clear();
    while (cadre_system_poll(sys, 0) > 0) {
    }
    assert_int_equal(call_from_elsewhere(&o, &t), -EPERM);
    assert_int_equal(t.id, 77);
    assert_dropped_once(1);
    assert_int_equal(lines_with("called outside the actor's callback"), 1);
    close_system(sys);
    assert_int_equal(sums.accepted, 0);
}
static void row_17_requests_and_timers_between_turns(void **state)
{
    for (step = 0; step <= 10; step++)
        misuse(use_leaked_self);
}

/* ---- 24: timers ---- */

static int count_tick(cadre_self *self, void *state, cadre_msg *m)
{
    outcomes.count++;
    return 0;
}
static void set_zero_and_cancel_badly(cadre_self *self)
{
    cadre_token t;
    cadre_become(self, count_tick);
    assert_int_equal(cadre_after(self, &t, 0, owned, 0), 0);
    assert_int_equal(cadre_cancel(self, t), 0);
    assert_int_equal(cadre_cancel(self, t), -ENOENT); /* twice */
    assert_int_equal(cadre_after(self, &t, 0, owned, 1), 0);
    assert_int_equal(cadre_cancel(self, (cadre_token){t.id + 1}), -ENOENT);
    assert_int_equal(cadre_cancel(self, (cadre_token){t.id | UINT64_C(1) << 63}),
                     -ENOENT);
    assert_int_equal(cadre_cancel(self, (cadre_token){UINT64_MAX}), -ENOENT);
    assert_int_equal(cadre_after(self, NULL, INT64_MAX, owned, 2), -ERANGE);
}
static void judge_one_tick(void) { assert_int_equal(outcomes.count, 1); }
static void row_24_zero_overflow_cancel_twice(void **state)
{
    asking(set_zero_and_cancel_badly, judge_one_tick, 3);
}

static int cancel_foreign(cadre_self *self, void *state, cadre_msg *m)
{
    for (uint64_t id = 0; id < 100; id++)
        assert_int_equal(cadre_cancel(self, (cadre_token){id}), -ENOENT);
    return 0;
}
static void set_beside_a_meddler(cadre_self *self)
{
    static const cadre_class meddler = {.receive = cancel_foreign};
    cadre_ref ref;
    assert_int_equal(cadre_spawn(self, &ref, &meddler, NULL), 0);
    assert_int_equal(cadre_after(self, NULL, CADRE_MS, owned, 0), 0);
    assert_int_equal(cadre_send(self, ref, go, 0), 0);
}
static void row_24_cancel_of_foreign_timers(void **state)
{
    asking(set_beside_a_meddler, judge_one_tick, 1);
}

/* As many as the system's memory allows: then an error, and all that were set come. */
static uint32_t set, came;
static int count_and_go_on(cadre_self *self, void *state, cadre_msg *m)
{
    came++;
    return 0;
}
static void set_until_memory_ends(cadre_self *self)
{
    int err = 0;
    cadre_become(self, count_and_go_on);
    while (err == 0 && set < 10000000) {
        err = cadre_after(self, NULL, (cadre_time)(set % 1000) * 1000, number, set);
        set += err == 0;
    }
    assert_int_equal(err, CADRE_EFULL);
    assert_int_equal(cadre_ask(self, NULL, (cadre_ref){0}, 1, owned, 0), CADRE_EFULL);
}
static void row_24_more_timers_than_memory(void **state)
{
    cadre_config config = quiet(1, 9);
    config.memory_max = 4 << 20;
    set = came = 0;
    drops_clear();
    assert_int_equal(play_with(&config, set_until_memory_ends), 0);
    assert_true(set > 5000);
    assert_int_equal(came, set);
    assert_dropped_once(1);
}

/* ---- 25: replies ---- */

static int reply_twice(cadre_self *self, void *state, cadre_msg *m)
{
    owned o = {2};
    assert_int_equal(cadre_reply(self, m, owned, 1), 0);
    assert_int_equal(cadre_reply_as(self, m, &owned_type, &o), -EINVAL);
    return 0;
}
static void ask_one_that_replies_twice(cadre_self *self)
{
    static const cadre_class eager = {.receive = reply_twice};
    cadre_become(self, note_outcome);
    assert_int_equal(cadre_spawn(self, &asked, &eager, NULL), 0);
    token = ask_for(self, asked, CADRE_NEVER, 0);
}
static void play_reply_twice(void)
{
    drops_clear();
    outcomes.count = 0;
    assert_int_equal(play(ask_one_that_replies_twice), 0);
    assert_int_equal(outcomes.count, 1);
    assert_answered(0, token, 1);
    assert_dropped_once(3);
    assert_int_equal(lines_with("cadre_reply: m was answered"), 1);
}
static void row_25_reply_twice(void **state) { misuse(play_reply_twice); }

/* No request: an ordinary message to its sender, as often as one likes. */
static int reply_often(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_reply(self, m, owned, 1), 0);
    assert_int_equal(cadre_reply(self, m, owned, 2), 0);
    return 0;
}
static void send_to_one_that_replies(cadre_self *self)
{
    static const cadre_class talkative = {.receive = reply_often};
    assert_int_equal(cadre_spawn(self, &asked, &talkative, NULL), 0);
    assert_int_equal(cadre_send(self, asked, owned, 0), 0);
}
static void judge_two_plain(void)
{
    assert_int_equal(outcomes.count, 2);
    assert_answered(0, 0, 1);
    assert_answered(1, 0, 2);
}
static void row_25_reply_to_no_request(void **state)
{
    asking(send_to_one_that_replies, judge_two_plain, 3);
}

/* Handed in late, because it was set aside until the deadline had passed. */
static int reply_late(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise *p = state;
    if (m->type == &owned_type) {
        assert_int_equal(cadre_defer(self, m, p), 0);
        return cadre_after(self, NULL, 10 * CADRE_MS, go, 0);
    }
    assert_false(cadre_is_awaited(self, *p));
    return cadre_answer(self, *p, owned, 1);
}
static void ask_a_late_one(cadre_self *self)
{
    static const cadre_class late = {.state_size = sizeof(cadre_promise),
                                     .receive = reply_late};
    assert_int_equal(cadre_spawn(self, &asked, &late, NULL), 0);
    token = ask_for(self, asked, CADRE_MS, 0);
}
static void judge_late(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_failed(0, token, -ETIMEDOUT, asked);
    assert_int_equal(sums.dropped, 1); /* counted */
}
static void row_25_reply_after_the_timeout(void **state)
{
    asking(ask_a_late_one, judge_late, 2);
}

/* ---- 26: asking in circles ---- */

static void ask_itself(cadre_self *self)
{
    owned o = {0};
    cadre_token t = {77};
    assert_int_equal(cadre_ask_as(self, &t, cadre_me(self), 1, &owned_type, &o),
                     -EINVAL);
    assert_int_equal(t.id, 77);
}
static void play_ask_itself(void)
{
    drops_clear();
    assert_int_equal(play(ask_itself), 0);
    assert_dropped_once(1);
    assert_int_equal(lines_with("it asks itself"), 1);
}
static void row_26_ask_oneself(void **state) { misuse(play_ask_itself); }

/* Each answers only when it has its own answer: from the other. */
typedef struct {
    cadre_ref other;
    cadre_promise promise;
} waiter;
static uint32_t waiting, timeouts;
static int wait_for_the_other(cadre_self *self, void *state, cadre_msg *m)
{
    waiter *w = state;
    const cadre_failure *f = cadre_body(m, cadre_failure);
    if (cadre_body(m, contact)) {
        w->other = cadre_body(m, contact)->ref;
        return 0;
    }
    if (f) {
        timeouts += f->code == -ETIMEDOUT;
        return 0;
    }
    if (waiting++ > 0) { /* the second time round: it waits for itself */
        assert_int_equal(cadre_defer(self, m, &w->promise), 0);
        return 0;
    }
    assert_int_equal(cadre_defer(self, m, &w->promise), 0);
    return cadre_ask(self, NULL, w->other, CADRE_NEVER, owned, 1);
}
static void ask_in_a_circle(cadre_self *self)
{
    static const cadre_class waiting_class = {.state_size = sizeof(waiter),
                                              .receive = wait_for_the_other};
    cadre_ref b;
    waiting = timeouts = 0;
    assert_int_equal(cadre_spawn(self, &b, &waiting_class, NULL), 0);
    assert_int_equal(cadre_spawn(self, &asked, &waiting_class, &(waiter){.other = b}),
                     0);
    assert_int_equal(cadre_send(self, b, contact, asked), 0);
    token = ask_for(self, asked, CADRE_SECOND, 0);
}
static void judge_circle(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_failed(0, token, -ETIMEDOUT, asked);
    assert_int_equal(timeouts, 1);
}
static void row_26_a_circle_ends_by_its_deadline(void **state)
{
    asking(ask_in_a_circle, judge_circle, 2);
}

int main(void)
{
    TESTS(cmocka_unit_test(row_17_requests_and_timers_between_turns),
          cmocka_unit_test(row_24_zero_overflow_cancel_twice),
          cmocka_unit_test(row_24_cancel_of_foreign_timers),
          cmocka_unit_test(row_24_more_timers_than_memory),
          cmocka_unit_test(row_25_reply_twice),
          cmocka_unit_test(row_25_reply_to_no_request),
          cmocka_unit_test(row_25_reply_after_the_timeout),
          cmocka_unit_test(row_26_ask_oneself),
          cmocka_unit_test(row_26_a_circle_ends_by_its_deadline));
    return RUN_TESTS();
}
