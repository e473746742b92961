/* fibers.h: a set of workers, and jobs whose handlers may suspend.
 *
 * A job that suspends stays with its worker, which resumes it when it is in the worker's
 * line of those that may go on. */
#ifndef UNIT_SCHED_FIBERS_H
#define UNIT_SCHED_FIBERS_H

#include "sched/sched.h"
#include "sched/sim.h"
#include "support/support.h"

/* The bits of context_control that make rounding go up; a value only. */
#if defined(__x86_64__)
#define FIBERS_ROUNDING (UINT64_C(0x4000) | UINT64_C(0x800) << 32)
#elif defined(__aarch64__)
#define FIBERS_ROUNDING UINT64_C(0x400000)
#else
#define FIBERS_ROUNDING UINT64_C(0)
#endif

enum { JOBS = 10001, WORKERS = 4 };

static struct heap heap;
static struct sched sched;
static struct sim sim;

static struct job {
    struct task task;
    struct inbox_node mail;
    void (*act)(struct job *job, struct worker *worker); /* a handler */
    struct fiber *fiber;                                 /* suspended */
    struct job *next;                                    /* in the line */
    int result;                                          /* of fiber_suspend */
    uint64_t saw;                                        /* what its handler saw */
} jobs[JOBS];
static atomic_uint ended;

/* Of each worker: those that may go on, and what the loop does. */
static struct {
    struct job *first, **last;
    unsigned resumed, suspended;
} lines[WORKERS];

static inline int number_of(const struct job *job) { return (int)(job - jobs); }

/* By a handler on the same worker. */
static inline void let_go_on(struct worker *worker, struct job *job)
{
    job->next = NULL;
    *lines[worker->id].last = job;
    lines[worker->id].last = &job->next;
}

/* By its handler. */
static inline void job_suspend(struct job *job, struct worker *worker)
{
    lines[worker->id].suspended++;
    job->result = fiber_suspend(worker, &job->fiber);
}

static inline void run_job(struct job *job, struct worker *worker)
{
    job->task.token = false;
    (void)inbox_take(&job->task.inbox, INBOX_EMPTY);
    bias_leave(&worker->bias);
    if (job->act)
        job->act(job, worker);
    atomic_fetch_add(&ended, 1);
    bias_enter(&worker->bias);
    job->task.scheduled = false;
}

/* False: there is none that may go on. */
static inline bool resume_one(struct worker *worker)
{
    struct job *job = lines[worker->id].first;
    if (!job)
        return false;
    if (!(lines[worker->id].first = job->next))
        lines[worker->id].last = &lines[worker->id].first;
    lines[worker->id].resumed++;
    counter_add(&worker->turns, 1); /* as if it had come from worker_next */
    bias_leave(&worker->bias);
    fiber_resume(worker, job->fiber); /* which goes on below, in its own run_job */
    bias_enter(&worker->bias);
    return true;
}

static inline uint32_t run_jobs(struct worker *worker, uint32_t max)
{
    uint32_t n = 0;
    for (struct task *task; n < max; n++)
        if (!resume_one(worker)) {
            if (!(task = worker_next(worker)))
                break;
            run_job(container_of(task, struct job, task), worker);
        }
    return n;
}

/* ---- opening and closing ---- */

static inline void make_jobs(void)
{
    atomic_store(&ended, 0);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.result = 1};
        task_init(&jobs[i].task);
    }
    for (int i = 0; i < WORKERS; i++) {
        lines[i].resumed = lines[i].suspended = 0;
        lines[i].first = NULL;
        lines[i].last = &lines[i].first;
    }
}

static inline void open_sched(enum sched_mode mode, uint32_t workers)
{
    make_jobs();
    record_clear();
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    assert_int_equal(sched_init(&sched, &heap, mode, workers, mode == SCHED_POLLED, 1),
                     0);
    sched.crew.run = run_jobs;
    if (mode == SCHED_SIMULATED)
        assert_int_equal(sim_init(&sim, &sched, 1), 0);
}

static inline void close_sched(void)
{
    if (sched.mode == SCHED_SIMULATED)
        sim_fini(&sim, &sched);
    sched_fini(&sched);
    assert_int_equal(load_relaxed(&heap.bytes), 0);
}

/* From outside. */
static inline void post(int i)
{
    if (inbox_push(&jobs[i].task.inbox, &jobs[i].mail))
        crew_wake(&sched.crew, NULL, &jobs[i].task);
}

/* By a handler: one that nobody owns, or its worker; the last of them is the next. */
static inline void schedule(struct worker *worker, int i)
{
    bias_enter(&worker->bias);
    if (!task_claim(&jobs[i].task, worker->id) &&
        !task_is_owned_by(&jobs[i].task, worker->id))
        abort();
    worker_schedule(worker, &jobs[i].task);
    bias_leave(&worker->bias);
}

/* Until that many have ended. */
static inline void run_until_ended(unsigned count)
{
    if (sched.mode == SCHED_THREADS)
        await(&ended, count);
    while (atomic_load(&ended) < count)
        if (sched.mode == SCHED_POLLED)
            (void)sched_poll(&sched, 100, 0);
        else
            assert_true(sim_step(&sim, &sched));
}

/* Opens, with job 0 as the first; calls scene with each kind of workers, one of each;
 * and stops. */
static inline void each_way(void (*first)(struct job *, struct worker *),
                            unsigned count, void (*check)(void))
{
    for (int mode = SCHED_THREADS; mode <= SCHED_SIMULATED; mode++) {
        open_sched((enum sched_mode)mode, 1);
        jobs[0].act = first;
        post(0);
        assert_int_equal(sched_start(&sched), 0);
        run_until_ended(count);
        sched_stop(&sched);
        check();
        assert_int_equal(fiber_count(&sched.crew.workers[0]), 0);
        close_sched();
    }
}

#endif
