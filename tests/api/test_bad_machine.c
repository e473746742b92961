/* test_bad_machine.c: bad input from below, numbered as in the table of the reliability
 * study: forks, signals, no memory, no threads, fewer CPUs. */
#include "support/open.h"
#include "support/support.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class idle_root = {.name = "idle", .receive = nothing};

/* ---- 29: fork ---- */

static void see(void *user, const cadre_leftover *line) {}

/* In the child: how many calls did not answer as they should. */
static int use_copy(cadre_system *sys)
{
    int wrong = cadre_tell(sys, cadre_system_root(sys), owned, 0) != -EBADFD;
    wrong += atomic_load(&drops[0]) != 1;
    wrong += cadre_system_wait(sys) != -EBADFD;
    wrong += cadre_system_stop_by(sys, 0) != -EBADFD;
    wrong += cadre_system_poll(sys, 0) != -EBADFD;
    wrong += cadre_system_fd(sys) != -EBADFD;
    wrong += cadre_stats(sys, &sums) != -EBADFD;
    wrong += cadre_system_report(sys, see, NULL) != -EBADFD;
    wrong += cadre_system_free(sys) != -EBADFD;
    cadre_system_stop(sys);
    return wrong;
}

static int status_of(pid_t child)
{
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

static void row_29_fork_in_main(void **state)
{
    for (uint64_t seed = 0; seed < 2; seed++) {
        cadre_system *sys = open_system(2, seed, &idle_root);
        drops_clear();
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(use_copy(sys));
        assert_int_equal(status_of(child), 0);
        assert_int_equal(cadre_tell(sys, cadre_system_root(sys), owned, 0), 0);
        close_system(sys); /* the parent's is unharmed */
        assert_dropped_once(1);
    }
}

static void row_29_a_new_system_in_the_child_works(void **state)
{
    cadre_system *sys = open_system(1, 0, &idle_root);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        cadre_config config = {.workers = 1, .seed = 1, .log = collect_line};
        config.end_when_quiet = true;
        _exit(cadre_run(&config, &idle_root, NULL) != 0);
    }
    assert_int_equal(status_of(child), 0);
    close_system(sys);
}

static int use_copied_self(cadre_self *self, cadre_system *sys)
{
    cadre_msg m = {.type = &number_type};
    int wrong = cadre_send(self, (cadre_ref){1}, owned, 0) != -EBADFD;
    wrong += atomic_load(&drops[0]) != 1;
    wrong += cadre_reply(self, &m, number, 1) != -EBADFD;
    wrong += cadre_forward(self, (cadre_ref){1}, &m) != -EBADFD;
    wrong += cadre_stash(self, &m) != -EBADFD;
    wrong += cadre_spawn(self, NULL, &sink_class, NULL) != -EBADFD;
    wrong += cadre_stop(self, (cadre_ref){1}) != -EBADFD;
    wrong += cadre_kill(self, (cadre_ref){1}, 0) != -EBADFD;
    wrong += cadre_me(self).id != 0;
    wrong += cadre_now(self) != 0;
    wrong += cadre_stats(sys, &sums) != -EBADFD;
    return wrong;
}

static atomic_int child_status;
static int fork_inside(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_system *sys = cadre_system_of(self);
    pid_t child = fork();
    if (child == 0)
        _exit(use_copied_self(self, sys));
    atomic_store(&child_status, child < 0 ? -2 : status_of(child));
    (void)cadre_send(self, (cadre_ref){0}, owned, 0); /* the parent's still works */
    return CADRE_STOP;
}

static void row_29_fork_in_a_handler(void **state)
{
    static const cadre_class root = {.receive = fork_inside};
    for (uint64_t seed = 0; seed < 2; seed++) {
        cadre_system *sys = open_system(2, seed, &root);
        atomic_store(&child_status, -1);
        drops_clear();
        assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, 1), 0);
        assert_int_equal(cadre_system_wait(sys), 0);
        assert_int_equal(atomic_load(&child_status), 0);
        close_system(sys);
        assert_dropped_once(1);
    }
}

/* ---- 31: signals ---- */

static sigset_t seen_mask;
static atomic_bool seen;
static int look_at_mask(cadre_self *self, void *state)
{
    pthread_sigmask(SIG_SETMASK, NULL, &seen_mask);
    atomic_store(&seen, true);
    return CADRE_STOP;
}

static void row_31_workers_block_all_but_faults(void **state)
{
    static const cadre_class root = {.start = look_at_mask, .receive = nothing};
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t before, after;
    sigemptyset(&before);
    sigemptyset(&after);
    sigemptyset(&seen_mask);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    cadre_system *sys = open_system(1, 0, &root);
    assert_int_equal(cadre_system_wait(sys), 0);
    close_system(sys);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int sig = 1; sig < NSIG; sig++) /* the program's own is left */
        assert_int_equal(sigismember(&before, sig), sigismember(&after, sig));
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        assert_int_equal(sigismember(&seen_mask, faults[i]), 0);
    static const int others[] = {SIGINT,  SIGTERM, SIGHUP,  SIGPIPE, SIGCHLD,
                                 SIGALRM, SIGUSR1, SIGUSR2, SIGPROF};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(sigismember(&seen_mask, others[i]), 1);
}

