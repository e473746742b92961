/* test_fault.c: a fault is reported, and the process ends as it would have. */
#include "support/support.h"

#include <cadre/await.h>
#include <cadre/offload.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* What faults on purpose is not to be found by a sanitizer first. */
#define RAW                                                                            \
    __attribute__((noinline)) __attribute__((no_sanitize("address")))                  \
    __attribute__((no_sanitize("thread"))) __attribute__((no_sanitize("undefined")))

typedef struct {
    uint64_t n;
} order;
CADRE_TYPE(order);

static cadre_config config; /* of the systems in the child */
static char said[16 << 10]; /* by the child */
static int *volatile nowhere = (int *)16;

/* ---- what a child said ---- */

static void assert_says(const char *text)
{
    if (!strstr(said, text))
        print_message("`%s` is not in\n%s", text, said);
    assert_non_null(strstr(said, text));
}

static unsigned times_said(const char *text)
{
    unsigned n = 0;
    for (const char *at = said; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static void assert_says_nothing(void)
{
    if (said[0])
        print_message("%s", said);
    assert_int_equal(said[0], '\0');
}

static void assert_ends_by(int sig, void (*scenario)(void))
{
    int status = in_child_saying(scenario, said, sizeof said);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
        print_message("status 0x%x\n%s", (unsigned)status, said);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), sig);
}

static void assert_exits(int code, void (*scenario)(void))
{
    int status = in_child_saying(scenario, said, sizeof said);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code)
        print_message("status 0x%x\n%s", (unsigned)status, said);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
}

/* ---- actors that fail ---- */

RAW static int read_from_nowhere(void) { return *(volatile int *)nowhere; }
RAW static int divide(volatile int a, volatile int b) { return a / b; }

RAW static unsigned fall(unsigned n)
{
    volatile char here[512];
    here[n % sizeof here] = (char)n;
    unsigned below = n < UINT32_MAX ? fall(n + 1) : 0;
    return below + (unsigned)here[n % sizeof here];
}

static int on_read(cadre_self *self, void *state, cadre_msg *m)
{
    return read_from_nowhere() == 1;
}
static const cadre_class reader = {.name = "reader", .receive = on_read};

static int on_fall(cadre_self *self, void *state, cadre_msg *m) { return fall(0) == 1; }
static const cadre_class faller = {.name = "faller", .receive = on_fall};

static int on_abort(cadre_self *self, void *state, cadre_msg *m) { abort(); }
static const cadre_class aborter = {.name = "aborter", .receive = on_abort};

static volatile int zero;
static int on_divide(cadre_self *self, void *state, cadre_msg *m)
{
    return divide(100, zero) == 1;
}
static const cadre_class divider = {.name = "divider", .receive = on_divide};

RAW static int on_jump(cadre_self *self, void *state, cadre_msg *m)
{
    int (*volatile function)(void) = (int (*)(void))(uintptr_t)nowhere;
    return function() + 1;
}
static const cadre_class jumper = {.name = "jumper", .receive = on_jump};

static int on_raise(cadre_self *self, void *state, cadre_msg *m)
{
    return raise(SIGFPE) == 0 ? CADRE_STOP : -EIO;
}
static const cadre_class raiser = {.name = "raiser", .receive = on_raise};

static int on_anything(cadre_self *self, void *state, cadre_msg *m)
{
    return CADRE_STOP;
}
static const cadre_class quiet_one = {.name = "quiet", .receive = on_anything};

/* ---- systems ---- */

/* Sanitizers have handlers of their own. */
static void be_plain(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
}

static cadre_system *open_root(const cadre_class *class)
{
    cadre_system *sys;
    if (cadre_system_new(&sys, &config, class, NULL) != 0)
        _exit(3);
    return sys;
}

static void give_order(cadre_system *sys)
{
    if (cadre_tell(sys, cadre_system_root(sys), order, 1) != 0)
        _exit(4);
}

static void run_to_end(cadre_system *sys)
{
    while (config.workers == CADRE_NO_WORKERS &&
           cadre_system_poll(sys, CADRE_SECOND) >= 0) {
    }
    if (cadre_system_wait(sys) != 0 || cadre_system_free(sys) != 0)
        _exit(5);
}

