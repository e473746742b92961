/* test_promise_dropped.c: a promise that was delegated, and is dropped where it went: its
 * client is told at once, while the one that made it lives on. */
#include "support/asking.h"

#include <errno.h>

static cadre_ref maker, other;
static uint64_t token;

/* What becomes of it over there. */
static enum drop {
    NOT_LOOKED_AT,
    TYPE_UNKNOWN,
    FAILED_ON,
    STOPPED_ON,
    IN_THE_MAILBOX, /* when it ends: stopped, killed */
    IN_THE_MAILBOX_OF_ONE_KILLED,
    SET_ASIDE_AT_ITS_END,
    DEFERRED_AT_ITS_END,
    PASSED_ON_AND_DROPPED,
    START_FAILS,
    NEVER_WAS,
    DROPS
} drop;

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    if (m->type == &finish_type)
        return cadre_body(m, finish)->result;
    switch (drop) {
    case TYPE_UNKNOWN:
        return cadre_unhandled(self, m);
    case FAILED_ON:
        return CADRE_EUSER;
    case STOPPED_ON:
        return CADRE_STOP;
    case SET_ASIDE_AT_ITS_END:
        assert_int_equal(cadre_send(self, other, finish, CADRE_STOP), 0);
        return cadre_stash(self, m);
    case DEFERRED_AT_ITS_END:
        assert_int_equal(cadre_send(self, other, finish, CADRE_STOP), 0);
        return cadre_defer(self, m, &promise);
    case PASSED_ON_AND_DROPPED:
        assert_int_equal(cadre_defer(self, m, &promise), 0);
        return cadre_delegate_as(self, promise, maker, CADRE_BODY(number, 1));
    default:
        return 0;
    }
}
static int refuse_to_start(cadre_self *self, void *state) { return CADRE_EUSER; }

static int delegate(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise promise;
    if (m->type == &number_type)
        return 0; /* it came back, and is dropped here */
    assert_int_equal(cadre_defer(self, m, &promise), 0);
    if (drop == IN_THE_MAILBOX)
        assert_int_equal(cadre_send(self, other, finish, CADRE_STOP), 0);
    assert_int_equal(cadre_delegate_as(self, promise, other, CADRE_BODY(owned, 1)), 0);
    if (drop == IN_THE_MAILBOX_OF_ONE_KILLED)
        assert_int_equal(cadre_kill(self, other, 0), 0);
    return 0;
}

static void ask_one_that_delegates(cadre_self *self)
{
    static const cadre_class makers = {.receive = delegate};
    static const cadre_class others = {.receive = receive};
    static const cadre_class unborn = {.start = refuse_to_start, .receive = receive};
    other = (cadre_ref){0};
    assert_int_equal(cadre_spawn(self, &maker, &makers, NULL), 0);
    if (drop != NEVER_WAS)
        assert_int_equal(
            cadre_spawn(self, &other, drop == START_FAILS ? &unborn : &others, NULL),
            0);
    token = ask_for(self, maker, CADRE_NEVER, 0);
    /* The one that made it is there until the end. */
    assert_int_equal(cadre_after(self, NULL, CADRE_SECOND, number, 1), 0);
}
static void judge_dropped(void)
{
    bool ended = drop != NOT_LOOKED_AT && drop != TYPE_UNKNOWN && drop != STOPPED_ON &&
                 drop != PASSED_ON_AND_DROPPED;
    bool may_be_read = drop == IN_THE_MAILBOX_OF_ONE_KILLED; /* before it is killed */
    assert_int_equal(outcomes.count, 2);
    const struct outcome *o = &outcomes.list[0];
    if (!may_be_read || o->code != CADRE_EUNANSWERED)
        assert_int_equal(o->code, ended ? CADRE_EDEAD : CADRE_EUNANSWERED);
    assert_int_equal(o->token, token);
    assert_int_equal(o->origin.id, drop == PASSED_ON_AND_DROPPED ? maker.id : other.id);
    assert_true(o->when < outcomes.list[1].when - CADRE_SECOND / 2);
}
static void dropped_promise_fails(void **state)
{
    for (drop = NOT_LOOKED_AT; drop < DROPS; drop++)
        asking(ask_one_that_delegates, judge_dropped, 2);
}

/* The value goes to another one as well, and is lost there: whoever made it still has the
 * duty, so nothing is told before that ends. */
static int hand_value_on(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_promise *p = state;
    if (m->type == &finish_type)
        return cadre_body(m, finish)->result;
    assert_int_equal(cadre_defer(self, m, p), 0);
    return cadre_send(self, other, number, p->token.id);
}
static void ask_one_that_sends_the_value(cadre_self *self)
{
    static const cadre_class makers = {.state_size = sizeof(cadre_promise),
                                       .receive = hand_value_on};
    assert_int_equal(cadre_spawn(self, &other, &sink_class, NULL), 0);
    assert_int_equal(cadre_spawn(self, &maker, &makers, NULL), 0);
    token = ask_for(self, maker, CADRE_NEVER, 0);
    assert_int_equal(cadre_after(self, NULL, CADRE_MS, number, 1), 0);
    assert_int_equal(cadre_send(self, maker, finish, 0), 0);
}
static void judge_value(void)
{
    assert_int_equal(outcomes.count, 1); /* the timer; then all was quiet */
    assert_int_equal(outcomes.list[0].code, 0);
}
static void value_that_was_sent_leaves_the_duty(void **state)
{
    asking(ask_one_that_sends_the_value, judge_value, 1);
}

int main(void)
{
    TESTS(cmocka_unit_test(dropped_promise_fails),
          cmocka_unit_test(value_that_was_sent_leaves_the_duty));
    return RUN_TESTS();
}
