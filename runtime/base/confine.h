/* confine.h: what this process may do from now on: limits, and few system calls.
 *
 * For a process of one thread that only computes and talks over descriptors it has. It
 * may use memory, time, its descriptors and signals to itself; whatever else it asks
 * the kernel for fails with EPERM. There is no way back. In this order: */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include "base/cc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Every signal does by itself what it does by default, and none is blocked; but SIGPIPE
 * stays ignored where it is, and SIGTERM, SIGINT and SIGHUP are: they may be for all of a
 * service, and it is the program that decides. */
void confine_signals(void);

/* Closes all descriptors up to `last` but 1, 2 and this one behind them; 0 is
 * /dev/null. Without the kernel's help each is a system call. */
void confine_descriptors(int keep, unsigned last);

/* No core is dumped, by whomever, few descriptors can be had, and so many bytes of
 * address space more than there are now; as many as it likes under a sanitizer. False:
 * not all of that. */
CC_MUST_CHECK bool confine_limits(size_t more);

/* A timer that kills this process. False: the kernel has none. */
CC_MUST_CHECK bool confine_timer(timer_t *timer);
/* So long from now, instead of what was said before. 0: never. */
void confine_time(timer_t timer, int64_t ns);

/* Only those system calls. False: the kernel does not filter, this processor is unknown
 * here, or a sanitizer needs more. */
CC_MUST_CHECK bool confine_calls(void);

/* Ends this process, which is not the program's: nothing inherited is flushed. */
CC_NORETURN void confine_exit(int status);

#endif
