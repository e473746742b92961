/* test_config.c: what a configuration and the environment come to. */
#include "system/config.h"

#include "base/limits.h"
#include "support/support.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const char *const variables[] = {"CADRE_WORKERS", "CADRE_SEED", "CADRE_LOG",
                                        "CADRE_REPORT_FAULTS", "CADRE_RECORD_MESSAGES"};
enum { VARIABLES = sizeof variables / sizeof variables[0] };

/* The variables may be set by whoever runs the tests. */
static int clear_environment(void **state)
{
    for (int i = 0; i < VARIABLES; i++)
        unsetenv(variables[i]);
    return 0;
}

static struct settings settings;

static int resolve(const cadre_config *config)
{
    memset(&settings, 0xa5, sizeof settings);
    return config_resolve(&settings, config);
}

static void assert_resolves(const cadre_config *config)
{
    assert_int_equal(resolve(config), 0);
}

/* Refused, with one line that says why. */
static void assert_refused(cadre_config *config, const char *line)
{
    config->log = quiet(1, 0).log;
    assert_int_equal(resolve(config), -EINVAL);
    assert_int_equal(lines_with(line), 1);
    assert_int_equal(lines_with(""), 1);
}

/* ---- nothing said ---- */

static void config_of_nothing_is_the_defaults(void **state)
{
    cadre_config zero = {0};
    const cadre_config *configs[] = {NULL, &zero};
    for (int i = 0; i < 2; i++) {
        assert_resolves(configs[i]);
        assert_int_equal(settings.mode, SCHED_THREADS);
        assert_int_equal(settings.workers, limits_cpus());
        assert_int_equal(settings.batch, 64);
        assert_int_equal(settings.seed, 0);
        assert_true(settings.memory_max == limits_memory() / 4 * 3);
        assert_false(settings.end_when_quiet);
        assert_false(settings.report_faults);
        assert_false(settings.record_messages);
        assert_false(settings.stuck_stacks);
        assert_false(settings.polled);
        assert_true(settings.log.sink == log_to_stderr);
        assert_int_equal(settings.log.level, LOG_WARN);
    }
}

static void config_takes_what_the_program_says(void **state)
{
    cadre_config config = {.workers = 5,
                           .batch = 7,
                           .memory_max = 123456789,
                           .end_when_quiet = true,
                           .log = collect_line,
                           .log_user = &config};
    assert_resolves(&config);
    assert_int_equal(settings.workers, 5);
    assert_int_equal(settings.batch, 7);
    assert_int_equal(settings.memory_max, 123456789);
    assert_true(settings.end_when_quiet);
    assert_true(settings.log.sink == collect_line);
    assert_ptr_equal(settings.log.user, &config);
    assert_int_equal(settings.log.level, LOG_DEBUG); /* the sink decides */
}

static void config_takes_a_signal_only_when_stuck_after_is_set(void **state)
{
    cadre_config config = {.workers = 1, .stuck_after = CADRE_SECOND};
    assert_resolves(&config);
    assert_true(settings.stuck_stacks);
    config.stuck_after = CADRE_NEVER;
    assert_resolves(&config);
    assert_false(settings.stuck_stacks);
    config.stuck_after = CADRE_SECOND;
    config.seed = 1;
    assert_resolves(&config);
    assert_false(settings.stuck_stacks);
}

static void config_report_faults_comes_from_the_environment(void **state)
{
    cadre_config config = {.workers = 1};
    setenv("CADRE_REPORT_FAULTS", "1", 1);
    assert_resolves(&config);
    assert_true(settings.report_faults);
    setenv("CADRE_REPORT_FAULTS", "0", 1);
    assert_resolves(&config);
    assert_false(settings.report_faults);
    config.report_faults = true;
    assert_resolves(&config);
    assert_true(settings.report_faults);
}

static void config_report_faults_in_the_environment_that_is_bad_is_refused(void **state)
{
    static const char *const bad[] = {"2", "yes", "01", " 1", "-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cadre_config config = {.workers = 1};
        setenv("CADRE_REPORT_FAULTS", bad[i], 1);
        assert_refused(&config, "not 0 or 1");
    }
}

static void config_record_messages_comes_from_the_environment(void **state)
{
    cadre_config config = {.workers = 1};
    setenv("CADRE_RECORD_MESSAGES", "1", 1);
    assert_resolves(&config);
    assert_true(settings.record_messages);
    assert_false(settings.report_faults);
    setenv("CADRE_RECORD_MESSAGES", "on", 1);
    assert_refused(&config, "CADRE_RECORD_MESSAGES=on: not 0 or 1");
    config.record_messages = true;
    assert_resolves(&config);
    assert_true(settings.record_messages);
}

