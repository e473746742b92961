/* test_join.c: several outcomes become one: all, any, a quorum, the first. */
#include "support/chaining.h"

#include <errno.h>

enum { MEMBERS = 5 };

static cadre_token members[MEMBERS];
static cadre_ref asked;

/* Of a run: the members' ways, how many there are, how many must succeed (0: a race). */
static struct {
    uint32_t n, need;
    const char
        *ways; /* v: a value, f: a failure, k: none; each later than the one before */
} plan;

/* Keeps a request, and then hears whether anybody still waits. */
typedef struct {
    uint32_t id;
    cadre_promise promise;
} keeper;
static bool losers[MEMBERS];
static int keep(cadre_self *self, void *state, cadre_msg *m)
{
    keeper *k = state;
    if (m->type == &owned_type) {
        k->id = ((owned *)m->body)->id;
        assert_int_equal(cadre_defer(self, m, &k->promise), 0);
        return cadre_after(self, NULL, 20 * CADRE_MS, number, 0);
    }
    losers[k->id] = !cadre_is_awaited(self, k->promise);
    return 0;
}

/* A timer's value, or that turned into a failure; or a request that nobody answers. */
static int fail_with(cadre_self *self, void *state, cadre_msg *m)
{
    return CADRE_EUSER - (int)((owned *)m->body)->id;
}
static cadre_token member(cadre_self *self, uint32_t i)
{
    cadre_token t = {0};
    if (plan.ways[i] == 'k') {
        static const cadre_class class = {.state_size = sizeof(keeper),
                                          .receive = keep};
        assert_int_equal(cadre_spawn(self, &asked, &class, NULL), 0);
        t.id = ask_for(self, asked, CADRE_NEVER, i);
        return t;
    }
    assert_int_equal(cadre_after(self, &t, (i + 1) * CADRE_MS, owned, i), 0);
    if (plan.ways[i] == 'f')
        assert_int_equal(cadre_chain(self, &t, t, fail_with, NULL), 0);
    return t;
}
static int merge(cadre_self *self, cadre_token *next, const cadre_token *tokens,
                 uint32_t n)
{
    return plan.need ? cadre_join(self, next, tokens, n, plan.need)
                     : cadre_race(self, next, tokens, n);
}
static void start_merged(cadre_self *self)
{
    cadre_token next = {0};
    for (uint32_t i = 0; i < plan.n; i++)
        members[i] = member(self, i);
    assert_int_equal(merge(self, &next, members, plan.n), 0);
    token = next.id;
}

/* ---- what comes ---- */

static struct {
    int code;
    cadre_joined joined;
    uint32_t id;
    uint32_t at_ms;
} expected;
static uint32_t joined_values, joined_failures;
static int note_joined(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_joined *j = cadre_body(m, cadre_joined);
    if (j) {
        joined_values = j->values;
        joined_failures = j->failures;
        assert_int_equal(m->from.id, cadre_me(self).id);
    }
    return note_outcome(self, state, m);
}
static void start_noted(cadre_self *self)
{
    joined_values = joined_failures = 0;
    memset(losers, 0, sizeof losers);
    cadre_become(self, note_joined);
    start_merged(self);
}
static void judge(void)
{
    const struct outcome *o = &outcomes.list[0];
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(o->token, token);
    assert_int_equal(o->code, expected.code);
    assert_int_equal(o->id, expected.id);
    assert_int_equal(joined_values, expected.joined.values);
    assert_int_equal(joined_failures, expected.joined.failures);
    assert_in_range(o->when, expected.at_ms * CADRE_MS,
                    (expected.at_ms + 1) * CADRE_MS);
    assert_int_equal(sums.dead, 0);
    for (uint32_t i = 0; i < plan.n; i++)
        assert_int_equal(losers[i], plan.ways[i] == 'k');
}

static void merged(const char *ways, uint32_t need)
{
    plan.ways = ways;
    plan.n = (uint32_t)strlen(ways);
    plan.need = need;
    asking(start_noted, judge, plan.n);
}
static void await_value(uint32_t id)
{
    memset(&expected, 0, sizeof expected);
    expected.id = id;
    expected.at_ms = id + 1;
}
static void await_failure(uint32_t id)
{
    await_value(0);
    expected.code = CADRE_EUSER - (int)id;
    expected.at_ms = id + 1;
}
static void await_joined(uint32_t values, uint32_t failures, uint32_t at_ms)
{
    memset(&expected, 0, sizeof expected);
    expected.joined = (cadre_joined){values, failures};
    expected.at_ms = at_ms;
}

