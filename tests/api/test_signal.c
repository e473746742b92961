/* test_signal.c: signals as messages. The test's own thread gets them. */
#include "support/effort.h"
#include "support/open.h"
#include "support/process.h"

#include <cadre/ask.h>
#include <cadre/await.h>
#include <cadre/signal.h>
#include <cadre/supervise.h>
#include <cadre/watch.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* What an actor hears of, and how often. */
static int number_heard = SIGUSR1;
static atomic_uint ready, messages, times, wrongs, formers;

static void wrong_unless(bool right) { atomic_fetch_add(&wrongs, !right); }

static int hear_start(cadre_self *self, void *state)
{
    int err = cadre_signal_hear(self, state, number_heard);
    atomic_fetch_add(&ready, err == 0);
    return err;
}

static int hear_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_token *token = state;
    const cadre_signal *came = cadre_body(m, cadre_signal);
    if (!came)
        return 0;
    wrong_unless(came->token.id == token->id && came->number == number_heard &&
                 came->count > 0);
    atomic_fetch_add(&messages, 1);
    atomic_fetch_add(&times, came->count);
    return 0;
}

static const cadre_class hearer = {.name = "hearer",
                                   .state_size = sizeof(cadre_token),
                                   .start = hear_start,
                                   .receive = hear_receive};

static void begin(void)
{
    atomic_store(&ready, 0);
    atomic_store(&messages, 0);
    atomic_store(&times, 0);
    atomic_store(&wrongs, 0);
    atomic_store(&formers, 0);
}

static cadre_system *start_hearing_by(uint32_t io_threads)
{
    unsigned before = atomic_load(&ready);
    cadre_config config = quiet(2, 0);
    cadre_system *sys = NULL;
    config.io_threads = io_threads;
    assert_int_equal(cadre_system_new(&sys, &config, &hearer, NULL), 0);
    await(&ready, before + 1);
    return sys;
}
static cadre_system *start_hearing(void) { return start_hearing_by(0); }

static struct sigaction now(int sig)
{
    struct sigaction action;
    assert_int_equal(sigaction(sig, NULL, &action), 0);
    return action;
}

/* ---- each_is_counted ------------------------------------------------------------- */

static void each_is_counted(void **unused)
{
    enum { MANY = 1000 };
    for (uint32_t io_threads = 0; io_threads < 2; io_threads++) {
        begin();
        cadre_system *sys = start_hearing_by(io_threads);
        for (int i = 0; i < MANY; i++)
            raise(SIGUSR1);
        await(&times, MANY);
        close_system(sys);
        assert_int_equal(times, MANY);
        assert_in_range(messages, 1, MANY);
        assert_int_equal(wrongs, 0);
        assert_true(now(SIGUSR1).sa_handler == SIG_DFL);
    }
}

/* ---- all_who_asked_are_told ------------------------------------------------------ */

static int hear_and_spawn(cadre_self *self, void *state)
{
    int err = cadre_spawn(self, NULL, &hearer, NULL);
    return err ? err : hear_start(self, state);
}

static void all_who_asked_are_told(void **unused)
{
    static const cadre_class two = {.name = "two",
                                    .state_size = sizeof(cadre_token),
                                    .start = hear_and_spawn,
                                    .receive = hear_receive};
    begin();
    cadre_system *first = open_system(2, 0, &two);
    cadre_system *second = open_system(2, 0, &two);
    await(&ready, 4);
    raise(SIGUSR1);
    await(&times, 4);
    close_system(first);
    raise(SIGUSR1);
    await(&times, 6);
    close_system(second);
    assert_int_equal(times, 6);
    assert_int_equal(wrongs, 0);
}

/* ---- former_action_is_kept ------------------------------------------------------- */

static void former(int sig) { atomic_fetch_add(&formers, sig == SIGUSR1); }

static void former_with_info(int sig, siginfo_t *info, void *context)
{
    atomic_fetch_add(&formers, info->si_pid == getpid() && context != NULL);
}

static bool is_former(void)
{
    struct sigaction action = now(SIGUSR1);
    return action.sa_handler == former || action.sa_sigaction == former_with_info;
}

static int root_start(cadre_self *self, void *state)
{
    cadre_ref *child = state;
    int err = cadre_spawn(self, child, &hearer, NULL);
    return err ? err : cadre_watch(self, NULL, *child);
}

/* A number ends the child. */
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type != &cadre_down_type)
        return m->type == &number_type ? cadre_kill(self, *(cadre_ref *)state, 0) : 0;
    wrong_unless(is_former());
    atomic_fetch_add(&ready, 1);
    return 0;
}

