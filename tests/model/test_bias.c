/* test_bias.c: a lock for one thread, which others may borrow.
 *
 * Thread 1 owns the bias, the others seize it, once or twice. Two things are guarded:
 * what only those inside may touch, and the owner's bed, which it touches resting and
 * outside, and a seizer only when it finds that the owner does not rest. */
#include "base/bias.h"

static struct bias bias;
static int guarded, bed;
static int seized; /* how often that succeeded */

static void setup(void)
{
    bias_init(&bias);
    plain_write(&guarded, 0);
    plain_write(&bed, 0);
    seized = 0;
    mc_name(&bias.inside, sizeof bias.inside, "inside");
    mc_name(&bias.resting, sizeof bias.resting, "resting");
    mc_name(&bias.wanted, sizeof bias.wanted, "wanted");
    mc_name(&guarded, sizeof guarded, "guarded");
    mc_name(&bed, sizeof bed, "bed");
}

static void touch(void) { plain_write(&guarded, plain_read(&guarded) + 1); }

/* ---- the owner ---- */

static void work(void)
{
    touch();
    bias_leave(&bias);
    bias_enter(&bias);
    touch();
}

static void rest(void)
{
    bias_rest(&bias);
    plain_write(&bed, plain_read(&bed) + 1);
    bias_rise(&bias);
    touch();
}

static void own(int times, void (*then)(void))
{
    for (int i = 0; i < times; i++)
        then();
    bias_leave(&bias);
}

/* ---- whoever else wants it ---- */

/* It has got in. */
static void use(void)
{
    seized++;
    touch();
    if (!bias_is_resting(&bias))
        plain_write(&bed, plain_read(&bed) + 1);
    touch();
    bias_release(&bias);
}

static bool seize(bool may_stop)
{
    if (!bias_seize(&bias, may_stop))
        return false;
    use();
    return true;
}

static bool ask(bool may_stop)
{
    if (!bias_ask(&bias, may_stop))
        return false;
    use();
    return true;
}

static void stop_once(int self)
{
    if (self == 1)
        own(2, work);
    else
        (void)seize(true);
}

/* With no barrier: nothing but the answer lets it in. */
static void ask_once(int self)
{
    if (self == 1)
        own(2, work);
    else
        (void)ask(false);
}

static void ask_twice(int self)
{
    if (self == 1) {
        own(2, work);
    } else {
        (void)ask(false);
        (void)ask(false);
    }
}

static void ask_or_stop(int self)
{
    if (self == 1)
        own(2, work);
    else
        (void)ask(self == 2);
}

/* It may rest instead of coming by. */
static void ask_while_it_rests(int self)
{
    if (self == 1)
        own(2, rest);
    else
        (void)ask(true);
}

/* Until it succeeds, and so it does, at the latest when the owner has left for good. */
static void stop_until(int self)
{
    if (self == 1) {
        own(1, work);
    } else {
        while (!seize(true))
            cpu_relax();
        mc_assert(!seize(false));
    }
}

/* Where it does not get in at once, the owner does something else. */
static void stop_who_does_not_wait(int self)
{
    if (self == 1) {
        touch();
        bias_leave(&bias);
        for (int i = 0; i < 2; i++)
            if (bias_try_enter(&bias)) {
                touch();
                bias_leave(&bias);
            }
    } else {
        while (!seize(true))
            cpu_relax();
    }
}

static void find_resting(int self)
{
    if (self == 1)
        own(2, rest);
    else
        (void)seize(false);
}

static void stop_or_find_resting(int self)
{
    if (self == 1) {
        rest();
        own(1, work);
    } else {
        (void)seize(self == 2);
    }
}

static void stop_while_it_rests(int self)
{
    if (self == 1)
        own(2, rest);
    else
        (void)seize(true);
}

static void nobody_is_left(void)
{
    mc_assert(load_relaxed(&bias.wanted) == 0);
    mc_assert(load_relaxed(&bias.inside) == 0 && load_relaxed(&bias.resting) == 0);
}

static void all_succeeded(void)
{
    nobody_is_left();
    mc_assert(seized > 0);
}

#define TEST(text, n, what, end)                                                       \
    .name = "bias: " text, .threads = n, .setup = setup, .thread = what, .final = end
#define TWO_THREADS                                                                    \
    .bounds = {.preemptions = 6, .stale = 4}, .deep = {.preemptions = 9, .stale = 6}
#define THREE_THREADS                                                                  \
    .bounds = {.preemptions = 4, .stale = 2}, .deep = {.preemptions = 5, .stale = 3}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("one stops it", 2, stop_once, nobody_is_left), TWO_THREADS},
        {TEST("one stops it in the end", 2, stop_until, all_succeeded), TWO_THREADS},
        {TEST("one stops it, it does not wait", 2, stop_who_does_not_wait,
              all_succeeded),
         TWO_THREADS},
        {TEST("one finds it resting", 2, find_resting, nobody_is_left), TWO_THREADS},
        {TEST("one stops it while it rests", 2, stop_while_it_rests, nobody_is_left),
         TWO_THREADS},
        {TEST("one asks it", 2, ask_once, nobody_is_left), TWO_THREADS},
        {TEST("one asks it twice", 2, ask_twice, nobody_is_left), TWO_THREADS},
        {TEST("one asks it while it rests", 2, ask_while_it_rests, nobody_is_left),
         TWO_THREADS},
        {TEST("two ask it", 3, ask_once, nobody_is_left), THREE_THREADS},
        {TEST("two ask it, one with a barrier", 3, ask_or_stop, nobody_is_left),
         THREE_THREADS},
        {TEST("two stop it", 3, stop_once, nobody_is_left), THREE_THREADS},
        {TEST("two find it resting", 3, find_resting, nobody_is_left), THREE_THREADS},
        {TEST("two, one of them stops it", 3, stop_or_find_resting, nobody_is_left),
         THREE_THREADS},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