/* A root of this class gets an order. */
static void run_one(const cadre_class *class)
{
    cadre_system *sys = open_root(class);
    give_order(sys);
    run_to_end(sys);
}

static const cadre_class *root;
static void run_plain(void)
{
    be_plain();
    run_one(root);
}

static void ask_for_reports(uint32_t workers, uint64_t seed)
{
    config = (cadre_config){.workers = workers, .seed = seed, .report_faults = true};
}

static void assert_root_ends_by(int sig, const cadre_class *class)
{
    root = class;
    assert_ends_by(sig, run_plain);
}

/* ---- what is reported ---- */

static void fault_is_reported_with_actor_message_and_address(void **state)
{
    ask_for_reports(2, 0);
    assert_root_ends_by(SIGSEGV, &reader);
    assert_says("cadre fault: SIGSEGV, nothing is mapped there, at address 0x10, in "
                "actor 0.1 (reader)");
    if (times_said("(reader), on a message of type order\n") != 1)
        skip(); /* the kernel does not let us look, in some sandboxes */
}

static void fault_is_reported_with_its_stack(void **state)
{
    ask_for_reports(2, 0);
    assert_root_ends_by(SIGSEGV, &reader);
    assert_says("  #0 read_from_nowhere+0x");
    assert_says("  #1 on_read+0x");
}

static void fault_is_reported_with_what_all_workers_do(void **state)
{
    ask_for_reports(2, 0);
    assert_root_ends_by(SIGSEGV, &reader);
    assert_says(" runs actor 0.1 (reader)");
    assert_says("; turns: ");
    assert_int_equal(times_said(" runs ") + times_said("workers asleep: 1"), 2);
}

static void fault_is_reported_on_a_thread_of_the_program(void **state)
{
    ask_for_reports(2, 7);
    assert_root_ends_by(SIGSEGV, &reader);
    assert_says(" in actor 0.1 (reader)");
    ask_for_reports(CADRE_NO_WORKERS, 0);
    assert_root_ends_by(SIGSEGV, &reader);
    assert_says(" in actor 0.1 (reader)");
}

static void fault_of_each_kind_is_reported(void **state)
{
    ask_for_reports(1, 0);
    assert_root_ends_by(SIGABRT, &aborter);
    assert_says("cadre fault: SIGABRT, sent by this process, in actor 0.1 (aborter)");
    assert_says("on_abort+0x");
    assert_root_ends_by(SIGFPE, &raiser);
    assert_says("cadre fault: SIGFPE, sent by this process, in actor 0.1 (raiser)");
#ifdef __x86_64__ /* others go on with 0 */
    assert_root_ends_by(SIGFPE, &divider);
    assert_says("cadre fault: SIGFPE, an integer divided by zero, at address 0x");
    assert_says("  #0 divide");
#endif
}

static void fault_of_a_call_to_nowhere_names_the_caller(void **state)
{
    ask_for_reports(1, 0);
    assert_root_ends_by(SIGSEGV, &jumper);
    assert_says("  #0 on_jump+0x");
}

static int block(void *body) { return read_from_nowhere() == 1; }
static int offload_it(cadre_self *self, void *state)
{
    return cadre_offload(self, NULL, CADRE_POOL_USER, CADRE_NEVER, block, order, 1);
}
static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class caller = {
    .name = "caller", .start = offload_it, .receive = ignore};

static void fault_of_an_offloaded_call_is_reported(void **state)
{
    ask_for_reports(1, 0);
    assert_root_ends_by(SIGSEGV, &caller);
    assert_says(", in a call that actor 0.1 (caller) has offloaded");
    assert_says("  #1 block+0x");
}

/* ---- stacks that are too small ---- */

static void fault_by_a_stack_overflow_is_named(void **state)
{
    static const uint32_t workers[] = {2, 2, CADRE_NO_WORKERS};
    static const uint64_t seeds[] = {0, 7, 0};
    for (int i = 0; i < 3; i++) {
        ask_for_reports(workers[i], seeds[i]);
        assert_root_ends_by(SIGSEGV, &faller);
        assert_says(
            "stack overflow of actor 0.1 (faller): that address is in the guard "
            "page below the stack of ");
        assert_says(" fall+0x");
    }
}

