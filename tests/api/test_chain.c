/* test_chain.c: outcomes that pass from step to step: who gets what, what a step returns,
 * and what it may do in between. */
#include "support/chaining.h"
#include "support/effort.h"

#include <errno.h>
#include <pthread.h>

static cadre_ref asked;
static uint64_t other;

static void chain_end(cadre_self *self, uint64_t of, cadre_receive *then,
                      cadre_receive *otherwise)
{
    assert_int_equal(cadre_chain(self, NULL, (cadre_token){of}, then, otherwise), 0);
}

static uint64_t ask_way(cadre_self *self, enum way way)
{
    record_clear();
    asked = serve(self, way, (cadre_ref){0});
    return ask_for(self, asked, CADRE_SECOND, 0);
}

/* ---- who gets what ---- */

static enum way way;
static void ask_then(cadre_self *self)
{
    token = chain(self, ask_way(self, REPLY), see, never);
}
static void judge_value(void)
{
    assert_record(1);
    assert_int_equal(outcomes.count, 1);
    assert_answered(0, token, 1);
}
static void then_runs_for_a_value(void **state) { asking(ask_then, judge_value, 2); }

static void ask_otherwise(cadre_self *self)
{
    token = chain(self, ask_way(self, REFUSE), never, see);
}
static void judge_failure(void)
{
    assert_record(-CADRE_EUSER);
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(outcomes.list[0].code, CADRE_EUSER);
    assert_int_equal(outcomes.list[0].token, token);
}
static void otherwise_runs_for_a_failure(void **state)
{
    asking(ask_otherwise, judge_failure, 1);
}

static void ask_both(cadre_self *self)
{
    token = chain(self, ask_way(self, way), see, see);
}
static void same_step_twice_runs_in_either_case(void **state)
{
    way = REPLY;
    asking(ask_both, judge_value, 2);
    way = REFUSE;
    asking(ask_both, judge_failure, 1);
}

static void ask_value_passes(cadre_self *self)
{
    token = chain(self, ask_way(self, REPLY), NULL, never);
    token = chain(self, token, NULL, NULL);
    token = chain(self, token, see, never);
}
static void value_passes(void **state) { asking(ask_value_passes, judge_value, 2); }

static void ask_failure_passes(cadre_self *self)
{
    token = chain(self, ask_way(self, REFUSE), never, NULL);
    for (int i = 0; i < 3; i++)
        token = chain(self, token, never, NULL);
    token = chain(self, token, NULL, NULL);
    token = chain(self, token, never, see);
}
static void failure_passes(void **state)
{
    asking(ask_failure_passes, judge_failure, 1);
}

static cadre_ref someone;
static const char reason[] = "the reason";
static int refuse_with_reason(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_reply(self, m, cadre_failure, .code = CADRE_EUSER - 5, .cause = -EIO,
                       .origin = someone, .message = reason);
}
static uint32_t told;
static int hear_reason(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_failure *f = cadre_body(m, cadre_failure);
    assert_non_null(f);
    assert_int_equal(f->code, CADRE_EUSER - 5);
    assert_int_equal(f->cause, -EIO);
    assert_int_equal(f->origin.id, someone.id);
    assert_ptr_equal(f->message, reason);
    assert_int_equal(m->from.id, asked.id);
    told++;
    return 0;
}
static void ask_for_reason(cadre_self *self)
{
    static const cadre_class refuser = {.receive = refuse_with_reason};
    cadre_become(self, hear_reason);
    told = 0;
    someone = serve(self, FORGET, (cadre_ref){0});
    assert_int_equal(cadre_spawn(self, &asked, &refuser, NULL), 0);
    token = chain(self, ask_for(self, asked, CADRE_SECOND, 0), never, NULL);
    token = chain(self, token, never, hear_reason);
    token = chain(self, token, NULL, NULL);
}
static void judge_told(void) { assert_int_equal(told, 2); }
static void failure_tells(void **state) { asking(ask_for_reason, judge_told, 1); }

/* ---- reported_once ---- */

static unsigned reports(void) { return lines_with("a chain failed"); }

