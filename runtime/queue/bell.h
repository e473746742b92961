/* bell.h: news for somebody who is told of them once.
 *
 * Two who work side by side on one thing tell each other what has happened by bits in a
 * word, and that there are any by a node in a queue that the other looks at. The node is
 * on its way, or being looked at, exactly while the word is not 0: so it is never queued
 * twice, none is forgotten, and to tell takes no memory.
 *
 *   operation      by whom
 *   bell_ring      anybody; true: the caller has the node, and queues it
 *   bell_answer    whoever has taken the node out of the queue; after this it is free */
#ifndef QUEUE_BELL_H
#define QUEUE_BELL_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stdint.h>

struct bell {
    ATOMIC(uint32_t) news;
};

static inline void bell_init(struct bell *bell) { atomic_set(&bell->news, 0); }

static inline bool bell_ring(struct bell *bell, uint32_t news)
{
    /* release: what the news are about. acquire: the node, from who answered last. */
    return fetch_or_seq(&bell->news, news) == 0;
}

static inline uint32_t bell_answer(struct bell *bell)
{
    return exchange_acq_rel(&bell->news, 0);
}

#endif