static void join_all(void **state)
{
    await_joined(3, 0, 3);
    merged("vvv", 3);
    await_failure(1);
    merged("vfv", 3);
    merged("vfk", 3);
    await_value(0);
    merged("v", 1);
    await_failure(0);
    merged("f", 1);
}
static void join_any(void **state)
{
    await_value(0);
    merged("vfk", 1);
    await_value(2);
    merged("ffvvk", 1);
    await_failure(3);
    merged("ffff", 1);
}
static void join_quorum(void **state)
{
    await_joined(2, 1, 3);
    merged("vfvkk", 2);
    await_joined(3, 2, 5);
    merged("fvfvv", 3);
    await_failure(2);
    merged("fvfkv", 4);
    await_failure(3);
    merged("ffvfv", 3);
}
static void race(void **state)
{
    await_value(0);
    merged("vfvfk", 0);
    await_failure(0);
    merged("fvk", 0);
    await_value(1);
    merged("kvf", 0);
}

/* ---- refused ---- */

static void judge_refused(void)
{
    assert_int_equal(outcomes.count, plan.n);
    for (uint32_t i = 0; i < plan.n; i++)
        assert_answered(i, members[i].id, i);
}
/* Nothing has changed: each has its own outcome. */
static void be_refused(cadre_self *self)
{
    cadre_token t[3], next = {7}, busy, was;
    plan.n = 3;
    plan.ways = "vvv";
    for (uint32_t i = 0; i < 3; i++)
        t[i] = members[i] = member(self, i);
    t[2] = t[0];
    assert_int_equal(cadre_join(self, &next, t, 3, 2), -EINVAL); /* twice the same */
    t[1] = t[0];
    assert_int_equal(cadre_race(self, &next, t, 2), -EINVAL);
    t[1].id = members[1].id;
    assert_int_equal(cadre_after(self, &was, 1, number, 0), 0);
    assert_int_equal(cadre_chain(self, &busy, was, never, never), 0);
    t[2] = was;
    assert_int_equal(cadre_join(self, &next, t, 3, 2), -EBUSY);
    assert_int_equal(cadre_cancel(self, busy), 0);
    assert_int_equal(cadre_join(self, &next, t, 3, 2), -ENOENT);
    assert_int_equal(cadre_every(self, &was, CADRE_SECOND, number, 0), 0);
    t[2] = was;
    assert_int_equal(cadre_race(self, &next, t, 3), -ENOENT);
    assert_int_equal(cadre_cancel(self, was), 0);
    assert_int_equal(next.id, 7);
}
static void refused_join_changes_nothing(void **state)
{
    asking(be_refused, judge_refused, 3);
}

enum { MOST = 65536 };
static cadre_token many[MOST + 1];
static void be_misused(cadre_self *self)
{
    cadre_token next = {7};
    plan.ways = "v";
    many[0] = member(self, 0);
    assert_int_equal(cadre_join(self, &next, many, 0, 0), -EINVAL);
    assert_int_equal(cadre_join(self, &next, many, 1, 0), -EINVAL);
    assert_int_equal(cadre_join(self, &next, many, 1, 2), -EINVAL);
    assert_int_equal(cadre_join(self, &next, many, MOST + 1, 1), -EINVAL);
    assert_int_equal(cadre_join(self, &next, many, UINT32_MAX, 0), -EINVAL);
    assert_int_equal(cadre_join(self, NULL, many, 1, 1), -EINVAL);
    assert_int_equal(cadre_join(self, &next, NULL, 1, 1), -EINVAL);
    assert_int_equal(cadre_race(self, &next, many, 0), -EINVAL);
    assert_int_equal(cadre_race(self, &next, many, MOST + 1), -EINVAL);
    assert_int_equal(next.id, 7);
}
static void play_misused(void)
{
    drops_clear();
    assert_int_equal(play(be_misused), 0);
    assert_int_equal(lines_with("out of range"), 9);
    assert_dropped_once(1);
}
static void join_checks_its_arguments(void **state) { misuse(play_misused); }

static void join_most(cadre_self *self)
{
    cadre_token next;
    joined_values = joined_failures = 0;
    cadre_become(self, note_joined);
    for (uint32_t i = 0; i < MOST; i++)
        assert_int_equal(cadre_after(self, &many[i], i % 1000, number, i), 0);
    assert_int_equal(cadre_join(self, &next, many, MOST, MOST - 1), 0);
}
static void join_of_the_most(void **state)
{
    outcomes.count = 0;
    assert_int_equal(play(join_most), 0);
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(joined_values, MOST - 1);
    assert_int_equal(sums.accepted, sums.handled + sums.dead + sums.dropped);
}

