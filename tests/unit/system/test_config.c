/* test_config.c: what a configuration and the environment resolve to. */
#include "support/support.h"

#include "base/limits.h"
#include "system/config.h"

#include <errno.h>

static const char *const names[] = {"CADRE_WORKERS", "CADRE_SEED", "CADRE_LOG"};

static int clear_environment(void **state)
{
    for (int i = 0; i < 3; i++)
        unsetenv(names[i]);
    return 0;
}

static struct settings resolved(const cadre_config *config)
{
    struct settings s;
    assert_int_equal(config_resolve(&s, config), 0);
    return s;
}

static void config_null_is_all_defaults(void **state)
{
    struct settings s = resolved(NULL);
    assert_int_equal(s.mode, SCHED_THREADS);
    assert_int_equal(s.workers, limits_cpus());
    assert_int_equal(s.batch, 64);
    assert_int_equal(s.seed, 0);
    assert_int_equal(s.memory_max, limits_memory() / 4 * 3);
    assert_false(s.end_when_quiet);
    assert_false(s.polled);
    assert_ptr_equal(s.log.sink, log_to_stderr);
    assert_int_equal(s.log.level, LOG_WARN);
}

static void config_says_it_all(void **state)
{
    cadre_config config = quiet(7, 9);
    config.batch = 3;
    config.memory_max = 12345;
    config.end_when_quiet = true;
    config.log_user = &config;
    for (int i = 0; i < 3; i++)
        setenv(names[i], "rubbish", 1); /* not even looked at */
    struct settings s = resolved(&config);
    assert_int_equal(s.mode, SCHED_SIMULATED);
    assert_int_equal(s.workers, 7);
    assert_int_equal(s.batch, 3);
    assert_int_equal(s.seed, 9);
    assert_int_equal(s.memory_max, 12345);
    assert_true(s.end_when_quiet);
    assert_ptr_equal(s.log.sink, collect_line);
    assert_ptr_equal(s.log.user, &config);
    assert_int_equal(s.log.level, LOG_DEBUG);
}

static void config_good_numbers_in_the_environment(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"1", 1}, {"7", 7}, {"1024", 1024}, {"0x10", 16}, {"0x400", 1024}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        setenv("CADRE_WORKERS", good[i].text, 1);
        assert_int_equal(resolved(NULL).workers, good[i].value);
    }
    setenv("CADRE_SEED", "18446744073709551615", 1);
    assert_true(resolved(NULL).seed == UINT64_MAX);
    assert_int_equal(resolved(NULL).mode, SCHED_SIMULATED);
}

static void config_bad_numbers_in_the_environment(void **state)
{
    static const char *const bad[] = {
        "0",  "00", "-1", "+1", " 1",  "1 ",  "1.0", "one",
        "0x", "1k", "--", "x1", "\t1", " -1", "1e3", "99999999999999999999",
        "-0", "0x0"};
    for (int v = 0; v < 2; v++)
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            cadre_config config = quiet(0, 0);
            struct settings s;
            setenv(names[v], bad[i], 1);
            assert_int_equal(config_resolve(&s, &config), -EINVAL);
            assert_int_equal(lines_with(names[v]), 1);
            unsetenv(names[v]);
        }
    struct settings s;
    cadre_config config = quiet(0, 0);
    setenv("CADRE_WORKERS", "1025", 1);
    assert_int_equal(config_resolve(&s, &config), -EINVAL);
    assert_int_equal(lines_with("CADRE_WORKERS=1025: not a number from 1 to 1024"), 1);
}

static void config_log_levels_in_the_environment(void **state)
{
    static const char *const levels[] = {"off", "error", "warn", "info", "debug"};
    for (int level = LOG_OFF; level <= LOG_DEBUG; level++) {
        setenv("CADRE_LOG", levels[level], 1);
        assert_int_equal(resolved(NULL).log.level, level);
    }
    setenv("CADRE_LOG", "", 1);
    assert_int_equal(resolved(NULL).log.level, LOG_WARN);
}

static void config_workers_up_to_1024(void **state)
{
    struct settings s;
    cadre_config config = quiet(1024, 0);
    assert_int_equal(resolved(&config).workers, 1024);
    config.workers = 1025;
    assert_int_equal(config_resolve(&s, &config), -EINVAL);
    assert_int_equal(lines_with("config: workers is over 1024"), 1);
    assert_ptr_equal(s.log.sink, collect_line); /* valid either way */
}

static void config_without_workers_is_polled(void **state)
{
    cadre_config config = quiet(CADRE_NO_WORKERS, 0);
    setenv("CADRE_WORKERS", "5", 1);
    struct settings s = resolved(&config);
    assert_int_equal(s.mode, SCHED_POLLED);
    assert_int_equal(s.workers, 1);
    assert_true(s.polled);
    config.seed = 3;
    s = resolved(&config);
    assert_int_equal(s.mode, SCHED_SIMULATED);
    assert_int_equal(s.workers, 1);
    assert_true(s.polled);
}

static void config_simulated_has_two_workers_by_default(void **state)
{
    cadre_config config = quiet(0, 3);
    assert_int_equal(resolved(&config).workers, 2);
    setenv("CADRE_WORKERS", "5", 1);
    assert_int_equal(resolved(&config).workers, 5);
}

static void config_reserved_must_be_zero(void **state)
{
    for (int i = 0; i < 4; i++) {
        struct settings s;
        cadre_config config = quiet(0, 3);
        config.reserved[i] = &config;
        assert_int_equal(config_resolve(&s, &config), -EINVAL);
        assert_int_equal(lines_with("config: reserved is not zero"), 1);
    }
}

int main(void)
{
#define CLEAN(f)                                                                       \
    cmocka_unit_test_setup_teardown(f, clear_environment, clear_environment)
    TESTS(CLEAN(config_null_is_all_defaults), CLEAN(config_says_it_all),
          CLEAN(config_good_numbers_in_the_environment),
          CLEAN(config_bad_numbers_in_the_environment),
          CLEAN(config_log_levels_in_the_environment), CLEAN(config_workers_up_to_1024),
          CLEAN(config_without_workers_is_polled),
          CLEAN(config_simulated_has_two_workers_by_default),
          CLEAN(config_reserved_must_be_zero));
    return RUN_TESTS();
}
