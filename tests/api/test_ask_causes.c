/* test_ask_causes.c: what a request hands down to what is asked for its sake: its
 * deadline, its cancellation, its asker's end. And what is refused. */
#include "support/asking.h"

#include <errno.h>

static cadre_ref asked, last;
static uint64_t token;
static cadre_time now_then, deadlines[4];

/* ---- deadline_inherited ---- */

/* In the middle: asks the last for the sake of what is in hand. */
static cadre_time patience;
static int ask_on(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise *p = state;
    if (m->from.id == last.id) {
        deadlines[2] = cadre_deadline(self);
        return cadre_answer_as(self, *p, m->type, m->body);
    }
    deadlines[1] = cadre_deadline(self);
    assert_int_equal(cadre_defer(self, m, p), 0);
    deadlines[0] = cadre_deadline(self); /* the same after that */
    assert_int_equal(cadre_ask(self, NULL, last, patience, number, 1), 0);
    return 0;
}
static int keep_deadline(cadre_self *self, void *state, cadre_msg *m)
{
    deadlines[3] = cadre_deadline(self);
    return 0;
}
static int keep_it_open(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise p;
    deadlines[3] = cadre_deadline(self);
    return cadre_defer(self, m, &p);
}
static void ask_down(cadre_self *self, cadre_receive *end)
{
    static const cadre_class middle = {.state_size = sizeof(cadre_promise),
                                       .receive = ask_on};
    const cadre_class bottom = {.receive = end};
    static cadre_class kept_class;
    kept_class = bottom;
    now_then = cadre_now(self);
    assert_int_equal(cadre_deadline(self), CADRE_NEVER);
    assert_int_equal(cadre_spawn(self, &last, &kept_class, NULL), 0);
    assert_int_equal(cadre_spawn(self, &asked, &middle, NULL), 0);
}
static void ask_with_deadline(cadre_self *self)
{
    ask_down(self, keep_deadline);
    token = ask_for(self, asked, 50 * CADRE_MS, 0);
}
static void judge_deadlines(void)
{
    cadre_time sooner = patience < 50 * CADRE_MS ? patience : 50 * CADRE_MS;
    assert_int_equal(outcomes.count, 1);
    assert_failed(0, token, CADRE_EUNANSWERED, last); /* passed on by the middle */
    for (int i = 0; i < 3; i++)
        assert_int_equal(deadlines[i], now_then + 50 * CADRE_MS);
    if (patience < 50 * CADRE_MS)
        assert_in_range(deadlines[3], now_then + sooner, now_then + sooner + CADRE_MS);
    else
        assert_int_equal(deadlines[3], now_then + 50 * CADRE_MS);
}
static void ask_without_deadline(cadre_self *self)
{
    ask_down(self, keep_deadline);
    token = ask_for(self, asked, CADRE_NEVER, 0);
}
static void judge_no_deadline(void)
{
    assert_int_equal(outcomes.count, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(deadlines[i], CADRE_NEVER);
}
static void deadline_inherited(void **state)
{
    patience = CADRE_NEVER;
    asking(ask_with_deadline, judge_deadlines, 1);
    patience = 51 * CADRE_MS;
    asking(ask_with_deadline, judge_deadlines, 1);
    patience = 10 * CADRE_MS;
    asking(ask_with_deadline, judge_deadlines, 1);
    asking(ask_without_deadline, judge_no_deadline, 1);
}

/* Both give up at the same time, and the answer of the middle may still be in time. */
static void ask_with_open_end(cadre_self *self)
{
    ask_down(self, keep_it_open);
    token = ask_for(self, asked, 50 * CADRE_MS, 0);
}
static void judge_open_end(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(outcomes.list[0].code, -ETIMEDOUT);
    assert_in_range(outcomes.list[0].when, now_then + 50 * CADRE_MS,
                    now_then + 51 * CADRE_MS);
}
static void inherited_deadline_passes(void **state)
{
    patience = CADRE_SECOND;
    asking(ask_with_open_end, judge_open_end, 1);
}

/* A plain message carries nothing of what it was sent for. */
static int send_on(cadre_self *self, void *state, cadre_msg *m)
{
    deadlines[0] = cadre_deadline(self);
    assert_int_equal(cadre_send(self, asked, number, 1), 0);
    return cadre_reply(self, m, number, 1);
}
static int ask_at_leisure(cadre_self *self, void *state, cadre_msg *m)
{
    deadlines[1] = cadre_deadline(self);
    return m->from.id == last.id ? 0
                                 : cadre_ask(self, NULL, last, CADRE_NEVER, number, 1);
}
static void ask_one_that_sends(cadre_self *self)
{
    static const cadre_class middle = {.receive = ask_at_leisure};
    static const cadre_class top = {.receive = send_on};
    static const cadre_class bottom = {.receive = keep_deadline};
    cadre_ref first;
    now_then = cadre_now(self);
    assert_int_equal(cadre_spawn(self, &last, &bottom, NULL), 0);
    assert_int_equal(cadre_spawn(self, &asked, &middle, NULL), 0);
    assert_int_equal(cadre_spawn(self, &first, &top, NULL), 0);
    (void)ask_for(self, first, 50 * CADRE_MS, 0);
}
static void judge_plain(void)
{
    assert_int_equal(deadlines[0], now_then + 50 * CADRE_MS);
    assert_int_equal(deadlines[1], CADRE_NEVER);
    assert_int_equal(deadlines[3], CADRE_NEVER);
}
static void plain_messages_carry_no_deadline(void **state)
{
    asking(ask_one_that_sends, judge_plain, 1);
}

/* ---- cancel_spreads ---- */

enum { DEPTH = 5 };
static uint32_t cancelled;   /* who heard of it */
static uint32_t not_awaited; /* afterwards */

typedef struct {
    uint32_t left;
    cadre_ref next;
    cadre_promise promise;
} link;

static int link_receive(cadre_self *self, void *state, cadre_msg *m);
static int link_start(cadre_self *self, void *state);
static const cadre_class link_class = {
    .state_size = sizeof(link), .start = link_start, .receive = link_receive};

static int link_start(cadre_self *self, void *state)
{
    link *l = state;
    link next = {.left = l->left - 1};
    return l->left > 1 ? cadre_spawn(self, &l->next, &link_class, &next) : 0;
}
static int link_receive(cadre_self *self, void *state, cadre_msg *m)
{
    link *l = state;
    const cadre_failure *f = cadre_body(m, cadre_failure);
    if (f) {
        assert_int_equal(f->code, -ECANCELED);
        assert_int_equal(f->origin.id, l->next.id);
        cancelled++;
        return 0;
    }
    if (m->type == &go_type) {
        not_awaited += !cadre_is_awaited(self, l->promise);
        return l->left > 1 ? cadre_send(self, l->next, go, 0) : 0;
    }
    assert_int_equal(cadre_defer(self, m, &l->promise), 0);
    if (l->left > 1)
        return cadre_ask(self, NULL, l->next, CADRE_SECOND, number, 1);
    return 0;
}

static bool ends; /* the asker, instead of cancelling */
static int cancel_and_look(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref *to = state;
    number *n = cadre_body(m, number);
    if (n && n->value == 1) {
        assert_int_equal(cadre_cancel(self, (cadre_token){token}), 0);
        return ends ? CADRE_STOP : cadre_after(self, NULL, CADRE_MS, number, 2);
    }
    return n ? cadre_send(self, *to, go, 0) : note_outcome(self, state, m);
}
static int chain_start(cadre_self *self, void *state)
{
    cadre_token t;
    int err = cadre_ask(self, &t, *(cadre_ref *)state, CADRE_SECOND, number, 0);
    token = t.id;
    return err ? err : cadre_after(self, NULL, CADRE_MS, number, 1);
}
static int look_later(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_send(self, asked, go, 0);
}
static void ask_down_a_chain(cadre_self *self)
{
    static const cadre_class top = {.state_size = sizeof(cadre_ref),
                                    .start = chain_start,
                                    .receive = cancel_and_look};
    link init = {.left = DEPTH};
    cancelled = not_awaited = 0;
    assert_int_equal(cadre_spawn(self, &asked, &link_class, &init), 0);
    assert_int_equal(cadre_spawn(self, NULL, &top, &asked), 0);
    cadre_become(self, look_later);
    if (ends)
        assert_int_equal(cadre_after(self, NULL, 3 * CADRE_MS, number, 2), 0);
}
static void judge_spread(void)
{
    assert_int_equal(outcomes.count, 0);
    assert_int_equal(cancelled, DEPTH - 1);
    assert_int_equal(not_awaited, DEPTH);
}
static void cancel_spreads(void **state)
{
    ends = false;
    asking(ask_down_a_chain, judge_spread, 0);
    ends = true;
    asking(ask_down_a_chain, judge_spread, 0);
}

/* What was asked for the sake of a request that has been answered goes on. */
static int answer_and_ask_on(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token t;
    if (m->type == &owned_type && m->from.id != last.id) {
        assert_int_equal(cadre_ask(self, &t, last, CADRE_NEVER, owned, 2), 0);
        return cadre_reply(self, m, owned, 1);
    }
    record_add(((owned *)m->body)->id);
    return 0;
}
static void ask_one_that_asks_on(cadre_self *self)
{
    static const cadre_class middle = {.receive = answer_and_ask_on};
    record_clear();
    last = serve(self, REPLY, (cadre_ref){0});
    assert_int_equal(cadre_spawn(self, &asked, &middle, NULL), 0);
    cadre_token t = {ask_for(self, asked, CADRE_SECOND, 0)};
    assert_int_equal(cadre_cancel(self, t), 0);
}
static void judge_goes_on(void)
{
    assert_int_equal(outcomes.count, 0);
    assert_record(3);
}
static void what_an_answered_request_caused_goes_on(void **state)
{
    asking(ask_one_that_asks_on, judge_goes_on, 4);
}

/* ---- refusals ---- */

static const cadre_type huge_type = {.name = "huge", .size = CADRE_BODY_MAX + 1};

static void ask_wrongly_but_legally(cadre_self *self)
{
    cadre_token t = {77};
    owned o = {0};
    cadre_ref me = cadre_me(self), to = serve(self, REPLY, (cadre_ref){0});
    assert_int_equal(cadre_ask_as(self, &t, to, 1, &huge_type, &o), -EMSGSIZE);
    assert_int_equal(cadre_then(self, t, note_outcome), -ENOENT);
    assert_int_equal(t.id, 77);
    assert_int_equal(cadre_stop(self, me), 0);
    assert_int_equal(cadre_ask(self, NULL, to, CADRE_NEVER, owned, 0), 0); /* not yet */
}
static void no_outcome(void) { assert_int_equal(outcomes.count, 0); }
static void too_large_request_is_refused(void **state)
{
    asking(ask_wrongly_but_legally, no_outcome, 2);
}

static int misuse_case;
static void misuse_scene(cadre_self *self)
{
    cadre_ref me = cadre_me(self), to = serve(self, REPLY, (cadre_ref){0});
    cadre_token t = {77};
    owned o = {0};
    int err = 0;
    switch (misuse_case) {
    case 0:
        err = cadre_ask_as(self, &t, to, 0, &owned_type, &o);
        break;
    case 1:
        err = cadre_ask_as(self, &t, to, -1, &owned_type, &o);
        break;
    case 2:
        err = cadre_ask_as(self, &t, me, 1, &owned_type, &o);
        break;
    case 3:
        err = cadre_ask_as(self, &t, to, 1, NULL, &o);
        drops[0] = 1; /* nobody knows how */
        break;
    case 4:
        err = cadre_ask_as(self, &t, to, 1, &owned_type, NULL);
        drops[0] = 1;
        break;
    default:
        err = cadre_then(self, (cadre_token){ask_for(self, to, 1, 0)}, NULL);
    }
    assert_int_equal(t.id, 77);
    assert_int_equal(err, -EINVAL);
}
static void misuse_once(void)
{
    drops_clear();
    assert_int_equal(play(misuse_scene), 0);
    assert_int_equal(drops[0], 1);
    assert_int_equal(lines_with(misuse_case < 5 ? "cadre_ask" : "cadre_then"), 1);
}
static void misused_calls_are_refused(void **state)
{
    for (misuse_case = 0; misuse_case < 6; misuse_case++)
        misuse(misuse_once);
}

static void calls_without_self(void **state)
{
    drops_clear();
    cadre_token t = {77};
    assert_int_equal(cadre_ask(NULL, &t, (cadre_ref){1}, 1, owned, 0), -EINVAL);
    assert_int_equal(cadre_cancel(NULL, t), -EINVAL);
    assert_int_equal(cadre_then(NULL, t, note_outcome), -EINVAL);
    assert_int_equal(cadre_deadline(NULL), CADRE_NEVER);
    assert_int_equal(t.id, 77);
    assert_dropped_once(1);
}

/* ---- in start and in stop ---- */

static void note_stop(cadre_self *self, void *state, int reason)
{
    cadre_token t = {77};
    assert_int_equal(cadre_ask(self, &t, asked, 1, owned, 2), -ESHUTDOWN);
    assert_int_equal(cadre_after(self, &t, 1, owned, 3), -ESHUTDOWN);
    assert_int_equal(cadre_every(self, &t, 1, number, 3), -ESHUTDOWN);
    assert_int_equal(cadre_when_idle_as(self, &t, 1, CADRE_BODY(number, 3)),
                     -ESHUTDOWN);
    assert_int_equal(cadre_cancel(self, (cadre_token){token}), -ENOENT);
    assert_int_equal(t.id, 77);
}
static int ask_in_start(cadre_self *self, void *state)
{
    cadre_token t;
    assert_int_equal(cadre_ask(self, &t, asked, CADRE_SECOND, owned, 0), 0);
    token = t.id;
    return 0;
}
static int stop_at_outcome(cadre_self *self, void *state, cadre_msg *m)
{
    (void)note_outcome(self, state, m);
    return CADRE_STOP;
}
static void spawn_asker(cadre_self *self)
{
    static const cadre_class asker = {
        .start = ask_in_start, .receive = stop_at_outcome, .stop = note_stop};
    asked = serve(self, REPLY, (cadre_ref){0});
    assert_int_equal(cadre_spawn(self, NULL, &asker, NULL), 0);
}
static void judge_start(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_answered(0, token, 1);
}
static void ask_in_start_and_in_stop(void **state)
{
    asking(spawn_asker, judge_start, 4);
}

/* ---- the asker ends first ---- */

static int ask_and_end(cadre_self *self, void *state)
{
    cadre_ref *to = state;
    assert_int_equal(cadre_ask(self, NULL, *to, CADRE_SECOND, owned, 0), 0);
    assert_int_equal(cadre_ask(self, NULL, *to, CADRE_NEVER, owned, 2), 0);
    return CADRE_EUSER;
}
static enum way way;
static void spawn_asker_that_ends(cadre_self *self)
{
    static const cadre_class asker = {
        .state_size = sizeof(cadre_ref), .start = ask_and_end, .receive = note_outcome};
    asked = serve(self, way, (cadre_ref){0});
    assert_int_equal(cadre_spawn(self, NULL, &asker, &asked), 0);
    assert_int_equal(cadre_after(self, NULL, 2 * CADRE_SECOND, number, 1), 0);
}
static void judge_orphans(void)
{
    assert_int_equal(outcomes.count, 1); /* the timer of whoever looks on */
    assert_int_equal(sums.dead, 0);
    assert_in_range(sums.dropped, way == KEEP ? 0 : 2, 2); /* it may be told in time */
    if (way == KEEP) {
        assert_true(drops[0] == 1 && drops[2] == 1);
        drops_clear();
    }
}
static void asker_ends_first(void **state)
{
    way = REPLY;
    asking(spawn_asker_that_ends, judge_orphans, 4);
    way = KEEP;
    asking(spawn_asker_that_ends, judge_orphans, 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(deadline_inherited),
          cmocka_unit_test(inherited_deadline_passes),
          cmocka_unit_test(plain_messages_carry_no_deadline),
          cmocka_unit_test(cancel_spreads),
          cmocka_unit_test(what_an_answered_request_caused_goes_on),
          cmocka_unit_test(too_large_request_is_refused),
          cmocka_unit_test(misused_calls_are_refused),
          cmocka_unit_test(calls_without_self),
          cmocka_unit_test(ask_in_start_and_in_stop),
          cmocka_unit_test(asker_ends_first));
    return RUN_TESTS();
}
