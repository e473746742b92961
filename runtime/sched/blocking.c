/* blocking.c: threads for calls that block: bounded, on demand.
 *
 * Why no job is left behind. A thread is free from its start on, whenever it runs no
 * job. When there are more waiting jobs than free threads, submit starts another thread
 * if it may; else it wakes one. And a free thread ends, or sleeps, only when it has
 * looked under the lock and found nothing to do, whatever it was woken by: a wake-up
 * that meets a thread whose time is up just then is not lost, for that one looks. A
 * thread that was woken for a job which another one took, or which was cancelled, goes
 * back to those that sleep. */
#include "sched/blocking.h"

#include "base/panic.h"
#include "base/sigstack.h"

#include <cadre/base.h>

#include <errno.h>
#include <time.h>

static CC_THREAD_LOCAL const struct blocking_thread *thread_here;

static const int64_t second_ns = INT64_C(1000000000);

static size_t threads_size(const struct blocking *pool)
{
    return pool->limits.threads_max * sizeof(struct blocking_thread);
}

static void make_places(struct blocking *pool)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->calm, &attr);
    for (uint32_t i = 0; i < pool->limits.threads_max; i++) {
        struct blocking_thread *t = &pool->threads[i];
        t->pool = pool;
        pthread_cond_init(&t->wake, &attr);
        list_init(&t->idle);
    }
    pthread_condattr_destroy(&attr);
}

int blocking_init(struct blocking *pool, struct heap *heap,
                  const struct blocking_limits *limits)
{
    *pool = (struct blocking){.heap = heap, .limits = *limits};
    if (limits->idle_ns == 0)
        pool->limits.idle_ns = BLOCKING_IDLE_S * second_ns;
    if (limits->threads_max > 0) {
        void *threads;
        int err = heap_get_lines(heap, &threads, threads_size(pool));
        if (err)
            return err;
        pool->threads = threads;
    }
    make_places(pool);
    list_init(&pool->waiting);
    list_init(&pool->idle);
    pthread_mutex_init(&pool->lock, NULL);
    return 0;
}

void blocking_fini(struct blocking *pool)
{
    invariant(pool->stopping && pool->counters.threads == 0);
    for (uint32_t i = 0; i < pool->limits.threads_max; i++)
        pthread_cond_destroy(&pool->threads[i].wake);
    pthread_cond_destroy(&pool->calm);
    pthread_mutex_destroy(&pool->lock);
    heap_put_lines(pool->heap, pool->threads, threads_size(pool));
}

/* ---- jobs that wait; under the lock ---- */

static void append(struct blocking *pool, struct blocking_job *job)
{
    list_append(&pool->waiting, &job->link);
    pool->counters.waiting++;
    pool->counters.submitted++;
}

static void take_out(struct blocking *pool, struct blocking_job *job)
{
    list_remove(&job->link);
    pool->counters.waiting--;
}

/* Number nth of them, or NULL. */
static struct blocking_job *take(struct blocking *pool, uint32_t nth)
{
    if (nth >= pool->counters.waiting)
        return NULL;
    struct list *link = pool->waiting.next;
    while (nth-- > 0)
        link = link->next;
    struct blocking_job *job = container_of(link, struct blocking_job, link);
    take_out(pool, job);
    return job;
}

/* ---- a thread; under the lock, but for the run ---- */

static void run_job(struct blocking_thread *t, struct blocking_job *job)
{
    struct blocking *pool = t->pool;
    t->owner = job->owner;
    t->since_ns = clock_now(&pool->clock);
    t->runs = true;
    pool->counters.running++;
    pthread_mutex_unlock(&pool->lock);
    job->run(job);
    pthread_mutex_lock(&pool->lock);
    t->runs = false;
    pool->counters.running--;
    pool->counters.done++;
    if (pool->counters.running == 0)
        pthread_cond_broadcast(&pool->calm);
}

static struct timespec at(int64_t ns)
{
    return (struct timespec){ns / second_ns, ns % second_ns};
}

/* Sleeps until there is a job. NULL: it is time to end. */
static struct blocking_job *await_job(struct blocking_thread *thread)
{
    struct blocking *pool = thread->pool;
    struct timespec t = at(clock_now(&pool->clock) + pool->limits.idle_ns);
    int err = 0;
    while (!pool->stopping && pool->counters.waiting == 0 && err != ETIMEDOUT) {
        if (list_is_empty(&thread->idle)) /* else it was not woken by us */
            list_append(&pool->idle, &thread->idle);
        err = pthread_cond_timedwait(&thread->wake, &pool->lock, &t);
    }
    list_remove(&thread->idle);
    return pool->stopping ? NULL : take(pool, 0);
}

/* The one that fell asleep last, to be woken; or NULL. */
static struct blocking_thread *take_idle(struct blocking *pool)
{
    if (list_is_empty(&pool->idle))
        return NULL;
    struct blocking_thread *t =
        container_of(pool->idle.prev, struct blocking_thread, idle);
    list_remove(&t->idle);
    return t;
}

/* Joins those that have ended, which do not need the lock any more. */
static void join_ended(struct blocking *pool)
{
    for (uint32_t i = 0; i < pool->limits.threads_max; i++) {
        struct blocking_thread *t = &pool->threads[i];
        if (t->ended) {
            thread_join(&t->thread);
            t->started = t->ended = false;
        }
    }
}

/* A thread that ends joins those before it, so that a burst leaves one stack behind, not
 * all of them. Once stopping, joining is blocking_stop's. */
static void end(struct blocking_thread *t)
{
    invariant(list_is_empty(&t->idle)); /* or a wake-up would be lost on it */
    if (!t->pool->stopping)
        join_ended(t->pool);
    t->ended = true;
    t->pool->counters.threads--;
}

