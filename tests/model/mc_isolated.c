/* mc_isolated.c: what the runtime's sources find of other processes in the explorer:
 * there are none, and nobody calls this.
 *
 * Instead of sched/isolation.c, actor/uplink.c, actor/process.c and actor/isolate.c. */
#include "actor/isolate.h"
#include "actor/uplink.h"

#include "mc.h"

#pragma weak self_free_slowly /* of models that have no actors */

#define NOBODY mc_fail(__FILE__, __LINE__, "there is no other process")

void isolation_look(struct isolation *isolation, const struct worker *worker)
{
    NOBODY;
}

void uplink_send(struct cadre_self *self, struct envelope *e, uint64_t to) { NOBODY; }
void uplink_halt(struct world *world, uint64_t who, unsigned halts, int reason) {}
void uplink_settled(struct uplink *uplink, const struct envelope *e, int result)
{
    NOBODY;
}

int process_new(struct cadre_self *self, struct process **process,
                const cadre_class *class, const cadre_isolation *limits)
{
    NOBODY;
    return 0;
}
void process_free(struct cadre_self *self, struct process *process) {}
void process_attach(struct cell *child) { NOBODY; }
int process_start(struct cadre_self *self, struct cell *cell)
{
    NOBODY;
    return 0;
}
int process_receive(cadre_self *self, void *state, cadre_msg *m)
{
    NOBODY;
    return 0;
}
void process_forward(struct cadre_self *self, struct cell *cell, struct envelope *e)
{
    NOBODY;
}
void process_end(struct cadre_self *self, struct process *process, bool gently,
                 int reason)
{
    NOBODY;
}
void process_kill(struct process *process) { NOBODY; }

void isolate_start(struct cadre_self *self, struct cell *cell) { NOBODY; }
void isolate_came(struct cadre_self *self, struct cell *cell, struct letter *letter)
{
    NOBODY;
}
