/* test_actors_shedder_front.c: a shedder is a front: room, clients, bodies. */
#include "support/fronts.h"

#include <cadre/actors/shedder.h>

#include <errno.h>

/* What messages on their way, and timers that are late, may add. */
#define SLACK CADRE_MS

static cadre_shedder config;

static cadre_shedder_status status;
static int keep_status(cadre_self *self, void *state, cadre_msg *m)
{
    status = *cadre_body(m, cadre_shedder_status);
    return 0;
}
static void ask_status(cadre_self *self)
{
    cadre_token token;
    assert_int_equal(cadre_ask(self, &token, front, CADRE_NEVER, cadre_shedder_ask, 0),
                     0);
    assert_int_equal(cadre_then(self, token, keep_status), 0);
}

static void check_silent(void)
{
    assert_int_equal(had.count, 8);
    assert_int_equal(script.asked, 2);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(had.of[i].code,
                         had.of[i].code == CADRE_EFULL ? CADRE_EFULL : -ETIMEDOUT);
    }
}
static void set_up_script(cadre_self *self)
{
    put_in_front(self, &cadre_shedder_class, &config, &config.target);
}
static void ask_eight(cadre_self *self)
{
    set_up_script(self);
    for (uint64_t i = 0; i < 8; i++)
        (void)ask_number(self, front, CADRE_NEVER, i);
}
static void is_silent(void) { script_is(HOLD); }
static void silent_target_does_not_hold_up_for_ever(void **state)
{
    config = (cadre_shedder){.concurrency = 2, .timeout = 3 * CADRE_SECOND};
    play_seeds(20, is_silent, ask_eight, check_silent);
}

/* ---- room ---- */

