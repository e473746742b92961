/* test_actors_logger.c: lines to a sink that is slow, full or broken, in virtual time. */
#include "support/logging.h"

#include <errno.h>
#include <stdio.h>

static void short_writes(void) { tape.most = 7; }
static void some_fail(void)
{
    tape.most = 100;
    tape.failures = 5;
    tape.code = -ENOSPC;
}
static void order_is_kept(void **state)
{
    amount = 100;
    log_config = (cadre_logger){.lines = 100000};
    play_seeds(20, clean, talk_and_stop, check_talk);
    assert_int_equal(final.failures, 0);
    play_seeds(20, short_writes, talk_and_stop, check_talk);
    assert_int_equal(final.failures, 0);
    play_seeds(20, some_fail, talk_and_stop, check_talk);
    assert_int_equal(final.failures, 5);
    assert_int_equal(final.code, -ENOSPC);
}

static void interrupted(void)
{
    tape.failures = 3;
    tape.code = -EINTR;
}
static void interrupted_write_is_no_failure(void **state)
{
    amount = 20;
    log_config = (cadre_logger){.lines = 1000};
    play_seeds(10, interrupted, talk_and_stop, check_talk);
    assert_int_equal(final.failures, 0);
}

/* ---- books ---- */

static void check_all_said(void)
{
    check_books();
    assert_int_equal(final.lines, TALKERS * amount);
    assert_true(final.dropped > 0);
    assert_int_equal(tape_said.missing, final.dropped);
}
static void books_are_exact(void **state)
{
    amount = 100;
    log_config = (cadre_logger){.lines = 16, .retry = CADRE_MS};
    play_seeds(50, some_fail, talk_and_stop, check_all_said);
}

static void never(void)
{
    tape.failures = UINT32_MAX;
    tape.code = -EIO;
}
static void check_nothing(void)
{
    check_books();
    assert_int_equal(final.written, 0);
    assert_int_equal(final.dropped, TALKERS * amount);
    assert_int_equal(final.code, -EIO);
}
/* After a kilobyte there is no room any more. */
static int64_t take_a_kilobyte(void *user, const char *bytes, size_t size)
{
    size_t left = 1024 - tape.used;
    return left == 0 ? -ENOSPC : take(user, bytes, size < left ? size : left);
}
static void check_small(void)
{
    check_books();
    assert_int_equal(tape.used, 1024);
    assert_true(final.written > 0 && final.dropped > 0);
}
static void broken_sink_is_in_the_books(void **state)
{
    amount = 30;
    log_config = (cadre_logger){.lines = 50};
    play_seeds(20, never, talk_and_stop, check_nothing);
    sink = take_a_kilobyte;
    play_seeds(20, clean, talk_and_stop, check_small);
    sink = take;
}

/* ---- bounds ---- */

static cadre_logger_status status;
static int keep_status(cadre_self *self, void *state, cadre_msg *m)
{
    assert_non_null(cadre_body(m, cadre_logger_status));
    status = *cadre_body(m, cadre_logger_status);
    return 0;
}
static void ask_status(cadre_self *self)
{
    cadre_token token;
    assert_int_equal(cadre_ask(self, &token, logger, CADRE_NEVER, cadre_logger_ask, 0),
                     0);
    assert_int_equal(cadre_then(self, token, keep_status), 0);
}
static void heal(cadre_self *self) { tape.failures = 0; }

