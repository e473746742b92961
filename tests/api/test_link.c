/* test_link.c: links: the guarantee of cadre/watch.h by its name, and what ends one. */
#include "support/effort.h"
#include "support/watching.h"

#include <cadre/await.h>
#include <cadre/chain.h>
#include <cadre/supervise.h>

#include <errno.h>

/* ---- who has linked ---- */

enum deed { FAIL_NOW, STOP_NOW, UNLINK, WAIT_CLOSED, MISUSE };
typedef struct {
    enum deed deed;
} order;
static CADRE_TYPE(order);

typedef struct {
    cadre_ref to;
    cadre_token link;
} linker;
static int wait_result; /* of an await that the link cut short */

static int link_start(cadre_self *self, void *state)
{
    linker *l = state;
    return cadre_link(self, &l->link, l->to);
}

static int wait_closed(cadre_self *self)
{
    cadre_token token;
    cadre_promise promise;
    cadre_msg m;
    assert_int_equal(cadre_promise_new(self, &token, &promise, CADRE_NEVER), 0);
    wait_result = cadre_await(self, token, &m);
    return 0;
}

static void misuse_token(cadre_self *self, cadre_token link)
{
    cadre_token next = {7};
    cadre_msg m;
    assert_int_equal(cadre_then(self, link, note_outcome), -EBUSY);
    assert_int_equal(cadre_chain(self, &next, link, NULL, NULL), -EBUSY);
    assert_int_equal(cadre_join(self, &next, &link, 1, 1), -EBUSY);
    assert_int_equal(cadre_await(self, link, &m), -EBUSY);
    assert_int_equal(next.id, 7);
}

static int link_receive(cadre_self *self, void *state, cadre_msg *m)
{
    linker *l = state;
    assert_non_null(cadre_body(m, order)); /* the news itself is none of its business */
    switch (cadre_body(m, order)->deed) {
    case FAIL_NOW:
        return CADRE_EUSER - 5;
    case STOP_NOW:
        return CADRE_STOP;
    case UNLINK:
        return cadre_cancel(self, l->link);
    case WAIT_CLOSED:
        return wait_closed(self);
    default:
        misuse_token(self, l->link);
        return 0;
    }
}
static const cadre_class linker_class = {.name = "linker",
                                         .state_size = sizeof(linker),
                                         .start = link_start,
                                         .receive = link_receive};

/* ---- two of them, and the root that watches both ---- */

static struct {
    cadre_ref linker, linked;
    uint64_t of_linker, of_linked;
} pair;

static void give_order(cadre_self *self, enum deed deed)
{
    assert_int_equal(cadre_send(self, pair.linker, order, deed), 0);
}

static void finish_linked(cadre_self *self, enum deed deed)
{
    assert_int_equal(cadre_send(self, pair.linked, order, deed), 0);
}

/* What is to be done when the link is there. */
static void (*deed_of_root)(cadre_self *self);
static int do_deed(cadre_self *self, void *state, cadre_msg *m)
{
    deed_of_root(self);
    return 0;
}

static void make_pair(cadre_self *self)
{
    cadre_token later;
    pair.linked = mortal(self);
    linker init = {.to = pair.linked};
    assert_int_equal(cadre_spawn(self, &pair.linker, &linker_class, &init), 0);
    pair.of_linker = watch_one(self, pair.linker);
    pair.of_linked = watch_one(self, pair.linked);
    assert_int_equal(cadre_after(self, &later, CADRE_MS, number, 0), 0);
    assert_int_equal(cadre_then(self, later, do_deed), 0);
}
static void when_linked(void (*deed)(cadre_self *self), void (*judge)(void))
{
    deed_of_root = deed;
    watching(make_pair, judge);
}

/* ---- links_fail_together ---- */

static int reason_of_both;
static void judge_both(void)
{
    assert_told(pair.of_linker, pair.linker, reason_of_both);
    assert_told(pair.of_linked, pair.linked, reason_of_both);
}
static void fail_linked(cadre_self *self)
{
    finish_one(self, pair.linked, CADRE_EUSER - 5);
}
static void fail_linker(cadre_self *self) { give_order(self, FAIL_NOW); }
static void kill_linked(cadre_self *self)
{
    assert_int_equal(cadre_kill(self, pair.linked, -9), 0);
}
static void kill_linker(cadre_self *self)
{
    assert_int_equal(cadre_kill(self, pair.linker, -9), 0);
}
static void links_fail_together(void **state)
{
    reason_of_both = CADRE_EUSER - 5;
    when_linked(fail_linked, judge_both);
    when_linked(fail_linker, judge_both);
    reason_of_both = -9;
    when_linked(kill_linked, judge_both);
    when_linked(kill_linker, judge_both);
}

