/* test_await_messages.c: messages of handlers that wait: the one in hand, the one that
 * was awaited, and those that the handler picks. */
#include "support/awaiting.h"

#include <cadre/chain.h>

#include <errno.h>

typedef struct {
    int nothing;
} tick;
static CADRE_TYPE(tick);

static void nap(cadre_self *self) { assert_int_equal(cadre_sleep(self, CADRE_MS), 0); }

/* The root's client: asks, and notes outcomes. */
static cadre_ref client_of;
static uint64_t client_token;

static int ask_and_note(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type != &number_type)
        return note_outcome(self, state, m);
    client_token = ask_for(self, client_of, 10 * CADRE_SECOND, 0);
    return 0;
}

static void with_client(cadre_self *self, cadre_receive *act)
{
    client_of = cast(self, act, serve(self, REPLY, (cadre_ref){0}));
    tell_number(self, cast(self, ask_and_note, (cadre_ref){0}), 1);
}

/* ---- the request in hand ---- */

static int reply_later(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_time deadline = cadre_deadline(self);
    cadre_msg answer;
    must_await(self, ask_for(self, ((player *)state)->friend, CADRE_SECOND, 2),
               &answer);
    assert_int_equal(cadre_deadline(self), deadline);
    assert_int_equal(((owned *)m->body)->id, 0);
    assert_int_equal(((owned *)answer.body)->id, 3);
    assert_int_equal(cadre_reply(self, m, owned, 1), 0);
    nap(self);
    returned++;
    return 0;
}

static void reply_scene(cadre_self *self) { with_client(self, reply_later); }

static void reply_judge(void)
{
    assert_int_equal(returned, 1);
    assert_answered(0, client_token, 1);
    assert_int_equal(outcomes.count, 1);
    assert_dropped_once(4);
}

static void request_is_answered_after_a_wait(void **state)
{
    awaiting(reply_scene, reply_judge);
}

static int defer_later(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    cadre_msg answer;
    cadre_ref whom = ((player *)state)->friend;
    uint64_t token = ask_for(self, whom, CADRE_SECOND, 2); /* before ... */
    nap(self);
    assert_int_equal(cadre_defer(self, m, &promise), 0);
    must_await(self, token, &answer); /* ... and after */
    assert_int_equal(cadre_answer(self, promise, owned, 1), 0);
    nap(self);
    returned++;
    return 0;
}

static void defer_scene(cadre_self *self) { with_client(self, defer_later); }

static void request_is_deferred_after_a_wait(void **state)
{
    awaiting(defer_scene, reply_judge);
}

/* Another handler of the same actor answers it, while this one has it in hand. */
static int defer_and_wait(cadre_self *self, void *state, cadre_msg *m)
{
    static cadre_promise promise;
    cadre_token token;
    cadre_msg rung;
    if (cadre_body(m, number))
        return cadre_answer(self, promise, owned, 1);
    assert_int_equal(cadre_defer(self, m, &promise), 0);
    tell_number(self, cadre_me(self), 1);
    assert_int_equal(cadre_after(self, &token, CADRE_SECOND, tick, 0), 0);
    must_await_open(self, token.id, &rung);
    assert_false(cadre_is_awaited(self, promise));
    assert_int_equal(((owned *)m->body)->id, 0);
    returned++;
    return 0;
}

static void others_answer_scene(cadre_self *self) { with_client(self, defer_and_wait); }

static void two_dropped(void)
{
    assert_int_equal(returned, 1);
    assert_answered(0, client_token, 1);
    assert_int_equal(outcomes.count, 1);
    assert_dropped_once(2);
}

static void promise_is_kept_by_another_handler(void **state)
{
    awaiting(others_answer_scene, two_dropped);
}

/* It ends with the promise open, while the handler that has made it waits. */
static int defer_and_be_killed(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    assert_int_equal(cadre_defer(self, m, &promise), 0);
    assert_int_equal(cadre_kill(self, cadre_me(self), CADRE_EUSER - 2), 0);
    assert_int_equal(cadre_sleep(self, CADRE_SECOND), -ECANCELED);
    assert_int_equal(((owned *)m->body)->id, 0);
    returned++;
    return 0;
}

static void killed_scene(cadre_self *self) { with_client(self, defer_and_be_killed); }

static int wait_and_be_killed(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_kill(self, cadre_me(self), CADRE_EUSER - 2), 0);
    assert_int_equal(cadre_sleep(self, CADRE_SECOND), -ECANCELED);
    returned++;
    return 0;
}

static void killed_too_scene(cadre_self *self)
{
    with_client(self, wait_and_be_killed);
}

