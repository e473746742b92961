/* test_terminal.c: the mode and the size of terminals, and what puts the mode back. */
#include "support/faulting.h"
#include "support/using.h"

#include <cadre/signal.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { READ = CADRE_DESCRIPTOR_READ };

static int master, slave;
static uint32_t background_threads;

static bool is_raw(void)
{
    struct termios t;
    assert_int_equal(tcgetattr(slave, &t), 0);
    assert_int_equal((t.c_lflag & ICANON) == 0, (t.c_lflag & ECHO) == 0);
    return (t.c_lflag & ICANON) == 0;
}

static void assert_same(const struct termios *a, const struct termios *b)
{
    assert_int_equal(a->c_iflag, b->c_iflag);
    assert_int_equal(a->c_oflag, b->c_oflag);
    assert_int_equal(a->c_cflag, b->c_cflag);
    assert_int_equal(a->c_lflag, b->c_lflag);
    assert_memory_equal(a->c_cc, b->c_cc, sizeof a->c_cc);
}

static void open_terminal(uint32_t io_threads)
{
    using_terminal(&master, &slave);
    using_begin(io_threads);
    using_do_well(USE_OPEN, slave, READ);
}

static void close_terminal(void)
{
    close(master);
    close(slave);
}

/* ---- raw ----------------------------------------------------------------------- */

/* No line is waited for, and ^C is a byte. */
static void keys_come_at_once(void **unused)
{
    for (uint32_t threads = 0; threads < 2; threads++) {
        open_terminal(threads);
        using_do_well(USE_RAW, 1, 0);
        using_do_well(USE_RAW, 1, 0);
        assert_true(is_raw());
        assert_int_equal(write(master, "a\3\r", 3), 3);
        using_expect_bytes("a\3\r");
        using_do_well(USE_RAW, 0, 0);
        using_do_well(USE_RAW, 0, 0);
        assert_false(is_raw());
        using_end();
        close_terminal();
    }
}

/* However it ends. */
static void mode_is_put_back(void **unused)
{
    struct termios before, after;
    for (int how = 0; how < 3; how++) {
        open_terminal(0);
        assert_int_equal(tcgetattr(slave, &before), 0);
        using_do_well(USE_RAW, 1, 0);
        assert_true(is_raw());
        if (how == 0) {
            using_do_well(USE_CLOSE, 0, 0);
            using_expect_closed(1, 0);
            assert_false(is_raw());
        }
        if (how == 1)
            using_do_well(USE_STOP, 0, 0);
        using_end();
        assert_int_equal(tcgetattr(slave, &after), 0);
        assert_same(&before, &after);
        close_terminal();
    }
}

/* The last of two puts it back. */
static void two_have_it_raw(void **unused)
{
    open_terminal(0);
    using_do_well(USE_RAW, 1, 0);
    using_do_well(USE_OPEN, slave, READ); /* from now on it is this one */
    using_do_well(USE_RAW, 1, 0);
    using_do_well(USE_RAW, 0, 0);
    assert_true(is_raw());
    using_end();
    assert_false(is_raw());
    close_terminal();
}

static void size_is_told(void **unused)
{
    const struct winsize size = {.ws_col = 120, .ws_row = 33};
    open_terminal(0);
    assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
    using_do_well(USE_LOOK, 0, 0);
    assert_int_equal(used.terminal.columns, 120);
    assert_int_equal(used.terminal.rows, 33);
    using_end();
    close_terminal();
}

static void no_terminal_is_refused(void **unused)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    using_begin(0);
    assert_int_equal(using_do(USE_RAW, 1, 0), -ENOENT);
    using_do_well(USE_OPEN, ends[0], READ);
    assert_int_equal(using_do(USE_RAW, 1, 0), -ENOTTY);
    assert_int_equal(using_do(USE_LOOK, 0, 0), -ENOTTY);
    using_end();
    close(ends[0]);
    close(ends[1]);
}

/* ---- death_puts_back ----------------------------------------------------------- */

