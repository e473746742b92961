/* stuck.h: handlers that do not return, reported while they do not.
 *
 * The watch, who looks anyway, notes since when each worker has been in the same handler.
 * Whoever set crew->stuck is told after crew->stuck_after, again each time it has taken
 * ten times as long, and once more when it has returned.
 *
 * With one worker, or while all are busy, there is no watch, and nobody is told; nor
 * while nothing waits behind the handler, because that is what calls the watch. */
#ifndef SCHED_STUCK_H
#define SCHED_STUCK_H

#include "sched/worker.h"

enum { STUCK_LOOK_NS = 500000 }; /* not more often than that */

/* Whoever has the watch: looks at all the others. */
void stuck_look(struct crew *crew);

/* Is it time for a look? all_sleep: it is the last one for a while. */
static inline bool stuck_is_due(const struct worker *watch, bool all_sleep)
{
    const struct crew *crew = watch->crew;
    if (all_sleep)
        return crew->stuck_told > 0;
    return crew->stuck && watch->slice.last - crew->stuck_looked >= STUCK_LOOK_NS;
}

#endif