static void keeps(const struct sigaction *before)
{
    static const cadre_class root = {.name = "root",
                                     .state_size = sizeof(cadre_ref),
                                     .start = root_start,
                                     .receive = root_receive};
    begin();
    sigaction(SIGUSR1, before, NULL);
    cadre_system *sys = open_system(2, 0, &root);
    await(&ready, 1);
    raise(SIGUSR1);
    await(&times, 1);
    assert_int_equal(formers, 1);
    assert_int_equal(cadre_tell(sys, cadre_system_root(sys), number, .value = 0), 0);
    await(&ready, 2);
    raise(SIGUSR1);
    assert_int_equal(formers, 2);
    close_system(sys);
    assert_int_equal(times, 1);
    assert_int_equal(wrongs, 0);
}

static void former_action_is_kept(void **unused)
{
    const struct sigaction plain = {.sa_handler = former},
                           with_info = {.sa_sigaction = former_with_info,
                                        .sa_flags = SA_SIGINFO};
    keeps(&plain);
    keeps(&with_info);
    signal(SIGUSR1, SIG_DFL);
}

/* Its flag says that it is a function with three arguments, and it is none. */
static void ignored_with_any_flag(void **unused)
{
    const struct sigaction ignored = {.sa_handler = SIG_IGN, .sa_flags = SA_SIGINFO};
    begin();
    sigaction(SIGUSR1, &ignored, NULL);
    cadre_system *sys = start_hearing();
    raise(SIGUSR1);
    await(&times, 1);
    close_system(sys);
    assert_true(now(SIGUSR1).sa_handler == SIG_IGN);
    signal(SIGUSR1, SIG_DFL);
}

static void newer_action_stays(void **unused)
{
    begin();
    cadre_system *sys = start_hearing();
    signal(SIGUSR1, former);
    close_system(sys);
    assert_true(now(SIGUSR1).sa_handler == former);
    signal(SIGUSR1, SIG_DFL);
}

/* As one does that takes a signal for a while: what it has put back is not taken for the
 * program's when somebody hears again. */
