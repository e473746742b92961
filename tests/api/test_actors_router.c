/* test_actors_router.c: which target gets what, in virtual time. */
#include "support/fronts.h"

#include <cadre/actors/router.h>

#include <errno.h>

enum { TARGETS = 5, VALUES = 4000 };

static cadre_router config;
static cadre_ref targets[TARGETS + 1];

/* What targets do with a request; and, of each, how many it has not answered. */
static int manner;
static uint32_t open[TARGETS + 1];
static uint32_t got[TARGETS + 1];            /* messages */
static uint32_t seen[VALUES], where[VALUES]; /* of each value: how often, by whom */
static bool busiest;      /* one got a request that was not its turn */
static uint32_t unwanted; /* answers that nobody waited for */

typedef struct {
    cadre_promise promise;
    uint64_t value;
} due;
static CADRE_TYPE(due);

static int answer_due(cadre_self *self, uint32_t id, const due *d)
{
    open[id]--;
    unwanted += !cadre_is_awaited(self, d->promise);
    (void)cadre_answer(self, d->promise, number, d->value + 1);
    return 0;
}

/* Between two requests of the scenes, which come at whole hundredths of a second. */
static int answer_later(cadre_self *self, uint32_t id, cadre_msg *m, uint64_t value)
{
    due d = {.value = value};
    cadre_time delay = (cadre_time)(cadre_random(self) % 40) * 10 * CADRE_MS;
    for (uint32_t i = 0; i < TARGETS; i++)
        busiest |= open[i] < open[id];
    open[id]++;
    assert_int_equal(cadre_defer(self, m, &d.promise), 0);
    assert_int_equal(cadre_after_as(self, NULL, delay + 5 * CADRE_MS, &due_type, &d),
                     0);
    return 0;
}

static int target_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint32_t id = *(uint32_t *)state;
    const due *d = cadre_body(m, due);
    const number *n = cadre_body(m, number);
    if (d)
        return answer_due(self, id, d);
    got[id]++;
    if (n) {
        seen[n->value]++;
        where[n->value] = id;
    }
    if (!m->token.id)
        return 0;
    if (!n) {
        shares++;
        return cadre_reply(self, m, owned, 0);
    }
    return manner == LATE    ? answer_later(self, id, m, n->value)
           : manner == LEAVE ? (id > 0 ? CADRE_STOP : -EIO)
           : manner < 0      ? cadre_reply(self, m, cadre_failure, .code = manner)
                             : cadre_reply(self, m, number, n->value + 1);
}
static const cadre_class target_class = {
    .name = "target", .state_size = sizeof(uint32_t), .receive = target_receive};

static void set_up(cadre_self *self)
{
    for (uint32_t i = 0; i <= TARGETS; i++)
        assert_int_equal(cadre_spawn(self, &targets[i], &target_class, &i), 0);
    memset(config.targets, 0, sizeof config.targets);
    memcpy(config.targets, targets, TARGETS * sizeof *targets);
    assert_int_equal(cadre_spawn(self, &front, &cadre_router_class, &config), 0);
}

static uint64_t key_of(const cadre_type *type, const void *body)
{
    return type == &number_type ? ((const number *)body)->value % 1000 : 7;
}
static void clean(void)
{
    busiest = false;
    unwanted = 0;
    memset(open, 0, sizeof open);
    memset(got, 0, sizeof got);
    memset(seen, 0, sizeof seen);
    memset(where, 0, sizeof where);
}
static void with_way(uint8_t way, int how, cadre_share *share)
{
    manner = how;
    config = (cadre_router){.way = way, .key = key_of, .share = share};
}

static void tell(cadre_self *self, uint64_t value)
{
    assert_int_equal(cadre_send(self, front, number, value), 0);
}
static void drop_target(cadre_self *self, uint32_t i)
{
    assert_int_equal(cadre_send(self, front, cadre_router_remove, targets[i]), 0);
}
static void add_target(cadre_self *self, uint32_t i)
{
    assert_int_equal(cadre_send(self, front, cadre_router_add, targets[i]), 0);
}

/* ---- one after the other, and to all ---- */

