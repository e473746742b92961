/* launch.c: start a program in a process of its own.
 *
 * posix_spawn runs nothing of ours between fork and exec, shares the memory until then
 * (so a large process is no slower), and returns exec's error. What it cannot do is to
 * return a pidfd; from the number one is made before anybody of ours reaps the process.
 * If the program has reaped it already, the number is nobody's, or that of a process
 * which is no child of ours, and waitid says so. */
#include "io/launch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open /* by older headers; the same everywhere */
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
static const idtype_t by_pidfd = 3; /* P_PIDFD */

static int open_pidfd(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* it is closed by exec */
    return fd < 0 ? -errno : fd;
}

int launch_signal(int pidfd, int sig)
{
    return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) ? -errno : 0;
}

/* Is it a child of ours? If not it is reaped already, and this is another one. */
static bool is_ours(idtype_t by, id_t id)
{
    siginfo_t info;
    return waitid(by, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

bool launch_reap(int pidfd, int *status, int *sig)
{
    siginfo_t info = {0};
    int err;
    while ((err = waitid(by_pidfd, (id_t)pidfd, &info, WEXITED | WNOHANG)) &&
           errno == EINTR) {
    }
    if (!err && info.si_pid == 0)
        return false;
    *sig = err || info.si_code == CLD_EXITED ? 0 : info.si_status;
    *status = err ? -ECHILD : *sig ? 128 + *sig : info.si_status;
    return true;
}

/* ---- its descriptors ------------------------------------------------------------- */

/* So that to put one of them in its place never closes another. */
static int lift(int *fd)
{
    if (*fd >= LAUNCH_STREAMS)
        return 0;
    int higher = fcntl(*fd, F_DUPFD_CLOEXEC, LAUNCH_STREAMS);
    if (higher < 0)
        return -errno;
    close(*fd);
    *fd = higher;
    return 0;
}

int launch_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    int err = lift(&ends[0]);
    if (!err)
        err = lift(&ends[1]);
    if (err) {
        close(ends[0]);
        close(ends[1]);
    }
    return err;
}

static int place(posix_spawn_file_actions_t *actions, int fd, int to)
{
    switch (fd) {
    case LAUNCH_INHERIT:
        return 0;
    case LAUNCH_NULL:
        return posix_spawn_file_actions_addopen(actions, to, "/dev/null", O_RDWR, 0);
    case LAUNCH_AS_OUTPUT:
        return posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, to);
    default:
        return posix_spawn_file_actions_adddup2(actions, fd, to);
    }
}

/* Where there is no such call: those that are there now. One that another thread opens
 * meanwhile, and that exec does not close, it gets. */
static int close_each(posix_spawn_file_actions_t *actions)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    int err = 0;
    if (!dir)
        return errno;
    while (!err && (entry = readdir(dir))) {
        int fd = atoi(entry->d_name);
        if (fd >= LAUNCH_STREAMS)
            err = posix_spawn_file_actions_addclose(actions, fd);
    }
    closedir(dir);
    return err;
}

/* glibc 2.34 has it, and no other library. */
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions,
                                             int from) __attribute__((weak));

static int close_others(posix_spawn_file_actions_t *actions)
{
    int err = ENOSYS;
    if (posix_spawn_file_actions_addclosefrom_np)
        err = posix_spawn_file_actions_addclosefrom_np(actions, LAUNCH_STREAMS);
    return err == ENOSYS ? close_each(actions) : err;
}

/* In this order, in the child. */
static int arrange(posix_spawn_file_actions_t *actions, const struct launch *l)
{
    int err = 0;
    for (int i = 0; !err && i < LAUNCH_STREAMS; i++)
        err = place(actions, l->fds[i], i);
    if (!err)
        err = close_others(actions);
    if (!err && l->cwd)
        err = posix_spawn_file_actions_addchdir_np(actions, l->cwd);
    return err;
}

/* ---- started --------------------------------------------------------------------- */

/* Workers block all signals, and a program may ignore some: not so the child. */
static int forget_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    memset(&all, 0xff, sizeof all); /* sigfillset leaves out what libc uses */
    int err = posix_spawnattr_setsigmask(attributes, &none);
    if (!err)
        err = posix_spawnattr_setsigdefault(attributes, &all);
    if (!err)
        err = posix_spawnattr_setflags(attributes,
                                       POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return err;
}

static int spawn(const struct launch *l, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int err = posix_spawn_file_actions_init(&actions);
    if (err)
        return -err;
    err = posix_spawnattr_init(&attributes);
    if (err)
        goto no_attributes;
    err = arrange(&actions, l);
    if (!err)
        err = forget_signals(&attributes);
    if (!err) /* which changes none of the strings */
        err =
            posix_spawnp(pid, l->argv[0], &actions, &attributes, (char *const *)l->argv,
                         l->env ? (char *const *)l->env : environ);
    posix_spawnattr_destroy(&attributes);
no_attributes:
    posix_spawn_file_actions_destroy(&actions);
    return -err;
}

int launch(const struct launch *l, pid_t *pid, int *pidfd)
{
    int probe = open_pidfd(getpid()); /* is there such a thing, and room for one? */
    if (probe < 0)
        return probe;
    int err = spawn(l, pid);
    close(probe);
    if (err)
        return err;
    err = *pidfd = open_pidfd(*pid);
    if (err >= 0 && !is_ours(by_pidfd, (id_t)err)) {
        close(err);
        err = -ESRCH;
    }
    if (err == -ESRCH)
        *pidfd = -1;
    if (err >= 0 || err == -ESRCH)
        return 0;
    /* Another thread was quicker to take the last descriptor. */
    if (is_ours(P_PID, (id_t)*pid))
        (void)kill(*pid, SIGKILL);
    while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return err;
}
