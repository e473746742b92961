/* test_chain_links.c: what a step may do to others: follow and cancel them; and what
 * happens to all when one is cancelled, or their actor ends. */
#include "support/chaining.h"

#include <cadre/await.h>

#include <errno.h>

static cadre_ref asked;

static void judge_one_cancelled(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(outcomes.list[0].token, token);
    assert_int_equal(outcomes.list[0].code, -ECANCELED);
}

/* ---- follow ---- */

static int follow_timer(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t t = wait_for(self, CADRE_MS, ((owned *)m->body)->id + 1);
    return cadre_follow(self, (cadre_token){t});
}
static void follow_three(cadre_self *self)
{
    start_with(self, follow_timer);
    token = chain(self, token, follow_timer, never);
    token = chain(self, token, follow_timer, never);
}
static void judge_followed(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_answered(0, token, 3);
    assert_true(outcomes.list[0].when >= 4 * CADRE_MS);
}
static void followed_outcome_is_that_of_the_step(void **state)
{
    asking(follow_three, judge_followed, 4);
}

static int follow_failure(cadre_self *self, void *state, cadre_msg *m)
{
    asked = serve(self, REFUSE, (cadre_ref){0});
    uint64_t t = ask_for(self, asked, CADRE_SECOND, 1);
    return cadre_follow(self, (cadre_token){t});
}
static void follow_a_failure(cadre_self *self)
{
    start_with(self, follow_failure);
    token = chain(self, token, never, see);
}
static void judge_followed_failure(void)
{
    assert_record(-CADRE_EUSER);
    assert_int_equal(outcomes.count, 1);
    assert_failed(0, token, CADRE_EUSER, (cadre_ref){0});
}
static void followed_failure_fails_the_step(void **state)
{
    asking(follow_a_failure, judge_followed_failure, 2);
}

/* What was followed cannot be used for anything else; and what cannot be followed. */
static int follow_and_reuse(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token t = {wait_for(self, CADRE_MS, 1)}, next, busy = {wait_for(self, 1, 2)};
    (void)chain(self, busy.id, see, never);
    assert_int_equal(cadre_follow(self, m->token), -ENOENT); /* is over */
    assert_int_equal(cadre_follow(self, busy), -EBUSY);
    assert_int_equal(cadre_follow(self, t), 0);
    assert_int_equal(cadre_chain(self, &next, t, see, see), -EBUSY);
    assert_int_equal(cadre_then(self, t, see), -EBUSY);
    assert_int_equal(cadre_join(self, &next, &t, 1, 1), -EBUSY);
    return 0;
}
static void start_follow_and_reuse(cadre_self *self)
{
    start_with(self, follow_and_reuse);
}
static void judge_reused(void)
{
    assert_int_equal(outcomes.count, 2);
    assert_int_equal(outcomes.list[0].id, 2); /* that of the busy one */
    assert_answered(1, token, 1);
}
static void followed_is_busy(void **state)
{
    asking(start_follow_and_reuse, judge_reused, 3);
}

static int follow_and_fail(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t t = wait_for(self, CADRE_MS, 1);
    assert_int_equal(cadre_follow(self, (cadre_token){t}), 0);
    source = t;
    return CADRE_EUSER;
}
static void start_follow_and_fail(cadre_self *self)
{
    start_with(self, follow_and_fail);
}
static void judge_follow_and_fail(void)
{
    assert_int_equal(outcomes.count, 2); /* what was followed is its own again */
    assert_int_equal(outcomes.list[0].code, CADRE_EUSER);
    assert_int_equal(outcomes.list[0].token, token);
    assert_answered(1, source, 1);
}
static void failing_step_follows_nobody(void **state)
{
    asking(start_follow_and_fail, judge_follow_and_fail, 2);
}

static int follow_and_cancel(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t t = wait_for(self, CADRE_MS, 1);
    assert_int_equal(cadre_follow(self, (cadre_token){t}), 0);
    assert_int_equal(cancel(self, t), 0);
    return 0;
}
static void start_follow_and_cancel(cadre_self *self)
{
    start_with(self, follow_and_cancel);
}
static void cancelled_before_it_is_followed(void **state)
{
    asking(start_follow_and_cancel, judge_one_cancelled, 2);
}

