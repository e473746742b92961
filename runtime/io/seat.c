/* seat.c: who runs a loop, and how he is told of commands. */
#include "io/seat.h"

#include <errno.h>
#include <unistd.h>

void seat_wake(const struct seat *seat)
{
    int kept = errno;
    uint64_t one = 1;
    ssize_t written = write(seat->wake_fd, &one, sizeof one);
    (void)written; /* full: readable already */
    errno = kept;
}
