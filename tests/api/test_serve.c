/* test_serve.c: services that signals end. Each test is a process of its own. */
#include "support/effort.h"
#include "support/support.h"

#include <cadre/shutdown.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BAD = 99 };
#define MUST(cond) ((cond) ? (void)0 : _exit(BAD))

typedef struct {
    int nothing;
} pulse;
static CADRE_TYPE(pulse);

static void assert_exits(void (*scenario)(void))
{
    int status = in_child(scenario);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void assert_dies_of(int sig, void (*scenario)(void))
{
    int status = in_child(scenario);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), sig);
}

/* To the process: workers block all signals, so it is another thread that gets it. */
static void send(int sig) { MUST(kill(getpid(), sig) == 0); }

static int serve_with(const cadre_config *config, const cadre_class *root)
{
    return cadre_serve(config, root, NULL, 60 * CADRE_SECOND, 60 * CADRE_SECOND);
}

static int serve(uint32_t workers, uint64_t seed, const cadre_class *root)
{
    cadre_config config = quiet(workers, seed);
    return serve_with(&config, root);
}

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }

/* ---- one signal ---- */

static int the_signal;

static int killed_start(cadre_self *self, void *state)
{
    int err = cadre_when_closing(self, NULL);
    send(the_signal);
    return err;
}

static int killed_receive(cadre_self *self, void *state, cadre_msg *m)
{
    ++*(unsigned *)state;
    return cadre_body(m, cadre_closing) ? cadre_send(self, cadre_me(self), pulse, 0)
                                        : 0;
}

static void killed_stop(cadre_self *self, void *state, int reason)
{
    MUST(*(unsigned *)state == 2 && reason == 0); /* told, and drained */
}
static const cadre_class killed = {.name = "killed",
                                   .state_size = sizeof(unsigned),
                                   .start = killed_start,
                                   .receive = killed_receive,
                                   .stop = killed_stop};

static void end_every_way(void)
{
    for (int i = 0; i < 2; i++) {
        the_signal = i == 0 ? SIGTERM : SIGINT;
        MUST(serve(1, 0, &killed) == 0);
        MUST(serve(3, 0, &killed) == 0);
        MUST(serve(CADRE_NO_WORKERS, 0, &killed) == 0);
        MUST(serve(2, 7, &killed) == 0);
        MUST(serve(CADRE_NO_WORKERS, 7, &killed) == 0);
        MUST(lines_with("messages left in all: 0") == 1);
    }
}

static void a_signal_ends_a_service(void **state) { assert_exits(end_every_way); }

/* ---- what a signal did before ---- */

static volatile sig_atomic_t mine;
static void on_mine(int sig) { mine = mine + 1; }

static bool does(int sig, void (*handler)(int))
{
    struct sigaction now;
    return sigaction(sig, NULL, &now) == 0 && now.sa_handler == handler;
}

static int stop_at_once(cadre_self *self, void *state) { return CADRE_STOP; }
static const cadre_class brief = {.start = stop_at_once, .receive = nothing};

static void serve_between(void)
{
    cadre_config poor = {.workers = 1, .memory_max = 1};
    MUST(signal(SIGTERM, on_mine) != SIG_ERR);
    MUST(serve(2, 0, &brief) == 0);
    MUST(does(SIGTERM, on_mine) && does(SIGINT, SIG_DFL));
    MUST(serve_with(&poor, &brief) == -ENOMEM);
    MUST(does(SIGTERM, on_mine) && does(SIGINT, SIG_DFL));
    the_signal = SIGTERM;
    MUST(serve(2, 0, &killed) == 0 && mine == 0);
    MUST(does(SIGTERM, on_mine) && does(SIGINT, SIG_DFL));
}

static void signals_are_given_back(void **state) { assert_exits(serve_between); }

static int ignored_start(cadre_self *self, void *state)
{
    send(SIGINT);
    send(SIGINT);
    send(SIGINT);
    send(SIGTERM);
    return 0;
}
static const cadre_class ignores = {.start = ignored_start, .receive = nothing};

