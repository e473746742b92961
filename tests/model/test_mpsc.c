/* test_mpsc.c: the mailbox queue, with its producers as consumers.
 *
 * Every thread pushes its nodes, and whenever the queue was idle, consumes it until it
 * is again. A node is freed as soon as the queue lets go of it. */
#include "queue/mpsc.h"

enum { NODES = 6 };

struct item {
    struct mpsc_node node;
    int from, number;
};

static struct mpsc queue;
static struct item *items[NODES];
static int inside; /* what a consumer may touch and nobody else */
static int consumed, last[4];
static ATOMIC(struct item *) spare;

static void setup(void)
{
    mpsc_init(&queue);
    plain_write(&queue.first, NULL);
    plain_write(&inside, 0);
    atomic_set(&spare, NULL);
    consumed = 0;
    for (int i = 0; i < 4; i++)
        last[i] = 0;
    for (int i = 0; i < NODES; i++) {
        items[i] = mc_alloc(sizeof *items[i]);
        atomic_set(&items[i]->node.next, &items[0]->node); /* it was used before */
        mc_name(items[i], sizeof *items[i], "node");
    }
    mc_name(&queue.tail, sizeof queue.tail, "tail");
    mc_name(&queue.first, sizeof queue.first, "first");
    mc_name(&inside, sizeof inside, "inside");
}

static struct item *fill(struct item *item, int from, int number)
{
    plain_write(&item->from, from);
    plain_write(&item->number, number);
    return item;
}

static void handle(struct item *item)
{
    plain_write(&inside, mc_self()); /* races with a second consumer */
    int from = plain_read(&item->from), number = plain_read(&item->number);
    mc_note("handles %d of thread %d", number, from);
    mc_assert(number == last[from] + 1); /* in order, none lost, none twice */
    last[from] = number;
    consumed++;
}

static void let_go(struct item *item) { mc_free(item, sizeof *item); }

/* Until the queue is idle; release: what becomes of a node that was handled. */
static void consume(void (*release)(struct item *item))
{
    for (;;) {
        struct mpsc_node *n = mpsc_first(&queue);
        struct item *item = container_of(n, struct item, node);
        handle(item);
        enum mpsc_state state;
        while ((state = mpsc_advance(&queue)) == MPSC_LATE)
            mc_spin();
        release(item);
        if (state == MPSC_IDLE)
            return;
    }
}

static void push(struct item *item, void (*release)(struct item *item))
{
    if (mpsc_push(&queue, &item->node))
        consume(release);
}

/* ---- three producers, five messages ---- */

static void two_two_one(int self)
{
    push(fill(items[2 * self - 2], self, 1), let_go);
    if (self < 3)
        push(fill(items[2 * self - 1], self, 2), let_go);
}

static void all_consumed(int count)
{
    mc_assert(mpsc_is_idle(&queue));
    mc_assert(consumed == count);
}

static void five_consumed(void) { all_consumed(5); }
static void four_consumed(void) { all_consumed(4); }

static void two_two(int self)
{
    push(fill(items[2 * self - 2], self, 1), let_go);
    push(fill(items[2 * self - 1], self, 2), let_go);
}

/* ---- a claim among pushes ---- */

static void claim_or_push(int self)
{
    struct item *item = fill(items[self], self, 1);
    if (self > 1)
        push(item, let_go);
    else if (mpsc_claim(&queue, &item->node))
        consume(let_go);
    else
        push(item, let_go);
}

static void three_consumed(void) { all_consumed(3); }

/* Two who claim, and one that pushes: the loser of a claim may use its node again. */
static void two_claims(int self)
{
    struct item *item = fill(items[self], self, 1);
    if (self == 3) {
        push(item, let_go);
        return;
    }
    while (!mpsc_claim(&queue, &item->node))
        mc_spin();
    consume(let_go);
}

/* ---- nodes that are used again ---- */

static void keep(struct item *item) { store_release(&spare, item); }

static void reuse(int self)
{
    push(fill(items[self], self, 1), keep);
    struct item *again = exchange_acquire(&spare, NULL);
    if (again)
        push(fill(again, self, 2), keep);
}

static void at_least_two(void)
{
    mc_assert(mpsc_is_idle(&queue));
    mc_assert(consumed == last[1] + last[2] && consumed >= 2);
}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {.name = "mpsc: two producers, four messages",
         .threads = 2,
         .setup = setup,
         .thread = two_two,
         .final = four_consumed,
         .bounds = {.preemptions = 5, .stale = 3, .spurious = 1},
         .deep = {.preemptions = 10, .stale = 6, .spurious = 1}},
        {.name = "mpsc: three producers, five messages",
         .threads = 3,
         .setup = setup,
         .thread = two_two_one,
         .final = five_consumed,
         .bounds = {.preemptions = 3, .stale = 2, .spurious = 1},
         .deep = {.preemptions = 5, .stale = 3, .spurious = 1}},
        {.name = "mpsc: a claim among pushes",
         .threads = 3,
         .setup = setup,
         .thread = claim_or_push,
         .final = three_consumed,
         .bounds = {.preemptions = 3, .stale = 2, .spurious = 1},
         .deep = {.preemptions = 5, .stale = 3, .spurious = 1}},
        {.name = "mpsc: two claims and a push",
         .threads = 3,
         .setup = setup,
         .thread = two_claims,
         .final = three_consumed,
         .bounds = {.preemptions = 3, .stale = 2, .spurious = 1},
         .deep = {.preemptions = 5, .stale = 3, .spurious = 1}},
        {.name = "mpsc: nodes used again",
         .threads = 2,
         .setup = setup,
         .thread = reuse,
         .final = at_least_two,
         .bounds = {.preemptions = 5, .stale = 3, .spurious = 1},
         .deep = {.preemptions = 10, .stale = 6, .spurious = 1},
         .unordered_stores = true}, /* of `spare`, which is the model's own */
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
