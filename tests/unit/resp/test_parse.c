/* test_parse.c: commands of Redis' clients, wherever they are cut. */
#include "support/support.h"

#include "resp/parse.h"
#include "resp/reply.h"

#include <errno.h>

/* The words of all commands, each with a blank behind, each command with a bar. */
static char words[4096];
static char why[RESP_WHY];

static void note(const cadre_frame *frame)
{
    cadre_buf *rewritten;
    struct args args = resp_args(frame->bytes, frame->size, &rewritten);
    size_t used = strlen(words);
    while (args.left > 0) {
        cadre_resp_slice word = resp_next(&args);
        memcpy(words + used, word.bytes, word.size);
        used += word.size;
        words[used++] = ' ';
    }
    words[used] = '|';
    cadre_buf_unref(rewritten);
}

/* In pieces of that size. Returns how it ended. */
static int read_in(const char *text, size_t size, size_t piece)
{
    cadre_framing framing = {.measure = resp_measure, .max = RESP_COMMAND_MAX};
    int got = 0;
    memset(words, 0, sizeof words);
    for (size_t at = 0; at < size && got >= 0; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        cadre_frame frame;
        got = cadre_framing_put(&framing, cadre_buf_new(text + at, n));
        while (got >= 0 && (got = cadre_framing_next(&framing, &frame)) > 0)
            if (frame.size > 0)
                note(&frame);
    }
    if (got < 0) {
        const char *text_of = resp_why(&framing, got, why);
        memmove(why, text_of, strlen(text_of) + 1);
    }
    cadre_framing_clear(&framing);
    return got;
}

static void reads(const char *text, const char *expected)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        assert_int_equal(read_in(text, strlen(text), piece), 0);
        assert_string_equal(words, expected);
    }
}
static void fails(const char *text, const char *reason)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        assert_int_equal(read_in(text, strlen(text), piece), -EPROTO);
        assert_string_equal(why, reason);
    }
}

static void commands_are_read(void **state)
{
    reads("*1\r\n$4\r\nPING\r\n", "PING |");
    reads("*2\r\n$3\r\nGET\r\n$12\r\na b\r\nc*1$2..\r\n", "GET a b\r\nc*1$2.. |");
    reads("*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n$1\r\nx\r\n", "GET  |x |");
    reads("*0\r\n*-1\r\n*1\r\n$1\r\nx\r\n", "||x |");
}

static void inline_commands_are_read(void **state)
{
    reads("PING\r\n", "PING |");
    reads("  set   a\tb \nget a\r\n", "set a b |get a |");
    reads("\r\n\r\nPING\r\n", "||PING |");
}

static void what_is_none_is_named(void **state)
{
    fails("*x\r\n", "invalid multibulk length");
    fails("*99999999999\r\n", "invalid multibulk length");
    fails("*1 \r\n", "invalid multibulk length");
    fails("*1\r\n$-1\r\n", "invalid bulk length");
    fails("*1\r\n$x\r\n", "invalid bulk length");
    fails("*1\r\n$999999999999\r\n", "invalid bulk length");
    fails("*2\r\n:5\r\n", "expected '$', got ':'");
    fails("PING\r\n*1\r\n!", "expected '$', got '!'");
}

static void long_lines_are_refused(void **state)
{
    static char line[(1 << 16) + 10];
    memset(line, '1', sizeof line);
    line[0] = 'x';
    assert_int_equal(read_in(line, sizeof line, 1000), -EPROTO);
    assert_string_equal(why, "too big inline request");
    line[0] = '*';
    assert_int_equal(read_in(line, sizeof line, 1000), -EPROTO);
    assert_string_equal(why, "too big mbulk count string");
    memcpy(line, "*1\r\n$", 5);
    assert_int_equal(read_in(line, sizeof line, 1000), -EPROTO);
    assert_string_equal(why, "too big bulk count string");
}

static bool is_number(const char *text, int64_t *n)
{
    return cadre_resp_number(cadre_resp_word(text), n);
}
static void numbers_are_as_redis_reads_them(void **state)
{
    static const char *const none[] = {"",
                                       "-",
                                       "+1",
                                       "01",
                                       "-0",
                                       " 1",
                                       "1 ",
                                       "1x",
                                       "9223372036854775808",
                                       "-9223372036854775809",
                                       "123456789012345678901"};
    static const int64_t all[] = {0, 1, -1, 10, INT64_MAX, INT64_MIN};
    int64_t n;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(is_number(none[i], &n));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char room[24];
        assert_true(cadre_resp_number(cadre_resp_digits(room, all[i]), &n));
        assert_true(n == all[i]);
    }
}

static void words_are_the_same_in_any_case(void **state)
{
    assert_true(cadre_resp_is(cadre_resp_word("GeT"), "get"));
    assert_false(cadre_resp_is(cadre_resp_word("gett"), "get"));
    assert_false(cadre_resp_is(cadre_resp_word(""), "get"));
}

static void answers_are_written(void **state)
{
    struct text text = {.bytes = NULL};
    reply_head(&text, ':', INT64_MIN);
    reply_head(&text, '*', 0);
    reply_word(&text, "ab");
    reply_bulk(&text, NULL, 0);
    const char *expected = ":-9223372036854775808\r\n*0\r\n$2\r\nab\r\n$0\r\n\r\n";
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.bytes, expected, text.size);
    text_free(&text);
}

int main(void)
{
    TESTS(cmocka_unit_test(commands_are_read),
          cmocka_unit_test(inline_commands_are_read),
          cmocka_unit_test(what_is_none_is_named),
          cmocka_unit_test(long_lines_are_refused),
          cmocka_unit_test(numbers_are_as_redis_reads_them),
          cmocka_unit_test(words_are_the_same_in_any_case),
          cmocka_unit_test(answers_are_written));
    return RUN_TESTS();
}
