/* test_ask.c: requests: every way in which one can end, and every error of the calls.
 * Promises have test_promise.c. */
#include "support/asking.h"

#include <errno.h>

static cadre_ref asked, behind;
static uint64_t token, tokens[OUTCOMES_MAX];

static void one_outcome_only(void) { assert_int_equal(outcomes.count, 1); }

/* ---- the server answers ---- */

static void ask_replier(cadre_self *self)
{
    asked = serve(self, REPLY, (cadre_ref){0});
    token = ask_for(self, asked, CADRE_NEVER, 0);
}
static void judge_reply(void)
{
    one_outcome_only();
    assert_answered(0, token, 1);
    assert_int_equal(outcomes.list[0].from.id, asked.id);
    assert_int_equal(sums.dead + sums.dropped, 0);
}
static void answer_comes_under_the_token(void **state)
{
    asking(ask_replier, judge_reply, 2);
}

static void ask_refuser(cadre_self *self)
{
    asked = serve(self, REFUSE, (cadre_ref){0});
    token = ask_for(self, asked, CADRE_SECOND, 0);
}
static void judge_refusal(void)
{
    one_outcome_only();
    assert_failed(0, token, CADRE_EUSER, (cadre_ref){0}); /* the server's own words */
    assert_int_equal(outcomes.list[0].from.id, asked.id);
}
static void a_failure_may_be_the_answer(void **state)
{
    asking(ask_refuser, judge_refusal, 1);
}

static void ask_with_large_bodies(cadre_self *self)
{
    large l = large_of(0);
    cadre_token t;
    asked = serve(self, REPLY_LARGE, (cadre_ref){0});
    assert_int_equal(cadre_ask_as(self, &t, asked, CADRE_SECOND, &large_type, &l), 0);
    token = t.id;
}
static void judge_large(void)
{
    one_outcome_only();
    assert_answered(0, token, 1);
    assert_ptr_equal(outcomes.list[0].type, &large_type);
}
static void large_request_and_answer(void **state)
{
    asking(ask_with_large_bodies, judge_large, 2);
}

static void ask_in_vain_with_large_body(cadre_self *self)
{
    large l = large_of(0);
    cadre_token t;
    asked = serve(self, FORGET, (cadre_ref){0});
    assert_int_equal(cadre_ask_as(self, &t, asked, CADRE_SECOND, &large_type, &l), 0);
    token = t.id;
}
static void judge_forgotten(void)
{
    one_outcome_only();
    assert_failed(0, token, CADRE_EUNANSWERED, asked);
    assert_int_equal(outcomes.list[0].from.id, asked.id);
    assert_int_equal(outcomes.list[0].cause, 0);
}
static void large_request_becomes_a_failure(void **state)
{
    asking(ask_in_vain_with_large_body, judge_forgotten, 1);
}

static void ask_for_nothing(cadre_self *self)
{
    static const cadre_type empty = {.name = "empty"};
    cadre_token t;
    asked = (cadre_ref){cadre_me(self).id + (1u << 28)}; /* nobody yet */
    assert_int_equal(cadre_ask_as(self, &t, asked, CADRE_SECOND, &empty, NULL), 0);
    token = t.id;
}
static void judge_dead(void)
{
    one_outcome_only();
    assert_failed(0, token, CADRE_EDEAD, asked);
    assert_int_equal(sums.dead, 1);
    assert_int_equal(sums.accepted, 2); /* the request, and its failure */
}
static void empty_request_becomes_a_failure(void **state)
{
    asking(ask_for_nothing, judge_dead, 0);
}

/* ---- the server does not ---- */

static enum way way;
static void ask_in_this_way(cadre_self *self)
{
    asked = serve(self, way, (cadre_ref){0});
    token = ask_for(self, asked, CADRE_NEVER, 0);
}

static void unanswered_requests_fail(void **state)
{
    static const enum way ways[] = {FORGET, UNEXPECTED, STOP, STOP_ITSELF, KILL_ITSELF};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        way = ways[i];
        asking(ask_in_this_way, judge_forgotten, 1);
        assert_int_equal(sums.dead, way == UNEXPECTED);
    }
}

static void judge_failed_in_hand(void)
{
    one_outcome_only();
    assert_failed(0, token, CADRE_EDEAD, asked);
    assert_int_equal(outcomes.list[0].cause, CADRE_EUSER - 7);
    assert_int_equal(sums.dead, 1);
}
static void server_fails_on_the_request(void **state)
{
    way = FAIL;
    asking(ask_in_this_way, judge_failed_in_hand, 1);
    way = KEEP_AND_FAIL;
    asking(ask_in_this_way, judge_failed_in_hand, 1);
}