static int deadly;

static void be_raw(void)
{
    using_begin(0);
    using_do_well(USE_OPEN, slave, READ);
    using_do_well(USE_RAW, 1, 0);
    if (!is_raw())
        _exit(3);
}

static void be_raw_and_die(void)
{
    be_plain();
    be_raw();
    (void)raise(deadly);
}
static void be_raw_and_exit(void)
{
    be_raw();
    exit(7);
}

/* Who hears of a signal does not die of it, raw or not. */
static atomic_uint ready, heard;
static int hear_start(cadre_self *self, void *state)
{
    int err = cadre_signal_hear(self, NULL, SIGHUP);
    atomic_fetch_add(&ready, err == 0);
    return err;
}
static int hear_receive(cadre_self *self, void *state, cadre_msg *m)
{
    atomic_fetch_add(&heard, m->type == &cadre_signal_type);
    return 0;
}
static void be_raw_and_hear(void)
{
    static const cadre_class class = {.start = hear_start, .receive = hear_receive};
    cadre_config quietly = quiet(2, 0);
    cadre_system *sys;
    be_plain();
    be_raw();
    if (cadre_system_new(&sys, &quietly, &class, NULL))
        _exit(4);
    await(&ready, 1);
    (void)raise(SIGHUP);
    await(&heard, 1);
    close_system(sys);
    (void)raise(SIGHUP); /* now it is deadly again */
}

static void ends_by(int status, void (*scenario)(void))
{
    struct termios before, after;
    using_terminal(&master, &slave);
    assert_int_equal(tcgetattr(slave, &before), 0);
    assert_int_equal(in_child(scenario), status);
    assert_int_equal(tcgetattr(slave, &after), 0);
    assert_same(&before, &after);
    close_terminal();
}

static void death_puts_back(void **unused)
{
    static const int signals[] = {SIGHUP, SIGTERM, SIGINT, SIGSEGV, SIGABRT};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        deadly = signals[i];
        ends_by(deadly, be_raw_and_die);
    }
    ends_by(7 << 8, be_raw_and_exit);
}

static void hearer_does_not_die(void **unused) { ends_by(SIGHUP, be_raw_and_hear); }

/* Where the program has a handler, that is left alone. */
static void be_raw_with_handler(void)
{
    be_plain();
    (void)signal(SIGTERM, _exit);
    be_raw();
    cadre_terminal_restore();
    if (is_raw())
        _exit(3);
    (void)raise(SIGTERM);
}
static void own_handler_is_left_alone(void **unused)
{
    ends_by(SIGTERM << 8, be_raw_with_handler);
}

/* A signal does what it did, and a fork of it touches no terminal. */
static void fork_and_die(void)
{
    int status;
    be_plain();
    be_raw();
    pid_t child = fork();
    if (child == 0) {
        (void)raise(SIGTERM);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != SIGTERM || !is_raw())
        _exit(3);
    using_do_well(USE_CLOSE, 0, 0);
    using_expect_closed(1, 0);
    struct sigaction now;
    _exit(sigaction(SIGTERM, NULL, &now) || now.sa_handler != SIG_DFL ? 4 : 9);
}
static void forks_leave_it_raw(void **unused) { ends_by(9 << 8, fork_and_die); }

/* ---- the process's own terminal -------------------------------------------------- */

static void take_terminal(void)
{
    be_plain();
    if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0))
        _exit(5);
}

/* Another name of it, and another system: who ends first puts nothing back. */
static void be_raw_by_two_names(void)
{
    take_terminal();
    be_raw();
    await(&used.opened, 1);
    using_do_well(USE_RAW, 1, 0); /* what was told before is dealt with */
    cadre_system *first = using_system;
    using_begin(0);
    int name = open("/dev/tty", O_RDWR | O_CLOEXEC);
    using_do_well(USE_OPEN, name, READ);
    using_do_well(USE_RAW, 1, 0);
    close_system(first);
    if (!is_raw())
        _exit(3);
    close_system(using_system);
    _exit(is_raw() ? 4 : 9);
}
static void names_of_one_are_one(void **unused)
{
    ends_by(9 << 8, be_raw_by_two_names);
}