static void handler_that_is_put_back_is_ours(void **unused)
{
    struct sigaction ours;
    begin();
    signal(SIGUSR1, former);
    cadre_system *sys = start_hearing();
    ours = now(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    close_system(sys);
    assert_int_equal(sigaction(SIGUSR1, &ours, NULL), 0);
    raise(SIGUSR1);
    assert_int_equal(formers, 1);
    sys = start_hearing();
    raise(SIGUSR1);
    await(&times, 1);
    assert_int_equal(formers, 2);
    close_system(sys);
    assert_int_equal(times, 1);
    assert_true(now(SIGUSR1).sa_handler == former);
    signal(SIGUSR1, SIG_DFL);
}

/* Signals come all the time, on other threads, while those who hear come and go, and the
 * program changes its handler between them: it is called once for each, as it is. */
enum { THREADS = 2, ROUNDS = 100 };
static atomic_bool is_over;
static atomic_uint raised;

static void former_in_storm(int sig, siginfo_t *info, void *context)
{
    wrong_unless(sig == SIGUSR1 && info->si_signo == sig && context);
    atomic_fetch_add(&formers, 1);
}

static void *raise_on(void *unused)
{
    while (!atomic_load(&is_over)) {
        atomic_fetch_add(&raised, 1);
        raise(SIGUSR1);
    }
    return NULL;
}

static void storm_is_passed_on(void **unused)
{
    const struct sigaction kinds[] = {
        {.sa_handler = former},
        {.sa_sigaction = former_in_storm, .sa_flags = SA_SIGINFO}};
    pthread_t threads[THREADS];
    begin();
    atomic_store(&raised, 0);
    atomic_store(&is_over, false);
    sigaction(SIGUSR1, &kinds[1], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, raise_on, NULL), 0);
    for (int round = 0; round < ROUNDS; round++) {
        sigaction(SIGUSR1, &kinds[round % 2], NULL);
        close_system(start_hearing());
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(formers, raised);
    assert_int_equal(wrongs, 0);
    assert_true(times > 0);
    signal(SIGUSR1, SIG_DFL);
}

/* Ignored, it makes no zombies: also while somebody hears of it. */
static void ignored_sigchld_reaps(void **unused)
{
    begin();
    number_heard = SIGCHLD;
    signal(SIGCHLD, SIG_IGN);
    cadre_system *sys = start_hearing();
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    await(&times, 1);
    assert_int_equal(waitpid(child, NULL, 0), -1);
    assert_int_equal(errno, ECHILD);
    close_system(sys);
    assert_true(now(SIGCHLD).sa_handler == SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    number_heard = SIGUSR1;
}

/* In the child of a fork the signal does what it did before, and is nobody's here. */
static void fork_hears_nothing(void **unused)
{
    int status;
#ifdef EFFORT_THREAD_SANITIZER
    skip(); /* it delivers no signal to the child of many threads */
#endif
    begin();
    cadre_system *sys = start_hearing();
    pid_t child = fork();
    if (child == 0) {
        raise(SIGUSR1);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, SIGUSR1); /* which has ended it */
    close_system(sys);
    assert_int_equal(times, 0);
}

/* What its parent's heard of is not the child's; it may hear of the same by itself. */
static void fork_hears_for_itself(void **unused)
{
    int status;
#ifdef EFFORT_THREAD_SANITIZER
    skip(); /* as above */
#endif
    begin();
    cadre_system *sys = start_hearing();
    pid_t child = fork();
    if (child == 0) {
        begin();
        cadre_system *own = start_hearing();
        raise(SIGUSR1);
        await(&times, 1);
        close_system(own);
        _exit(now(SIGUSR1).sa_handler == SIG_DFL && wrongs == 0 ? 7 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(times, 0);
    raise(SIGUSR1);
    await(&times, 1);
    close_system(sys);
}

/* ---- cancelled, refused ---------------------------------------------------------- */

static int hear_too_many(cadre_self *self, void *state)
{
    const int odd[] = {SIGKILL, SIGSTOP, SIGTERM, SIGINT,  SIGSEGV,
                       SIGABRT, 0,       -1,      SIGRTMIN};
    cadre_token all[257];
    int n = 0, err;
    while (n < 257 && (err = cadre_signal_hear(self, &all[n], SIGUSR2)) == 0)
        n++;
    wrong_unless(n == 256 && err == CADRE_EFULL);
    while (n > 0)
        wrong_unless(cadre_cancel(self, all[--n]) == 0);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        wrong_unless(cadre_signal_hear(self, NULL, odd[i]) == -EINVAL);
    atomic_fetch_add(&ready, 1);
    return 0;
}

static bool is_default(void *arg) { return now(SIGUSR2).sa_handler == SIG_DFL; }

static void hear_nonsense(void)
{
    static const cadre_class class = {.start = hear_too_many, .receive = hear_receive};
    begin();
    unsigned descriptors = process_descriptors();
    cadre_system *sys = open_system(1, 0, &class);
    await(&ready, 1);
    await_true(is_default, NULL);
    close_system(sys);
    assert_int_equal(wrongs, 0);
    assert_int_equal(process_descriptors(), descriptors);
}

static void bad_input_is_refused(void **unused) { misuse(hear_nonsense); }

static int await_signal(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg got;
    if (m->type == &cadre_signal_type)
        wrong_unless(cadre_receive_type(self, &cadre_signal_type, CADRE_SECOND, &got) ==
                     -EINVAL);
    return hear_receive(self, state, m);
}

static void await_it(void)
{
    static const cadre_class class = {.state_size = sizeof(cadre_token),
                                      .start = hear_start,
                                      .receive = await_signal};
    begin();
    cadre_system *sys = open_system(1, 0, &class);
    await(&ready, 1);
    raise(SIGUSR1);
    await(&times, 1);
    close_system(sys);
    assert_int_equal(wrongs, 0);
}

static void await_is_refused(void **unused) { misuse(await_it); }

static void simulated_is_refused(void **unused)
{
    cadre_config config = quiet(2, 1);
    assert_int_equal(run(&config, &hearer, NULL), -ENOTSUP);
}

static int spawn_isolated(cadre_self *self, void *state)
{
    const cadre_opts opts = {.isolated = true};
    cadre_ref vain;
    int err = cadre_spawn_with(self, &vain, &hearer, NULL, &opts);
    return err ? err : cadre_watch(self, NULL, vain);
}
static int end_by_its_reason(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_down *down = cadre_body(m, cadre_down);
    return down ? down->reason : 0;
}

static void isolated_is_refused(void **unused)
{
    static const cadre_class class = {.start = spawn_isolated,
                                      .receive = end_by_its_reason};
    if (!effort_can_fork())
        skip();
    cadre_config config = quiet(2, 0);
    config.isolated = 1;
    assert_int_equal(run(&config, &class, NULL), -ENOTSUP);
}

/* libuv opens a pipe for signals when it is first used, for good. */
static int warm_up(void **unused)
{
    close_system(start_hearing());
    return 0;
}

int main(void)
{
    TESTS(cmocka_unit_test(each_is_counted), cmocka_unit_test(all_who_asked_are_told),
          cmocka_unit_test(former_action_is_kept), cmocka_unit_test(newer_action_stays),
          cmocka_unit_test(ignored_with_any_flag),
          cmocka_unit_test(handler_that_is_put_back_is_ours),
          cmocka_unit_test(storm_is_passed_on), cmocka_unit_test(ignored_sigchld_reaps),
          cmocka_unit_test(fork_hears_nothing), cmocka_unit_test(fork_hears_for_itself),
          cmocka_unit_test(bad_input_is_refused), cmocka_unit_test(await_is_refused),
          cmocka_unit_test(simulated_is_refused),
          cmocka_unit_test(isolated_is_refused));
    return cmocka_run_group_tests(tests, warm_up, NULL);
}
