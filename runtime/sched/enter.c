/* enter.c: workers before they start, and which of them runs here (worker.h). */
#include "sched/worker.h"

CC_THREAD_LOCAL struct worker *worker_here;

struct worker *worker_enter(struct worker *worker)
{
    struct worker *before = worker_here;
    worker_here = worker;
    return before;
}

void worker_mark_frame(struct worker *worker) { worker->jobs.frame = CC_FRAME; }

void worker_forked(void)
{
    if (worker_here)
        bias_break(&worker_here->bias);
    worker_here = NULL;
}

void worker_init(struct worker *worker, struct crew *crew, uint32_t id, uint64_t seed)
{
    bias_init(&worker->bias);
    worker->id = id;
    worker->crew = crew;
    worker->context = NULL;
    worker->fibers = NULL;
    worker->due = WORKER_STREAK;
    worker->burst = worker->before = worker->backlog = 0;
    worker->oldest_next = worker->shuffled = false;
    slice_init(&worker->slice);
    atomic_set(&worker->turns, 0);
    atomic_set(&worker->steals, 0);
    atomic_set(&worker->watched, 0);
    worker->stuck = (struct stuck){.turn = UINT64_MAX}; /* in none */
    worker->victim = TASK_NOBODY;
    appetite_init(&worker->appetite);
    worker->aloof = worker->folds = false;
    worker->rng = rng_stream(seed, id + 1);
    worker->line = (struct line){0};
    deque_init(&worker->deque);
    alarms_init(&worker->alarms, id, clock_now(&crew->clock));
    jobs_init(&worker->jobs);
    recent_init(&worker->events);
    atomic_set(&worker->probe.state, 0);
    atomic_set(&worker->probe.thread, 0);
}

void crew_set_batch(struct crew *crew, uint32_t batch)
{
    crew->batch = batch;
    for (uint32_t i = 0; i < crew->count; i++)
        slice_open(&crew->workers[i].slice, batch);
}

void crew_set_aloof(struct crew *crew, uint32_t count)
{
    crew->aloof = count;
    crew->surplus -= count < crew->surplus ? count : crew->surplus;
    crew->idle.watchers = crew_ordinary(crew);
    for (uint32_t i = crew_ordinary(crew); i < crew->count; i++)
        crew->workers[i].aloof = true;
}

void worker_shuffle(struct worker *worker)
{
    worker->shuffled = true;
    worker->due = 1;
}
