/* test_log.c: levels, control characters, long lines, and ten lines a second. */
#include "base/log.h"

#include "support/support.h"

#include <pthread.h>
#include <unistd.h>

/* ---- what the sink was given last ---- */

static struct {
    unsigned count;
    void *user;
    int level;
    char line[2 * LOG_LINE_MAX];
} seen;

static void see(void *user, int level, const char *line)
{
    seen.count++;
    seen.user = user;
    seen.level = level;
    assert_true(strlen(line) < sizeof seen.line);
    strcpy(seen.line, line);
}

static struct log log_up_to(int level)
{
    memset(&seen, 0, sizeof seen);
    return (struct log){see, &seen, level};
}

/* ---- lines ---- */

static void log_line_at_its_level_reaches_the_sink(void **state)
{
    struct log log = log_up_to(LOG_WARN);
    log_line(&log, LOG_WARN, "%s has %d", "this", 17);
    assert_int_equal(seen.count, 1);
    assert_ptr_equal(seen.user, &seen);
    assert_int_equal(seen.level, LOG_WARN);
    assert_string_equal(seen.line, "this has 17");
}

static void log_line_above_the_level_is_left_out(void **state)
{
    for (int limit = LOG_OFF; limit <= LOG_DEBUG; limit++) {
        struct log log = log_up_to(limit);
        for (int level = LOG_ERROR; level <= LOG_DEBUG; level++)
            log_line(&log, level, "x");
        assert_int_equal(seen.count, limit);
    }
}

static void log_line_shows_question_marks_for_control_characters(void **state)
{
    struct log log = log_up_to(LOG_DEBUG);
    log_line(&log, LOG_ERROR, "%s", "a\nb\rc\td\x1b[31m\x7f\x01");
    assert_string_equal(seen.line, "a?b?c?d?[31m??");
}

static void log_line_knows_every_control_character(void **state)
{
    struct log log = log_up_to(LOG_DEBUG);
    for (int c = 1; c < 256; c++) {
        char text[] = {(char)c, '\0'};
        log_line(&log, LOG_ERROR, "%s", text);
        assert_string_equal(seen.line, c < 32 || c == 127 ? "?" : text);
    }
}

static void log_line_that_is_too_long_is_cut(void **state)
{
    char text[2 * LOG_LINE_MAX];
    struct log log = log_up_to(LOG_DEBUG);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    log_line(&log, LOG_ERROR, "%s", text);
    assert_int_equal(strlen(seen.line), LOG_LINE_MAX - 1);
    assert_memory_equal(seen.line, text, LOG_LINE_MAX - 1);
}

/* ---- ten lines a second ---- */

/* How many of `calls` at this time are let through; the last one's hidden. */
static unsigned allowed(struct log_limit *limit, int64_t now_ns, unsigned calls,
                        uint32_t *hidden)
{
    unsigned n = 0;
    for (unsigned i = 0; i < calls; i++)
        n += log_allows(limit, now_ns, hidden);
    return n;
}

static void log_allows_ten_lines_in_a_second(void **state)
{
    struct log_limit limit = {0};
    uint32_t hidden = 99;
    assert_int_equal(allowed(&limit, 0, 10, &hidden), 10);
    assert_int_equal(hidden, 0);
    assert_int_equal(allowed(&limit, 1, 5, &hidden), 0);
    assert_int_equal(allowed(&limit, CADRE_SECOND - 1, 5, &hidden), 0);
}

static void log_allows_ten_more_in_the_next_second(void **state)
{
    struct log_limit limit = {0};
    uint32_t hidden;
    for (int64_t second = 0; second < 5; second++)
        assert_int_equal(allowed(&limit, second * CADRE_SECOND, 12, &hidden), 10);
}

static void log_allows_tells_once_how_many_were_hidden(void **state)
{
    struct log_limit limit = {0};
    uint32_t hidden;
    (void)allowed(&limit, 0, 17, &hidden);
    assert_true(log_allows(&limit, CADRE_SECOND, &hidden));
    assert_int_equal(hidden, 7);
    assert_true(log_allows(&limit, CADRE_SECOND, &hidden));
    assert_int_equal(hidden, 0);
}

