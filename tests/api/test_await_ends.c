/* test_await_ends.c: what ends a wait before its time: stops, kills, failures. */
#include "support/awaiting.h"

#include <cadre/apply.h>
#include <cadre/chain.h>
#include <cadre/scope.h>

#include <errno.h>

typedef struct {
    int nothing;
} tick;
static CADRE_TYPE(tick);

enum { WAIT = 1, CANCEL = 50, BREAK, HALT };

static cadre_token far_away(cadre_self *self)
{
    cadre_token token;
    assert_int_equal(cadre_after(self, &token, 100 * CADRE_SECOND, tick, 0), 0);
    return token;
}

/* It can clean up, but not wait. */
static void clean_up(cadre_self *self)
{
    cadre_msg m;
    cadre_token none = {0};
    assert_int_equal(ends.count, 0); /* its stop comes later */
    assert_int_equal(cadre_await(self, none, &m), -ECANCELED);
    assert_int_equal(cadre_await_open(self, none, &m), -ECANCELED);
    assert_int_equal(cadre_receive_type(self, &tick_type, CADRE_SECOND, &m),
                     -ESHUTDOWN);
    assert_int_equal(cadre_sleep(self, 1), -ESHUTDOWN);
    assert_int_equal(cadre_send(self, cadre_parent(self), number, 77), 0);
    returned++;
}

/* ---- a kill ---- */

static int wait_until_killed(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg rung;
    assert_int_equal(cadre_await(self, far_away(self), &rung), -ECANCELED);
    clean_up(self);
    return 0;
}

static int kill_friend(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_sleep(self, CADRE_SECOND), 0);
    return cadre_kill(self, ((player *)state)->friend, CADRE_EUSER - 5);
}

static void kill_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, wait_until_killed, (cadre_ref){0});
    tell_number(self, hero, WAIT);
    tell_number(self, hero, WAIT); /* it will be a dead letter */
    tell_number(self, cast(self, kill_friend, hero), 1);
}

static void kill_judge(void)
{
    assert_int_equal(returned, 1);
    assert_int_equal(ends.count, 2);
    assert_true(sums.dead >= 1);
}

/* Beside it: several open ones, and one that waits in its start. */
static int wait_open_until_killed(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg rung;
    assert_int_equal(cadre_await_open(self, far_away(self), &rung), -ECANCELED);
    clean_up(self);
    return value_of(m) == 2 ? CADRE_EUSER - 9 : 0; /* the first reason counts */
}

static void kill_open_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, wait_open_until_killed, (cadre_ref){0});
    for (uint64_t i = 1; i <= 3; i++)
        tell_number(self, hero, i);
    tell_number(self, cast(self, kill_friend, hero), 1);
}

static void kill_open_judge(void)
{
    assert_int_equal(returned, 3);
    assert_int_equal(ends.count, 2);
}

static void await_is_cancelled(void **state)
{
    awaiting(kill_scene, kill_judge);
    awaiting(kill_open_scene, kill_open_judge);
}

/* ---- a stop ---- */

static int sleep_or_note(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t n = value_of(m);
    if (n == WAIT)
        assert_int_equal(cadre_sleep(self, CADRE_SECOND), 0);
    record_add(n);
    return 0;
}

static int send_around_a_stop(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref hero = ((player *)state)->friend;
    tell_number(self, hero, WAIT);
    assert_int_equal(cadre_sleep(self, CADRE_MS), 0); /* now it waits */
    tell_number(self, hero, 2);
    assert_int_equal(cadre_stop(self, hero), 0);
    tell_number(self, hero, 3);
    return 0;
}

static void stop_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, sleep_or_note, (cadre_ref){0});
    tell_number(self, cast(self, send_around_a_stop, hero), 1);
}

static void stop_judge(void)
{
    assert_record(1, 2);
    assert_int_equal(sums.dead, 1);
    assert_int_equal(ends.reason, 0);
}

static void stop_waits_for_a_closed_wait(void **state)
{
    awaiting(stop_scene, stop_judge);
}

static int wait_open_until_stopped(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg rung;
    uint64_t n = value_of(m);
    if (n == WAIT) {
        assert_int_equal(cadre_await_open(self, far_away(self), &rung), -ECANCELED);
        clean_up(self);
    }
    record_add(n);
    return 0;
}

static void stop_open_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, wait_open_until_stopped, (cadre_ref){0});
    tell_number(self, cast(self, send_around_a_stop, hero), 1);
}

static void stop_open_judge(void)
{
    assert_record(2, 1);
    assert_int_equal(ends.reason, 0);
    assert_int_equal(ends.count, 2);
}

