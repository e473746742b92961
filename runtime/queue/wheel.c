/* wheel.c: timers in the order they are due: one thread at a time.
 *
 * Write a tick as nine digits of six bits. A node's level is the highest digit in which
 * its tick differs from the wheel's own, and that digit of its tick is its slot; so all
 * nodes of a level share the higher digits with the wheel. It follows that
 *
 *   - a lower level is earlier than a higher one, and a lower slot than a higher one:
 *     the first occupied slot is two bit searches away, whatever the time between;
 *   - as long as the wheel's tick does not enter an occupied slot, every node is where it
 *     should be: years pass in one step. When it enters one above level 0, which it does
 *     at the slot's first tick, that slot's nodes move to lower levels, in order;
 *   - all nodes of one tick are always in the same slot, in the order they were added.
 *
 * In the last tick that has begun a node may be due a little later than now. Those found
 * at the front of its slot stand aside in one more list until a later time is told, so
 * that at any one time nobody looks at them twice. */
#include "queue/wheel.h"

#include "base/cc.h"
#include "base/panic.h"

#include <assert.h>

enum { SLOTS = 1 << WHEEL_LEVEL_BITS, ASIDE = WHEEL_SLOTS };

static_assert(WHEEL_TICK_BITS + WHEEL_LEVELS * WHEEL_LEVEL_BITS >= 63,
              "the levels hold every time");
static_assert(SLOTS == 64, "one word has a bit for each slot of a level");
static_assert(sizeof(struct wheel) < (12 << 10), "a wheel is small");
static_assert(sizeof(struct wheel_node) <= 32, "a node is small");
static_assert(offsetof(struct wheel_node, link) == 0, "a link is its node");

static int64_t tick_of(int64_t time) { return time >> WHEEL_TICK_BITS; }

static int64_t start_of(int64_t tick) { return tick << WHEEL_TICK_BITS; }

static struct wheel_node *node_of(struct list *link)
{
    return container_of(link, struct wheel_node, link);
}

/* The slot of nodes of this tick, which is not before the wheel's own. */
static unsigned place_of(const struct wheel *w, int64_t tick)
{
    unsigned level = bit_highest((uint64_t)(tick ^ w->tick) | 1) / WHEEL_LEVEL_BITS;
    unsigned slot = (unsigned)(tick >> (level * WHEEL_LEVEL_BITS)) % SLOTS;
    return level * SLOTS + slot;
}

static unsigned level_of(unsigned place) { return place / SLOTS; }

/* The slot of the tick at which the wheel stands. */
static unsigned place_now(const struct wheel *w) { return (unsigned)w->tick % SLOTS; }

/* The first occupied slot; there is one. */
static unsigned place_first(const struct wheel *w)
{
    unsigned level = bit_lowest(w->levels);
    return level * SLOTS + bit_lowest(w->occupied[level]);
}

/* The first tick of a slot. */
static int64_t place_start(const struct wheel *w, unsigned place)
{
    unsigned shift = level_of(place) * WHEEL_LEVEL_BITS;
    int64_t above = w->tick >> shift >> WHEEL_LEVEL_BITS << WHEEL_LEVEL_BITS;
    return (above | (int64_t)(place % SLOTS)) << shift;
}

static void mark(struct wheel *w, unsigned place)
{
    w->occupied[level_of(place)] |= UINT64_C(1) << place % SLOTS;
    w->levels |= 1u << level_of(place);
}

/* Those who stand aside have no mark: to clear it does no harm. */
static void unmark(struct wheel *w, unsigned place)
{
    unsigned level = level_of(place);
    w->occupied[level] &= ~(UINT64_C(1) << place % SLOTS);
    if (w->occupied[level] == 0)
        w->levels &= ~(1u << level);
}

static void put(struct wheel *w, struct wheel_node *n)
{
    int64_t tick = tick_of(n->due);
    unsigned place = place_of(w, tick > w->tick ? tick : w->tick);
    list_append(&w->slots[place], &n->link);
    mark(w, place);
}

/* All of a slot, which is then empty, in front of what the other list holds. */
static void move_all(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    struct list *first = from->next, *last = from->prev;
    last->next = to->next;
    to->next->prev = last;
    first->prev = to;
    to->next = first;
    list_init(from);
}

/* The wheel has entered this slot: its nodes go where they belong now. */
static void spread(struct wheel *w, unsigned place)
{
    struct list all;
    list_init(&all);
    move_all(&all, &w->slots[place]);
    unmark(w, place);
    for (struct list *link = all.next; link != &all;) {
        struct list *next = link->next;
        put(w, node_of(link));
        link = next;
    }
}

/* To the next tick with nodes, or near it, but not beyond the present. False when the
 * wheel is there, and all that is due has been taken. */