static cadre_token later;
static int follow_what_waits(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token joined;
    assert_int_equal(cadre_follow(self, later), -EINVAL);
    assert_int_equal(cadre_join(self, &joined, &later, 1, 1), 0);
    assert_int_equal(cadre_follow(self, joined), -EINVAL);
    token = joined.id;
    return CADRE_EUSER - 1;
}
static void start_follow_what_waits(cadre_self *self)
{
    start_with(self, follow_what_waits);
    for (int i = 0; i < 4; i++) {
        later.id = token;
        token = chain(self, token, NULL, NULL);
    }
    later.id = token;
}
static void judge_circle(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_failed(0, token, CADRE_EUSER - 1, outcomes.list[0].from);
}
static void play_circle(void) { asking(start_follow_what_waits, judge_circle, 1); }
static void what_waits_for_the_step_cannot_be_followed(void **state)
{
    misuse(play_circle);
}

/* ---- misused ---- */

static int choice;
static int misuse_step(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token t = {wait_for(self, 10, 1)};
    owned o = {2};
    switch (choice) {
    case 0:
        assert_int_equal(cadre_pass_as(self, CADRE_BODY(owned, 3)), 0);
        assert_int_equal(cadre_pass_as(self, &owned_type, &o), -EPERM);
        assert_int_equal(cadre_follow(self, t), -EPERM);
        break;
    case 1:
        assert_int_equal(cadre_follow(self, t), 0);
        assert_int_equal(cadre_follow(self, t), -EPERM);
        assert_int_equal(cadre_pass_as(self, &owned_type, &o), -EPERM);
        break;
    case 2:
        assert_int_equal(cadre_pass_as(self, &owned_type, NULL), -EINVAL);
        assert_int_equal(cadre_pass_as(self, NULL, &o), -EINVAL);
        break;
    default:
        assert_int_equal(cadre_await(self, t, m), -EPERM);
    }
    return 0;
}
static void play_misuse_step(cadre_self *self) { start_with(self, misuse_step); }
static void misuse_step_once(void)
{
    assert_int_equal(play(play_misuse_step), 0);
    assert_true(lines_with("cadre_") > 0);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
}
static int pass_outside(cadre_self *self, void *state, cadre_msg *m)
{
    owned o = {1};
    drops_clear();
    assert_int_equal(cadre_pass_as(self, &owned_type, &o), -EPERM);
    assert_int_equal(atomic_load(&drops[1]), 1);
    assert_int_equal(cadre_follow(self, (cadre_token){source}), -EPERM);
    return 0;
}
static void play_outside(cadre_self *self)
{
    cadre_become(self, pass_outside);
    source = wait_for(self, 20, 1);
    (void)wait_for(self, 10, 2);
}
static void misuse_outside(void)
{
    assert_int_equal(play(play_outside), 0);
    assert_int_equal(lines_with("cadre_pass"), 2);
}
static void misused_calls_are_refused(void **state)
{
    for (choice = 0; choice < 4; choice++)
        misuse(misuse_step_once);
    misuse(misuse_outside);
}

/* ---- cancelled ---- */

static uint64_t links[4];
static int at;
static cadre_time patience;
static void start_four_and_cancel(cadre_self *self)
{
    record_clear();
    asked = serve(self, KEEP, (cadre_ref){0});
    links[0] = ask_for(self, asked, patience, 0);
    for (int i = 1; i < 4; i++)
        links[i] = chain(self, links[i - 1], never, see);
    token = links[3];
    assert_int_equal(cancel(self, links[at]), 0);
    for (int i = 0; i <= at; i++)
        assert_int_equal(cancel(self, links[i]), -ENOENT);
    later.id = links[3];
}
/* The steps behind the one after it hear of it. */
static void judge_cancelled_at(void)
{
    if (at == 3) {
        judge_nothing();
    } else {
        judge_one_cancelled();
        assert_int_equal(record.count, 2 - at);
    }
    assert_int_equal(lines_with("chain failed"), 0);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
}
static void cancelled_at_each_link(void **state)
{
    patience = CADRE_NEVER; /* so that it is seen when the request is not recalled */
    for (at = 0; at < 4; at++)
        asking(start_four_and_cancel, judge_cancelled_at, 1);
}

