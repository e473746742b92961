/* test_actors_limiter.c: the token bucket, in virtual time. */
#include "support/fronts.h"

#include <cadre/actors/limiter.h>

#include <errno.h>

static cadre_limiter config;

static void set_up(cadre_self *self)
{
    put_in_front(self, &cadre_limiter_class, &config, &config.target);
}

static void answers(void) { script_is(ANSWER); }

/* ---- a crowd at once ---- */

enum { CROWD = 40 };
static void ask_at_once(cadre_self *self)
{
    set_up(self);
    for (uint64_t i = 0; i < CROWD; i++)
        (void)ask_number(self, front, CADRE_NEVER, i);
}

/* Request n is passed on when its token comes: not before, and not long after. */
static void check_pace(void)
{
    cadre_time interval = config.per / config.rate, start = script.times[0];
    assert_int_equal(script.asked, CROWD);
    assert_int_equal(had.count, CROWD);
    for (uint32_t i = 0; i < CROWD; i++) {
        cadre_time due = i < config.burst ? 0 : interval * (i - config.burst + 1);
        assert_true(script.times[i] - start >= due - CADRE_MS);
        assert_true(script.times[i] - start <= due + 2 * CADRE_MS);
        assert_int_equal(script.values[i], i);
        assert_int_equal(had.of[i].value, 2 * i);
        assert_true(cadre_same(had.of[i].origin, (cadre_ref){0}));
    }
}
static void order_is_kept(void **state)
{
    config = (cadre_limiter){.rate = 50, .per = CADRE_SECOND, .burst = 7};
    play_seeds(100, answers, ask_at_once, check_pace);
}
static void never_slower(void **state)
{
    config = (cadre_limiter){.rate = 3, .per = 60 * CADRE_SECOND, .burst = 1};
    play_seeds(50, answers, ask_at_once, check_pace);
}

/* ---- at random times ---- */

static uint32_t sent;
static void send_some(cadre_self *self)
{
    for (uint64_t i = cadre_random(self) % 12; i > 0; i--) {
        uint64_t value = sent++;
        if (cadre_random(self) % 2)
            (void)ask_number(self, front, CADRE_NEVER, value);
        else
            assert_int_equal(cadre_send(self, front, number, value), 0);
    }
}
static void ask_now_and_then(cadre_self *self)
{
    set_up(self);
    sent = 0;
    for (int i = 0; i < 60; i++)
        later(self, (cadre_time)(cadre_random(self) % (uint64_t)(4 * CADRE_SECOND)),
              send_some);
}
/* Between any two requests. */
static void check_rate(void)
{
    cadre_time interval = config.per / config.rate;
    assert_int_equal(script.asked + script.plain, sent);
    for (uint32_t i = 0; i < script.asked; i++)
        for (uint32_t k = i; k < script.asked; k++) {
            cadre_time t = script.times[k] - script.times[i];
            assert_true(k - i + 1 <= config.burst + t / interval + 1);
        }
    for (uint32_t i = 1; i < script.asked; i++)
        assert_true(script.values[i] > script.values[i - 1]);
}
static void never_faster(void **state)
{
    config = (cadre_limiter){
        .rate = 100, .per = CADRE_SECOND, .burst = 5, .waiting = 100000};
    play_seeds(100, answers, ask_now_and_then, check_rate);
}

/* ---- too many ---- */

static void check_refused(void)
{
    uint32_t refused = 0;
    cadre_time first = had.of[0].time;
    for (uint32_t i = 0; i < had.count; i++)
        if (had.of[i].code) {
            refused++;
            assert_int_equal(had.of[i].code, CADRE_EFULL);
            assert_true(cadre_same(had.of[i].origin, front));
            assert_string_equal(had.of[i].text, "limiter: too many wait");
            assert_true(had.of[i].time <= first + 10 * CADRE_MS);
        }
    assert_int_equal(had.count, CROWD);
    assert_int_equal(refused, CROWD - 4 - 10);
    assert_int_equal(script.asked, 4 + 10);
    for (uint32_t i = 0; i < script.asked; i++)
        assert_int_equal(script.values[i], i);
}
static void full_is_refused(void **state)
{
    config = (cadre_limiter){.rate = 1, .burst = 4, .waiting = 10};
    play_seeds(50, answers, ask_at_once, check_refused);
}