/* ---- cancelled ---- */

static uint32_t cancelled[MEMBERS], cancels;
static void start_and_cancel(cadre_self *self)
{
    start_noted(self);
    for (uint32_t i = 0; i < cancels; i++)
        assert_int_equal(cadre_cancel(self, members[cancelled[i]]), 0);
}
static void with_cancelled(const char *ways, uint32_t need, const char *which)
{
    plan.ways = ways;
    plan.n = (uint32_t)strlen(ways);
    plan.need = need;
    for (cancels = 0; which[cancels]; cancels++)
        cancelled[cancels] = (uint32_t)(which[cancels] - '0');
    asking(start_and_cancel, judge, plan.n);
}
static void await_cancelled(void)
{
    await_value(0);
    expected.code = -ECANCELED;
    expected.at_ms = 0;
}
static void cancelled_member_counts_as_a_failure(void **state)
{
    await_joined(2, 1, 3);
    with_cancelled("vvv", 2, "0");
    await_value(1);
    with_cancelled("vv", 1, "0");
    with_cancelled("vvv", 0, "0");
    await_cancelled();
    with_cancelled("vvv", 3, "1");
    with_cancelled("kvvk", 3, "03");
    with_cancelled("vk", 1, "01");
    with_cancelled("vkv", 0, "012");
    with_cancelled("v", 0, "0");
}

/* Those that are left go with it, and say nothing. */
static void cancel_join(cadre_self *self)
{
    start_noted(self);
    assert_int_equal(cadre_cancel(self, (cadre_token){token}), 0);
    for (uint32_t i = 0; i < plan.n; i++)
        assert_int_equal(cadre_cancel(self, members[i]), -ENOENT);
}
static void judge_silence(void)
{
    assert_int_equal(outcomes.count, 0);
    for (uint32_t i = 0; i < plan.n; i++)
        assert_int_equal(losers[i], plan.ways[i] == 'k');
}
static void cancelled_join_cancels_its_members(void **state)
{
    plan.n = 4;
    plan.ways = "vfkk";
    for (plan.need = 0; plan.need <= 4; plan.need++)
        asking(cancel_join, judge_silence, 4);
}

/* A join of joins, behind a step, before a step. */
static int count_it(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_joined *j = cadre_body(m, cadre_joined);
    assert_non_null(j);
    record_add(j->values * 10 + j->failures);
    return 0;
}
static void join_joins(cadre_self *self)
{
    cadre_token inner[2], outer;
    record_clear();
    start_noted(self);
    inner[0].id = token;
    assert_int_equal(cadre_chain(self, &inner[0], inner[0], count_it, NULL), 0);
    for (uint32_t i = 0; i < plan.n; i++)
        assert_int_equal(cadre_after(self, &members[i], 9 * CADRE_MS, owned, 10 + i),
                         0);
    assert_int_equal(cadre_race(self, &inner[1], members, plan.n), 0);
    assert_int_equal(cadre_join(self, &outer, inner, 2, 2), 0);
    assert_int_equal(cadre_chain(self, &outer, outer, count_it, NULL), 0);
    token = outer.id;
}
static void judge_outer(void)
{
    assert_record(21, 20);
    assert_int_equal(outcomes.count, 1);
    assert_int_equal(outcomes.list[0].token, token);
    assert_int_equal(joined_values * 10 + joined_failures, 20);
    for (uint32_t i = 0; i < plan.n; i++)
        assert_int_equal(atomic_exchange(&drops[10 + i], 0), 1);
}
static void join_of_joins(void **state)
{
    plan.n = 4;
    plan.need = 2;
    plan.ways = "fvvk";
    asking(join_joins, judge_outer, 4);
}

int main(void)
{
    TESTS(cmocka_unit_test(refused_join_changes_nothing),
          cmocka_unit_test(join_checks_its_arguments),
          cmocka_unit_test(join_of_the_most),
          cmocka_unit_test(cancelled_member_counts_as_a_failure),
          cmocka_unit_test(cancelled_join_cancels_its_members),
          cmocka_unit_test(join_of_joins), cmocka_unit_test(join_all),
          cmocka_unit_test(join_any), cmocka_unit_test(join_quorum),
          cmocka_unit_test(race));
    return RUN_TESTS();
}