static void ignore_one(void)
{
    MUST(signal(SIGINT, SIG_IGN) != SIG_ERR);
    MUST(serve(2, 0, &ignores) == 0);
    MUST(does(SIGINT, SIG_IGN));
}

static void what_is_ignored_stays_ignored(void **state) { assert_exits(ignore_one); }

static int takes_over(cadre_self *self, void *state)
{
    MUST(signal(SIGTERM, on_mine) != SIG_ERR);
    return CADRE_STOP;
}
static const cadre_class taker = {.start = takes_over, .receive = nothing};

static void take_over(void)
{
    MUST(serve(2, 0, &taker) == 0);
    MUST(does(SIGTERM, on_mine) && does(SIGINT, SIG_DFL));
}

static void a_handler_put_meanwhile_stays(void **state) { assert_exits(take_over); }

/* ---- more signals ---- */

/* Is told of the first, and sends the second; never has done. */
static int stubborn_receive(cadre_self *self, void *state, cadre_msg *m)
{
    send(SIGTERM);
    return cadre_stash(self, m);
}
static const cadre_class stubborn = {.name = "stubborn",
                                     .state_size = sizeof(unsigned),
                                     .start = killed_start,
                                     .receive = stubborn_receive};

static void print_line(void *user, int level, const char *line)
{
    fprintf(stderr, "%s\n", line);
}

static void be_stubborn(void)
{
    cadre_config config = {.workers = 2, .log = print_line};
    the_signal = SIGINT;
    (void)serve_with(&config, &stubborn);
    _exit(BAD);
}

static void the_second_signal_kills(void **state)
{
    char said[4096];
    int status = in_child_saying(be_stubborn, said, sizeof said);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
    assert_non_null(strstr(said, "shutdown: not drained; messages that wait or are in "
                                 "hand: 1; requests deferred and calls offloaded: 0"));
    assert_non_null(strstr(said, "(stubborn)"));
    assert_non_null(strstr(said, "shutdown: messages left in all: 1"));
}

static bool has_come(void *arg) { return mine == 1; }

static void have_a_handler_for_the_second(void)
{
    MUST(signal(SIGTERM, on_mine) != SIG_ERR);
    the_signal = SIGINT;
    int reason = serve(2, 0, &stubborn);
    MUST(reason == CADRE_EKILLED || reason == -ETIMEDOUT); /* on a busy machine */
    await_true(has_come, NULL); /* sanitizers deliver signals late */
}

static void the_second_signal_is_the_programs_again(void **state)
{
    assert_exits(have_a_handler_for_the_second);
}

static int never_returns(cadre_self *self, void *state)
{
    for (int i = 0; i < 3; i++)
        send(SIGTERM);
    while (getpid() > 0) {
    }
    return 0;
}
static const cadre_class endless = {.start = never_returns, .receive = nothing};

/* On the thread that serves: nobody is left to do anything about it. */
static void never_return(void) { (void)serve(CADRE_NO_WORKERS, 0, &endless); }

static void the_third_signal_ends_whatever_runs(void **state)
{
    assert_dies_of(SIGTERM, never_return);
}

/* ---- several systems, several processes ---- */

static atomic_uint started;
static int first_start(cadre_self *self, void *state)
{
    if (atomic_fetch_add(&started, 1) == 1)
        send(SIGTERM); /* both are there */
    return cadre_when_closing(self, NULL);
}
static const cadre_class one_of_two = {.start = first_start, .receive = nothing};

static void *serve_one(void *config)
{
    MUST(serve_with(config, &one_of_two) == 0);
    return NULL;
}

static void serve_two(void)
{
    pthread_t other;
    cadre_config config = quiet(2, 0);
    MUST(pthread_create(&other, NULL, serve_one, &config) == 0);
    (void)serve_one(&config);
    MUST(pthread_join(other, NULL) == 0);
    MUST(does(SIGTERM, SIG_DFL) && does(SIGINT, SIG_DFL));
}

static void two_systems_both_get_it(void **state) { assert_exits(serve_two); }