static void judge_answered_and_failed(void)
{
    one_outcome_only();
    assert_answered(0, token, 1);
    assert_int_equal(sums.dead, 1); /* the message it failed on */
}
static void server_replies_and_fails(void **state)
{
    way = REPLY_AND_FAIL;
    asking(ask_in_this_way, judge_answered_and_failed, 2);
}

/* Behind another message at which the server ends; so it is still in the mailbox. */
static int result;
static void ask_behind_the_end(cadre_self *self)
{
    asked = serve(self, REPLY, (cadre_ref){0});
    assert_int_equal(cadre_send(self, asked, finish, result), 0);
    token = ask_for(self, asked, CADRE_NEVER, 0);
}
static void judge_dead_in_the_mailbox(void)
{
    one_outcome_only();
    assert_failed(0, token, CADRE_EDEAD, asked);
    assert_int_equal(outcomes.list[0].cause, 0);
}
static void request_in_the_mailbox_of_one_that_ends(void **state)
{
    result = CADRE_STOP;
    asking(ask_behind_the_end, judge_dead_in_the_mailbox, 1);
    result = CADRE_EUSER;
    asking(ask_behind_the_end, judge_dead_in_the_mailbox, 1);
}

static void ask_and_kill(cadre_self *self)
{
    asked = serve(self, REPLY, (cadre_ref){0});
    token = ask_for(self, asked, CADRE_NEVER, 0);
    assert_int_equal(cadre_kill(self, asked, 0), 0); /* before its first turn */
}
static void ask_and_stop_before(cadre_self *self)
{
    asked = serve(self, REPLY, (cadre_ref){0});
    assert_int_equal(cadre_stop(self, asked), 0);
    token = ask_for(self, asked, CADRE_NEVER, 0);
}
static void request_to_one_that_is_killed_or_stopped(void **state)
{
    asking(ask_and_kill, judge_dead_in_the_mailbox, 1);
    asking(ask_and_stop_before, judge_dead_in_the_mailbox, 1);
}

static int fail_to_start(cadre_self *self, void *state) { return CADRE_EUSER; }
static void ask_one_that_cannot_start(cadre_self *self)
{
    static const cadre_class unborn = {.start = fail_to_start, .receive = note_outcome};
    assert_int_equal(cadre_spawn(self, &asked, &unborn, NULL), 0);
    token = ask_for(self, asked, CADRE_NEVER, 0);
}
static void request_to_one_whose_start_fails(void **state)
{
    asking(ask_one_that_cannot_start, judge_dead_in_the_mailbox, 1);
}

