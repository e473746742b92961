/* sim.h: the same workers on one thread, in a seeded order and virtual time. */
#ifndef SCHED_SIM_H
#define SCHED_SIM_H

#include "sched/sched.h"

enum { SIM_STEP_NS = 1000 };

struct sim {
    struct rng order; /* a stream of its own: which worker is next */
    bool *asleep;     /* per worker */
};

/* Returns 0 or -ENOMEM. */
CC_MUST_CHECK int sim_init(struct sim *sim, struct sched *sched, uint64_t seed);
void sim_fini(struct sim *sim, struct sched *sched);

/* Do all the workers sleep? */
bool sim_is_asleep(struct sim *sim, struct sched *sched);

/* When the first of them wakes up by itself; INT64_MAX: none does. */
int64_t sim_next(const struct sched *sched);

/* One step of a worker chosen at random among those awake; a microsecond passes. False:
 * all are asleep, and nothing will happen until somebody outside does something. */
bool sim_step(struct sim *sim, struct sched *sched);

#endif
