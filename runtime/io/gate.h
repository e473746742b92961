/* gate.h: how many connections of a listener there are.
 *
 * It outlives the listener: each connection counts itself out. All of it is the
 * loop's. */
#ifndef IO_GATE_H
#define IO_GATE_H

#include "actor/port.h"

struct gate {
    /* The listener: there is room for one more. NULL: it is closed. */
    void (*opens)(struct gate *gate);
    void *listener;
    struct world *world;
    uint32_t users; /* the listener, and each connection */
    uint32_t connections, max;
    uint32_t untaken; /* of those: their owner has not heard of them */
};

/* For one listener. Errors: cadre_port_get's. */
CC_MUST_CHECK int gate_make(struct gate **gate, struct world *world,
                            void (*opens)(struct gate *gate), void *listener);
/* The listener closes. */
void gate_close(struct gate *gate);

bool gate_has_room(const struct gate *gate);
/* One more connection; its owner is to hear of it; and does; it is closed. */
void gate_enter(struct gate *gate);
void gate_taken(struct gate *gate);
void gate_leave(struct gate *gate, bool was_taken);

#endif
