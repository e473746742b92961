/* jobs.h: tasks for the tests of the scheduler, with mail, and a crew to run them.
 *
 * Each program that includes it says what running a job does: job_runs, called as a
 * handler is, outside the worker's bias. */
#ifndef UNIT_SCHED_JOBS_H
#define UNIT_SCHED_JOBS_H

#include "sched/worker.h"
#include "support/support.h"

enum { JOBS = 1000, JOB_MAIL = 4 };

static struct job {
    struct task task;
    int again;       /* how often it has more to do at the end of its run */
    int number;      /* 0 .. JOBS - 1 */
    uint32_t posted; /* letters to it */
    struct inbox_node mail[JOB_MAIL];
    atomic_uint runs, letters; /* that it has taken */
} jobs[JOBS];

static void job_runs(struct job *job, struct worker *worker);

/* Number n, as new: nobody's. */
static inline struct job *new_job(int n)
{
    struct job *job = &jobs[n];
    task_init(&job->task);
    job->again = 0;
    job->number = n;
    job->posted = 0;
    atomic_store(&job->runs, 0);
    atomic_store(&job->letters, 0);
    return job;
}

static inline struct job *job_of(struct task *task)
{
    return container_of(task, struct job, task);
}

/* Uses the token. */
static inline void take_mail(struct job *job)
{
    job->task.token = false;
    struct inbox_node *n = inbox_take(&job->task.inbox, INBOX_EMPTY);
    for (; n; n = n->next)
        atomic_fetch_add(&job->letters, 1);
}

static inline void run_job(struct job *job, struct worker *worker)
{
    atomic_fetch_add(&job->runs, 1);
    if (job->task.token)
        take_mail(job);
    bias_leave(&worker->bias);
    job_runs(job, worker);
    bias_enter(&worker->bias);
    if (job->again > 0 || job->task.token) {
        job->again -= job->again > 0;
        worker_requeue(worker, &job->task);
    } else {
        job->task.scheduled = false;
    }
}

static inline uint32_t run_jobs(struct worker *worker, uint32_t max)
{
    struct task *task;
    uint32_t n = 0;
    for (; n < max && (task = worker_next(worker)); n++)
        run_job(job_of(task), worker);
    return n;
}

/* A letter to it; here: the worker that sends it, inside its bias, or NULL. */
static inline void post(struct crew *crew, struct worker *here, struct job *job)
{
    assert_in_range(job->posted, 0, JOB_MAIL - 1);
    if (inbox_push(&job->task.inbox, &job->mail[job->posted++]))
        crew_wake(crew, here, &job->task);
}

/* ---- a crew without threads, in virtual time ---- */

enum { CREW = 4 };

static struct crew crew;
static struct worker workers[CREW];
static struct idle_bed beds[CREW];
static struct worker *const w = &workers[0]; /* the one under test */

/* All are up, and inside. */
static inline void make_crew(uint32_t count, uint64_t seed)
{
    record_clear();
    crew = (struct crew){
        .workers = workers, .count = count, .run = run_jobs, .batch = UINT32_MAX};
    idle_init(&crew.idle, beds, count);
    crew.clock.is_virtual = true;
    clock_advance(&crew.clock, 1);
    for (uint32_t i = 0; i < count; i++) {
        worker_init(&workers[i], &crew, i, seed);
        beds[i].word.fd = PARK_ON_NOTHING;
    }
}

/* A new job of this worker, asleep. */
static inline struct job *job_for(struct worker *worker, int n)
{
    struct job *job = new_job(n);
    assert_true(task_claim(&job->task, worker->id));
    return job;
}

/* New jobs from .. end - 1, each at the young end when it comes. */
static inline void schedule_jobs(struct worker *worker, int from, int end)
{
    for (int i = from; i < end; i++)
        worker_schedule(worker, &job_for(worker, i)->task);
}

/* New ones at the end of the line. */
static inline void line_up_jobs(struct worker *worker, int from, int end)
{
    for (int i = from; i < end; i++) {
        struct job *job = job_for(worker, i);
        job->task.scheduled = true;
        worker_requeue(worker, &job->task);
    }
}

/* Its run ends with its token elsewhere: in somebody's hands, or in no list at all. */
static inline void lose_token(struct job *job)
{
    assert_true(inbox_poke(&job->task.inbox));
}

static inline void steps(struct worker *worker, int n)
{
    for (int i = 0; i < n; i++)
        assert_true(worker_step(worker));
}

/* The clock is read now, and what has arrived is looked at. */
static inline void end_window(struct worker *worker)
{
    worker->slice.left = 1;
    (void)worker_slice_is_over(worker);
}

static inline void run_dry(struct worker *worker)
{
    for (int i = 0; worker_step(worker); i++)
        assert_in_range(i, 0, 100 * JOBS);
}

/* The line holds exactly these. */
static inline void assert_line(const struct worker *worker, int from, int end)
{
    struct task *task = worker->line.first;
    assert_int_equal(worker->line.count, end - from);
    for (int i = from; i < end; i++, task = task->arrival) {
        assert_non_null(task);
        assert_int_equal(job_of(task)->number, i);
        assert_false(task->scheduled);
        assert_false(task->token);
    }
    assert_null(task);
}

/* Each of them ran so often. */
static inline void assert_runs(int from, int end, unsigned each)
{
    for (int i = from; i < end; i++)
        if (atomic_load(&jobs[i].runs) != each)
            fail_msg("job %d ran %u times", i, atomic_load(&jobs[i].runs));
}

#endif
