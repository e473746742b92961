/* test_isolate_others.c: what isolated actors, and the program, do to each other's
 * processes. */
#include "support/isolating.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static const cadre_isolation open_to_files = {.unfiltered = true};

static void killed_from_outside(void **state)
{
    begin(2);
    notes.restarts = true;
    cadre_ref who = spawn_odd((cadre_opts){.isolated = true, .keep = true}, (odd){0});
    for (unsigned i = 1; i <= 10; i++) {
        assert_int_equal(kill((pid_t)ask(who, WHICH, 0), SIGKILL), 0);
        await(&notes.downs, i);
        assert_int_equal(notes.down.reason, CADRE_ECRASHED);
        assert_non_null(strstr(notes.down.text, "signal 9"));
    }
    assert_int_equal(ask(who, PING, 1), 2);
    end();
    assert_int_equal(atomic_load(&notes.downs), 10);
}

/* All bytes that it shares with us are other ones than they were, also while it goes on,
 * and when it dies. */
static void damage_is_contained(void **state)
{
    begin(2);
    cadre_ref sibling = odd_one();
    const cadre_opts opts = {.isolated = true, .isolation = &open_to_files};
    for (unsigned i = 1; i <= 5; i++) {
        cadre_ref who = spawn_odd(opts, (odd){0});
        assert_int_equal(ask(who, SHARED, 0), 1);
        assert_int_equal(ask(who, SCRIBBLE, 0), CADRE_EUNANSWERED);
        assert_int_equal(ask(who, PING, i), i + 1);
        cadre_future *waits = call_as(who, (errand){.value = SCRIBBLE, .first = 1});
        cadre_future *next = call_as(who, (errand){.value = PING});
        assert_int_equal(outcome(waits), CADRE_EDEAD);
        assert_int_equal(outcome(next), CADRE_EDEAD);
        await(&notes.ends, i);
        assert_true(notes.end.reason < 0);
        assert_int_equal(ask(sibling, PING, i), i + 1);
    }
    end();
}

/* Much more than there is room for on the way. */
static void nothing_of_a_flood_is_lost(void **state)
{
    enum { MANY = 20000 / EFFORT_SLOWDOWN };
    begin(2);
    cadre_ref who = odd_one();
    assert_int_equal(ask(who, SHOUT, MANY), MANY);
    await(&notes.numbered, MANY);
    cadre_future *last = NULL;
    for (uint64_t i = 0; i < MANY; i++)
        tell(who, TELL, i);
    last = call_as(who, (errand){.value = COUNT});
    assert_int_equal(outcome(last), MANY + 2);
    await(&notes.numbered, 2 * MANY);
    end();
}

/* Not even room for a system. */
static void too_little_memory_has_words(void **state)
{
    static const cadre_isolation tiny = {.memory_max = 1};
    if (EFFORT_SLOWDOWN > 1)
        skip(); /* a sanitizer lets it take all memory there is */
    begin(1);
    cadre_ref who =
        spawn_odd((cadre_opts){.isolated = true, .isolation = &tiny}, (odd){0});
    int64_t value = ask(who, BOMB, 0); /* it has no more than it begins with */
    assert_int_equal(value, CADRE_EDEAD);
    await(&notes.ends, 1);
    assert_true(notes.end.reason < 0);
    end();
}

static void none_without_configuration(void **state)
{
    begin_with(0);
    spawn_odd((cadre_opts){.isolated = true}, (odd){0});
    assert_int_equal(notes.err, -EAGAIN);
    end();
}

/* The zygote's; 0: it has none. */
static pid_t parent_of(pid_t pid)
{
    char path[64];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "re");
    assert_non_null(stat);
    assert_int_equal(fscanf(stat, "%*d (%*[^)]) %*c %d", &parent), 1); /* NOLINT */
    assert_int_equal(fclose(stat), 0);
    return parent;
}

/* As by whoever ends a service. */
static void requests_to_end_are_the_programs(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    begin(1);
    cadre_ref who = odd_one();
    const pid_t pid = (pid_t)ask(who, WHICH, 0), zygote = parent_of(pid);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        assert_int_equal(kill(zygote, signals[i]), 0);
        assert_int_equal(kill(pid, signals[i]), 0);
        assert_int_equal(ask(who, PING, i), i + 1);
    }
    assert_int_equal(ask(odd_one(), PING, 1), 2);
    end();
}

static void death_of_all_has_words(void **state)
{
    begin(1);
    cadre_ref who = odd_one();
    assert_int_equal(kill(parent_of((pid_t)ask(who, WHICH, 0)), SIGKILL), 0);
    await(&notes.ends, 1);
    assert_int_equal(notes.end.reason, CADRE_ECRASHED);
    assert_int_equal(lines_with("there are no processes any more"), 1);
    end();
}

