/* signals.c: SIGTERM and SIGINT, for the systems that want to end by them. */
#include "system/signals.h"

#include "system/registry.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { SIGNALS = 2, PASSED_ON = 3 };
static const int signals[SIGNALS] = {SIGTERM, SIGINT};

/* Under the registry's lock, and constant while a handler is installed. */
static unsigned holders;
static struct sigaction before[SIGNALS];
static pid_t process; /* whose handler it is: not that of a fork */
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The handler's: */
static ATOMIC(uint32_t) came;
static ATOMIC(int32_t) latest;
static ATOMIC(uint32_t) inside; /* how many handlers run */
static ATOMIC(
    cadre_system *) attached[REGISTRY_MAX + 1]; /* by tag; whoever serves it */

static void notify(cadre_system *sys)
{
    sched_notify(&sys->world.sched);
    sched_ring(&sys->world.sched);
}

/* It comes again when the handler has returned. */
static void pass_on(int sig)
{
    (void)sigaction(sig, &before[sig == signals[0] ? 0 : 1], NULL);
    (void)raise(sig);
}

static void on_signal(int sig)
{
    int saved = errno;
    cadre_system *sys;
    fetch_add_seq(&inside, 1); /* pairs with signals_detach */
    store_relaxed(&latest, sig);
    if (getpid() != process || fetch_add_seq(&came, 1) + 1 >= PASSED_ON)
        pass_on(sig);
    else
        for (int tag = 1; tag <= REGISTRY_MAX; tag++)
            if ((sys = load_seq(&attached[tag])))
                notify(sys);
    fetch_sub_seq(&inside, 1);
    errno = saved;
}

static bool is_ours(int sig)
{
    struct sigaction now;
    return sigaction(sig, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
           now.sa_handler == on_signal;
}

static bool is_ignored(const struct sigaction *action)
{
    return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_IGN;
}

/* On other threads; not for long. */
static void wait_for_handlers(void)
{
    while (load_seq(&inside) > 0)
        (void)poll(NULL, 0, 1);
}

/* One that came before the last release may read `before` yet. */
static void take(void)
{
    wait_for_handlers();
    struct sigaction mine = {.sa_handler = on_signal,
                             .sa_flags = SA_ONSTACK | SA_RESTART};
    sigemptyset(&mine.sa_mask);
    process = getpid();
    store_relaxed(&came, 0);
    for (int i = 0; i < SIGNALS; i++) {
        sigaddset(&mine.sa_mask, signals[0]);
        sigaddset(&mine.sa_mask, signals[1]);
        /* First: from the next line on the handler may need it. */
        if (!is_ours(signals[i]) && sigaction(signals[i], NULL, &before[i]) == 0 &&
            !is_ignored(&before[i]))
            (void)sigaction(signals[i], &mine, NULL);
    }
}

/* In the child nobody serves, and no handler runs: a system of its own may be served. The
 * registry's lock was held by whoever forked. */
static void after_fork(void)
{
    for (int i = 0; holders > 0 && i < SIGNALS; i++)
        if (is_ours(signals[i]))
            (void)sigaction(signals[i], &before[i], NULL);
    holders = 0;
    store_relaxed(&inside, 0);
    for (int tag = 1; tag <= REGISTRY_MAX; tag++)
        store_relaxed(&attached[tag], NULL);
}

static void prepare_for_forks(void) { pthread_atfork(NULL, NULL, after_fork); }

uint32_t signals_hold(void)
{
    pthread_once(&once, prepare_for_forks);
    registry_lock();
    if (holders++ == 0)
        take();
    uint32_t count = signals_count();
    registry_unlock();
    return count;
}

void signals_release(bool again)
{
    registry_lock();
    bool is_last = --holders == 0;
    for (int i = 0; is_last && i < SIGNALS; i++)
        if (is_ours(signals[i]))
            (void)sigaction(signals[i], &before[i], NULL);
    registry_unlock();
    if (is_last && again)
        (void)raise(load_relaxed(&latest));
}

void signals_attach(cadre_system *sys) { store_seq(&attached[sys->world.tag], sys); }

void signals_detach(const cadre_system *sys)
{
    store_seq(&attached[sys->world.tag], NULL);
    wait_for_handlers();
}

uint32_t signals_count(void) { return load_seq(&came); }
