/* stuck.h: which actors hold up a worker or a thread: says so in the log. */
#ifndef SYSTEM_STUCK_H
#define SYSTEM_STUCK_H

#include "system/system.h"

/* crew->stuck: a handler of this worker has not returned, or has at last. */
void stuck_report(struct worker *worker, int64_t for_ns, bool has_returned);

/* crew->handled: how many messages. */
uint64_t stuck_handled(const struct worker *worker);

/* Names all that keep a system from its end: handlers, and calls on other threads. */
void stuck_name_all(cadre_system *sys);

#endif