static void killed_judge(void)
{
    assert_int_equal(returned, 1);
    assert_int_equal(outcomes.count, 1);
    assert_failed(0, client_token, CADRE_EDEAD, client_of);
    assert_int_equal(outcomes.list[0].cause, CADRE_EUSER - 2);
    assert_dropped_once(1);
}

static void request_fails_when_its_handler_is_cancelled(void **state)
{
    awaiting(killed_scene, killed_judge);
    awaiting(killed_too_scene, killed_judge);
}

/* Whoever asked gives up: so does what its handler waits for. */
static int wait_for_the_slow(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg failure;
    must_await(self, ask_for(self, ((player *)state)->friend, 9 * CADRE_SECOND, 2),
               &failure);
    assert_int_equal(cadre_body(&failure, cadre_failure)->code, -ECANCELED);
    assert_true(cadre_now(self) < 5 * CADRE_SECOND);
    returned++;
    return 0;
}

static int ask_and_give_up(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token = {
        ask_for(self, ((player *)state)->friend, 10 * CADRE_SECOND, 0)};
    assert_int_equal(cadre_sleep(self, CADRE_SECOND), 0);
    assert_int_equal(cadre_cancel(self, token), 0);
    return 0;
}

static void give_up_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, wait_for_the_slow, serve(self, KEEP, (cadre_ref){0}));
    tell_number(self, cast(self, ask_and_give_up, hero), 1);
}

static void give_up_judge(void) { assert_int_equal(returned, 1); }

static void cancel_spreads(void **state) { awaiting(give_up_scene, give_up_judge); }

/* ---- other things to do with it ---- */

static int pass_on_later(cadre_self *self, void *state, cadre_msg *m)
{
    nap(self);
    assert_int_equal(cadre_forward(self, ((player *)state)->friend, m), 0);
    nap(self);
    returned++;
    return 0;
}

static void forward_scene(cadre_self *self) { with_client(self, pass_on_later); }

static void message_is_forwarded_after_a_wait(void **state)
{
    awaiting(forward_scene, two_dropped);
}

/* Sets 1 and 2 aside, each after a wait; 3 gives them back. */
static int set_aside(cadre_self *self, void *state, cadre_msg *m)
{
    player *me = state;
    uint64_t n = value_of(m);
    nap(self);
    if (n <= 2 && me->sum < 2) {
        me->sum++;
        assert_int_equal(cadre_stash(self, m), 0);
        nap(self);
        return 0;
    }
    if (n == 3)
        cadre_unstash(self);
    nap(self);
    record_add(n);
    return 0;
}

static void stash_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, set_aside, (cadre_ref){0});
    for (uint64_t n = 1; n <= 5; n++)
        tell_number(self, hero, n);
}

static void stash_judge(void) { assert_record(3, 1, 2, 4, 5); }

/* What is given back does not wait for an open wait. */
static int give_back_and_wait(cadre_self *self, void *state, cadre_msg *m)
{
    player *me = state;
    cadre_token token;
    cadre_msg rung;
    if (value_of(m) == 1 && me->sum++ == 0)
        return cadre_stash(self, m);
    if (value_of(m) == 2) {
        cadre_unstash(self);
        assert_int_equal(cadre_after(self, &token, CADRE_SECOND, tick, 0), 0);
        must_await_open(self, token.id, &rung);
    } else {
        assert_true(cadre_now(self) < CADRE_SECOND);
    }
    record_add(value_of(m));
    return 0;
}

static void give_back_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, give_back_and_wait, (cadre_ref){0});
    tell_number(self, hero, 1);
    tell_number(self, hero, 2);
}

static void give_back_judge(void) { assert_record(1, 2); }

static void stash_and_waits(void **state)
{
    awaiting(stash_scene, stash_judge);
    awaiting(give_back_scene, give_back_judge);
}

static int note_tenfold(cadre_self *self, void *state, cadre_msg *m)
{
    nap(self);
    record_add(10 * value_of(m));
    return 0;
}

static int become_later(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_become(self, note_tenfold);
    nap(self);
    record_add(value_of(m));
    return 0;
}

static void become_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, become_later, (cadre_ref){0});
    for (uint64_t n = 1; n <= 3; n++)
        tell_number(self, hero, n);
}

static void become_judge(void) { assert_record(1, 20, 30); }

static void become_and_waits(void **state) { awaiting(become_scene, become_judge); }

/* What it waits for breaks the silence, as a message does. */
static int be_silent(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &tick_type) {
        assert_true(cadre_now(self) >= 6 * CADRE_SECOND);
        returned++;
        return 0;
    }
    assert_int_equal(
        cadre_when_idle_as(self, NULL, 2 * CADRE_SECOND, &tick_type, &(tick){0}), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(cadre_sleep(self, CADRE_SECOND), 0);
    return 0;
}