static bool advance(struct wheel *w)
{
    int64_t present = tick_of(w->latest);
    if (w->tick == present)
        return false;
    unsigned place = w->levels ? place_first(w) : 0;
    if (w->levels == 0 || place_start(w, place) > present) {
        w->tick = present;
        return false;
    }
    w->tick = place_start(w, place);
    if (level_of(place) > 0)
        spread(w, place);
    return true;
}

/* A later time: who stands aside may be due, and comes before all others of the tick. */
static void tell(struct wheel *w, int64_t now)
{
    w->latest = now;
    if (list_is_empty(&w->slots[ASIDE]))
        return;
    move_all(&w->slots[place_now(w)], &w->slots[ASIDE]);
    mark(w, place_now(w));
}

/* The first node of this tick that is due; the others stand aside. */
static struct wheel_node *take_now(struct wheel *w)
{
    struct list *slot = &w->slots[place_now(w)];
    while (!list_is_empty(slot)) {
        struct wheel_node *n = node_of(slot->next);
        if (n->due <= w->latest) {
            wheel_remove(w, n);
            return n;
        }
        list_remove(&n->link);
        list_append(&w->slots[ASIDE], &n->link);
        if (list_is_empty(slot))
            unmark(w, place_now(w));
    }
    return NULL;
}

/* Lowers *least to the earliest due of a list. False when it is too long to look at, as
 * *left, which counts down, says. */
static bool look(const struct list *head, int64_t *least, unsigned *left)
{
    for (struct list *link = head->next; link != head; link = link->next) {
        if ((*left)-- == 0)
            return false;
        int64_t due = node_of(link)->due;
        if (due < *least)
            *least = due;
    }
    return true;
}

void wheel_init(struct wheel *w, int64_t now)
{
    *w = (struct wheel){.tick = tick_of(now), .latest = now};
    for (unsigned i = 0; i <= ASIDE; i++)
        list_init(&w->slots[i]);
}

void wheel_add(struct wheel *w, struct wheel_node *n, int64_t due)
{
    if (DEBUG_BUILD)
        invariant(!wheel_is_in(n));
    n->due = due;
    put(w, n);
    w->count++;
}

void wheel_remove(struct wheel *w, struct wheel_node *n)
{
    if (DEBUG_BUILD)
        invariant(wheel_is_in(n) && w->count > 0);
    struct list *next = n->link.next;
    list_remove(&n->link);
    n->link.next = NULL;
    w->count--;
    if (list_is_empty(next)) /* it is the slot: no link of another node is alone */
        unmark(w, (unsigned)(next - w->slots));
}

struct wheel_node *wheel_take(struct wheel *w, int64_t now)
{
    if (now > w->latest)
        tell(w, now);
    struct wheel_node *n;
    do
        n = take_now(w);
    while (!n && advance(w));
    return n;
}

int64_t wheel_next(const struct wheel *w)
{
    int64_t least = INT64_MAX;
    unsigned left = WHEEL_LOOK;
    const struct list *slot = &w->slots[place_now(w)], *aside = &w->slots[ASIDE];
    if (!list_is_empty(slot)) /* nobody knows yet whether these are due */
        return look(aside, &least, &left) && look(slot, &least, &left) ? least : 0;
    if (!list_is_empty(aside))
        return look(aside, &least, &left) ? least : w->latest + 1;
    if (w->levels == 0)
        return INT64_MAX;
    unsigned place = place_first(w);
    if (look(&w->slots[place], &least, &left))
        return least;
    return start_of(place_start(w, place));
}

/* ---- what must be true ---- */

static size_t check_slot(const struct wheel *w, unsigned place)
{
    size_t count = 0;
    const struct list *head = &w->slots[place];
    invariant(head->next->prev == head);
    for (struct list *link = head->next; link != head; link = link->next, count++) {
        int64_t due = node_of(link)->due, tick = tick_of(due);
        invariant(link->next->prev == link);
        if (place == ASIDE)
            invariant(tick == w->tick && due > w->latest);
        else
            invariant(place_of(w, tick > w->tick ? tick : w->tick) == place);
    }
    return count;
}

void wheel_check(const struct wheel *w)
{
    size_t count = check_slot(w, ASIDE);
    invariant(w->tick <= tick_of(w->latest));
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        invariant((w->levels >> level & 1) == (w->occupied[level] != 0));
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            size_t here = check_slot(w, level * SLOTS + slot);
            invariant((w->occupied[level] >> slot & 1) == (here > 0));
            count += here;
        }
    }
    invariant(w->levels >> WHEEL_LEVELS == 0);
    invariant(w->occupied[WHEEL_LEVELS] == 0);
    invariant(count == w->count);
}
