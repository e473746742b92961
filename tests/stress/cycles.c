/* cycles.c: systems are started, loaded and stopped, over and over.
 *
 * Four threads outside tell all the time; the system is stopped by its root, by another
 * thread, by a signal handler, by stop_by with hardly any time, or fails. Each time the
 * report's sums are exact, everything owned is released, and no thread or descriptor
 * stays behind. */
#include "stress/tally.h"
#include "support/dice.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/process.h"
#include "support/verdict.h"

#include <cadre.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { SENDERS = 4, NODES = 6, BACKLOG = 5000, REASON_FAILED = CADRE_EUSER - 1 };

enum ending {
    BY_ROOT, /* CADRE_STOP */
    BY_FAILING,
    BY_KILL,   /* the root kills itself */
    BY_THREAD, /* a sender calls cadre_system_stop */
    BY_SIGNAL, /* a sender interrupts the main thread while it waits */
    BY_STOP_BY,
    ENDINGS
};

enum count { ACCEPTED, HANDLED, CREATED, DROPPED };

static struct cycle {
    enum ending ending;
    uint32_t goal; /* messages of the root until it ends */
    uint32_t workers;
    cadre_system *system;
    pthread_t main;
    sem_t reached; /* posted when the goal is reached, for those who stop it */
    struct tally tally;
} cycle;

typedef struct {
    uint32_t left;
    uint64_t *own;
} load;

static void drop_load(void *body)
{
    load *l = body;
    tally_add(&cycle.tally, DROPPED);
    free(l->own);
}
CADRE_TYPE_DROP(load, drop_load);

static void ignore_log(void *user, int level, const char *line) {}

/* ---- the actors: a root and a ring of nodes ---- */

typedef struct {
    cadre_ref next, last;
    uint32_t received, index;
} node;

static int node_start(cadre_self *self, void *state);
static int node_receive(cadre_self *self, void *state, cadre_msg *m);
static const cadre_class node_class = {.name = "node",
                                       .state_size = sizeof(node),
                                       .start = node_start,
                                       .receive = node_receive};

/* Each is the next one's parent; the last one sends to the root again. */
static int node_start(cadre_self *self, void *state)
{
    node *n = state;
    node child = {.last = n->index ? n->last : cadre_me(self), .index = n->index + 1};
    n->next = child.last;
    return n->index + 1 < NODES ? cadre_spawn(self, &n->next, &node_class, &child) : 0;
}

/* The root's goal is reached. Returns what receive returns. */
static int reach_goal(cadre_self *self)
{
    switch (cycle.ending) {
    case BY_ROOT:
        return CADRE_STOP;
    case BY_FAILING:
        return REASON_FAILED;
    case BY_KILL:
        return cadre_kill(self, cadre_me(self), REASON_FAILED);
    default:
        sem_post(&cycle.reached);
        return 0;
    }
}

static int node_receive(cadre_self *self, void *state, cadre_msg *m)
{
    node *n = state;
    load *l = cadre_body(m, load);
    int result = 0;
    if (++n->received == cycle.goal && n->index == 0)
        result = reach_goal(self);
    if (result >= 0)
        tally_add(&cycle.tally, HANDLED);
    if (result == 0 && l->left-- > 0) {
        CHECK_EQ(cadre_forward(self, n->next, m), 0);
        tally_add(&cycle.tally, ACCEPTED);
    }
    return result;
}

/* ---- the senders ---- */

struct sender {
    pthread_t thread;
    bool stops; /* it is the one to stop the system */
    struct dice dice;
};

static int tell_one(struct sender *s)
{
    load l = {.left = dice_below(&s->dice, 10)};
    if (dice_once_in(&s->dice, 4))
        l.own = malloc(sizeof *l.own);
    tally_add(&cycle.tally, CREATED);
    int err =
        cadre_tell_as(cycle.system, cadre_system_root(cycle.system), &load_type, &l);
    CHECK(err == 0 || err == -ESHUTDOWN);
    if (err == 0)
        tally_add(&cycle.tally, ACCEPTED);
    return err;
}

static void stop_from_here(void)
{
    if (cycle.ending == BY_THREAD)
        cadre_system_stop(cycle.system);
    else if (cycle.ending == BY_SIGNAL)
        pthread_kill(cycle.main, SIGUSR1);
}

static void *send_all_the_time(void *arg)
{
    struct sender *s = arg;
    cadre_counters c;
    for (unsigned n = 1; tell_one(s) == 0; n++) {
        if (s->stops && sem_trywait(&cycle.reached) == 0)
            stop_from_here();
        if (n % 64 == 0)
            while (cadre_stats(cycle.system, &c) == 0 && c.pending > BACKLOG)
                sched_yield();
    }
    return NULL;
}