static int sleep_and_fall(cadre_self *self, void *state, cadre_msg *m)
{
    int err = cadre_sleep(self, CADRE_MS);
    return err ? err : fall(0) == 1;
}
static const cadre_class sleeper = {.name = "sleeper", .receive = sleep_and_fall};

/* The root waits on the worker's own stack, so that its child begins on another. */
static int start_and_wait(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_ref child;
    cadre_msg second;
    int err = cadre_spawn(self, &child, &sleeper, NULL);
    if (!err)
        err = cadre_send(self, child, order, 1);
    return err ? err
               : cadre_receive_type(self, &order_type, 60 * CADRE_SECOND, &second);
}
static const cadre_class host = {.name = "host", .receive = start_and_wait};

static void fault_by_a_stack_overflow_of_a_handler_that_waits_is_named(void **state)
{
    ask_for_reports(1, 0);
    config.stack_size = 64 << 10;
    assert_root_ends_by(SIGSEGV, &host);
    assert_says("(sleeper): that address is in the guard page below the stack of 65536 "
                "bytes that worker 0 runs on");
}

static void fault_elsewhere_is_no_stack_overflow(void **state)
{
    ask_for_reports(1, 0);
    assert_root_ends_by(SIGSEGV, &reader);
    assert_int_equal(times_said("overflow"), 0);
}

/* ---- whose it is ---- */

static void fault_is_not_reported_unless_asked_for(void **state)
{
    config = (cadre_config){.workers = 2};
    assert_root_ends_by(SIGSEGV, &reader);
    assert_says_nothing();
    assert_root_ends_by(SIGABRT, &aborter);
    assert_says_nothing();
}

static void read_elsewhere(void)
{
    be_plain();
    (void)open_root(&quiet_one);
    (void)read_from_nowhere();
}

static void fault_on_another_thread_is_not_reported(void **state)
{
    ask_for_reports(2, 0);
    assert_ends_by(SIGSEGV, read_elsewhere);
    assert_says_nothing();
}

static void read_in_one_that_has_not_asked(void)
{
    be_plain();
    (void)open_root(&quiet_one);
    config.report_faults = false;
    run_one(&reader);
}

static void fault_in_a_system_that_has_not_asked_is_not_reported(void **state)
{
    ask_for_reports(1, 0);
    assert_ends_by(SIGSEGV, read_in_one_that_has_not_asked);
    assert_says_nothing();
}

static void read_after_another_has_ended(void)
{
    be_plain();
    cadre_system *sys = open_root(&reader);
    run_one(&quiet_one);
    give_order(sys);
    run_to_end(sys);
}

static void fault_is_reported_when_another_system_was_freed(void **state)
{
    ask_for_reports(1, 0);
    assert_ends_by(SIGSEGV, read_after_another_has_ended);
    assert_says(" (reader)");
}

static void read_in_a_fork(void)
{
    int status;
    be_plain();
    (void)open_root(&quiet_one);
    pid_t child = fork();
    if (child == 0) {
        (void)read_from_nowhere();
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status) ||
        WTERMSIG(status) != SIGSEGV)
        _exit(6);
    _exit(7);
}

static void fault_in_a_fork_is_not_reported(void **state)
{
    ask_for_reports(1, 0);
    assert_exits(7, read_in_a_fork);
    assert_says_nothing();
}

/* ---- handlers of others ---- */

static void say(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n;
}

static void say_and_exit(int sig, siginfo_t *info, void *context)
{
    say(info->si_addr == (void *)nowhere ? "mine at 0x10\n" : "mine elsewhere\n");
    _exit(8);
}

static void set_action(int sig, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(sig, &action, NULL);
}

static void read_with_a_handler(void)
{
    be_plain();
    set_action(SIGSEGV, say_and_exit);
    run_one(&reader);
}

static void fault_is_passed_on_to_the_handler_before(void **state)
{
    ask_for_reports(1, 0);
    assert_exits(8, read_with_a_handler);
    assert_says("(reader)");
    assert_says("\nmine at 0x10\n");
}

