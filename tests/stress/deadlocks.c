/* deadlocks.c: a few actors ask each other at random and wait closed, on real threads.
 *
 * They wait for each other in circles all the time, until a deadline or a kill ends that.
 * Which lines there are depends on the threads; but there are some, each is of a circle
 * of different actors, and the sums are exact. */
#include "support/dice.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/await.h>

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { NODES = 6 };
static uint64_t rounds;
static atomic_uint lines, waited, killed;
static _Atomic uint64_t nodes[NODES]; /* addresses; maybe of the dead */

typedef struct {
    uint64_t left;
} work;
static CADRE_TYPE(work);
typedef struct {
    uint32_t index;
} question;
static CADRE_TYPE(question);

/* ---- the log ---- */

/* The next actor's address in a line, which stands before its class; NULL: none. */
static const char *next_actor(const char *at, size_t *length)
{
    const char *end = strstr(at, " (node");
    const char *begin = end;
    while (begin && begin > at && begin[-1] != ' ')
        begin--;
    *length = end ? (size_t)(end - begin) : 0;
    return begin;
}

static void read_log(void *user, int level, const char *line)
{
    const char *who[NODES + 2];
    size_t length[NODES + 2];
    unsigned count = 0;
    if (strncmp(line, "deadlock: ", strlen("deadlock: ")) != 0)
        return;
    for (const char *at = line; count < NODES + 2; count++) {
        who[count] = next_actor(at, &length[count]);
        if (!who[count])
            break;
        at = who[count] + length[count] + 2;
    }
    CHECK(count > 2 && count < NODES + 2);
    for (unsigned i = 1; i < count; i++) {
        bool same = length[i] == length[0] && memcmp(who[i], who[0], length[0]) == 0;
        CHECK_EQ(same, i == count - 1);
    }
    atomic_fetch_add(&lines, 1);
}

/* ---- the nodes ---- */

typedef struct {
    uint32_t index;
    struct dice dice;
} node;

static int visit(cadre_self *self, node *me)
{
    static const cadre_time timeouts[] = {CADRE_MS, 10 * CADRE_MS, 30 * CADRE_MS,
                                          300 * CADRE_MS};
    cadre_token token;
    cadre_msg m;
    uint32_t to = (me->index + 1 + dice_below(&me->dice, NODES - 1)) % NODES;
    CHECK_EQ(cadre_ask(self, &token, (cadre_ref){atomic_load(&nodes[to])},
                       timeouts[dice_below(&me->dice, 4)], question, me->index),
             0);
    atomic_fetch_add(&waited, 1);
    int err = cadre_await(self, token, &m);
    CHECK(err == 0 || err == -ECANCELED);
    return err;
}

static int node_receive(cadre_self *self, void *state, cadre_msg *m)
{
    node *me = state;
    const work *w = cadre_body(m, work);
    if (!w && dice_once_in(&me->dice, 2) && visit(self, me) != 0)
        return 0;
    if (!w)
        return cadre_reply(self, m, question, me->index);
    if (dice_once_in(&me->dice, 20)) {
        cadre_ref who = {atomic_load(&nodes[dice_below(&me->dice, NODES)])};
        CHECK_EQ(cadre_kill(self, who, CADRE_EUSER), 0);
    }
    if (visit(self, me) != 0)
        return 0;
    return w->left == 0 ? CADRE_STOP
                        : cadre_send(self, cadre_me(self), work, w->left - 1);
}

static int node_start(cadre_self *self, void *state)
{
    node *me = state;
    me->dice = dice_new(cadre_random(self), me->index);
    atomic_store(&nodes[me->index], cadre_me(self).id);
    return cadre_send(self, cadre_me(self), work, rounds);
}

static void node_stop(cadre_self *self, void *state, int reason)
{
    CHECK_EQ(cadre_send(self, cadre_parent(self), question, ((node *)state)->index), 0);
    if (reason == CADRE_EUSER)
        atomic_fetch_add(&killed, 1);
}

static const cadre_class node_class = {.name = "node",
                                       .state_size = sizeof(node),
                                       .start = node_start,
                                       .receive = node_receive,
                                       .stop = node_stop};

/* ---- the root ---- */

typedef struct {
    uint32_t ended;
} root;

static int root_start(cadre_self *self, void *state)
{
    for (uint32_t i = 0; i < NODES; i++)
        CHECK_EQ(cadre_spawn(self, NULL, &node_class, &(node){.index = i}), 0);
    return 0;
}

/* Everybody lives three times. */
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    root *r = state;
    if (++r->ended <= 2 * NODES)
        return cadre_spawn(self, NULL, &node_class,
                           &(node){.index = cadre_body(m, question)->index});
    return r->ended == 3 * NODES ? CADRE_STOP : 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(root),
                                       .start = root_start,
                                       .receive = root_receive};

static void play(uint32_t workers)
{
    cadre_system *sys = NULL;
    cadre_counters c = {0};
    cadre_config config = {.workers = workers, .log = read_log, .stack_size = 64 << 10};
    CHECK_EQ(cadre_system_new(&sys, &config, &root_class, NULL), 0);
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(c.actors, 0);
    CHECK_EQ(cadre_system_free(sys), 0);
}

/* Again while there is no line: on a busy machine a deadline may always be sooner. */
static void one(uint32_t workers)
{
    verdict_begin(120, "--rounds %" PRIu64, rounds);
    lines = waited = killed = 0;
    while (lines == 0 && !verdict_has_failed())
        play(workers);
    printf("%u workers: %u waits, %u killed, %u lines%s\n", workers, waited, killed,
           lines, verdict_end() ? "" : ", FAILED");
}

int main(int argc, char **argv)
{
    rounds = effort(60, 2000);
    const struct option_entry options[] = {
        {"rounds", &rounds, NULL, "how much each actor has to do"}, {0}};
    options_read(argc, argv, "actors wait for each other", options);
    for (uint32_t workers = 1; workers <= 4; workers++)
        one(workers);
    return verdict_print();
}