static void config_with_reserved_fields_is_refused(void **state)
{
    cadre_config config = {.workers = 1};
    config.reserved[0] = 1;
    assert_refused(&config, "reserved is not zero");
}

static void config_with_an_empty_environment_is_the_defaults(void **state)
{
    for (int i = 0; i < VARIABLES; i++)
        setenv(variables[i], "", 1);
    assert_resolves(NULL);
    assert_int_equal(settings.workers, limits_cpus());
    assert_int_equal(settings.seed, 0);
    assert_int_equal(settings.log.level, LOG_WARN);
}

/* ---- numbers in the environment ---- */

struct reading {
    const char *text;
    uint64_t value;
};

static const char *const not_numbers[] = {"0",
                                          "00",
                                          "-1",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "two",
                                          "2x",
                                          "2.5",
                                          "0x",
                                          "0xg",
                                          "1,000",
                                          "1e3",
                                          "\t1",
                                          "--1",
                                          "\xd9\xa3",
                                          "1\n2",
                                          "18446744073709551616",
                                          "99999999999999999999"};
enum { NOT_NUMBERS = sizeof not_numbers / sizeof not_numbers[0] };

static void config_workers_come_from_the_environment(void **state)
{
    static const struct reading good[] = {{"1", 1},     {"3", 3},     {"1024", 1024},
                                          {"0x10", 16}, {"0010", 10}, {"08", 8}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        setenv("CADRE_WORKERS", good[i].text, 1);
        assert_resolves(NULL);
        assert_int_equal(settings.workers, good[i].value);
        assert_int_equal(settings.mode, SCHED_THREADS);
    }
}

static void config_workers_in_the_environment_that_are_bad_are_refused(void **state)
{
    for (int i = 0; i <= NOT_NUMBERS; i++) {
        cadre_config config = {0};
        setenv("CADRE_WORKERS", i < NOT_NUMBERS ? not_numbers[i] : "1025", 1);
        assert_refused(&config, "not a number from 1 to 1024");
    }
}

static void config_workers_of_the_program_come_first(void **state)
{
    cadre_config config = {.workers = 2, .log = collect_line};
    setenv("CADRE_WORKERS", "3", 1);
    assert_resolves(&config);
    assert_int_equal(settings.workers, 2);
    setenv("CADRE_WORKERS", "rubbish", 1); /* not even read */
    assert_resolves(&config);
    assert_int_equal(settings.workers, 2);
}

static void config_workers_over_1024_are_refused(void **state)
{
    static const uint32_t counts[] = {1025, 1 << 20, CADRE_NO_WORKERS - 1};
    cadre_config most = {.workers = 1024};
    assert_resolves(&most);
    assert_int_equal(settings.workers, 1024);
    for (int i = 0; i < 3; i++) {
        cadre_config config = {.workers = counts[i]};
        assert_refused(&config, "workers is over 1024");
    }
}

static void config_seed_comes_from_the_environment(void **state)
{
    static const struct reading good[] = {
        {"1", 1}, {"42", 42}, {"0xff", 255}, {"18446744073709551615", UINT64_MAX}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        setenv("CADRE_SEED", good[i].text, 1);
        assert_resolves(NULL);
        assert_true(settings.seed == good[i].value);
        assert_int_equal(settings.mode, SCHED_SIMULATED);
    }
}

static void config_seed_in_the_environment_that_is_bad_is_refused(void **state)
{
    for (int i = 0; i < NOT_NUMBERS; i++) {
        cadre_config config = {0};
        setenv("CADRE_SEED", not_numbers[i], 1);
        assert_refused(&config, "CADRE_SEED=");
    }
}

static void config_seed_of_the_program_comes_first(void **state)
{
    cadre_config config = {.seed = 5, .log = collect_line};
    setenv("CADRE_SEED", "6", 1);
    assert_resolves(&config);
    assert_int_equal(settings.seed, 5);
    setenv("CADRE_SEED", "rubbish", 1);
    assert_resolves(&config);
    assert_int_equal(settings.seed, 5);
}

/* ---- simulated, polled ---- */

static void config_simulated_has_two_workers_or_what_is_said(void **state)
{
    cadre_config config = {.seed = 1};
    assert_resolves(&config);
    assert_int_equal(settings.mode, SCHED_SIMULATED);
    assert_int_equal(settings.workers, 2);
    setenv("CADRE_WORKERS", "7", 1);
    assert_resolves(&config);
    assert_int_equal(settings.workers, 7);
    config.workers = 3;
    assert_resolves(&config);
    assert_int_equal(settings.workers, 3);
}

