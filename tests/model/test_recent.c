/* test_recent.c: one notes what happens, others look at it meanwhile: what they get is
 * whole, and is what they asked for. */
#include "queue/recent.h"

enum { NOTED = 4 };

static struct recent recent;
static int got; /* by all who look */

/* The word of an entry: no two are the same. */
static uint64_t word(uint64_t n, int i) { return n * RECENT_WORDS + (uint64_t)i + 1; }

static void setup(void)
{
    recent_init(&recent);
    mc_name(&recent.count, sizeof recent.count, "count");
    mc_name(recent.entries, sizeof recent.entries, "entries");
    got = 0;
}

static void note_all(void)
{
    for (uint64_t n = 0; n < NOTED; n++)
        recent_add(&recent, word(n, 0), word(n, 1), word(n, 2), word(n, 3));
}

static void look(uint64_t n)
{
    uint64_t words[RECENT_WORDS];
    if (!recent_get(&recent, n, words))
        return;
    mc_note("entry %d is there", (int)n);
    for (int i = 0; i < RECENT_WORDS; i++)
        mc_assert(words[i] == word(n, i));
    got++;
}

static void look_once(int self)
{
    if (self == 1)
        note_all();
    else
        look((uint64_t)mc_choose(NOTED));
}

/* From the newest on, as a report does. */
static void look_back(int self)
{
    if (self == 1) {
        note_all();
        return;
    }
    uint64_t count = recent_count(&recent);
    for (uint64_t i = 1; i <= count && i <= RECENT_SIZE; i++)
        look(count - i);
}

/* When nobody writes, all but the oldest are there. */
static void newest_are_there(void)
{
    got = 0;
    for (uint64_t n = 0; n <= NOTED; n++)
        look(n);
    mc_assert(got == RECENT_SIZE - 1);
}

#define TEST(text, n, what)                                                            \
    .name = "recent: " text, .threads = n, .setup = setup, .thread = what,             \
    .final = newest_are_there

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("one looks at any", 2, look_once),
         .bounds = {.preemptions = 4, .stale = 4},
         .deep = {.preemptions = 6, .stale = 6}},
        {TEST("one looks at the newest", 2, look_back),
         .bounds = {.preemptions = 3, .stale = 3},
         .deep = {.preemptions = 5, .stale = 4}},
        {TEST("two look at any", 3, look_once),
         .bounds = {.preemptions = 2, .stale = 2},
         .deep = {.preemptions = 3, .stale = 2}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
