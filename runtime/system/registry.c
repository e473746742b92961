/* registry.c: which systems live: refuses freed ones and those left by a fork. */
#include "system/registry.h"

#include "actor/self.h"
#include "base/atomic.h"

#include <errno.h>
#include <pthread.h>

static struct {
    ATOMIC(cadre_system *) system; /* under the lock; read by anybody */
    bool *orphaned;                /* under the lock, or in the child of a fork */
    uint32_t generation;           /* under the lock: the next system's first, less 1 */
} entries[REGISTRY_MAX + 1];       /* by tag; 0 stays empty */
static ATOMIC(uint32_t) used;      /* tags ever in use at a time */
static uint32_t last;              /* tag given out; under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* In the child of a fork, by its only thread, which may be a worker's copy. */
static void after_fork(void)
{
    for (uint32_t tag = 1; tag <= load_relaxed(&used); tag++)
        if (load_relaxed(&entries[tag].system))
            *entries[tag].orphaned = true;
    worker_forked();
    (void)self_leave();
    pthread_mutex_unlock(&lock);
}

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork_in_parent(void) { pthread_mutex_unlock(&lock); }

static void prepare_for_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork);
}

int registry_add(cadre_system *system, bool *orphaned, uint64_t *tag,
                 uint32_t *generation)
{
    int err = -EMFILE;
    pthread_once(&once, prepare_for_forks);
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; err && i < REGISTRY_MAX; i++) {
        /* Tags in turn, so that generations last. */
        uint32_t t = (last + i) % REGISTRY_MAX + 1;
        if (load_relaxed(&entries[t].system) ||
            entries[t].generation >= GENERATION_MAX / 2)
            continue;
        entries[t].orphaned = orphaned;
        store_release(&entries[t].system, system);
        if (t > load_relaxed(&used))
            store_release(&used, t);
        *tag = last = t;
        *generation = entries[t].generation + 1;
        err = 0;
    }
    pthread_mutex_unlock(&lock);
    return err;
}

void registry_remove(uint64_t tag, uint32_t generation)
{
    pthread_mutex_lock(&lock);
    entries[tag].generation = generation - 1;
    store_release(&entries[tag].system, NULL);
    pthread_mutex_unlock(&lock);
}

cadre_system *registry_of(uint64_t tag)
{
    return tag <= REGISTRY_MAX ? load_acquire(&entries[tag].system) : NULL;
}

void registry_lock(void) { pthread_mutex_lock(&lock); }
void registry_unlock(void) { pthread_mutex_unlock(&lock); }

bool registry_has(const cadre_system *system)
{
    uint32_t n = load_acquire(&used);
    for (uint32_t tag = 1; tag <= n; tag++)
        if (load_acquire(&entries[tag].system) == system)
            return system != NULL;
    return false;
}
