/* workers.h: the scheduler for models: its worker threads are the model's.
 *
 * The real files from sched.c down, with a heap of the explorer's memory. Workers come
 * first, as threads 1 .. count; the others are outside. */
#ifndef MODEL_WORKERS_H
#define MODEL_WORKERS_H

#include "base/probe.h"
#include "base/sigstack.h"
#include "sched/sched.h"

enum { WORKERS_MAX = 3 };

/* ---- base/thread.h ---- */

static struct {
    void *(*run)(void *);
    void *arg;
    ATOMIC(bool) ended;
} threads[WORKERS_MAX];
static int thread_count;

int thread_start(struct thread *thread, const char *name, void *(*run)(void *),
                 void *arg)
{
    threads[thread_count].run = run;
    threads[thread_count].arg = arg;
    atomic_set(&threads[thread_count].ended, false);
    thread->id = (pthread_t)thread_count++;
    return 0;
}

void thread_join(struct thread *thread)
{
    while (!load_acquire(&threads[(size_t)thread->id].ended))
        mc_spin();
}

/* ---- base/sigstack.h, base/probe.h: nobody wants either ---- */

void sigstack_run(void (*run)(void *arg), void *arg) { run(arg); }
void probe_open(struct probe *probe) {}
void probe_close(void) {}

/* True: this thread was a worker. */
static bool be_worker(int self)
{
    if (self > thread_count)
        return false;
    threads[self - 1].run(threads[self - 1].arg);
    store_release(&threads[self - 1].ended, true);
    return true;
}

/* All fibers share one thread-local "current worker". */
static struct worker *current_of[MC_THREADS_MAX + 1];
static int running;

static void switched(int to)
{
    current_of[running] = worker_enter(current_of[to]);
    running = to;
}

/* ---- sched/fiber.h: nobody suspends ---- */

static void (*loop_of_threads)(struct worker *worker);

int fiber_init(struct crew *crew, struct heap *heap, bool stepped,
               void (*loop)(struct worker *worker))
{
    loop_of_threads = loop;
    return 0;
}

void fiber_fini(struct crew *crew, struct heap *heap) {}

void fiber_loop(struct worker *worker) { loop_of_threads(worker); }

uint32_t fiber_step(struct worker *worker, uint32_t max)
{
    return worker->crew->run(worker, max);
}

/* ---- other things below ---- */

static int64_t model_time; /* passes when a model says so */
int64_t clock_now(const struct clock *clock) { return model_time; }

static void *from_arena(void *user, void *old, size_t old_size, size_t new_size)
{
    if (new_size)
        return mc_alloc(new_size);
    mc_free(old, old_size);
    return NULL;
}

static void name_worker(const struct sched *s, uint32_t i)
{
    static const char *const bed[] = {"bed 0", "bed 1", "bed 2"};
    static const char *const word[] = {"word 0", "word 1", "word 2"};
    static const char *const names[] = {"worker 0", "worker 1", "worker 2"};
    struct worker *w = &s->crew.workers[i];
    mc_name(&s->beds[i].arrivals, 8, bed[i]);
    mc_name(&s->beds[i].word, 4, word[i]);
    mc_name(w, sizeof *w, names[i]);
    mc_quiet(&w->turns, 3 * sizeof(uint64_t)); /* statistics */
    mc_quiet(&w->events, sizeof w->events);
    mc_quiet(&s->beds[i].parks, sizeof(uint64_t));
}

/* Makes and starts the workers. Whatever waits is worth sharing, where the models shrink
 * SLICE_WINDOW_MAX: as if every message took long. */
static void start_workers(struct sched *s, struct heap *heap, uint32_t count,
                          uint32_t (*run)(struct worker *, uint32_t))
{
    running = thread_count = 0;
    model_time = 1;
    for (int i = 0; i <= MC_THREADS_MAX; i++)
        current_of[i] = NULL;
    worker_enter(NULL);
    mc_assert(sched_init(s, heap, SCHED_THREADS, count, false, 1) == 0);
    s->crew.run = run;
    for (uint32_t i = 0; i < count; i++)
        name_worker(s, i);
    mc_name(&s->crew.idle.wants, 4, "wants");
    mc_name(&s->crew.idle.watch, 4, "watch");
    mc_name(&s->crew.idle.mask, 8, "mask");
    mc_quiet(&s->crew.scopes.begun, sizeof s->crew.scopes.begun); /* there are none */
    mc_name(&s->crew.stopping, 1, "stopping");
    mc_assert(sched_start(s) == 0);
}

#endif
