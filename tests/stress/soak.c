/* soak.c: many messages through random graphs of actors that come and go.
 *
 * Nothing may be lost, handled twice or reordered; nobody runs twice at a time; what a
 * body owns is dropped once; and the runtime's counters must equal the program's own, to
 * the last message. A round is a system of its own with a seed of its own, whose actors
 * act as their dice say: only the interleaving of the threads differs in a replay. */
#include "stress/soak_node.h"
#include "support/effort.h"
#include "support/options.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    REASON_ROUND_FAILED = CADRE_EUSER - 4,
    REASON_ROUND_KILLED = CADRE_EUSER - 5,
    STUCK_SECONDS = 600
};

static void ignore_log(void *user, int level, const char *line) {}

/* ---- the manager: the root ---- */

typedef struct manager {
    struct dice dice;
    bool drains;
} manager;

static int manager_start(cadre_self *self, void *state)
{
    manager *m = state;
    struct child child;
    atomic_store(&round_.manager, cadre_me(self).id);
    for (uint16_t p = 0; p < PLACES; p++)
        (void)settle(self, &m->dice, p, &child);
    sem_post(&round_.permits);
    return 0;
}

static int end_round(cadre_self *self, manager *m)
{
    switch (round_.ending) {
    case ENDS_DRAINED:
        m->drains = true;
        atomic_store(&round_.draining, true);
        return 0;
    case ENDS_KILL:
        CHECK_EQ(cadre_kill(self, cadre_me(self), REASON_ROUND_KILLED), 0);
        return 0;
    case ENDS_FAIL:
        return REASON_ROUND_FAILED;
    case ENDS_OUTSIDE:
        round_over(); /* a feeder will stop the system */
        return 0;
    default:
        return CADRE_STOP;
    }
}

/* Makes everybody give back what they have set aside; ends when nothing is left but the
 * message in hand. */
static int drain(cadre_self *self, const cadre_counters *c)
{
    if (c->pending == 1)
        return CADRE_STOP;
    for (uint32_t p = 0; p < PLACES; p++) {
        uint64_t to = atomic_load(&round_.where[p]);
        if (to >= LEAST_ADDRESS && c->pending < 4 * PLACES)
            send_empty(self, to, &empty_type);
    }
    return 0;
}

static int regulate(cadre_self *self, manager *m)
{
    cadre_counters c;
    struct child child;
    int permits;
    CHECK_EQ(cadre_stats(cadre_system_of(self), &c), 0);
    if (m->drains)
        return drain(self, &c);
    if (c.accepted >= round_.goal)
        return end_round(self, m);
    int64_t wander = (int64_t)c.pending - atomic_load(&round_.aside);
    bool few = wander < round_.target;
    atomic_store(&round_.appetite, few ? 1 : wander > 2 * round_.target ? -1 : 0);
    if (few && sem_getvalue(&round_.permits, &permits) == 0 && permits < FEEDERS)
        sem_post(&round_.permits);
    for (int i = 0; i < 3; i++)
        (void)settle(self, &m->dice, (uint16_t)dice_below(&m->dice, PLACES), &child);
    return 0;
}

static int manager_receive(cadre_self *self, void *state, cadre_msg *msg)
{
    CHECK(msg->type == &tick_type);
    int result = regulate(self, state);
    if (result >= 0) {
        count_up(HANDLED);
        count_up(EMPTY_HANDLED);
    }
    return result;
}

static void manager_stop(cadre_self *self, void *state, int reason) { round_over(); }

static const cadre_class manager_class = {.name = "manager",
                                          .state_size = sizeof(manager),
                                          .start = manager_start,
                                          .receive = manager_receive,
                                          .stop = manager_stop};

/* ---- the feeders: threads outside ---- */

struct feeder {
    pthread_t thread;
    uint16_t place; /* of its own, behind those of the actors */
    struct dice dice;
    struct link out[PLACES];
};

/* False: the system is stopping. */
static bool told(int err)
{
    CHECK(err == 0 || err == -ESHUTDOWN);
    if (err == 0)
        count_up(ACCEPTED);
    return err == 0;
}

