/* test_process_system.c: child processes: what the system says, and what others do. */
#include "support/process.h"
#include "support/starting.h"

#include <cadre/ask.h>
#include <cadre/timer.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AGAIN_MS = 100 };
static const idtype_t by_pidfd = 3; /* P_PIDFD */

/* ---- the system's calls ---------------------------------------------------------- */

/* So often a process that has ended is not to be reaped yet, as one that is traced. */
static atomic_uint held;
static atomic_bool is_another; /* the number is not that of a child of ours any more */
int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    bool is_look = options & WNOWAIT;
    if (type == by_pidfd && is_look && atomic_load(&is_another)) {
        errno = ECHILD;
        return -1;
    }
    int err = (int)syscall(SYS_waitid, type, id, info, options | WNOWAIT, NULL);
    if (type == by_pidfd && !is_look && err == 0 && info->si_pid &&
        atomic_load(&held) > 0) {
        atomic_fetch_sub(&held, 1);
        info->si_pid = 0;
        return 0;
    }
    return (int)syscall(SYS_waitid, type, id, info, options, NULL);
}

static atomic_bool may_not; /* signal it */
static atomic_uint signals;
long syscall(long call, ...)
{
    static long (*_Atomic real)(long, ...);
    long a[6];
    va_list args;
    va_start(args, call);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (call == SYS_pidfd_send_signal) {
        atomic_fetch_add(&signals, 1);
        if (atomic_load(&may_not)) {
            errno = EPERM;
            return -1;
        }
    }
    if (!real) {
        long (*function)(long, ...);
        *(void **)(void *)&function = dlsym(RTLD_NEXT, "syscall");
        real = function;
    }
    return real(call, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static atomic_bool is_musl; /* it has no such call */
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions,
                                             int from)
{
    static int (*real)(posix_spawn_file_actions_t * actions, int from);
    if (atomic_load(&is_musl))
        return ENOSYS;
    if (!real)
        *(void **)(void *)&real =
            dlsym(RTLD_NEXT, "posix_spawn_file_actions_addclosefrom_np");
    return real(actions, from);
}

/* ---- a traced one ---------------------------------------------------------------- */

static cadre_time began;

static int exit_with_7(cadre_self *self)
{
    began = real_now();
    atomic_store(&held, 3);
    return START(self, NULL, "/bin/sh", "-c", "exit 7");
}
static int took_time(cadre_self *self, cadre_msg *m)
{
    /* The loop's clock is in milliseconds, and may be one behind. */
    if (m->type == &cadre_process_ended_type)
        wrong_unless(real_now() - began >= (2 * AGAIN_MS - 10) * CADRE_MS);
    return 0;
}

static void traced_is_looked_at_now_and_then(void **unused)
{
    starting.begin = exit_with_7;
    starting.hear = took_time;
    starting.ended = 1;
    atomic_store(&signals, 0);
    play_out(1);
    assert_int_equal(started.last.status, 7);
    assert_int_equal(held, 0);
    assert_int_equal(signals, 0);
}

/* ---- one that is not ours -------------------------------------------------------- */

static int kill_another(cadre_self *self)
{
    atomic_store(&is_another, true);
    int err = START(self, NULL, "true");
    atomic_store(&is_another, false);
    wrong_unless(cadre_process_kill(self, started.process, SIGKILL) == 0);
    return err;
}

/* It is reaped by the test, as by a program that waits for any child. */
static int reap_it(cadre_self *self, cadre_msg *m)
{
    if (m->type == &cadre_process_ended_type)
        wrong_unless(waitpid((pid_t)started.pid, NULL, 0) == started.pid);
    return 0;
}

static void another_is_not_signalled(void **unused)
{
    atomic_store(&signals, 0);
    starting.begin = kill_another;
    starting.hear = reap_it;
    starting.ended = 1;
    play_out(2);
    assert_int_equal(started.last.status, -ECHILD);
    assert_int_equal(signals, 0);
}

/* ---- one that may not be signalled ----------------------------------------------- */

/* It ends by itself, not by the signals of its end. */
static int cancel_in_vain(cadre_self *self)
{
    const cadre_process_options options = {.in = CADRE_PROCESS_PIPE, .grace = CADRE_MS};
    atomic_store(&signals, 0);
    atomic_store(&may_not, true);
    int err = START(self, &options, "cat");
    wrong_unless(cadre_process_kill(self, started.process, SIGUSR1) == -EPERM);
    wrong_unless(cadre_cancel(self, (cadre_token){started.process.id}) == 0);
    return err ? err : cadre_every(self, NULL, 10 * CADRE_MS, number, .value = 0);
}
static int end_it_at_last(cadre_self *self, cadre_msg *m)
{
    /* Its own was first; then a SIGTERM, and more than one SIGKILL. */
    if (m->type == &number_type && atomic_load(&signals) >= 4)
        return cadre_stream_shutdown(self, started.pipes.in);
    return 0;
}

static void others_process_is_waited_for(void **unused)
{
    starting.begin = cancel_in_vain;
    starting.hear = end_it_at_last;
    starting.closed = 1;
    play_out(2);
    atomic_store(&may_not, false);
    assert_int_equal(lines_with("is another user's"), 1);
}

/* ---- descriptors, without the call for it ---------------------------------------- */

static int look_at_descriptors(cadre_self *self)
{
    return START(self, &to_us, "ls", "/proc/self/fd");
}

static void nothing_inherited_without_closefrom(void **unused)
{
    int fd = dup(STDERR_FILENO); /* which exec does not close */
    int far = fcntl(fd, F_DUPFD, 200);
    starting.begin = look_at_descriptors;
    starting.ended = 1;
    starting.closed = 2;
    atomic_store(&is_musl, true);
    play_out(2);
    atomic_store(&is_musl, false);
    close(fd);
    close(far);
    assert_said("0\n1\n2\n3\n", ""); /* the last one is the folder */
}

/* ---- what is left behind --------------------------------------------------------- */

/* The process ends at once, and leaves one behind that has its input for a while. */
static int leave_a_reader(cadre_self *self)
{
    began = real_now();
    return START(self, &from_us, "/bin/sh", "-c", "exec 3<&0; sleep 1 <&3 & exit 0");
}
static int is_closed_last(cadre_self *self, cadre_msg *m)
{
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    if (closed)
        wrong_unless(closed->reason == 0 && started.ended == 1 &&
                     real_now() - began >= CADRE_SECOND);
    return 0;
}

static void reader_left_behind_is_noticed(void **unused)
{
    starting.begin = leave_a_reader;
    starting.hear = is_closed_last;
    starting.ended = 1;
    starting.closed = 1;
    play_out(2);
}

int main(void)
{
    TESTS(cmocka_unit_test(traced_is_looked_at_now_and_then),
          cmocka_unit_test(another_is_not_signalled),
          cmocka_unit_test(others_process_is_waited_for),
          cmocka_unit_test(nothing_inherited_without_closefrom),
          cmocka_unit_test(reader_left_behind_is_noticed));
    return cmocka_run_group_tests(tests, starting_warm_up, NULL);
}
