/* recall.h: what happened lately on a worker, in words.
 *
 * What an event is about may be gone by now (a plugin's types), so the kernel reads it
 * for us (base/peek). Async-signal-safe; any thread. */
#ifndef ACTOR_RECALL_H
#define ACTOR_RECALL_H

#include "actor/self.h"
#include "base/text.h"

/* "0.3 ms ago 5.1 took number from 0.1" */
void recall_put(struct text *text, const struct event *event, int64_t now);

/* Puts an address as all log lines do; like address_text, but here. */
void recall_put_address(struct text *text, uint64_t id);

/* " (-5)" */
void recall_put_code(struct text *text, int code);

/* Finds the last events of a worker that concern this actor, or anybody (0): up to max,
 * oldest first. Returns how many. */
unsigned recall_find(const struct worker *worker, uint64_t who, struct event *events,
                     unsigned max);

#endif