static bool tell_tick(void)
{
    uint64_t to = atomic_load(&round_.manager);
    bool accepted =
        told(cadre_tell_as(round_.system, (cadre_ref){to}, &tick_type, NULL));
    if (accepted)
        count_up(EMPTY_ACCEPTED);
    return accepted;
}

static bool tell_body(struct feeder *f)
{
    struct message message;
    struct link *link = choose_link(f->out, &f->dice);
    if (!link)
        return true;
    const cadre_type *type = body_make(&message, &f->dice, 0);
    body_address(&message.h, link->to, link, f->place, 1);
    bool accepted =
        told(cadre_tell_as(round_.system, (cadre_ref){link->to}, type, &message));
    if (!accepted)
        count_up(REFUSED);
    return accepted;
}

/* Waits for a permit. False: none came for a while. */
static bool has_permit(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return sem_timedwait(&round_.permits, &t) == 0;
}

static void show_progress(double start)
{
    static double last;
    cadre_counters c;
    double now = effort_clock();
    if (now - last < 0.5 || cadre_stats(round_.system, &c) != 0)
        return;
    last = now;
    fprintf(stderr, "\r  %6.1f M of %.1f M messages, %5.2f M/s  ",
            (double)c.accepted / 1e6, (double)round_.goal / 1e6,
            (double)c.accepted / 1e6 / (now - start));
}

static void *feed(void *arg)
{
    struct feeder *f = arg;
    bool talks = f->place == PLACES && isatty(STDERR_FILENO);
    bool goes_on = true;
    double start = effort_clock();
    while (goes_on && !atomic_load(&round_.over)) {
        bool permitted = has_permit();
        if (f->place == PLACES && !permitted)
            goes_on = tell_tick(); /* perhaps everybody has died out */
        for (int64_t i = 0; i < round_.target / 4 && permitted && goes_on; i++)
            goes_on = atomic_load(&round_.draining) || tell_body(f);
        if (talks)
            show_progress(start);
    }
    if (round_.ending == ENDS_OUTSIDE && f->place == PLACES)
        cadre_system_stop(round_.system);
    return NULL;
}

/* ---- a round ---- */

static void clear_round(uint64_t seed, uint64_t goal)
{
    static const int64_t targets[] = {16, 64, 512, 4096};
    struct dice dice = dice_new(seed, 0);
    round_.seed = seed;
    round_.goal = goal;
    round_.target = targets[dice_below(&dice, 4)];
    round_.ending = (enum ending)dice_below(&dice, ENDINGS);
    tally_clear(&round_.tally);
    for (int p = 0; p < PLACES; p++) {
        atomic_store(&round_.where[p], VACANT);
        atomic_store(&round_.life[p], 0);
    }
    atomic_store(&round_.manager, 0);
    atomic_store(&round_.appetite, 1);
    atomic_store(&round_.draining, false);
    atomic_store(&round_.over, false);
    atomic_store(&round_.aside, 0);
    atomic_store(&round_.owned, 0);
    sem_init(&round_.permits, 0, 0);
}

static void check_sums(const cadre_counters *c)
{
    CHECK_EQ(c->accepted, counted(ACCEPTED));
    CHECK_EQ(c->handled, counted(HANDLED));
    CHECK_EQ(c->dead, counted(UNHANDLED) - counted(REFUSED) + counted(EMPTY_ACCEPTED) -
                          counted(EMPTY_HANDLED));
    CHECK_EQ(c->accepted, c->handled + c->dead);
    CHECK_EQ(c->dropped, 0);
    CHECK_EQ(c->pending, 0);
    CHECK_EQ(c->actors, 0);
    CHECK_EQ(c->spawned, counted(SPAWNED) + 1);
    CHECK_EQ(counted(STOPPED), counted(STARTED));
    CHECK_EQ(counted(DROPPED), counted(CREATED));
    CHECK_EQ(atomic_load(&round_.owned), 0);
    CHECK(c->accepted >= round_.goal);
}