/* A handler that waits closed holds messages back, but not this. */
static void fail_linked_while_linker_waits(cadre_self *self)
{
    wait_result = 1;
    give_order(self, WAIT_CLOSED);
    fail_linked(self);
}
static void judge_waiting(void)
{
    judge_both();
    assert_true(wait_result == -ECANCELED || wait_result == 1); /* it had not begun */
}
static void a_link_cuts_a_closed_wait_short(void **state)
{
    reason_of_both = CADRE_EUSER - 5;
    when_linked(fail_linked_while_linker_waits, judge_waiting);
}

/* ---- what ends a link and nothing else ---- */

static void stop_linked(cadre_self *self) { finish_one(self, pair.linked, CADRE_STOP); }
static void stop_linker(cadre_self *self) { give_order(self, STOP_NOW); }

/* The other one lives until the root ends, which is then told nothing any more. */
static void judge_only_linked(void)
{
    assert_told(pair.of_linked, pair.linked, reason_of_both);
    assert_int_equal(times_told(pair.of_linker), 0);
}
static void judge_only_linker(void)
{
    assert_told(pair.of_linker, pair.linker, reason_of_both);
    assert_int_equal(times_told(pair.of_linked), 0);
}
static void a_normal_end_ends_the_link_only(void **state)
{
    reason_of_both = 0;
    when_linked(stop_linked, judge_only_linked);
    when_linked(stop_linker, judge_only_linker);
}

static int fail_linked_later(cadre_self *self, void *state, cadre_msg *m)
{
    fail_linked(self);
    return 0;
}
static void unlink_and_fail_linked(cadre_self *self)
{
    cadre_token later;
    give_order(self, UNLINK);
    assert_int_equal(cadre_after(self, &later, CADRE_MS, number, 0), 0);
    assert_int_equal(cadre_then(self, later, fail_linked_later), 0);
}
static void unlink_and_fail_linker(cadre_self *self)
{
    give_order(self, UNLINK);
    give_order(self, FAIL_NOW);
}
static void cancelled_link_does_nothing(void **state)
{
    reason_of_both = CADRE_EUSER - 5;
    when_linked(unlink_and_fail_linked, judge_only_linked);
    when_linked(unlink_and_fail_linker, judge_only_linker);
}

/* ---- to nobody, and what may not be done ---- */

static void link_to_nobody(cadre_self *self)
{
    pair.linked = (cadre_ref){cadre_me(self).id + 1};
    linker init = {.to = pair.linked};
    assert_int_equal(cadre_spawn(self, &pair.linker, &linker_class, &init), 0);
    pair.of_linker = watch_one(self, pair.linker);
}
static void link_to_the_dead_fails(void **state)
{
    reason_of_both = CADRE_EDEAD;
    watching(link_to_nobody, judge_only_linker);
}

static void order_misuse(cadre_self *self) { give_order(self, MISUSE); }
static void judge_nobody(void) { assert_int_equal(news.count, 0); }
static void a_link_has_no_step_and_no_waiter(void **state)
{
    when_linked(order_misuse, judge_nobody);
}

/* ---- one that its parent keeps: who is linked is told each time ---- */

static uint32_t downs; /* of the one that is kept */
static bool fails_again;
static int down_reasons[4];
static int restart_noted(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    if (!down)
        return note_down(self, state, m);
    assert_true(downs < 4);
    down_reasons[downs++] = down->reason;
    if (fails_again && downs == 1)
        finish_linked(self, FAIL_NOW);
    return cadre_restart(self, down->child);
}

/* Links, and ends the other one before that can have seen the link. */
static int kill_reason;
static int link_and_kill(cadre_self *self, void *state)
{
    linker *l = state;
    assert_int_equal(cadre_link(self, &l->link, l->to), 0);
    return cadre_kill(self, l->to, kill_reason);
}
static void keep_linked(cadre_self *self, const cadre_class *cls)
{
    static const cadre_opts opts = {.keep = true};
    static const cadre_class obeys = {.receive = link_receive,
                                      .state_size = sizeof(linker)};
    downs = 0;
    cadre_become(self, restart_noted);
    assert_int_equal(cadre_spawn_with(self, &pair.linked, &obeys, NULL, &opts), 0);
    linker init = {.to = pair.linked};
    assert_int_equal(cadre_spawn(self, &pair.linker, cls, &init), 0);
    pair.of_linker = watch_one(self, pair.linker);
}
static void keep_and_kill(cadre_self *self)
{
    static const cadre_class killer = {.name = "killer",
                                       .state_size = sizeof(linker),
                                       .start = link_and_kill,
                                       .receive = link_receive};
    keep_linked(self, &killer);
}
static void judge_killed(void)
{
    assert_int_equal(downs, 1);
    assert_int_equal(down_reasons[0], kill_reason);
    assert_told(pair.of_linker, pair.linker, kill_reason);
}
static void a_kept_one_tells_a_link_that_it_has_not_seen(void **state)
{
    kill_reason = -9;
    watching(keep_and_kill, judge_killed);
}