static void log_a_hundred_of_each(cadre_self *self)
{
    set_up_logger(self);
    for (int level = CADRE_DEBUG; level >= CADRE_ERROR; level--)
        for (int i = 0; i < 100; i++)
            assert_int_equal(cadre_log(self, logger, level, "x", NULL), 0);
    later(self, CADRE_SECOND, ask_status);
    later(self, 2 * CADRE_SECOND, heal);
    later(self, 100 * CADRE_SECOND, stop_it);
}
static uint64_t count_text(const char *text)
{
    uint64_t n = 0;
    for (const char *at = tape.text; (at = strstr(at, text)); at++)
        n++;
    return n;
}
/* Of 80: a half, a quarter, an eighth, an eighth. */
static void check_levels(void)
{
    check_books();
    assert_int_equal(status.waiting, 80);
    assert_int_equal(status.dropped, 400 - 80);
    assert_int_equal(final.written, 80);
    assert_int_equal(count_text("Z debug "), 40);
    assert_int_equal(count_text("Z info "), 20);
    assert_int_equal(count_text(": x\n") - count_text("Z debug ") -
                         count_text("Z info ") - count_text("Z error "),
                     10);
    assert_int_equal(count_text("Z error "), 10);
    assert_int_equal(tape_said.missing, 400 - 80);
}
static void less_important_first(void **state)
{
    log_config = (cadre_logger){.lines = 80, .level = CADRE_DEBUG};
    play_seeds(20, never, log_a_hundred_of_each, check_levels);
}

/* Errors of 1,000 bytes and more: fewer than ten are 10,000 bytes. */
static void log_long(cadre_self *self)
{
    char text[1001];
    memset(text, 'y', 1000);
    text[1000] = '\0';
    set_up_logger(self);
    for (int i = 0; i < 100; i++)
        assert_int_equal(cadre_log(self, logger, CADRE_ERROR, text, NULL), 0);
    later(self, CADRE_SECOND, ask_status);
    later(self, 2 * CADRE_SECOND, heal);
    later(self, 100 * CADRE_SECOND, stop_it);
}
static void check_bytes(void)
{
    check_books();
    assert_int_equal(status.waiting, 9);
    assert_int_equal(final.written, 9);
    assert_int_equal(tape_said.missing, 91);
}
static void within_bounds(void **state)
{
    log_config = (cadre_logger){.bytes = 10000};
    play_seeds(20, never, log_long, check_bytes);
}

/* ---- lines ---- */

static cadre_time at_a_time(void *user) { return *(cadre_time *)user; }
static cadre_time a_time = INT64_C(1795902285) * CADRE_SECOND + 123456789;
static char expected[16384];

static void log_evil(cadre_self *self)
{
    char who[CADRE_REF_TEXT];
    set_up_logger(self);
    assert_int_equal(cadre_log(self, logger, CADRE_WARN, "a\nb\r\tc\x1b[0m\x7f",
                               CADRE_FIELDS({"name", .text = "x\ny \"z\" \\"},
                                            {"word", .text = "plain"},
                                            {"none", .text = ""}, {"n", .number = -7})),
                     0);
    assert_int_equal(
        cadre_send(self, logger, cadre_log_line, 77, NULL, cadre_buf_new("\n\0\n", 3)),
        0);
    assert_int_equal(cadre_send(self, logger, cadre_log_line, -1, "me", NULL), 0);
    const char *me = cadre_ref_text(who, cadre_me(self));
    snprintf(expected, sizeof expected,
             "2026-11-28T21:44:45.123456Z warn %s stage: a\\nb\\r\\tc\\x1b[0m\\x7f"
             " name=\"x\\ny \\\"z\\\" \\\\\" word=plain none=\"\" n=-7\n"
             "2026-11-28T21:44:45.123456Z debug %s: \\n\\x00\\n\n"
             "2026-11-28T21:44:45.123456Z error %s me: \n",
             me, me, me);
    later(self, CADRE_SECOND, stop_it);
}
static void check_exact(void)
{
    check_books();
    assert_string_equal(tape.text, expected);
}
static void one_line_each(void **state)
{
    log_config =
        (cadre_logger){.level = CADRE_DEBUG, .wall = at_a_time, .wall_user = &a_time};
    play_seeds(20, clean, log_evil, check_exact);
}

