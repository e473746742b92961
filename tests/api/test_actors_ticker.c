/* test_actors_ticker.c: cron expressions, and ticks in virtual time. */
#include "support/dice.h"
#include "support/effort.h"
#include "support/fronts.h"

#include <cadre/actors/ticker.h>

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define DAY (86400 * CADRE_SECOND)

/* ---- expressions ---- */

static void assert_field(const char *cron, const char *field)
{
    const char *wrong = "none";
    assert_int_equal(cadre_ticker_check(cron, &wrong), -EINVAL);
    assert_string_equal(wrong, field);
    assert_int_equal(cadre_ticker_check(cron, NULL), -EINVAL);
    assert_true(cadre_ticker_next(cron, 0) == CADRE_NEVER);
}

static void bad_field_is_named(void **state)
{
    assert_field(NULL, "number of fields");
    assert_field("", "number of fields");
    assert_field("* * * *", "number of fields");
    assert_field("* * * * * * *", "number of fields");
    assert_field("60 * * * * *", "second");
    assert_field("60 * * * *", "minute");
    assert_field("* 24 * * *", "hour");
    assert_field("* * 0 * *", "day");
    assert_field("* * 32 * *", "day");
    assert_field("* * 30 2 *", "day"); /* never */
    assert_field("* * 31 4,6,9,11 *", "day");
    assert_field("* * * 13 *", "month");
    assert_field("* * * jan *", "month");
    assert_field("* * * * 8", "weekday");
    assert_field("*/0 * * * *", "minute");
    assert_field("5-3 * * * *", "minute");
    assert_field("1, * * * *", "minute");
    assert_field(", * * * *", "minute");
    assert_field("1-60 * * * *", "minute");
    assert_field("1- * * * *", "minute");
    assert_field("*5 * * * *", "minute");
    assert_field("1/ * * * *", "minute");
    assert_field("-1 * * * *", "minute");
    assert_field("1x * * * *", "minute");
    assert_field("4294967296 * * * *", "minute");
}

