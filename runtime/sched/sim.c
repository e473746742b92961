/* sim.c: the same workers on one thread, in a seeded order and virtual time.
 *
 * Picking, stealing, parking and waking are the real code; only the thread that would
 * run them and the futex that would stop them are missing. */
#include "sched/sim.h"

#include <errno.h>

int sim_init(struct sim *sim, struct sched *sched, uint64_t seed)
{
    void *p = NULL;
    sim->order = rng_stream(seed, 0);
    int err = heap_get_lines(sched->heap, &p, sched->crew.count * sizeof(bool));
    sim->asleep = p;
    return err ? -ENOMEM : 0;
}

void sim_fini(struct sim *sim, struct sched *sched)
{
    heap_put_lines(sched->heap, sim->asleep, sched->crew.count * sizeof(bool));
}

static bool is_awake(struct sim *sim, struct sched *sched, uint32_t i)
{
    struct worker *w = &sched->crew.workers[i];
    if (sim->asleep[i] && (!idle_is_asleep(&sched->crew.idle, i) ||
                           alarms_are_due(&w->alarms, clock_now(&sched->crew.clock)))) {
        sim->asleep[i] = false;
        worker_get_up(w);
    }
    return !sim->asleep[i];
}

bool sim_is_asleep(struct sim *sim, struct sched *sched)
{
    for (uint32_t i = 0; i < sched->crew.count; i++)
        if (is_awake(sim, sched, i))
            return false;
    return true;
}

int64_t sim_next(const struct sched *sched)
{
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < sched->crew.count; i++)
        if (sched->crew.workers[i].alarms.next < next)
            next = sched->crew.workers[i].alarms.next;
    return next;
}

/* All sleep: the time comes at which the first of them wakes up by itself. */
static bool pass_time(struct sched *sched)
{
    int64_t next = sim_next(sched), now = clock_now(&sched->crew.clock);
    if (next == INT64_MAX)
        return false;
    if (next > now)
        clock_advance(&sched->crew.clock, next - now);
    return true;
}

static struct worker *choose(struct sim *sim, struct sched *sched)
{
    uint32_t awake = 0;
    for (uint32_t i = 0; i < sched->crew.count; i++)
        awake += is_awake(sim, sched, i);
    if (awake == 0)
        return NULL;
    uint32_t skip = rng_below(&sim->order, awake);
    for (uint32_t i = 0;; i++)
        if (!sim->asleep[i] && skip-- == 0)
            return &sched->crew.workers[i];
}

bool sim_step(struct sim *sim, struct sched *sched)
{
    if (sim_is_asleep(sim, sched) && !pass_time(sched))
        return false;
    struct worker *w = choose(sim, sched);
    if (!w)
        return false;
    struct worker *before = worker_enter(w);
    clock_advance(&sched->crew.clock, SIM_STEP_NS);
    if (alarms_are_due(&w->alarms, clock_now(&sched->crew.clock)))
        worker_ring(w, w, clock_now(&sched->crew.clock));
    if (fiber_step(w, 1) == 0) {
        sim->asleep[w->id] = worker_lie_down(w);
        while (sim->asleep[w->id] && sched_tidy(sched, w)) {
        }
    }
    worker_enter(before);
    return true;
}
