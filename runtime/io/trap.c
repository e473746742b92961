/* trap.c: the process's signals, for those who want to hear of them. */
#include "io/trap.h"

#include "base/atomic.h"

#include <cadre/base.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { NUMBERS = 32, ENTRIES = 256 };

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* of whoever sets and clears */
/* Under the lock; the next two are constant while the signal is trapped. */
static uint32_t users[NUMBERS];
static struct sigaction before[NUMBERS];
static pid_t process; /* whose handler it is: not that of a fork */

/* The handler's: */
static ATOMIC(uint64_t) entries[ENTRIES]; /* the number, and above it the descriptor */
static ATOMIC(uint32_t) inside;           /* how many handlers run */

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

static void tell(int number)
{
    static const uint64_t one = 1;
    for (int i = 0; i < ENTRIES; i++) {
        uint64_t entry = load_seq(&entries[i]);
        if ((int)(entry & (NUMBERS - 1)) != number)
            continue;
        ssize_t written = write((int)(entry >> 32), &one, sizeof one);
        (void)written; /* what it was given fits */
    }
}

static void call(const struct sigaction *former, int number, siginfo_t *info,
                 void *context)
{
    if (former->sa_flags & SA_SIGINFO)
        former->sa_sigaction(number, info, context);
    else if (former->sa_handler != SIG_DFL && former->sa_handler != SIG_IGN)
        former->sa_handler(number);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    fetch_add_seq(&inside, 1); /* pairs with wait_for_handlers */
    struct sigaction former = before[number];
    bool is_ours = getpid() == process;
    if (is_ours)
        tell(number);
    fetch_sub_seq(&inside, 1);
    errno = saved;
    if (is_ours) {
        call(&former, number, info, context);
    } else { /* in the child of a fork: it comes again when this has returned */
        (void)sigaction(number, &former, NULL);
        (void)raise(number);
    }
}

/* On other threads; not for long. */
static void wait_for_handlers(void)
{
    while (load_seq(&inside) > 0)
        (void)poll(NULL, 0, 1);
}

/* ---- taken, and put back ---------------------------------------------------------- */

/* As it was where something was; an ignored SIGCHLD still makes no zombies. */
static void take(int number)
{
    struct sigaction *former = &before[number];
    (void)sigaction(number, NULL, former);
    bool is_handler = former->sa_flags & SA_SIGINFO ||
                      (former->sa_handler != SIG_DFL && former->sa_handler != SIG_IGN);
    struct sigaction mine = {.sa_sigaction = on_signal};
    mine.sa_mask = former->sa_mask;
    mine.sa_flags = former->sa_flags & ~(int)SA_RESETHAND;
    mine.sa_flags |= SA_SIGINFO | SA_ONSTACK;
    if (!is_handler) {
        mine.sa_flags |= SA_RESTART;
        if (number == SIGCHLD && former->sa_handler == SIG_IGN)
            mine.sa_flags |= SA_NOCLDWAIT;
    }
    if (process != getpid())
        process = getpid();
    (void)sigaction(number, &mine, NULL);
}

static void put_back(int number)
{
    struct sigaction now;
    if (sigaction(number, NULL, &now) == 0 && now.sa_flags & SA_SIGINFO &&
        now.sa_sigaction == on_signal)
        (void)sigaction(number, &before[number], NULL);
}

int trap_set(int number, int eventfd, uint32_t *entry)
{
    uint32_t i = 0;
    pthread_mutex_lock(&lock);
    while (i < ENTRIES && load_relaxed(&entries[i]) != 0) /* set under the lock */
        i++;
    if (i < ENTRIES) {
        store_seq(&entries[i], (uint64_t)eventfd << 32 | (uint32_t)number);
        if (users[number]++ == 0)
            take(number);
    }
    pthread_mutex_unlock(&lock);
    if (i == ENTRIES)
        return CADRE_EFULL;
    *entry = i;
    return 0;
}

void trap_clear(uint32_t entry)
{
    pthread_mutex_lock(&lock);
    int number = (int)(load_relaxed(&entries[entry]) & (NUMBERS - 1)); /* as above */
    if (--users[number] == 0)
        put_back(number);
    store_seq(&entries[entry], 0);
    wait_for_handlers();
    pthread_mutex_unlock(&lock);
}
