/* test_actors_pool.c: workers that fail, and as many as there is work for. */
#include "support/fronts.h"

#include <cadre/actors/pool.h>

#include <errno.h>

enum { VALUES = 4000, CHANGES_MAX = 64 };
enum { DO_FAIL = 100, DO_FAIL_AT_START, DO_KILL_PARENT, DO_STOP_PARENT };

static cadre_pool config;
static int manner;
static cadre_time answer_at;  /* LATE: when all is answered; 0: after a random time */
static uint32_t seen[VALUES]; /* how often a worker began with it */
static uint64_t where[VALUES];
static uint32_t alive, alive_most;

/* When a worker started (+1) or ended (-1). */
static struct {
    cadre_time at;
    int by;
} changes[CHANGES_MAX];
static uint32_t changed;

static void note_change(cadre_self *self, int by)
{
    changes[changed % CHANGES_MAX].at = cadre_now(self);
    changes[changed++ % CHANGES_MAX].by = by;
    alive += (uint32_t)by;
    alive_most = alive > alive_most ? alive : alive_most;
}

/* ---- workers --------------------------------------------------------------------- */

typedef struct {
    cadre_promise promise;
    uint64_t value;
} due;
static CADRE_TYPE(due);

static int worker_start(cadre_self *self, void *state)
{
    if (manner == DO_FAIL_AT_START)
        return -EIO;
    note_change(self, 1);
    return 0;
}
static void worker_stop(cadre_self *self, void *state, int reason)
{
    note_change(self, -1);
}

static int answer_later(cadre_self *self, cadre_msg *m, uint64_t value)
{
    due d = {.value = value};
    cadre_time now = cadre_now(self);
    cadre_time delay = (cadre_time)(cadre_random(self) % (uint64_t)(300 * CADRE_MS));
    if (answer_at)
        delay = answer_at > now ? answer_at - now : 0;
    assert_int_equal(cadre_defer(self, m, &d.promise), 0);
    assert_int_equal(cadre_after_as(self, NULL, delay, &due_type, &d), 0);
    return 0;
}

static int work(cadre_self *self, cadre_msg *m, uint64_t value)
{
    seen[value]++;
    where[value] = cadre_me(self).id;
    if (manner == DO_FAIL && value % 17 == 3)
        return value % 2 ? -EIO : CADRE_STOP;
    if (manner == DO_KILL_PARENT)
        return cadre_kill(self, cadre_parent(self), 0);
    if (manner == DO_STOP_PARENT)
        return cadre_stop(self, cadre_parent(self));
    if (!m->token.id)
        return 0;
    return manner == LATE ? answer_later(self, m, value)
                          : cadre_reply(self, m, number, value + 1);
}

static int worker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const due *d = cadre_body(m, due);
    const number *n = cadre_body(m, number);
    if (d)
        (void)cadre_answer(self, d->promise, number, d->value + 1);
    else if (n)
        return work(self, m, n->value);
    else if (m->token.id && ++shares)
        return cadre_reply(self, m, owned, 0);
    return 0;
}
static const cadre_class worker = {.name = "worker",
                                   .start = worker_start,
                                   .receive = worker_receive,
                                   .stop = worker_stop};

/* ---- scenes ---------------------------------------------------------------------- */

static uint64_t key_of(const cadre_type *type, const void *body)
{
    return type == &number_type ? ((const number *)body)->value % 50 : 7;
}

static uint32_t sent, asked;
static void clean(void)
{
    sent = asked = alive = alive_most = changed = 0;
    memset(seen, 0, sizeof seen);
    memset(where, 0, sizeof where);
}

static void set_up(cadre_self *self)
{
    config.cls = &worker;
    config.key = key_of;
    assert_int_equal(cadre_spawn(self, &front, &cadre_pool_class, &config), 0);
}

