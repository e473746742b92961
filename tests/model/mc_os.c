/* mc_os.c: what the runtime's sources find below them in the explorer: sleeping, panics.
 *
 * Instead of base/park.c, base/panic.c and base/thread.c. */
#include "base/limits.h"
#include "base/panic.h"
#include "base/park.h"
#include "base/topology.h"
#include "mc.h"

void park_wait(struct park_word *word, uint32_t expected, int64_t timeout_ns)
{
    mc_futex_wait(&word->value.v, sizeof word->value.v, expected, timeout_ns >= 0);
}

void park_wake(struct park_word *word, int threads)
{
    mc_futex_wake(&word->value.v, threads);
}

void panic(const char *file, int line, const char *what) { mc_fail(file, line, what); }

/* base/thread.h and pthreads: the compiler is told these names for theirs. */
void thread_yield(void);
bool thread_has_barrier(void);
void thread_barrier_everywhere(void);
uint32_t thread_cpu(void);
uint64_t thread_preemptions(void);
int mc_mutex_lock(void *mutex);
int mc_mutex_unlock(void *mutex);

void thread_yield(void) { mc_spin(); }
bool thread_has_barrier(void) { return true; }
void thread_barrier_everywhere(void) { mc_barrier(); }
uint32_t thread_cpu(void) { return 0; }
uint64_t thread_preemptions(void) { return 0; }

/* base/limits.h: there is one for everybody. */
uint32_t limits_cpus(void) { return UINT32_MAX; }

/* base/topology.h: all CPUs are alike. */
void topology_read(struct topology *t) {}
uint32_t topology_distance(const struct topology *t, uint32_t a, uint32_t b)
{
    return 0;
}

/* A mutex is one word in the user's. */
int mc_mutex_lock(void *mutex)
{
    while (mc_exchange(mutex, sizeof(uint32_t), 1, MC_ACQUIRE) != 0)
        mc_spin();
    return 0;
}

int mc_mutex_unlock(void *mutex)
{
    mc_store(mutex, sizeof(uint32_t), 0, MC_RELEASE);
    return 0;
}