static void stop_ends_an_open_wait(void **state)
{
    awaiting(stop_open_scene, stop_open_judge);
}

/* ---- a failure of another handler ---- */

static int wait_or_fail(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg rung;
    if (value_of(m) == BREAK)
        return CADRE_EUSER - 6;
    if (value_of(m) == HALT)
        return CADRE_STOP;
    assert_int_equal(cadre_await_open(self, far_away(self), &rung), -ECANCELED);
    clean_up(self);
    return 0;
}

static void fail_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, wait_or_fail, (cadre_ref){0});
    tell_number(self, hero, WAIT);
    tell_number(self, hero, BREAK);
    tell_number(self, hero, WAIT);
}

static void fail_judge(void)
{
    assert_int_equal(returned, 1);
    assert_int_equal(ends.count, 1);
    assert_int_equal(ends.reason, CADRE_EUSER - 6);
    assert_int_equal(sums.dead, 2);
}

static void halt_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, wait_or_fail, (cadre_ref){0});
    tell_number(self, hero, WAIT);
    tell_number(self, hero, WAIT);
    tell_number(self, hero, HALT);
}

static void halt_judge(void)
{
    assert_int_equal(returned, 2);
    assert_int_equal(ends.count, 1);
    assert_int_equal(ends.reason, 0);
}

static void failure_ends_the_waits_of_others(void **state)
{
    awaiting(fail_scene, fail_judge);
    awaiting(halt_scene, halt_judge);
}

/* ---- relatives ---- */

/* Its parent stops while it waits open; so it ends first, with its handler. */
static int have_child(cadre_self *self, void *state, cadre_msg *m)
{
    tell_number(self, cast(self, wait_open_until_killed, (cadre_ref){0}), 1);
    assert_int_equal(cadre_sleep(self, CADRE_SECOND), 0);
    assert_int_equal(ends.count, 0);
    return value_of(m) == 1 ? CADRE_STOP : CADRE_EUSER;
}

static void parent_scene(cadre_self *self)
{
    tell_number(self, cast(self, have_child, (cadre_ref){0}), 1);
}

static void parent_fails_scene(cadre_self *self)
{
    tell_number(self, cast(self, have_child, (cadre_ref){0}), 2);
}

static void parent_judge(void)
{
    assert_int_equal(returned, 1);
    assert_int_equal(ends.count, 2);
}

static void end_of_the_parent_ends_it(void **state)
{
    awaiting(parent_scene, parent_judge);
    awaiting(parent_fails_scene, parent_judge);
}

static int stop_at_once(cadre_self *self, void *state, cadre_msg *m)
{
    return CADRE_STOP;
}

/* The child's notice does not wait for the closed wait, nor disturb it. */
static int outlive_child(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_counters before, after;
    cadre_ref child = cast(self, stop_at_once, (cadre_ref){0});
    assert_int_equal(cadre_stats(cadre_system_of(self), &before), 0);
    tell_number(self, child, 1);
    assert_int_equal(cadre_sleep(self, CADRE_SECOND), 0);
    assert_int_equal(ends.count, 1);
    assert_int_equal(cadre_stats(cadre_system_of(self), &after), 0);
    assert_int_equal(after.actors, before.actors - 1);
    returned++;
    return 0;
}

static void child_scene(cadre_self *self)
{
    tell_number(self, cast(self, outlive_child, (cadre_ref){0}), 1);
}

static void child_judge(void)
{
    assert_int_equal(returned, 1);
    assert_int_equal(ends.count, 2);
}

static void end_of_a_child_does_not(void **state)
{
    awaiting(child_scene, child_judge);
}

/* ---- cadre_cancel() by another handler ---- */

static int wait_or_cancel(cadre_self *self, void *state, cadre_msg *m)
{
    player *me = state;
    cadre_msg rung;
    uint64_t n = value_of(m);
    if (n == CANCEL) {
        assert_int_equal(cadre_cancel(self, (cadre_token){me->sum}), 0);
    } else {
        cadre_token token = far_away(self);
        me->sum = token.id;
        assert_int_equal(cadre_await_open(self, token, &rung), -ECANCELED);
        assert_int_equal(cadre_sleep(self, 1), 0); /* nothing else is wrong */
    }
    record_add(n);
    return 0;
}

static void cancel_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, wait_or_cancel, (cadre_ref){0});
    tell_number(self, hero, WAIT);
    tell_number(self, hero, CANCEL);
}

static void cancel_judge(void)
{
    assert_record(CANCEL, WAIT);
    assert_int_equal(ends.count, 1);
}

