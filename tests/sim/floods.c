/* floods.c: random graphs of actors that send to each other at random rates. In floods
 * somebody may be killed or stopped, waits, or is restarted. All come to rest: nobody is
 * held back for ever, and nobody is held back when there is nothing to do. In bounds
 * circles pass on what they get, and sources make much more than there is room for: what
 * waits stays bounded, however much that is. */
#include "support/effort.h"
#include "support/story.h"

#include <cadre/await.h>
#include <cadre/flow.h>
#include <cadre/supervise.h>
#include <cadre/timer.h>

#include <errno.h>
#include <string.h>

enum { NODES_MAX = 8, EDGES_MAX = 4, ENOUGH = 200, WAITS_MAX = 8000 };
enum { MUTED, HANDLED, DEAD, ENDED, WAITED, DOWNS, KINDS };
static const char *const kinds[KINDS] = {"muted", "handled", "dead",
                                         "ended", "waited",  "downs"};
static uint64_t seen[KINDS];
static int plays;

typedef struct {
    uint32_t ttl, rest;
} drop;
static CADRE_TYPE(drop);
typedef struct {
    uint32_t left;
} tick;
static CADRE_TYPE(tick);

typedef struct {
    uint32_t index, edges, to[EDGES_MAX], copies[EDGES_MAX];
    struct dice dice;
} node;

static struct {
    uint64_t seed;
    uint32_t nodes, killing; /* once in so many messages; 0: never */
    cadre_ref refs[NODES_MAX];
    uint32_t ticks; /* of each source, in bounds; else 0 */
    int64_t waiting[NODES_MAX], most;
} graph;

static int may_fail(cadre_self *self, int err)
{
    CHECK(err == 0 || err == -ECANCELED);
    return err;
}

static void disturb(cadre_self *self, node *n)
{
    uint32_t who = dice_below(&n->dice, graph.nodes);
    seen[ENDED]++;
    if (dice_below(&n->dice, 2))
        CHECK_EQ(cadre_kill(self, graph.refs[who], 0), 0);
    else
        CHECK_EQ(cadre_stop(self, graph.refs[who]), 0);
}

static void send_to(cadre_self *self, uint32_t to, uint32_t ttl)
{
    CHECK_EQ(cadre_send(self, graph.refs[to], drop, ttl, 0), 0);
    if (++graph.waiting[to] > graph.most)
        graph.most = graph.waiting[to];
}

static void spread(cadre_self *self, const node *n, uint32_t ttl)
{
    for (uint32_t e = 0; ttl > 0 && e < n->edges; e++)
        for (uint32_t c = 0; c < n->copies[e]; c++)
            send_to(self, n->to[e], ttl - 1);
}

/* What has come, or less: in bounds no circle makes more of it. */
static void pass_on(cadre_self *self, node *n, uint32_t ttl)
{
    if (n->edges > 0 && ttl > 0 && !dice_once_in(&n->dice, 4))
        send_to(self, n->to[dice_below(&n->dice, n->edges)], ttl - 1);
}

static int node_receive(cadre_self *self, void *state, cadre_msg *m)
{
    node *n = state;
    const tick *t = cadre_body(m, tick);
    const drop *d = cadre_body(m, drop);
    int err = 0;
    seen[HANDLED]++;
    if (t) {
        spread(self, n, 3);
        return t->left ? cadre_send(self, cadre_me(self), tick, t->left - 1) : 0;
    }
    graph.waiting[n->index]--;
    if (graph.ticks)
        pass_on(self, n, d->ttl);
    else
        spread(self, n, d->ttl);
    if (graph.killing && dice_once_in(&n->dice, graph.killing))
        disturb(self, n);
    if (graph.killing && dice_once_in(&n->dice, graph.killing)) {
        seen[WAITED]++;
        err = may_fail(self, cadre_sleep(self, CADRE_MS));
    }
    return err;
}
static int node_start(cadre_self *self, void *state)
{
    node *n = state;
    if (n->index >= 2)
        return 0;
    uint32_t left = graph.ticks ? graph.ticks : 10 + dice_below(&n->dice, 60);
    return cadre_send(self, cadre_me(self), tick, left);
}
static const cadre_class node_class = {.name = "node",
                                       .state_size = sizeof(node),
                                       .start = node_start,
                                       .receive = node_receive};

