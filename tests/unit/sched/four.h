/* four.h: four workers that one test plays, and what it asks about them. */
#ifndef UNIT_SCHED_FOUR_H
#define UNIT_SCHED_FOUR_H

#include "unit/sched/jobs.h"

static struct worker *const other = &workers[1], *const third = &workers[2];

static void job_runs(struct job *job, struct worker *worker)
{
    record_add(worker->id * 1000 + (uint64_t)job->number);
}

/* All are up. */
static inline int make_four(void **state)
{
    make_crew(CREW, 1);
    return 0;
}

static inline uint64_t steals(const struct worker *worker)
{
    return load_relaxed(&worker->steals);
}
static inline uint32_t woken(uint32_t id) { return load_relaxed(&beds[id].word.value); }

static inline void assert_owner(int job, const struct worker *worker)
{
    assert_int_equal(load_relaxed(&jobs[job].task.owner), worker->id);
}

/* Everybody runs until nothing is left anywhere. */
static inline void settle(void)
{
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < crew.count; i++) {
            if (bias_seize(&workers[i].bias, false)) { /* it rests */
                bias_release(&workers[i].bias);
                if (!idle_is_asleep(&crew.idle, i))
                    worker_get_up(&workers[i]);
            }
            if (idle_is_asleep(&crew.idle, i))
                continue;
            more |= idle_has_arrivals(&crew.idle, i); /* they may be sent on */
            more |= crew.run(&workers[i], UINT32_MAX) > 0;
        }
    }
}

static inline void assert_job(int n, unsigned runs, unsigned letters)
{
    assert_int_equal(atomic_load(&jobs[n].runs), runs);
    assert_int_equal(atomic_load(&jobs[n].letters), letters);
}

#endif
