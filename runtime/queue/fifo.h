/* fifo.h: first in, first out, in one word: one thread at a time.
 *
 * A ring of nodes that the word enters at the newest, whose next is the oldest. It
 * shares its nodes with inbox.h, whose contents it takes over in one go. */
#ifndef QUEUE_FIFO_H
#define QUEUE_FIFO_H

#include "queue/inbox.h"

struct fifo {
    struct inbox_node *newest; /* NULL: empty */
};

static inline bool fifo_is_empty(const struct fifo *q)
{
    return plain_read(&q->newest) == NULL;
}

/* Where it is empty. */
static inline void fifo_append_first(struct fifo *q, struct inbox_node *n)
{
    plain_write(&n->next, n);
    plain_write(&q->newest, n);
}

static inline void fifo_append(struct fifo *q, struct inbox_node *n)
{
    struct inbox_node *newest = plain_read(&q->newest);
    if (newest) {
        plain_write(&n->next, plain_read(&newest->next));
        plain_write(&newest->next, n);
        plain_write(&q->newest, n);
    } else {
        fifo_append_first(q, n);
    }
}

/* The oldest one, which stays; or NULL. */
static inline struct inbox_node *fifo_oldest(const struct fifo *q)
{
    struct inbox_node *newest = plain_read(&q->newest);
    return newest ? plain_read(&newest->next) : NULL;
}

/* Are there more than that? */
static inline bool fifo_has_more_than(const struct fifo *q, uint32_t most)
{
    struct inbox_node *newest = plain_read(&q->newest), *node = newest;
    for (; node && most > 0; most--) {
        node = plain_read(&node->next);
        if (node == newest)
            return false;
    }
    return node;
}

/* The oldest one; there is one. */
static CC_INLINE struct inbox_node *fifo_take_first(struct fifo *q)
{
    struct inbox_node *newest = plain_read(&q->newest);
    struct inbox_node *oldest = plain_read(&newest->next);
    if (likely(oldest == newest))
        plain_write(&q->newest, NULL);
    else
        plain_write(&newest->next, plain_read(&oldest->next));
    return oldest;
}

/* The only one. */
static CC_INLINE struct inbox_node *fifo_take_only(struct fifo *q)
{
    struct inbox_node *only = plain_read(&q->newest);
    plain_write(&q->newest, NULL);
    return only;
}

/* The oldest one, or NULL. */
static inline struct inbox_node *fifo_take(struct fifo *q)
{
    return fifo_is_empty(q) ? NULL : fifo_take_first(q);
}

/* The one after this. */
static inline void fifo_remove_behind(struct fifo *q, struct inbox_node *before)
{
    struct inbox_node *node = before->next;
    before->next = node->next;
    if (q->newest == node)
        q->newest = node == before ? NULL : before;
}

/* All of another one, which is used up. */
static inline void fifo_append_fifo(struct fifo *q, struct fifo *more)
{
    struct inbox_node *newest = more->newest, *before = q->newest;
    if (!newest)
        return;
    if (before) {
        struct inbox_node *oldest = newest->next;
        newest->next = before->next;
        before->next = oldest;
    }
    q->newest = newest;
}

/* What inbox_take returned: a list with the newest in front. Returns how many. */
static inline uint32_t fifo_append_inbox(struct fifo *q, struct inbox_node *newest)
{
    struct inbox_node *oldest = NULL;
    uint32_t count = 0;
    for (struct inbox_node *n = newest; n; count++) {
        struct inbox_node *older = plain_read(&n->next);
        plain_write(&n->next, oldest);
        oldest = n;
        n = older;
    }
    if (!newest)
        return 0;
    struct inbox_node *before = plain_read(&q->newest);
    plain_write(&newest->next, before ? plain_read(&before->next) : oldest);
    if (before)
        plain_write(&before->next, oldest);
    plain_write(&q->newest, newest);
    return count;
}

#endif
