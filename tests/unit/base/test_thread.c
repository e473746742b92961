/* test_thread.c: what a started thread inherits, and the settings a handler must leave
 * as it found them. */
#include "base/thread.h"

#include "support/support.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- a pthread_create that fails on demand, in front of the real one ---- */

static bool creation_fails;

int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                   void *(*run_it)(void *), void *arg)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return creation_fails ? ENOMEM : real(thread, attr, run_it, arg);
}

/* ---- starting ---- */

static void *add_one(void *arg)
{
    ++*(int *)arg;
    return NULL;
}

static void thread_started_runs_once_with_its_argument(void **state)
{
    struct thread thread;
    int count = 41;
    assert_int_equal(thread_start(&thread, "one", add_one, &count), 0);
    thread_join(&thread);
    assert_int_equal(count, 42);
}

static sigset_t mask_now(void)
{
    sigset_t mask;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    return mask;
}

static void assert_same_mask(const sigset_t *a, const sigset_t *b)
{
    for (int sig = 1; sig <= SIGRTMAX; sig++)
        if (sigismember(a, sig) != sigismember(b, sig))
            fail_msg("signal %d", sig);
}

static void *copy_mask(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, arg);
    return NULL;
}

static sigset_t mask_of_started_thread(void)
{
    sigset_t mask;
    struct thread thread;
    assert_int_equal(thread_start(&thread, "mask", copy_mask, &mask), 0);
    thread_join(&thread);
    return mask;
}

static void thread_started_has_all_signals_blocked_but_faults(void **state)
{
    static const int faults[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                 SIGTRAP, SIGABRT, SIGSYS};
    sigset_t mask = mask_of_started_thread();
    int last = getenv("CADRE_EMULATED") ? 31 : SIGRTMAX; /* some are the emulator's */
    for (int sig = 1; sig <= last; sig++) {
        bool expected = sig != SIGKILL && sig != SIGSTOP; /* cannot be */
        for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
            expected = expected && sig != faults[i];
        if (sig >= __SIGRTMIN && sig < SIGRTMIN)
            continue; /* the C library's own */
        if (sigismember(&mask, sig) != expected)
            fail_msg("signal %d", sig);
    }
}

static void thread_started_does_not_inherit_a_blocked_fault(void **state)
{
    sigset_t before = mask_now(), fault;
    sigemptyset(&fault);
    sigaddset(&fault, SIGSEGV);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &fault, NULL), 0);
    sigset_t mask = mask_of_started_thread();
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    assert_false(sigismember(&mask, SIGSEGV));
}

static void thread_start_leaves_the_callers_mask(void **state)
{
    sigset_t before = mask_now();
    (void)mask_of_started_thread();
    sigset_t after = mask_now();
    assert_same_mask(&before, &after);
}

static void thread_start_that_fails_is_eagain_and_leaves_the_callers_mask(void **state)
{
    struct thread thread;
    int count = 0;
    sigset_t before = mask_now();
    creation_fails = true;
    int err = thread_start(&thread, "none", add_one, &count);
    creation_fails = false;
    sigset_t after = mask_now();
    assert_int_equal(err, -EAGAIN);
    assert_int_equal(count, 0);
    assert_same_mask(&before, &after);
}

static void *wait_for(void *arg)
{
    while (sem_wait(arg) != 0) {
    }
    return NULL;
}

static void assert_name(const char *given, const char *expected)
{
    sem_t end;
    struct thread thread;
    char name[64] = "";
    assert_int_equal(sem_init(&end, 0, 0), 0);
    assert_int_equal(thread_start(&thread, given, wait_for, &end), 0);
    assert_int_equal(pthread_getname_np(thread.id, name, sizeof name), 0);
    sem_post(&end);
    thread_join(&thread);
    sem_destroy(&end);
    assert_string_equal(name, expected);
}

static void thread_start_gives_the_name(void **state)
{
    assert_name("cadre-7", "cadre-7");
}

static void thread_start_cuts_a_name_after_15_bytes(void **state)
{
    assert_name("123456789012345", "123456789012345");
    assert_name("1234567890123456789", "123456789012345");
}

/* ---- the barrier ---- */

static void thread_has_barrier_when_the_kernel_offers_it(void **state)
{
    long offered = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    bool expected = offered > 0 && offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED;
    assert_int_equal(thread_has_barrier(), expected);
    assert_int_equal(thread_has_barrier(), expected); /* asking again does no harm */
}

/* One thread writes its own word and looks at the other's, without a fence; so do we,
 * with a barrier for both. At least one of us sees the other. */
static atomic_uint mine, others, goes, seen_by_other;