/* The next one there is another: its failure is nobody's, and nobody's is its. */
static void link_to_one_that_stops(cadre_self *self)
{
    static const cadre_opts opts = {.keep = true};
    static const cadre_class obeys = {.receive = link_receive,
                                      .state_size = sizeof(linker)};
    downs = 0;
    fails_again = true;
    cadre_become(self, restart_noted);
    assert_int_equal(cadre_spawn_with(self, &pair.linked, &obeys, NULL, &opts), 0);
    finish_linked(self, STOP_NOW);
    assert_int_equal(cadre_link(self, NULL, pair.linked), 0);
}
static void judge_next(void)
{
    assert_int_equal(downs, 2);
    assert_int_equal(down_reasons[0], 0);
    assert_int_equal(down_reasons[1], CADRE_EUSER - 5);
}
static void a_link_is_not_with_the_next_life(void **state)
{
    watching(link_to_one_that_stops, judge_next); /* else the root fails */
    fails_again = false;
}

static uint32_t stopped_first;
static int fail_and_stop(cadre_self *self, void *state, cadre_msg *m)
{
    finish_linked(self, STOP_NOW);
    give_order(self, FAIL_NOW);
    return 0;
}
static void keep_fail_and_stop(cadre_self *self)
{
    cadre_token later;
    keep_linked(self, &linker_class);
    assert_int_equal(cadre_after(self, &later, CADRE_MS, number, 0), 0);
    assert_int_equal(cadre_then(self, later, fail_and_stop), 0);
}
static void judge_not_killed(void)
{
    assert_told(pair.of_linker, pair.linker, CADRE_EUSER - 5);
    stopped_first += down_reasons[0] == 0;
    assert_int_equal(downs, down_reasons[0] == 0 ? 1 : 2);
}
static void a_link_kills_no_next_life(void **state)
{
    stopped_first = 0;
    watching(keep_fail_and_stop, judge_not_killed);
    assert_true(stopped_first > 0);
}

/* ---- a long chain of links ends without recursion ---- */

enum { LINKS = 20000 / EFFORT_SLOWDOWN };
static atomic_uint ended_with;
static void count_end(cadre_self *self, void *state, int reason)
{
    atomic_fetch_add(&ended_with, reason == CADRE_EUSER - 5);
}
static const cadre_class chained_class = {.state_size = sizeof(linker),
                                          .start = link_start,
                                          .receive = link_receive,
                                          .stop = count_end};
static const cadre_class first_class = {
    .state_size = sizeof(linker), .receive = link_receive, .stop = count_end};

static int break_chain(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_send(self, pair.linker, order, FAIL_NOW);
}
static void link_many(cadre_self *self)
{
    cadre_ref before = {0};
    cadre_token later;
    for (int i = 0; i < LINKS; i++) {
        linker init = {.to = before};
        assert_int_equal(
            cadre_spawn(self, &before, i ? &chained_class : &first_class, &init), 0);
        if (i == LINKS / 2)
            pair.linker = before;
    }
    assert_int_equal(cadre_after(self, &later, CADRE_SECOND, number, 0), 0);
    assert_int_equal(cadre_then(self, later, break_chain), 0);
}
static void a_chain_of_links_fails_from_its_middle(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        cadre_config config = quiet((uint32_t)seed, seed);
        atomic_store(&ended_with, 0);
        assert_int_equal(play_with(&config, link_many), 0);
        assert_int_equal(ended_with, LINKS);
        assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(links_fail_together),
          cmocka_unit_test(a_link_cuts_a_closed_wait_short),
          cmocka_unit_test(a_normal_end_ends_the_link_only),
          cmocka_unit_test(cancelled_link_does_nothing),
          cmocka_unit_test(link_to_the_dead_fails),
          cmocka_unit_test(a_link_has_no_step_and_no_waiter),
          cmocka_unit_test(a_kept_one_tells_a_link_that_it_has_not_seen),
          cmocka_unit_test(a_link_is_not_with_the_next_life),
          cmocka_unit_test(a_link_kills_no_next_life),
          cmocka_unit_test(a_chain_of_links_fails_from_its_middle));
    return RUN_TESTS();
}
