/* queue.h: the requests of a connection that are under way, in their order, and their
 * answers on the way out. */
#ifndef ACTORS_HTTP_QUEUE_H
#define ACTORS_HTTP_QUEUE_H

#include "entry.h"
#include "pieces.h"

#include <cadre/stream.h>

enum { QUEUE_SIZE = 16 };

struct queue {
    struct entry entries[QUEUE_SIZE];
    uint32_t first, count;
    struct shared *shared;
    struct wire_date date;
    uint64_t written;     /* bytes, to the stream */
    struct pieces pieces; /* the body of the first, if it comes so and is begun */
    cadre_ref session;    /* of a WebSocket that this becomes; id 0: it stays */
    bool is_open;         /* the body of the last one is still on its way to here */
};

static inline struct entry *queue_first(struct queue *q)
{
    return &q->entries[q->first];
}
static inline bool queue_is_full(const struct queue *q)
{
    return q->count == QUEUE_SIZE;
}
/* Does it wait for the peer, not for an answer or a source? */
static inline bool queue_is_stuck(struct queue *q)
{
    return q->count > 0 && !queue_first(q)->token.id && !pieces_are_awaited(&q->pieces);
}
/* Has the first one's answer gone out in part? */
static inline bool queue_has_begun(const struct queue *q)
{
    return !pieces_are_over(&q->pieces);
}
static inline struct entry *queue_last(struct queue *q)
{
    return &q->entries[(q->first + q->count - 1) % QUEUE_SIZE];
}

/* The one that is due first, of those that are asked and due; NULL: none is. */
struct entry *queue_due(struct queue *q);

/* One more, at the end; there is room. */
struct entry *queue_add(struct queue *q, struct wire_manner manner);
/* The outcome m may be that of one of them. */
void queue_outcome(cadre_self *self, struct queue *q, const cadre_msg *m);
/* Forgets all of them. */
void queue_clear(cadre_self *self, struct queue *q);

/* Writes as many as are answered, in order. `is_last`: nothing follows what is there.
 * Returns 0; 1: the connection is to be closed now, or is a session's; CADRE_EFULL:
 * cadre_stream_wrote will come; or what cadre_stream_write_buf() says. */
CADRE_MUST_CHECK int queue_write(cadre_self *self, struct queue *q, cadre_stream stream,
                                 bool is_last);

#endif
