/* pump.h: a thread that reads or writes a file for a connection.
 *
 * The kernel says of a file that it is always ready, and makes who reads it wait for the
 * disk. So a connection that is one has a thread, which moves what it is told to, and
 * then sends the connection's loop a command. One move at a time: from pump_read or
 * pump_write until that command is obeyed the pump is the thread's, else the loop's. */
#ifndef IO_PUMP_H
#define IO_PUMP_H

#include "base/thread.h"
#include "io/handle.h"

#include <semaphore.h>
#include <sys/uio.h>

enum { PUMP_SCRATCH = 1 << 16, PUMP_PIECES = 16 };

struct pump {
    struct handle *handle; /* constant, like the next three */
    uint32_t command;      /* when it has moved */
    int fd;
    bool writes;
    struct thread thread;
    sem_t go;
    bool quits;
    bool is_busy; /* the loop's */
    /* The one's who has the pump. */
    struct iovec pieces[PUMP_PIECES];
    int count;
    ssize_t moved;              /* bytes, or -errno; read: 0 at the end */
    char scratch[PUMP_SCRATCH]; /* what was read */
};

/* With a thread that waits. Takes the descriptor, also by a failure. Errors:
 * cadre_port_get's, -EAGAIN (no thread). */
CC_MUST_CHECK int pump_make(struct pump **pump, struct handle *handle, uint32_t command,
                            int fd, bool writes);
/* When it is not busy; NULL is fine. */
void pump_free(struct pump *pump, struct world *world);

/* Up to so many bytes into its scratch. */
void pump_read(struct pump *pump, size_t size);
/* These, or some of them; they stay there until it has moved. */
void pump_write(struct pump *pump, const struct iovec *pieces, unsigned count);

#endif
