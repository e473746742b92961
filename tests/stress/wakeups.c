/* wakeups.c: each message finds the workers on their way to sleep.
 *
 * A thread outside tells an actor something, waits until that is handled, and at a random
 * moment after that tells it the next thing. When a wake-up is lost, it was the last. */
#include "support/dice.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

enum { PAIRS_MAX = 3, MOMENTS = 512 };

typedef struct {
    uint64_t number;
} word;
CADRE_TYPE(word);

/* A thread and its actor. */
struct pair {
    pthread_t thread;
    cadre_system *system;
    struct dice dice;
    uint64_t times;
    _Atomic uint64_t actor;   /* its address */
    _Atomic uint64_t handled; /* the number of the last word */
};

static struct pair pairs[PAIRS_MAX];

static void ignore_log(void *user, int level, const char *line) {}

typedef struct {
    struct pair *pair;
} listener;

static int listener_start(cadre_self *self, void *state)
{
    atomic_store(&((listener *)state)->pair->actor, cadre_me(self).id);
    return 0;
}

static int listener_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct pair *p = ((listener *)state)->pair;
    uint64_t number = cadre_body(m, word)->number;
    CHECK_EQ(number, atomic_load(&p->handled) + 1);
    atomic_store(&p->handled, number);
    return 0;
}

static const cadre_class listener_class = {.name = "listener",
                                           .state_size = sizeof(listener),
                                           .start = listener_start,
                                           .receive = listener_receive};

static int root_start(cadre_self *self, void *state)
{
    int err = 0;
    for (int i = 0; !err && i < PAIRS_MAX; i++)
        err = cadre_spawn(self, NULL, &listener_class, &(listener){&pairs[i]});
    return err;
}

static int ignore(cadre_self *self, void *state, cadre_msg *m) { return 0; }

static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = ignore};

/* Gives the CPU away now and then, so that it works on one CPU too. */
static uint64_t await(const _Atomic uint64_t *counter, uint64_t least)
{
    uint64_t value = atomic_load(counter);
    for (uint32_t i = 1; value < least; i++) {
        if (i % 1024 == 0)
            sched_yield();
        value = atomic_load(counter);
    }
    return value;
}

static void *talk(void *arg)
{
    struct pair *p = arg;
    cadre_ref to = {await(&p->actor, 1)};
    for (uint64_t n = 1; n <= p->times; n++) {
        CHECK_EQ(cadre_tell(p->system, to, word, .number = n), 0);
        (void)await(&p->handled, n);
        for (uint32_t i = dice_below(&p->dice, MOMENTS); i > 0; i--)
            atomic_signal_fence(memory_order_seq_cst);
    }
    return NULL;
}

static void run(uint32_t workers, unsigned threads, uint64_t times)
{
    cadre_counters c = {0};
    cadre_system *sys;
    cadre_config config = {.workers = workers, .log = ignore_log};
    for (unsigned i = 0; i < PAIRS_MAX; i++)
        pairs[i] = (struct pair){.times = times, .dice = dice_new(times, i)};
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    if (verdict_has_failed())
        return;
    for (unsigned i = 0; i < threads; i++) {
        pairs[i].system = sys;
        CHECK_EQ(pthread_create(&pairs[i].thread, NULL, talk, &pairs[i]), 0);
    }
    for (unsigned i = 0; i < threads; i++)
        pthread_join(pairs[i].thread, NULL);
    cadre_system_stop(sys);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.handled, times * threads);
    CHECK_EQ(c.accepted, c.handled);
    CHECK_EQ(cadre_system_free(sys), 0);
    printf("%u workers, %u threads: %" PRIu64 " parks for %" PRIu64 " messages\n",
           workers, threads, c.parks, c.handled);
}

int main(int argc, char **argv)
{
    uint64_t times = effort(30000, 3000000);
    const char *list = "1,2,4";
    uint32_t workers[8];
    const struct option_entry options[] = {
        {"messages", &times, NULL, "how many, for each number of workers and threads"},
        {"workers", NULL, &list, "numbers of worker threads, in turn"},
        {0}};
    options_read(argc, argv, "no wake-up is lost", options);
    unsigned n = options_list(list, workers, 8);
    for (unsigned i = 0; i < n; i++)
        for (unsigned threads = 1; threads <= PAIRS_MAX; threads++) {
            verdict_begin(effort_is_long() ? 3600 : 120,
                          "--workers %u --messages %" PRIu64, workers[i], times);
            run(workers[i], threads, times / threads);
            (void)verdict_end();
        }
    return verdict_print();
}