static uint32_t sent, asked;
static void send_some(cadre_self *self)
{
    for (uint64_t i = cadre_random(self) % 20; i > 0; i--) {
        uint64_t value = sent++;
        if (cadre_random(self) % 2) {
            asked++;
            (void)ask_number(self, front, CADRE_NEVER, value);
        } else {
            tell(self, value);
        }
    }
}
static void send_now_and_then(cadre_self *self)
{
    set_up(self);
    sent = asked = 0;
    for (int i = 0; i < 60; i++)
        later(self, (cadre_time)(cadre_random(self) % (uint64_t)CADRE_SECOND),
              send_some);
}
static void change_targets(cadre_self *self)
{
    add_target(self, TARGETS);
    drop_target(self, 1);
}
static void send_and_change(cadre_self *self)
{
    send_now_and_then(self);
    later(self, 500 * CADRE_MS, change_targets);
}
static void check_each_to_one(void)
{
    assert_int_equal(had.count, asked);
    for (uint32_t i = 0; i < had.count; i++)
        assert_int_equal(had.of[i].code, 0);
    for (uint32_t i = 0; i < sent; i++)
        assert_int_equal(seen[i], config.way == CADRE_BROADCAST ? TARGETS : 1);
}
static void each_message_to_one(void **state)
{
    for (uint8_t way = CADRE_ROUND_ROBIN; way <= CADRE_BROADCAST; way++) {
        with_way(way, ANSWER, NULL);
        play_seeds(40, clean, send_and_change, check_each_to_one);
    }
}

static void check_even(void)
{
    check_each_to_one();
    for (uint32_t i = 0; i < TARGETS; i++)
        assert_true(got[i] == sent / TARGETS || got[i] == sent / TARGETS + 1);
}
static void round_robin_is_even(void **state)
{
    with_way(CADRE_ROUND_ROBIN, ANSWER, NULL);
    play_seeds(40, clean, send_now_and_then, check_even);
}

/* ---- by key ---- */

static void send_from(cadre_self *self, uint64_t first)
{
    for (uint64_t k = first; k < first + 1000; k++)
        tell(self, k);
}
/* Each thousand after one change: 1 leaves, another comes, 3 ends. */
static void send_thousands(cadre_self *self)
{
    set_up(self);
    send_from(self, 0);
    drop_target(self, 1);
    send_from(self, 1000);
    add_target(self, TARGETS);
    send_from(self, 2000);
    assert_int_equal(cadre_kill(self, targets[3], 0), 0);
}
static void send_last_thousand(cadre_self *self) { send_from(self, 3000); }
static void send_by_key(cadre_self *self)
{
    send_thousands(self);
    later(self, CADRE_SECOND, send_last_thousand);
}
/* How many keys have moved since; all of them from, or to, this target. */
static uint32_t moved(uint32_t since, uint32_t from, uint32_t to)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < 1000; k++) {
        uint32_t before = where[since + k], now = where[since + 1000 + k];
        count += before != now;
        assert_true(before == now || before == from || now == to);
        assert_true(now != from);
    }
    return count;
}
static void check_keys(void)
{
    uint32_t gone = moved(0, 1, UINT32_MAX);
    assert_in_range(gone, 100, 300);
    uint32_t come = moved(1000, UINT32_MAX, TARGETS);
    assert_in_range(come, 100, 300);
    /* What 3 had not handled when it was killed is lost. */
    for (uint32_t k = 0; k < 1000; k++)
        if (where[2000 + k] != 3 && seen[2000 + k])
            assert_int_equal(where[3000 + k], where[2000 + k]);
        else
            assert_int_not_equal(where[3000 + k], 3);
    for (uint32_t i = 3000; i < VALUES; i++)
        assert_int_equal(seen[i], 1);
}
static void key_stays(void **state)
{
    with_way(CADRE_BY_KEY, ANSWER, NULL);
    play_seeds(20, clean, send_by_key, check_keys);
}

/* ---- the least busy ---- */

