/* test_spsc.c: one fills the places of a ring, another one empties them.
 *
 * Thread 1 writes, and either waits for room or loses what there is none for; thread 2
 * reads, and either looks all the time or only when its bell rings, as a socket's owner
 * does. What comes is whole, and in order. */
#include "queue/bell.h"
#include "queue/spsc.h"

enum { ITEMS = 4, PLACES = 2 };

static struct spsc places;
static struct bell bell;
static ATOMIC(uint32_t) mail; /* the bell's node is in the reader's inbox */
static ATOMIC(uint32_t) is_over;
static int items[PLACES];
static int came, lost, last;

static void setup(void)
{
    spsc_init(&places);
    bell_init(&bell);
    atomic_set(&mail, 0);
    atomic_set(&is_over, 0);
    for (int i = 0; i < PLACES; i++)
        plain_write(&items[i], 0);
    came = lost = last = 0;
    mc_name(&places.in, sizeof places.in, "in");
    mc_name(&places.out, sizeof places.out, "out");
    mc_name(&bell, sizeof bell, "bell");
    mc_name(&mail, sizeof mail, "mail");
    mc_name(items, sizeof items, "items");
}

static bool write_one(int item)
{
    uint64_t at;
    if (!spsc_has_room(&places, PLACES, &at))
        return false;
    plain_write(&items[at], item);
    spsc_put(&places);
    return true;
}

static bool read_one(void)
{
    uint64_t at;
    if (!spsc_has_more(&places, PLACES, &at))
        return false;
    int item = plain_read(&items[at]);
    plain_write(&items[at], 0);
    spsc_take(&places);
    mc_assert(item > last);
    last = item;
    came++;
    return true;
}

static void wait_for_room(int self)
{
    for (int i = 1; self == 1 && i <= ITEMS; i++)
        while (!write_one(i))
            cpu_relax();
    while (self == 2 && came < ITEMS)
        if (!read_one())
            cpu_relax();
}

/* The last one is rung after `is_over` is said. */
static void write_and_lose(void)
{
    for (int i = 1; i <= ITEMS; i++) {
        if (!write_one(i))
            lost++;
        if (i == ITEMS)
            store_release(&is_over, 1);
        if (bell_ring(&bell, 1))
            store_release(&mail, 1);
    }
}
static void read_when_told(void)
{
    for (bool was_last = false; !was_last;) {
        while (!exchange_acq_rel(&mail, 0))
            cpu_relax();
        (void)bell_answer(&bell);
        was_last = load_acquire(&is_over);
        while (read_one()) {
        }
    }
}
static void lose(int self)
{
    if (self == 1)
        write_and_lose();
    else
        read_when_told();
}

static void nothing_is_left(void)
{
    mc_assert(came + lost == ITEMS);
    mc_assert(came >= PLACES);
}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {.name = "spsc: the writer waits",
         .threads = 2,
         .setup = setup,
         .thread = wait_for_room,
         .final = nothing_is_left,
         .bounds = {.preemptions = 5, .stale = 3},
         .deep = {.preemptions = 7, .stale = 5}},
        {.name = "spsc: the writer loses",
         .threads = 2,
         .setup = setup,
         .thread = lose,
         .final = nothing_is_left,
         .unordered_stores = true, /* of `mail`: by who has the bell's node */
         .bounds = {.preemptions = 4, .stale = 3},
         .deep = {.preemptions = 6, .stale = 4}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
