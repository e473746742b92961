/* test_promise.c: answers that come later, or from another actor. */
#include "support/asking.h"
#include "support/effort.h"

#include <errno.h>

static cadre_ref asked, behind;
static uint64_t token;
static enum way way;

static void one_outcome_only(void) { assert_int_equal(outcomes.count, 1); }

/* ---- kept ---- */

static void ask_and_let_go(cadre_self *self)
{
    asked = serve(self, way, (cadre_ref){0});
    token = ask_for(self, asked, CADRE_SECOND, 0);
    assert_int_equal(cadre_send(self, asked, go, 0), 0);
}
static void judge_answer(void)
{
    one_outcome_only();
    assert_answered(0, token, 1);
    assert_int_equal(outcomes.list[0].from.id, asked.id);
    assert_int_equal(sums.dead + sums.dropped, 0);
}
static void deferred_request_is_answered(void **state)
{
    way = KEEP;
    asking(ask_and_let_go, judge_answer, 2);
    way = KEEP_AND_ANSWER;
    asking(ask_and_let_go, judge_answer, 2);
}

static int keep_large(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise *p = state;
    large l = large_of(1);
    if (m->type == &large_type)
        return cadre_defer(self, m, p);
    assert_int_equal(cadre_answer_as(self, *p, &large_type, &l), 0);
    return 0;
}
static void ask_with_large_body(cadre_self *self)
{
    static const cadre_class keeper = {.state_size = sizeof(cadre_promise),
                                       .receive = keep_large};
    large l = large_of(0);
    cadre_token t;
    assert_int_equal(cadre_spawn(self, &asked, &keeper, NULL), 0);
    assert_int_equal(cadre_ask_as(self, &t, asked, CADRE_SECOND, &large_type, &l), 0);
    token = t.id;
    assert_int_equal(cadre_send(self, asked, go, 0), 0);
}
static void large_deferred_request_and_answer(void **state)
{
    asking(ask_with_large_body, judge_answer, 2);
}

/* The body stays the handler's until it returns, and what it takes out is its own. */
static int defer_and_use(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise p, again = {.token = {77}};
    owned *o = m->body;
    assert_int_equal(cadre_defer(self, m, &p), 0);
    assert_int_equal(o->id, 0);
    assert_int_equal(atomic_load(&drops[0]), 0);
    assert_int_equal(cadre_answer(self, p, owned, 1), 0);
    assert_int_equal(cadre_answer(self, p, owned, 2), -EALREADY);
    assert_int_equal(cadre_delegate_as(self, p, asked, CADRE_BODY(owned, 3)),
                     -EALREADY);
    assert_int_equal(o->id, 0);
    (void)again;
    return 0;
}
static void ask_one_that_uses(cadre_self *self)
{
    static const cadre_class user = {.receive = defer_and_use};
    assert_int_equal(cadre_spawn(self, &asked, &user, NULL), 0);
    token = ask_for(self, asked, CADRE_SECOND, 0);
}
static void message_stays_valid_after_defer(void **state)
{
    asking(ask_one_that_uses, judge_answer, 4);
}

/* ---- the holder ends ---- */

static int result;
static void ask_and_end_the_holder(cadre_self *self)
{
    asked = serve(self, KEEP, (cadre_ref){0});
    token = ask_for(self, asked, CADRE_NEVER, 0);
    assert_int_equal(cadre_send(self, asked, finish, result), 0);
    assert_int_equal(cadre_send(self, asked, go, 0), 0); /* too late */
}
static void judge_holder_ended(void)
{
    one_outcome_only();
    assert_failed(0, token, CADRE_EDEAD, asked);
    assert_int_equal(outcomes.list[0].cause, result == CADRE_STOP ? 0 : result);
}
static void holder_ends_first(void **state)
{
    result = CADRE_STOP;
    asking(ask_and_end_the_holder, judge_holder_ended, 1);
    result = CADRE_EUSER - 3;
    asking(ask_and_end_the_holder, judge_holder_ended, 1);
}

static int kill_holder(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &go_type)
        return result == CADRE_STOP ? cadre_stop(self, asked)
                                    : cadre_kill(self, asked, result);
    return note_outcome(self, state, m);
}
static void ask_and_kill_the_holder(cadre_self *self)
{
    cadre_become(self, kill_holder);
    asked = serve(self, KEEP, (cadre_ref){0});
    token = ask_for(self, asked, CADRE_NEVER, 0);
    assert_int_equal(cadre_after(self, NULL, CADRE_MS, go, 0), 0);
}
static void holder_is_stopped_or_killed(void **state)
{
    result = CADRE_STOP;
    asking(ask_and_kill_the_holder, judge_holder_ended, 1);
    result = CADRE_EUSER - 4;
    asking(ask_and_kill_the_holder, judge_holder_ended, 1);
}