static void be_in_front(pid_t group)
{
    (void)signal(SIGTTOU, SIG_IGN);
    if (tcsetpgrp(slave, group))
        _exit(5);
    (void)signal(SIGTTOU, SIG_DFL);
}

/* Raw, then in the background, where it dies. */
static void go_behind_and_die(void)
{
    if (setpgid(0, 0))
        _exit(5);
    using_begin(0);
    using_do_well(USE_OPEN, slave, READ);
    if (using_do(USE_RAW, 1, 0) != -EIO || is_raw())
        _exit(6);
    be_in_front(getpid());
    using_do_well(USE_RAW, 1, 0);
    be_in_front(getppid());
    (void)raise(SIGTERM);
}
static void have_job_die(void)
{
    int status;
    take_terminal();
    pid_t child = fork();
    if (child == 0)
        go_behind_and_die();
    if (child < 0 || waitpid(child, &status, WUNTRACED) != child)
        _exit(3);
    if (WIFSTOPPED(status))
        (void)kill(child, SIGKILL);
    _exit(is_raw() ? 4 : WIFSIGNALED(status) ? 9 : WIFSTOPPED(status) ? 7 : 8);
}
static void background_dies_and_is_not_raw(void **unused)
{
    ends_by(9 << 8, have_job_die);
}

/* Nobody but those in front reads what comes. */
static void be_behind_and_read(void)
{
    using_begin(background_threads);
    using_do_well(USE_OPEN, slave, READ);
    if (write(master, "x\n", 2) != 2)
        _exit(5);
    using_expect_closed(1, -EIO);
    close_system(using_system);
    _exit(atomic_load(&used.size) ? 6 : 9);
}
static void have_job_read(void)
{
    int status;
    take_terminal();
    pid_t child = fork();
    if (child == 0)
        setpgid(0, 0) ? _exit(5) : be_behind_and_read();
    if (child < 0 || waitpid(child, &status, WUNTRACED) != child)
        _exit(3);
    if (WIFSTOPPED(status))
        (void)kill(child, SIGKILL);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 7);
}
static void read_in_the_background_closes_with_eio(void **unused)
{
    for (background_threads = 0; background_threads < 2; background_threads++)
        ends_by(9 << 8, have_job_read);
}

/* The system says of it that it is at its end, or, just then, that it cannot be read. */
static void hang_up(uint32_t threads, int use)
{
    using_begin(threads);
    using_terminal(&master, &slave);
    using_do_well(USE_OPEN, slave, use);
    await(&used.opened, 1);
    close(master);
    if (use == READ)
        await(&used.closed, 1);
    else
        using_do_well(USE_WRITE, 1, 0);
    if (use != READ || atomic_load(&used.reason) != 0)
        using_expect_closed(1, -EIO);
    close(slave);
    using_end();
}
static void hung_up_terminal_ends(void **unused)
{
    for (uint32_t threads = 0; threads < 2; threads++) {
        hang_up(threads, READ);
        hang_up(threads, CADRE_DESCRIPTOR_WRITE);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(keys_come_at_once), cmocka_unit_test(mode_is_put_back),
          cmocka_unit_test(two_have_it_raw), cmocka_unit_test(size_is_told),
          cmocka_unit_test(no_terminal_is_refused), cmocka_unit_test(death_puts_back),
          cmocka_unit_test(hearer_does_not_die),
          cmocka_unit_test(own_handler_is_left_alone),
          cmocka_unit_test(forks_leave_it_raw), cmocka_unit_test(names_of_one_are_one),
          cmocka_unit_test(background_dies_and_is_not_raw),
          cmocka_unit_test(read_in_the_background_closes_with_eio),
          cmocka_unit_test(hung_up_terminal_ends));
    return cmocka_run_group_tests(tests, using_warm_up, NULL);
}