static void ask_and_leave(cadre_self *self)
{
    token = chain(self, ask_way(self, way), NULL, NULL);
    chain_end(self, token, NULL, NULL);
}
static void judge_one_report(void)
{
    assert_int_equal(reports(), 1);
    assert_int_equal(outcomes.count, 0);
}
static void judge_no_report(void)
{
    assert_int_equal(reports(), 0);
    assert_int_equal(outcomes.count, 0);
}
static int fail_7(cadre_self *self, void *state, cadre_msg *m)
{
    return CADRE_EUSER - 7;
}
static void ask_and_fail_at_the_end(cadre_self *self)
{
    chain_end(self, ask_way(self, way), fail_7, fail_7);
}
static void ask_and_handle(cadre_self *self)
{
    chain_end(self, ask_way(self, REFUSE), never, see);
}
static void ask_and_cancel_source(cadre_self *self)
{
    source = ask_way(self, REFUSE);
    chain_end(self, source, never, NULL);
    assert_int_equal(cadre_cancel(self, (cadre_token){source}), 0);
}
static void ask_for_reason_and_leave(cadre_self *self)
{
    ask_for_reason(self);
    chain_end(self, token, NULL, NULL);
}
static void judge_report_with_reason(void)
{
    assert_int_equal(lines_with(reason), 1);
    assert_int_equal(lines_with("(-10005)"), 1);
}
static void reported_once(void **state)
{
    way = REFUSE;
    asking(ask_and_leave, judge_one_report, 1);
    asking(ask_and_fail_at_the_end, judge_one_report, 1);
    asking(ask_for_reason_and_leave, judge_report_with_reason, 1);
    way = REPLY;
    asking(ask_and_fail_at_the_end, judge_one_report, 2);
    asking(ask_and_leave, judge_no_report, 2);
    asking(ask_and_handle, judge_no_report, 1);
    asking(ask_and_cancel_source, judge_no_report, 1);
}

/* ---- what a step returns ---- */

static int result;
static int return_result(cadre_self *self, void *state, cadre_msg *m) { return result; }
static void ask_for_result(cadre_self *self)
{
    token = chain(self, ask_way(self, way), return_result, return_result);
}
static void judge_negative(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(outcomes.list[0].token, token);
    assert_int_equal(outcomes.list[0].code, result);
    assert_int_equal(outcomes.list[0].cause, way == REPLY ? 0 : CADRE_EUSER);
    assert_true(outcomes.list[0].origin.id != 0);
    assert_true(outcomes.list[0].origin.id != asked.id);
    assert_int_equal(sums.dead, 0); /* the step was run, and has handled it */
}
static void negative_result_is_a_failure(void **state)
{
    result = CADRE_EUSER - 3;
    way = REPLY;
    asking(ask_for_result, judge_negative, 2);
    way = REFUSE;
    asking(ask_for_result, judge_negative, 1);
}

/* The root stops, or fails; so its reason is not 0, and asking() is no help. */
static void end_by_step(int returned, int root_reason)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        cadre_config config = quiet(1 + seed % 3, seed);
        drops_clear();
        result = returned;
        way = REPLY;
        assert_int_equal(play_with(&config, ask_for_result), root_reason);
        assert_dropped_once(2);
        assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    }
}
static void stop_in_a_step_stops_the_actor(void **state) { end_by_step(CADRE_STOP, 0); }
static void end_by_strange_result(void) { end_by_step(2, -EINVAL); }
static void other_results_fail_the_actor(void **state)
{
    misuse(end_by_strange_result);
}

/* ---- pass ---- */

static int pass_10(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_pass_as(self, CADRE_BODY(owned, 10)), 0);
    return result;
}
static int pass_on(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_pass_as(self, CADRE_BODY(owned, ((owned *)m->body)->id + 1));
}
static void ask_and_pass_on(cadre_self *self)
{
    token = ask_way(self, REPLY);
    for (int i = 0; i < 8; i++)
        token = chain(self, token, pass_on, never);
}
static void judge_passed_on(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_answered(0, token, 9);
    assert_int_equal(sums.dropped + sums.dead, 0);
}
static void passed_body_is_the_outcome(void **state)
{
    asking(ask_and_pass_on, judge_passed_on, 10);
}

static int recover(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(code_of(m), -CADRE_EUSER);
    return cadre_pass_as(self, CADRE_BODY(owned, 1));
}
static int pass_failure(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_pass_as(self, CADRE_BODY(cadre_failure, .code = CADRE_EUSER));
}
static void ask_and_recover(cadre_self *self)
{
    token = chain(self, ask_way(self, REPLY), pass_failure, never);
    token = chain(self, token, never, recover);
    token = chain(self, token, see, never);
    token = chain(self, token, pass_failure, never);
}
static void judge_recovered(void)
{
    assert_record(1);
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(outcomes.list[0].code, CADRE_EUSER);
}
static void drops_twice_of_1(void)
{
    judge_recovered();
    assert_int_equal(atomic_exchange(&drops[1], 1), 2); /* the answer and the other */
}
static void failure_becomes_value_and_back(void **state)
{
    asking(ask_and_recover, drops_twice_of_1, 2);
}