static void log_too_long(cadre_self *self)
{
    static char text[3 * CADRE_LOG_TEXT];
    memset(text, '\n', sizeof text - 1);
    set_up_logger(self);
    assert_int_equal(cadre_log(self, logger, CADRE_WARN, text, NULL), 0);
    assert_int_equal(cadre_log(self, logger, CADRE_WARN, NULL, NULL), -EINVAL);
    later(self, CADRE_SECOND, stop_it);
}
static void check_cut(void)
{
    check_books();
    assert_int_equal(final.written, 1);
    assert_int_equal(count_text("\\n"), CADRE_LOG_TEXT - 3);
    assert_int_equal(count_text("...\n"), 1);
}
static void long_text_is_cut(void **state)
{
    log_config = (cadre_logger){.fd = 0};
    play_seeds(5, clean, log_too_long, check_cut);
}

static void set_level(cadre_self *self)
{
    assert_int_equal(cadre_send(self, logger, cadre_logger_level, CADRE_DEBUG), 0);
    assert_int_equal(cadre_log(self, logger, CADRE_DEBUG, "now", NULL), 0);
    assert_int_equal(cadre_ask(self, NULL, logger, CADRE_NEVER, cadre_logger_level, 5),
                     0);
}
static void log_at_levels(cadre_self *self)
{
    set_up_logger(self);
    assert_int_equal(cadre_log(self, logger, CADRE_DEBUG, "not", NULL), 0);
    assert_int_equal(cadre_log(self, logger, CADRE_INFO, "yes", NULL), 0);
    later(self, CADRE_SECOND, set_level);
    later(self, 2 * CADRE_SECOND, ask_status);
    later(self, 3 * CADRE_SECOND, stop_it);
}
static void check_filtered(void)
{
    check_books();
    assert_int_equal(final.filtered, 1);
    assert_int_equal(final.written, 2);
    assert_int_equal(status.level, CADRE_DEBUG);
    assert_int_equal(
        count_text("not") + 2 * count_text(": yes\n") + 4 * count_text(": now\n"), 6);
    assert_int_equal(had.count, 1);
    assert_int_equal(had.of[0].code, -EINVAL);
}
static void level_changes_at_run_time(void **state)
{
    log_config = (cadre_logger){.fd = 0};
    play_seeds(20, clean, log_at_levels, check_filtered);
}

/* ---- flush, and the end ---- */

static cadre_token flushing;
static void flush(cadre_self *self)
{
    assert_int_equal(
        cadre_ask(self, &flushing, logger, 10 * CADRE_SECOND, cadre_logger_flush, 0),
        0);
}
static uint64_t flushed;
static int on_flushed(cadre_self *self, void *state, cadre_msg *m)
{
    if (!cadre_body(m, cadre_logger_status))
        return keep_outcome(self, state, m);
    read_tape();
    assert_true(tape_said.lines >= 10);
    flushed++;
    return 0;
}
static void log_ten_and_flush(cadre_self *self)
{
    for (int i = 0; i < 10; i++)
        assert_int_equal(cadre_log(self, logger, CADRE_ERROR, "z", NULL), 0);
    flush(self);
    assert_int_equal(cadre_then(self, flushing, on_flushed), 0);
}
static void log_and_flush(cadre_self *self)
{
    set_up_logger(self);
    flushed = 0;
    log_ten_and_flush(self);
    later(self, 100 * CADRE_SECOND, stop_it);
}
static void check_flushed(void)
{
    check_books();
    assert_int_equal(flushed, 1);
    assert_int_equal(had.count, 0);
}
static void log_flush_and_flush(cadre_self *self)
{
    log_and_flush(self);
    later(self, 50 * CADRE_SECOND, log_ten_and_flush);
}
static void check_failed_first(void)
{
    check_books();
    assert_int_equal(flushed, 1);
    assert_int_equal(had.count, 1);
    assert_int_equal(had.of[0].code, -ENOSPC);
    assert_true(cadre_same(had.of[0].origin, logger));
    assert_int_equal(final.written, 20);
}
static void flush_is_honest(void **state)
{
    log_config = (cadre_logger){.fd = 0};
    play_seeds(20, clean, log_and_flush, check_flushed);
    play_seeds(20, short_writes, log_and_flush, check_flushed);
    play_seeds(20, some_fail, log_flush_and_flush, check_failed_first);
}

