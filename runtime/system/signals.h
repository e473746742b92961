/* signals.h: SIGTERM and SIGINT, for the systems that want to end by them.
 *
 * What a signal does is the process's. While anybody holds the two, a handler counts
 * them, and wakes the threads that serve the systems which have attached themselves; all
 * else is done by those. The first holder takes them, but for those that are ignored; the
 * last one puts back what was before, unless the program has put a handler of its own
 * there meanwhile.
 *
 * The third one since then, and any in the child of a fork, is passed on: what was before
 * is put back, and the signal sent again.
 *
 *   operation                         by whom
 *   signals_hold, signals_release     any thread: the registry's lock
 *   signals_attach, signals_detach    the thread that serves; detach before the system is
 *                                     freed
 *   signals_count                     anybody */
#ifndef SYSTEM_SIGNALS_H
#define SYSTEM_SIGNALS_H

#include "system/system.h"

/* Returns how many have come so far. */
uint32_t signals_hold(void);
/* again: the holder has obeyed two. The last one then sends the signal again. */
void signals_release(bool again);

/* This system is notified of every signal. */
void signals_attach(cadre_system *sys);
/* Returns when no handler looks at it any more. */
void signals_detach(const cadre_system *sys);

uint32_t signals_count(void);

#endif
