/* using.h: an actor that opens descriptors as streams, notes what comes, and does what
 * the test says. */
#ifndef SUPPORT_USING_H
#define SUPPORT_USING_H

#include "support/open.h"
#include "support/process.h"
#include "support/sockets.h"

#include <cadre/descriptor.h>
#include <cadre/terminal.h>

enum using_deed {
    USE_OPEN, /* of: the descriptor; with: to be used how; its stream is the last one */
    USE_OPEN_HALF,
    USE_OPEN_SHUT, /* nothing is to be read yet */
    USE_WRITE,     /* of: so many bytes of using_byte */
    USE_SHUTDOWN,  /* ... of the last one */
    USE_CLOSE,
    USE_ABORT,
    USE_UNSENT,
    USE_WINDOW, /* of: bytes */
    USE_RELEASE,
    USE_RAW, /* of: 0 or 1 */
    USE_LOOK,
    USE_STOP
};
typedef struct using_order {
    int deed, of, with;
} using_order;

enum { USED_MAX = 4 << 20 };
extern struct used {
    atomic_uint obeyed, opened, ended, closed, wrongs;
    atomic_int result;           /* of the last deed */
    atomic_int reason, released; /* a descriptor, or -1 */
    atomic_size_t size;
    char bytes[USED_MAX]; /* that have come; the first `size` are there */
    cadre_terminal_size terminal;
} used;

/* What is written, and expected, at this place. */
char using_byte(size_t at);

extern cadre_system *using_system;
/* Starts one; nothing has happened. */
void using_begin(uint32_t io_threads);
/* Returns the deed's result. */
int using_do(int deed, int of, int with);
/* The same; it is fine. */
void using_do_well(int deed, int of, int with);
/* Stops it: all descriptors that it has opened are closed. */
void using_end(void);

/* So much has come, and is what it should be. */
void using_expect(size_t size);
void using_expect_bytes(const char *text);
void using_expect_closed(unsigned count, int reason);

/* Both sides of a terminal: who sits there, and the program's. */
void using_terminal(int *master, int *slave);
/* libuv opens a pipe for signals when it is first used, for good. */
int using_warm_up(void **unused);

#endif
