/* test_actors_retry.c: asking again, in virtual time. */
#include "support/fronts.h"

#include <cadre/actors/retry.h>

#include <errno.h>

static cadre_retry config;
static cadre_token token;

static void set_up(cadre_self *self)
{
    put_in_front(self, &cadre_retry_class, &config, &config.target);
}

static void ask_once(cadre_self *self)
{
    set_up(self);
    token = ask_number(self, front, CADRE_NEVER, 21);
}

static void assert_answer(uint64_t value)
{
    assert_int_equal(had.count, 1);
    assert_ptr_equal(had.of[0].type, &number_type);
    assert_int_equal(had.of[0].value, value);
    assert_true(had.of[0].token.id == token.id);
}

static void assert_failure(int code)
{
    assert_int_equal(had.count, 1);
    assert_ptr_equal(had.of[0].type, &cadre_failure_type);
    assert_int_equal(had.of[0].code, code);
}

/* ---- how often, and for what ---- */

static void answers_at_once(void) { script_is(ANSWER); }
static void check_first(void)
{
    assert_answer(42);
    assert_int_equal(script.asked, 1);
}
static void first_answer_is_passed_on(void **state)
{
    config = (cadre_retry){.attempts = 3};
    play_seeds(50, answers_at_once, ask_once, check_first);
}