/* ---- a hundred thousand of them ---- */

enum { CROWD = 100000 };
static uint32_t crowd; /* fewer under a sanitizer */
static atomic_uint crowd_failures, crowd_others, crowd_kept;
static atomic_uchar crowd_seen[CROWD];

/* Real threads, too: nothing is asserted here. */
static int crowd_keep(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise p;
    int err = cadre_defer(self, m, &p);
    if (!err && atomic_fetch_add(&crowd_kept, 1) + 1 == crowd)
        err = cadre_send(self, cadre_parent(self), go, 0);
    return err;
}
static int crowd_end(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_kill(self, asked, CADRE_EUSER - 9);
}
static int client_note(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    bool right = f && f->code == CADRE_EDEAD && f->cause == CADRE_EUSER - 9;
    atomic_fetch_add(&crowd_seen[*(uint32_t *)state], 1);
    atomic_fetch_add(right ? &crowd_failures : &crowd_others, 1);
    return CADRE_STOP;
}
static int client_ask(cadre_self *self, void *state)
{
    return cadre_ask(self, NULL, asked, CADRE_NEVER, number, *(uint32_t *)state);
}
static void crowd_asks(cadre_self *self)
{
    static const cadre_class keeper = {.receive = crowd_keep};
    static const cadre_class client = {
        .state_size = sizeof(uint32_t), .start = client_ask, .receive = client_note};
    cadre_become(self, crowd_end);
    int err = cadre_spawn(self, &asked, &keeper, NULL);
    for (uint32_t i = 0; !err && i < crowd; i++)
        err = cadre_spawn(self, NULL, &client, &i);
}
static void kill_one_with_a_crowd(uint32_t workers, uint64_t seed)
{
    cadre_config config = quiet(workers, seed);
    for (uint32_t i = 0; i < crowd; i++)
        atomic_store(&crowd_seen[i], 0);
    atomic_store(&crowd_kept, 0);
    atomic_store(&crowd_failures, 0);
    atomic_store(&crowd_others, 0);
    assert_int_equal(play_with(&config, crowd_asks), 0);
    assert_int_equal(atomic_load(&crowd_kept), crowd);
    assert_int_equal(atomic_load(&crowd_failures), crowd);
    assert_int_equal(atomic_load(&crowd_others), 0);
    for (uint32_t i = 0; i < crowd; i++)
        assert_int_equal(atomic_load(&crowd_seen[i]), 1);
}
static void hundred_thousand_promises_of_one_that_is_killed(void **state)
{
    crowd = (uint32_t)effort(CROWD, CROWD);
    kill_one_with_a_crowd(1, 5);
    kill_one_with_a_crowd(2, 0);
}

/* ---- passed on ---- */

static void ask_to_delegate(cadre_self *self)
{
    behind = serve(self, way, (cadre_ref){0});
    asked = serve(self, DELEGATE, behind);
    token = ask_for(self, asked, CADRE_SECOND, 0);
}
static void judge_delegate(void)
{
    one_outcome_only();
    if (way == REPLY)
        assert_answered(0, token, 2);
    else
        assert_failed(0, token, way == FAIL ? CADRE_EDEAD : CADRE_EUNANSWERED, behind);
    assert_int_equal(outcomes.list[0].from.id, behind.id);
}
static void delegate_passes_the_duty_on(void **state)
{
    way = REPLY;
    asking(ask_to_delegate, judge_delegate, 3);
    way = FORGET;
    asking(ask_to_delegate, judge_delegate, 2);
    way = FAIL;
    asking(ask_to_delegate, judge_delegate, 2);
}

static void ask_to_delegate_and_end(cadre_self *self)
{
    behind = serve(self, KEEP, (cadre_ref){0});
    asked = serve(self, DELEGATE, behind);
    token = ask_for(self, asked, 10 * CADRE_MS, 0);
    assert_int_equal(cadre_send(self, asked, finish, CADRE_EUSER), 0); /* free to go */
}
static void judge_delegate_and_end(void)
{
    one_outcome_only();
    assert_failed(0, token, -ETIMEDOUT, behind); /* who has it now */
}
static void delegate_relieves_the_holder(void **state)
{
    asking(ask_to_delegate_and_end, judge_delegate_and_end, 2);
}

