/* gate.h: how many connections of a listener there are.
 *
 * It outlives the listener: each connection counts itself out, in whatever loop that is.
 * So there is a lock; a connection takes it three times. */
#ifndef IO_GATE_H
#define IO_GATE_H

#include "io/handle.h"

#include <pthread.h>

/* To the listener: there is room again. */
enum { GATE_OPENS = 1 << 20 };

struct gate {
    struct world *world; /* constant, like the next one */
    uint32_t max;
    pthread_mutex_t lock;    /* of all the others */
    struct handle *listener; /* NULL: it is closed */
    bool is_awaited;         /* it is to be told of room */
    uint32_t users;          /* the listener, and each connection */
    uint32_t connections;
    uint32_t untaken; /* of those: their owner has not heard of them */
};

/* For one listener. max 0: no limit. Errors: cadre_port_get's. */
CC_MUST_CHECK int gate_make(struct gate **gate, struct handle *listener,
                            struct world *world, uint32_t max);
/* By the listener: it closes. */
void gate_close(struct gate *gate);
/* By the listener: one more connection, whose owner is to hear of it. False: there is no
 * room; then it is told when there is. */
CC_MUST_CHECK bool gate_enter(struct gate *gate);
/* By the listener: it is told of the next connection that is closed. */
void gate_await(struct gate *gate);

/* By a connection: its owner has heard of it; and it is closed. */
void gate_taken(struct gate *gate);
void gate_leave(struct gate *gate, bool was_taken);

#endif
