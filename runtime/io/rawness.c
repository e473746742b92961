/* rawness.c: terminals in raw mode, and what puts back how they were. */
#include "io/rawness.h"

#include "io/hearers.h"

#include <cadre/base.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { PLACES = 16, ANY = 1 };

/* Constant while it stands in the list: for handlers. */
struct place {
    int fd; /* one of its own */
    struct termios before;
    /* Under the lock. */
    unsigned device;       /* not its name's, of which it may have several: /dev/tty */
    uint32_t users, entry; /* users 0: it is free */
};

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* of whoever makes them raw or not */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t raw_count; /* under the lock */
static struct place places[PLACES];
static struct hearers list;   /* of numbers of places */
static ATOMIC(pid_t) process; /* whose they are: not those of a fork */

/* These end a process where their action is the default. */
static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGABRT,
                             SIGBUS, SIGFPE, SIGILL,  SIGSEGV};
enum { DEADLY = sizeof deadly / sizeof deadly[0] };

/* ---- the handler --------------------------------------------------------------- */

/* Also in the background, where it would stop the process that ends. */
static void put_one_back(uint32_t place)
{
    sigset_t stop, saved;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &stop, &saved);
    (void)tcsetattr(places[place].fd, TCSANOW, &places[place].before);
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

void rawness_restore(void)
{
    int saved = errno;
    if (getpid() == load_relaxed(&process)) /* set before there was a place */
        hearers_tell(&list, ANY, put_one_back);
    errno = saved;
}

/* The signal comes again when the handler has returned, and does what it did before. */
static void on_death(int number)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    rawness_restore();
    (void)sigaction(number, &usual, NULL);
    (void)raise(number);
}

bool rawness_handles(const struct sigaction *action)
{
    return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == on_death;
}

/* ---- signals taken, and put back; under the lock ------------------------------- */

/* Other than by default, whoever has the signal ends the process in his own way. */
static void take_signals(void)
{
    const struct sigaction mine = {.sa_handler = on_death, .sa_flags = SA_ONSTACK};
    struct sigaction now;
    for (int i = 0; i < DEADLY; i++)
        if (sigaction(deadly[i], NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
            now.sa_handler == SIG_DFL)
            (void)sigaction(deadly[i], &mine, NULL);
}

static void put_signals_back(void)
{
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    struct sigaction now;
    for (int i = 0; i < DEADLY; i++)
        if (sigaction(deadly[i], NULL, &now) == 0 && rawness_handles(&now))
            (void)sigaction(deadly[i], &usual, NULL);
}

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork_in_parent(void) { pthread_mutex_unlock(&lock); }

/* In the child, whose terminals they are not. */
static void after_fork(void)
{
    for (uint32_t i = 0; i < PLACES; i++)
        if (places[i].users > 0)
            close(places[i].fd);
    if (raw_count > 0)
        put_signals_back();
    raw_count = 0;
    memset(places, 0, sizeof places);
    memset(&list, 0, sizeof list);
    pthread_mutex_unlock(&lock);
}

static void prepare(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork);
    (void)atexit(rawness_restore);
}

/* ---- raw, and not -------------------------------------------------------------- */

/* That of this terminal, or a free one, or none. */
static uint32_t find(unsigned device)
{
    uint32_t free = PLACES;
    for (uint32_t i = 0; i < PLACES; i++)
        if (places[i].users == 0)
            free = i;
        else if (places[i].device == device)
            return i;
    return free;
}

/* A free place becomes that terminal's. */
static int occupy(struct place *p, int fd, unsigned device)
{
    p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    p->device = device;
    if (p->fd < 0)
        return -errno;
    p->entry = HEARERS;
    if (tcgetattr(p->fd, &p->before) == 0)
        p->entry = hearers_add(&list, ANY, (uint32_t)(p - places));
    if (p->entry != HEARERS)
        return 0;
    int err = -errno;
    close(p->fd);
    return err;
}

/* On other threads; not for long. */
static void release(struct place *p)
{
    hearers_remove(&list, p->entry);
    while (!hearers_are_told(&list))
        (void)poll(NULL, 0, 1);
    close(p->fd);
    if (--raw_count == 0)
        put_signals_back();
}

/* Another job has it in front. This thread, which has SIGTTOU blocked, could. */
static bool is_behind(int fd)
{
    pid_t front = tcgetpgrp(fd);
    return front > 0 && front != getpgrp();
}

static int make_raw(int fd)
{
    struct termios t;
    if (is_behind(fd))
        return -EIO;
    if (tcgetattr(fd, &t))
        return -errno;
    cfmakeraw(&t);
    return tcsetattr(fd, TCSANOW, &t) ? -errno : 0;
}

static int begin(int fd, uint32_t i, unsigned device)
{
    struct place *p = &places[i];
    int err = p->users == 0 ? occupy(p, fd, device) : 0;
    if (err)
        return err;
    if (p->users == 0 && raw_count++ == 0)
        take_signals();
    err = make_raw(fd);
    if (!err)
        p->users++;
    else if (p->users == 0)
        release(p);
    return err;
}

int rawness_begin(int fd, uint32_t *place)
{
    unsigned device;
    if (ioctl(fd, TIOCGDEV, &device))
        return -errno;
    pthread_once(&once, prepare);
    pthread_mutex_lock(&lock);
    store_relaxed(&process, getpid());
    *place = find(device);
    int err = *place < PLACES ? begin(fd, *place, device) : CADRE_EFULL;
    pthread_mutex_unlock(&lock);
    return err;
}

void rawness_end(uint32_t place)
{
    pthread_mutex_lock(&lock);
    struct place *p = &places[place];
    if (p->users > 0 && --p->users == 0) { /* else it was a fork's parent's */
        put_one_back(place);
        release(p);
    }
    pthread_mutex_unlock(&lock);
}