/* Its slot is another one's, and it is not there any more. */
static void shut_down_is_killed(void **state)
{
    static const cadre_isolation patient = {.unfiltered = true, .timeout = CADRE_NEVER};
    const cadre_opts opts = {.isolated = true, .isolation = &patient};
    begin_with(1);
    for (unsigned i = 1; i <= 3; i++) {
        cadre_ref who = spawn_odd(opts, (odd){0});
        assert_int_equal(notes.err, 0);
        pid_t pid = (pid_t)ask(who, WHICH, 0);
        assert_int_equal(ask(who, SHUT_DOWN, 0), CADRE_EDEAD);
        await(&notes.ends, i);
        assert_int_equal(notes.end.reason, CADRE_ECRASHED);
        assert_int_equal(lines_with("its socket was shut down"), i);
        while (kill(pid, 0) == 0)
            rest(CADRE_MS);
    }
    end();
}

/* A limit that the program was started with is lower: it stays. */
static void lower_limit_is_kept(void **state)
{
    if (EFFORT_SLOWDOWN > 1)
        skip(); /* a sanitizer needs more */
    need_processes();
    pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit most = {(size_t)1 << 30, (size_t)1 << 30};
        const cadre_isolation large = {.memory_max = (size_t)4 << 30};
        if (setrlimit(RLIMIT_AS, &most) != 0)
            _exit(2);
        begin(1);
        cadre_ref who =
            spawn_odd((cadre_opts){.isolated = true, .isolation = &large}, (odd){0});
        _exit(ask(who, PING, 1) == 2 && lines_with("has no limits here") == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* What it prints is no request to make or kill one. */
static void standard_descriptors_may_be_closed(void **state)
{
    need_processes();
    pid_t pid = fork();
    if (pid == 0) {
        for (int fd = 0; fd <= STDERR_FILENO; fd++)
            close(fd);
        begin(1);
        for (int fd = 0; fd <= STDERR_FILENO; fd++)
            (void)!write(fd, "\xff\xff\xff\x7f", 4);
        const cadre_opts opts = {.isolated = true, .isolation = &open_to_files};
        _exit(ask(spawn_odd(opts, (odd){0}), OPENED, 0) == 4 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- the program is killed ------------------------------------------------------- */

static bool has_pidfds(void)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* A process that has what this one has, and lives until it is killed. */
static pid_t fork_idler(int out)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    close(STDOUT_FILENO);
    close(out);
    for (;;)
        pause();
}

/* Everything of it has the pipe as its stdout. */
static void run_program(int out)
{
    dup2(out, STDOUT_FILENO);
    begin(2);
    cadre_ref busy = odd_one(), idle = odd_one();
    if (ask(idle, PING, 1) != 2 || ask(busy, PING, 1) != 2)
        _exit(1);
    tell(busy, LOOP, 0);
    rest(10 * CADRE_MS); /* it is in there */
    const pid_t idler = has_pidfds() ? fork_idler(out) : 0;
    if (write(out, &idler, sizeof idler) != sizeof idler)
        _exit(1);
    for (;;)
        pause();
}

/* The pipe ends when nobody has it any more. */
static void nobody_survives(void **state)
{
    int ends[2];
    pid_t idler;
    char more;
    need_processes();
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        run_program(ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &idler, sizeof idler), sizeof idler);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(read(ends[0], &more, 1), 0);
    if (idler > 0)
        kill(idler, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(ends[0]);
}

/* Some libraries open their descriptors anew after a fork: those that have the numbers of
 * theirs, which are other ones in a process that has closed all. */
static pid_t program;
static void close_all(void)
{
    for (int fd = 3; fd < 64 && getppid() != program; fd++)
        close(fd);
}

static void fork_handlers_are_not_called(void **state)
{
    program = getpid();
    assert_int_equal(pthread_atfork(NULL, NULL, close_all), 0);
    begin(2);
    assert_int_equal(ask(odd_one(), PING, 1), 2);
    end();
}

/* Nor is what runs when the program ends, but by exit() in there. */
static void die_otherwise(void)
{
    if (getpid() != program)
        _exit(42);
}
static void exit_runs_handlers(void **state)
{
    program = getpid();
    assert_int_equal(atexit(die_otherwise), 0);
    begin(1);
    notes.restarts = true;
    cadre_ref who = spawn_odd((cadre_opts){.isolated = true, .keep = true}, (odd){0});
    static const uint64_t how[] = {EXIT, LEAVE};
    static const char *const words[] = {"exit status 3", "exit status 42"};
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ask(who, how[i], 0), CADRE_EDEAD);
        await(&notes.downs, i + 1);
        assert_non_null(strstr(notes.down.text, words[i]));
    }
    end();
}

int main(void)
{
    TESTS(cmocka_unit_test(nobody_survives), cmocka_unit_test(killed_from_outside),
          cmocka_unit_test(damage_is_contained),
          cmocka_unit_test(nothing_of_a_flood_is_lost),
          cmocka_unit_test(too_little_memory_has_words),
          cmocka_unit_test(none_without_configuration),
          cmocka_unit_test(requests_to_end_are_the_programs),
          cmocka_unit_test(death_of_all_has_words),
          cmocka_unit_test(shut_down_is_killed), cmocka_unit_test(lower_limit_is_kept),
          cmocka_unit_test(standard_descriptors_may_be_closed),
          cmocka_unit_test(fork_handlers_are_not_called), /* the last: they stay */
          cmocka_unit_test(exit_runs_handlers));
    return RUN_TESTS();
}