static void log_allows_leaves_hidden_alone_when_it_refuses(void **state)
{
    struct log_limit limit = {0};
    uint32_t hidden;
    (void)allowed(&limit, 0, 10, &hidden);
    hidden = 99;
    assert_false(log_allows(&limit, 0, &hidden));
    assert_int_equal(hidden, 99);
}

static void log_allows_counts_up_hidden_over_silent_seconds(void **state)
{
    struct log_limit limit = {0};
    uint32_t hidden;
    (void)allowed(&limit, 0, 13, &hidden);
    assert_true(log_allows(&limit, 1000 * CADRE_SECOND, &hidden));
    assert_int_equal(hidden, 3);
}

enum { RACERS = 4, CALLS = 1000 };
static struct log_limit shared_limit;
static atomic_uint shown, told;

static void *race(void *arg)
{
    for (int i = 0; i < CALLS; i++) {
        uint32_t hidden;
        if (log_allows(&shared_limit, 0, &hidden)) {
            atomic_fetch_add(&shown, 1);
            atomic_fetch_add(&told, hidden);
        }
    }
    return NULL;
}

static void log_allows_loses_no_line_among_threads(void **state)
{
    pthread_t threads[RACERS];
    uint32_t hidden;
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, NULL), 0);
    for (int i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&shown) >= LOG_LINES_PER_SECOND);
    assert_true(log_allows(&shared_limit, CADRE_SECOND, &hidden));
    assert_int_equal(atomic_load(&shown) + atomic_load(&told) + hidden, RACERS * CALLS);
}

/* ---- the default sink ---- */

/* What log_to_stderr writes. */
static void catch_stderr(char *text, size_t size, int level, const char *line)
{
    int ends[2], real = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_to_stderr(NULL, level, line);
    dup2(real, STDERR_FILENO);
    close(real);
    close(ends[1]);
    ssize_t n = read(ends[0], text, size - 1);
    close(ends[0]);
    assert_true(n >= 0);
    text[n] = '\0';
}

static void log_to_stderr_names_the_level(void **state)
{
    static const char *const expected[] = {"cadre error: oh\n", "cadre warn: oh\n",
                                           "cadre info: oh\n", "cadre debug: oh\n"};
    for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
        char text[64];
        catch_stderr(text, sizeof text, level, "oh");
        assert_string_equal(text, expected[level - LOG_ERROR]);
    }
}

static void log_to_stderr_writes_the_longest_line_whole(void **state)
{
    char line[LOG_LINE_MAX], text[2 * LOG_LINE_MAX];
    memset(line, 'y', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    catch_stderr(text, sizeof text, LOG_ERROR, line);
    assert_int_equal(strlen(text), strlen("cadre error: \n") + LOG_LINE_MAX - 1);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

int main(void)
{
    TESTS(cmocka_unit_test(log_line_at_its_level_reaches_the_sink),
          cmocka_unit_test(log_line_above_the_level_is_left_out),
          cmocka_unit_test(log_line_shows_question_marks_for_control_characters),
          cmocka_unit_test(log_line_knows_every_control_character),
          cmocka_unit_test(log_line_that_is_too_long_is_cut),
          cmocka_unit_test(log_allows_ten_lines_in_a_second),
          cmocka_unit_test(log_allows_ten_more_in_the_next_second),
          cmocka_unit_test(log_allows_tells_once_how_many_were_hidden),
          cmocka_unit_test(log_allows_leaves_hidden_alone_when_it_refuses),
          cmocka_unit_test(log_allows_counts_up_hidden_over_silent_seconds),
          cmocka_unit_test(log_allows_loses_no_line_among_threads),
          cmocka_unit_test(log_to_stderr_names_the_level),
          cmocka_unit_test(log_to_stderr_writes_the_longest_line_whole));
    return RUN_TESTS();
}
