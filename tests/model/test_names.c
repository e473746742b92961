/* test_names.c: lookups beside every change of the registry: each says what was so at a
 * moment while it looked, also when entries are used again and when the table grows.
 *
 * Names have the hashes that the model gives them, so that they meet in one bucket or do
 * not. The first table has two buckets. */
#include "actor/names.h"

#include <errno.h>
#include <string.h>

enum { A, B, C, D, NAMES };
enum { FIRST = 1, SECOND = 2 }; /* owners; a thread is one, or only looks */

static struct heap heap;
static struct names names;
static struct name name[NAMES];
static struct name_entry *mine[4];
static int left; /* plain: written before the name is free */

/* ---- what names.c wants besides ---- */

int heap_get(struct heap *h, void **p, size_t size)
{
    *p = mc_alloc(size);
    return 0;
}
int heap_get_lines(struct heap *h, void **p, size_t size)
{
    *p = mc_alloc(size);
    memset(*p, 0, size);
    mc_forget(*p, size);
    return 0;
}
void heap_put(struct heap *h, void *p, size_t size) { mc_free(p, size); }
void heap_put_lines(struct heap *h, void *p, size_t size) { mc_free(p, size); }

/* ---- set-up ---- */

/* A and B stand in one bucket, and C too as long as there are two. D in the other. All
 * have two words, the first of which B and A share. */
static const uint64_t hashes[NAMES] = {0, 0, 2, 1};
static const char *const texts[NAMES] = {"same bytes a", "same bytes b", "c bytes c",
                                         "d bytes d"};

static int add(int which, int owner)
{
    return names_add(&names, &name[which], (uint64_t)owner, &mine[owner]);
}
static int remove_it(int which, int owner)
{
    return names_remove(&names, &name[which], (uint64_t)owner);
}
static uint64_t find(int which)
{
    uint64_t found = names_find(&names, &name[which]);
    mc_note("%s is %d's", texts[which], (int)found);
    return found;
}

static void setup(void)
{
    names_init(&names, &heap, 0);
    memset(mine, 0, sizeof mine);
    left = 0;
    mc_forget(&left, sizeof left);
    for (int i = 0; i < NAMES; i++) {
        mc_assert(name_read(&name[i], texts[i], 0));
        name[i].hash = hashes[i];
    }
    mc_forget(&names, sizeof names);
    mc_name(&names.lock, sizeof names.lock, "lock");
    mc_name(&names.table, sizeof names.table, "table");
    mc_assert(add(A, FIRST) == 0);
    mc_name(load_relaxed(&names.table)->buckets, sizeof(struct name_bucket), "bucket");
    mc_name(mine[FIRST], sizeof *mine[FIRST], "entry");
}
static void setup_two(void)
{
    setup();
    mc_assert(add(B, FIRST) == 0);
}

/* ---- one changes, one looks ---- */

/* The entry goes to another name and owner, in this bucket or in the other; whoever finds
 * the name free sees what was done before. */
static void used_again(int self)
{
    if (self == 1) {
        plain_write(&left, 1);
        mc_assert(remove_it(A, FIRST) == 0);
        mc_assert(add(mc_choose(2) ? B : D, SECOND) == 0);
        return;
    }
    uint64_t b = mc_choose(2) ? find(B) : 0;
    mc_assert(b == 0 || b == SECOND);
    uint64_t a = find(A);
    mc_assert(a == FIRST || a == 0);
    if (a == 0) {
        mc_assert(plain_read(&left) == 1);
        mc_assert(find(A) == 0);
    }
}

/* The name goes to another owner, and the entry too. */
static void given_on(int self)
{
    if (self == 1) {
        mc_assert(remove_it(A, FIRST) == 0);
        mc_assert(add(A, SECOND) == 0);
        return;
    }
    uint64_t before = find(A), after = find(A);
    mc_assert(before <= SECOND && after <= SECOND);
    if (before != FIRST)
        mc_assert(after != FIRST);
    if (before == SECOND)
        mc_assert(after == SECOND);
}

/* What stands behind the one that goes is found all the time, though that becomes another
 * one: B stands before A. */
static void passed_over(int self)
{
    if (self == 1) {
        mc_assert(remove_it(B, FIRST) == 0);
        mc_assert(add(mc_choose(2) ? D : C, SECOND) == 0);
        return;
    }
    mc_assert(find(A) == FIRST);
}

/* Two go and come back in another order: what never was away is always found. */
static void turned_round(int self)
{
    if (self == 1) {
        mc_assert(remove_it(A, FIRST) == 0);
        mc_assert(add(D, SECOND) == 0); /* has A's entry, in the other bucket */
        return;
    }
    uint64_t d = find(D);
    mc_assert(d == 0 || d == SECOND);
    if (d == SECOND)
        mc_assert(find(A) == 0);
    mc_assert(find(B) == FIRST);
}

