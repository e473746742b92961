/* test_idle.c: workers on threads: no work is forgotten while they fall asleep and wake.
 *
 * The real scheduler from sched_submit down to the futex. Some tasks wait for another
 * one, which must then be run by another worker: whoever could have been woken for it
 * must have been. */
#include "sched/sched.h"

enum { WORKERS_MAX = 2, TASKS = 8, STARTER = 7 };

static struct sched sched;
static struct heap heap;

/* ---- base/thread.h: the worker threads are the model's ---- */

static struct {
    void *(*run)(void *);
    void *arg;
    ATOMIC(bool) ended;
} threads[WORKERS_MAX];
static int start_count;

int thread_start(struct thread *thread, const char *name, void *(*run)(void *),
                 void *arg)
{
    threads[start_count].run = run;
    threads[start_count].arg = arg;
    atomic_set(&threads[start_count].ended, false);
    thread->id = (pthread_t)start_count++;
    return 0;
}

void thread_join(struct thread *thread)
{
    while (!load_acquire(&threads[(size_t)thread->id].ended))
        mc_spin();
}

static void be_worker(int self)
{
    threads[self - 1].run(threads[self - 1].arg);
    store_release(&threads[self - 1].ended, true);
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
static uint32_t expected; /* how many are to be done */
static ATOMIC(bool) finished, quiet;

static uint32_t count_run(const struct task *task)
{
    return fetch_add_acq_rel(&runs[task - tasks], 1) + 1;
}

static void finish(void)
{
    if (fetch_add_acq_rel(&done, 1) + 1 == expected)
        store_release(&finished, true);
}

static void run_simply(struct task *task, struct worker *worker)
{
    (void)count_run(task);
    finish();
}

/* Tasks 0 and 1 each wait until the other one runs too. */
static void run_together(struct task *task, struct worker *worker)
{
    (void)count_run(task);
    while (load_acquire(&runs[1 - (task - tasks)]) == 0)
        mc_spin();
    finish();
}

/* Comes again once. */
static void run_twice(struct task *task, struct worker *worker)
{
    if (count_run(task) == 1)
        worker_requeue(worker, task);
    else
        finish();
}

/* Makes all the others runnable. */
static void run_starter(struct task *task, struct worker *worker)
{
    for (uint32_t i = 0; i + 1 < expected; i++)
        worker_push(worker, &tasks[i]);
    run_simply(task, worker);
}

/* ---- set-up ---- */

static void *from_arena(void *user, void *old, size_t old_size, size_t new_size)
{
    return new_size ? mc_alloc(new_size) : NULL;
}

static void name_all(uint32_t workers)
{
    mc_name(&sched.crew, sizeof sched.crew, "crew");
    mc_name(&sched.crew.idle.searching, 4, "searching");
    mc_name(&sched.crew.idle.mask, 8, "mask");
    mc_name(&sched.crew.stopping, 1, "stopping");
    mc_name(&sched.crew.injected.inbox, 8, "inbox");
    mc_name(&sched.crew.injected.taking, 1, "taking");
    mc_name(&sched.crew.injected.oldest, 8, "oldest");
    for (uint32_t i = 0; i < workers; i++) {
        struct worker *w = &sched.crew.workers[i];
        mc_name(&sched.seats[i].word, 4, i ? "word 1" : "word 0");
        mc_name(&w->ring.head, 4, i ? "head 1" : "head 0");
        mc_name(&w->ring.tail, 4, i ? "tail 1" : "tail 0");
        mc_name(w->slots, sizeof w->slots, i ? "slots 1" : "slots 0");
        mc_quiet(&w->turns, 3 * sizeof(uint64_t)); /* statistics */
    }
    mc_name(tasks, sizeof tasks, "tasks");
    mc_name(&done, sizeof done, "done");
    mc_name(runs, sizeof runs, "runs");
}

static void setup(uint32_t workers, uint32_t count,
                  void (*run)(struct task *, struct worker *))
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
    tasks[STARTER].run = run_starter;
    atomic_set(&done, 0);
    atomic_set(&finished, false);
    atomic_set(&quiet, false);
    expected = count;
    name_all(workers);
}

static void one_worker(void) { setup(1, 2, run_simply); }
static void one_worker_again(void) { setup(1, 2, run_twice); }
static void two_workers(void) { setup(2, 2, run_simply); }
static void two_workers_together(void) { setup(2, 2, run_together); }

/* The starter is there before the workers look for the first time. */
static void started(uint32_t workers, uint32_t count,
                    void (*run)(struct task *, struct worker *))
{
    setup(workers, count, run);
    sched_submit(&sched, &tasks[STARTER]);
}