static void check_full(void)
{
    uint32_t refused = 0;
    assert_int_equal(had.count, 8);
    for (uint32_t i = 0; i < 8; i++)
        if (had.of[i].text && !strcmp(had.of[i].text, "shedder: too many wait")) {
            assert_int_equal(had.of[i].code, CADRE_EFULL);
            assert_true(had.of[i].time < SLACK);
            refused++;
        }
    assert_int_equal(refused, 8 - 1 - 3);
    assert_int_equal(script.asked, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(script.values[i], i);
}
static void answers_late(void) { script_is(LATE); }
static void full_is_refused(void **state)
{
    config =
        (cadre_shedder){.waiting = 3, .delay = CADRE_SECOND, .interval = CADRE_SECOND};
    play_seeds(50, answers_late, ask_eight, check_full);
}

static uint32_t value_is_level(const cadre_type *type, const void *body)
{
    return (uint32_t)((const number *)body)->value / 10;
}
static void ask_by_level(cadre_self *self)
{
    static const uint64_t values[] = {0, 1, 2, 11, 21, 3, 22, 12, 99};
    set_up_script(self);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        (void)ask_number(self, front, CADRE_NEVER, values[i]);
}
/* 0 is passed on at once. Of the rest three wait in the end, of the highest level, and
 * in order within it. */
static void check_places(void)
{
    static const uint64_t passed[] = {0, 99, 21, 22};
    assert_int_equal(had.count, 9);
    assert_int_equal(script.asked, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(script.values[i], passed[i]);
}
static void important_takes_the_place_of_others(void **state)
{
    config = (cadre_shedder){.waiting = 3,
                             .delay = CADRE_SECOND,
                             .interval = CADRE_SECOND,
                             .importance = value_is_level};
    play_seeds(50, answers_late, ask_by_level, check_places);
}

/* ---- clients ---- */

static cadre_token waiting_one;
static void cancel_it(cadre_self *self)
{
    assert_int_equal(cadre_cancel(self, waiting_one), 0);
}
static void cancel_while_it_waits(cadre_self *self)
{
    set_up_script(self);
    (void)ask_number(self, front, CADRE_NEVER, 1);
    waiting_one = ask_number(self, front, CADRE_NEVER, 2);
    let_a_client_die(self, 40 * CADRE_MS, 3);
    (void)ask_number(self, front, CADRE_NEVER, 4);
    later(self, 50 * CADRE_MS, cancel_it);
    later(self, CADRE_SECOND, ask_status);
}
static void check_cancelled(void)
{
    assert_int_equal(had.count, 2);
    assert_int_equal(had.of[0].value, 2);
    assert_int_equal(had.of[1].value, 8);
    assert_int_equal(script.asked, 2);
    assert_int_equal(status.passed, 2);
    assert_int_equal(status.dropped, 2);
    assert_int_equal(status.refused, 0);
}
static void cancelled_is_dropped(void **state)
{
    config = (cadre_shedder){.delay = CADRE_SECOND};
    play_seeds(50, answers_late, cancel_while_it_waits, check_cancelled);
}

static void ask_many_and_stop(cadre_self *self)
{
    set_up_script(self);
    for (uint64_t i = 0; i < 20; i++) {
        (void)ask_number(self, front, CADRE_NEVER, i);
        ask_owned(self, front, CADRE_NEVER, 0);
    }
    later(self, 50 * CADRE_MS, stop_front);
}
static void check_stopped(void)
{
    assert_int_equal(had.count, 40);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(had.of[i].code, CADRE_EDEAD);
    assert_owned_dropped(20);
}
static void one_outcome(void **state)
{
    config = (cadre_shedder){.share = share_owned, .concurrency = 3};
    play_seeds(50, is_silent, ask_many_and_stop, check_stopped);
}

/* ---- bodies ---- */

static void ask_with_owned(cadre_self *self)
{
    set_up_script(self);
    for (int i = 0; i < 6; i++)
        ask_owned(self, front, CADRE_NEVER, 0);
}
static void is_healthy(void) { script_is(ANSWER); }
static void check_owned(void)
{
    assert_int_equal(had.count, 6);
    for (uint32_t i = 0; i < 6; i++)
        assert_ptr_equal(had.of[i].type, &owned_type);
    assert_owned_dropped(6);
}
static void what_is_owned_is_shared_and_dropped_once(void **state)
{
    config = (cadre_shedder){.share = share_owned, .concurrency = 2};
    play_seeds(20, is_healthy, ask_with_owned, check_owned);
}
static void check_unsupported(void)
{
    assert_int_equal(had.count, 6);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(had.of[i].code, -ENOTSUP);
    assert_int_equal(script.asked, 0);
    assert_owned_dropped(6);
}
static void what_is_owned_needs_share(void **state)
{
    config = (cadre_shedder){.share = NULL};
    play_seeds(5, is_healthy, ask_with_owned, check_unsupported);
}

static void send_plain(cadre_self *self)
{
    assert_int_equal(cadre_send(self, front, owned, 0), 0);
}
static void send_before_and_while(cadre_self *self)
{
    ask_eight(self);
    send_plain(self);
    later(self, 300 * CADRE_MS, send_plain);
}
static void check_plain(void)
{
    assert_int_equal(script.plain, 1);
    assert_int_equal(sums.dead, 1);
    assert_owned_dropped(2);
}
static void plain_messages_pass_unless_it_sheds(void **state)
{
    config = (cadre_shedder){.timeout = CADRE_SECOND};
    play_seeds(20, is_silent, send_before_and_while, check_plain);
}

static void bad_config_fails_the_start(void **state)
{
    cadre_ref somebody = {1};
    const cadre_shedder bad[] = {{.concurrency = 1},
                                 {.target = somebody, .delay = -1},
                                 {.target = somebody, .interval = -1},
                                 {.target = somebody, .timeout = -1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_shedder_class, &bad[i], -EINVAL);
}

int main(void)
{
    TESTS(cmocka_unit_test(silent_target_does_not_hold_up_for_ever),
          cmocka_unit_test(full_is_refused),
          cmocka_unit_test(important_takes_the_place_of_others),
          cmocka_unit_test(cancelled_is_dropped), cmocka_unit_test(one_outcome),
          cmocka_unit_test(what_is_owned_is_shared_and_dropped_once),
          cmocka_unit_test(what_is_owned_needs_share),
          cmocka_unit_test(plain_messages_pass_unless_it_sheds),
          cmocka_unit_test(bad_config_fails_the_start));
    return RUN_TESTS();
}
