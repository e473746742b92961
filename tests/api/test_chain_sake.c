/* test_chain_sake.c: promises; for whose sake a step does what it does; and that it is a
 * handler like others. */
#include "support/chaining.h"

#include <cadre/await.h>
#include <cadre/scope.h>

#include <errno.h>

static cadre_ref asked, behind;
static int choice;
static cadre_time patience;

/* ---- promises ---- */

static cadre_promise promise;
static cadre_time given;
static void make_promise(cadre_self *self)
{
    cadre_token t = {0};
    record_clear();
    assert_int_equal(cadre_promise_new(self, &t, &promise, given), 0);
    assert_int_equal(promise.holder.id, cadre_me(self).id);
    assert_true(cadre_is_awaited(self, promise));
    source = t.id;
    token = chain(self, t.id, see, see);
}
static void answer_here(cadre_self *self)
{
    owned o = {1};
    make_promise(self);
    assert_int_equal(cadre_answer(self, promise, owned, 0), 0);
    assert_false(cadre_is_awaited(self, promise));
    assert_int_equal(cadre_answer_as(self, promise, &owned_type, &o), -EALREADY);
}
static void judge_kept_here(void)
{
    assert_record(0);
    assert_int_equal(outcomes.count, 1);
    assert_answered(0, token, 0);
}
static void promise_is_kept_here_once(void **state)
{
    given = CADRE_SECOND;
    asking(answer_here, judge_kept_here, 2);
}

typedef struct {
    cadre_promise promise;
    int answers;
} promising;
CADRE_TYPE(promising);
static int keep_promise(cadre_self *self, void *state, cadre_msg *m)
{
    const promising *p = cadre_body(m, promising);
    assert_false(cadre_is_awaited(self, p->promise)); /* it cannot know */
    for (uint32_t i = 0; i < (uint32_t)p->answers; i++)
        assert_int_equal(cadre_answer(self, p->promise, owned, i), 0);
    return 0;
}
static void answer_elsewhere(cadre_self *self)
{
    static const cadre_class keeper = {.receive = keep_promise};
    make_promise(self);
    assert_int_equal(cadre_spawn(self, &behind, &keeper, NULL), 0);
    assert_int_equal(cadre_send(self, behind, promising, promise, choice), 0);
}
static void judge_kept_elsewhere(void)
{
    judge_kept_here();
    assert_int_equal(outcomes.list[0].from.id, behind.id);
    assert_int_equal(sums.dropped, choice - 1);
}
static void judge_never_kept(void)
{
    assert_record(ETIMEDOUT);
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(outcomes.list[0].code, -ETIMEDOUT);
    assert_int_equal(outcomes.list[0].token, token);
    assert_true(outcomes.list[0].when >= given);
}
static void promise_is_kept_by_another(void **state)
{
    given = CADRE_NEVER;
    for (choice = 1; choice <= 3; choice++)
        asking(answer_elsewhere, judge_kept_elsewhere, (uint32_t)choice);
    given = 5 * CADRE_MS;
    choice = 0;
    asking(answer_elsewhere, judge_never_kept, 0);
}

static void cancel_promise(cadre_self *self)
{
    owned o = {0};
    make_promise(self);
    assert_int_equal(cancel(self, token), 0);
    assert_false(cadre_is_awaited(self, promise));
    assert_int_equal(cadre_answer_as(self, promise, &owned_type, &o), -EALREADY);
}
static void cancelled_promise_is_not_awaited(void **state)
{
    asking(cancel_promise, judge_nothing, 1);
}

static void misuse_promise(cadre_self *self)
{
    cadre_token t = {7};
    cadre_promise p = {.token = {7}};
    assert_int_equal(cadre_promise_new(self, NULL, &p, 1), -EINVAL);
    assert_int_equal(cadre_promise_new(self, &t, NULL, 1), -EINVAL);
    assert_int_equal(cadre_promise_new(self, &t, &p, 0), -EINVAL);
    assert_int_equal(cadre_promise_new(self, &t, &p, -1), -EINVAL);
    assert_int_equal(t.id + p.token.id, 14);
}
static void play_misuse_promise(void)
{
    assert_int_equal(play(misuse_promise), 0);
    assert_int_equal(lines_with("cadre_promise_new"), 4);
}
static void promise_checks_its_arguments(void **state) { misuse(play_misuse_promise); }

/* ---- for whose sake ---- */

/* Asked by the root, the middle answers by a chain whose second step asks the last. */
static cadre_time deadlines[3];
static cadre_promise owed;
static int ask_for_its_sake(cadre_self *self, void *state, cadre_msg *m)
{
    deadlines[1] = cadre_deadline(self);
    uint64_t t = ask_for(self, behind, CADRE_NEVER, 3);
    return cadre_follow(self, (cadre_token){t});
}
static int note_deadline(cadre_self *self, void *state, cadre_msg *m)
{
    deadlines[2] = cadre_deadline(self);
    return see(self, state, m);
}
static int answer_by_chain(cadre_self *self, void *state, cadre_msg *m)
{
    if (!m->token.id || m->from.id != cadre_parent(self).id)
        return 0;
    deadlines[0] = cadre_deadline(self);
    assert_int_equal(cadre_defer(self, m, &owed), 0);
    uint64_t t = ask_for(self, serve(self, REPLY, (cadre_ref){0}), CADRE_NEVER, 1);
    t = chain(self, chain(self, t, NULL, NULL), ask_for_its_sake, never);
    (void)chain(self, t, note_deadline, note_deadline);
    return 0;
}
static int give_up(cadre_self *self, void *state, cadre_msg *m)
{
    assert_int_equal(cancel(self, token), 0);
    return 0;
}
static void ask_middle(cadre_self *self)
{
    static const cadre_class middle = {.receive = answer_by_chain};
    record_clear();
    behind = serve(self, KEEP, (cadre_ref){0});
    assert_int_equal(cadre_spawn(self, &asked, &middle, NULL), 0);
    given = cadre_now(self) + patience;
    token = ask_for(self, asked, patience, 0);
}
static void ask_middle_and_give_up(cadre_self *self)
{
    cadre_token t;
    ask_middle(self);
    cadre_become(self, give_up);
    assert_int_equal(cadre_after(self, &t, 10 * CADRE_MS, number, 0), 0);
}
static void judge_inherited(void)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(deadlines[i], given);
    assert_record(ETIMEDOUT);
}
static void judge_spread(void)
{
    assert_record(ECANCELED);
    assert_int_equal(outcomes.count, 0);
}
static void deadline_inherited(void **state)
{
    patience = 50 * CADRE_MS;
    asking(ask_middle, judge_inherited, 4);
}
static void cancel_spreads(void **state)
{
    patience = CADRE_NEVER / 2;
    asking(ask_middle_and_give_up, judge_spread, 4);
}

