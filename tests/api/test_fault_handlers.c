/* test_fault_handlers.c: faults, other handlers for them, and reports in trouble. */
#include "support/effort.h"
#include "support/faulting.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

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

#if defined(__x86_64__) && !defined(EFFORT_THREAD_SANITIZER)
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

int main(void)
{
    TESTS(cmocka_unit_test(fault_is_passed_on_to_the_handler_before),
          cmocka_unit_test(fault_that_the_handler_before_cures_is_over),
          cmocka_unit_test(fault_that_was_sent_and_is_ignored_is_over),
          cmocka_unit_test(fault_is_reported_when_a_later_handler_calls_ours),
          cmocka_unit_test(fault_handlers_are_given_back_by_the_last_system),
          cmocka_unit_test(fault_in_two_threads_at_once_is_reported_once),
          cmocka_unit_test(fault_without_stderr_ends_the_process_all_the_same),
          cmocka_unit_test(fault_in_the_report_itself_ends_it));
    return RUN_TESTS();
}