static void good_expressions_are_accepted(void **state)
{
    static const char *const good[] = {
        "* * * * *",      "*/5 * * * *",      "\t0  0 1 1 0 ", "0,30 9-17/2 * * 1-5",
        "0 0 29 2 *",     "0 0 30 2 1",       "5/20 * * * *",  "*/90 * * * *",
        "*/10 * * * * *", "59 59 23 31 12 7", "00 07 * * *",   "1,2,3-5,*/7 * * * *"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(cadre_ticker_check(good[i], NULL), 0);
}

static cadre_time at(int year, int month, int day, int hour, int minute, int second)
{
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    return timegm(&tm) * CADRE_SECOND;
}

static void assert_next(const char *cron, cadre_time after, cadre_time next)
{
    assert_int_equal(cadre_ticker_next(cron, after), next);
}

static void next_times(void **state)
{
    cadre_time t = at(2024, 2, 28, 23, 59, 30);
    assert_next("* * * * *", t, at(2024, 2, 29, 0, 0, 0));
    assert_next("*/5 * * * *", t, at(2024, 2, 29, 0, 0, 0));
    assert_next("* * * * * *", t, at(2024, 2, 28, 23, 59, 31));
    assert_next("* * * * * *", t + 1, at(2024, 2, 28, 23, 59, 31));
    assert_next("* * * * * *", t - 1, t);
    assert_next("0 0 29 2 *", at(2024, 2, 29, 0, 0, 0), at(2028, 2, 29, 0, 0, 0));
    assert_next("0 0 29 2 *", at(2096, 3, 1, 0, 0, 0), at(2104, 2, 29, 0, 0, 0));
    assert_next("0 0 29 2 */7", at(2088, 3, 1, 0, 0, 0), at(2128, 2, 29, 0, 0, 0));
    assert_next("0 0 * * 0", t, at(2024, 3, 3, 0, 0, 0)); /* Sunday */
    assert_next("0 0 * * 7", t, at(2024, 3, 3, 0, 0, 0));
    assert_next("0 0 13 * 5", t, at(2024, 3, 1, 0, 0, 0)); /* the 13th, or Friday */
    assert_next("0 0 13 * 5", at(2024, 3, 9, 0, 0, 0), at(2024, 3, 13, 0, 0, 0));
    assert_next("0 0 */2 * 1", t,
                at(2024, 3, 11, 0, 0, 0)); /* both: it begins with * */
    assert_next("0 0 1 1 *", -5 * DAY, 0);
    assert_next("59 59 23 31 12 *", t, at(2024, 12, 31, 23, 59, 59));
}

/* An oracle that is slow and simple: second after second, with the C library's calendar.
 * Each field is *, a number, or a step. */
static void draw_expression(struct dice *dice, int *fields, char *text, size_t size)
{
    static const uint32_t first[] = {0, 0, 0, 1, 1, 0},
                          last[] = {59, 59, 23, 28, 12, 6};
    size_t used = 0;
    for (int i = 0; i < 6; i++) {
        bool any = dice_below(dice, 3) > 0 || i < 2;
        fields[i] = -1;
        if (!any)
            fields[i] = (int)(first[i] + dice_below(dice, last[i] - first[i] + 1));
        if (i < 2 && dice_once_in(dice, 2))
            fields[i] = (int)dice_below(dice, 60);
        if (fields[i] < 0)
            used += (size_t)snprintf(text + used, size - used, "* ");
        else
            used += (size_t)snprintf(text + used, size - used, "%d ", fields[i]);
    }
}
static bool fits(const int *f, time_t t)
{
    struct tm tm;
    gmtime_r(&t, &tm);
    bool day = f[3] < 0 || f[3] == tm.tm_mday, weekday = f[5] < 0 || f[5] == tm.tm_wday;
    return (f[0] < 0 || f[0] == tm.tm_sec) && (f[1] < 0 || f[1] == tm.tm_min) &&
           (f[2] < 0 || f[2] == tm.tm_hour) && (f[4] < 0 || f[4] == tm.tm_mon + 1) &&
           (f[3] < 0 || f[5] < 0 ? day && weekday : day || weekday);
}
static void next_is_the_first_that_fits(void **state)
{
    struct dice dice = dice_new(1, 1);
    for (int n = 0; n < 300 / EFFORT_SLOWDOWN; n++) {
        char text[80];
        int fields[6];
        time_t after = (time_t)dice_below(&dice, UINT32_MAX);
        draw_expression(&dice, fields, text, sizeof text);
        cadre_time next = cadre_ticker_next(text, after * CADRE_SECOND);
        assert_true(next != CADRE_NEVER && next % CADRE_SECOND == 0);
        time_t end = next / CADRE_SECOND, most = after + 200000;
        assert_true(end > after && fits(fields, end));
        for (time_t t = after + 1; t < end && t < most; t++)
            assert_false(fits(fields, t));
    }
}

/* ---- ticks ---- */

static cadre_ticker config;
static cadre_ref ticker;
static uint32_t ticks;
static cadre_tick got[SCRIPT_MAX];
static cadre_time when[SCRIPT_MAX];
static cadre_token subscription;

static int take_tick(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_tick *t = cadre_body(m, cadre_tick);
    if (!t)
        return keep_outcome(self, state, m);
    assert_true(ticks < SCRIPT_MAX);
    when[ticks] = cadre_now(self);
    got[ticks++] = *t;
    return 0;
}

static void subscribe(cadre_self *self)
{
    assert_int_equal(
        cadre_ask(self, &subscription, ticker, CADRE_NEVER, cadre_ticker_subscribe, 0),
        0);
}
static void cancel(cadre_self *self)
{
    assert_int_equal(cadre_cancel(self, subscription), 0);
}
static void start_ticker(cadre_self *self)
{
    ticks = 0;
    cadre_become(self, take_tick);
    assert_int_equal(cadre_spawn(self, &ticker, &cadre_ticker_class, &config), 0);
}

static void listen_for_a_day(cadre_self *self)
{
    start_ticker(self);
    subscribe(self);
    later(self, DAY, cancel);
}
static void check_hours(void)
{
    assert_int_equal(ticks, 4 * 24);
    for (uint32_t i = 0; i < ticks; i++) {
        cadre_time due = (i + 1) * 15 * 60 * CADRE_SECOND;
        assert_int_equal(got[i].number, i + 1);
        assert_int_equal(got[i].time, due == DAY ? DAY : due);
        assert_true(when[i] >= due && when[i] <= due + 2 * CADRE_MS);
    }
}
static void every_time_once(void **state)
{
    config = (cadre_ticker){.cron = "*/15 * * * *"};
    for (uint64_t seed = 1; seed <= 20 / EFFORT_SEEDS; seed++) {
        play_asking(seed, listen_for_a_day);
        if (ticks == 4 * 24 - 1) /* the last one and the cancelling come together */
            got[ticks] = (cadre_tick){96, DAY}, when[ticks++] = DAY;
        check_hours();
    }
}

static void listen_to_a_period(cadre_self *self)
{
    start_ticker(self);
    subscribe(self);
    later(self, 10500 * CADRE_MS, cancel);
}
static void check_period(void)
{
    assert_int_equal(ticks, 10);
    for (uint32_t i = 0; i < ticks; i++) {
        assert_int_equal(got[i].number, i + 1);
        assert_int_equal(got[i].time - got[0].time, i * CADRE_SECOND);
        assert_true(when[i] >= got[i].time && when[i] <= got[i].time + 2 * CADRE_MS);
    }
    assert_int_equal(had.count, 0);
}
static void period_keeps_its_grid(void **state)
{
    config = (cadre_ticker){.period = CADRE_SECOND};
    play_seeds(50, NULL, listen_to_a_period, check_period);
}

/* A wall clock that is set while it runs: it counts the stage's steps. */
static cadre_time wall_now, offset;
static void set_forward(cadre_self *self) { offset = 3600 * CADRE_SECOND; }
static void set_back(cadre_self *self) { offset = 1800 * CADRE_SECOND; }

static cadre_time read_steps(void *user) { return wall_now + offset; }
static void step(cadre_self *self) { wall_now += CADRE_SECOND; }
static void set_the_clock(cadre_self *self)
{
    wall_now = at(2026, 1, 1, 0, 0, 0);
    offset = 0;
    start_ticker(self);
    subscribe(self);
    for (int i = 1; i <= 7200; i++)
        later(self, i * CADRE_SECOND, step);
    later(self, 750 * CADRE_SECOND, set_forward); /* from 0:12:30 to 1:12:30 */
    later(self, 1830 * CADRE_SECOND, set_back);   /* from 1:30:30 to 1:00:30 */
    later(self, 7290 * CADRE_SECOND, cancel);
}
static void check_set(void)
{
    static const int minutes[] = {5,   10,  15,  75,  80,  85,  90,  95,  100, 105,
                                  110, 115, 120, 125, 130, 135, 140, 145, 150};
    assert_int_equal(ticks, 19);
    for (uint32_t i = 0; i < ticks; i++)
        assert_int_equal(got[i].time, at(2026, 1, 1, 0, minutes[i], 0));
}
static void clock_may_be_set(void **state)
{
    config = (cadre_ticker){.cron = "*/5 * * * *", .wall = read_steps};
    play_seeds(5, NULL, set_the_clock, check_set);
}

/* ---- subscribers ---- */

static const cadre_type ding_type = {.name = "ding", .size = sizeof(int)};
static uint32_t dings;
static int count_dings(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type != &ding_type)
        return keep_outcome(self, state, m);
    assert_int_equal(*(int *)m->body, 42);
    dings++;
    return 0;
}
static int start_listener(cadre_self *self, void *state)
{
    subscribe(self);
    return 0;
}
static const cadre_class listener = {.start = start_listener, .receive = count_dings};
static cadre_ref listeners[20];
static void kill_half(cadre_self *self)
{
    for (int i = 0; i < 20; i += 2)
        assert_int_equal(cadre_kill(self, listeners[i], 0), 0);
}
static void kill_rest(cadre_self *self)
{
    for (int i = 1; i < 20; i += 2)
        assert_int_equal(cadre_kill(self, listeners[i], 0), 0);
}
static void let_many_listen(cadre_self *self)
{
    dings = 0;
    start_ticker(self);
    for (int i = 0; i < 20; i++)
        assert_int_equal(cadre_spawn(self, &listeners[i], &listener, NULL), 0);
    later(self, 5500 * CADRE_MS, kill_half);
    later(self, 10500 * CADRE_MS, kill_rest);
}
static void check_dings(void)
{
    assert_int_equal(dings, 5 * 20 + 5 * 10);
    assert_int_equal(sums.dead, 0);
}
static void dead_are_forgotten(void **state)
{
    static const int body = 42;
    config = (cadre_ticker){.period = CADRE_SECOND, .type = &ding_type, .body = &body};
    play_seeds(50, NULL, let_many_listen, check_dings);
}

