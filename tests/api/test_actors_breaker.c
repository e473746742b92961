/* test_actors_breaker.c: closed, open and half-open, in virtual time. */
#include "support/fronts.h"

#include <cadre/actors/breaker.h>

#include <errno.h>

static cadre_breaker config;
static cadre_breaker_status status;

static void set_up(cadre_self *self)
{
    put_in_front(self, &cadre_breaker_class, &config, &config.target);
}

static int keep_status(cadre_self *self, void *state, cadre_msg *m)
{
    status = *cadre_body(m, cadre_breaker_status);
    return 0;
}
static void ask_status(cadre_self *self)
{
    cadre_token token;
    assert_int_equal(cadre_ask(self, &token, front, CADRE_NEVER, cadre_breaker_ask, 0),
                     0);
    assert_int_equal(cadre_then(self, token, keep_status), 0);
}

static uint64_t asked;
static void ask_next(cadre_self *self)
{
    (void)ask_number(self, front, CADRE_NEVER, asked++);
}
/* Asks once each second, from now on; then looks. */
static uint32_t rounds;
static void ask_each_second(cadre_self *self)
{
    set_up(self);
    asked = 0;
    for (uint32_t i = 0; i < rounds; i++)
        later(self, i * CADRE_SECOND, ask_next);
    later(self, rounds * CADRE_SECOND - CADRE_SECOND / 2, ask_status);
}

static int code_of(uint32_t i) { return had.of[i].code; }

/* ---- the three states ---- */

static void is_healthy(void) { script_is(ANSWER); }
static void check_healthy(void)
{
    assert_int_equal(had.count, 10);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(had.of[i].value, 2 * i);
    assert_int_equal(status.state, CADRE_BREAKER_CLOSED);
    assert_int_equal(status.row + status.refused + status.opened + status.pending, 0);
}
static void answers_are_passed_on(void **state)
{
    config = (cadre_breaker){.failures = 1};
    rounds = 10;
    play_seeds(20, is_healthy, ask_each_second, check_healthy);
}