/* Rates: the first edge may be wide; in circles not everything is multiplied. */
static node make_node(struct dice *dice, uint32_t index)
{
    node n = {.index = index, .dice = dice_new(graph.seed, 10 + index)};
    n.edges = graph.ticks && index == 0 ? 2 : dice_below(dice, 3);
    for (uint32_t e = 0; e < n.edges; e++) {
        n.to[e] = dice_below(dice, graph.nodes);
        n.copies[e] = dice_once_in(dice, 3) ? 1 + dice_below(dice, 6) : 1;
    }
    if (graph.ticks && index == 0)
        n.copies[0] = 10; /* at least one is fast */
    return n;
}

static int root_start(cadre_self *self, void *state)
{
    struct dice dice = dice_new(graph.seed, 2);
    for (uint32_t i = 0; i < graph.nodes; i++) {
        node n = make_node(&dice, i);
        const cadre_opts opts = {.keep = dice_once_in(&dice, 4)};
        CHECK_EQ(cadre_spawn_with(self, &graph.refs[i], &node_class, &n, &opts), 0);
    }
    return 0;
}
static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_child_down *down = cadre_body(m, cadre_child_down);
    seen[DOWNS] += down != NULL;
    return !down              ? 0
           : down->starts < 4 ? cadre_restart(self, down->child)
                              : cadre_release(self, down->child);
}
static void nobody(void *user, const cadre_mute *mute) { CHECK(false); }
static void root_stop(cadre_self *self, void *state, int reason)
{
    CHECK_EQ(cadre_muted(cadre_system_of(self), nobody, NULL), 0);
}
static const cadre_class root_class = {
    .name = "root", .start = root_start, .receive = root_receive, .stop = root_stop};

static void run_graph(uint64_t seed, cadre_counters *sums)
{
    cadre_config config = story_config(seed);
    config.end_when_quiet = true;
    CHECK_EQ(story_run(&config, &root_class, NULL, sums), 0);
    seen[MUTED] += sums->mutes;
    seen[DEAD] += sums->dead;
}

static void new_graph(uint64_t seed)
{
    struct dice dice = dice_new(seed, 1);
    memset(&graph, 0, sizeof graph);
    graph.seed = seed;
    graph.nodes = 2 + dice_below(&dice, NODES_MAX - 1);
    graph.killing = dice_once_in(&dice, 3) ? 300 : 0;
}

static uint64_t floods(uint64_t seed)
{
    cadre_counters sums = {0};
    new_graph(seed);
    run_graph(seed, &sums);
    if (!graph.killing)
        CHECK_EQ(sums.dead, 0); /* nobody has anything left when all is quiet */
    if (++plays == ENOUGH)
        story_show_kinds(kinds, seen, KINDS);
    return sums.trace;
}

/* What the workers have free is no growth, and a receiver is found flooded at the end of
 * a turn, of which some are not looked at: hence that many. Sources make up to five times
 * as much for one. */
static uint64_t bounds(uint64_t seed)
{
    cadre_counters sums = {0};
    new_graph(seed);
    graph.killing = 0;
    graph.ticks = effort_is_long() ? 5000 : 1000;
    run_graph(seed, &sums);
    CHECK_EQ(sums.dead, 0);
    CHECK(graph.most <= WAITS_MAX);
    return sums.trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {
        {"floods", floods, 100000}, {"bounds", bounds, 100000}, {0}};
    return story_main(argc, argv, stories);
}