/* A call of the logger's is not for the sake of who wants a flush, nor is the next. */
static void cancel_flush(cadre_self *self)
{
    assert_int_equal(cadre_cancel(self, flushing), 0);
}
static void flush_and_cancel(cadre_self *self)
{
    set_up_logger(self);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(cadre_log(self, logger, CADRE_ERROR, "z", NULL), 0);
        flush(self);
        if (i % 2)
            cancel_flush(self);
    }
    later(self, 100 * CADRE_SECOND, stop_it);
}
static void check_twenty(void)
{
    check_books();
    assert_int_equal(final.written, 20);
    assert_int_equal(final.failures, 0);
}
static void cancelled_flush_cancels_no_write(void **state)
{
    log_config = (cadre_logger){.fd = 0};
    play_seeds(50, clean, flush_and_cancel, check_twenty);
}

static void talk_and_end(cadre_self *self, void (*end)(cadre_self *self))
{
    set_up_logger(self);
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(cadre_log(self, logger, CADRE_ERROR, "z", NULL), 0);
    later(self, (cadre_time)(cadre_random(self) % 300) * 1000, end);
}
static void stop_soon(cadre_self *self) { talk_and_end(self, stop_it); }
static void kill_soon(cadre_self *self) { talk_and_end(self, kill_it); }
static void check_rest(void)
{
    check_books();
    assert_int_equal(final.dropped, 0);
    assert_int_equal(final.lines + sums.dead, 200);
}
static void end_writes_the_rest(void **state)
{
    log_config = (cadre_logger){.fd = 0};
    play_seeds(100, clean, stop_soon, check_rest);
    play_seeds(100, short_writes, kill_soon, check_rest);
    play_seeds(20, some_fail, stop_soon, check_books);
}

static void send_request(cadre_self *self)
{
    set_up_logger(self);
    assert_int_equal(cadre_ask(self, NULL, logger, CADRE_NEVER, cadre_log_line, 1, NULL,
                               cadre_buf_new("x", 1)),
                     0);
    later(self, CADRE_SECOND, stop_it);
}
static void check_unhandled(void)
{
    check_books();
    assert_int_equal(final.lines, 0);
    assert_int_equal(had.of[0].code, CADRE_EUNANSWERED);
}
static void line_is_no_request(void **state)
{
    log_config = (cadre_logger){.fd = 0};
    play_seeds(5, clean, send_request, check_unhandled);
}

static void bad_config_fails_the_start(void **state)
{
    const cadre_logger bad[] = {{.level = -1},         {.fd = -1},
                                {.retry = -1},         {.linger = -1},
                                {.bytes = UINT32_MAX}, {.path = "x", .write = take}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_start_fails(&cadre_logger_class, &bad[i], -EINVAL);
}

int main(void)
{
    TESTS(cmocka_unit_test(order_is_kept),
          cmocka_unit_test(interrupted_write_is_no_failure),
          cmocka_unit_test(books_are_exact),
          cmocka_unit_test(broken_sink_is_in_the_books),
          cmocka_unit_test(less_important_first), cmocka_unit_test(within_bounds),
          cmocka_unit_test(one_line_each), cmocka_unit_test(long_text_is_cut),
          cmocka_unit_test(level_changes_at_run_time),
          cmocka_unit_test(flush_is_honest),
          cmocka_unit_test(cancelled_flush_cancels_no_write),
          cmocka_unit_test(end_writes_the_rest), cmocka_unit_test(line_is_no_request),
          cmocka_unit_test(bad_config_fails_the_start));
    return RUN_TESTS();
}