/* Who cancels then waits itself: first it goes on, then the one that it cancelled. */
static int cancel_and_sleep(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t n = value_of(m);
    player *me = state;
    if (n != CANCEL)
        return wait_or_cancel(self, state, m);
    assert_int_equal(cadre_cancel(self, (cadre_token){me->sum}), 0);
    assert_int_equal(cadre_sleep(self, CADRE_SECOND), 0);
    record_add(n);
    return 0;
}

static void cancel_closed_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, cancel_and_sleep, (cadre_ref){0});
    tell_number(self, hero, WAIT);
    tell_number(self, hero, CANCEL);
}

/* The same, but it waits open: then the one that it cancelled need not wait for that. */
static int cancel_and_wait(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t n = value_of(m);
    player *me = state;
    cadre_msg rung;
    if (n != CANCEL) {
        (void)wait_or_cancel(self, state, m);
        assert_true(cadre_now(self) < 10 * CADRE_SECOND);
        return 0;
    }
    record_add(n);
    assert_int_equal(cadre_cancel(self, (cadre_token){me->sum}), 0);
    must_await_open(self, far_away(self).id, &rung);
    return 0;
}

static void cancel_open_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, cancel_and_wait, (cadre_ref){0});
    tell_number(self, hero, WAIT);
    tell_number(self, hero, CANCEL);
}

/* A step of a chain is all that can, while the wait is closed. */
static int cancel_sum(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_cancel(self, (cadre_token){((player *)state)->sum});
}

static int wait_for_cancelled(cadre_self *self, void *state, cadre_msg *m)
{
    player *me = state;
    cadre_token step, first;
    cadre_msg rung;
    assert_int_equal(cadre_after(self, &first, CADRE_MS, tick, 0), 0);
    assert_int_equal(cadre_chain(self, &step, first, cancel_sum, cancel_sum), 0);
    me->sum = step.id; /* the step cancels what it is to make */
    assert_int_equal(cadre_await(self, step, &rung), -ECANCELED);
    returned++;
    return 0;
}

static void cancel_step_scene(cadre_self *self)
{
    tell_number(self, cast(self, wait_for_cancelled, (cadre_ref){0}), 1);
}

static void cancel_step_judge(void) { assert_int_equal(returned, 1); }

static void cancel_ends_a_wait(void **state)
{
    awaiting(cancel_scene, cancel_judge);
    awaiting(cancel_closed_scene, cancel_judge);
    awaiting(cancel_open_scene, cancel_judge);
    awaiting(cancel_step_scene, cancel_step_judge);
}

/* ---- where nobody may wait ---- */

static void wait_in_stop(cadre_self *self, void *state, int reason)
{
    cadre_msg m;
    assert_int_equal(cadre_await(self, (cadre_token){1}, &m), -ECANCELED);
    assert_int_equal(cadre_sleep(self, 1), -ESHUTDOWN);
    returned++;
}

static const cadre_class last_class = {
    .name = "last", .receive = stop_at_once, .stop = wait_in_stop};

static void last_scene(cadre_self *self)
{
    cadre_ref last;
    assert_int_equal(cadre_spawn(self, &last, &last_class, NULL), 0);
    tell_number(self, last, 1);
}

static void stop_hooks_do_not_wait(void **state)
{
    awaiting(last_scene, cancel_step_judge);
}

static int do_nothing(cadre_scope *in, void *arg) { return 0; }

static int wait_before_the_sync(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_scope s;
    cadre_job job;
    cadre_token token = far_away(self);
    cadre_msg rung;
    assert_int_equal(cadre_scope_open(self, &s), 0);
    assert_int_equal(cadre_scope_spawn(&s, &job, do_nothing, NULL), 0);
    assert_int_equal(cadre_await(self, token, &rung), -EPERM);
    assert_int_equal(cadre_sleep(self, 1), -EPERM);
    assert_int_equal(cadre_receive_type(self, &tick_type, 1, &rung), -EPERM);
    assert_int_equal(cadre_scope_sync(&s), 0);
    assert_int_equal(cadre_sleep(self, 1), 0);
    assert_int_equal(cadre_scope_open(self, &s), 0); /* and once more */
    assert_int_equal(cadre_scope_spawn(&s, &job, do_nothing, NULL), 0);
    assert_int_equal(cadre_scope_sync(&s), 0);
    assert_int_equal(cadre_cancel(self, token), 0);
    returned++;
    return 0;
}

static void scope_scene(cadre_self *self)
{
    tell_number(self, cast(self, wait_before_the_sync, (cadre_ref){0}), 1);
}

static void scope_play(void) { awaiting(scope_scene, cancel_step_judge); }

static void nobody_waits_before_a_sync(void **state) { misuse(scope_play); }