static void row_31_the_runtime_installs_no_handler(void **state)
{
    struct sigaction before[NSIG], now;
    for (int sig = 1; sig < NSIG; sig++)
        if (sigaction(sig, NULL, &before[sig]) != 0)
            before[sig].sa_handler = SIG_ERR;
    cadre_system *sys = open_system(2, 0, &idle_root);
    for (int sig = 1; sig < NSIG; sig++)
        if (before[sig].sa_handler != SIG_ERR) {
            assert_int_equal(sigaction(sig, NULL, &now), 0);
            assert_ptr_equal(now.sa_handler, before[sig].sa_handler);
        }
    close_system(sys);
}

static atomic_uint interruptions;
static void interrupted(int sig) { atomic_fetch_add(&interruptions, 1); }

static void row_31_interrupted_calls_go_on(void **state)
{
    struct sigaction action = {.sa_handler = interrupted}, before; /* no SA_RESTART */
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    cadre_system *sys = open_system(CADRE_NO_WORKERS, 0, &idle_root);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 20; i++)
            kill(getppid(), SIGUSR1);
        _exit(0);
    }
    while (atomic_load(&interruptions) == 0)
        assert_true(cadre_system_poll(sys, CADRE_MS) >= 0);
    assert_int_equal(status_of(child), 0);
    close_system(sys);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

/* ---- 32: a handler that changes its thread ---- */

static int change_mask(cadre_self *self, void *state)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return CADRE_STOP;
}

static void leave_a_changed_mask(void)
{
    static const cadre_class root = {
        .name = "masker", .start = change_mask, .receive = nothing};
    cadre_system *sys = open_system(1, 1, &root);
    assert_int_equal(cadre_system_wait(sys), 0);
    close_system(sys);
}

static void row_32_changed_signal_mask_is_noticed_in_debug(void **state)
{
#ifndef RT_DEBUG
    skip();
#endif
    misuse(leave_a_changed_mask);
}

/* ---- 35: no memory ---- */

struct failing {
    unsigned calls, fail_at, held;
};

static void *fail_kth(void *user, void *old, size_t old_size, size_t new_size)
{
    struct failing *f = user;
    if (new_size == 0) {
        f->held -= old != NULL;
        free(old);
        return NULL;
    }
    if (++f->calls == f->fail_at)
        return NULL;
    f->held += old == NULL;
    return realloc(old, new_size);
}

static void row_35_no_memory_for_a_start(void **state)
{
    for (uint32_t mode = 0; mode < 3; mode++) {
        struct failing f = {.fail_at = 0};
        int err = -ENOMEM;
        while (err == -ENOMEM) {
            cadre_config config =
                quiet(mode == 2 ? CADRE_NO_WORKERS : 2, mode == 1 ? 1 : 0);
            config.alloc = fail_kth;
            config.alloc_user = &f;
            cadre_system *sys = NULL;
            f.calls = 0;
            f.fail_at++;
            err = cadre_system_new(&sys, &config, &idle_root, NULL);
            if (err == 0)
                close_system(sys);
            else
                assert_null(sys);
            assert_int_equal(f.held, 0); /* nothing leaks */
        }
        assert_int_equal(err, 0);
        assert_true(f.fail_at > 5);
    }
}

/* ---- 36: no threads ---- */

static unsigned creations, fail_creation;

int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                   void *(*begin)(void *), void *arg)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    if (++creations == fail_creation)
        return EAGAIN;
    return real(thread, attr, begin, arg);
}

static unsigned threads_of_process(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    unsigned n = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        (void)sscanf(line, "Threads: %u", &n);
    fclose(file);
    return n;
}

static void row_36_no_thread_can_be_created(void **state)
{
    unsigned before = threads_of_process();
    struct failing f = {.fail_at = UINT32_MAX};
    for (unsigned k = 1; k <= 4; k++) {
        cadre_config config = quiet(4, 0);
        cadre_system *sys = NULL;
        config.alloc = fail_kth;
        config.alloc_user = &f;
        creations = 0;
        fail_creation = k;
        assert_int_equal(cadre_system_new(&sys, &config, &idle_root, NULL), -EAGAIN);
        assert_null(sys);
        assert_int_equal(f.held, 0);
        assert_int_equal(threads_of_process(), before); /* all were taken back */
    }
    fail_creation = 0;
    close_system(open_system(4, 0, &idle_root));
}

/* ---- 41: fewer CPUs ---- */

static void row_41_fewer_cpus_fewer_workers(void **state)
{
    cpu_set_t all, one;
    cadre_config config = quiet(0, 0);
    config.end_when_quiet = true;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(run(&config, &idle_root, NULL), 0);
    assert_int_equal(sums.workers, 1);
    config.workers = 4; /* more than there are: they work all the same */
    assert_int_equal(run(&config, &idle_root, NULL), 0);
    assert_int_equal(sums.workers, 4);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

int main(void)
{
    unsetenv("CADRE_WORKERS");
    TESTS(cmocka_unit_test(row_29_fork_in_main),
          cmocka_unit_test(row_29_a_new_system_in_the_child_works),
          cmocka_unit_test(row_29_fork_in_a_handler),
          cmocka_unit_test(row_31_workers_block_all_but_faults),
          cmocka_unit_test(row_31_the_runtime_installs_no_handler),
          cmocka_unit_test(row_31_interrupted_calls_go_on),
          cmocka_unit_test(row_32_changed_signal_mask_is_noticed_in_debug),
          cmocka_unit_test(row_35_no_memory_for_a_start),
          cmocka_unit_test(row_36_no_thread_can_be_created),
          cmocka_unit_test(row_41_fewer_cpus_fewer_workers));
    return RUN_TESTS();
}
