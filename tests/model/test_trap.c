/* test_trap.c: signals come while those who hear of them come and go.
 *
 * The kernel here is one word: what the signal does now. It reads that, and then calls
 * the handler, any time later. Others hear and leave, and the program changes its own
 * handler when it knows that nobody hears. Whatever is called, it is a handler of the
 * program's, by its kind, once for each signal; a descriptor is written to while it is
 * open; and who hears is told of each. */
#include "io/rawness.h"
#include "io/trap.h"

#include "base/atomic.h"

#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

enum { NUMBER = SIGUSR1, PROCESS = 7, FDS = 8 };
enum { BY_DEFAULT, PLAIN, FULL, OURS };

static ATOMIC(uint32_t) action;
static struct sigaction ours;
static siginfo_t information;

struct counter {
    ATOMIC(uint32_t) count;
};
static struct counter *fds[FDS]; /* eventfds; each number is used once */
static ATOMIC(uint32_t) hears, delivered;
static ATOMIC(uint32_t) calls, signals; /* of the program's handlers */

static void plain(int number)
{
    mc_assert(number == NUMBER);
    (void)fetch_add_relaxed(&calls, 1);
}
static void full(int number, siginfo_t *info, void *context)
{
    mc_assert(number == NUMBER && info == &information && context == &information);
    (void)fetch_add_relaxed(&calls, 1);
}

/* ---- the system ---- */

/* No terminal is raw. */
bool rawness_handles(const struct sigaction *a) { return false; }

static uint32_t kind_of(const struct sigaction *a)
{
    if (!(a->sa_flags & SA_SIGINFO))
        return a->sa_handler == plain ? PLAIN : BY_DEFAULT;
    if (a->sa_sigaction == full)
        return FULL;
    ours = *a;
    return OURS;
}

static struct sigaction action_of(uint32_t kind)
{
    switch (kind) {
    case PLAIN:
        return (struct sigaction){.sa_handler = plain};
    case FULL:
        return (struct sigaction){.sa_sigaction = full, .sa_flags = SA_SIGINFO};
    case OURS:
        return ours;
    default:
        return (struct sigaction){.sa_handler = SIG_DFL};
    }
}

/* Others are the model checker's own. */
static int real(int number, const struct sigaction *to, struct sigaction *before)
{
    int (*next)(int number, const struct sigaction *to, struct sigaction *before);
    *(void **)(void *)&next = dlsym(RTLD_NEXT, "sigaction");
    return next(number, to, before);
}

int sigaction(int number, const struct sigaction *restrict to,
              struct sigaction *restrict before)
{
    if (number != NUMBER)
        return real(number, to, before);
    if (before)
        *before = action_of(load_seq(&action));
    if (to)
        store_seq(&action, kind_of(to));
    return 0;
}

pid_t getpid(void) { return PROCESS; }

ssize_t write(int fd, const void *bytes, size_t size)
{
    mc_assert(fd > 0 && fd < FDS && fds[fd]);
    (void)fetch_add_relaxed(&fds[fd]->count, 1);
    return (ssize_t)size;
}

int poll(struct pollfd *polls, nfds_t count, int timeout)
{
    cpu_relax();
    return 0;
}

static void deliver(void)
{
    struct sigaction now = action_of(load_seq(&action));
    (void)fetch_add_relaxed(&signals, 1);
    if (now.sa_flags & SA_SIGINFO)
        now.sa_sigaction(NUMBER, &information, &information);
    else
        now.sa_handler(NUMBER);
}

/* ---- who hears ---- */

static uint32_t hear(int fd)
{
    uint32_t entry;
    fds[fd] = mc_alloc(sizeof *fds[fd]);
    atomic_set(&fds[fd]->count, 0);
    int err = trap_set(NUMBER, fd, &entry);
    mc_assert(err == 0);
    return entry;
}

static void leave(int fd, uint32_t entry)
{
    trap_clear(entry);
    mc_free(fds[fd], sizeof *fds[fd]);
}

static void hear_and_leave(int fd) { leave(fd, hear(fd)); }

/* ---- programs ---- */

void trap_reset(void); /* by test_trap.mutants */

static void setup(void)
{
    trap_reset();
    atomic_set(&action, mc_choose(2) ? PLAIN : FULL);
    atomic_set(&hears, 0);
    atomic_set(&delivered, 0);
    atomic_set(&calls, 0);
    atomic_set(&signals, 0);
    mc_name(&action, sizeof action, "action");
    mc_name(&hears, sizeof hears, "hears");
    mc_name(&delivered, sizeof delivered, "delivered");
}

static void come_and_go(int self)
{
    if (self == 1) {
        hear_and_leave(1);
        store_seq(&action, load_seq(&action) == PLAIN ? FULL : PLAIN);
        hear_and_leave(2);
    } else {
        deliver();
        deliver();
    }
}

static void two_hear(int self)
{
    if (self < 3)
        hear_and_leave(self);
    else
        deliver();
}

/* Another one comes and goes meanwhile. */
static void each_counts(int self)
{
    if (self == 1) {
        uint32_t entry = hear(1);
        store_release(&hears, 1);
        while (load_acquire(&delivered) == 0)
            cpu_relax();
        mc_assert(load_relaxed(&fds[1]->count) == 1);
        leave(1, entry);
    } else if (self == 2) {
        hear_and_leave(2);
    } else {
        while (load_acquire(&hears) == 0)
            cpu_relax();
        deliver();
        store_release(&delivered, 1);
    }
}

static void all_called(void)
{
    mc_assert(load_relaxed(&calls) == load_relaxed(&signals));
    mc_assert(load_relaxed(&action) == PLAIN || load_relaxed(&action) == FULL);
}

#define TEST(text, n, what)                                                            \
    .name = "trap: " text, .threads = n, .setup = setup, .thread = what,               \
    .final = all_called

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("one comes and goes", 2, come_and_go),
         .bounds = {.preemptions = 5, .stale = 3},
         .deep = {.preemptions = 7, .stale = 4}},
        {TEST("two come and go", 3, two_hear), .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("each is counted", 3, each_counts),
         .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
