/* test_runq.c: the ring of a worker: its owner pushes and pops, two thieves take half.
 *
 * Every item is taken exactly once, what its pusher wrote is seen by who takes it, and
 * whoever takes gets items in the order in which they were pushed. */
#include "queue/runq.h"

#include <stddef.h>

enum { ITEMS = 8, CAPACITY = 4 };

static struct runq queue;
static struct runq_slot slots[CAPACITY];
static int items[ITEMS]; /* plain: written before the push, and by who took it */
static int taken[ITEMS], latest[4];
static uint32_t pushed;

static void setup_at(uint32_t start, uint32_t capacity)
{
    runq_init(&queue, slots, capacity);
    atomic_set(&queue.head, start);
    atomic_set(&queue.tail, start);
    for (int i = 0; i < ITEMS; i++) {
        plain_write(&items[i], 0);
        taken[i] = 0;
    }
    for (int i = 0; i < 4; i++)
        latest[i] = -1;
    pushed = 0;
    mc_name(&queue.head, sizeof queue.head, "head");
    mc_name(&queue.tail, sizeof queue.tail, "tail");
    mc_name(slots, sizeof slots, "slots");
    mc_name(items, sizeof items, "items");
}

static void setup(void) { setup_at(0, 4); }
static void setup_small(void) { setup_at(0, 2); }
static void setup_wrap(void) { setup_at(UINT32_MAX, 2); }

static void got(void *item)
{
    ptrdiff_t i = (int *)item - items;
    mc_note("got item %d", (int)i);
    mc_assert(i >= 0 && i < ITEMS);
    mc_assert(plain_read(&items[i]) == 1);
    plain_write(&items[i], 2);
    mc_assert(latest[mc_self()] < i);
    latest[mc_self()] = (int)i;
    taken[i]++;
}

static bool push(void)
{
    int *item = &items[pushed];
    plain_write(item, 1);
    if (!runq_push(&queue, item))
        return false;
    pushed++;
    return true;
}

static void pop(void)
{
    void *item = runq_pop(&queue);
    if (item)
        got(item);
}

static void take(uint32_t max)
{
    void *loot[CAPACITY];
    uint32_t n = runq_take_half(&queue, loot, max);
    mc_assert(n <= max);
    for (uint32_t i = 0; i < n; i++)
        got(loot[i]);
}

/* ---- threads ---- */

static void last_item(int self)
{
    if (self > 1) {
        take(CAPACITY);
        return;
    }
    mc_assert(push());
    pop();
    mc_assert(push());
    pop();
}

static void halves(int self)
{
    if (self > 1) {
        take(CAPACITY);
        return;
    }
    for (int i = 0; i < 3; i++)
        mc_assert(push());
    pop();
    pop();
}

/* Slots are used again and again; a full ring is emptied by its owner, as a worker does
 * that spills. */
static void round_and_round(int self)
{
    if (self > 1) {
        take(1);
        take(2);
        return;
    }
    for (int i = 0; i < 5; i++)
        if (!push()) {
            mc_assert(runq_size(&queue) <= 2); /* its owner computes room from it */
            take(1);
        }
    pop();
}

static void exactly_once(void)
{
    void *item;
    while ((item = runq_pop(&queue)))
        got(item);
    for (uint32_t i = 0; i < ITEMS; i++)
        mc_assert(taken[i] == (i < pushed));
    mc_assert(runq_size(&queue) == 0);
}

#define TEST(text, n, set, run)                                                        \
    .name = "runq: " text, .threads = n, .setup = set, .thread = run,                  \
    .final = exactly_once

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("the last item, two thieves", 3, setup, last_item),
         .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 5, .stale = 3}},
        {TEST("half of three, two thieves", 3, setup, halves),
         .bounds = {.preemptions = 3, .stale = 1},
         .deep = {.preemptions = 5, .stale = 3}},
        {TEST("slots used again, one thief", 2, setup_small, round_and_round),
         .bounds = {.preemptions = 3, .stale = 2},
         .deep = {.preemptions = 5, .stale = 3}},
        {TEST("slots used again, two thieves", 3, setup_small, round_and_round),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
        {TEST("positions that wrap around", 3, setup_wrap, round_and_round),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 4, .stale = 2}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
