/* park.c: put one thread to sleep and wake it: the futex. */
#include "base/park.h"

#ifndef __linux__
#error "Cadre runs on Linux: it needs futex and eventfd"
#endif

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void park_wait(struct park_word *word, uint32_t expected, int64_t timeout_ns)
{
    struct timespec t = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    syscall(SYS_futex, &word->value, FUTEX_WAIT_PRIVATE, expected,
            timeout_ns < 0 ? NULL : &t, NULL, 0);
}

void park_wake(struct park_word *word, int threads)
{
    int saved = errno; /* a signal handler may call this */
    uint64_t one = 1;
    ssize_t written = 0;
    if (word->fd == PARK_ON_FUTEX)
        syscall(SYS_futex, &word->value, FUTEX_WAKE_PRIVATE, threads, NULL, NULL, 0);
    else if (word->fd >= 0)
        written = write(word->fd, &one, sizeof one); /* full: readable already */
    (void)written;
    errno = saved;
}
