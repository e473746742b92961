/* test_inject.c: work from outside: many push, one at a time takes a batch.
 *
 * Every node is taken once, what was written before its push is seen by who takes it,
 * and the nodes of one producer come in order. While a node is in it, it never looks
 * empty to who knows of that node: a worker falls asleep relying on this. */
#include "queue/inject.h"

#include <stddef.h>

enum { NODES = 8 };

struct parcel {
    struct inject_node node;
    int content;
};

static struct inject queue;
static struct parcel parcels[NODES];
static int taken[NODES], latest[4][4];
static int pushed;

static void setup(void)
{
    inject_init(&queue);
    mc_plain_write(&queue.inbox.head, sizeof queue.inbox.head);
    for (int i = 0; i < NODES; i++) {
        plain_write(&parcels[i].content, 0);
        taken[i] = 0;
    }
    for (int i = 0; i < 16; i++)
        latest[i / 4][i % 4] = -1;
    pushed = 0;
    mc_name(&queue.inbox, sizeof queue.inbox, "inbox");
    mc_name(&queue.taking, sizeof queue.taking, "taking");
    mc_name(&queue.oldest, sizeof queue.oldest, "oldest");
    mc_name(parcels, sizeof parcels, "parcels");
}

/* Parcels 2n and 2n+1 are those of thread n. */
static void push(int i)
{
    plain_write(&parcels[i].content, 1);
    pushed++;
    inject_push(&queue, &parcels[i].node);
}

static uint32_t take(uint32_t max)
{
    struct inject_node *nodes[NODES];
    uint32_t n = inject_take(&queue, nodes, max);
    mc_assert(n <= max);
    for (uint32_t k = 0; k < n; k++) {
        struct parcel *p = container_of(nodes[k], struct parcel, node);
        ptrdiff_t i = p - parcels;
        mc_note("got parcel %d", (int)i);
        mc_assert(plain_read(&p->content) == 1);
        plain_write(&p->content, 2);
        taken[i]++;
        mc_assert(latest[mc_self()][i / 2] < (int)i % 2);
        latest[mc_self()][i / 2] = (int)i % 2;
    }
    return n;
}

/* ---- threads ---- */

static void push_and_take(int self)
{
    if (self == 1) {
        push(2);
        push(3);
    } else if (self == 2) {
        push(4);
        (void)take(NODES);
    } else {
        (void)take(1);
        (void)take(1);
    }
}

static void two_take(int self)
{
    if (self == 1) {
        push(2);
        push(3);
    } else {
        (void)take(1);
        (void)take(2);
    }
}

/* Who takes a node pushes it again, as the tasks of workers do. */
static void again(int self)
{
    struct inject_node *node;
    if (self == 1)
        push(2);
    if (inject_take(&queue, &node, 1) == 1) {
        struct parcel *p = container_of(node, struct parcel, node);
        mc_assert(plain_read(&p->content) == 1);
        plain_write(&p->content, 1);
        inject_push(&queue, node);
    }
    if (self == 2)
        push(4);
}

static void everything_taken(void)
{
    int count = 0;
    while (take(2) > 0) {
    }
    for (int i = 0; i < NODES; i++) {
        mc_assert(taken[i] <= 1);
        count += taken[i];
    }
    mc_assert(count == pushed);
    mc_assert(inject_is_empty(&queue));
}

/* Two nodes, of which at most one is taken. */
static void setup_two(void)
{
    setup();
    push(0);
    push(1);
}

static void never_empty(int self)
{
    if (self == 1)
        (void)take(1);
    else
        mc_assert(!inject_is_empty(&queue));
}

#define TEST(text, n, set, run, end)                                                   \
    .name = "inject: " text, .threads = n, .setup = set, .thread = run, .final = end,  \
    .unordered_stores = true /* `taking` is a lock */

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("two push, two take", 3, setup, push_and_take, everything_taken),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 3}},
        {TEST("one pushes, two take", 3, setup, two_take, everything_taken),
         .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 5, .stale = 3}},
        {TEST("nodes that come again", 3, setup, again, NULL),
         .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 5, .stale = 3}},
        {TEST("never empty while a node is in it", 2, setup_two, never_empty,
              everything_taken),
         .bounds = {.preemptions = 4, .stale = 3},
         .deep = {.preemptions = 7, .stale = 7}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
