/* launch.h: start a program in a process of its own. */
#ifndef IO_LAUNCH_H
#define IO_LAUNCH_H

#include "base/cc.h"

#include <stdbool.h>
#include <sys/types.h>

enum { LAUNCH_STREAMS = 3 }; /* standard ones */

/* In place of a descriptor. */
enum { LAUNCH_INHERIT = -1, LAUNCH_NULL = -2, LAUNCH_AS_OUTPUT = -3 };

struct launch {
    const char *const *argv;
    const char *const *env;  /* NULL: ours */
    const char *cwd;         /* NULL: ours */
    int fds[LAUNCH_STREAMS]; /* what it gets; not below LAUNCH_STREAMS */
};

/* A pipe, both ends above the standard streams. Returns 0, -EMFILE, -ENFILE. */
CC_MUST_CHECK int launch_pipe(int ends[2]);

/* pidfd: of that process, the caller's; -1: it is reaped already, by somebody else.
 * Returns 0 or what the system says; then there is no process. */
CC_MUST_CHECK int launch(const struct launch *launch, pid_t *pid, int *pidfd);

/* Returns 0 or what the system says. */
int launch_signal(int pidfd, int sig);

/* Has it ended? Then it is reaped. status, signal: as of cadre_process_ended. */
CC_MUST_CHECK bool launch_reap(int pidfd, int *status, int *sig);

#endif
