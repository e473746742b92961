/* thread.h: start, join and name a thread. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/cc.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct thread {
    pthread_t id;
};

/* Starts run(arg) on a thread with this name (at most 15 bytes count) and with every
 * signal blocked but the synchronous faults: the program's signals stay with the
 * program's threads. Returns 0 or -EAGAIN. */
CC_MUST_CHECK int thread_start(struct thread *thread, const char *name,
                               void *(*run)(void *), void *arg);
void thread_join(struct thread *thread);

/* The stack that a thread was started with; the guard is what lies below it and must not
 * be touched. All zero where nobody knows. */
struct thread_stack {
    uintptr_t low;
    size_t size, guard;
};
struct thread_stack thread_own_stack(void);

/* The CPU that this thread runs on; a hint. */
uint32_t thread_cpu(void);

/* Lets another thread run: the fallback of every bounded spin. */
void thread_yield(void);
/* How often this thread has lost its CPU to another one. */
uint64_t thread_preemptions(void);

/* Every running thread of this process passes a full memory barrier before this returns
 * (membarrier). Only where the kernel offers it: ask once, before any other thread needs
 * it. */
bool thread_has_barrier(void);
void thread_barrier_everywhere(void);

/* The per-thread settings that a handler must leave as it found them: signal mask and
 * floating-point rounding. */
struct thread_state {
    sigset_t mask;
    unsigned long rounding;
};
void thread_state_save(struct thread_state *state);
/* NULL when unchanged, else what changed, and puts it back. */
const char *thread_state_restore(const struct thread_state *state);

#endif