static void count_line(void *user, const cadre_leftover *line)
{
    *(uint64_t *)user += line->count;
}

static void check_end(int reason, const cadre_counters *c)
{
    static const int reasons[ENDINGS] = {
        [ENDS_KILL] = REASON_ROUND_KILLED, [ENDS_FAIL] = REASON_ROUND_FAILED};
    uint64_t lines = 0;
    CHECK_EQ(reason, reasons[round_.ending]);
    int64_t left = cadre_system_report(round_.system, count_line, &lines);
    CHECK_EQ(left, lines);
    CHECK(lines <= c->dead);
}

static void run_round(uint64_t seed, uint32_t workers, uint64_t goal)
{
    static const uint32_t batches[] = {1, 2, 16, 64};
    struct feeder feeders[FEEDERS] = {0};
    struct dice dice = dice_new(seed, 1);
    manager init = {.dice = dice_new(seed, 2)};
    cadre_config config = {.workers = workers, .log = ignore_log};
    cadre_counters c = {0};
    config.batch = batches[dice_below(&dice, 4)];
    clear_round(seed, goal);
    double start = effort_clock();
    int err = cadre_system_new(&round_.system, &config, &manager_class, &init);
    CHECK_EQ(err, 0);
    if (err)
        return;
    for (uint16_t i = 0; i < FEEDERS; i++) {
        feeders[i].place = (uint16_t)(PLACES + i);
        feeders[i].dice = dice_new(seed, 3u + i);
        CHECK_EQ(pthread_create(&feeders[i].thread, NULL, feed, &feeders[i]), 0);
    }
    int reason = cadre_system_wait(round_.system);
    for (int i = 0; i < FEEDERS; i++)
        pthread_join(feeders[i].thread, NULL);
    double took = effort_clock() - start;
    CHECK_EQ(cadre_stats(round_.system, &c), 0);
    check_sums(&c);
    check_end(reason, &c);
    CHECK_EQ(cadre_system_free(round_.system), 0);
    sem_destroy(&round_.permits);
    printf("%ssoak workers=%u seed=%" PRIu64 " batch=%u target=%d ending=%d: "
           "%" PRIu64 " messages, %.2f M/s, %" PRIu64 " actors, %" PRIu64 " dead, "
           "%" PRIu64 " steals, %" PRIu64 " parks\n",
           isatty(STDERR_FILENO) ? "\r" : "", workers, seed, config.batch,
           (int)round_.target, (int)round_.ending, c.accepted,
           (double)c.accepted / 1e6 / took, c.spawned, c.dead, c.steals, c.parks);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    enum { ROUND_MAX = 25000000, WORKERS_MAX = 16 };
    uint64_t messages = effort(10000000, 1000000000), seed = 1, minutes = 0;
    const char *list = "1,2,4,8";
    uint32_t workers[WORKERS_MAX];
    const struct option_entry options[] = {
        {"messages", &messages, NULL, "how many in all, at least"},
        {"workers", NULL, &list, "numbers of worker threads, in turn"},
        {"seed", &seed, NULL, "of the first round; each round has the next one"},
        {"minutes", &minutes, NULL, "as many messages as fit into this; 0: no limit"},
        {0}};
    options_read(argc, argv, "messages through random graphs of actors", options);
    unsigned n = options_list(list, workers, WORKERS_MAX);
    uint64_t goal = messages / n < ROUND_MAX ? messages / n : ROUND_MAX;
    double end = effort_clock() + 60.0 * (double)minutes;
    uint64_t left = messages;
    for (unsigned i = 0; minutes ? effort_clock() < end : left > 0; i++) {
        uint32_t w = workers[i % n];
        verdict_begin(STUCK_SECONDS,
                      "--seed %" PRIu64 " --workers %u --messages %" PRIu64, seed + i,
                      w, goal);
        run_round(seed + i, w, goal);
        (void)verdict_end();
        left -= goal < left ? goal : left;
    }
    return verdict_print();
}