/* ---- a step is a handler ---- */

static uint32_t jobs_done;
static int forgotten_job(cadre_scope *in, void *arg)
{
    jobs_done++;
    return 0;
}
static int step_forgets(cadre_self *self, void *state, cadre_msg *m)
{
    static cadre_scope s;
    static cadre_job job;
    assert_int_equal(cadre_scope_open(self, &s), 0);
    assert_int_equal(cadre_scope_spawn(&s, &job, forgotten_job, NULL), 0);
    return 0;
}
static void forget_in_a_step(cadre_self *self) { start_with(self, step_forgets); }
static void play_forgetful(void)
{
    jobs_done = 0;
    assert_int_equal(play(forget_in_a_step), 0);
    assert_int_equal(jobs_done, 1);
    assert_int_equal(lines_with("without having joined"), 1);
}
static void scope_in_a_step_is_ended(void **state) { misuse(play_forgetful); }

static int note_silence(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->token.id == source)
        record_add((uint64_t)(cadre_now(self) / CADRE_MS));
    return 0;
}
static int only_see(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static void be_silent(cadre_self *self)
{
    cadre_token t;
    record_clear();
    cadre_become(self, note_silence);
    assert_int_equal(cadre_when_idle_as(self, &t, 10 * CADRE_MS, CADRE_BODY(number, 0)),
                     0);
    source = t.id;
    t.id = wait_for(self, 6 * CADRE_MS, 0);
    assert_int_equal(cadre_chain(self, NULL, t, only_see, NULL), 0);
}
static void judge_silence(void) { assert_record(16); }
static void step_breaks_the_silence(void **state)
{
    asking(be_silent, judge_silence, 1);
}

/* ---- a handler that waits ---- */

static int await_chain(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg got;
    cadre_token t = {0};
    if (m->type != &number_type)
        return note_outcome(self, state, m);
    cadre_become(self, note_outcome);
    t.id = chain(self, wait_for(self, CADRE_MS, 0), see, never);
    t.id = chain(self, t.id, NULL, NULL);
    assert_int_equal(cadre_join(self, &t, &t, 1, 1), 0);
    assert_int_equal(
        choice ? cadre_await_open(self, t, &got) : cadre_await(self, t, &got), 0);
    return note_outcome(self, state, &got);
}
static void await_the_end(cadre_self *self)
{
    record_clear();
    cadre_become(self, await_chain);
    assert_int_equal(cadre_send(self, cadre_me(self), number, 1), 0);
}
static void judge_awaited(void)
{
    assert_record(0);
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(outcomes.list[0].id, 0);
    assert_ptr_equal(outcomes.list[0].type, &owned_type);
}
static void end_of_a_chain_can_be_awaited(void **state)
{
    for (choice = 0; choice < 2; choice++)
        asking(await_the_end, judge_awaited, 1);
}

/* What a handler waits for has no room for a step. */
static int await_timer(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg got;
    cadre_token t = {source}, next;
    if (m->type == &number_type) {
        assert_int_equal(cadre_await_open(self, t, &got), 0);
        return note_outcome(self, state, &got);
    }
    assert_int_equal(cadre_chain(self, &next, t, never, never), -EBUSY);
    assert_int_equal(cadre_join(self, &next, &t, 1, 1), -EBUSY);
    assert_int_equal(cadre_then(self, t, never), -EBUSY);
    return 0;
}
static void await_and_chain(cadre_self *self)
{
    cadre_become(self, await_timer);
    source = wait_for(self, 5 * CADRE_MS, 0);
    assert_int_equal(cadre_send(self, cadre_me(self), number, 1), 0);
    assert_int_equal(cadre_send(self, cadre_me(self), go, 1), 0);
}
static void judge_await_and_chain(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_answered(0, source, 0);
}
static void awaited_is_busy(void **state)
{
    asking(await_and_chain, judge_await_and_chain, 1);
}

int main(void)
{
    TESTS(cmocka_unit_test(promise_is_kept_here_once),
          cmocka_unit_test(promise_is_kept_by_another),
          cmocka_unit_test(cancelled_promise_is_not_awaited),
          cmocka_unit_test(promise_checks_its_arguments),
          cmocka_unit_test(deadline_inherited), cmocka_unit_test(cancel_spreads),
          cmocka_unit_test(scope_in_a_step_is_ended),
          cmocka_unit_test(step_breaks_the_silence),
          cmocka_unit_test(end_of_a_chain_can_be_awaited),
          cmocka_unit_test(awaited_is_busy));
    return RUN_TESTS();
}
