/* thread.c: start, join and name a thread. */
#include "base/thread.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void block_all_but_faults(sigset_t *saved)
{
    static const int faults[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                 SIGTRAP, SIGABRT, SIGSYS};
    sigset_t set;
    sigfillset(&set);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        sigdelset(&set, faults[i]);
    pthread_sigmask(SIG_SETMASK, &set, saved);
}

int thread_start(struct thread *thread, const char *name, void *(*run)(void *),
                 void *arg)
{
    sigset_t saved; /* the new thread inherits the mask: no moment without it */
    block_all_but_faults(&saved);
    int err = pthread_create(&thread->id, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    if (err)
        return -EAGAIN;
    char short_name[16] = "";
    strncpy(short_name, name, sizeof short_name - 1);
    pthread_setname_np(thread->id, short_name);
    return 0;
}

void thread_join(struct thread *thread) { pthread_join(thread->id, NULL); }

struct thread_stack thread_own_stack(void)
{
    void *low;
    struct thread_stack stack = {0};
    pthread_attr_t attr;
    if (pthread_getattr_np(pthread_self(), &attr) != 0)
        return stack;
    if (pthread_attr_getstack(&attr, &low, &stack.size) == 0 &&
        pthread_attr_getguardsize(&attr, &stack.guard) == 0)
        stack.low = (uintptr_t)low;
    pthread_attr_destroy(&attr);
    return stack;
}

uint32_t thread_cpu(void)
{
    int cpu = sched_getcpu();
    return cpu < 0 ? 0 : (uint32_t)cpu;
}

void thread_yield(void) { sched_yield(); }

uint64_t thread_preemptions(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? (uint64_t)usage.ru_nivcsw : 0;
}

static long membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0); }

bool thread_has_barrier(void)
{
    return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

void thread_barrier_everywhere(void)
{
    membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); /* cannot fail, once registered */
}

/* The floating-point control word. fegetround() would need libm. */
static unsigned long control_word(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_stmxcsr() & 0x6000u; /* rounding */
#elif defined(__aarch64__)
    unsigned long word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    return word;
#else
    return 0;
#endif
}

static void set_control_word(unsigned long word)
{
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr((__builtin_ia32_stmxcsr() & ~0x6000u) | (unsigned)word);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(word));
#else
    (void)word;
#endif
}

void thread_state_save(struct thread_state *state)
{
    pthread_sigmask(SIG_SETMASK, NULL, &state->mask);
    state->rounding = control_word();
}

static bool same_mask(const sigset_t *a, const sigset_t *b)
{
    for (int sig = 1; sig < NSIG; sig++)
        if (sigismember(a, sig) != sigismember(b, sig))
            return false;
    return true;
}

const char *thread_state_restore(const struct thread_state *state)
{
    const char *changed = NULL;
    struct thread_state now;
    thread_state_save(&now);
    if (now.rounding != state->rounding) {
        set_control_word(state->rounding);
        changed = "the floating-point rounding mode";
    }
    if (!same_mask(&now.mask, &state->mask)) {
        pthread_sigmask(SIG_SETMASK, &state->mask, NULL);
        changed = "the signal mask";
    }
    return changed;
}