static void ask_pass_and_fail(cadre_self *self)
{
    (void)ask_way(self, REPLY);
    token = ask_for(self, asked, CADRE_SECOND, 2);
    token = chain(self, token, pass_10, never);
}
static void judge_passed_and_failed(void)
{
    assert_int_equal(outcomes.count, 2);
    assert_failed(1, token, result, outcomes.list[1].from);
    assert_int_equal(sums.dropped, 1);
    assert_int_equal(atomic_exchange(&drops[10], 0), 1);
}
static void failing_step_drops_what_it_passed(void **state)
{
    result = CADRE_EUSER;
    asking(ask_pass_and_fail, judge_passed_and_failed, 4);
    result = 0;
}

/* A failure whose code is 0 is a failure all the same. */
static int pass_code_0(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_pass_as(self, CADRE_BODY(cadre_failure, 0));
}
static void ask_code_0(cadre_self *self)
{
    token = chain(self, ask_way(self, REPLY), pass_code_0, never);
    token = chain(self, token, never, see);
    token = chain(self, token, never, NULL);
}
static void judge_code_0(void)
{
    assert_record(0);
    assert_int_equal(outcomes.count, 1);
    assert_ptr_equal(outcomes.list[0].type, &cadre_failure_type);
}
static void failure_with_code_0_is_a_failure(void **state)
{
    asking(ask_code_0, judge_code_0, 2);
}

static int pass_large(cadre_self *self, void *state, cadre_msg *m)
{
    large l = large_of(((large *)m->body)->id + 1);
    assert_true(large_is_whole(m->body));
    return cadre_pass_as(self, &large_type, &l);
}
static void ask_large(cadre_self *self)
{
    token = chain(self, ask_way(self, REPLY_LARGE), pass_large, never);
    token = chain(self, token, pass_large, never);
    token = chain(self, token, NULL, never);
}
static void judge_large(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_answered(0, token, 3); /* and is whole */
}
static void large_bodies_pass(void **state) { asking(ask_large, judge_large, 4); }

/* ---- the message in hand goes elsewhere ---- */

static int forward_it(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_forward(self, someone, m), 0);
    return 0;
}
static int set_it_aside(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cadre_stash(self, m), 0);
    cadre_unstash(self);
    return 0;
}
static int refuse_it(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_unhandled(self, m);
}
static int see_owned(cadre_self *self, void *state, cadre_msg *m)
{
    assert_ptr_equal(m->type, &owned_type);
    record_add(code_of(m));
    return 0;
}
static cadre_receive *mover;
static void ask_and_move(cadre_self *self)
{
    static const cadre_class seer = {.receive = see_owned};
    assert_int_equal(cadre_spawn(self, &someone, &seer, NULL), 0);
    other = ask_way(self, REPLY);
    token = chain(self, other, mover, never);
}
static void judge_unanswered(uint32_t n)
{
    assert_int_equal(outcomes.list[n].token, token);
    assert_int_equal(outcomes.list[n].code, CADRE_EUNANSWERED);
}
static void judge_forwarded(void)
{
    assert_record(1);
    assert_int_equal(outcomes.count, 1);
    judge_unanswered(0);
}
static void judge_set_aside(void)
{
    assert_int_equal(outcomes.count, 2); /* the failure is not kept waiting */
    judge_unanswered(0);
    assert_answered(1, other, 1);
}
static void judge_refused(void)
{
    assert_int_equal(outcomes.count, 1);
    judge_unanswered(0);
    assert_int_equal(sums.dead, 1);
    assert_int_equal(lines_with("does not expect this type"), 1);
}
static void message_goes_elsewhere_in_a_step(void **state)
{
    mover = forward_it;
    asking(ask_and_move, judge_forwarded, 2);
    mover = set_it_aside;
    asking(ask_and_move, judge_set_aside, 2);
    mover = refuse_it;
    asking(ask_and_move, judge_refused, 2);
}

/* ---- over timers; to cadre_then() ---- */