static int fork_start(cadre_self *self, void *state)
{
    int status;
    sigset_t all;
    pid_t child = fork();
    if (child == 0) {
        sigfillset(&all);
        MUST(sigprocmask(SIG_UNBLOCK, &all, NULL) == 0);
        send(SIGTERM);
        _exit(BAD);
    }
    MUST(waitpid(child, &status, 0) == child);
    MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    return CADRE_STOP;
}
static const cadre_class forker = {.start = fork_start, .receive = nothing};

static void fork_in_a_service(void) { MUST(serve(2, 0, &forker) == 0); }

static void a_child_of_fork_ends_as_ever(void **state)
{
#ifdef EFFORT_THREAD_SANITIZER
    skip(); /* it delivers no signal to the child of many threads */
#endif
    assert_exits(fork_in_a_service);
}

/* The child has a service of its own, and signals for that. */
static int fork_and_serve(cadre_self *self, void *state)
{
    int status;
    sigset_t all;
    pid_t child = fork();
    if (child == 0) {
        sigfillset(&all);
        MUST(sigprocmask(SIG_UNBLOCK, &all, NULL) == 0);
        the_signal = SIGTERM;
        _exit(serve(2, 0, &killed) == 0 ? 0 : BAD);
    }
    MUST(waitpid(child, &status, 0) == child);
    MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return CADRE_STOP;
}
static const cadre_class serving_forker = {.start = fork_and_serve, .receive = nothing};

static void serve_in_a_child(void) { MUST(serve(2, 0, &serving_forker) == 0); }

static void a_child_of_fork_may_serve(void **state)
{
#ifdef EFFORT_THREAD_SANITIZER
    skip(); /* no threads there after a fork of many */
#elif defined(EFFORT_ADDRESS_SANITIZER)
    skip(); /* its malloc is locked for good there, if another thread was in it */
#endif
    assert_exits(serve_in_a_child);
}

/* ---- in other ways ---- */

static int serve_in_a_handler(cadre_self *self, void *state)
{
    cadre_config config = {.workers = 2};
    the_signal = SIGTERM;
    MUST(serve_with(&config, &killed) == 0);
    return CADRE_STOP;
}
static const cadre_class nested = {.start = serve_in_a_handler, .receive = nothing};

static void nest(void)
{
    cadre_config config = {.workers = 2};
    MUST(cadre_run(&config, &nested, NULL) == 0);
}

static void a_handler_of_another_system_may_serve(void **state) { assert_exits(nest); }

static int wait_for_nothing(cadre_self *self, void *state)
{
    return cadre_when_closing(self, NULL);
}
static const cadre_class idler = {.start = wait_for_nothing, .receive = nothing};

static void a_simulation_that_waits_for_ever_says_so(void **state)
{
    assert_int_equal(serve(2, 7, &idler), -EDEADLK);
    assert_int_equal(lines_with("nothing will ever come"), 1);
}

static void negative_times(void)
{
    cadre_config config = quiet(1, 1);
    assert_int_equal(cadre_serve(&config, &brief, NULL, -1, 0), -EINVAL);
    assert_int_equal(cadre_serve(&config, &brief, NULL, 0, -1), -EINVAL);
    assert_true(does(SIGTERM, SIG_DFL));
}

static void negative_times_are_refused(void **state) { misuse(negative_times); }

int main(void)
{
    TESTS(cmocka_unit_test(a_signal_ends_a_service),
          cmocka_unit_test(signals_are_given_back),
          cmocka_unit_test(what_is_ignored_stays_ignored),
          cmocka_unit_test(a_handler_put_meanwhile_stays),
          cmocka_unit_test(the_second_signal_kills),
          cmocka_unit_test(the_second_signal_is_the_programs_again),
          cmocka_unit_test(the_third_signal_ends_whatever_runs),
          cmocka_unit_test(two_systems_both_get_it),
          cmocka_unit_test(a_child_of_fork_ends_as_ever),
          cmocka_unit_test(a_child_of_fork_may_serve),
          cmocka_unit_test(a_handler_of_another_system_may_serve),
          cmocka_unit_test(a_simulation_that_waits_for_ever_says_so),
          cmocka_unit_test(negative_times_are_refused));
    return RUN_TESTS();
}
