/* offload.h: a blocking call whose result is a message. */
#ifndef ACTOR_OFFLOAD_H
#define ACTOR_OFFLOAD_H

#include "actor/op.h"

/* Which operation this letter is for. */
uint64_t offload_token(const struct letter *letter);
/* Its letter came: frees it. Returns its operation and, unless the call has failed
 * (op->code says why), its result; NULL: nobody waits for it any more. */
struct op *offload_came(struct cadre_self *self, struct letter *letter,
                        struct envelope **result);

/* The pools of a world; has_sigstacks: see blocking_limits. Returns 0, -ENOMEM. */
CC_MUST_CHECK int offload_init(struct world *world, uint32_t threads, uint32_t waiting,
                               bool has_sigstacks);
/* Waits for the calls that run. */
void offload_stop(struct world *world);
void offload_fini(struct world *world);
/* Simulated: runs one, number nth of all that wait. False: there is none. */
bool offload_step(struct world *world, uint32_t nth);
uint32_t offload_waiting(struct world *world);

#endif
