/* test_isolate_others.c: what isolated actors, and the program, do to each other's
 * processes. */
#include "support/isolating.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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
        assert_int_equal(ask(who, PING, 1), 2);
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
    if (ask(idle, PING, 1) != 2)
        _exit(1);
    tell(busy, LOOP, 0);
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

int main(void)
{
    TESTS(cmocka_unit_test(nobody_survives), cmocka_unit_test(killed_from_outside),
          cmocka_unit_test(damage_is_contained),
          cmocka_unit_test(nothing_of_a_flood_is_lost),
          cmocka_unit_test(too_little_memory_has_words),
          cmocka_unit_test(none_without_configuration));
    return RUN_TESTS();
}
