/* scopes.c: trees of tasks beside actors that talk, in any order.
 *
 * A seed gives each of some actors a tree of tasks for each message; some tasks fail, and
 * in some the results come from loops and reductions. Whatever the order: each task runs
 * at most once, all of them where none fails, sums are right, an error is one that
 * a task has returned, and the books of the system add up. */
#include "support/story.h"

#include <cadre/scope.h>

#include <errno.h>

enum { NODES_MAX = 64, FANOUT = 3, ACTORS = 3, TALKS_MAX = 12, FAILED = CADRE_EUSER };

typedef struct {
    uint32_t left;
} talk;
CADRE_TYPE(talk);

/* Of the run that is being told; a simulation has one thread. */
static struct {
    struct dice dice;
    cadre_ref actors[ACTORS];
    uint64_t sent, received, order;
    bool is_busy; /* an actor is in its handler: nobody else gets a message */
} story;

/* One tree: node i has the children FANOUT * i + 1, ... */
struct tree {
    uint32_t nodes, bad; /* bad: the node that fails, or none */
    uint32_t runs[NODES_MAX];
    bool is_loop;
};

struct node {
    struct tree *tree;
    uint32_t index;
    uint64_t sum;
};

static int run_node(cadre_scope *in, void *arg)
{
    struct node *me = arg, children[FANOUT];
    cadre_job jobs[FANOUT];
    cadre_scope s;
    uint32_t count = 0;
    CHECK_EQ(me->tree->runs[me->index]++, 0);
    story.order = story.order * 31 + me->index;
    if (me->index == me->tree->bad)
        return FAILED - (int)me->index;
    CHECK_EQ(cadre_scope_nest(in, &s), 0);
    for (uint32_t i = 0; i < FANOUT; i++) {
        uint32_t index = FANOUT * me->index + 1 + i;
        if (index >= me->tree->nodes)
            break;
        children[i] = (struct node){me->tree, index, 0};
        CHECK_EQ(cadre_scope_spawn(&s, &jobs[i], run_node, &children[i]), 0);
        count++;
    }
    int err = cadre_scope_sync(&s);
    me->sum = me->index;
    for (uint32_t i = 0; i < count; i++)
        me->sum += children[i].sum;
    return err;
}

static void run_tree(cadre_scope *s)
{
    struct tree tree = {.nodes = 1 + dice_below(&story.dice, NODES_MAX)};
    tree.bad = dice_below(&story.dice, 2 * NODES_MAX);
    bool fails = tree.bad < tree.nodes;
    struct node root = {.tree = &tree};
    cadre_job job;
    CHECK_EQ(cadre_scope_spawn(s, &job, run_node, &root), 0);
    CHECK_EQ(cadre_scope_sync(s), fails ? FAILED - (int)tree.bad : 0);
    for (uint32_t i = 0; i < tree.nodes && !fails; i++)
        CHECK_EQ(tree.runs[i], 1);
    if (!fails)
        CHECK_EQ(root.sum, tree.nodes * (tree.nodes - 1) / 2);
}

static int add(cadre_scope *in, void *view, size_t begin, size_t end, void *arg)
{
    for (size_t i = begin; i < end; i++)
        *(uint64_t *)view = *(uint64_t *)view * 31 + i;
    ((uint64_t *)view)[1] += end - begin;
    return 0;
}

static void merge(void *view, const void *right, void *arg)
{
    const uint64_t *r = right;
    uint64_t scale = 1;
    for (uint64_t i = 0; i < r[1]; i++)
        scale *= 31;
    *(uint64_t *)view = *(uint64_t *)view * scale + r[0];
    ((uint64_t *)view)[1] += r[1];
}

static void run_reduction(cadre_scope *s)
{
    static const cadre_reduction how = {.size = 16, .add = add, .merge = merge};
    uint64_t expected[2] = {0, 0}, result[2] = {0, 0};
    size_t end = dice_below(&story.dice, 100), grain = dice_below(&story.dice, 5);
    add(s, expected, 0, end, NULL);
    CHECK_EQ(cadre_parallel_reduce(s, result, 0, end, grain, &how, NULL), 0);
    CHECK_EQ(result[0], expected[0]);
    CHECK_EQ(result[1], end);
}

static int actor_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_scope s;
    uint32_t left = cadre_body(m, talk)->left;
    CHECK(!story.is_busy);
    story.is_busy = true;
    story.received++;
    CHECK_EQ(cadre_scope_open(self, &s), 0);
    if (dice_once_in(&story.dice, 2))
        run_tree(&s);
    else
        run_reduction(&s);
    if (left > 0) {
        cadre_ref to = story.actors[dice_below(&story.dice, ACTORS)];
        CHECK_EQ(cadre_send(self, to, talk, .left = left - 1), 0);
        story.sent++;
    }
    story.is_busy = false;
    return 0;
}

static int root_start(cadre_self *self, void *state)
{
    static const cadre_class actor = {.name = "actor", .receive = actor_receive};
    for (int i = 0; i < ACTORS; i++)
        CHECK_EQ(cadre_spawn(self, &story.actors[i], &actor, NULL), 0);
    for (int i = 0; i < ACTORS; i++) {
        uint32_t left = dice_below(&story.dice, TALKS_MAX);
        CHECK_EQ(cadre_send(self, story.actors[i], talk, .left = left), 0);
        story.sent++;
    }
    return 0;
}

static uint64_t play(uint64_t seed)
{
    static const cadre_class root = {
        .name = "root", .start = root_start, .receive = actor_receive};
    cadre_counters sums = {0};
    cadre_config config = story_config(seed);
    config.end_when_quiet = true;
    story.dice = dice_new(seed, 3);
    story.sent = story.received = story.order = 0;
    story.is_busy = false;
    CHECK_EQ(story_run(&config, &root, NULL, &sums), 0);
    CHECK_EQ(sums.handled, story.sent);
    CHECK_EQ(story.received, story.sent);
    return mix64(sums.trace ^ story.order);
}

int main(int argc, char **argv)
{
    static const struct story stories[] = {{"scopes", play, 20000}, {0}};
    return story_main(argc, argv, stories);
}
