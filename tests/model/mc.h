/* mc.h: runs the runtime's own source files in every order that C11 allows.
 *
 * The sources are compiled with -DRT_MC, which makes base/atomic.h name the functions
 * below instead of C11 atomics. A model is a small program around them: a set-up, a few
 * threads, a final check. mc_main runs it again and again, each time with another
 * combination of choices, until there is none left within the bounds:
 *
 *   which thread goes on   before every atomic operation; a switch away from a thread
 *                          that could have gone on counts as a preemption
 *   what a load returns    any store that C11 lets it see; one that is not the newest
 *                          counts as a stale read
 *   mc_choose              the model's own
 *
 * Most bugs need very few preemptions (Musuvathi and Qadeer, PLDI 2007), so that
 * exploring everything up to two or three of them says much more than its size suggests.
 *
 * What is found, each reported with the whole execution:
 *   - a failed mc_assert, or a panic of the runtime;
 *   - a data race: plain_read and plain_write, atomic_set, mc_free, and what the models
 *     mark with mc_plain_read and mc_plain_write, without a happens-before between them;
 *   - use after mc_free;
 *   - a lost wake-up: nobody can go on, or all that could are spinning for good;
 *   - unordered stores to one atomic (see the limits).
 *
 * The memory. Every atomic object has its history of stores, in the order of the
 * execution. Every thread has a view: the oldest store of each object that it may still
 * read, and a vector clock. A store takes along the view that its order entitles it to;
 * an acquire load joins it to the reader's; fences move views between a thread's
 * released, current and to-be-acquired ones; sequentially consistent fences go through
 * one global view, and sequentially consistent loads never see past the last such store.
 * This is C11 as amended by C++20 (P0668, P0982). Test_litmus.c holds it to that.
 * A barrier in all threads orders the atomic objects of the others, but not what they
 * access plainly: it may fall between a thread's plain access and the operation before.
 *
 * Limits, on purpose. A load never returns a store that comes later in the execution
 * (no load buffering). Stores to one object are ordered as they are executed: where two
 * threads store without RMW and without happens-before, other orders would be possible,
 * and the model fails unless it says that it knows (unordered_stores). Objects are known
 * by address: overlapping objects of different size or address are not connected. Plain
 * accesses that are not marked are not seen.
 *
 * Waiting. A loop that waits calls mc_spin (cpu_relax): it goes on when something has
 * changed that it has read, so that waiting costs no choices. A stale value does not stay
 * for ever: what was read stale before mc_spin is read anew after it. When nobody can go
 * on, those who spin do, because a bounded loop may be about to give up. Futexes sleep
 * for real. A model that sets `spurious` lets some of either end early.
 *
 * Memory is as the model's set-up makes it for each execution, or comes from mc_alloc,
 * which gives the same addresses every time; libc's heap is not for models. Objects need
 * no declaration: the first access finds the value in memory, and memory always holds the
 * newest store. Static variables of the runtime are the model's to reset. All threads
 * share one thread-local storage: a model whose code has some restores it in `switched`.
 *
 * Arguments of a model program: -n NAME runs only tests with this in their name, -p N
 * and -s N override their bounds (preemptions, stale reads), -l takes the deep bounds, -t
 * shows an execution that fails also where it is to fail, -b shows none and ends with the
 * first failure, -f leaves out no equivalent execution. Exit status: 0 as expected, 1 a
 * failure was found, 2 the model itself is at fault (limits, not deterministic).
 *
 * run.sh builds and runs them all; mutants.awk says how the faults are written down that
 * each model must notice. */
#ifndef MC_H
#define MC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what base/atomic.h calls ---- */

enum mc_order { MC_RELAXED, MC_ACQUIRE, MC_RELEASE, MC_ACQ_REL, MC_SEQ };

#define MC_U64(x) ((uint64_t)(x))
#define MC_NEG(x) (UINT64_C(0) - (uint64_t)(x))

uint64_t mc_load(const void *p, size_t size, enum mc_order order);
void mc_store(void *p, size_t size, uint64_t value, enum mc_order order);
uint64_t mc_exchange(void *p, size_t size, uint64_t value, enum mc_order order);
uint64_t mc_add(void *p, size_t size, uint64_t value, enum mc_order order);
uint64_t mc_or(void *p, size_t size, uint64_t value, enum mc_order order);
uint64_t mc_and(void *p, size_t size, uint64_t value, enum mc_order order);
/* Strong. On failure *expected is what was seen, which may be stale. */
bool mc_cas(void *p, size_t size, uint64_t *expected, uint64_t value, enum mc_order ok,
            enum mc_order fail);
void mc_fence_order(enum mc_order order);
#define mc_fence() mc_fence_order(MC_SEQ)
/* All threads pass a sequentially consistent fence, wherever they are: membarrier(2). */
void mc_barrier(void);
void mc_spin(void);

/* Call before the access itself; its happens-before is checked. */
void mc_plain_read(const void *p, size_t size);
void mc_plain_write(void *p, size_t size);
/* Memory was initialised without an atomic operation: its history starts anew. */
void mc_forget(void *p, size_t size);