static void ask_nobodies(cadre_self *self)
{
    cadre_ref me = cadre_me(self);
    tokens[0] = ask_for(self, (cadre_ref){0}, CADRE_NEVER, 0);
    tokens[1] =
        ask_for(self, (cadre_ref){me.id + 1}, CADRE_NEVER, 1); /* in a life to come */
    tokens[2] = ask_for(self, (cadre_ref){UINT64_MAX}, CADRE_NEVER, 2);
}
static void judge_nobodies(void)
{
    assert_int_equal(outcomes.count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(outcomes.list[i].code, CADRE_EDEAD);
    /* The first and the last are no addresses; the second has a mailbox to go through. */
    assert_int_equal(outcomes.list[0].token, tokens[0]);
    assert_int_equal(outcomes.list[1].token, tokens[2]);
    assert_int_equal(outcomes.list[2].token, tokens[1]);
    assert_int_equal(sums.dead, 3);
}
static void request_to_nobody(void **state) { asking(ask_nobodies, judge_nobodies, 3); }

/* ---- set aside, passed on ---- */

static void ask_one_that_sets_aside(cadre_self *self)
{
    asked = serve(self, SET_ASIDE, (cadre_ref){0});
    tokens[0] = ask_for(self, asked, CADRE_NEVER, 0);
    tokens[1] = ask_for(self, asked, CADRE_NEVER, 2);
    assert_int_equal(cadre_send(self, asked, go, 0), 0);
}
static void judge_unstashed(void)
{
    assert_int_equal(outcomes.count, 2);
    assert_answered(0, tokens[0], 1);
    assert_answered(1, tokens[1], 3);
}
static void request_set_aside_is_answered_later(void **state)
{
    asking(ask_one_that_sets_aside, judge_unstashed, 4);
}

static void ask_one_that_sets_aside_and_ends(cadre_self *self)
{
    asked = serve(self, SET_ASIDE, (cadre_ref){0});
    token = ask_for(self, asked, CADRE_NEVER, 0);
    assert_int_equal(cadre_send(self, asked, finish, result), 0);
}
static void request_set_aside_by_one_that_ends(void **state)
{
    result = CADRE_STOP;
    asking(ask_one_that_sets_aside_and_ends, judge_dead_in_the_mailbox, 1);
    result = CADRE_EUSER;
    asking(ask_one_that_sets_aside_and_ends, judge_dead_in_the_mailbox, 1);
}

static void ask_through(cadre_self *self)
{
    behind = serve(self, way, (cadre_ref){0});
    asked = serve(self, PASS_ON, behind);
    token = ask_for(self, asked, CADRE_NEVER, 0);
}
static void judge_through(void)
{
    one_outcome_only();
    if (way == REPLY)
        assert_answered(0, token, 1);
    else
        assert_failed(0, token, way == FAIL ? CADRE_EDEAD : CADRE_EUNANSWERED, behind);
    assert_int_equal(outcomes.list[0].from.id, behind.id);
}
static void request_passed_on_is_answered_by_the_other(void **state)
{
    way = REPLY;
    asking(ask_through, judge_through, 2);
    way = FORGET;
    asking(ask_through, judge_through, 1);
    way = FAIL;
    asking(ask_through, judge_through, 1);
}

static void ask_through_to_the_dead(cadre_self *self)
{
    behind = serve(self, REPLY, (cadre_ref){0});
    assert_int_equal(cadre_kill(self, behind, 0), 0);
    asked = serve(self, PASS_ON, behind);
    tokens[0] = ask_for(self, asked, CADRE_NEVER, 0);
    asked = serve(self, PASS_ON, (cadre_ref){0});
    tokens[1] = ask_for(self, asked, CADRE_NEVER, 1);
}
static void judge_through_to_the_dead(void)
{
    assert_int_equal(outcomes.count, 2);
    uint32_t first = outcomes.list[1].token == tokens[0]; /* they may change places */
    assert_failed(first, tokens[0], CADRE_EDEAD, behind);
    assert_failed(!first, tokens[1], CADRE_EDEAD, (cadre_ref){0});
    assert_int_equal(sums.dead, 2);
}
static void request_passed_on_to_the_dead(void **state)
{
    asking(ask_through_to_the_dead, judge_through_to_the_dead, 2);
}

static int go_round(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &owned_type && ((owned *)m->body)->id == 0) /* one's own request */
        return cadre_reply(self, m, owned, 1);
    return note_outcome(self, state, m);
}
static void ask_and_get_it_back(cadre_self *self)
{
    cadre_become(self, go_round);
    asked = serve(self, PASS_ON, cadre_me(self));
    token = ask_for(self, asked, CADRE_NEVER, 0);
}
static void judge_round(void)
{
    one_outcome_only();
    assert_answered(0, token, 1);
}
static void request_passed_back_to_whoever_asked(void **state)
{
    asking(ask_and_get_it_back, judge_round, 2);
}

/* ---- too late ---- */

static void ask_one_that_keeps(cadre_self *self)
{
    asked = serve(self, KEEP, (cadre_ref){0});
    token = ask_for(self, asked, 5 * CADRE_MS, 0);
}
static void judge_timeout(void)
{
    one_outcome_only();
    assert_failed(0, token, -ETIMEDOUT, asked);
    assert_true(outcomes.list[0].when >= 5 * CADRE_MS);
    assert_true(outcomes.list[0].when < 6 * CADRE_MS);
}
static void deadline_passes(void **state)
{
    asking(ask_one_that_keeps, judge_timeout, 1);
}

