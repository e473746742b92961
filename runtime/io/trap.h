/* trap.h: the process's signals, for those who want to hear of them.
 *
 * A handler adds one to the eventfd of everybody who waits for this signal, and calls the
 * handler that was there before (io/hearers.h). In the child of a fork nobody waits.
 *
 *   operation            by whom
 *   trap_set             any thread; the lock
 *   trap_clear           any thread, but in no handler; the lock */
#ifndef IO_TRAP_H
#define IO_TRAP_H

#include "base/cc.h"

#include <stdbool.h>
#include <stdint.h>

/* May it be trapped? */
bool trap_fits(int number);
/* From now on. *entry: for trap_clear. Returns 0; CADRE_EFULL: there are too many. */
CC_MUST_CHECK int trap_set(int number, int eventfd, uint32_t *entry);
/* No handler has the descriptor any more. */
void trap_clear(uint32_t entry);

#endif