static void listen_for_a_while(cadre_self *self)
{
    start_ticker(self);
    assert_int_equal(cadre_ask(self, &subscription, ticker, 3500 * CADRE_MS,
                               cadre_ticker_subscribe, 0),
                     0);
}
static void check_while(void)
{
    assert_int_equal(ticks, 3);
    assert_int_equal(had.count, 1);
    assert_int_equal(had.of[0].code, -ETIMEDOUT);
}
static void timeout_ends_a_subscription(void **state)
{
    config = (cadre_ticker){.period = CADRE_SECOND};
    play_seeds(50, NULL, listen_for_a_while, check_while);
}

static void come_back(cadre_self *self)
{
    listen_to_a_period(self);
    later(self, 60 * CADRE_SECOND, subscribe);
    later(self, 62500 * CADRE_MS, cancel);
}
static void check_come_back(void)
{
    assert_int_equal(ticks, 12);
    assert_int_equal(got[10].number, 11);
    assert_true(when[10] - when[9] > 50 * CADRE_SECOND);
}
static void sleeps_without_subscribers(void **state)
{
    config = (cadre_ticker){.period = CADRE_SECOND};
    play_seeds(50, NULL, come_back, check_come_back);
}

static void stop_ticker(cadre_self *self)
{
    assert_int_equal(cadre_stop(self, ticker), 0);
}
static void stop_while_listening(cadre_self *self)
{
    start_ticker(self);
    subscribe(self);
    later(self, 2500 * CADRE_MS, stop_ticker);
}
static void check_end(void)
{
    assert_int_equal(ticks, 2);
    assert_int_equal(had.count, 1);
    assert_int_equal(had.of[0].code, CADRE_EDEAD);
}
static void subscribers_hear_of_the_end(void **state)
{
    config = (cadre_ticker){.period = CADRE_SECOND};
    play_seeds(20, NULL, stop_while_listening, check_end);
}

