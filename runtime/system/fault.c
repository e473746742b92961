/* fault.c: handlers for faults: the process's, while a system wants them. */
#include "system/fault.h"

#include "base/atomic.h"
#include "base/backtrace.h"
#include "system/crash.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FAULTS = 5, PASSES_MAX = 16, OTHERS_WAIT_MS = 3000 };
static const int signals[FAULTS] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

/* Under the registry's lock, and constant while a handler is installed. */
static unsigned holders;
static struct sigaction before[FAULTS];

/* The handlers': */
static ATOMIC(uint32_t) passes[FAULTS]; /* how often that one was passed on */
static ATOMIC(int32_t) reporter;        /* the thread that reports; REPORTED after it */
enum { REPORTED = -1 };
/* The reporter's, in case its report fails. */
static int first_sig;
static siginfo_t first_info;

static int32_t this_thread(void) { return (int32_t)syscall(SYS_gettid); }

static int index_of(int sig)
{
    int i = 0;
    while (i < FAULTS - 1 && signals[i] != sig)
        i++;
    return i;
}

static void set_default(int sig)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    (void)sigaction(sig, &action, NULL);
}

/* Whoever had the signal before has it again. If that one calls us, or the next handler
 * over it, again and again, it is the end. */
static void put_back(int sig)
{
    int i = index_of(sig);
    uint32_t times = fetch_add_acq_rel(&passes[i], 1);
    if (times == 0)
        (void)sigaction(sig, &before[i], NULL);
    else if (times >= PASSES_MAX)
        set_default(sig);
}

static void send_again(int sig, const siginfo_t *info)
{
    siginfo_t copy = *info;
    (void)syscall(SYS_rt_tgsigqueueinfo, getpid(), this_thread(), sig, &copy);
}

/* Faults of the processor come again by themselves. */
static void pass_on(int sig, const siginfo_t *info)
{
    put_back(sig);
    if (info->si_code <= 0)
        send_again(sig, info);
}

/* The report has failed: there is no way back to the instruction that failed first. */
static void pass_first_on(void)
{
    crash_say("the report ends here: it has failed itself");
    put_back(first_sig);
    send_again(first_sig, &first_info);
    set_default(first_sig); /* its handler has returned to us */
    send_again(first_sig, &first_info);
}

static void wait_for_report(void)
{
    for (int i = 0; i < OTHERS_WAIT_MS && load_acquire(&reporter) != REPORTED; i++)
        (void)poll(NULL, 0, 1);
}

static void report(const struct crash *crash, int sig, const siginfo_t *info,
                   void *context)
{
    int32_t none = 0, me = this_thread();
    if (cas_acq_rel(&reporter, &none, me)) {
        first_sig = sig;
        first_info = *info;
        crash_report(crash, sig, info, context);
        store_release(&reporter, REPORTED);
    } else if (none == me) {
        pass_first_on();
    } else {
        wait_for_report();
    }
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
    int saved = errno;
    struct crash crash;
    if (crash_concerns(&crash))
        report(&crash, sig, info, context);
    pass_on(sig, info);
    errno = saved;
}

static bool is_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == on_fault;
}

void fault_hold(void)
{
    /* A fault in the handler is the handler's to see: not deferred. */
    struct sigaction mine = {.sa_sigaction = on_fault,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    struct sigaction now;
    sigemptyset(&mine.sa_mask);
    if (holders++ > 0)
        return;
    backtrace_prepare();
    store_relaxed(&reporter, 0);
    for (int i = 0; i < FAULTS; i++) {
        store_relaxed(&passes[i], 0);
        if (sigaction(signals[i], NULL, &now) != 0 || is_ours(&now))
            continue;    /* somebody over us has gone: what was before us is known */
        before[i] = now; /* first: from the next line on a handler may need it */
        (void)sigaction(signals[i], &mine, NULL);
    }
}

void fault_release(void)
{
    struct sigaction now;
    if (--holders > 0)
        return;
    for (int i = 0; i < FAULTS; i++)
        if (sigaction(signals[i], NULL, &now) == 0 && is_ours(&now))
            (void)sigaction(signals[i], &before[i], NULL);
}