/* The place in the source that the next operation is reported with. */
void mc_here(const char *file, int line);
/* Weaker than anything that base/atomic.h offers: for mutants to put in its place. */
#define exchange_relaxed(p, x)                                                         \
    ((AT_TYPE(p))mc_exchange(AT_ARGS(p), MC_U64(x), MC_RELAXED))
#define exchange_release(p, x)                                                         \
    ((AT_TYPE(p))mc_exchange(AT_ARGS(p), MC_U64(x), MC_RELEASE))
#define cas_relaxed(p, e, x) MC_CAS(p, e, x, MC_RELAXED, MC_RELAXED)
#define cas_acquire(p, e, x) MC_CAS(p, e, x, MC_ACQUIRE, MC_ACQUIRE)
#define cas_release(p, e, x) MC_CAS(p, e, x, MC_RELEASE, MC_RELAXED)
#define fetch_sub_relaxed(p, x) ((AT_TYPE(p))mc_add(AT_ARGS(p), MC_NEG(x), MC_RELAXED))
#define fetch_or_relaxed(p, x) ((AT_TYPE(p))mc_or(AT_ARGS(p), MC_U64(x), MC_RELAXED))
#define fetch_and_relaxed(p, x) ((AT_TYPE(p))mc_and(AT_ARGS(p), MC_U64(x), MC_RELAXED))

/* ---- what models call ---- */

/* 0 .. n-1, every one of them in some execution. */
int mc_choose(int n);
void mc_fail(const char *file, int line, const char *what)
    __attribute__((noreturn, cold));
#define mc_assert(cond) ((cond) ? (void)0 : mc_fail(__FILE__, __LINE__, #cond))

/* Who runs: 1 .. threads, or 0 in set-up and final. */
int mc_self(void);

/* Sleeps while *p is expected; a timed one also wakes when nobody else can go on, or, as
 * often as the bounds say, at once. */
void mc_futex_wait(void *p, size_t size, uint64_t expected, bool timed);
void mc_futex_wake(void *p, int threads);

/* Zeroed memory that nobody had before in this execution. */
void *mc_alloc(size_t size);
/* Must come after all accesses, and none may follow. */
void mc_free(void *p, size_t size);

/* For traces. name must outlive the run. */
void mc_name(const void *p, size_t size, const char *name);
/* A line in the trace. */
void mc_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Accesses to statistics and the like need no switch of threads before them. */
void mc_quiet(const void *p, size_t size);

enum { MC_THREADS_MAX = 6 };

struct mc_bounds {
    int preemptions;
    int stale;               /* stale reads in one execution */
    int spurious;            /* sleeps and waits in one that end by themselves */
    int timeouts;            /* timed sleeps in one that end while others can go on */
    uint64_t max_executions; /* 0: no limit. Reaching it is reported, no failure */
};

struct mc_test {
    const char *name;
    int threads;
    void (*setup)(void);
    void (*thread)(int self); /* 1 .. threads */
    void (*final)(void);      /* after all threads have ended; may be NULL */
    void (*switched)(int to); /* another thread goes on; may be NULL */
    struct mc_bounds bounds;  /* for every run of the tests */
    struct mc_bounds deep;    /* for the long one; all zero: the same */
    bool unordered_stores;
    const char *fails; /* it must fail, saying this; NULL: it must not */
};

/* All of them say where they stand. */
#ifndef MC_ENGINE
#define MC_HERE(call) (mc_here(__FILE__, __LINE__), call)
#define mc_load(...) MC_HERE(mc_load(__VA_ARGS__))
#define mc_store(...) MC_HERE(mc_store(__VA_ARGS__))
#define mc_exchange(...) MC_HERE(mc_exchange(__VA_ARGS__))
#define mc_add(...) MC_HERE(mc_add(__VA_ARGS__))
#define mc_or(...) MC_HERE(mc_or(__VA_ARGS__))
#define mc_and(...) MC_HERE(mc_and(__VA_ARGS__))
#define mc_cas(...) MC_HERE(mc_cas(__VA_ARGS__))
#define mc_fence_order(...) MC_HERE(mc_fence_order(__VA_ARGS__))
#define mc_barrier(...) MC_HERE(mc_barrier(__VA_ARGS__))
#define mc_spin(...) MC_HERE(mc_spin(__VA_ARGS__))
#define mc_plain_read(...) MC_HERE(mc_plain_read(__VA_ARGS__))
#define mc_plain_write(...) MC_HERE(mc_plain_write(__VA_ARGS__))
#define mc_forget(...) MC_HERE(mc_forget(__VA_ARGS__))
#define mc_free(...) MC_HERE(mc_free(__VA_ARGS__))
#define mc_note(...) MC_HERE(mc_note(__VA_ARGS__))
#endif

/* Runs the tests as the arguments say; prints a line for each. Returns an exit status. */
int mc_main(int argc, char **argv, const struct mc_test *tests, size_t count);

#endif