static void run_thread(void *arg)
{
    struct blocking_thread *t = arg;
    struct blocking *pool = t->pool;
    thread_here = t;
    pthread_mutex_lock(&pool->lock);
    for (struct blocking_job *job; (job = await_job(t));)
        run_job(t, job);
    end(t);
    pthread_mutex_unlock(&pool->lock);
}

static void *thread_main(void *arg)
{
    const struct blocking_thread *t = arg;
    if (t->pool->limits.has_sigstacks)
        sigstack_run(run_thread, arg);
    else
        run_thread(arg);
    return NULL;
}

/* There are fewer than there may be. */
static bool start_thread(struct blocking *pool)
{
    join_ended(pool);
    struct blocking_thread *t = pool->threads;
    while (t->started)
        t++;
    if (thread_start(&t->thread, pool->limits.name, thread_main, t) != 0)
        return false;
    t->started = true;
    pool->counters.threads++;
    return true;
}

/* ---- submit and cancel ---- */

static bool is_full(const struct blocking *pool)
{
    const struct blocking_counters *c = &pool->counters;
    uint64_t most = (uint64_t)pool->limits.threads_max + pool->limits.waiting_max;
    return (uint64_t)c->waiting + c->running >= most;
}

/* Would one more job have to wait though another thread may be started? */
static bool wants_thread(const struct blocking *pool)
{
    const struct blocking_counters *c = &pool->counters;
    return c->waiting >= c->threads - c->running &&
           c->threads < pool->limits.threads_max;
}

/* Finds a thread for one more job: *wake is to be woken, unless it is NULL. */
static int engage(struct blocking *pool, struct blocking_thread **wake)
{
    if (pool->stopping)
        return -ESHUTDOWN;
    if (is_full(pool))
        return CADRE_EFULL;
    if (pool->limits.threads_max == 0 || (wants_thread(pool) && start_thread(pool)))
        return 0;
    if (pool->counters.threads == 0)
        return -EAGAIN;
    *wake = take_idle(pool);
    return 0;
}

/* Wakes without the lock, which the thread takes first thing: else it would sleep again.
 * By then the place may be another thread's, for which that is one wake-up too many. */
int blocking_submit(struct blocking *pool, struct blocking_job *job)
{
    struct blocking_thread *wake = NULL;
    pthread_mutex_lock(&pool->lock);
    int err = engage(pool, &wake);
    if (err)
        pool->counters.refused++;
    else
        append(pool, job);
    pthread_mutex_unlock(&pool->lock);
    if (wake)
        pthread_cond_signal(&wake->wake);
    return err;
}

bool blocking_cancel(struct blocking *pool, struct blocking_job *job)
{
    pthread_mutex_lock(&pool->lock);
    bool waits = !list_is_empty(&job->link);
    if (waits) {
        take_out(pool, job);
        pool->counters.cancelled++;
    }
    pthread_mutex_unlock(&pool->lock);
    return waits;
}

/* ---- stop ---- */

static void drop_waiting(struct blocking *pool, void (*drop)(struct blocking_job *job))
{
    for (struct blocking_job *job; (job = take(pool, 0));) {
        pool->counters.dropped++;
        pthread_mutex_unlock(&pool->lock);
        drop(job);
        pthread_mutex_lock(&pool->lock);
    }
}

void blocking_stop(struct blocking *pool, void (*drop)(struct blocking_job *job))
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    for (struct blocking_thread *t; (t = take_idle(pool));)
        pthread_cond_signal(&t->wake);
    drop_waiting(pool, drop);
    pthread_mutex_unlock(&pool->lock);
    /* None is started or joined elsewhere any more, so `started` is ours. */
    for (uint32_t i = 0; i < pool->limits.threads_max; i++)
        if (pool->threads[i].started) {
            thread_join(&pool->threads[i].thread);
            pool->threads[i].started = false;
        }
}

/* ---- without threads ---- */

bool blocking_step(struct blocking *pool, uint32_t nth)
{
    pthread_mutex_lock(&pool->lock);
    struct blocking_job *job = take(pool, nth);
    pthread_mutex_unlock(&pool->lock);
    if (!job)
        return false;
    job->run(job);
    pthread_mutex_lock(&pool->lock);
    pool->counters.done++;
    pthread_mutex_unlock(&pool->lock);
    return true;
}

/* ---- what is going on ---- */

uint32_t blocking_waiting(struct blocking *pool)
{
    return blocking_count(pool).waiting;
}

void blocking_running(struct blocking *pool,
                      void (*visit)(void *user, uint64_t owner, int64_t for_ns),
                      void *user)
{
    pthread_mutex_lock(&pool->lock);
    int64_t now = clock_now(&pool->clock);
    for (uint32_t i = 0; i < pool->limits.threads_max; i++) {
        const struct blocking_thread *t = &pool->threads[i];
        if (t->runs)
            visit(user, t->owner, now - t->since_ns);
    }
    pthread_mutex_unlock(&pool->lock);
}

bool blocking_here(uint64_t *owner)
{
    const struct blocking_thread *t = thread_here;
    if (!t || !t->runs)
        return false;
    *owner = t->owner;
    return true;
}

bool blocking_await_calm(struct blocking *pool, int64_t until_ns)
{
    struct timespec t = at(until_ns);
    int err = 0;
    pthread_mutex_lock(&pool->lock);
    while (pool->counters.running > 0 && err != ETIMEDOUT)
        err = pthread_cond_timedwait(&pool->calm, &pool->lock, &t);
    bool is_calm = pool->counters.running == 0;
    pthread_mutex_unlock(&pool->lock);
    return is_calm;
}

struct blocking_counters blocking_count(struct blocking *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct blocking_counters counters = pool->counters;
    pthread_mutex_unlock(&pool->lock);
    return counters;
}
