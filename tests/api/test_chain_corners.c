/* test_chain_corners.c: chains where something is short, taken, or cancelled. */
#include "support/chaining.h"
#include "support/short_heap.h"

#include <errno.h>

static cadre_token promise(cadre_self *self)
{
    cadre_token t;
    cadre_promise p;
    assert_int_equal(cadre_promise_new(self, &t, &p, CADRE_SECOND), 0);
    return t;
}

/* ---- no memory for the list of a join ---- */

enum {
    SPARE = 600,
    JOINED = 600
}; /* more than sanitizers keep back; than a block has */

static struct short_heap heap;

static void join_many(cadre_self *self)
{
    cadre_token next = {7}, spare[SPARE], tokens[JOINED];
    for (int i = 0; i < SPARE; i++)
        spare[i] = promise(self);
    for (int i = 0; i < JOINED; i++)
        tokens[i] = promise(self);
    for (int i = 0; i < SPARE; i++)
        assert_int_equal(cadre_cancel(self, spare[i]), 0);
    short_heap_refuse(&heap, true);
    int err = cadre_join(self, &next, tokens, JOINED, 2);
    short_heap_refuse(&heap, false);
    assert_int_equal(err, -ENOMEM);
    assert_int_equal(next.id, 7);
    for (int i = 0; i < JOINED; i++)
        assert_int_equal(cadre_chain(self, NULL, tokens[i], NULL, NULL), 0);
}

static void join_without_memory_changes_nothing(void **state)
{
    cadre_config config = quiet(1, 1);
    short_heap_init(&heap, 0, 0);
    short_heap_serve(&heap, &config);
    assert_int_equal(play_with(&config, join_many), 0);
}

/* ---- one that is followed is taken ---- */

static cadre_token followed;

static int follow_and_use(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_token next = {7};
    assert_int_equal(cadre_follow(self, followed), 0);
    assert_int_equal(cadre_chain(self, &next, followed, NULL, NULL), -EBUSY);
    assert_int_equal(cadre_join(self, &next, &followed, 1, 1), -EBUSY);
    assert_int_equal(cadre_then(self, followed, note_outcome), -EBUSY);
    assert_int_equal(next.id, 7);
    return 0;
}
static void ask_and_follow(cadre_self *self)
{
    cadre_token next, first;
    followed = promise(self);
    assert_int_equal(cadre_after(self, &first, CADRE_MS, number, 1), 0);
    assert_int_equal(cadre_chain(self, &next, first, follow_and_use, NULL), 0);
    token = next.id;
}
static void judge_followed(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(outcomes.list[0].token, token);
    assert_int_equal(outcomes.list[0].code, -ETIMEDOUT);
}
static void followed_in_a_step_has_a_step(void **state)
{
    asking(ask_and_follow, judge_followed, 0);
}

/* ---- all of a race are cancelled ---- */

static void race_and_cancel(cadre_self *self)
{
    cadre_token next, tokens[] = {promise(self), promise(self), promise(self)};
    assert_int_equal(cadre_race(self, &next, tokens, 3), 0);
    token = next.id;
    for (int i = 0; i < 3; i++)
        assert_int_equal(cadre_cancel(self, tokens[i]), 0);
}
static void judge_race(void)
{
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(outcomes.list[0].token, token);
    assert_int_equal(outcomes.list[0].code, -ECANCELED);
}
static void race_without_runners_is_cancelled(void **state)
{
    asking(race_and_cancel, judge_race, 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(join_without_memory_changes_nothing),
          cmocka_unit_test(followed_in_a_step_has_a_step),
          cmocka_unit_test(race_without_runners_is_cancelled));
    return RUN_TESTS();
}
