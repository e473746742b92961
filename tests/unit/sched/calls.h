/* calls.h: for tests of a blocking pool: one pool, and calls that wait at a gate of their
 * own, so that the test decides what runs when. What runs on other threads does not
 * assert: it collects facts, or aborts. And threads are counted, and cannot be created
 * on demand. */
#ifndef SCHED_CALLS_H
#define SCHED_CALLS_H

#include "sched/blocking.h"

#include "support/support.h"

#include <dlfcn.h>
#include <errno.h>
#include <semaphore.h>
#include <signal.h>

/* ---- threads are counted, and cannot be created on demand ---- */

static atomic_bool creation_fails;
static atomic_uint created, joined;

int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                   void *(*run_it)(void *), void *arg)
{
    static int (*_Atomic real)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                               void *);
    if (!real) {
        void *found = dlsym(RTLD_NEXT, "pthread_create");
        int (*function)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
        memcpy(&function, &found, sizeof function);
        real = function;
    }
    if (atomic_load(&creation_fails))
        return EAGAIN;
    atomic_fetch_add(&created, 1);
    return real(thread, attr, run_it, arg);
}

int pthread_join(pthread_t thread, void **result)
{
    static int (*_Atomic real)(pthread_t, void **);
    if (!real) {
        void *found = dlsym(RTLD_NEXT, "pthread_join");
        int (*function)(pthread_t, void **);
        memcpy(&function, &found, sizeof function);
        real = function;
    }
    atomic_fetch_add(&joined, 1);
    return real(thread, result);
}

/* ---- a pool ---- */

enum { LONG = 3600, JOBS = 16, OWNERS = 1000 };

static struct heap heap;
static struct blocking pool;

static inline void make_pool_idle(uint32_t threads_max, uint32_t waiting_max,
                                  int64_t idle_ns)
{
    struct blocking_limits limits = {.name = "cadre-b-test",
                                     .threads_max = threads_max,
                                     .waiting_max = waiting_max,
                                     .idle_ns = idle_ns};
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    atomic_store(&created, 0);
    atomic_store(&joined, 0);
    assert_int_equal(blocking_init(&pool, &heap, &limits), 0);
}

static inline void make_pool(uint32_t threads_max, uint32_t waiting_max)
{
    make_pool_idle(threads_max, waiting_max, LONG * CADRE_SECOND);
}

/* Conservation, which holds at any time. */
static inline struct blocking_counters count(void)
{
    struct blocking_counters c = blocking_count(&pool);
    assert_int_equal(c.submitted,
                     c.done + c.cancelled + c.dropped + c.waiting + c.running);
    assert_true(c.running <= c.threads);
    assert_true(c.threads <= pool.limits.threads_max);
    return c;
}

static inline bool has_done(void *arg) { return count().done >= *(uint64_t *)arg; }
static inline void await_done(uint64_t jobs) { await_true(has_done, &jobs); }

static inline bool has_threads(void *arg)
{
    return count().threads == *(uint32_t *)arg;
}
static inline void await_threads(uint32_t threads)
{
    await_true(has_threads, &threads);
}

static inline void no_drop(struct blocking_job *job) { abort(); }

/* Nothing waits, and nothing is left behind. */
static inline void end_pool(void)
{
    blocking_stop(&pool, no_drop);
    struct blocking_counters c = count();
    assert_int_equal(c.waiting + c.running + c.threads, 0);
    assert_int_equal(created, joined);
    blocking_fini(&pool);
    assert_int_equal(load_relaxed(&heap.bytes), 0);
}

/* ---- jobs ---- */

struct call {
    struct blocking_job job;
    bool has_gate;
    sem_t gate;
    atomic_uint begun, ended, dropped;
    pthread_t thread;
    char name[16];
    sigset_t mask;
};

static struct call calls[JOBS];
static atomic_uint order[4 * JOBS], ordered; /* who began, by owner */

static inline void wait_at(sem_t *gate)
{
    while (sem_wait(gate) != 0) {
    }
}

static inline void run_call(struct blocking_job *job)
{
    struct call *c = container_of(job, struct call, job);
    order[atomic_fetch_add(&ordered, 1) % (4 * JOBS)] = (unsigned)job->owner;
    c->thread = pthread_self();
    pthread_getname_np(c->thread, c->name, sizeof c->name);
    pthread_sigmask(SIG_SETMASK, NULL, &c->mask);
    atomic_fetch_add(&c->begun, 1);
    if (c->has_gate)
        wait_at(&c->gate);
    atomic_fetch_add(&c->ended, 1);
}

static inline void drop_call(struct blocking_job *job)
{
    struct call *c = container_of(job, struct call, job);
    order[atomic_fetch_add(&ordered, 1) % (4 * JOBS)] = (unsigned)job->owner;
    if (blocking_cancel(&pool, job))
        abort();
    atomic_fetch_add(&c->dropped, 1);
    if (c->has_gate)
        wait_at(&c->gate);
}

static inline int make_calls(void **state)
{
    atomic_store(&ordered, 0);
    atomic_store(&creation_fails, false);
    for (unsigned i = 0; i < JOBS; i++) {
        memset(&calls[i], 0, sizeof calls[i]);
        sem_init(&calls[i].gate, 0, 0);
        blocking_job_init(&calls[i].job, run_call, OWNERS + i);
    }
    return 0;
}

static inline int submit(unsigned i) { return blocking_submit(&pool, &calls[i].job); }
static inline bool cancel(unsigned i) { return blocking_cancel(&pool, &calls[i].job); }

static inline void submit_all(unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++)
        assert_int_equal(submit(i), 0);
}

/* Submits one that goes on until it is let go, and waits until it has begun. */
static inline void occupy(unsigned i)
{
    calls[i].has_gate = true;
    assert_int_equal(submit(i), 0);
    await(&calls[i].begun, 1);
}

static inline void let_go(unsigned i) { sem_post(&calls[i].gate); }

/* Lets it go, and waits until its thread sleeps. */
static inline void finish(unsigned i)
{
    uint64_t done = count().done;
    let_go(i);
    await_done(done + 1);
}

static inline void assert_order(const unsigned *ids, unsigned n)
{
    assert_int_equal(ordered, n);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(order[i], OWNERS + ids[i]);
}
#define assert_began(...)                                                              \
    assert_order((const unsigned[]){__VA_ARGS__},                                      \
                 sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))

#endif