static void on_signal(int signal) { cadre_system_stop(cycle.system); }

/* ---- a cycle ---- */

static void add_line(void *user, const cadre_leftover *line)
{
    CHECK(line->type == &load_type);
    *(uint64_t *)user += line->count;
}

static void check_end(void)
{
    cadre_counters c;
    uint64_t lines = 0;
    CHECK_EQ(cadre_stats(cycle.system, &c), 0);
    CHECK_EQ(c.accepted, tally_sum(&cycle.tally, ACCEPTED));
    CHECK_EQ(c.handled, tally_sum(&cycle.tally, HANDLED));
    CHECK_EQ(c.accepted, c.handled + c.dead);
    CHECK_EQ(c.pending, 0);
    CHECK_EQ(c.actors, 0);
    CHECK_EQ(tally_sum(&cycle.tally, DROPPED), tally_sum(&cycle.tally, CREATED));
    /* Nobody ends before the end: all the dead are in the report, but for the message
     * that the root failed on, which was not left over. */
    int64_t left = cadre_system_report(cycle.system, add_line, &lines);
    CHECK_EQ(left, lines);
    CHECK_EQ(lines, c.dead - (cycle.ending == BY_FAILING));
}

static int await_end(struct dice *dice)
{
    if (cycle.ending == BY_STOP_BY) {
        while (sem_wait(&cycle.reached) != 0) {
        }
        int reason;
        do /* a busy machine may have no time for a kill to be obeyed: again */
            reason = cadre_system_stop_by(cycle.system, dice_below(dice, 2000000));
        while (reason == -ETIMEDOUT);
        return reason;
    }
    if (cycle.workers != CADRE_NO_WORKERS)
        return cadre_system_wait(cycle.system);
    int turns = 0;
    while (turns >= 0)
        turns = cadre_system_poll(cycle.system, CADRE_MS);
    CHECK_EQ(turns, -ESHUTDOWN);
    return cadre_system_wait(cycle.system);
}

static bool is_right(int reason)
{
    if (cycle.ending == BY_STOP_BY)
        return reason == 0 || reason == CADRE_EKILLED;
    return reason ==
           (cycle.ending == BY_FAILING || cycle.ending == BY_KILL ? REASON_FAILED : 0);
}

static void prepare(struct dice *dice)
{
    cycle.ending = (enum ending)dice_below(dice, ENDINGS);
    cycle.goal = 1 + dice_below(dice, 1000);
    cycle.workers = 1 + dice_below(dice, 4);
    if (cycle.ending != BY_STOP_BY && dice_once_in(dice, 8))
        cycle.workers = CADRE_NO_WORKERS;
    cycle.main = pthread_self();
    tally_clear(&cycle.tally);
    sem_init(&cycle.reached, 0, 0);
}

static void run_cycle(uint64_t seed)
{
    struct dice dice = dice_new(seed, 0);
    struct sender senders[SENDERS];
    prepare(&dice);
    cadre_config config = {.workers = cycle.workers, .log = ignore_log};
    config.batch = 1 + dice_below(&dice, 8);
    int err = cadre_system_new(&cycle.system, &config, &node_class, &(node){0});
    CHECK_EQ(err, 0);
    if (err)
        return;
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.stops = i == 0 && cycle.ending != BY_STOP_BY,
                                     .dice = dice_new(seed, i + 1)};
        CHECK_EQ(
            pthread_create(&senders[i].thread, NULL, send_all_the_time, &senders[i]),
            0);
    }
    CHECK(is_right(await_end(&dice)));
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    check_end();
    CHECK_EQ(cadre_system_free(cycle.system), 0);
    sem_destroy(&cycle.reached);
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, cycles = effort(500, 10000);
    const struct option_entry options[] = {{"seed", &seed, NULL, "of the first cycle"},
                                           {"cycles", &cycles, NULL, "how many"},
                                           {0}};
    options_read(argc, argv, "start, load, stop", options);
    signal(SIGUSR1, on_signal);
    verdict_begin(300, "--seed %" PRIu64 " --cycles 1", seed);
    run_cycle(seed); /* what is made once per process is there now */
    unsigned descriptors = process_descriptors();
    for (uint64_t i = 1; i < cycles && !verdict_has_failed(); i++) {
        verdict_again(300, "--seed %" PRIu64 " --cycles 1", seed + i);
        run_cycle(seed + i);
        CHECK_EQ(process_workers(), 0);
        CHECK_EQ(process_descriptors(), descriptors);
    }
    printf("%" PRIu64 " cycles from seed %" PRIu64 "\n", cycles, seed);
    (void)verdict_end();
    return verdict_print();
}