static void ask_to_delegate_to_nobody(cadre_self *self)
{
    behind = (cadre_ref){0};
    asked = serve(self, DELEGATE, behind);
    token = ask_for(self, asked, CADRE_SECOND, 0);
}
static void judge_delegate_to_nobody(void)
{
    one_outcome_only();
    assert_failed(0, token, CADRE_EDEAD, behind);
}
static void delegate_to_nobody(void **state)
{
    asking(ask_to_delegate_to_nobody, judge_delegate_to_nobody, 2);
}

/* ---- by another actor ---- */

static void ask_to_hand_out(cadre_self *self)
{
    behind = serve(self, REPLY, (cadre_ref){0});
    asked = serve(self, HAND_OUT, behind);
    token = ask_for(self, asked, CADRE_SECOND, 0);
}
static void judge_handed_out(void)
{
    one_outcome_only();
    assert_answered(0, token, 2);
    assert_int_equal(outcomes.list[0].from.id, behind.id); /* whoever answered */
    assert_int_equal(sums.dead + sums.dropped, 0);
}
static void another_actor_answers(void **state)
{
    asking(ask_to_hand_out, judge_handed_out, 3);
}

static cadre_promise promise;
static int keep_for_another(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->token.id == 0)
        return cadre_body(m, finish)->result;
    assert_int_equal(cadre_defer(self, m, &promise), 0);
    return cadre_send(self, behind, go, 0);
}
/* Not the holder: may answer, and no more; and is not told that it comes too late. */
static int answer_anothers(cadre_self *self, void *state, cadre_msg *m)
{
    assert_false(cadre_is_awaited(self, promise));
    if (result == CADRE_STOP) /* the holder ends before the answer comes */
        assert_int_equal(cadre_send(self, asked, finish, result), 0);
    assert_int_equal(cadre_answer(self, promise, owned, 1), 0);
    assert_int_equal(cadre_answer(self, promise, owned, 2), 0);
    return 0;
}
static void ask_for_anothers_answer(cadre_self *self)
{
    static const cadre_class holder = {.receive = keep_for_another};
    static const cadre_class other = {.receive = answer_anothers};
    assert_int_equal(cadre_spawn(self, &asked, &holder, NULL), 0);
    assert_int_equal(cadre_spawn(self, &behind, &other, NULL), 0);
    token = ask_for(self, asked, CADRE_SECOND, 0);
}
static void judge_answered_twice(void)
{
    one_outcome_only();
    assert_answered(0, token, 1);
    assert_int_equal(sums.dropped, 1);
}
static void judge_answered_too_late(void)
{
    one_outcome_only();
    assert_failed(0, token, CADRE_EDEAD, asked);
    assert_int_equal(sums.dropped, 2);
}
static void another_actors_answer_comes_too_late(void **state)
{
    result = 0;
    asking(ask_for_anothers_answer, judge_answered_twice, 3);
    result = CADRE_STOP;
    asking(ask_for_anothers_answer, judge_answered_too_late, 3);
}

/* ---- cancelled ---- */

static int hear_of_it(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise *p = state;
    if (m->type == &owned_type)
        return cadre_defer(self, m, p);
    assert_false(cadre_is_awaited(self, *p));
    assert_int_equal(cadre_answer(self, *p, owned, 1), -EALREADY);
    return 0;
}
static int cancel_and_send_go(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_cancel(self, (cadre_token){token}), 0);
    return cadre_send(self, asked, go, 0);
}
static void ask_and_cancel(cadre_self *self)
{
    static const cadre_class hearer = {.state_size = sizeof(cadre_promise),
                                       .receive = hear_of_it};
    cadre_become(self, cancel_and_send_go);
    assert_int_equal(cadre_spawn(self, &asked, &hearer, NULL), 0);
    token = ask_for(self, asked, CADRE_NEVER, 0);
    assert_int_equal(cadre_after(self, NULL, CADRE_MS, go, 0), 0);
}
static void judge_cancelled(void)
{
    assert_int_equal(outcomes.count, 0);
    assert_int_equal(sums.dead + sums.dropped, 0);
}
static void holder_hears_of_the_cancel(void **state)
{
    asking(ask_and_cancel, judge_cancelled, 2);
}

/* ---- refusals ---- */

