/* shutdown.c: services on real threads that a SIGTERM meets at any moment.
 *
 * Each round serves a system whose actors pass jobs on without end; another thread sends
 * the signal after a while drawn from the seed. All that was sent was handled or stands
 * in the log, whatever the times for draining and for all were; with time enough nothing
 * is left. */
#include "support/dice.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre/offload.h>
#include <cadre/shutdown.h>
#include <cadre/timer.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ACTORS = 8, JOBS = 20, FOREVER_S = 600, LATE_MAX = 100 };

typedef struct {
    uint64_t serial;
} job;
CADRE_TYPE(job);
typedef struct {
    int nothing;
} pulse;
CADRE_TYPE(pulse);

static struct {
    atomic_bool stopped;
    atomic_bool over; /* it closes: no job is passed on any more */
    atomic_uint ready;
    atomic_ulong sent, handled, told, closings;
    cadre_ref actors[ACTORS];
    uint64_t wait;
    uint64_t reported, lines, jobs; /* of the log: after the end */
} scene;

/* ---- actors ---- */

typedef struct {
    cadre_promise promise;
} actor;

static int call(void *body) { return 0; }

static int answer(cadre_self *self, void *state, cadre_msg *m)
{
    actor *a = state;
    int err = cadre_answer(self, a->promise, pulse, 0);
    CHECK(err == 0 || err == -EALREADY);
    a->promise.token.id = 0;
    return 0;
}

static int pass_on(cadre_self *self)
{
    cadre_ref to = scene.actors[cadre_random(self) % ACTORS];
    int err = to.id != cadre_me(self).id && cadre_random(self) % 4 == 0
                  ? cadre_ask(self, NULL, to, CADRE_NEVER, job, 1)
                  : cadre_send(self, to, job, 1);
    atomic_fetch_add(&scene.sent, err == 0);
    return err;
}

static int on_job(cadre_self *self, actor *a, cadre_msg *m)
{
    cadre_token token;
    atomic_fetch_add(&scene.handled, 1);
    int err = atomic_load(&scene.over) ? 0 : pass_on(self);
    if (err || !m->token.id)
        return err;
    if (a->promise.token.id)
        return cadre_reply(self, m, pulse, 0);
    err = cadre_defer(self, m, &a->promise);
    if (!err && cadre_random(self) % 2)
        err = cadre_offload(self, &token, CADRE_POOL_USER, CADRE_NEVER, call, pulse, 0);
    else if (!err)
        err = cadre_after(self, &token, 1000, pulse, 0);
    return err ? err : cadre_then(self, token, answer);
}

static int receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, job))
        return on_job(self, state, m);
    if (cadre_body(m, cadre_closing)) {
        atomic_store(&scene.over, true);
        atomic_fetch_add(&scene.told, 1);
    }
    return 0;
}

static int start(cadre_self *self, void *state)
{
    int err = cadre_when_closing(self, NULL);
    atomic_fetch_add(&scene.closings, err == 0);
    return err ? err : cadre_every(self, NULL, 100000, pulse, 0);
}
static const cadre_class class = {
    .name = "actor", .state_size = sizeof(actor), .start = start, .receive = receive};

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < ACTORS; i++)
        err = cadre_spawn(self, &scene.actors[i], &class, NULL);
    for (int i = 0; !err && i < JOBS; i++)
        err = pass_on(self);
    atomic_store(&scene.ready, 1);
    return err;
}
static void root_stop(cadre_self *self, void *state, int reason)
{
    atomic_store(&scene.stopped, true);
}
static const cadre_class root = {
    .name = "root", .start = root_start, .receive = receive, .stop = root_stop};

/* ---- a round ---- */

static unsigned late;

static void read_line(void *user, int level, const char *line)
{
    unsigned long long count;
    if (sscanf(line, "shutdown: %llu message", &count) == 1) {
        scene.lines += count;
        scene.jobs += strstr(line, "of type job ") ? count : 0;
    }
    if (sscanf(line, "shutdown: messages left in all: %llu", &count) == 1)
        scene.reported += count;
}

/* To the process. ThreadSanitizer keeps a signal for whatever stack is in use when it
 * comes, and loses it if that is left for good: there it is for this thread. */
static int terminate(void)
{
#ifdef EFFORT_THREAD_SANITIZER
    return raise(SIGTERM);
#else
    return kill(getpid(), SIGTERM);
#endif
}

static void *send_signal(void *arg)
{
    while (atomic_load(&scene.ready) == 0)
        sched_yield();
    for (uint64_t i = 0; i < scene.wait; i++)
        (void)getppid();
    CHECK_EQ(terminate(), 0);
    return NULL;
}

/* Nothing touches the scene any more once the root has stopped; and without workers. */
static void await_stop(uint32_t workers)
{
    while (workers != CADRE_NO_WORKERS && !atomic_load(&scene.stopped))
        sched_yield();
    CHECK(++late < LATE_MAX);
}

static cadre_time some_time(struct dice *dice)
{
    return dice_once_in(dice, 3) ? FOREVER_S * CADRE_SECOND : dice_below(dice, 2000000);
}

static void play(uint64_t seed)
{
    static const uint32_t workers[] = {1, 2, 4, CADRE_NO_WORKERS};
    struct dice dice = dice_new(seed, 1);
    cadre_config config = {.workers = workers[dice_below(&dice, 4)], .log = read_line};
    pthread_t other;
    memset(&scene, 0, sizeof scene);
    scene.wait = dice_below(&dice, 1 + dice_below(&dice, 5000));
    cadre_time drain = some_time(&dice), grace = some_time(&dice);
    CHECK_EQ(pthread_create(&other, NULL, send_signal, NULL), 0);
    int reason = cadre_serve(&config, &root, NULL, drain, grace);
    CHECK_EQ(pthread_join(other, NULL), 0);
    if (reason == -ETIMEDOUT) { /* a busy machine; it is left behind */
        await_stop(config.workers);
        return;
    }
    if (reason != CADRE_EKILLED)
        CHECK_EQ(reason, 0);
    CHECK_EQ(scene.lines, scene.reported);
    CHECK_EQ(atomic_load(&scene.sent), atomic_load(&scene.handled) + scene.jobs);
    if (drain >= FOREVER_S * CADRE_SECOND && grace >= FOREVER_S * CADRE_SECOND) {
        CHECK_EQ(reason, 0);
        CHECK_EQ(scene.jobs, 0);
        CHECK_EQ(atomic_load(&scene.told), atomic_load(&scene.closings));
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, rounds = effort(400, 40000);
    const struct option_entry options[] = {
        {"seed", &seed, NULL, "the first"}, {"rounds", &rounds, NULL, "how many"}, {0}};
    options_read(argc, argv, "services that are ended at any moment", options);
    verdict_begin(120, "--seed %" PRIu64 " --rounds 1", seed);
    for (uint64_t i = 0; i < rounds && !verdict_has_failed(); i++) {
        verdict_again(120, "--seed %" PRIu64 " --rounds 1", seed + i);
        play(seed + i);
    }
    printf("%" PRIu64 " rounds, %u over too late%s\n", rounds, late,
           verdict_end() ? "" : ", FAILED");
    return verdict_print();
}