static void subscribe_by_message(cadre_self *self)
{
    start_ticker(self);
    assert_int_equal(cadre_send(self, ticker, cadre_ticker_subscribe, 0), 0);
}
static void a_message_is_no_subscription(void **state)
{
    config = (cadre_ticker){.period = CADRE_SECOND};
    play_asking(1, subscribe_by_message);
    assert_int_equal(ticks, 0);
    assert_int_equal(sums.dead, 1);
}

static void bad_config_fails_the_start(void **state)
{
    const cadre_ticker bad[] = {
        {.period = 0},
        {.period = -1},
        {.period = 1, .cron = "* * * * *"},
        {.cron = "* * 30 2 *"},
        {.period = 1, .type = &owned_type},
        {.period = 1, .type = &number_type},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_ticker_class, &bad[i], -EINVAL);
}

static int spawn_ticker(cadre_self *self, void *state)
{
    return cadre_spawn(self, NULL, &cadre_ticker_class, &config);
}
static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static void cron_needs_a_wall_clock(void **state)
{
    static const cadre_class root = {.start = spawn_ticker, .receive = ignore};
    cadre_config real = quiet(1, 0);
    real.end_when_quiet = true;
    config = (cadre_ticker){.cron = "* * * * *"};
    assert_int_equal(run(&real, &root, NULL), 0);
    assert_int_equal(lines_with("failed at its start"), 1);
    config.wall = read_steps;
    real = quiet(1, 0);
    real.end_when_quiet = true;
    assert_int_equal(run(&real, &root, NULL), 0);
    assert_int_equal(lines_with("failed at its start"), 0);
}

int main(void)
{
    TESTS(cmocka_unit_test(bad_field_is_named),
          cmocka_unit_test(good_expressions_are_accepted), cmocka_unit_test(next_times),
          cmocka_unit_test(next_is_the_first_that_fits),
          cmocka_unit_test(every_time_once), cmocka_unit_test(period_keeps_its_grid),
          cmocka_unit_test(clock_may_be_set), cmocka_unit_test(dead_are_forgotten),
          cmocka_unit_test(timeout_ends_a_subscription),
          cmocka_unit_test(sleeps_without_subscribers),
          cmocka_unit_test(subscribers_hear_of_the_end),
          cmocka_unit_test(a_message_is_no_subscription),
          cmocka_unit_test(bad_config_fails_the_start),
          cmocka_unit_test(cron_needs_a_wall_clock));
    return RUN_TESTS();
}
