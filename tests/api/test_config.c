/* test_config.c: cadre_config and the environment behind it; the memory limit and
 * end_when_quiet. */
#include "support/support.h"

#include <errno.h>
#include <unistd.h>

static const cadre_type go_type = {.name = "go"};
static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class idle_root = {.name = "idle", .receive = nothing};

static void expect_refused(const cadre_config *config, const char *line)
{
    cadre_system *sys = (void *)8;
    assert_int_equal(cadre_system_new(&sys, config, &idle_root, NULL), -EINVAL);
    assert_ptr_equal(sys, (void *)8); /* written on success only */
    assert_int_equal(cadre_run(config, &idle_root, NULL), -EINVAL);
    assert_int_equal(lines_with(line), 2);
}

/* ---- workers ---- */

static uint32_t workers_with(const cadre_config *config)
{
    cadre_system *sys;
    assert_int_equal(cadre_system_new(&sys, config, &idle_root, NULL), 0);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_stats(sys, &sums), 0);
    assert_int_equal(cadre_system_free(sys), 0);
    return sums.workers;
}

static void workers_over_1024_are_einval(void **state)
{
    static const uint32_t counts[] = {1025, 1 << 20, UINT32_MAX - 1};
    for (int i = 0; i < 3; i++) {
        cadre_config config = quiet(counts[i], 0);
        expect_refused(&config, "workers is over 1024");
    }
}

static void workers_up_to_1024_are_there(void **state)
{
    cadre_config config = quiet(65, 0);
    assert_int_equal(workers_with(&config), 65);
    config = quiet(1024, 1);
    assert_int_equal(workers_with(&config), 1024);
}

static void workers_default_to_what_the_process_may_use(void **state)
{
    cadre_config config = quiet(0, 0);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t workers = workers_with(&config);
    assert_true(workers >= 1 && workers <= online);
}

static void workers_come_from_the_environment(void **state)
{
    cadre_config config = quiet(0, 0);
    setenv("CADRE_WORKERS", "3", 1);
    assert_int_equal(workers_with(&config), 3);
    config.workers = 2; /* what the program says comes first */
    assert_int_equal(workers_with(&config), 2);
    setenv("CADRE_WORKERS", "rubbish", 1);
    assert_int_equal(workers_with(&config), 2);
    unsetenv("CADRE_WORKERS");
}

static void bad_workers_in_the_environment_are_einval(void **state)
{
    static const char *const texts[] = {
        "0",  "-1", "1025", "two", "2x",
        " 2", "+2", " -2",  "2.5", "99999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cadre_config config = quiet(0, 0);
        setenv("CADRE_WORKERS", texts[i], 1);
        expect_refused(&config, "CADRE_WORKERS=");
    }
    unsetenv("CADRE_WORKERS");
}

/* ---- seed ---- */

static uint64_t trace_of(const cadre_config *config)
{
    (void)workers_with(config);
    return sums.trace;
}

static void seed_comes_from_the_environment(void **state)
{
    cadre_config real = quiet(2, 0), seeded = quiet(2, 5);
    assert_int_equal(trace_of(&real), 0);
    setenv("CADRE_SEED", "6", 1);
    assert_int_not_equal(trace_of(&real), 0);
    assert_int_equal(sums.simulated, 1);
    uint64_t from_environment = trace_of(&seeded); /* the program's 5 */
    unsetenv("CADRE_SEED");
    assert_true(from_environment == trace_of(&seeded));
}

static void bad_seeds_in_the_environment_are_einval(void **state)
{
    static const char *const texts[] = {"0", "-1", "x", " -5", "18446744073709551616"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cadre_config config = quiet(2, 0);
        setenv("CADRE_SEED", texts[i], 1);
        expect_refused(&config, "CADRE_SEED=");
    }
    unsetenv("CADRE_SEED");
}

static void an_empty_variable_counts_as_unset(void **state)
{
    cadre_config config = quiet(1, 0);
    setenv("CADRE_SEED", "", 1);
    setenv("CADRE_WORKERS", "", 1);
    assert_int_equal(trace_of(&config), 0);
    unsetenv("CADRE_SEED");
    unsetenv("CADRE_WORKERS");
}

/* ---- log ---- */

