/* test_isolate_steps.c: how far an isolated actor is with its messages, when what it
 * sends itself comes between them. */
#include "support/isolating.h"

#include <cadre/apply.h>

enum { BRIEF = 50 * CADRE_MS };

static cadre_ref kept_one(void)
{
    notes.restarts = true;
    return spawn_odd((cadre_opts){.isolated = true, .keep = true}, (odd){0});
}

static int kill_it(cadre_self *self, void *state, void *arg)
{
    return cadre_kill(self, notes.child, 0);
}

/* It dies of what it has sent itself, while the next one stands behind that. */
static void mail_is_kept_apart(void **state)
{
    begin(1);
    cadre_ref who = kept_one();
    tell(who, BUSY, BRIEF); /* so that all of them are there */
    tell(who, LINE, 0);
    assert_int_equal(ask(who, PING, 1), 2);
    assert_int_equal(atomic_load(&notes.downs), 1);
    assert_int_equal(ask(who, COUNT, 0), 2);
    assert_int_equal(lines_with("on no message"), 1);
    end();
}

/* However long it waits there. */
static void mail_far_behind_is_kept_apart(void **state)
{
    begin(1);
    cadre_ref who = kept_one();
    tell(who, BUSY, BRIEF);
    tell(who, LINE, 200);
    tell(who, TELL, 77);
    await(&notes.numbered, 1);
    assert_int_equal(notes.numbers[0], 77);
    assert_int_equal(atomic_load(&notes.downs), 1);
    end();
}

/* What it has set aside is handled, and so is lost with it, but for who has asked. */
static void stashed_counts_as_handled(void **state)
{
    begin(1);
    cadre_ref who = kept_one();
    tell(who, STASH, 0);
    cadre_future *stashed = call_as(who, (errand){.value = STASH});
    assert_int_equal(ask(who, COUNT, 0), 3);
    assert_int_equal(ask(who, SEGV, 0), CADRE_EDEAD);
    assert_int_equal(outcome(stashed), CADRE_EDEAD);
    assert_int_equal(ask(who, COUNT, 0), 1);
    end();
    assert_int_equal(sums.dead, 1); /* what it died of */
}

/* It has sent what it could before somebody had no room for it. */
static void full_mailbox_is_told_of(void **state)
{
    static const cadre_limit limit = {.mailbox_max = 1};
    begin(1);
    cadre_ref who = odd_one();
    cadre_ref full =
        spawn_odd((cadre_opts){.isolated = true, .limit = &limit}, (odd){0});
    tell(full, LOOP, 0);
    while (cadre_tell(sys, full, errand, .value = PING) == 0)
        rest(CADRE_MS);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    const uint64_t before = sums.dropped;
    assert_int_equal(outcome(call_as(who, (errand){ASK, 0, full})), -CADRE_EFULL);
    assert_int_equal(outcome(call_as(who, (errand){TELL, 0, full})), CADRE_EUNANSWERED);
    assert_int_equal(ask(who, PING, 1), 2);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(sums.dropped, before + 1);
    assert_int_equal(cadre_apply_outside(sys, cadre_system_root(sys), kill_it, NULL),
                     0);
    end();
}

static int stop_it(cadre_self *self, void *state, void *arg)
{
    return cadre_stop(self, notes.child);
}

/* Larger than a socket takes at once, and it never waits for the rest. */
static void large_ones_reach_a_busy_one(void **state)
{
    static bulk l;
    cadre_future *future;
    begin(2);
    cadre_ref who = odd_one();
    assert_int_equal(ask(who, SPIN, 7), 7);
    memset(&l, 3, sizeof l);
    assert_int_equal(cadre_call_as(sys, &future, who, &bulk_type, &l), 0);
    assert_int_equal(outcome(future), 6);
    assert_int_equal(cadre_tell_as(sys, who, &bulk_type, &l), 0);
    assert_int_equal(cadre_apply_outside(sys, cadre_system_root(sys), stop_it, NULL),
                     0);
    await(&notes.ends, 1);
    assert_int_equal(notes.end.reason, 0);
    end();
}

int main(void)
{
    TESTS(cmocka_unit_test(large_ones_reach_a_busy_one),
          cmocka_unit_test(mail_is_kept_apart),
          cmocka_unit_test(mail_far_behind_is_kept_apart),
          cmocka_unit_test(stashed_counts_as_handled),
          cmocka_unit_test(full_mailbox_is_told_of));
    return RUN_TESTS();
}