static void cure(int sig, siginfo_t *info, void *context)
{
    static int four = 4;
    nowhere = &four; /* too late for the load that failed, which comes again: */
    void *page = mmap((void *)info->si_addr, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (page != info->si_addr)
        _exit(9);
}

static void read_and_be_cured(void)
{
    nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    be_plain();
    set_action(SIGSEGV, cure);
    cadre_system *sys = open_root(&reader);
    give_order(sys);
    cadre_system_stop(sys);
    run_to_end(sys);
    _exit(10);
}

static void fault_that_the_handler_before_cures_is_over(void **state)
{
    ask_for_reports(1, 0);
    assert_exits(10, read_and_be_cured);
    assert_says("cadre fault: SIGSEGV, access is not allowed, at address 0x");
}

static void raise_what_is_ignored(void)
{
    be_plain();
    signal(SIGFPE, SIG_IGN);
    run_one(&raiser);
    _exit(11);
}

static void fault_that_was_sent_and_is_ignored_is_over(void **state)
{
    ask_for_reports(1, 0);
    assert_exits(11, raise_what_is_ignored);
    assert_int_equal(times_said("SIGFPE"), 1);
}

static struct sigaction below;
static void say_and_call_below(int sig, siginfo_t *info, void *context)
{
    say("mine\n");
    below.sa_sigaction(sig, info, context);
}

static void read_with_a_handler_over_ours(void)
{
    be_plain();
    cadre_system *sys = open_root(&reader);
    sigaction(SIGSEGV, NULL, &below);
    set_action(SIGSEGV, say_and_call_below);
    give_order(sys);
    run_to_end(sys);
}

static void fault_is_reported_when_a_later_handler_calls_ours(void **state)
{
    ask_for_reports(1, 0);
    assert_ends_by(SIGSEGV, read_with_a_handler_over_ours);
    assert_int_equal(times_said("mine\n"), 1);
    assert_says(" (reader)");
}

static void fault_handlers_are_given_back_by_the_last_system(void **state)
{
    struct sigaction before, now;
    cadre_system *one, *two;
    ask_for_reports(1, 0);
    sigaction(SIGSEGV, NULL, &before);
    one = open_root(&quiet_one);
    two = open_root(&quiet_one);
    sigaction(SIGSEGV, NULL, &now);
    assert_ptr_not_equal(now.sa_sigaction, before.sa_sigaction);
    give_order(one);
    run_to_end(one);
    sigaction(SIGSEGV, NULL, &now);
    assert_ptr_not_equal(now.sa_sigaction, before.sa_sigaction);
    give_order(two);
    run_to_end(two);
    sigaction(SIGSEGV, NULL, &now);
    assert_ptr_equal(now.sa_sigaction, before.sa_sigaction);
    assert_int_equal(now.sa_flags & SA_SIGINFO, before.sa_flags & SA_SIGINFO);
}

/* ---- trouble with the report ---- */

static pthread_barrier_t meeting;
static int meet_and_read(cadre_self *self, void *state, cadre_msg *m)
{
    pthread_barrier_wait(&meeting);
    return read_from_nowhere() == 1;
}
static const cadre_class meeter = {.name = "meeter", .receive = meet_and_read};

static void read_in_two_at_once(void)
{
    be_plain();
    pthread_barrier_init(&meeting, NULL, 2);
    cadre_system *one = open_root(&meeter), *two = open_root(&meeter);
    give_order(one);
    give_order(two);
    run_to_end(one);
}

static void fault_in_two_threads_at_once_is_reported_once(void **state)
{
    ask_for_reports(1, 0);
    assert_ends_by(SIGSEGV, read_in_two_at_once);
    assert_int_equal(times_said("cadre fault: SIGSEGV"), 1);
    assert_says("(meeter)");
}

static void read_without_stderr(void)
{
    be_plain();
    close(STDERR_FILENO);
    run_one(&reader);
}

static void fault_without_stderr_ends_the_process_all_the_same(void **state)
{
    ask_for_reports(1, 0);
    assert_ends_by(SIGSEGV, read_without_stderr);
    assert_says_nothing();
}

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
/* The unwinder has nothing to go by. ThreadSanitizer calls handlers with all signals
 * blocked, so that a fault in one is the end at once. */
RAW static int lose_stack(cadre_self *self, void *state, cadre_msg *m)
{
    __asm__ volatile("movq $64, %%rsp\n\tmovq $64, %%rbp\n\tmovq (%%rsp), %%rax"
                     :
                     :
                     : "rax", "memory");
    return 0;
}
static const cadre_class loser = {.name = "loser", .receive = lose_stack};

static void fault_in_the_report_itself_ends_it(void **state)
{
    ask_for_reports(1, 0);
    assert_root_ends_by(SIGSEGV, &loser);
    assert_says("(loser)");
    assert_says("cadre fault: the report ends here: it has failed itself");
}
#else
static void fault_in_the_report_itself_ends_it(void **state) { skip(); }
#endif

/* ---- the environment ---- */

static void read_as_the_environment_says(void)
{
    setenv("CADRE_REPORT_FAULTS", config.batch == 1 ? "1" : "0", 1);
    run_plain();
}

static void fault_reports_are_asked_for_by_the_environment(void **state)
{
    root = &reader;
    config = (cadre_config){.workers = 1, .batch = 1};
    assert_ends_by(SIGSEGV, read_as_the_environment_says);
    assert_says("(reader)");
    config = (cadre_config){.workers = 1, .batch = 2};
    assert_ends_by(SIGSEGV, read_as_the_environment_says);
    assert_says_nothing();
}

static void fault_reports_asked_for_badly_are_einval(void **state)
{
    static const char *const bad[] = {"2", "yes", "01", " 1", "-1"};
    cadre_system *sys;
    config = quiet(1, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        setenv("CADRE_REPORT_FAULTS", bad[i], 1);
        assert_int_equal(cadre_system_new(&sys, &config, &quiet_one, NULL), -EINVAL);
    }
    assert_int_equal(lines_with("CADRE_REPORT_FAULTS=yes: not 0 or 1"), 1);
    unsetenv("CADRE_REPORT_FAULTS");
}

int main(void)
{
    TESTS(cmocka_unit_test(fault_is_reported_with_actor_message_and_address),
          cmocka_unit_test(fault_is_reported_with_its_stack),
          cmocka_unit_test(fault_is_reported_with_what_all_workers_do),
          cmocka_unit_test(fault_is_reported_on_a_thread_of_the_program),
          cmocka_unit_test(fault_of_each_kind_is_reported),
          cmocka_unit_test(fault_of_a_call_to_nowhere_names_the_caller),
          cmocka_unit_test(fault_of_an_offloaded_call_is_reported),
          cmocka_unit_test(fault_by_a_stack_overflow_is_named),
          cmocka_unit_test(fault_by_a_stack_overflow_of_a_handler_that_waits_is_named),
          cmocka_unit_test(fault_elsewhere_is_no_stack_overflow),
          cmocka_unit_test(fault_is_not_reported_unless_asked_for),
          cmocka_unit_test(fault_on_another_thread_is_not_reported),
          cmocka_unit_test(fault_in_a_system_that_has_not_asked_is_not_reported),
          cmocka_unit_test(fault_is_reported_when_another_system_was_freed),
          cmocka_unit_test(fault_in_a_fork_is_not_reported),
          cmocka_unit_test(fault_is_passed_on_to_the_handler_before),
          cmocka_unit_test(fault_that_the_handler_before_cures_is_over),
          cmocka_unit_test(fault_that_was_sent_and_is_ignored_is_over),
          cmocka_unit_test(fault_is_reported_when_a_later_handler_calls_ours),
          cmocka_unit_test(fault_handlers_are_given_back_by_the_last_system),
          cmocka_unit_test(fault_in_two_threads_at_once_is_reported_once),
          cmocka_unit_test(fault_without_stderr_ends_the_process_all_the_same),
          cmocka_unit_test(fault_in_the_report_itself_ends_it),
          cmocka_unit_test(fault_reports_are_asked_for_by_the_environment),
          cmocka_unit_test(fault_reports_asked_for_badly_are_einval));
    return RUN_TESTS();
}