static void bad_log_level_in_the_environment_is_einval(void **state)
{
    cadre_system *sys;
    setenv("CADRE_LOG", "loud", 1);
    int saved = dup(STDERR_FILENO), pipes[2];
    char text[200] = "";
    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    int err = cadre_system_new(&sys, NULL, &idle_root, NULL);
    dup2(saved, STDERR_FILENO);
    close(pipes[1]);
    assert_true(read(pipes[0], text, sizeof text - 1) > 0);
    close(pipes[0]);
    close(saved);
    unsetenv("CADRE_LOG");
    assert_int_equal(err, -EINVAL);
    assert_non_null(strstr(text, "CADRE_LOG=loud: "));
}

static size_t printed_at_level(const char *level)
{
    int saved = dup(STDERR_FILENO), pipes[2];
    char text[4000];
    if (level)
        setenv("CADRE_LOG", level, 1);
    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    cadre_config config = {.workers = 1, .seed = 1};
    cadre_system *sys;
    assert_int_equal(cadre_system_new(&sys, &config, &idle_root, NULL), 0);
    assert_int_equal(cadre_tell(sys, (cadre_ref){0}, number, 1), 0); /* a warning */
    assert_int_equal(cadre_system_stop_by(sys, CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipes[1]);
    ssize_t n = read(pipes[0], text, sizeof text - 1);
    close(pipes[0]);
    unsetenv("CADRE_LOG");
    assert_true(n >= 0);
    text[n] = '\0';
    assert_true(n == 0 || strstr(text, "cadre warn: dead letter: number") == text);
    return (size_t)n;
}

static void log_level_comes_from_the_environment(void **state)
{
    assert_true(printed_at_level(NULL) > 0); /* warn */
    assert_true(printed_at_level("warn") > 0);
    assert_true(printed_at_level("info") > 0);
    assert_true(printed_at_level("debug") > 0);
    assert_int_equal(printed_at_level("error"), 0);
    assert_int_equal(printed_at_level("off"), 0);
}

static void *expected_user;
static unsigned sunk;
static void check_sink(void *user, int level, const char *line)
{
    assert_ptr_equal(user, expected_user);
    assert_int_equal(level, CADRE_WARN);
    assert_null(strchr(line, '\n'));
    sunk++;
}

static void sink_gets_its_user_pointer_and_one_line_at_a_time(void **state)
{
    static const cadre_type nasty = {.name = "two\nlines\x1b[31m"};
    cadre_config config = {
        .workers = 1, .seed = 1, .log = check_sink, .log_user = &expected_user};
    cadre_system *sys;
    expected_user = &expected_user;
    assert_int_equal(cadre_system_new(&sys, &config, &idle_root, NULL), 0);
    assert_int_equal(cadre_tell_as(sys, (cadre_ref){0}, &nasty, NULL), 0);
    assert_int_equal(cadre_system_stop_by(sys, CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
    assert_int_equal(sunk, 1);
}

/* ---- reserved ---- */

static void reserved_fields_that_are_not_zero_are_einval(void **state)
{
    cadre_config config = quiet(1, 1);
    config.reserved[0] = 1;
    expect_refused(&config, "reserved is not zero");
}

/* ---- memory ---- */

static const cadre_type lump_type = {.name = "lump", .size = 1 << 20};
static uint64_t lumps;

static void fill_memory(cadre_self *self)
{
    char *body = calloc(1, lump_type.size);
    cadre_ref to;
    int err;
    assert_int_equal(cadre_spawn(self, &to, &sink_class, NULL), 0);
    while ((err = cadre_send_as(self, to, &lump_type, body)) == 0)
        lumps++;
    free(body);
    assert_int_equal(err, CADRE_EFULL);
    do
        err = cadre_send(self, to, number, 1);
    while (err == 0);
    assert_int_equal(err, CADRE_EFULL);
    do
        err = cadre_spawn(self, NULL, &sink_class, NULL);
    while (err == 0);
    assert_int_equal(err, -ENOMEM);
    assert_int_equal(cadre_stop(self, to), 0); /* stopping always works */
    assert_int_equal(cadre_kill(self, to, 0), 0);
}

static void memory_max_is_kept(void **state)
{
    cadre_config config = quiet(2, 1);
    config.memory_max = 32 << 20;
    lumps = 0;
    assert_int_equal(play_with(&config, fill_memory), 0);
    assert_true(lumps >= 16 && lumps < 32);
    assert_true(sums.bytes <= config.memory_max);
    assert_int_equal(sums.actors, 0);
    assert_int_equal(sums.accepted, sums.handled + sums.dead);
}

static void a_memory_max_too_small_to_start_is_enomem(void **state)
{
    for (size_t max = 1; max < 1 << 17; max *= 4) {
        cadre_config config = quiet(2, 1);
        cadre_system *sys = NULL;
        config.memory_max = max;
        assert_int_equal(cadre_system_new(&sys, &config, &idle_root, NULL), -ENOMEM);
        assert_null(sys);
    }
}

static size_t held, most_held;
static void *measuring(void *user, void *old, size_t old_size, size_t new_size)
{
    assert_ptr_equal(user, &held);
    held += new_size;
    held -= old_size;
    most_held = held > most_held ? held : most_held;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

static void alloc_replaces_malloc_and_gets_everything_back(void **state)
{
    cadre_config config = quiet(2, 1);
    config.alloc = measuring;
    config.alloc_user = &held;
    config.memory_max = 32 << 20;
    assert_int_equal(play_with(&config, fill_memory), 0);
    assert_int_equal(held, 0);
    assert_true(most_held > 16 << 20 && most_held <= 32 << 20);
}

/* ---- quiet ---- */

static atomic_uint relayed;
static int relay(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_class class = {.receive = relay};
    uint64_t left = cadre_body(m, number)->value;
    atomic_fetch_add(&relayed, 1);
    cadre_ref next;
    if (left == 0)
        return 0;
    int err = cadre_spawn(self, &next, &class, NULL);
    return err ? err : cadre_send(self, next, number, left - 1);
}

static int start_relay(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), number, 20);
}

static void quiet_scenario(const cadre_config *config)
{
    static const cadre_class root = {.start = start_relay, .receive = relay};
    cadre_config c = *config;
    c.end_when_quiet = true;
    atomic_store(&relayed, 0);
    assert_int_equal(run(&c, &root, NULL), 0);
    assert_int_equal(atomic_load(&relayed), 21); /* not before all was done */
}

static void end_when_quiet_ends_when_nothing_is_left_to_do(void **state)
{
    every_way(quiet_scenario);
    for (int i = 0; i < (is_long() ? 10000 : 300); i++) {
        cadre_config config = quiet(4, 0);
        quiet_scenario(&config);
    }
}

static void a_quiet_system_lives_on_by_default(void **state)
{
    cadre_config config = quiet(2, 0);
    cadre_system *sys;
    assert_int_equal(cadre_system_new(&sys, &config, &idle_root, NULL), 0);
    do /* both workers sleep */
        assert_int_equal(cadre_stats(sys, &sums), 0);
    while (sums.parks < 2);
    assert_int_equal(sums.actors, 1);
    assert_int_equal(cadre_tell_as(sys, cadre_system_root(sys), &go_type, NULL), 0);
    assert_int_equal(cadre_system_stop_by(sys, 60 * CADRE_SECOND), 0);
    assert_int_equal(cadre_system_free(sys), 0);
}

int main(void)
{
    unsetenv("CADRE_WORKERS");
    unsetenv("CADRE_SEED");
    unsetenv("CADRE_LOG");
    TESTS(cmocka_unit_test(workers_over_1024_are_einval),
          cmocka_unit_test(workers_up_to_1024_are_there),
          cmocka_unit_test(workers_default_to_what_the_process_may_use),
          cmocka_unit_test(workers_come_from_the_environment),
          cmocka_unit_test(bad_workers_in_the_environment_are_einval),
          cmocka_unit_test(seed_comes_from_the_environment),
          cmocka_unit_test(bad_seeds_in_the_environment_are_einval),
          cmocka_unit_test(an_empty_variable_counts_as_unset),
          cmocka_unit_test(bad_log_level_in_the_environment_is_einval),
          cmocka_unit_test(log_level_comes_from_the_environment),
          cmocka_unit_test(sink_gets_its_user_pointer_and_one_line_at_a_time),
          cmocka_unit_test(reserved_fields_that_are_not_zero_are_einval),
          cmocka_unit_test(memory_max_is_kept),
          cmocka_unit_test(a_memory_max_too_small_to_start_is_enomem),
          cmocka_unit_test(alloc_replaces_malloc_and_gets_everything_back),
          cmocka_unit_test(end_when_quiet_ends_when_nothing_is_left_to_do),
          cmocka_unit_test(a_quiet_system_lives_on_by_default));
    return RUN_TESTS();
}