static int then_end(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(m->token.id, token);
    record_add(1000 + code_of(m));
    return 0;
}
static void wait_and_chain(cadre_self *self)
{
    cadre_token t;
    record_clear();
    assert_int_equal(cadre_after(self, &t, 10 * CADRE_MS, owned, 0), 0);
    token = chain(self, t.id, see, never);
    token = chain(self, token, pass_on, never);
    assert_int_equal(cadre_then(self, t, see), -EBUSY); /* has a step */
    assert_int_equal(cadre_chain(self, &t, t, see, NULL), -EBUSY);
    assert_int_equal(cadre_then(self, (cadre_token){token}, then_end), 0);
    assert_int_equal(cadre_chain(self, &t, (cadre_token){token}, see, NULL), -EBUSY);
    t.id = token + 1000;
    assert_int_equal(cadre_chain(self, &t, t, see, NULL), -ENOENT);
    assert_int_equal(cadre_every(self, &t, CADRE_MS, number, 0), 0);
    assert_int_equal(cadre_chain(self, &t, t, see, NULL), -ENOENT); /* has no outcome */
    assert_int_equal(cadre_cancel(self, t), 0);
}
static void judge_timer(void)
{
    assert_record(0, 1001);
    assert_int_equal(outcomes.count, 0);
}
static void chain_over_a_timer(void **state) { asking(wait_and_chain, judge_timer, 2); }

/* ---- long ones ---- */

enum { SMALL_STACK = 256 << 10 };
static uint64_t steps, length;
static enum { RUN_THROUGH, CANCEL_END, CANCEL_SOURCE, END_WITH_IT } deed;
static int step_on(cadre_self *self, void *state, cadre_msg *m)
{
    steps++;
    return 0;
}
static int start_long(cadre_self *self, void *state)
{
    cadre_token first, last;
    int err = cadre_after(self, &first, CADRE_MS, number, 0);
    last = first;
    for (uint64_t i = 0; !err && i < length; i++)
        err = cadre_chain(self, &last, last, step_on, step_on);
    if (!err && deed == CANCEL_END)
        err = cadre_cancel(self, last);
    if (!err && deed == CANCEL_SOURCE)
        err = cadre_cancel(self, first);
    return err ? err : deed == END_WITH_IT;
}
static void *run_long(void *arg)
{
    static const cadre_class root = {.start = start_long, .receive = step_on};
    cadre_config config = quiet(1, 1);
    config.end_when_quiet = true;
    *(int *)arg = cadre_run(&config, &root, NULL);
    return NULL;
}
static uint64_t run_long_on_a_small_stack(void)
{
    pthread_t thread;
    pthread_attr_t attr;
    int reason_of_root = 77;
    steps = 0;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, SMALL_STACK), 0);
    assert_int_equal(pthread_create(&thread, &attr, run_long, &reason_of_root), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attr);
    assert_int_equal(reason_of_root, 0);
    return steps;
}
static void million_steps_need_no_stack(void **state)
{
    length = EFFORT_SLOWDOWN == 1 ? 1000000 : 100000;
    deed = RUN_THROUGH;
    assert_int_equal(run_long_on_a_small_stack(), length + 1);
    deed = CANCEL_END;
    assert_int_equal(run_long_on_a_small_stack(), 0);
    deed = CANCEL_SOURCE; /* what comes behind the second fails */
    assert_int_equal(run_long_on_a_small_stack(), length);
    deed = END_WITH_IT;
    assert_int_equal(run_long_on_a_small_stack(), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(then_runs_for_a_value),
          cmocka_unit_test(otherwise_runs_for_a_failure),
          cmocka_unit_test(same_step_twice_runs_in_either_case),
          cmocka_unit_test(value_passes), cmocka_unit_test(failure_passes),
          cmocka_unit_test(failure_tells), cmocka_unit_test(reported_once),
          cmocka_unit_test(negative_result_is_a_failure),
          cmocka_unit_test(stop_in_a_step_stops_the_actor),
          cmocka_unit_test(other_results_fail_the_actor),
          cmocka_unit_test(passed_body_is_the_outcome),
          cmocka_unit_test(failure_becomes_value_and_back),
          cmocka_unit_test(failing_step_drops_what_it_passed),
          cmocka_unit_test(failure_with_code_0_is_a_failure),
          cmocka_unit_test(large_bodies_pass),
          cmocka_unit_test(message_goes_elsewhere_in_a_step),
          cmocka_unit_test(chain_over_a_timer),
          cmocka_unit_test(million_steps_need_no_stack));
    return RUN_TESTS();
}
