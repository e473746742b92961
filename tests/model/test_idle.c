/* test_idle.c: workers on threads: no work is forgotten while they fall asleep and wake.
 *
 * The real scheduler from sched_submit down to the futex. Some tasks wait for another
 * one, which must then be run by another worker: whoever could have been woken for it
 * must have been. */
#include "sched/sched.h"

enum { WORKERS_MAX = 2, TASKS = 4 };

static struct sched sched;
static struct heap heap;

/* ---- base/thread.h: the worker threads are the model's ---- */

static struct {
    void *(*run)(void *);
    void *arg;
    ATOMIC(bool) ended;
} started[WORKERS_MAX];
static int start_count;

int thread_start(struct thread *thread, const char *name, void *(*run)(void *),
                 void *arg)
{
    started[start_count].run = run;
    started[start_count].arg = arg;
    atomic_set(&started[start_count].ended, false);
    thread->id = (pthread_t)start_count++;
    return 0;
}

void thread_join(struct thread *thread)
{
    while (!load_acquire(&started[(size_t)thread->id].ended))
        mc_spin();
}

static void be_worker(int self)
{
    started[self - 1].run(started[self - 1].arg);
    store_release(&started[self - 1].ended, true);
}

/* All fibers share one thread-local "current worker". */
static struct worker *current_of[MC_THREADS_MAX + 1];
static int running;

static void switched(int to)
{
    current_of[running] = worker_enter(current_of[to]);
    running = to;
}

/* ---- tasks ---- */

static struct task tasks[TASKS];
static ATOMIC(uint32_t) runs[TASKS]; /* how often each was run */
static ATOMIC(uint32_t) done;
static ATOMIC(bool) quiet;

static void run_simply(struct task *task, struct worker *worker)
{
    (void)fetch_add_acq_rel(&runs[task - tasks], 1);
    (void)fetch_add_acq_rel(&done, 1);
}

/* Tasks 0 and 1 each wait until the other one runs too. */
static void run_together(struct task *task, struct worker *worker)
{
    size_t i = (size_t)(task - tasks);
    (void)fetch_add_acq_rel(&runs[i], 1);
    while (load_acquire(&runs[1 - i]) == 0)
        mc_spin();
    (void)fetch_add_acq_rel(&done, 1);
}

/* Task 2 makes the two others runnable. */
static void run_both(struct task *task, struct worker *worker)
{
    worker_push(worker, &tasks[0]);
    worker_push(worker, &tasks[1]);
    run_simply(task, worker);
}

/* Task 2 makes three runnable, one more than the shrunk ring has room for. */
static void run_many(struct task *task, struct worker *worker)
{
    for (int i = 0; i < 4; i++)
        if (i != 2)
            worker_push(worker, &tasks[i]);
    run_simply(task, worker);
}

/* Comes again once. */
static void run_twice(struct task *task, struct worker *worker)
{
    if (fetch_add_acq_rel(&runs[task - tasks], 1) == 0)
        worker_requeue(worker, task);
    else
        (void)fetch_add_acq_rel(&done, 1);
}

/* ---- set-up ---- */

static void *from_arena(void *user, void *old, size_t old_size, size_t new_size)
{
    return new_size ? mc_alloc(new_size) : NULL;
}

static void setup(uint32_t workers, void (*run)(struct task *, struct worker *))
{
    running = 0;
    start_count = 0;
    for (int i = 0; i <= MC_THREADS_MAX; i++)
        current_of[i] = NULL;
    worker_enter(NULL);
    heap_init(&heap, from_arena, NULL, SIZE_MAX);
    mc_assert(sched_init(&sched, &heap, SCHED_THREADS, workers, false, 1) == 0);
    mc_assert(sched_start(&sched) == 0);
    for (int i = 0; i < TASKS; i++) {
        tasks[i].run = run;
        atomic_set(&runs[i], 0);
    }
    atomic_set(&done, 0);
    atomic_set(&quiet, false);
    mc_name(&sched.crew, sizeof sched.crew, "crew");
    mc_name(sched.crew.workers, workers * sizeof(struct worker), "workers");
    mc_name(&sched.crew.idle.searching, 4, "searching");
    mc_name(&sched.crew.idle.mask, 8, "mask");
    mc_name(&sched.crew.stopping, 1, "stopping");
    mc_name(&sched.crew.injected.inbox, 8, "inbox");
    mc_name(&sched.crew.injected.taking, 1, "taking");
    mc_name(&sched.crew.injected.oldest, 8, "oldest");
    mc_name(&sched.seats[0], 4, "word 0");
    mc_name(&done, sizeof done, "done");
    mc_name(&runs, sizeof runs, "runs");
    for (uint32_t i = 0; i < workers; i++) /* statistics */
        mc_quiet(&sched.crew.workers[i].turns, 3 * sizeof(uint64_t));
}

static void await(uint32_t count)
{
    while (load_acquire(&done) < count)
        mc_spin();
}