/* Its outcome was in the mailbox already. */
static int cancel_last(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cancel(self, links[3]), 0);
    cadre_become(self, note_outcome);
    return 0;
}
static void start_and_cancel_late(cadre_self *self)
{
    cadre_become(self, cancel_last);
    (void)wait_for(self, CADRE_MS, 0);
    links[0] = wait_for(self, CADRE_MS, 1);
    for (int i = 1; i < 4; i++)
        links[i] = chain(self, links[i - 1], never, never);
}
static void cancel_is_exact(void **state)
{
    asking(start_and_cancel_late, judge_nothing, 2);
}

/* A step that cancels what waits for it: next, or further on. */
static int end_own_next(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token t = {wait_for(self, CADRE_MS, 2)};
    assert_int_equal(cancel(self, later.id), 0);
    assert_int_equal(cancel(self, token), -ENOENT);
    if (choice == 1)
        return cadre_pass_as(self, CADRE_BODY(owned, 1));
    if (choice == 2)
        return cadre_follow(self, t);
    return choice == 3 ? CADRE_EUSER : 0;
}
static void start_end_own_next(cadre_self *self)
{
    start_with(self, end_own_next);
    later.id = token;
    for (int i = 0; i < at; i++)
        later.id = chain(self, later.id, never, never);
}
static void judge_own_next(void)
{
    assert_int_equal(outcomes.count, 1); /* the timer that was to be followed */
    assert_int_equal(outcomes.list[0].id, 2);
    (void)atomic_exchange(&drops[1], 1);
}
static void cancelled_by_its_own_step(void **state)
{
    for (at = 0; at < 2; at++)
        for (choice = 0; choice < 4; choice++)
            asking(start_end_own_next, judge_own_next, 3);
}

/* ---- the actor ends ---- */

static int reason;
static void start_and_end(cadre_self *self)
{
    cadre_promise promise;
    cadre_token t[3], joined;
    record_clear();
    asked = serve(self, KEEP, (cadre_ref){0});
    token = ask_for(self, asked, CADRE_NEVER, 0);
    t[0].id = chain(self, chain(self, token, never, never), never, never);
    t[1].id = chain(self, wait_for(self, CADRE_MS, 1), never, never);
    assert_int_equal(cadre_promise_new(self, &t[2], &promise, CADRE_SECOND), 0);
    assert_int_equal(cadre_join(self, &joined, t, 3, 2), 0);
    (void)chain(self, joined.id, never, never);
    assert_int_equal(cadre_kill(self, cadre_me(self), reason), 0);
}
static void actor_ends_with_chains_pending(void **state)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        cadre_config config = quiet(1 + seed % 3, seed);
        drops_clear();
        kept.count = 0;
        reason = CADRE_EUSER - (int)seed;
        assert_int_equal(play_with(&config, start_and_end), reason);
        assert_dropped_once(2);
        assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
        assert_int_equal(lines_with("chain failed"), 0);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(followed_outcome_is_that_of_the_step),
          cmocka_unit_test(followed_failure_fails_the_step),
          cmocka_unit_test(followed_is_busy),
          cmocka_unit_test(failing_step_follows_nobody),
          cmocka_unit_test(cancelled_before_it_is_followed),
          cmocka_unit_test(what_waits_for_the_step_cannot_be_followed),
          cmocka_unit_test(misused_calls_are_refused),
          cmocka_unit_test(cancelled_at_each_link), cmocka_unit_test(cancel_is_exact),
          cmocka_unit_test(cancelled_by_its_own_step),
          cmocka_unit_test(actor_ends_with_chains_pending));
    return RUN_TESTS();
}
