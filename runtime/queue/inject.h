/* inject.h: many producers, taken in batches (over ck_stack): work from outside.
 *
 * Producers push onto a Concurrency Kit stack: lock-free, from any thread and from
 * signal handlers, and free of ABA because it is only ever emptied whole. Whoever takes
 * turns the stack over into a list, oldest first, and gives out batches of that list
 * until it is used up, so that each node is turned over once. Takers exclude each other
 * by a try-lock: losing it means that another is at work on the same nodes.
 *
 *   operation         by whom    allowed beside
 *   inject_push       anybody    everything
 *   inject_take       anybody    everything; 0 when empty or another is taking
 *   inject_is_empty   anybody    everything; never true while a node whose push has
 *                                returned is in it */
#ifndef QUEUE_INJECT_H
#define QUEUE_INJECT_H

#include "base/atomic.h"
#include "base/cc.h"

#include <ck_stack.h>

#include <stdbool.h>
#include <stdint.h>

struct inject_node {
    ck_stack_entry_t link;
};

struct inject {
    alignas(CACHE_LINE) ck_stack_t inbox; /* any producer */
    alignas(CACHE_LINE) ATOMIC(bool) taking;
    ATOMIC(ck_stack_entry_t *) oldest; /* whoever set taking; others only look */
};

void inject_init(struct inject *q);
void inject_push(struct inject *q, struct inject_node *node);
/* Moves up to max nodes, oldest first, to nodes[]. Returns how many. */
uint32_t inject_take(struct inject *q, struct inject_node **nodes, uint32_t max);
bool inject_is_empty(const struct inject *q);

#endif