static void fails_twice(void) { script_is(CADRE_EDEAD, HOLD, ANSWER); }
static void check_third(void)
{
    assert_answer(42);
    assert_int_equal(script.asked, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(script.values[i], 21);
}
static void asks_again_after_timeout_and_death(void **state)
{
    config = (cadre_retry){.attempts = 3};
    play_seeds(50, fails_twice, ask_once, check_third);
}

static void never_answers(void) { script_is(HOLD); }
static void check_five(void)
{
    assert_failure(-ETIMEDOUT);
    assert_true(cadre_same(had.of[0].origin, target)); /* as it came */
    assert_int_equal(script.asked, 5);
}
static void attempts_are_bounded(void **state)
{
    config = (cadre_retry){.attempts = 0};
    play_seeds(50, never_answers, ask_once, check_five);
}

static void says_no(void) { script_is(-ENOENT, ANSWER); }
static void check_no(void)
{
    assert_failure(-ENOENT);
    assert_int_equal(script.asked, 1);
}
static void only_listed_codes(void **state)
{
    config = (cadre_retry){.attempts = 3};
    play_seeds(20, says_no, ask_once, check_no);
    config.codes[0] = -EBUSY;
    config.codes[1] = -EAGAIN;
    play_seeds(20, says_no, ask_once, check_no);
    config.codes[1] = -ENOENT;
    play_seeds(20, says_no, ask_once, NULL);
    assert_answer(42);
    config.codes[1] = -EAGAIN; /* the usual ones are not listed now */
    play_seeds(20, fails_twice, ask_once, NULL);
    assert_failure(CADRE_EDEAD);
}

static void all_codes_fit(void **state)
{
    config = (cadre_retry){.codes = {-1, -3, -4, -5, -6, -7, -8, -ENOENT}};
    play_seeds(5, says_no, ask_once, NULL);
    assert_answer(42);
}

/* ---- when ---- */

/* Delays are in the time between a failure, which comes at once, and the next attempt. */
static cadre_time longest[4], shortest[4];
static void fails_always(void) { script_is(CADRE_EDEAD); }
static void check_delays(void)
{
    assert_int_equal(script.asked, 5);
    for (int i = 0; i < 4; i++) {
        cadre_time delay = script.times[i + 1] - script.times[i];
        cadre_time most = (INT64_C(100) << i) * CADRE_MS;
        assert_true(delay >= 0);
        assert_true(delay <=
                    (most < config.delay_max ? most : config.delay_max) + 5 * CADRE_MS);
        longest[i] = delay > longest[i] ? delay : longest[i];
        shortest[i] = delay < shortest[i] ? delay : shortest[i];
    }
}
static void delays_have_full_jitter(void **state)
{
    config = (cadre_retry){.delay_max = 500 * CADRE_MS};
    for (int i = 0; i < 4; i++)
        longest[i] = 0, shortest[i] = CADRE_NEVER;
    play_all_seeds(200, fails_always, ask_once,
                   check_delays); /* all: it is statistics */
    for (int i = 0; i < 4; i++) {
        cadre_time most = i < 3 ? (INT64_C(100) << i) * CADRE_MS : config.delay_max;
        assert_true(longest[i] > most * 9 / 10);
        assert_true(shortest[i] < most / 10);
    }
}

static void same_seed_same_delays(void **state)
{
    cadre_time times[5];
    config = (cadre_retry){.attempts = 5};
    fails_always();
    play_asking(7, ask_once);
    memcpy(times, script.times, sizeof times);
    fails_always();
    play_asking(7, ask_once);
    assert_memory_equal(times, script.times, sizeof times);
}

static cadre_time client_timeout;
static void ask_for_a_while(cadre_self *self)
{
    set_up(self);
    token = ask_number(self, front, client_timeout, 21);
}
static void check_deadline(void)
{
    cadre_time end =
        config.deadline < client_timeout ? config.deadline : client_timeout;
    assert_int_equal(had.count, 1);
    assert_true(had.of[0].code < 0);
    assert_true(had.of[0].time <= end + 10 * CADRE_MS);
    assert_true(script.asked > 1);
    for (uint32_t i = 0; i < script.asked; i++)
        assert_true(script.times[i] < end);
}
static void never_after_deadline(void **state)
{
    config = (cadre_retry){.attempts = 1000, .timeout = 30 * CADRE_MS};
    config.deadline = 2 * CADRE_SECOND;
    client_timeout = CADRE_SECOND;
    play_seeds(50, never_answers, ask_for_a_while, check_deadline);
    client_timeout = CADRE_NEVER;
    play_seeds(50, never_answers, ask_for_a_while, check_deadline);
    assert_failure(-ETIMEDOUT);
}

static void ask_with_all_the_time(cadre_self *self)
{
    set_up(self);
    (void)ask_number(self, front, CADRE_NEVER, 1);
}
static void check_thousand(void)
{
    assert_failure(-ETIMEDOUT);
    assert_int_equal(script.asked, 1000);
}
static void no_deadline_is_allowed(void **state)
{
    config = (cadre_retry){.attempts = 1000, .deadline = CADRE_NEVER};
    config.timeout = 10 * CADRE_MS;
    play_seeds(1, never_answers, ask_with_all_the_time, check_thousand);
}

/* ---- who dies, who cancels ---- */

static void cancel_it(cadre_self *self)
{
    assert_int_equal(cadre_cancel(self, token), 0);
}
static void ask_and_cancel(cadre_self *self)
{
    ask_once(self);
    later(self, 1500 * CADRE_MS, cancel_it);
}
static void check_cancelled(void)
{
    assert_int_equal(had.count, 0);
    for (uint32_t i = 0; i < script.asked; i++)
        assert_true(script.times[i] <= 1510 * CADRE_MS);
}
static void cancelled_is_given_up(void **state)
{
    config = (cadre_retry){.attempts = 100, .delay = CADRE_SECOND};
    play_seeds(100, never_answers, ask_and_cancel, check_cancelled);
}

static void ask_and_die(cadre_self *self)
{
    set_up(self);
    let_a_client_die(self, 1500 * CADRE_MS, 21);
}
static void client_that_ended_is_given_up(void **state)
{
    config = (cadre_retry){.attempts = 100, .delay = CADRE_SECOND};
    play_seeds(100, never_answers, ask_and_die, check_cancelled);
}

static void leaves(void) { script_is(LEAVE); }
static void check_left(void)
{
    assert_failure(CADRE_EDEAD);
    assert_int_equal(script.asked, 1);
}
static void dead_target_fails_after_all_attempts(void **state)
{
    config = (cadre_retry){.attempts = 4};
    play_seeds(50, leaves, ask_once, check_left);
}

static void ask_many_and_stop(cadre_self *self)
{
    set_up(self);
    for (uint64_t i = 0; i < 100; i++)
        (void)ask_number(self, front, CADRE_NEVER, i);
    for (uint32_t i = 0; i < 20; i++)
        ask_owned(self, front, CADRE_NEVER, 0);
    later(self, 1050 * CADRE_MS, stop_front);
}
static void check_stopped(void)
{
    assert_int_equal(had.count, 120);
    for (uint32_t i = 0; i < had.count; i++)
        assert_int_equal(had.of[i].code, CADRE_EDEAD);
    assert_owned_dropped(20);
}
static void one_outcome(void **state)
{
    config = (cadre_retry){.share = share_owned, .delay = CADRE_SECOND};
    play_seeds(50, never_answers, ask_many_and_stop, check_stopped);
}

/* ---- bodies ---- */

static void ask_with_owned(cadre_self *self)
{
    set_up(self);
    ask_owned(self, front, CADRE_NEVER, 0);
}
static void check_owned(void)
{
    assert_int_equal(had.count, 1);
    assert_ptr_equal(had.of[0].type, &owned_type);
    assert_int_equal(script.asked, 3);
    assert_owned_dropped(1);
}
static void what_is_owned_is_shared_and_dropped_once(void **state)
{
    config = (cadre_retry){.share = share_owned};
    play_seeds(50, fails_twice, ask_with_owned, check_owned);
}

static void check_unsupported(void)
{
    assert_failure(-ENOTSUP);
    assert_non_null(had.of[0].text);
    assert_int_equal(script.asked, 0);
    assert_owned_dropped(1);
}
static void what_is_owned_needs_share(void **state)
{
    config = (cadre_retry){.attempts = 2};
    play_seeds(5, answers_at_once, ask_with_owned, check_unsupported);
}

static void send_plain(cadre_self *self)
{
    set_up(self);
    assert_int_equal(cadre_send(self, front, number, 3), 0);
    assert_int_equal(cadre_send(self, front, owned, 0), 0);
}
static void check_plain(void)
{
    assert_int_equal(script.plain, 2);
    assert_int_equal(script.asked, 0);
    assert_owned_dropped(1);
}
static void plain_messages_are_passed_on(void **state)
{
    config = (cadre_retry){.attempts = 2};
    play_seeds(5, never_answers, send_plain, check_plain);
}

static void bad_config_fails_the_start(void **state)
{
    cadre_ref somebody = {1};
    const cadre_retry bad[] = {{.attempts = 1},
                               {.target = somebody, .timeout = -1},
                               {.target = somebody, .delay = -1},
                               {.target = somebody, .delay_max = -1},
                               {.target = somebody, .deadline = -1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_retry_class, &bad[i], -EINVAL);
}

int main(void)
{
    TESTS(cmocka_unit_test(first_answer_is_passed_on),
          cmocka_unit_test(asks_again_after_timeout_and_death),
          cmocka_unit_test(attempts_are_bounded), cmocka_unit_test(only_listed_codes),
          cmocka_unit_test(all_codes_fit), cmocka_unit_test(delays_have_full_jitter),
          cmocka_unit_test(same_seed_same_delays),
          cmocka_unit_test(never_after_deadline),
          cmocka_unit_test(no_deadline_is_allowed),
          cmocka_unit_test(cancelled_is_given_up),
          cmocka_unit_test(client_that_ended_is_given_up),
          cmocka_unit_test(dead_target_fails_after_all_attempts),
          cmocka_unit_test(one_outcome),
          cmocka_unit_test(what_is_owned_is_shared_and_dropped_once),
          cmocka_unit_test(what_is_owned_needs_share),
          cmocka_unit_test(plain_messages_are_passed_on),
          cmocka_unit_test(bad_config_fails_the_start));
    return RUN_TESTS();
}
