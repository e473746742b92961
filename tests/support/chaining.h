/* chaining.h: steps, and chains of them, for the tests of futures.
 *
 * To be called in a scene of asking() or in a step; see asking.h. */
#ifndef SUPPORT_CHAINING_H
#define SUPPORT_CHAINING_H

#include "support/asking.h"

#include <cadre/chain.h>

/* What is in hand: the code of a failure without its sign, or the id of an owned. */
uint64_t code_of(const cadre_msg *m);

/* Two steps: one that records code_of(m); one that is not to be called. */
int see(cadre_self *self, void *state, cadre_msg *m);
int never(cadre_self *self, void *state, cadre_msg *m);

/* A step after that operation. Returns its token, which is a new one. */
uint64_t chain(cadre_self *self, uint64_t of, cadre_receive *then,
               cadre_receive *otherwise);
/* A timer with an owned with this id. Returns its token. */
uint64_t wait_for(cadre_self *self, cadre_time delay, uint32_t id);
int cancel(cadre_self *self, uint64_t id);

/* What most scenes leave for their steps and their judge: where the chain begins, and the
 * token of its end. */
extern uint64_t source, token;
/* A timer in 1 ms with body 0 is `source`, this step after it is `token`; and the record
 * is empty. */
void start_with(cadre_self *self, cadre_receive *step);

/* No outcome has come. */
void judge_nothing(void);

#endif
