/* tree.c: a tree of actors in which somebody is killed, stopped or fails, at every step.
 *
 * A seed gives a tree and messages that wander in it. It is told once without an event,
 * and then once for each step k of that, with an event at step k. Whatever happens:
 * children end before their parents, stop runs once for each successful start, nobody
 * receives after its end, and every message is accounted for. */
#include "support/story.h"

enum {
    NODES_MAX = 24,
    CHILDREN_MAX = 4,
    WALKERS_MAX = 6,
    STEPS_MAX = 20, /* of one walker */
    REASON_FAILED = CADRE_EUSER - 1,
    REASON_KILLED = CADRE_EUSER - 2,
    REASON_START = CADRE_EUSER - 3
};

enum event { KILLED, STOPPED, FAILS, ENDS, KILLS_ITSELF, EVENTS };

typedef struct {
    uint32_t left;
} walk;
CADRE_TYPE(walk);

struct place {
    cadre_ref ref, parent;
    uint32_t parent_index, children; /* alive */
    bool started, ended;
    int reason; /* at its stop */
};

/* Of the run that is being told; a simulation has one thread. */
static struct {
    uint64_t seed;
    uint32_t nodes, steps, event_step, victim, bad_start;
    enum event event;
    uint64_t sent, received, handled;
    struct dice dice;
    struct place places[NODES_MAX];
} tree;

typedef struct {
    uint32_t index;
} node;

static int node_start(cadre_self *self, void *state);
static int node_receive(cadre_self *self, void *state, cadre_msg *m);
static void node_stop(cadre_self *self, void *state, int reason);
static const cadre_class node_class = {.name = "node",
                                       .state_size = sizeof(node),
                                       .start = node_start,
                                       .receive = node_receive,
                                       .stop = node_stop};

static void send_walk(cadre_self *self, cadre_ref to, uint32_t left)
{
    CHECK_EQ(cadre_send(self, to, walk, .left = left), 0);
    tree.sent++;
}

static int have_child(cadre_self *self, uint32_t parent)
{
    uint32_t index = tree.nodes++;
    struct place *p = &tree.places[index];
    p->parent_index = parent;
    p->parent = cadre_me(self);
    int err = cadre_spawn(self, &p->ref, &node_class, &(node){index});
    CHECK_EQ(err, 0);
    for (uint32_t i = dice_below(&tree.dice, 3); !err && i > 0; i--)
        send_walk(self, p->ref, dice_below(&tree.dice, STEPS_MAX));
    return err;
}

static int node_start(cadre_self *self, void *state)
{
    uint32_t index = ((node *)state)->index;
    struct place *p = &tree.places[index];
    p->ref = cadre_me(self);
    CHECK(cadre_same(cadre_parent(self), p->parent));
    if (index == tree.bad_start)
        return REASON_START;
    p->started = true;
    if (index > 0)
        tree.places[p->parent_index].children++;
    uint32_t n = dice_below(&tree.dice, CHILDREN_MAX);
    for (uint32_t i = 0; i < n + (index == 0) && tree.nodes < NODES_MAX; i++)
        if (have_child(self, index))
            return CADRE_EUSER;
    return 0;
}

/* The event of this run. Returns what receive returns. */
static int happen(cadre_self *self)
{
    cadre_ref victim = tree.places[tree.victim % tree.nodes].ref;
    switch (tree.event) {
    case KILLED:
        CHECK_EQ(cadre_kill(self, victim, REASON_KILLED), 0);
        return 0;
    case STOPPED:
        CHECK_EQ(cadre_stop(self, victim), 0);
        return 0;
    case FAILS:
        return REASON_FAILED;
    case KILLS_ITSELF:
        CHECK_EQ(cadre_kill(self, cadre_me(self), REASON_KILLED), 0);
        return 0;
    default:
        return CADRE_STOP;
    }
}

static int node_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct place *p = &tree.places[((node *)state)->index];
    CHECK(p->started && !p->ended);
    CHECK(cadre_same(p->ref, cadre_me(self)));
    tree.received++;
    uint32_t left = cadre_body(m, walk)->left;
    int result = ++tree.steps == tree.event_step ? happen(self) : 0;
    if (left > 0) {
        uint32_t to = dice_below(&tree.dice, tree.nodes);
        cadre_body(m, walk)->left--;
        if (dice_once_in(&tree.dice, 2))
            send_walk(self, tree.places[to].ref, left - 1);
        else if (cadre_forward(self, tree.places[to].ref, m) == 0)
            tree.sent++;
    }
    tree.handled += result >= 0;
    return result;
}

static void node_stop(cadre_self *self, void *state, int reason)
{
    uint32_t index = ((node *)state)->index;
    struct place *p = &tree.places[index];
    CHECK(p->started && !p->ended);
    CHECK_EQ(p->children, 0);
    p->ended = true;
    p->reason = reason;
    if (index > 0)
        tree.places[p->parent_index].children--;
    if (dice_once_in(&tree.dice, 4)) /* it may still send */
        send_walk(self, cadre_parent(self), 0);
}

/* What the root's reason may be. */
static bool explains(int reason)
{
    if (reason == REASON_START)
        return tree.bad_start == 0;
    switch (tree.event) {
    case KILLED:
    case KILLS_ITSELF:
        return reason == 0 || reason == REASON_KILLED;
    case FAILS:
        return reason == 0 || reason == REASON_FAILED;
    default:
        return reason == 0;
    }
}

static uint64_t tell(uint64_t seed, uint32_t event_step)
{
    struct dice choice = dice_new(seed, event_step);
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    config.end_when_quiet = true;
    tree.seed = seed;
    tree.nodes = 1;
    tree.steps = 0;
    tree.sent = tree.received = tree.handled = 0;
    tree.dice = dice_new(seed, 7);
    tree.event_step = event_step;
    tree.victim = dice_below(&choice, NODES_MAX);
    tree.event = (enum event)dice_below(&choice, EVENTS);
    tree.bad_start = dice_below(&choice, 3 * NODES_MAX);
    for (uint32_t i = 0; i < NODES_MAX; i++)
        tree.places[i] = (struct place){0};
    int reason = story_run(&config, &node_class, &(node){0}, &sums);
    CHECK(explains(reason));
    CHECK_EQ(sums.accepted, tree.sent);
    CHECK_EQ(sums.handled, tree.handled);
    CHECK_EQ(sums.spawned, tree.nodes);
    for (uint32_t i = 0; i < tree.nodes; i++)
        CHECK(tree.places[i].ended == tree.places[i].started);
    if (tree.bad_start > 0)
        CHECK_EQ(tree.places[0].reason, reason);
    return sums.trace;
}

static uint64_t play(uint64_t seed)
{
    uint64_t trace = tell(seed, 0);
    uint32_t steps = tree.steps;
    for (uint32_t k = 1; k <= steps && !verdict_has_failed(); k++)
        trace = mix64(trace ^ tell(seed, k));
    return trace;
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"tree", play, 5000}, {0}};
    return story_main(argc, argv, stories);
}