static void ask_next(cadre_self *self)
{
    (void)ask_number(self, front, CADRE_NEVER, asked++);
    tell(self, VALUES - asked); /* counts not */
    if (asked < 200)
        later(self, 10 * CADRE_MS, ask_next);
}
static void ask_steadily(cadre_self *self)
{
    set_up(self);
    asked = 0;
    ask_next(self);
}
static void check_least_busy(void)
{
    assert_int_equal(had.count, asked);
    assert_false(busiest);
    for (uint32_t i = 0; i < TARGETS; i++)
        assert_true(got[i] > 0);
}
static void least_busy_first(void **state)
{
    with_way(CADRE_LEAST_BUSY, LATE, NULL);
    play_seeds(100, clean, ask_steadily, check_least_busy);
}

/* ---- ends ---- */

static void send_and_stop(cadre_self *self)
{
    send_now_and_then(self);
    later(self, 700 * CADRE_MS, stop_front);
}
static void check_outcomes(void) { assert_int_equal(had.count, asked); }
static void one_outcome(void **state)
{
    static const int manners[] = {ANSWER, LATE, LEAVE, -EIO};
    for (uint8_t way = CADRE_ROUND_ROBIN; way <= CADRE_BROADCAST; way++)
        for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) {
            with_way(way, manners[i], NULL);
            play_seeds(20, clean, send_and_stop, check_outcomes);
        }
}

static void ask_and_tell(cadre_self *self)
{
    memset(got, 0, sizeof got);
    for (uint64_t i = 0; i < 20; i++) {
        (void)ask_number(self, front, CADRE_NEVER, i);
        tell(self, 20 + i);
    }
}
static void let_two_end(cadre_self *self)
{
    set_up(self);
    assert_int_equal(cadre_kill(self, targets[0], 0), 0);
    assert_int_equal(cadre_stop(self, targets[4]), 0);
    later(self, CADRE_SECOND, ask_and_tell);
}
static void check_others(void)
{
    assert_int_equal(had.count, 20);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(had.of[i].code, 0);
    assert_int_equal(got[0] + got[4], 0);
    assert_int_equal(sums.dead, 0);
}
static void ended_targets_are_left_out(void **state)
{
    for (uint8_t way = CADRE_ROUND_ROBIN; way <= CADRE_BROADCAST; way++) {
        with_way(way, ANSWER, NULL);
        play_seeds(20, clean, let_two_end, check_others);
    }
}

static void let_all_end(cadre_self *self)
{
    set_up(self);
    for (uint32_t i = 0; i < TARGETS; i++)
        assert_int_equal(cadre_kill(self, targets[i], 0), 0);
    later(self, CADRE_SECOND, ask_and_tell);
}
static void check_nobody(void)
{
    assert_int_equal(had.count, 20);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(had.of[i].code, -EHOSTUNREACH);
        assert_string_equal(had.of[i].text, "router: there is no target");
        assert_true(cadre_same(had.of[i].origin, front));
    }
    assert_int_equal(sums.dead, 20);
}
static void without_targets_it_refuses(void **state)
{
    for (uint8_t way = CADRE_ROUND_ROBIN; way <= CADRE_BROADCAST; way++) {
        with_way(way, ANSWER, NULL);
        play_seeds(10, clean, let_all_end, check_nobody);
    }
}

/* A client that does not wait any more makes nobody busy. */
static void ask_for_the_dead(cadre_self *self)
{
    set_up(self);
    let_a_client_die(self, CADRE_MS, 0);
    asked = 1;
    later(self, 10 * CADRE_MS, ask_next);
}
static void check_first_is_free_again(void)
{
    assert_int_equal(had.count, asked - 1);
    assert_int_equal(unwanted, 1);
}
static void cancelling_spreads(void **state)
{
    with_way(CADRE_LEAST_BUSY, LATE, NULL);
    play_seeds(20, clean, ask_for_the_dead, check_first_is_free_again);
}

/* ---- to all ---- */