static void one_worker_many(void) { started(1, TASKS, run_simply); }
static void two_workers_woken(void) { started(2, 3, run_together); }
static void two_workers_stealing(void) { started(2, 5, run_simply); }

/* ---- threads ---- */

/* Workers come first; the rest is outside. */
static bool is_worker(int self)
{
    if ((uint32_t)self > sched.crew.count)
        return false;
    be_worker(self);
    return true;
}

static void await_and_stop(void)
{
    while (!load_acquire(&finished))
        mc_spin();
    sched_stop(&sched);
}

static void only_stop(int self)
{
    if (!is_worker(self))
        await_and_stop();
}

static void submit_two(int self)
{
    if (is_worker(self))
        return;
    sched_submit(&sched, &tasks[0]);
    sched_submit(&sched, &tasks[1]);
    await_and_stop();
}

static void submit_one_each(int self)
{
    if (is_worker(self))
        return;
    sched_submit(&sched, &tasks[self - 2]);
    if (self == 2)
        await_and_stop();
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
    setup(2, 1, run_simply);
    sched.all_asleep = say_quiet;
}

/* When all have fallen asleep after the last task, somebody says so. It may also be said
 * late, of the sleep before a task that comes from outside. */
static void await_quiet(int self)
{
    if (is_worker(self))
        return;
    sched_submit(&sched, &tasks[0]);
    while (!load_acquire(&finished))
        mc_spin();
    store_seq(&quiet, false);
    sched_submit(&sched, &tasks[1]);
    while (!load_seq(&quiet))
        mc_spin();
    sched_stop(&sched);
}

/* ---- afterwards ---- */

static void each_ran(uint32_t from, uint32_t to, uint32_t times)
{
    for (uint32_t i = 0; i < TASKS; i++)
        mc_assert(load_relaxed(&runs[i]) == (i >= from && i < to ? times : 0));
    mc_assert(inject_is_empty(&sched.crew.injected));
    uint32_t searching = 0;
    for (uint32_t i = 0; i < sched.crew.count; i++)
        searching += sched.crew.workers[i].searching;
    mc_assert(load_relaxed(&sched.crew.idle.searching) == searching);
}

static void two_ran(void) { each_ran(0, 2, 1); }
static void two_ran_twice(void) { each_ran(0, 2, 2); }
static void all_ran(void) { each_ran(0, TASKS, 1); }

static void starter_and_others(void)
{
    mc_assert(load_relaxed(&runs[STARTER]) == 1);
    store_relaxed(&runs[STARTER], 0);
    each_ran(0, expected - 1, 1);
}

#define TEST(text, n, set, run, end)                                                   \
    .name = "idle: " text, .threads = n, .setup = set, .thread = run, .final = end,    \
    .switched = switched, .unordered_stores = true /* `taking` is a lock */

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("one worker, two tasks", 2, one_worker, submit_two, two_ran),
         .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("one worker, a thread wakes early", 2, one_worker, submit_two, two_ran),
         .bounds = {.preemptions = 2, .stale = 0, .spurious = 1},
         .deep = {.preemptions = 3, .stale = 1, .spurious = 2}},
        {TEST("one worker, two who submit", 3, one_worker, submit_one_each, two_ran),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 3, .stale = 1}},
        {TEST("one worker, tasks that come again", 2, one_worker_again, submit_two,
              two_ran_twice),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("one worker, more tasks than the ring holds", 2, one_worker_many,
              only_stop, all_ran),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("two workers need each other, injected", 3, two_workers_together,
              submit_two, two_ran),
         .bounds = {.preemptions = 2, .stale = 0},
         .deep = {.preemptions = 2, .stale = 1}},
        {TEST("two workers need each other, woken", 3, two_workers_woken, only_stop,
              starter_and_others),
         .bounds = {.preemptions = 2, .stale = 0},
         .deep = {.preemptions = 2, .stale = 1}},
        {TEST("two workers, one steals", 3, two_workers_stealing, only_stop,
              starter_and_others),
         .bounds = {.preemptions = 2, .stale = 0},
         .deep = {.preemptions = 2, .stale = 1}},
        {TEST("two workers, the last to sleep says so", 3, two_workers_quiet,
              await_quiet, two_ran),
         .bounds = {.preemptions = 2, .stale = 0},
         .deep = {.preemptions = 2, .stale = 1}},
        {TEST("two workers, stopped at once", 3, two_workers, submit_and_stop, two_ran),
         .bounds = {.preemptions = 2, .stale = 0},
         .deep = {.preemptions = 2, .stale = 1}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
