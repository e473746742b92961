/* one.h: one worker, whose jobs take time and wake each other. */
#ifndef UNIT_SCHED_ONE_H
#define UNIT_SCHED_ONE_H

#include "unit/sched/jobs.h"

static int64_t takes_ns; /* a run */
/* A job wakes these when it runs, all together so often. */
static struct job *wakes[JOBS], *wakes_too[JOBS];
static int how_often;

static void job_runs(struct job *job, struct worker *worker)
{
    if (record.count < RECORD_MAX)
        record_add((uint64_t)job->number);
    clock_advance(&crew.clock, takes_ns);
    bias_enter(&worker->bias);
    (void)worker_slice_is_over(worker);
    if (wakes[job->number] && how_often-- > 0)
        worker_schedule(worker, &wakes[job->number]->task);
    if (wakes_too[job->number])
        worker_schedule(worker, &wakes_too[job->number]->task);
    bias_leave(&worker->bias);
}

static inline int make_one(void **state)
{
    takes_ns = 0;
    memset(wakes, 0, sizeof wakes);
    memset(wakes_too, 0, sizeof wakes_too);
    make_crew(1, 1);
    w->slice.left = UINT32_MAX; /* no slices, but in their own tests */
    return 0;
}

/* Two that wake each other, so that the young end never runs out. */
static inline void schedule_talkers(int a, int b, int times)
{
    struct job *one = job_for(w, a), *other = job_for(w, b);
    wakes[a] = other;
    wakes[b] = one;
    how_often = times;
    worker_schedule(w, &one->task);
}

#endif