static void config_without_workers_is_polled(void **state)
{
    cadre_config config = {.workers = CADRE_NO_WORKERS};
    setenv("CADRE_WORKERS", "rubbish", 1); /* not read */
    assert_resolves(&config);
    assert_int_equal(settings.mode, SCHED_POLLED);
    assert_int_equal(settings.workers, 1);
    assert_true(settings.polled);
}

static void config_simulated_without_workers_is_both(void **state)
{
    cadre_config config = {.workers = CADRE_NO_WORKERS, .seed = 1};
    assert_resolves(&config);
    assert_int_equal(settings.mode, SCHED_SIMULATED);
    assert_int_equal(settings.workers, 1);
    assert_true(settings.polled);
}

/* ---- the log ---- */

static void config_log_level_comes_from_the_environment(void **state)
{
    static const char *const names[] = {"off", "error", "warn", "info", "debug"};
    for (int level = LOG_OFF; level <= LOG_DEBUG; level++) {
        setenv("CADRE_LOG", names[level], 1);
        assert_resolves(NULL);
        assert_int_equal(settings.log.level, level);
        assert_true(settings.log.sink == log_to_stderr);
    }
}

/* Resolves with the default sink; what it wrote to stderr is in `text`. */
static int resolve_catching(char *text, size_t size)
{
    int ends[2], real = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    int err = resolve(NULL);
    dup2(real, STDERR_FILENO);
    close(real);
    close(ends[1]);
    ssize_t n = read(ends[0], text, size - 1);
    close(ends[0]);
    text[n > 0 ? n : 0] = '\0';
    return err;
}

static void config_log_level_that_is_bad_is_refused_on_stderr(void **state)
{
    static const char *const texts[] = {"loud", "WARN", "warn ", "2", "debug,info"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[256], expected[256];
        setenv("CADRE_LOG", texts[i], 1);
        snprintf(expected, sizeof expected, "cadre error: CADRE_LOG=%s: not off, ",
                 texts[i]);
        assert_int_equal(resolve_catching(text, sizeof text), -EINVAL);
        assert_non_null(strstr(text, expected));
    }
}

static void config_log_sink_of_the_program_comes_first(void **state)
{
    cadre_config config = {.workers = 1, .log = collect_line};
    setenv("CADRE_LOG", "loud", 1); /* not read */
    assert_resolves(&config);
    assert_true(settings.log.sink == collect_line);
    setenv("CADRE_LOG", "off", 1);
    assert_resolves(&config);
    assert_int_equal(settings.log.level, LOG_DEBUG);
}

static void config_log_off_hides_the_refusal(void **state)
{
    char text[256];
    setenv("CADRE_LOG", "off", 1);
    setenv("CADRE_WORKERS", "rubbish", 1);
    assert_int_equal(resolve_catching(text, sizeof text), -EINVAL);
    assert_string_equal(text, "");
}

static void config_bad_in_two_ways_says_one(void **state)
{
    cadre_config config = {0};
    setenv("CADRE_SEED", "rubbish", 1);
    setenv("CADRE_WORKERS", "rubbish", 1);
    assert_refused(&config, "CADRE_SEED=rubbish");
    assert_true(settings.log.sink == collect_line); /* valid all the same */
}

#define CLEAN(test)                                                                    \
    cmocka_unit_test_setup_teardown(test, clear_environment, clear_environment)

int main(void)
{
    TESTS(CLEAN(config_of_nothing_is_the_defaults),
          CLEAN(config_takes_what_the_program_says),
          CLEAN(config_takes_a_signal_only_when_stuck_after_is_set),
          CLEAN(config_report_faults_comes_from_the_environment),
          CLEAN(config_report_faults_in_the_environment_that_is_bad_is_refused),
          CLEAN(config_record_messages_comes_from_the_environment),
          CLEAN(config_with_reserved_fields_is_refused),
          CLEAN(config_with_an_empty_environment_is_the_defaults),
          CLEAN(config_workers_come_from_the_environment),
          CLEAN(config_workers_in_the_environment_that_are_bad_are_refused),
          CLEAN(config_workers_of_the_program_come_first),
          CLEAN(config_workers_over_1024_are_refused),
          CLEAN(config_seed_comes_from_the_environment),
          CLEAN(config_seed_in_the_environment_that_is_bad_is_refused),
          CLEAN(config_seed_of_the_program_comes_first),
          CLEAN(config_simulated_has_two_workers_or_what_is_said),
          CLEAN(config_without_workers_is_polled),
          CLEAN(config_simulated_without_workers_is_both),
          CLEAN(config_log_level_comes_from_the_environment),
          CLEAN(config_log_level_that_is_bad_is_refused_on_stderr),
          CLEAN(config_log_sink_of_the_program_comes_first),
          CLEAN(config_log_off_hides_the_refusal),
          CLEAN(config_bad_in_two_ways_says_one));
    return RUN_TESTS();
}
