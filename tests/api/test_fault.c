/* test_fault.c: a fault is reported, and the process ends as it would have. */
#include "support/support.h"

#include <cadre/await.h>
#include <cadre/offload.h>
#include <cadre/timer.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    uint64_t n;
} order;
CADRE_TYPE(order);

static cadre_config config; /* of the child's system */
static char said[16 << 10];
static int *volatile nowhere = (int *)16;

static bool says(const char *text) { return strstr(said, text) != NULL; }

/* The child is killed by this signal after it has said something. */
static void assert_ends_by(int sig, void (*scenario)(void))
{
    int status = in_child_saying(scenario, said, sizeof said);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
        print_message("status %x\n%s", (unsigned)status, said);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), sig);
}

static void assert_says(const char *text)
{
    if (!says(text))
        print_message("%s\nis not in\n%s", text, said);
    assert_true(says(text));
}

/* ---- faults ---- */

__attribute__((noinline)) static int read_from_nowhere(void)
{
    return *(volatile int *)nowhere;
}

__attribute__((noinline)) static unsigned fall(unsigned n)
{
    volatile char here[512];
    here[n % sizeof here] = (char)n;
    unsigned below = n < UINT32_MAX ? fall(n + 1) : 0;
    return below + (unsigned)here[n % sizeof here];
}

static int fault(cadre_self *self, void *state, cadre_msg *m)
{
    return read_from_nowhere();
}

static int fall_down(cadre_self *self, void *state, cadre_msg *m)
{
    return fall(0) == 1;
}

static int abort_it(cadre_self *self, void *state, cadre_msg *m) { abort(); }

static int raise_fpe(cadre_self *self, void *state, cadre_msg *m)
{
    return raise(SIGFPE);
}

static int call_nowhere(cadre_self *self, void *state, cadre_msg *m)
{
    int (*volatile function)(void) = NULL;
    function = (int (*)(void))(uintptr_t)nowhere;
    return function() + 1;
}

/* Suspends, and then goes too deep: on a stack of the runtime's, or with another handler
 * on one. */
static int wait_and_fall(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_msg second;
    int err = cadre_receive_type(self, &order_type, 60 * CADRE_SECOND, &second);
    return err ? err : fall(0) == 1;
}

static void plain(int sig) { signal(sig, SIG_DFL); } /* a sanitizer may have it */

/* ---- systems ---- */

/* A root of this class gets n orders. */
static void run_orders(const cadre_class *class, unsigned n)
{
    cadre_system *sys;
    for (int sig = 1; sig < 32; sig++)
        if (sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL)
            plain(sig);
    if (cadre_system_new(&sys, &config, class, NULL) != 0)
        _exit(3);
    for (unsigned i = 0; i < n; i++)
        if (cadre_tell(sys, cadre_system_root(sys), order, i) != 0)
            _exit(4);
    (void)cadre_system_wait(sys);
    _exit(5);
}

static const cadre_class reader = {.name = "reader", .receive = fault};
static void scene_read(void) { run_orders(&reader, 1); }

static void fault_in_a_handler_is_reported(void **state)
{
    config = (cadre_config){.workers = 2, .report_faults = true};
    assert_ends_by(SIGSEGV, scene_read);
    print_message("%s", said);
    assert_says(
        "cadre fault: SIGSEGV, nothing is mapped there, at address 0x10, in actor ");
    assert_says(" (reader)");
    assert_says("#0 read_from_nowhere+0x");
    assert_says("worker ");
}

static const cadre_class faller = {.name = "faller", .receive = fall_down};
static void scene_fall(void) { run_orders(&faller, 1); }
static const cadre_class waiter = {.name = "waiter", .receive = wait_and_fall};
static void scene_wait(void) { run_orders(&waiter, 2); }
static const cadre_class aborter = {.name = "aborter", .receive = abort_it};
static void scene_abort(void) { run_orders(&aborter, 1); }
static const cadre_class fpe = {.name = "fpe", .receive = raise_fpe};
static void scene_fpe(void) { run_orders(&fpe, 1); }
static const cadre_class caller = {.name = "caller", .receive = call_nowhere};
static void scene_call(void) { run_orders(&caller, 1); }

static void others(void **state)
{
    config = (cadre_config){.workers = 2, .report_faults = true};
    assert_ends_by(SIGSEGV, scene_fall);
    print_message("%s", said);
    assert_ends_by(SIGSEGV, scene_wait);
    print_message("%s", said);
    assert_ends_by(SIGABRT, scene_abort);
    print_message("%s", said);
    assert_ends_by(SIGFPE, scene_fpe);
    print_message("%s", said);
    assert_ends_by(SIGSEGV, scene_call);
    print_message("%s", said);
}

int main(void)
{
    TESTS(cmocka_unit_test(fault_in_a_handler_is_reported), cmocka_unit_test(others));
    return RUN_TESTS();
}