static int answer_after_the_timeout(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &go_type)
        return cadre_send(self, asked, go, 0);
    return note_outcome(self, state, m);
}
static void ask_for_a_late_answer(cadre_self *self)
{
    ask_one_that_keeps(self);
    cadre_become(self, answer_after_the_timeout);
    assert_int_equal(cadre_after(self, NULL, 20 * CADRE_MS, go, 0), 0);
}
static int answer_blindly(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise *p = state;
    if (m->type == &owned_type)
        return cadre_defer(self, m, p);
    return cadre_answer(self, *p, owned, 1);
}
static void ask_for_a_late_answer_blindly(cadre_self *self)
{
    static const cadre_class blind = {.state_size = sizeof(cadre_promise),
                                      .receive = answer_blindly};
    cadre_become(self, answer_after_the_timeout);
    assert_int_equal(cadre_spawn(self, &asked, &blind, NULL), 0);
    token = ask_for(self, asked, 5 * CADRE_MS, 0);
    assert_int_equal(cadre_after(self, NULL, 20 * CADRE_MS, go, 0), 0);
}
static void judge_late(void)
{
    judge_timeout();
    assert_int_equal(sums.dropped, 1);
    assert_int_equal(sums.dead, 0);
}
static void late_answer_is_dropped_and_counted(void **state)
{
    asking(ask_for_a_late_answer_blindly, judge_late, 2);
}
static void nobody_awaits_after_the_deadline(void **state)
{
    asking(ask_for_a_late_answer, judge_timeout, 1); /* no answer was made */
}

/* A request whose deadline has passed is not handled any more. */
static int be_slow(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &go_type)
        return 0;
    if (m->token.id)
        record_add(((owned *)m->body)->id);
    return cadre_reply(self, m, owned, 7);
}
static int wait_and_give_back(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &owned_type)
        return cadre_stash(self, m);
    cadre_become(self, be_slow);
    cadre_unstash(self);
    return 0;
}
static void ask_a_slow_one(cadre_self *self)
{
    static const cadre_class slow = {.receive = wait_and_give_back};
    record_clear();
    cadre_become(self, answer_after_the_timeout);
    assert_int_equal(cadre_spawn(self, &asked, &slow, NULL), 0);
    token = ask_for(self, asked, 5 * CADRE_MS, 0);
    assert_int_equal(cadre_after(self, NULL, 20 * CADRE_MS, go, 0), 0);
}
static void judge_slow(void)
{
    judge_timeout();
    assert_int_equal(record.count, 0);
    assert_int_equal(sums.dropped, 1);
}
static void request_is_dropped_after_its_deadline(void **state)
{
    asking(ask_a_slow_one, judge_slow, 1);
}

/* ---- one_outcome ---- */

static void ask_in_all_ways(cadre_self *self)
{
    cadre_ref last = serve(self, REPLY, (cadre_ref){0});
    for (uint32_t i = 0; i < WAYS; i++) {
        cadre_ref s = serve(self, (enum way)i, last);
        tokens[i] = ask_for(self, s, 10 * CADRE_MS, 10 * i);
    }
}
static void judge_all_ways(void)
{
    uint32_t seen[WAYS] = {0};
    for (uint32_t o = 0; o < outcomes.count; o++)
        for (uint32_t i = 0; i < WAYS; i++)
            seen[i] += outcomes.list[o].token == tokens[i];
    for (uint32_t i = 0; i < WAYS; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(outcomes.count, WAYS);
    for (uint32_t i = 0; i < OWNED_MAX; i++)
        assert_true(atomic_load(&drops[i]) <= 1);
    drops_clear();
}
static void one_outcome(void **state) { asking(ask_in_all_ways, judge_all_ways, 0); }

/* ---- then, and cancel ---- */

static int note_as_next(cadre_self *self, void *state, cadre_msg *m)
{
    record_add(m->token.id);
    return 0;
}
static void ask_and_then(cadre_self *self)
{
    record_clear();
    asked = serve(self, REPLY, (cadre_ref){0});
    cadre_token t = {tokens[0] = ask_for(self, asked, CADRE_NEVER, 0)};
    tokens[1] = ask_for(self, asked, CADRE_NEVER, 2);
    assert_int_equal(cadre_then(self, t, note_as_next), 0);
    assert_int_equal(cadre_then(self, (cadre_token){t.id + 1000}, note_as_next),
                     -ENOENT);
}
static void judge_then(void)
{
    one_outcome_only();
    assert_answered(0, tokens[1], 3);
    assert_record(tokens[0]);
}
static void then_takes_the_outcome(void **state)
{
    asking(ask_and_then, judge_then, 4);
}

static void ask_and_cancel(cadre_self *self)
{
    cadre_ref ways[WAYS], last = serve(self, REPLY, (cadre_ref){0});
    for (uint32_t i = 0; i < WAYS; i++) {
        ways[i] = serve(self, (enum way)i, last);
        cadre_token t = {
            ask_for(self, ways[i], i % 2 ? CADRE_SECOND : CADRE_NEVER, 10 * i)};
        assert_int_equal(cadre_cancel(self, t), 0);
        assert_int_equal(cadre_cancel(self, t), -ENOENT);
        assert_int_equal(cadre_then(self, t, note_as_next), -ENOENT);
    }
}
static void judge_cancelled(void)
{
    assert_int_equal(outcomes.count, 0);
    for (uint32_t i = 0; i < OWNED_MAX; i++)
        assert_true(atomic_load(&drops[i]) <= 1);
    drops_clear();
}

/* The answer waits in the mailbox already, behind the message that cancels it. */
static int cancel_at_go(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type != &go_type)
        return note_outcome(self, state, m);
    assert_int_equal(cadre_cancel(self, (cadre_token){token}), result);
    return 0;
}
static int send_go_and_reply(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_send(self, m->from, go, 0), 0);
    return cadre_reply(self, m, owned, 1);
}
static int reply_and_send_go(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref from = m->from;
    assert_int_equal(cadre_reply(self, m, owned, 1), 0);
    return cadre_send(self, from, go, 0);
}
static void ask_and_cancel_later(cadre_self *self)
{
    static const cadre_class before = {.receive = send_go_and_reply};
    static const cadre_class after = {.receive = reply_and_send_go};
    cadre_become(self, cancel_at_go);
    assert_int_equal(cadre_spawn(self, &asked, result ? &after : &before, NULL), 0);
    token = ask_for(self, asked, CADRE_SECOND, 0);
}
static void judge_cancelled_before(void)
{
    assert_int_equal(outcomes.count, 0);
    assert_int_equal(sums.dropped, 1);
}
static void cancel_is_exact(void **state)
{
    asking(ask_and_cancel, judge_cancelled, 0);
    result = 0;
    asking(ask_and_cancel_later, judge_cancelled_before, 2);
    result = -ENOENT;
    asking(ask_and_cancel_later, one_outcome_only, 2);
}