/* The third name makes the table grow: A and B stay together, C gets a bucket for itself,
 * D stood alone already. */
static void grew(void) { mc_assert(load_relaxed(&names.table)->mask == 3); }
static void grown(int self)
{
    if (self == 1) {
        mc_assert(add(mc_choose(2) ? C : D, SECOND) == 0);
        return;
    }
    mc_assert(find(A) == FIRST);
    mc_assert(find(B) == FIRST);
}
/* B and C part. */
static void setup_parting(void)
{
    setup();
    mc_assert(remove_it(A, FIRST) == 0);
    mc_assert(add(C, FIRST) == 0);
    mc_assert(add(B, FIRST) == 0);
}
static void parted(int self)
{
    if (self == 1) {
        mc_assert(add(D, SECOND) == 0);
        return;
    }
    mc_assert(find(C) == FIRST);
    uint64_t d = find(D);
    mc_assert(d == 0 || d == SECOND);
    mc_assert(find(B) == FIRST);
}
static void grown_and_left(int self)
{
    if (self == 1) {
        mc_assert(add(C, SECOND) == 0);
        mc_assert(remove_it(A, FIRST) == 0);
        return;
    }
    uint64_t c = find(C);
    mc_assert(c == 0 || c == SECOND);
    uint64_t a = find(A);
    mc_assert(a == FIRST || a == 0);
    if (c == 0 && a == 0)
        mc_assert(find(C) == SECOND); /* it came before A went */
}

/* The first name of all. */
static void setup_nothing(void)
{
    setup();
    mc_assert(remove_it(A, FIRST) == 0);
    names_fini(&names);
    names_init(&names, &heap, 0);
    mc_forget(&names, sizeof names);
}
static void came_first(int self)
{
    if (self == 1) {
        mc_assert(add(A, FIRST) == 0);
        return;
    }
    uint64_t a = find(A);
    mc_assert(a == 0 || a == FIRST);
    if (a == FIRST)
        mc_assert(find(A) == FIRST);
}

/* ---- two change ---- */

static int got[4];
static void fought_for(int self)
{
    if (self == 3) {
        uint64_t c = find(C);
        mc_assert(c <= SECOND);
        if (c)
            mc_assert(find(C) == c);
        return;
    }
    got[self] = add(C, self);
    mc_assert(got[self] == 0 || got[self] == -EEXIST);
}
static void one_has_it(void)
{
    grew();
    mc_assert((got[1] == 0) != (got[2] == 0));
    mc_assert(find(C) == (got[1] == 0 ? 1 : 2));
}

/* Whoever is told of the end finds the name free, and may have it. */
static ATOMIC(int) told;
static void setup_told(void)
{
    setup_two();
    atomic_set(&told, 0);
    mc_name(&told, sizeof told, "told");
}
static void freed_before(int self)
{
    if (self == 1) {
        names_release(&names, &mine[FIRST]);
        mc_assert(!mine[FIRST]);
        store_release(&told, 1);
        return;
    }
    if (load_acquire(&told) == 0)
        return;
    mc_assert(find(A) == 0 && find(B) == 0);
    mc_assert(add(B, SECOND) == 0);
    mc_assert(find(A) == 0 && find(B) == SECOND);
}

#define TEST(text, how, what)                                                          \
    .name = "names: " text, .setup = how, .thread = what,                              \
    .unordered_stores = true /* of mutexes */
#define BOUNDS(p, s)                                                                   \
    .bounds = {.preemptions = p, .stale = s},                                          \
    .deep = {.preemptions = p + 2, .stale = s + 2}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("used again", setup, used_again), .threads = 2, BOUNDS(4, 4)},
        {TEST("given on", setup, given_on), .threads = 2, BOUNDS(4, 4)},
        {TEST("passed over", setup_two, passed_over), .threads = 2, BOUNDS(4, 4)},
        {TEST("turned round", setup_two, turned_round), .threads = 2, BOUNDS(4, 4)},
        {TEST("grown", setup_two, grown), .threads = 2, .final = grew, BOUNDS(4, 3)},
        {TEST("parted", setup_parting, parted), .threads = 2, .final = grew,
         BOUNDS(4, 3)},
        {TEST("grown and left", setup_two, grown_and_left), .threads = 2, .final = grew,
         BOUNDS(4, 3)},
        {TEST("came first", setup_nothing, came_first), .threads = 2, BOUNDS(5, 5)},
        {TEST("fought for", setup_two, fought_for), .threads = 3, .final = one_has_it,
         BOUNDS(3, 1)},
        {TEST("freed before", setup_told, freed_before), .threads = 2, BOUNDS(5, 5)},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