static void ask_once(cadre_self *self)
{
    set_up(self);
    (void)ask_number(self, front, CADRE_NEVER, 1);
}
static void check_first_answer(void)
{
    assert_int_equal(had.count, 1);
    assert_int_equal(had.of[0].value, 2);
    assert_int_equal(seen[1], TARGETS);
    assert_true(unwanted > 0);
}
static void first_answer_counts_and_the_rest_is_cancelled(void **state)
{
    with_way(CADRE_BROADCAST, LATE, NULL);
    play_seeds(40, clean, ask_once, check_first_answer);
}
static void check_all_failed(void)
{
    assert_int_equal(had.count, 1);
    assert_int_equal(had.of[0].code, -EIO);
}
static void when_all_fail_it_fails(void **state)
{
    with_way(CADRE_BROADCAST, -EIO, NULL);
    play_seeds(20, clean, ask_once, check_all_failed);
}

/* ---- what owns something ---- */

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
    bool copies = config.way == CADRE_LEAST_BUSY || config.way == CADRE_BROADCAST;
    assert_int_equal(had.count, 10);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(had.of[i].code, copies && !config.share ? -ENOTSUP : 0);
    assert_owned_dropped(20);
    assert_int_equal(sums.dead,
                     config.way == CADRE_BROADCAST && !config.share ? 10 : 0);
}
static void what_is_owned_is_dropped_once(void **state)
{
    for (uint8_t way = CADRE_ROUND_ROBIN; way <= CADRE_BROADCAST; way++)
        for (int i = 0; i < 2; i++) {
            with_way(way, ANSWER, i ? share_owned : NULL);
            play_seeds(20, clean, send_owned, check_owned);
        }
}

/* ---- what it is told, and bad configs ---- */

static void change_badly(cadre_self *self)
{
    cadre_ref nobody = {0};
    set_up(self);
    cadre_time wait = CADRE_SECOND;
    assert_int_equal(cadre_ask(self, NULL, front, wait, cadre_router_add, nobody), 0);
    assert_int_equal(cadre_ask(self, NULL, front, wait, cadre_router_add, front), 0);
    assert_int_equal(cadre_ask(self, NULL, front, wait, cadre_router_add, targets[2]),
                     0);
    assert_int_equal(cadre_ask(self, NULL, front, wait, cadre_router_remove, nobody),
                     0);
    assert_int_equal(
        cadre_ask(self, NULL, front, wait, cadre_router_remove, targets[TARGETS]), 0);
    assert_int_equal(
        cadre_ask(self, NULL, front, wait, cadre_router_remove, targets[2]), 0);
    add_target(self, 0);
}
static void check_changes(void)
{
    static const int codes[] = {-EINVAL, -EINVAL, -EEXIST, -ENOENT, -ENOENT, 0};
    assert_int_equal(had.count, 6);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(had.of[i].code, codes[i]);
    assert_ptr_equal(had.of[5].type, &cadre_router_targets_type);
    assert_int_equal(sums.dead, 1);
}
static void bad_changes_are_refused(void **state)
{
    with_way(CADRE_ROUND_ROBIN, ANSWER, NULL);
    play_seeds(10, clean, change_badly, check_changes);
}

static void bad_config_fails_the_start(void **state)
{
    const cadre_router bad[] = {{.way = CADRE_BROADCAST + 1}, {.way = CADRE_BY_KEY}};
    const cadre_router twice = {.targets = {{1}, {2}, {1}}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_router_class, &bad[i], -EINVAL);
    assert_start_fails(&cadre_router_class, &twice, -EEXIST);
}

int main(void)
{
    TESTS(cmocka_unit_test(each_message_to_one), cmocka_unit_test(round_robin_is_even),
          cmocka_unit_test(key_stays), cmocka_unit_test(least_busy_first),
          cmocka_unit_test(one_outcome), cmocka_unit_test(ended_targets_are_left_out),
          cmocka_unit_test(without_targets_it_refuses),
          cmocka_unit_test(cancelling_spreads),
          cmocka_unit_test(first_answer_counts_and_the_rest_is_cancelled),
          cmocka_unit_test(when_all_fail_it_fails),
          cmocka_unit_test(what_is_owned_is_dropped_once),
          cmocka_unit_test(bad_changes_are_refused),
          cmocka_unit_test(bad_config_fails_the_start));
    return RUN_TESTS();
}