/* One that somebody else has asked under. */
static int cancel_others(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_cancel(self, m->token), -ENOENT);
    assert_int_equal(cadre_then(self, m->token, note_as_next), -ENOENT);
    assert_int_equal(cadre_cancel(self, (cadre_token){0}), -ENOENT);
    return cadre_reply(self, m, owned, 1);
}
static void ask_one_that_cancels(cadre_self *self)
{
    static const cadre_class meddler = {.receive = cancel_others};
    assert_int_equal(cadre_spawn(self, &asked, &meddler, NULL), 0);
    token = ask_for(self, asked, CADRE_NEVER, 0);
}
static void cancel_of_another_actors_request(void **state)
{
    asking(ask_one_that_cancels, judge_round, 2);
}

int main(void)
{
    TESTS(cmocka_unit_test(answer_comes_under_the_token),
          cmocka_unit_test(a_failure_may_be_the_answer),
          cmocka_unit_test(large_request_and_answer),
          cmocka_unit_test(large_request_becomes_a_failure),
          cmocka_unit_test(empty_request_becomes_a_failure),
          cmocka_unit_test(unanswered_requests_fail),
          cmocka_unit_test(server_fails_on_the_request),
          cmocka_unit_test(server_replies_and_fails),
          cmocka_unit_test(request_in_the_mailbox_of_one_that_ends),
          cmocka_unit_test(request_to_one_that_is_killed_or_stopped),
          cmocka_unit_test(request_to_one_whose_start_fails),
          cmocka_unit_test(request_to_nobody),
          cmocka_unit_test(request_set_aside_is_answered_later),
          cmocka_unit_test(request_set_aside_by_one_that_ends),
          cmocka_unit_test(request_passed_on_is_answered_by_the_other),
          cmocka_unit_test(request_passed_on_to_the_dead),
          cmocka_unit_test(request_passed_back_to_whoever_asked),
          cmocka_unit_test(deadline_passes),
          cmocka_unit_test(late_answer_is_dropped_and_counted),
          cmocka_unit_test(nobody_awaits_after_the_deadline),
          cmocka_unit_test(request_is_dropped_after_its_deadline),
          cmocka_unit_test(one_outcome), cmocka_unit_test(then_takes_the_outcome),
          cmocka_unit_test(cancel_is_exact),
          cmocka_unit_test(cancel_of_another_actors_request));
    return RUN_TESTS();
}