static void one_worker(void) { setup(1, run_simply); }
static void one_worker_requeue(void) { setup(1, run_twice); }
static void two_workers(void) { setup(2, run_simply); }
static void two_workers_together(void) { setup(2, run_together); }

static void two_workers_both(void)
{
    setup(2, run_together);
    tasks[2].run = run_both;
}

static void two_workers_many(void)
{
    setup(2, run_simply);
    tasks[2].run = run_many;
}

/* ---- threads ---- */

/* Every worker first; the rest is outside. */
static bool is_worker(int self)
{
    if ((uint32_t)self > sched.crew.count)
        return false;
    be_worker(self);
    return true;
}

static void submit_two(int self)
{
    if (is_worker(self))
        return;
    sched_submit(&sched, &tasks[0]);
    sched_submit(&sched, &tasks[1]);
    await(2);
    sched_stop(&sched);
}

static void submit_one_each(int self)
{
    if (is_worker(self))
        return;
    sched_submit(&sched, &tasks[sched.crew.count + 2 - (uint32_t)self]);
    if (self == 3)
        return;
    await(2);
    sched_stop(&sched);
}

static void submit_third(int self)
{
    if (is_worker(self))
        return;
    sched_submit(&sched, &tasks[2]);
    await(3);
    sched_stop(&sched);
}

static void submit_many(int self)
{
    if (is_worker(self))
        return;
    sched_submit(&sched, &tasks[2]);
    await(4);
    sched_stop(&sched);
}

/* Stops at once: what was submitted before is run all the same. */
static void submit_and_stop(int self)
{
    if (is_worker(self))
        return;
    sched_submit(&sched, &tasks[0]);
    sched_submit(&sched, &tasks[1]);
    sched_stop(&sched);
}

static void say_quiet(void *user) { store_seq(&quiet, true); }

static void two_workers_quiet(void)
{
    setup(2, run_simply);
    sched.all_asleep = say_quiet;
}

/* Somebody says so when all have fallen asleep. */
static void await_quiet(int self)
{
    if (is_worker(self))
        return;
    sched_submit(&sched, &tasks[0]);
    await(1);
    store_seq(&quiet, false);
    sched_submit(&sched, &tasks[1]);
    await(2);
    while (!load_seq(&quiet))
        mc_spin();
    sched_stop(&sched);
}

/* ---- afterwards ---- */

static void each_ran(uint32_t count, uint32_t times)
{
    for (uint32_t i = 0; i < count; i++)
        mc_assert(load_relaxed(&runs[i]) == times);
    mc_assert(inject_is_empty(&sched.crew.injected));
    uint32_t searching = 0;
    for (uint32_t i = 0; i < sched.crew.count; i++)
        searching += sched.crew.workers[i].searching;
    mc_assert(load_relaxed(&sched.crew.idle.searching) == searching);
}

static void two_ran(void) { each_ran(2, 1); }
static void three_ran(void) { each_ran(3, 1); }
static void four_ran(void) { each_ran(4, 1); }
static void two_ran_twice(void) { each_ran(2, 2); }

#define CHECK .bounds = {.preemptions = 2, .stale = 1}
#define DEEP .deep = {.preemptions = 3, .stale = 2}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {.name = "idle: one worker, two tasks",
         .threads = 2, .setup = one_worker, .thread = submit_two, .final = two_ran,
         .switched = switched, .unordered_stores = true, CHECK, DEEP},
        {.name = "idle: one worker, two who submit",
         .threads = 3, .setup = one_worker, .thread = submit_one_each, .final = two_ran,
         .switched = switched, .unordered_stores = true, CHECK, DEEP},
        {.name = "idle: one worker, tasks that come again",
         .threads = 2, .setup = one_worker_requeue, .thread = submit_two,
         .final = two_ran_twice, .switched = switched, .unordered_stores = true, CHECK, DEEP},
        {.name = "idle: two workers, stopped at once",
         .threads = 3, .setup = two_workers, .thread = submit_and_stop,
         .final = two_ran, .switched = switched, .unordered_stores = true, CHECK, DEEP},
        {.name = "idle: two injected tasks that need both workers",
         .threads = 3, .setup = two_workers_together, .thread = submit_two,
         .final = two_ran, .switched = switched, .unordered_stores = true, CHECK, DEEP},
        {.name = "idle: two woken tasks that need both workers",
         .threads = 3, .setup = two_workers_both, .thread = submit_third,
         .final = three_ran, .switched = switched, .unordered_stores = true, CHECK, DEEP},
        {.name = "idle: more tasks than the ring has room for",
         .threads = 3, .setup = two_workers_many, .thread = submit_many,
         .final = four_ran, .switched = switched, .unordered_stores = true, CHECK, DEEP},
        {.name = "idle: the last to fall asleep says so",
         .threads = 3, .setup = two_workers_quiet, .thread = await_quiet,
         .final = two_ran, .switched = switched, .unordered_stores = true, CHECK, DEEP},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