static int call_wrongly(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg rung;
    cadre_token token = far_away(self), periodic;
    assert_int_equal(cadre_await(self, token, NULL), -EINVAL);
    assert_int_equal(cadre_await_open(self, token, NULL), -EINVAL);
    assert_int_equal(cadre_receive_type(self, NULL, 1, &rung), -EINVAL);
    assert_int_equal(cadre_receive_type(self, &tick_type, 0, &rung), -EINVAL);
    assert_int_equal(cadre_receive_type(self, &tick_type, 1, NULL), -EINVAL);
    assert_int_equal(cadre_sleep(self, -1), -EINVAL);
    assert_int_equal(cadre_await(self, (cadre_token){12345678}, &rung), -ENOENT);
    assert_int_equal(cadre_every(self, &periodic, CADRE_SECOND, tick, 0), 0);
    assert_int_equal(cadre_await(self, periodic, &rung), -ENOENT);
    assert_int_equal(cadre_cancel(self, periodic), 0);
    assert_int_equal(cadre_cancel(self, token), 0);
    assert_int_equal(cadre_await(self, token, &rung), -ENOENT);
    returned++;
    return 0;
}

static void wrong_scene(cadre_self *self)
{
    tell_number(self, cast(self, call_wrongly, (cadre_ref){0}), 1);
}

static void wrong_play(void) { awaiting(wrong_scene, cancel_step_judge); }

static cadre_self *leaked;

static void leak(cadre_self *self) { leaked = self; }

static void call_from_outside(void)
{
    cadre_msg m;
    cadre_config config = quiet(2, 1);
    assert_int_equal(cadre_await(NULL, (cadre_token){1}, &m), -EINVAL);
    assert_int_equal(play_with(&config, leak), 0);
    cadre_system *sys;
    static const cadre_class root = {.name = "root", .receive = stop_at_once};
    assert_int_equal(cadre_system_new(&sys, &config, &root, NULL), 0);
    assert_int_equal(cadre_await(NULL, (cadre_token){1}, &m), -EINVAL);
    assert_int_equal(cadre_sleep(NULL, 1), -EINVAL);
    assert_int_equal(cadre_system_stop_by(sys, CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

static void misuse_is_refused(void **state)
{
    misuse(wrong_play);
    call_from_outside();
}

/* ---- one wait for one token, and nothing else ---- */

static int take_nothing(cadre_self *self, void *state, cadre_msg *m)
{
    fail_msg("it has a handler that waits");
    return 0;
}

static int wait_twice_for_one(cadre_self *self, void *state, cadre_msg *m)
{
    player *me = state;
    cadre_token token = {me->sum}, next;
    cadre_msg rung;
    if (value_of(m) == 1) {
        assert_int_equal(cadre_after(self, &token, CADRE_SECOND, tick, 0), 0);
        me->sum = token.id;
        must_await_open(self, token.id, &rung);
        assert_ptr_equal(rung.type, &tick_type);
        return 0;
    }
    assert_int_equal(cadre_await(self, token, &rung), -EBUSY);
    assert_int_equal(cadre_await_open(self, token, &rung), -EBUSY);
    assert_int_equal(cadre_then(self, token, take_nothing), -EBUSY);
    assert_int_equal(cadre_chain(self, &next, token, take_nothing, NULL), -EBUSY);
    assert_int_equal(cadre_join(self, &next, &token, 1, 1), -EBUSY);
    token = far_away(self);
    assert_int_equal(cadre_then(self, token, take_nothing), 0);
    assert_int_equal(cadre_await(self, token, &rung), -EBUSY);
    assert_int_equal(cadre_cancel(self, token), 0);
    returned++;
    return 0;
}

static void twice_scene(cadre_self *self)
{
    cadre_ref hero = cast(self, wait_twice_for_one, (cadre_ref){0});
    tell_number(self, hero, 1);
    tell_number(self, hero, 2);
}

static void one_token_has_one_wait(void **state)
{
    awaiting(twice_scene, cancel_step_judge);
}

int main(void)
{
    TESTS(
        cmocka_unit_test(await_is_cancelled),
        cmocka_unit_test(stop_waits_for_a_closed_wait),
        cmocka_unit_test(stop_ends_an_open_wait),
        cmocka_unit_test(failure_ends_the_waits_of_others),
        cmocka_unit_test(end_of_the_parent_ends_it),
        cmocka_unit_test(end_of_a_child_does_not), cmocka_unit_test(cancel_ends_a_wait),
        cmocka_unit_test(stop_hooks_do_not_wait),
        cmocka_unit_test(nobody_waits_before_a_sync),
        cmocka_unit_test(misuse_is_refused), cmocka_unit_test(one_token_has_one_wait));
    return RUN_TESTS();
}