static void ask_one(cadre_self *self, cadre_time timeout)
{
    asked++;
    (void)ask_number(self, front, timeout, sent++);
}
static void ask_one_for_ever(cadre_self *self) { ask_one(self, CADRE_NEVER); }
static void send_some(cadre_self *self)
{
    for (uint64_t i = cadre_random(self) % 20; i > 0; i--)
        if (cadre_random(self) % 2)
            ask_one(self, CADRE_NEVER);
        else
            assert_int_equal(cadre_send(self, front, number, sent++), 0);
}
static void send_now_and_then(cadre_self *self)
{
    set_up(self);
    send_some(self);
    for (int i = 0; i < 60; i++)
        later(self, (cadre_time)(cadre_random(self) % (uint64_t)CADRE_SECOND),
              send_some);
}

static void tell_and_ask(cadre_self *self)
{
    set_up(self);
    assert_int_equal(cadre_send(self, front, number, sent++), 0);
    for (int i = 0; i < 10; i++)
        later(self, i * CADRE_MS + CADRE_MS, ask_one_for_ever);
}

/* ---- failures -------------------------------------------------------------------- */

static bool is_to_fail(uint64_t value) { return value % 17 == 3; }

static void check_only_those(void)
{
    uint32_t failed = 0, failures = 0;
    assert_int_equal(had.count, asked);
    for (uint32_t i = 0; i < sent; i++) {
        assert_int_equal(seen[i], 1);
        failures += is_to_fail(i);
        if (config.way == CADRE_BY_KEY)
            assert_int_equal(where[i], where[i % 50]);
    }
    for (uint32_t i = 0; i < had.count; i++) {
        failed += had.of[i].code != 0;
        if (had.of[i].code) /* it has failed on it, or stopped without an answer */
            assert_true(had.of[i].code == CADRE_EDEAD ||
                        had.of[i].code == CADRE_EUNANSWERED);
        else
            assert_false(is_to_fail(had.of[i].value - 1));
    }
    assert_true(failed <= failures);
    assert_int_equal(changed, 2 * (3 + failures));
    assert_int_equal(alive_most, 3);
}
static void failed_worker_loses_only_its_message(void **state)
{
    manner = DO_FAIL;
    for (uint8_t way = CADRE_ROUND_ROBIN; way <= CADRE_BY_KEY; way++) {
        config = (cadre_pool){.way = way, .min = 3, .max_restarts = 1000};
        play_seeds(40, clean, send_now_and_then, check_only_those);
    }
}

static void send_and_stop(cadre_self *self)
{
    send_now_and_then(self);
    later(self, 700 * CADRE_MS, stop_front);
}
static void check_outcomes(void)
{
    assert_int_equal(had.count, asked);
    assert_int_equal(alive, 0);
}
static void one_outcome(void **state)
{
    static const int manners[] = {ANSWER,           LATE,           DO_FAIL,
                                  DO_FAIL_AT_START, DO_KILL_PARENT, DO_STOP_PARENT};
    answer_at = 0;
    for (uint8_t way = CADRE_ROUND_ROBIN; way <= CADRE_BROADCAST; way++)
        for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) {
            manner = manners[i];
            config = (cadre_pool){.way = way, .min = 2};
            config.max = way == CADRE_BROADCAST ? 2 : 6;
            config.grow_after = 20 * CADRE_MS;
            config.shrink_after = 50 * CADRE_MS;
            play_seeds(10, clean, send_and_stop, check_outcomes);
        }
}