static int step;
static int misuse_promise(cadre_self *self, cadre_msg *m)
{
    cadre_promise p = {.token = {77}};
    owned o = {1};
    if (step > 8)
        assert_int_equal(cadre_defer(self, m, &p), 0);
    switch (step) {
    case 8: /* no promise */
        assert_int_equal(cadre_answer_as(self, p, &owned_type, &o), -EINVAL);
        assert_int_equal(drops[1], 1);
        break;
    case 9: /* of nobody */
        p.holder.id = 0;
        assert_int_equal(cadre_answer_as(self, p, &owned_type, &o), -EINVAL);
        assert_int_equal(drops[1], 1);
        break;
    case 10: /* of another */
        p.holder = behind;
        assert_int_equal(cadre_delegate_as(self, p, behind, &owned_type, &o), -EPERM);
        assert_int_equal(drops[1], 1);
        break;
    case 11:
        assert_int_equal(cadre_answer_as(self, p, NULL, &o), -EINVAL);
        break;
    case 12:
        assert_int_equal(cadre_answer_as(self, p, &owned_type, NULL), -EINVAL);
        break;
    default: /* passed on when it was deferred */
        assert_int_equal(cadre_forward(self, behind, m), -EINVAL);
    }
    return 0;
}

static int misuse_defer(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise p = {.token = {77}};
    cadre_msg other = *m;
    owned o = {1};
    drops_clear();
    switch (step) {
    case 0: /* answered */
        assert_int_equal(cadre_reply(self, m, number, 1), 0);
        assert_int_equal(cadre_defer(self, m, &p), -EINVAL);
        break;
    case 1: /* deferred */
        assert_int_equal(cadre_defer(self, m, &p), 0);
        assert_int_equal(cadre_defer(self, m, &p), -EINVAL);
        assert_int_equal(cadre_answer(self, p, number, 1), 0);
        return 0;
    case 2: /* passed on */
        assert_int_equal(cadre_forward(self, behind, m), 0);
        assert_int_equal(cadre_defer(self, &other, &p), -EINVAL);
        break;
    case 3: /* not in hand */
        other.body = &o;
        assert_int_equal(cadre_defer(self, &other, &p), -EINVAL);
        break;
    case 4:
        assert_int_equal(cadre_defer(self, m, NULL), -EINVAL);
        break;
    case 5:
        assert_int_equal(cadre_defer(self, NULL, &p), -EINVAL);
        break;
    case 6: /* reply twice */
        assert_int_equal(cadre_reply(self, m, number, 1), 0);
        assert_int_equal(cadre_reply_as(self, m, &owned_type, &o), -EINVAL);
        assert_int_equal(drops[1], 1);
        break;
    case 7: /* reply to a deferred one */
        assert_int_equal(cadre_defer(self, m, &p), 0);
        assert_int_equal(cadre_reply_as(self, m, &owned_type, &o), -EINVAL);
        assert_int_equal(drops[1], 1);
        return 0;
    case 13: /* reply to one that was passed on */
        assert_int_equal(cadre_forward(self, behind, m), 0);
        assert_int_equal(cadre_reply_as(self, &other, &owned_type, &o), -EINVAL);
        assert_int_equal(drops[1], 1);
        break;
    default:
        return misuse_promise(self, m);
    }
    assert_int_equal(p.token.id, 77);
    return 0;
}
static void ask_misuser(cadre_self *self)
{
    static const cadre_class misuser = {.receive = misuse_defer};
    behind = serve(self, FORGET, (cadre_ref){0});
    assert_int_equal(cadre_spawn(self, &asked, &misuser, NULL), 0);
    cadre_become(self, note_outcome);
    token = ask_for(self, asked, CADRE_NEVER, 0);
}
static void misuse_once(void)
{
    outcomes.count = 0;
    assert_int_equal(play(ask_misuser), 0);
    assert_int_equal(lines_with("cadre_"), 1); /* the log says what was wrong */
    if (step != 7 && (step < 9 || step == 13))
        one_outcome_only();
    assert_int_equal(drops[0], 1); /* the request, whatever happened */
}
static void misused_calls_are_refused(void **state)
{
    for (step = 0; step <= 14; step++)
        misuse(misuse_once);
}

static const cadre_type huge_type = {.name = "huge", .size = CADRE_BODY_MAX + 1};
static int answer_badly_then_well(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise p;
    owned o = {0};
    assert_int_equal(cadre_defer(self, m, &p), 0);
    assert_int_equal(cadre_answer_as(self, p, &huge_type, &o), -EMSGSIZE);
    assert_int_equal(cadre_delegate_as(self, p, behind, &huge_type, &o), -EMSGSIZE);
    assert_true(cadre_is_awaited(self, p)); /* it stays open */
    return cadre_answer(self, p, owned, 1);
}
static void ask_bungler(cadre_self *self)
{
    static const cadre_class bungler = {.receive = answer_badly_then_well};
    assert_int_equal(cadre_spawn(self, &asked, &bungler, NULL), 0);
    token = ask_for(self, asked, CADRE_SECOND, 0);
}
static void promise_stays_open_when_the_answer_fails(void **state)
{
    asking(ask_bungler, judge_answer, 2);
}

