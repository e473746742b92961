/* probe.c: where another thread stands: it is asked by a signal. */
#include "base/probe.h"

#include "base/backtrace.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { IDLE, ASKED, ANSWERS, ALONE, DONE };

static CC_THREAD_LOCAL struct probe *probe_here;
static unsigned holders; /* of the signal; under the registry's lock */

static void answer(int sig, siginfo_t *info, void *context)
{
    int saved = errno;
    struct probe *p = probe_here;
    uint32_t state = ASKED;
    if (p && cas_acq_rel(&p->state, &state, ANSWERS)) {
        p->count = backtrace_take_interrupted(p->frames, PROBE_FRAMES, context);
        state = ANSWERS;
        if (!cas_acq_rel(&p->state, &state, DONE))
            store_release(&p->state, IDLE); /* ALONE */
    }
    errno = saved;
}

/* ---- the signal ---- */

static bool is_ours(void)
{
    struct sigaction now;
    return sigaction(PROBE_SIGNAL, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
           now.sa_sigaction == answer;
}

static bool is_free(void)
{
    sigset_t blocked;
    struct sigaction now;
    return sigaction(PROBE_SIGNAL, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
           now.sa_handler == SIG_DFL &&
           pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0 &&
           !sigismember(&blocked, PROBE_SIGNAL);
}

bool probe_hold(void)
{
    struct sigaction mine = {.sa_sigaction = answer,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigemptyset(&mine.sa_mask);
    backtrace_prepare();
    if (holders == 0 && (!is_free() || sigaction(PROBE_SIGNAL, &mine, NULL) != 0))
        return false;
    holders++;
    return true;
}

void probe_release(void)
{
    struct sigaction none = {.sa_handler = SIG_DFL};
    if (--holders == 0 && is_ours())
        (void)sigaction(PROBE_SIGNAL, &none, NULL);
}

/* ---- a thread ---- */

void probe_open(struct probe *p)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, PROBE_SIGNAL);
    probe_here = p;
    store_release(&p->thread, (int32_t)syscall(SYS_gettid));
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void probe_close(void)
{
    store_release(&probe_here->thread, 0);
    probe_here = NULL;
}

/* ---- whoever asks ---- */

static void wait_for(const struct probe *p)
{
    struct clock clock = {0};
    int64_t end = clock_now(&clock) + PROBE_WAIT_MS * INT64_C(1000000);
    while (load_acquire(&p->state) != DONE && clock_now(&clock) < end)
        (void)poll(NULL, 0, 1);
}

/* True: there is an answer after all. */
static bool give_up(struct probe *p)
{
    uint32_t state = ASKED;
    if (cas_acq_rel(&p->state, &state, IDLE))
        return false;
    return state == DONE || !cas_acq_rel(&p->state, &state, ALONE);
}

unsigned probe_ask(struct probe *p, void *frames[PROBE_FRAMES], const char **why)
{
    uint32_t state = IDLE;
    int32_t thread = load_acquire(&p->thread);
    *why = "the thread has ended";
    if (thread == 0)
        return 0;
    *why = "the signal for it has been taken by the program";
    if (!is_ours())
        return 0;
    *why = "the thread has not answered";
    if (!cas_acq_rel(&p->state, &state, ASKED))
        return 0; /* somebody else, earlier */
    if (syscall(SYS_tgkill, getpid(), thread, PROBE_SIGNAL) == 0)
        wait_for(p);
    if (load_acquire(&p->state) != DONE && !give_up(p))
        return 0;
    unsigned count = p->count;
    memcpy(frames, p->frames, count * sizeof *frames);
    store_release(&p->state, IDLE);
    *why = "it could not be followed";
    return count;
}
