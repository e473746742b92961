/* test_wheel_list.c: the wheel beside a list that is searched from end to end. */
#include "queue/wheel.h"

#include "support/dice.h"
#include "support/effort.h"
#include "support/support.h"

#define TICK (INT64_C(1) << WHEEL_TICK_BITS)

enum { NODES = 256 };

static struct wheel wheel;
static struct wheel_node nodes[NODES];

static const int64_t starts[] = {
    0,
    1,
    TICK - 1,
    (INT64_C(1) << 31) - 1,
    INT64_C(1) << 31,
    (INT64_C(1) << 32) - 1,
    INT64_C(1) << 32,
    (INT64_C(1) << 40) - 1,
    (INT64_C(1) << 62) - 1,
    INT64_C(1) << 62,
    INT64_MAX - (INT64_C(1) << 52),
    INT64_MAX - TICK,
    INT64_MAX - 1,
    INT64_MAX,
};
enum { STARTS = sizeof starts / sizeof *starts };

static int64_t later(int64_t time, int64_t by)
{
    return by > INT64_MAX - time ? INT64_MAX : time + by;
}

struct entry {
    int node;
    int64_t due, tick;
};
/* In the order they were added. */
static struct entry entries[NODES];
static size_t entry_count;
static int64_t told, stands; /* the latest time, and the tick it stands at */

static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static void entry_erase(size_t at)
{
    memmove(&entries[at], &entries[at + 1], (--entry_count - at) * sizeof *entries);
}

/* The first added of the earliest tick among those that are due; or entry_count. */
static size_t entry_due(void)
{
    size_t best = entry_count;
    for (size_t i = 0; i < entry_count; i++)
        if (entries[i].due <= told &&
            (best == entry_count || entries[i].tick < entries[best].tick))
            best = i;
    return best;
}

static int64_t entry_least(void)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < entry_count; i++)
        if (entries[i].due < least)
            least = entries[i].due;
    return least;
}

/* Any length up to 2^bits, each magnitude as likely as the next; some are borders. */
static int64_t distance(struct dice *dice, uint32_t bits)
{
    uint32_t magnitude = dice_below(dice, bits + 1);
    int64_t d = (int64_t)(dice_next(dice) & ((UINT64_C(1) << magnitude) - 1));
    if (dice_once_in(dice, 4) && magnitude > WHEEL_TICK_BITS)
        d = d / TICK * TICK + (int64_t)dice_below(dice, 3) - 1;
    return most(d, 0);
}

static void add_entry(struct dice *dice, int64_t due)
{
    int node = (int)dice_below(dice, NODES);
    while (wheel_is_in(&nodes[node]))
        node = (node + 1) % NODES;
    entries[entry_count++] = (struct entry){node, due, most(due / TICK, stands)};
    wheel_add(&wheel, &nodes[node], due);
    assert_true(wheel_is_in(&nodes[node]));
    wheel_check(&wheel);
}

static void random_add(struct dice *dice, uint32_t bits, uint32_t limit)
{
    if (entry_count >= limit)
        return;
    int64_t due = later(told, distance(dice, bits));
    if (entry_count > 0 && dice_once_in(dice, 4)) /* the same as another, or near it */
        due = later(entries[dice_below(dice, (uint32_t)entry_count)].due,
                    dice_below(dice, 3) * 100);
    if (dice_once_in(dice, 8))
        due = most(told - distance(dice, bits), 0);
    add_entry(dice, due);
}

/* So many close together that wheel_next does not look at all of them. */
static void random_crowd(struct dice *dice, uint32_t bits)
{
    int64_t from = later(told, distance(dice, bits));
    uint64_t width = (uint64_t)distance(dice, bits) + 1;
    while (entry_count < NODES)
        add_entry(dice, later(from, (int64_t)(dice_next(dice) % width)));
}

static void random_remove(struct dice *dice)
{
    if (entry_count == 0)
        return;
    size_t at = dice_below(dice, (uint32_t)entry_count);
    struct wheel_node *n = &nodes[entries[at].node];
    wheel_remove(&wheel, n);
    assert_false(wheel_is_in(n));
    wheel_check(&wheel);
    entry_erase(at);
}

static void check_next(bool after_none)
{
    int64_t next = wheel_next(&wheel), least = entry_least();
    assert_true(next <= least);
    if (entry_count <= WHEEL_LOOK)
        assert_true(next == least);
    if (after_none && entry_count > 0)
        assert_true(next > told);
}

static void random_take(struct dice *dice, uint32_t bits)
{
    int64_t now = told;
    switch (dice_below(dice, 6)) {
    case 0:
        now = later(told, distance(dice, bits));
        break;
    case 1:
        now = wheel_next(&wheel);
        break;
    case 2:
        now = wheel_next(&wheel) - 1;
        break;
    case 3:
        now = later(told, dice_below(dice, 300));
        break;
    case 4:
        now = most(told - distance(dice, bits), 0);
        break;
    default:
        break;
    }
    if (entry_count == 0 && now >= INT64_MAX - 1)
        now = told; /* it would be the last */
    told = most(told, now);
    for (uint32_t takes = 1 + dice_below(dice, 6); takes > 0; takes--) {
        size_t at = entry_due();
        if (at == entry_count) {
            assert_null(wheel_take(&wheel, now));
            wheel_check(&wheel);
            stands = told / TICK;
            check_next(true);
            return;
        }
        struct wheel_node *n = wheel_take(&wheel, now);
        assert_ptr_equal(n, &nodes[entries[at].node]);
        assert_false(wheel_is_in(n));
        wheel_check(&wheel);
        stands = entries[at].tick;
        entry_erase(at);
    }
}

static void play_seed(uint64_t seed)
{
    struct dice dice = dice_new(seed, 1);
    uint32_t bits = (const uint32_t[]){9, 12, 18, 30, 36, 45, 62}[dice_below(&dice, 7)];
    uint32_t limit = (const uint32_t[]){3, 20, WHEEL_LOOK, NODES}[dice_below(&dice, 4)];
    uint32_t adds = 1 + dice_below(&dice, 6), removes = dice_below(&dice, 3);
    told = starts[dice_below(&dice, STARTS)];
    told = most(told - distance(&dice, bits), 0);
    stands = told / TICK;
    entry_count = 0;
    memset(nodes, 0, sizeof nodes);
    wheel_init(&wheel, told);
    for (int step = 0; step < 400; step++) {
        uint32_t what = dice_below(&dice, adds + removes + 2);
        if (limit == NODES && dice_once_in(&dice, 50))
            random_crowd(&dice, bits);
        if (what < adds)
            random_add(&dice, bits, limit);
        else if (what < adds + removes)
            random_remove(&dice);
        else
            random_take(&dice, bits);
        assert_int_equal(wheel_count(&wheel), entry_count);
        check_next(false);
    }
}

static void wheel_does_what_a_list_does(void **state)
{
    for (uint64_t seed = 1; seed <= effort(3000, 200000); seed++)
        play_seed(seed);
}

int main(void)
{
    TESTS(cmocka_unit_test(wheel_does_what_a_list_does));
    return RUN_TESTS();
}
