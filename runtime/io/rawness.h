/* rawness.h: terminals in raw mode, and what puts back how they were.
 *
 * A terminal belongs to whoever sits there, and its mode outlives the process. So what it
 * was before is kept for the process, with each terminal once, and put back when the last
 * stream of it is no longer raw; at exit(); and when a signal ends the process whose
 * action was the default. A handler for those is there while any terminal is raw; what it
 * looks at is a list of places like that of who hears of a signal (io/hearers.h).
 *
 *   operation        by whom
 *   rawness_begin    any thread; a lock
 *   rawness_end      any thread, but in no handler; the lock
 *   rawness_restore  anybody, a handler, too */
#ifndef IO_RAWNESS_H
#define IO_RAWNESS_H

#include "base/cc.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* This terminal is raw from now on. *place: for rawness_end. Returns 0, CADRE_EFULL (16
 * terminals are), -EMFILE, -ENFILE, -EIO (another job has it in front), and what else the
 * system says. */
CC_MUST_CHECK int rawness_begin(int fd, uint32_t *place);
/* It is as it was before, unless somebody else has it raw, too. */
void rawness_end(uint32_t place);
/* All of them are as they were, for now. */
void rawness_restore(void);

/* Is that its handler? Then the default is what the signal did. */
bool rawness_handles(const struct sigaction *action);

#endif
