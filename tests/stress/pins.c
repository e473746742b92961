/* pins.c: pinned actors among others, while all of them come and go.
 *
 * Pinned ones make children of both kinds and talk with whoever they know; each must
 * always run on the thread on which it began. In the end every message is accounted for
 * and every actor has ended. */
#include "support/dice.h"
#include "support/effort.h"
#include "support/options.h"
#include "support/verdict.h"

#include <cadre.h>
#include <cadre/pin.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { DEPTH = 4, FRIENDS = 4 };

static atomic_uint wrong, started, stopped;

typedef struct {
    uint32_t left;
} hop;
CADRE_TYPE(hop);

typedef struct {
    uint32_t depth, left;
    bool pinned;
    pthread_t thread;
    cadre_ref friends[FRIENDS];
} node;

static int node_start(cadre_self *self, void *state);
static int node_receive(cadre_self *self, void *state, cadre_msg *m);
static void node_stop(cadre_self *self, void *state, int reason);
static const cadre_class node_class = {.name = "node",
                                       .state_size = sizeof(node),
                                       .start = node_start,
                                       .receive = node_receive,
                                       .stop = node_stop};

static void check_thread(const node *n)
{
    if (n->pinned && !pthread_equal(n->thread, pthread_self()))
        atomic_fetch_add(&wrong, 1);
}

static int have_child(cadre_self *self, node *n, uint32_t i)
{
    node child = {.depth = n->depth + 1, .left = n->left};
    for (uint32_t f = 0; f < FRIENDS; f++)
        child.friends[f] = f == 0 ? cadre_me(self) : n->friends[f - 1];
    child.pinned = cadre_random(self) % 2 == 0;
    cadre_ref *ref = &n->friends[i % FRIENDS];
    return child.pinned ? cadre_spawn_pinned(self, ref, &node_class, &child)
                        : cadre_spawn(self, ref, &node_class, &child);
}

static int node_start(cadre_self *self, void *state)
{
    node *n = state;
    n->thread = pthread_self();
    atomic_fetch_add(&started, 1);
    int err = 0;
    for (uint32_t i = 0; i < 2 && n->depth < DEPTH && !err; i++)
        err = have_child(self, n, i);
    return err ? err : cadre_send(self, cadre_me(self), hop, .left = n->left);
}

static int node_receive(cadre_self *self, void *state, cadre_msg *m)
{
    node *n = state;
    uint32_t left = cadre_body(m, hop)->left;
    check_thread(n);
    if (left == 0)
        return 0;
    uint64_t random = cadre_random(self);
    if (random % 64 == 0 && n->depth > 0)
        return CADRE_STOP;
    if (random % 32 == 1 && n->depth < DEPTH)
        CHECK_EQ(have_child(self, n, (uint32_t)(random >> 8)), 0);
    return cadre_send(self, n->friends[random / 64 % FRIENDS], hop, .left = left - 1);
}

static void node_stop(cadre_self *self, void *state, int reason)
{
    check_thread(state);
    atomic_fetch_add(&stopped, 1);
}

static void ignore_log(void *user, int level, const char *line) {}

static void run_round(uint64_t seed, uint32_t hops)
{
    struct dice dice = dice_new(seed, 0);
    cadre_config config = {.workers = 1 + dice_below(&dice, 4),
                           .pinned = 1 + dice_below(&dice, 3),
                           .batch = 1 + dice_below(&dice, 8),
                           .end_when_quiet = true,
                           .log = ignore_log};
    cadre_system *sys;
    cadre_counters c;
    atomic_store(&started, 0);
    atomic_store(&stopped, 0);
    int err = cadre_system_new(&sys, &config, &node_class, &(node){.left = hops});
    CHECK_EQ(err, 0);
    if (err)
        return;
    CHECK_EQ(cadre_system_wait(sys), 0);
    CHECK_EQ(cadre_stats(sys, &c), 0);
    CHECK_EQ(c.accepted, c.handled + c.dead + c.dropped);
    CHECK_EQ(c.actors, 0);
    CHECK_EQ(c.spawned, atomic_load(&started));
    CHECK_EQ(atomic_load(&started), atomic_load(&stopped));
    CHECK_EQ(atomic_load(&wrong), 0);
    CHECK_EQ(cadre_system_free(sys), 0);
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, rounds = effort(200, 5000), hops = 500;
    const struct option_entry options[] = {{"seed", &seed, NULL, "of the first round"},
                                           {"rounds", &rounds, NULL, "how many"},
                                           {"hops", &hops, NULL, "of each walker"},
                                           {0}};
    options_read(argc, argv, "pinned actors among others", options);
    verdict_begin(300, "--seed %" PRIu64 " --rounds 1", seed);
    for (uint64_t i = 0; i < rounds && !verdict_has_failed(); i++) {
        verdict_again(300, "--seed %" PRIu64 " --rounds 1", seed + i);
        run_round(seed + i, (uint32_t)hops);
    }
    printf("%" PRIu64 " rounds from seed %" PRIu64 "\n", rounds, seed);
    (void)verdict_end();
    return verdict_print();
}