static void is_ill(void) { script_is(CADRE_EDEAD); }
static void check_open(void)
{
    assert_int_equal(had.count, 8);
    assert_int_equal(script.asked, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(code_of(i), CADRE_EDEAD);
    for (uint32_t i = 3; i < 8; i++) {
        assert_int_equal(code_of(i), -EHOSTDOWN);
        assert_int_equal(had.of[i].cause, CADRE_EDEAD);
        assert_true(cadre_same(had.of[i].origin, front));
        assert_string_equal(had.of[i].text, "breaker: open, the target is ill");
        assert_true(had.of[i].time < (i + 1) * CADRE_SECOND);
    }
    assert_int_equal(status.state, CADRE_BREAKER_OPEN);
    assert_int_equal(status.refused, 5);
    assert_int_equal(status.opened, 1);
    assert_int_equal(status.code, CADRE_EDEAD);
    assert_true(status.left > 0 && status.left < 3 * CADRE_SECOND);
}
static void fails_fast_when_open(void **state)
{
    config = (cadre_breaker){.failures = 3, .cooldown = 8 * CADRE_SECOND};
    rounds = 8;
    play_seeds(50, is_ill, ask_each_second, check_open);
}

static void is_unwell(void) { script_is(-ETIMEDOUT, -ETIMEDOUT, ANSWER); }
static void check_in_a_row(void)
{
    assert_int_equal(script.asked, 8);
    assert_int_equal(status.opened, 0);
}
static void recovers_in_between(void)
{
    script_is(-ETIMEDOUT, -ETIMEDOUT, ANSWER, -ETIMEDOUT, -ETIMEDOUT, ANSWER);
}
static void failures_count_in_a_row(void **state)
{
    config = (cadre_breaker){.failures = 3};
    rounds = 8;
    play_seeds(20, recovers_in_between, ask_each_second, check_in_a_row);
}

/* Opened at 0 s and, by the probe at 3 s, again; closed by those at 6 s and 7 s. */
static void check_probes(void)
{
    static const int codes[] = {-ETIMEDOUT, -EHOSTDOWN, -EHOSTDOWN, -ETIMEDOUT,
                                -EHOSTDOWN, -EHOSTDOWN, 0,          0,
                                0,          0};
    assert_int_equal(had.count, 10);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(code_of(i), codes[i]);
    assert_int_equal(script.asked, 6);
    assert_int_equal(status.state, CADRE_BREAKER_CLOSED);
    assert_int_equal(status.opened, 2);
}
static void probes_decide(void **state)
{
    config =
        (cadre_breaker){.failures = 1, .successes = 2, .cooldown = 2500 * CADRE_MS};
    rounds = 10;
    play_seeds(50, is_unwell, ask_each_second, check_probes);
}

/* A crowd meets a half-open breaker whose probe takes 100 ms. */
static void crowd(cadre_self *self)
{
    for (int i = 0; i < 20; i++)
        ask_next(self);
}
static void ask_while_probing(cadre_self *self)
{
    set_up(self);
    asked = 0;
    ask_next(self);
    later(self, 2 * CADRE_SECOND, crowd);
    later(self, 3 * CADRE_SECOND, crowd);
    later(self, 4 * CADRE_SECOND, crowd);
}
static void is_slow(void) { script_is(CADRE_EDEAD, LATE); }
static void check_one_probe(void)
{
    assert_int_equal(had.count, 61);
    assert_int_equal(script.asked, 1 + 1 + 1 + 20);
    for (uint32_t i = 1; i < 4; i++)
        assert_true(script.times[i] - script.times[i - 1] > 900 * CADRE_MS);
}
static void one_probe_at_a_time(void **state)
{
    config = (cadre_breaker){.failures = 1, .successes = 2, .cooldown = CADRE_SECOND};
    play_seeds(50, is_slow, ask_while_probing, check_one_probe);
}

/* ---- what counts ---- */

static void says_no(void) { script_is(-ENOENT); }
static void check_not_counted(void)
{
    assert_int_equal(script.asked, 8);
    assert_int_equal(code_of(7), -ENOENT);
}
static void check_counted(void)
{
    assert_int_equal(script.asked, 2);
    assert_int_equal(code_of(7), -EHOSTDOWN);
    assert_int_equal(had.of[7].cause, -ENOENT);
}
static void only_counted_codes(void **state)
{
    rounds = 8;
    config = (cadre_breaker){.failures = 2};
    play_seeds(10, says_no, ask_each_second, check_not_counted);
    config.codes[0] = -EBUSY;
    play_seeds(10, says_no, ask_each_second, check_not_counted);
    config.codes[1] = -ENOENT;
    play_seeds(10, says_no, ask_each_second, check_counted);
}

static void is_silent(void) { script_is(HOLD); }
static void forgets(void) { script_is(FORGET); }
static void leaves(void) { script_is(LEAVE); }
static void check_usual(void)
{
    assert_int_equal(had.count, 8);
    assert_int_equal(code_of(7), -EHOSTDOWN);
    assert_true(script.asked <= 2);
    assert_int_equal(status.opened, 1);
}
static void silence_death_and_forgetting_count(void **state)
{
    config = (cadre_breaker){.failures = 2, .timeout = 500 * CADRE_MS};
    rounds = 8;
    play_seeds(20, is_silent, ask_each_second, check_usual);
    play_seeds(20, forgets, ask_each_second, check_usual);
    play_seeds(20, leaves, ask_each_second, check_usual);
}

/* Ten requests that end after the breaker has opened do not touch the half-open one. */
static void crowd_of_ten(cadre_self *self)
{
    set_up(self);
    asked = 0;
    for (int i = 0; i < 11; i++)
        ask_next(self);
    later(self, 1500 * CADRE_MS, ask_next);
    later(self, 2500 * CADRE_MS, ask_next);
    later(self, 2600 * CADRE_MS, ask_status);
}
static void first_fails(void)
{
    script_is(CADRE_EDEAD, HOLD, HOLD, HOLD, HOLD, HOLD, HOLD, HOLD, HOLD, HOLD, HOLD,
              ANSWER);
}
static void check_epochs(void)
{
    assert_int_equal(status.state, CADRE_BREAKER_CLOSED);
    assert_int_equal(status.opened, 1);
    assert_int_equal(status.row, 0);
    assert_int_equal(script.asked, 13);
    assert_int_equal(had.of[had.count - 1].value, 24);
}
static void what_was_before_has_no_influence(void **state)
{
    config = (cadre_breaker){
        .failures = 1, .cooldown = CADRE_SECOND, .timeout = 2 * CADRE_SECOND};
    play_seeds(50, first_fails, crowd_of_ten, check_epochs);
}

/* ---- clients ---- */

static cadre_token probe;
static void ask_probe(cadre_self *self)
{
    probe = ask_number(self, front, CADRE_NEVER, 100);
}
static void cancel_probe(cadre_self *self)
{
    assert_int_equal(cadre_cancel(self, probe), 0);
}
static void cancel_the_probe(cadre_self *self)
{
    set_up(self);
    asked = 0;
    ask_next(self);
    later(self, 2 * CADRE_SECOND, ask_probe);
    later(self, 3 * CADRE_SECOND, cancel_probe);
    later(self, 4 * CADRE_SECOND, ask_next);
}
static void then_holds(void) { script_is(CADRE_EDEAD, HOLD, ANSWER); }
static void check_next_probe(void)
{
    assert_int_equal(had.count, 2);
    assert_int_equal(had.of[1].value, 2);
    assert_int_equal(script.asked, 3);
}
static void cancelled_probe_makes_room_for_the_next(void **state)
{
    config = (cadre_breaker){
        .failures = 1, .cooldown = CADRE_SECOND, .timeout = CADRE_NEVER};
    play_seeds(50, then_holds, cancel_the_probe, check_next_probe);
}

static void ask_many_and_stop(cadre_self *self)
{
    set_up(self);
    crowd(self);
    for (int i = 0; i < 20; i++)
        ask_owned(self, front, CADRE_NEVER, 0);
    later(self, CADRE_SECOND, stop_front);
}
static void check_stopped(void)
{
    assert_int_equal(had.count, 40);
    for (uint32_t i = 0; i < 40; i++)
        assert_int_equal(code_of(i), CADRE_EDEAD);
    assert_owned_dropped(20);
}
static void one_outcome(void **state)
{
    config = (cadre_breaker){.share = share_owned};
    play_seeds(50, is_silent, ask_many_and_stop, check_stopped);
}

/* ---- bodies ---- */

static void ask_with_owned(cadre_self *self)
{
    set_up(self);
    for (int i = 0; i < 3; i++)
        ask_owned(self, front, CADRE_NEVER, 0);
}
static void check_owned(void)
{
    assert_int_equal(had.count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_ptr_equal(had.of[i].type, &owned_type);
    assert_owned_dropped(3);
}
static void what_is_owned_is_shared_and_dropped_once(void **state)
{
    config = (cadre_breaker){.share = share_owned};
    play_seeds(20, is_healthy, ask_with_owned, check_owned);
}
static void check_unsupported(void)
{
    assert_int_equal(had.count, 3);
    assert_int_equal(code_of(0), -ENOTSUP);
    assert_int_equal(script.asked, 0);
    assert_owned_dropped(3);
}
static void what_is_owned_needs_share(void **state)
{
    config = (cadre_breaker){.share = NULL};
    play_seeds(5, is_healthy, ask_with_owned, check_unsupported);
}

static void send_plain(cadre_self *self)
{
    assert_int_equal(cadre_send(self, front, owned, 0), 0);
}
static void send_before_and_after(cadre_self *self)
{
    set_up(self);
    send_plain(self);
    ask_next(self);
    later(self, CADRE_SECOND, send_plain);
}
static void check_plain(void)
{
    assert_int_equal(script.plain, 1);
    assert_int_equal(sums.dead, 1);
    assert_owned_dropped(2);
}
static void plain_messages_pass_when_closed(void **state)
{
    config = (cadre_breaker){.failures = 1};
    play_seeds(20, is_ill, send_before_and_after, check_plain);
}

static void bad_config_fails_the_start(void **state)
{
    cadre_ref somebody = {1};
    const cadre_breaker bad[] = {{.failures = 1},
                                 {.target = somebody, .cooldown = -1},
                                 {.target = somebody, .timeout = -1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_breaker_class, &bad[i], -EINVAL);
}

int main(void)
{
    TESTS(cmocka_unit_test(answers_are_passed_on),
          cmocka_unit_test(fails_fast_when_open),
          cmocka_unit_test(failures_count_in_a_row), cmocka_unit_test(probes_decide),
          cmocka_unit_test(one_probe_at_a_time), cmocka_unit_test(only_counted_codes),
          cmocka_unit_test(silence_death_and_forgetting_count),
          cmocka_unit_test(what_was_before_has_no_influence),
          cmocka_unit_test(cancelled_probe_makes_room_for_the_next),
          cmocka_unit_test(one_outcome),
          cmocka_unit_test(what_is_owned_is_shared_and_dropped_once),
          cmocka_unit_test(what_is_owned_needs_share),
          cmocka_unit_test(plain_messages_pass_when_closed),
          cmocka_unit_test(bad_config_fails_the_start));
    return RUN_TESTS();
}
