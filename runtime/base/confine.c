/* confine.c: what this process may do from now on: limits, and few system calls. */
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0
#endif

#ifndef SYS_close_range /* by older headers; the same everywhere */
#define SYS_close_range 436
#endif

/* ---- what was inherited ------------------------------------------------------------ */

static bool asks_to_end(int sig)
{
    return sig == SIGTERM || sig == SIGINT || sig == SIGHUP;
}

void confine_signals(void)
{
    sigset_t none;
    struct sigaction was;
    for (int sig = 1; sig <= SIGRTMAX; sig++) {
        const struct sigaction act = {.sa_handler =
                                          asks_to_end(sig) ? SIG_IGN : SIG_DFL};
        if (sigaction(sig, NULL, &was) == 0 &&
            (sig != SIGPIPE || was.sa_handler != SIG_IGN))
            (void)sigaction(sig, &act, NULL); /* not all can be changed */
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* An older kernel, or somebody's filter, does not know the call. */
static void close_from(unsigned first, unsigned last)
{
    struct rlimit most;
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    if (getrlimit(RLIMIT_NOFILE, &most) == 0 && last >= most.rlim_cur)
        last = (unsigned)most.rlim_cur;
    for (unsigned fd = first; fd <= last; fd++)
        (void)close((int)fd);
}

void confine_descriptors(int keep, unsigned last)
{
    close_from(STDERR_FILENO + 1, (unsigned)keep - 1);
    close_from((unsigned)keep + 1, last);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null > STDIN_FILENO) {
        (void)dup2(null, STDIN_FILENO);
        close(null);
    }
}

/* ---- limits ------------------------------------------------------------------------ */

enum { DESCRIPTORS = 16 }; /* poll refuses to look at more than there may be */

/* 0: nobody knows. */
static size_t bytes_mapped(void)
{
    char text[64];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    return strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* A lower limit that there was stays. One on cores does not count where they go to a
 * program. */
bool confine_limits(size_t more)
{
    struct rlimit memory = {0, 0};
    const size_t mapped = bytes_mapped();
    const struct rlimit few = {DESCRIPTORS, DESCRIPTORS};
    bool has = mapped > 0 && mapped + more > more && getrlimit(RLIMIT_AS, &memory) == 0;
    if (has && memory.rlim_max > mapped + more)
        memory.rlim_max = mapped + more;
    memory.rlim_cur = memory.rlim_max;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
           setrlimit(RLIMIT_NOFILE, &few) == 0 &&
           (CC_SANITIZED || (has && setrlimit(RLIMIT_AS, &memory) == 0));
}

bool confine_timer(timer_t *timer)
{
    struct sigevent kill = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    return timer_create(CLOCK_MONOTONIC, &kill, timer) == 0;
}

void confine_time(timer_t timer, int64_t ns)
{
    const struct itimerspec once = {
        .it_value = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}};
    (void)timer_settime(timer, 0, &once, NULL); /* of these it refuses none */
}

/* ---- system calls ------------------------------------------------------------------ */

#define LOAD(field)                                                                    \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define IF_EQUAL(value, yes, no)                                                       \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define ALLOW(call) IF_EQUAL(SYS_##call, 0, 1), RETURN(SECCOMP_RET_ALLOW)
#define REFUSE (SECCOMP_RET_ERRNO | EPERM)

bool confine_calls(void)
{
    const struct sock_filter filter[] = {
        LOAD(arch), IF_EQUAL(ARCH, 1, 0), RETURN(SECCOMP_RET_KILL),
        LOAD(nr), /* those of x32 are none of these */
        ALLOW(read), ALLOW(write), ALLOW(writev), ALLOW(ppoll), ALLOW(futex),
        ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), ALLOW(brk), ALLOW(rt_sigreturn),
        ALLOW(rt_sigprocmask), ALLOW(rt_sigaction), ALLOW(sigaltstack),
        ALLOW(clock_gettime), ALLOW(clock_nanosleep), ALLOW(nanosleep),
        ALLOW(gettimeofday), ALLOW(getpid), ALLOW(gettid), ALLOW(exit),
        ALLOW(exit_group), ALLOW(getrandom), ALLOW(sched_yield), ALLOW(getrusage),
        ALLOW(restart_syscall), ALLOW(fstat), ALLOW(close), ALLOW(timer_settime),
#ifdef SYS_poll
        ALLOW(poll), ALLOW(time),
#endif
        /* raise and abort: to itself, whose one thread has the same number. */
        IF_EQUAL(SYS_tgkill, 1, 0), IF_EQUAL(SYS_tkill, 0, 3), LOAD(args[0]),
        IF_EQUAL((uint32_t)getpid(), 0, 6), RETURN(SECCOMP_RET_ALLOW),
        /* When nothing becomes executable: the third argument says. */
        IF_EQUAL(SYS_mmap, 1, 0), IF_EQUAL(SYS_mprotect, 0, 3), LOAD(args[2]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0),
        RETURN(SECCOMP_RET_ALLOW), RETURN(REFUSE)};
    const struct sock_fprog program = {sizeof filter / sizeof filter[0],
                                       (struct sock_filter *)(uintptr_t)filter};
    return ARCH != 0 && !CC_SANITIZED && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

void confine_exit(int status)
{
    for (;;)
        (void)syscall(SYS_exit_group, status);
}