/* A plain message is no request, and its answer no outcome; nor is that of an outcome. */
static int defer_plain(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise p;
    assert_int_equal(cadre_defer(self, m, &p), -EINVAL);
    return 0;
}
static void send_plain(cadre_self *self)
{
    static const cadre_class plain = {.receive = defer_plain};
    assert_int_equal(cadre_spawn(self, &asked, &plain, NULL), 0);
    assert_int_equal(cadre_send(self, asked, number, 1), 0);
}
static void play_plain(void)
{
    assert_int_equal(play(send_plain), 0);
    assert_int_equal(lines_with("cadre_defer"), 1);
}
static void plain_message_cannot_be_deferred(void **state) { misuse(play_plain); }

static int reply_to_outcome(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(m->token.id, token);
    return cadre_reply(self, m, number, 5);
}
static int serve_and_record(cadre_self *self, void *state, cadre_msg *m)
{
    number *n = cadre_body(m, number);
    if (!n)
        return cadre_reply(self, m, owned, 1);
    assert_int_equal(m->token.id, 0);
    record_add(n->value);
    return 0;
}
static void ask_and_thank(cadre_self *self)
{
    static const cadre_class thanked = {.receive = serve_and_record};
    record_clear();
    cadre_become(self, reply_to_outcome);
    assert_int_equal(cadre_spawn(self, &asked, &thanked, NULL), 0);
    token = ask_for(self, asked, CADRE_SECOND, 0);
}
static void judge_thanks(void) { assert_record(5); }
static void reply_to_an_outcome_is_a_plain_message(void **state)
{
    asking(ask_and_thank, judge_thanks, 2);
}

/* What is set aside comes back under its token, whatever it was. */
static uint64_t tokens[3];
static int set_aside_first(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &finish_type) {
        cadre_become(self, note_outcome);
        cadre_unstash(self);
        return 0;
    }
    return cadre_stash(self, m);
}
static void ask_and_set_aside(cadre_self *self)
{
    cadre_token t;
    cadre_become(self, set_aside_first);
    tokens[0] = ask_for(self, serve(self, REPLY, (cadre_ref){0}), CADRE_NEVER, 0);
    asked = serve(self, KEEP, (cadre_ref){0});
    tokens[1] = ask_for(self, asked, CADRE_MS, 2);
    assert_int_equal(cadre_after(self, &t, 2 * CADRE_MS, owned, 3), 0);
    tokens[2] = t.id;
    assert_int_equal(cadre_after(self, NULL, 3 * CADRE_MS, finish, 0), 0);
}
static void judge_set_aside(void)
{
    assert_int_equal(outcomes.count, 3);
    assert_answered(0, tokens[0], 1);
    assert_failed(1, tokens[1], -ETIMEDOUT, asked);
    assert_answered(2, tokens[2], 3);
}
static void outcomes_keep_their_tokens_when_set_aside(void **state)
{
    asking(ask_and_set_aside, judge_set_aside, 4);
}

int main(void)
{
    TESTS(cmocka_unit_test(deferred_request_is_answered),
          cmocka_unit_test(large_deferred_request_and_answer),
          cmocka_unit_test(message_stays_valid_after_defer),
          cmocka_unit_test(holder_ends_first),
          cmocka_unit_test(holder_is_stopped_or_killed),
          cmocka_unit_test(hundred_thousand_promises_of_one_that_is_killed),
          cmocka_unit_test(delegate_passes_the_duty_on),
          cmocka_unit_test(delegate_relieves_the_holder),
          cmocka_unit_test(delegate_to_nobody), cmocka_unit_test(another_actor_answers),
          cmocka_unit_test(another_actors_answer_comes_too_late),
          cmocka_unit_test(holder_hears_of_the_cancel),
          cmocka_unit_test(misused_calls_are_refused),
          cmocka_unit_test(promise_stays_open_when_the_answer_fails),
          cmocka_unit_test(plain_message_cannot_be_deferred),
          cmocka_unit_test(reply_to_an_outcome_is_a_plain_message),
          cmocka_unit_test(outcomes_keep_their_tokens_when_set_aside));
    return RUN_TESTS();
}
