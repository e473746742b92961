/* crash.h: the report of a fault, by a signal handler.
 *
 * Lines on stderr, each by one write: what happened, to which actor on which message; a
 * stack that was too small; what every worker of the system is doing, and what happened
 * there lately; last, because the unwinder may run into what is broken, the stack.
 * Everything that may be broken is read by the kernel (base/peek). Async-signal-safe: no
 * lock, no memory, no stdio. */
#ifndef SYSTEM_CRASH_H
#define SYSTEM_CRASH_H

#include "actor/self.h"

#include <signal.h>

struct crash {
    const struct cadre_system *system;
    const struct cadre_self *self; /* of a worker; or NULL, a thread that blocks: */
    uint64_t owner;                /* who has offloaded the call */
};

/* Whose thread is this? False: no system's that wants a report. */
bool crash_concerns(struct crash *crash);

/* As the handler was called. */
void crash_report(const struct crash *crash, int sig, const siginfo_t *info,
                  void *context);

/* One line. */
void crash_say(const char *line);

#endif