static const char *words;
static void check_has_failed(void)
{
    assert_int_equal(had.count, asked);
    for (uint32_t i = 0; i < had.count; i++)
        assert_int_equal(had.of[i].code, CADRE_EDEAD);
    assert_int_equal(lines_with(words), 1);
}
static void without_its_supervisor_the_pool_fails(void **state)
{
    static const struct {
        int manner;
        const char *words;
    } cases[] = {{DO_FAIL_AT_START, "has ended: children failed too often (-5006)"},
                 {DO_KILL_PARENT, "has ended: killed (-5002)"},
                 {DO_STOP_PARENT, "has ended: the other side ended"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        manner = cases[i].manner;
        words = cases[i].words;
        config = (cadre_pool){.min = 2, .max_restarts = 5};
        play_seeds(10, clean, tell_and_ask, check_has_failed);
    }
}

/* ---- how many -------------------------------------------------------------------- */

static struct {
    uint32_t count, fewest, most;
} statuses;

static int on_status(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_pool_status *s = cadre_body(m, cadre_pool_status);
    assert_non_null(s);
    statuses.count++;
    statuses.fewest = s->workers < statuses.fewest ? s->workers : statuses.fewest;
    statuses.most = s->workers > statuses.most ? s->workers : statuses.most;
    assert_true(s->workers <= alive);
    assert_true(s->outstanding <= asked - had.count);
    return 0;
}
static void look(cadre_self *self)
{
    cadre_token token;
    assert_int_equal(cadre_ask(self, &token, front, CADRE_NEVER, cadre_pool_ask, 0), 0);
    assert_int_equal(cadre_then(self, token, on_status), 0);
}
static void send_and_look(cadre_self *self)
{
    memset(&statuses, 0, sizeof statuses);
    statuses.fewest = UINT32_MAX;
    send_now_and_then(self);
    for (int i = 1; i < 200; i++)
        later(self, i * 20 * CADRE_MS, look);
}
static uint32_t grew_to_most;
static void check_bounds(void)
{
    check_outcomes();
    assert_int_equal(statuses.count, 199);
    assert_int_equal(statuses.fewest, config.min);
    assert_true(statuses.most <= config.max);
    assert_true(alive_most <= config.max);
    grew_to_most += alive_most == config.max;
}
static void between_bounds(void **state)
{
    manner = LATE;
    answer_at = 0;
    for (uint8_t way = CADRE_ROUND_ROBIN; way <= CADRE_BY_KEY; way++) {
        grew_to_most = 0;
        config = (cadre_pool){.way = way, .min = 2, .max = 5, .busy = 2};
        config.grow_after = 15 * CADRE_MS;
        config.shrink_after = 40 * CADRE_MS;
        play_seeds(60, clean, send_and_look, check_bounds);
        assert_true(grew_to_most > 0);
    }
}

/* The deadlines pass before the pool shrinks. */
static void ask_two(cadre_self *self)
{
    ask_one(self, 3500 * CADRE_MS);
    ask_one(self, 3500 * CADRE_MS);
}
static void ask_in_steps(cadre_self *self)
{
    set_up(self);
    ask_two(self);
    later(self, 500 * CADRE_MS, ask_two);
    later(self, 1000 * CADRE_MS, ask_two);
    later(self, 1500 * CADRE_MS, ask_two);
    later(self, 1500 * CADRE_MS, ask_two);
    later(self, 9 * CADRE_SECOND, look);
}
static void check_steps(void)
{
    static const struct {
        int ms, by;
    } expected[] = {{0, 1}, {100, 1}, {600, 1}, {4000, -1}, {5000, -1}};
    assert_int_equal(had.count, 10);
    for (uint32_t i = 0; i < had.count; i++)
        assert_int_equal(had.of[i].code, 0);
    assert_int_equal(changed, 6);
    for (uint32_t i = 0; i < 5; i++) {
        cadre_time late = changes[i].at - changes[0].at - expected[i].ms * CADRE_MS;
        assert_int_equal(changes[i].by, expected[i].by);
        assert_true(late > -CADRE_MS && late < 20 * CADRE_MS);
    }
}
static void answer_after_three_seconds(void)
{
    clean();
    manner = LATE;
    answer_at = 0;
}
static void begin_steps(cadre_self *self)
{
    answer_at = cadre_now(self) + 3 * CADRE_SECOND;
    ask_in_steps(self);
}
static void grows_and_shrinks(void **state)
{
    config = (cadre_pool){.way = CADRE_LEAST_BUSY, .max = 3};
    config.shrink_after = CADRE_SECOND;
    play_seeds(100, answer_after_three_seconds, begin_steps, check_steps);
}

/* Too short, again and again: for 90 ms of each 200. */
static void pulse(cadre_self *self)
{
    answer_at = cadre_now(self) + 90 * CADRE_MS;
    for (int i = 0; i < 6; i++)
        ask_one(self, CADRE_NEVER);
    if (sent < 200)
        later(self, 200 * CADRE_MS, pulse);
}
static void begin_pulses(cadre_self *self)
{
    set_up(self);
    pulse(self);
}
static void check_pulses(void)
{
    assert_int_equal(had.count, asked);
    assert_int_equal(alive_most, 2);
    assert_int_equal(changed, 4);
}
static void short_peaks_do_not_count(void **state)
{
    config = (cadre_pool){.min = 2, .max = 4};
    play_seeds(20, answer_after_three_seconds, begin_pulses, check_pulses);
}

/* Just when one is to leave. */
static void tell_many(cadre_self *self)
{
    for (int i = 0; i < 300; i++)
        assert_int_equal(cadre_send(self, front, number, sent++), 0);
}
static void tell_many_when_one_leaves(cadre_self *self)
{
    begin_steps(self);
    later(self, 4000 * CADRE_MS, tell_many);
    later(self, 4001 * CADRE_MS, tell_many);
    later(self, 5000 * CADRE_MS, tell_many);
    later(self, 5001 * CADRE_MS, tell_many);
}
static void check_finished(void)
{
    assert_int_equal(changed, 6);
    assert_int_equal(sums.dead, 0);
    for (uint32_t i = 0; i < sent; i++)
        assert_int_equal(seen[i], 1);
}
static void removed_worker_finishes(void **state)
{
    config = (cadre_pool){.max = 3, .shrink_after = CADRE_SECOND};
    play_seeds(100, answer_after_three_seconds, tell_many_when_one_leaves,
               check_finished);
}

/* ---- the rest -------------------------------------------------------------------- */

static void send_owned(cadre_self *self)
{
    set_up(self);
    for (int i = 0; i < 10; i++) {
        ask_owned(self, front, CADRE_NEVER, 0);
        assert_int_equal(cadre_send(self, front, owned, 0), 0);
    }
}
static void check_owned(void)
{
    assert_int_equal(had.count, 10);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(had.of[i].code, config.share ? 0 : -ENOTSUP);
    assert_owned_dropped(20);
    assert_int_equal(sums.dead, 0);
}
static void what_is_owned_is_dropped_once(void **state)
{
    manner = ANSWER;
    for (int i = 0; i < 2; i++) {
        config = (cadre_pool){.min = 3, .share = i ? share_owned : NULL};
        play_seeds(20, clean, send_owned, check_owned);
    }
}

static void bad_config_fails_the_start(void **state)
{
    const cadre_pool bad[] = {
        {.min = 1},
        {.cls = &worker, .min = 3, .max = 2},
        {.cls = &worker, .grow_after = -1},
        {.cls = &worker, .shrink_after = -1},
        {.cls = &worker, .way = CADRE_BY_KEY},
        {.cls = &worker, .way = CADRE_BROADCAST + 1},
        {.cls = &worker, .way = CADRE_BROADCAST, .min = 2, .max = 3}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_pool_class, &bad[i], -EINVAL);
}

int main(void)
{
    TESTS(cmocka_unit_test(failed_worker_loses_only_its_message),
          cmocka_unit_test(one_outcome),
          cmocka_unit_test(without_its_supervisor_the_pool_fails),
          cmocka_unit_test(between_bounds), cmocka_unit_test(grows_and_shrinks),
          cmocka_unit_test(short_peaks_do_not_count),
          cmocka_unit_test(removed_worker_finishes),
          cmocka_unit_test(what_is_owned_is_dropped_once),
          cmocka_unit_test(bad_config_fails_the_start));
    return RUN_TESTS();
}
