/* raises.c: calls raised by many threads and by signal handlers that interrupt them: none
 * is lost, none is made twice, and what was done before it is seen. */
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/apply.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 4 };

typedef struct {
    uint64_t number;
} word;
CADRE_TYPE(word);

/* Of the scenario that is running. */
static struct {
    uint64_t size;
    cadre_system *system;
    _Atomic(cadre_raise *) shared;
    atomic_uint_fast64_t wanted, seen, calls, accepted, refused, told;
    atomic_bool over;
} scene;

static void ignore_log(void *user, int level, const char *line) {}

static int nothing(cadre_self *self, void *state, cadre_msg *m) { return 0; }
static const cadre_class root_class = {.name = "root", .receive = nothing};

static int see(cadre_self *self, void *state, void *arg)
{
    /* Relaxed: it is the raise that makes it seen. */
    uint64_t wanted = atomic_load_explicit(&scene.wanted, memory_order_relaxed);
    atomic_store_explicit(&scene.seen, wanted, memory_order_relaxed);
    atomic_fetch_add(&scene.calls, 1);
    return 0;
}

static cadre_raise *new_raise(void)
{
    cadre_raise *raise = NULL;
    CHECK_EQ(cadre_raise_new(&raise, scene.system, cadre_system_root(scene.system), see,
                             NULL),
             0);
    return raise;
}

static void begin(uint64_t size)
{
    cadre_config config = {.workers = 2, .log = ignore_log};
    scene.size = size;
    CHECK_EQ(cadre_system_new(&scene.system, &config, &root_class, NULL), 0);
    atomic_store(&scene.wanted, 0);
    atomic_store(&scene.seen, 0);
    atomic_store(&scene.calls, 0);
    atomic_store(&scene.accepted, 0);
    atomic_store(&scene.refused, 0);
    atomic_store(&scene.told, 0);
    atomic_store(&scene.over, false);
    atomic_store(&scene.shared, new_raise());
}

static void run_threads(void *(*run)(void *), pthread_t threads[THREADS])
{
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, run, NULL), 0);
}