static void *write_and_look(void *arg)
{
    for (unsigned round = 1; round <= *(unsigned *)arg; round++) {
        while (atomic_load(&goes) < round)
            thread_yield();
        atomic_store_explicit(&others, round, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
        unsigned seen = atomic_load_explicit(&mine, memory_order_relaxed);
        atomic_store(&seen_by_other, 2 * round + (seen == round));
    }
    return NULL;
}

static bool has_answered(void *arg)
{
    return atomic_load(&seen_by_other) / 2 == *(unsigned *)arg;
}

static void thread_barrier_reaches_every_thread(void **state)
{
    struct thread thread;
    unsigned rounds = 2000;
    if (!thread_has_barrier())
        skip();
    assert_int_equal(thread_start(&thread, "other", write_and_look, &rounds), 0);
    for (unsigned round = 1; round <= rounds; round++) {
        atomic_store(&goes, round);
        atomic_store_explicit(&mine, round, memory_order_relaxed);
        thread_barrier_everywhere();
        bool sees = atomic_load_explicit(&others, memory_order_relaxed) == round;
        await_true(has_answered, &round);
        assert_true(sees || atomic_load(&seen_by_other) % 2);
    }
    thread_join(&thread);
}

/* ---- what a handler must leave as it was ---- */

static void block(int sig)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
}

/* fesetround(FE_UPWARD) would need libm. False where there is no way here. */
static bool round_upward(void)
{
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr((__builtin_ia32_stmxcsr() & ~0x6000u) | 0x4000u);
    return true;
#elif defined(__aarch64__)
    unsigned long word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    __asm__ volatile("msr fpcr, %0" : : "r"((word & ~0xc00000ul) | 0x400000ul));
    return true;
#else
    return false;
#endif
}

/* 1 + a very small number is more than 1. */
static bool rounds_upward(void)
{
    volatile double one = 1, little = 1e-300;
    return one + little > 1;
}

static void thread_state_unchanged_is_null(void **state)
{
    struct thread_state before;
    thread_state_save(&before);
    assert_null(thread_state_restore(&before));
}

static void thread_state_with_changed_mask_is_named_and_put_back(void **state)
{
    struct thread_state before;
    thread_state_save(&before);
    block(SIGUSR2);
    assert_string_equal(thread_state_restore(&before), "the signal mask");
    sigset_t after = mask_now();
    assert_same_mask(&before.mask, &after);
    assert_null(thread_state_restore(&before));
}

static void thread_state_with_unblocked_signal_is_put_back_too(void **state)
{
    struct thread_state before;
    sigset_t outside = mask_now(), none;
    block(SIGUSR1);
    thread_state_save(&before);
    sigemptyset(&none);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &none, NULL), 0);
    assert_string_equal(thread_state_restore(&before), "the signal mask");
    sigset_t after = mask_now();
    assert_same_mask(&before.mask, &after);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &outside, NULL), 0);
}

static void thread_state_with_changed_rounding_is_named_and_put_back(void **state)
{
    struct thread_state before;
    thread_state_save(&before);
    if (!round_upward())
        skip();
    assert_true(rounds_upward());
    assert_string_equal(thread_state_restore(&before),
                        "the floating-point rounding mode");
    assert_false(rounds_upward());
    assert_null(thread_state_restore(&before));
}

static void thread_state_with_both_changed_is_put_back_whole(void **state)
{
    struct thread_state before;
    thread_state_save(&before);
    if (!round_upward())
        skip();
    block(SIGUSR2);
    assert_string_equal(thread_state_restore(&before), "the signal mask");
    assert_false(rounds_upward());
    assert_null(thread_state_restore(&before));
}

int main(void)
{
    TESTS(
        cmocka_unit_test(thread_started_runs_once_with_its_argument),
        cmocka_unit_test(thread_started_has_all_signals_blocked_but_faults),
        cmocka_unit_test(thread_started_does_not_inherit_a_blocked_fault),
        cmocka_unit_test(thread_start_leaves_the_callers_mask),
        cmocka_unit_test(thread_start_that_fails_is_eagain_and_leaves_the_callers_mask),
        cmocka_unit_test(thread_start_gives_the_name),
        cmocka_unit_test(thread_start_cuts_a_name_after_15_bytes),
        cmocka_unit_test(thread_has_barrier_when_the_kernel_offers_it),
        cmocka_unit_test(thread_barrier_reaches_every_thread),
        cmocka_unit_test(thread_state_unchanged_is_null),
        cmocka_unit_test(thread_state_with_changed_mask_is_named_and_put_back),
        cmocka_unit_test(thread_state_with_unblocked_signal_is_put_back_too),
        cmocka_unit_test(thread_state_with_changed_rounding_is_named_and_put_back),
        cmocka_unit_test(thread_state_with_both_changed_is_put_back_whole));
    return RUN_TESTS();
}