static void idle_scene(cadre_self *self)
{
    tell_number(self, cast(self, be_silent, (cadre_ref){0}), 1);
}

static void silence_and_waits(void **state) { awaiting(idle_scene, give_up_judge); }

/* ---- what was awaited ---- */

static int await_owned(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token token;
    cadre_msg rung;
    for (uint32_t id = 0; id < 3; id++) {
        assert_int_equal(cadre_after(self, &token, CADRE_MS, owned, id), 0);
        must_await(self, token.id, &rung);
        assert_int_equal(((owned *)rung.body)->id, id);
        assert_int_equal(atomic_load(&drops[id]), 0);
        assert_int_equal(id == 0 || atomic_load(&drops[id - 1]) == 1, 1);
    }
    return value_of(m) == 1 ? 0 : CADRE_EUSER;
}

static void owned_scene(cadre_self *self)
{
    tell_number(self, cast(self, await_owned, (cadre_ref){0}), 1);
}

static void owned_fails_scene(cadre_self *self)
{
    tell_number(self, cast(self, await_owned, (cadre_ref){0}), 2);
}

static void owned_judge(void) { assert_dropped_once(3); }

static void awaited_body_is_dropped_once(void **state)
{
    awaiting(owned_scene, owned_judge);
    awaiting(owned_fails_scene, owned_judge);
}

/* ---- cadre_receive_type() ---- */

static int pick(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg picked;
    if (value_of(m) == 1) {
        assert_int_equal(cadre_receive_type(self, &tick_type, CADRE_SECOND, &picked),
                         0);
        assert_ptr_equal(picked.type, &tick_type);
        assert_int_equal(picked.token.id, 0);
        assert_int_equal(record.count, 0);
        assert_int_equal(
            cadre_receive_type(self, &owned_type, 2 * CADRE_SECOND, &picked),
            -ETIMEDOUT);
    }
    record_add(value_of(m));
    return 0;
}

static void pick_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, pick, (cadre_ref){0});
    for (uint64_t n = 1; n <= 3; n++)
        tell_number(self, hero, n);
    assert_int_equal(cadre_send(self, hero, tick, 0), 0);
    tell_number(self, hero, 4);
}

static void pick_judge(void) { assert_record(1, 2, 3, 4); }

static void receive_type_takes_it_out_of_the_order(void **state)
{
    awaiting(pick_scene, pick_judge);
}

static int pick_request(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg request;
    assert_int_equal(cadre_receive_type(self, &owned_type, CADRE_SECOND, &request), 0);
    assert_true(request.token.id != 0);
    assert_int_equal(((owned *)request.body)->id, 0);
    if (value_of(m) == 1)
        assert_int_equal(cadre_reply(self, &request, owned, 1), 0);
    else if (value_of(m) == 3)
        nap(self); /* it is forgotten here */
    return 0;
}

static void answered_judge(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_answered(0, client_token, 1);
    assert_dropped_once(2);
}

static void forgotten_judge(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_failed(0, client_token, CADRE_EUNANSWERED, client_of);
    assert_dropped_once(1);
}

/* The request must not come first. */
static int ask_a_little_later(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &number_type)
        nap(self);
    return ask_and_note(self, state, m);
}

static void request_later(cadre_self *self, uint64_t n)
{
    client_of = cast(self, pick_request, (cadre_ref){0});
    tell_number(self, client_of, n);
    tell_number(self, cast(self, ask_a_little_later, (cadre_ref){0}), 1);
}

static void answered_later_scene(cadre_self *self) { request_later(self, 1); }
static void forgotten_later_scene(cadre_self *self) { request_later(self, 2); }

static void forgotten_at_once_scene(cadre_self *self) { request_later(self, 3); }

static void receive_type_takes_requests(void **state)
{
    awaiting(answered_later_scene, answered_judge);
    awaiting(forgotten_later_scene, forgotten_judge);
    awaiting(forgotten_at_once_scene, forgotten_judge);
}

int main(void)
{
    TESTS(cmocka_unit_test(request_is_answered_after_a_wait),
          cmocka_unit_test(request_is_deferred_after_a_wait),
          cmocka_unit_test(promise_is_kept_by_another_handler),
          cmocka_unit_test(request_fails_when_its_handler_is_cancelled),
          cmocka_unit_test(cancel_spreads),
          cmocka_unit_test(message_is_forwarded_after_a_wait),
          cmocka_unit_test(stash_and_waits), cmocka_unit_test(become_and_waits),
          cmocka_unit_test(silence_and_waits),
          cmocka_unit_test(awaited_body_is_dropped_once),
          cmocka_unit_test(receive_type_takes_it_out_of_the_order),
          cmocka_unit_test(receive_type_takes_requests));
    return RUN_TESTS();
}