static void join_threads(pthread_t threads[THREADS])
{
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* All that was accepted has been called. */
static void end(void)
{
    cadre_counters c = {0};
    while (atomic_load(&scene.calls) < atomic_load(&scene.accepted))
        sched_yield();
    cadre_raise_free(atomic_load(&scene.shared));
    cadre_system_stop(scene.system);
    CHECK_EQ(cadre_system_wait(scene.system), 0);
    CHECK_EQ(cadre_stats(scene.system, &c), 0);
    CHECK_EQ(c.handled, atomic_load(&scene.accepted) + atomic_load(&scene.told));
    CHECK_EQ(c.accepted, c.handled);
    CHECK_EQ(atomic_load(&scene.calls), atomic_load(&scene.accepted));
    CHECK_EQ(cadre_system_free(scene.system), 0);
}

static void raise_shared(void)
{
    int err = cadre_raise_now(atomic_load(&scene.shared));
    CHECK(err == 0 || err == -EALREADY);
    if (err == 0)
        atomic_fetch_add(&scene.accepted, 1);
}

/* ---- one raise, many threads ---- */

static void *want(void *arg)
{
    for (uint64_t i = 0; i < scene.size; i++) {
        atomic_fetch_add_explicit(&scene.wanted, 1, memory_order_relaxed);
        raise_shared();
    }
    return NULL;
}

static void last_is_seen(uint64_t size)
{
    pthread_t threads[THREADS];
    begin(size);
    run_threads(want, threads);
    join_threads(threads);
    while (atomic_load(&scene.seen) < THREADS * size) /* lost: this hangs */
        sched_yield();
    end();
}

/* ---- each its own, freed at once ---- */

static void *raise_and_free(void *arg)
{
    for (uint64_t i = 0; i < scene.size; i++) {
        cadre_raise *raise = new_raise();
        CHECK_EQ(cadre_raise_now(raise), 0);
        atomic_fetch_add(&scene.accepted, 1);
        cadre_raise_free(raise);
    }
    return NULL;
}

static void freed_under_way(uint64_t size)
{
    pthread_t threads[THREADS];
    begin(size / 4);
    run_threads(raise_and_free, threads);
    join_threads(threads);
    end();
}

/* ---- while the system ends, and afterwards ---- */

static void *raise_until_over(void *arg)
{
    while (!atomic_load(&scene.over)) {
        cadre_raise *raise = new_raise();
        if (cadre_raise_now(atomic_load(&scene.shared)) == 0)
            atomic_fetch_add(&scene.accepted, 1);
        int err = cadre_raise_now(raise);
        atomic_fetch_add(err ? &scene.refused : &scene.accepted, 1);
        CHECK(err == 0 || err == -ESHUTDOWN);
        cadre_raise_free(raise);
    }
    return NULL;
}

static void while_stopping(uint64_t size)
{
    for (uint64_t round = 0; round < size / 400 + 5; round++) {
        pthread_t threads[THREADS];
        cadre_counters c = {0};
        begin(size);
        run_threads(raise_until_over, threads);
        while (atomic_load(&scene.accepted) < 50)
            sched_yield();
        cadre_system_stop(scene.system);
        CHECK_EQ(cadre_system_wait(scene.system), 0);
        while (atomic_load(&scene.refused) < 50)
            sched_yield();
        atomic_store(&scene.over, true);
        join_threads(threads);
        CHECK_EQ(cadre_system_free(scene.system), -EBUSY);
        cadre_raise_free(atomic_load(&scene.shared));
        CHECK_EQ(cadre_stats(scene.system, &c), 0);
        CHECK_EQ(c.handled, atomic_load(&scene.calls));
        CHECK_EQ(c.accepted, c.handled + c.dead);
        CHECK(c.accepted <= atomic_load(&scene.accepted));
        CHECK_EQ(cadre_system_free(scene.system), 0);
    }
}

/* ---- in signal handlers, wherever the thread is ---- */

static void on_signal(int which)
{
    int before = errno;
    if (cadre_raise_now(atomic_load(&scene.shared)) == 0)
        atomic_fetch_add(&scene.accepted, 1);
    if (errno != before)
        atomic_fetch_add(&scene.accepted, UINT32_MAX); /* so that the sums are wrong */
}

static void *tell_and_raise(void *arg)
{
    while (!atomic_load(&scene.over)) {
        CHECK_EQ(cadre_tell(scene.system, cadre_system_root(scene.system), word, 1), 0);
        atomic_fetch_add(&scene.told, 1);
        raise_shared();
    }
    return NULL;
}

static void interrupted(uint64_t size)
{
    struct sigaction action = {.sa_handler = on_signal}, before;
    pthread_t threads[THREADS];
    begin(size);
    CHECK_EQ(sigaction(SIGUSR1, &action, &before), 0);
    run_threads(tell_and_raise, threads);
    for (uint64_t i = 0; i < size; i++) {
        CHECK_EQ(pthread_kill(threads[i % THREADS], SIGUSR1), 0);
        if (i % 16 == 0)
            sched_yield();
    }
    atomic_store(&scene.over, true);
    join_threads(threads);
    end();
    CHECK_EQ(sigaction(SIGUSR1, &before, NULL), 0);
}

static const struct {
    const char *name;
    void (*run)(uint64_t size);
} scenarios[] = {{"last_is_seen", last_is_seen},
                 {"freed_under_way", freed_under_way},
                 {"while_stopping", while_stopping},
                 {"interrupted", interrupted}};

int main(int argc, char **argv)
{
    uint64_t size = effort(20000, 2000000);
    const struct option_entry options[] = {{"raises", &size, NULL, "by each thread"},
                                           {0}};
    options_read(argc, argv, "no raise is lost", options);
    for (unsigned i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        double start = effort_clock();
        verdict_begin(effort_is_long() ? 3600 : 120, "--raises %" PRIu64, size);
        scenarios[i].run(size);
        bool ok = verdict_end();
        printf("%s: %s, %" PRIuFAST64 " calls, %.2f s\n", scenarios[i].name,
               ok ? "ok" : "FAILED", atomic_load(&scene.calls), effort_clock() - start);
    }
    return verdict_print();
}
