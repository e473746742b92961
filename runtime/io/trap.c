/* trap.c: the process's signals, for those who want to hear of them. */
#include "io/trap.h"

#include "io/hearers.h"
#include "io/rawness.h"

#include <cadre/base.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { NUMBERS = 32 };

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* of whoever sets and clears */
static pthread_once_t once = PTHREAD_ONCE_INIT;
/* Under the lock. */
static uint32_t users[NUMBERS];
static struct sigaction before[NUMBERS]; /* what is put back */

/* The handler's: */
static struct hearers hearers;
static struct former formers[NUMBERS];
static ATOMIC(pid_t) process; /* whose handler it is: not that of a fork */

bool trap_fits(int number)
{
    switch (number) {
    case SIGKILL:
    case SIGSTOP:
    case SIGTERM:
    case SIGINT:
    case SIGABRT:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGSEGV:
    case SIGSYS:
    case SIGTRAP:
        return false;
    default:
        return number > 0 && number < NUMBERS;
    }
}

/* ---- the handler ------------------------------------------------------------------ */

static void add_one(uint32_t eventfd)
{
    static const uint64_t one = 1;
    ssize_t written = write((int)eventfd, &one, sizeof one);
    (void)written; /* what it was given fits */
}

/* It comes again when the handler has returned. */
static void do_as_by_default(int number)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    (void)sigaction(number, &usual, NULL);
    (void)raise(number);
}

/* In the child of a fork, before that is put back there: nobody hears. */
static void on_signal(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    former_plain *plain;
    bool is_ours = getpid() == load_relaxed(&process); /* set before it was installed */
    if (is_ours)
        hearers_tell(&hearers, (uint32_t)number, add_one);
    former_full *full = former_get(&formers[number], &plain);
    if (!full && plain == SIG_DFL && !is_ours)
        do_as_by_default(number);
    errno = saved;
    if (full)
        full(number, info, context);
    else if (plain != SIG_DFL && plain != SIG_IGN)
        plain(number);
}

/* On other threads; not for long. */
static void wait_for_handlers(void)
{
    while (!hearers_are_told(&hearers))
        (void)poll(NULL, 0, 1);
}

/* ---- taken, and put back ---------------------------------------------------------- */

/* These two may stand there with either flag. */
static bool is_full(const struct sigaction *action)
{
    return action->sa_flags & SA_SIGINFO && action->sa_handler != SIG_IGN &&
           action->sa_handler != SIG_DFL;
}

static bool is_mine(const struct sigaction *action)
{
    return is_full(action) && action->sa_sigaction == on_signal;
}

/* As it was where something was; an ignored SIGCHLD still makes no zombies. */
static struct sigaction in_place_of(const struct sigaction *former, int number)
{
    struct sigaction mine = {.sa_sigaction = on_signal};
    mine.sa_mask = former->sa_mask;
    mine.sa_flags = former->sa_flags & ~(int)SA_RESETHAND;
    mine.sa_flags |= SA_SIGINFO | SA_ONSTACK;
    if (is_full(former))
        return mine;
    if (former->sa_handler == SIG_DFL || former->sa_handler == SIG_IGN)
        mine.sa_flags |= SA_RESTART;
    if (former->sa_handler == SIG_IGN && number == SIGCHLD)
        mine.sa_flags |= SA_NOCLDWAIT;
    return mine;
}

/* Whoever has put something in its place has, perhaps, put it back since. */
static void take(int number)
{
    struct sigaction now;
    store_relaxed(&process, getpid());
    if (sigaction(number, NULL, &now) || is_mine(&now))
        return;
    before[number] = now;
    former_plain *plain = rawness_handles(&now) ? SIG_DFL : now.sa_handler;
    former_set(&formers[number], is_full(&now) ? SIG_DFL : plain,
               is_full(&now) ? now.sa_sigaction : NULL);
    struct sigaction mine = in_place_of(&now, number);
    (void)sigaction(number, &mine, NULL);
}

static void put_back(int number)
{
    struct sigaction now;
    if (sigaction(number, NULL, &now) == 0 && is_mine(&now))
        (void)sigaction(number, &before[number], NULL);
}

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork_in_parent(void) { pthread_mutex_unlock(&lock); }

/* In the child, where those who hear are not; nor is who was inside. */
static void after_fork(void)
{
    for (int number = 0; number < NUMBERS; number++)
        if (users[number] > 0)
            put_back(number);
    memset(users, 0, sizeof users);
    memset(&hearers, 0, sizeof hearers);
    pthread_mutex_unlock(&lock);
}

static void prepare_for_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork);
}

/* It is told from before the handler is there until after it is not. */
int trap_set(int number, int eventfd, uint32_t *entry)
{
    pthread_once(&once, prepare_for_forks);
    pthread_mutex_lock(&lock);
    uint32_t i = hearers_add(&hearers, (uint32_t)number, (uint32_t)eventfd);
    if (i < HEARERS && users[number]++ == 0)
        take(number);
    pthread_mutex_unlock(&lock);
    *entry = i;
    return i < HEARERS ? 0 : CADRE_EFULL;
}

void trap_clear(uint32_t entry)
{
    pthread_mutex_lock(&lock);
    uint32_t number = hearers_number(&hearers, entry);
    if (--users[number] == 0)
        put_back((int)number);
    hearers_remove(&hearers, entry);
    wait_for_handlers();
    pthread_mutex_unlock(&lock);
}
