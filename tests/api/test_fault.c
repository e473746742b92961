/* test_fault.c: a fault is reported, and the process ends as it would have. */
#include "support/faulting.h"

#include <cadre/await.h>
#include <cadre/offload.h>
#include <cadre/pin.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- actors that fail ---- */

RAW static int divide(volatile int a, volatile int b) { return a / b; }

RAW static unsigned fall(unsigned n)
{
    volatile char here[512];
    here[n % sizeof here] = (char)n;
    unsigned below = n < UINT32_MAX ? fall(n + 1) : 0;
    return below + (unsigned)here[n % sizeof here];
}

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

static int spawn_quiet(cadre_self *self, void *state)
{
    return cadre_spawn(self, NULL, &quiet_one, NULL);
}

/* It reads when the one on the other thread has spawned its child. */
static int spawn_and_say(cadre_self *self, void *state)
{
    int err = spawn_quiet(self, state);
    return err ? err : cadre_send(self, cadre_parent(self), order, 2);
}
static int read_when_told(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, order)->n == 2 ? read_from_nowhere() : 0;
}
static int spawn_elsewhere(cadre_self *self, void *state)
{
    static const cadre_class far = {
        .name = "far", .start = spawn_and_say, .receive = ignore};
    return cadre_spawn_pinned(self, NULL, &far, NULL);
}

static void fault_is_reported_with_the_last_events_of_every_worker(void **state)
{
    static const cadre_class host = {
        .name = "host", .start = spawn_elsewhere, .receive = read_when_told};
    ask_for_reports(1, 0);
    config.pinned = 1;
    assert_root_ends_by(SIGSEGV, &host);
    assert_says("cadre fault: worker 0: ");
    assert_says(" was spawned: far by 0.1\n");
    assert_says("cadre fault: worker 1: ");
    assert_says(" was spawned: quiet by ");
}

static int spawn_many(cadre_self *self, void *state)
{
    int err = 0;
    for (int i = 0; !err && i < 1000; i++)
        err = spawn_quiet(self, state);
    return err;
}
static int read_now(cadre_self *self, void *state, cadre_msg *m)
{
    return read_from_nowhere() == 1;
}

static void fault_is_reported_with_so_many_events(void **state)
{
    static const cadre_class host = {
        .name = "host", .start = spawn_many, .receive = read_now};
    ask_for_reports(1, 0);
    assert_root_ends_by(SIGSEGV, &host);
    assert_int_equal(times_said(" was spawned: quiet by 0.1\n"), 16);
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

int main(void)
{
    TESTS(cmocka_unit_test(fault_is_reported_with_actor_message_and_address),
          cmocka_unit_test(fault_is_reported_with_its_stack),
          cmocka_unit_test(fault_is_reported_with_what_all_workers_do),
          cmocka_unit_test(fault_is_reported_on_a_thread_of_the_program),
          cmocka_unit_test(fault_of_each_kind_is_reported),
          cmocka_unit_test(fault_of_a_call_to_nowhere_names_the_caller),
          cmocka_unit_test(fault_of_an_offloaded_call_is_reported),
          cmocka_unit_test(fault_is_reported_with_the_last_events_of_every_worker),
          cmocka_unit_test(fault_is_reported_with_so_many_events),
          cmocka_unit_test(fault_by_a_stack_overflow_is_named),
          cmocka_unit_test(fault_by_a_stack_overflow_of_a_handler_that_waits_is_named),
          cmocka_unit_test(fault_elsewhere_is_no_stack_overflow),
          cmocka_unit_test(fault_is_not_reported_unless_asked_for),
          cmocka_unit_test(fault_on_another_thread_is_not_reported),
          cmocka_unit_test(fault_in_a_system_that_has_not_asked_is_not_reported),
          cmocka_unit_test(fault_is_reported_when_another_system_was_freed),
          cmocka_unit_test(fault_in_a_fork_is_not_reported),
          cmocka_unit_test(fault_reports_are_asked_for_by_the_environment));
    return RUN_TESTS();
}
