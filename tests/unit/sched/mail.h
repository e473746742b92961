/* mail.h: a set of workers, and jobs that count their runs and their letters. Any thread
 * may post, so nothing here asserts but what the test's own thread calls. */
#ifndef UNIT_SCHED_MAIL_H
#define UNIT_SCHED_MAIL_H

#include "sched/sched.h"
#include "support/support.h"

static struct heap heap;
static struct sched sched;

/* ---- tasks that count their runs ---- */

enum { JOBS = 1000, MAIL = 4 };

static struct job {
    struct task task;
    atomic_uint runs, letters;
    int again;
    void (*act)(struct job *job, struct worker *worker); /* as a handler, or NULL */
    struct inbox_node mail[MAIL];
    atomic_uint posted;
} jobs[JOBS];
static atomic_uint all_runs;

static inline void run_job(struct job *job, struct worker *worker)
{
    if (job->task.token) {
        job->task.token = false;
        struct inbox_node *n = inbox_take(&job->task.inbox, INBOX_EMPTY);
        for (; n; n = n->next)
            atomic_fetch_add(&job->letters, 1);
    }
    bias_leave(&worker->bias);
    if (job->act)
        job->act(job, worker);
    bias_enter(&worker->bias);
    atomic_fetch_add(&job->runs, 1);
    if (job->again > 0 || job->task.token) {
        job->again -= job->again > 0;
        worker_requeue(worker, &job->task);
    } else {
        job->task.scheduled = false;
    }
    atomic_fetch_add(&all_runs, 1);
}

static inline uint32_t run_jobs(struct worker *worker, uint32_t max)
{
    struct task *task;
    uint32_t n = 0;
    for (; n < max && (task = worker_next(worker)); n++)
        run_job(container_of(task, struct job, task), worker);
    return n;
}

/* A sched.tidy that has to_tidy pieces to do. */
static atomic_uint tidied, to_tidy;

static inline bool tidy_some(struct worker *worker)
{
    atomic_fetch_add(&tidied, 1);
    if (atomic_load(&to_tidy) == 0)
        return false;
    return atomic_fetch_sub(&to_tidy, 1) > 1;
}

/* ---- opening and closing ---- */

static inline void make_jobs(int again)
{
    atomic_store(&all_runs, 0);
    for (int i = 0; i < JOBS; i++) {
        task_init(&jobs[i].task);
        jobs[i].again = again;
        jobs[i].act = NULL;
        atomic_store(&jobs[i].posted, 0);
        atomic_store(&jobs[i].runs, 0);
        atomic_store(&jobs[i].letters, 0);
    }
}

static inline void open_sched(enum sched_mode mode, uint32_t workers)
{
    make_jobs(0);
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    assert_int_equal(sched_init(&sched, &heap, mode, workers, mode == SCHED_POLLED, 1),
                     0);
    sched.crew.run = run_jobs;
}

static inline int close_sched(void **state)
{
    sched_fini(&sched);
    return load_relaxed(&heap.bytes) == 0 ? 0 : -1;
}

static inline void start_threads(uint32_t workers)
{
    open_sched(SCHED_THREADS, workers);
    assert_int_equal(sched_start(&sched), 0);
    assert_int_equal(sched.started, workers);
}

static inline void end_threads(void)
{
    sched_stop(&sched);
    assert_int_equal(sched.started, 0);
    assert_int_equal(close_sched(NULL), 0);
}

/* A letter, from any thread; here: the worker whose handler sends it, or NULL. */
static inline void post(struct worker *here, int i)
{
    unsigned n = atomic_fetch_add(&jobs[i].posted, 1);
    if (here)
        bias_enter(&here->bias);
    if (inbox_push(&jobs[i].task.inbox, &jobs[i].mail[n % MAIL]))
        crew_wake(&sched.crew, here, &jobs[i].task);
    if (here)
        bias_leave(&here->bias);
}

static inline void post_all(int count)
{
    for (int i = 0; i < count; i++)
        post(NULL, i);
}

static inline void assert_runs(int count, unsigned each)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(atomic_load(&jobs[i].runs), each);
    assert_int_equal(atomic_load(&all_runs), (unsigned)count * each);
}

#endif