static void check_none_waited(void)
{
    assert_int_equal(script.asked, 4);
    assert_int_equal(had.count, CROWD);
}
static void nobody_needs_to_wait(void **state)
{
    config = (cadre_limiter){.rate = 1, .burst = 4, .waiting = UINT32_MAX};
    play_seeds(20, answers, ask_at_once, check_none_waited);
}

static void send_crowd(cadre_self *self)
{
    set_up(self);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(cadre_send(self, front, owned, 0), 0);
}
static void check_plain(void)
{
    assert_int_equal(script.plain, 14);
    assert_int_equal(sums.dead, CROWD - 14);
    assert_owned_dropped(CROWD);
}
static void plain_messages_beyond_are_dead_letters(void **state)
{
    config = (cadre_limiter){.rate = 1, .burst = 4, .waiting = 10};
    play_seeds(20, answers, send_crowd, check_plain);
}

/* ---- deadlines, and ends ---- */

static void ask_in_haste(cadre_self *self)
{
    set_up(self);
    for (uint64_t i = 0; i < 10; i++)
        (void)ask_number(self, front, i % 2 ? CADRE_NEVER : 1500 * CADRE_MS, i);
}
static void check_haste(void)
{
    static const uint64_t passed[] = {0, 1, 3, 5, 7, 9};
    assert_int_equal(had.count, 10);
    assert_int_equal(script.asked, 6);
    for (uint32_t i = 0; i < 6; i++) {
        cadre_time due = i * CADRE_SECOND; /* the others took no token */
        assert_int_equal(script.values[i], passed[i]);
        assert_true(script.times[i] - script.times[0] <= due + 10 * CADRE_MS);
    }
}
static void what_is_too_late_takes_no_token(void **state)
{
    config = (cadre_limiter){.rate = 1};
    play_seeds(50, answers, ask_in_haste, check_haste);
}

static void stop_with_some_waiting(cadre_self *self)
{
    ask_at_once(self);
    for (int i = 0; i < 10; i++)
        ask_owned(self, front, CADRE_NEVER, 0);
    later(self, 2500 * CADRE_MS, stop_front);
}
static void check_stopped(void)
{
    uint32_t dead = 0;
    assert_int_equal(had.count, CROWD + 10);
    for (uint32_t i = 0; i < had.count; i++)
        dead += had.of[i].code == CADRE_EDEAD;
    assert_int_equal(dead, CROWD + 10 - 3);
    assert_owned_dropped(10);
}
static void what_waits_at_the_end_fails(void **state)
{
    config = (cadre_limiter){.rate = 1};
    play_seeds(50, answers, stop_with_some_waiting, check_stopped);
}

static void leaves(void) { script_is(LEAVE); }
static void check_dead_target(void)
{
    assert_int_equal(had.count, CROWD);
    for (uint32_t i = 0; i < had.count; i++)
        assert_int_equal(had.of[i].code, CADRE_EDEAD);
}
static void dead_target_is_the_clients_affair(void **state)
{
    config = (cadre_limiter){.rate = 10};
    play_seeds(20, leaves, ask_at_once, check_dead_target);
}

static void bad_config_fails_the_start(void **state)
{
    cadre_ref somebody = {1};
    const cadre_limiter bad[] = {
        {.rate = 1},
        {.target = somebody, .per = -1},
        {.target = somebody, .rate = 2, .per = 1},
        {.target = somebody, .rate = 1, .per = CADRE_NEVER / 8, .burst = 3}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_limiter_class, &bad[i], -EINVAL);
}

int main(void)
{
    TESTS(cmocka_unit_test(order_is_kept), cmocka_unit_test(never_slower),
          cmocka_unit_test(never_faster), cmocka_unit_test(full_is_refused),
          cmocka_unit_test(nobody_needs_to_wait),
          cmocka_unit_test(plain_messages_beyond_are_dead_letters),
          cmocka_unit_test(what_is_too_late_takes_no_token),
          cmocka_unit_test(what_waits_at_the_end_fails),
          cmocka_unit_test(dead_target_is_the_clients_affair),
          cmocka_unit_test(bad_config_fails_the_start));
    return RUN_TESTS();
}
