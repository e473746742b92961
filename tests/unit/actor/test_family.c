/* test_family.c: who is whose child: youngest first, in whatever order they end. */
#include "actor/family.h"

#include "support/dice.h"
#include "support/support.h"

enum { CHILDREN = 50 };

static struct heap heap;
static struct table table;
static struct table_cache cache;
static struct cell *parent, *children[CHILDREN];
static const cadre_class anybody;

static struct cell *born_to(uint32_t parent_slot)
{
    struct cell *cell = NULL;
    assert_int_equal(table_take(&table, &cache, &cell), 0);
    assert_true(cell_claim(cell, 0));
    cell_begin(cell, &anybody, parent_slot);
    return cell;
}

static int make_parent(void **state)
{
    heap_init(&heap, NULL, NULL, SIZE_MAX);
    table_init(&table, &heap);
    cache = (struct table_cache){0};
    parent = born_to(SLOT_NONE);
    for (int i = 0; i < CHILDREN; i++)
        children[i] = born_to(cell_slot(parent));
    return 0;
}

static int end_table(void **state)
{
    table_fini(&table);
    return load_relaxed(&heap.bytes) == 0 ? 0 : -1;
}

static void add(int i) { family_add(&table, parent, children[i]); }
static void take_out(int i) { family_remove(&table, children[i]); }

/* The family of `whose` is exactly these, youngest first, and the way back the same. */
static void assert_family_is(const struct cell *whose, const int *expected, int count)
{
    struct cell *younger = NULL, *child = family_find(&table, whose->family.child);
    assert_int_equal(family_is_empty(whose), count == 0);
    for (int i = 0; i < count; i++) {
        assert_ptr_equal(child, children[expected[i]]);
        assert_ptr_equal(family_find(&table, child->family.younger), younger);
        assert_ptr_equal(family_find(&table, cell_parent(child)), whose);
        younger = child;
        child = family_find(&table, child->family.older);
    }
    assert_null(child);
}
#define assert_family(...)                                                             \
    assert_family_is(parent, (const int[]){__VA_ARGS__},                               \
                     sizeof((const int[]){__VA_ARGS__}) / sizeof(int))
#define assert_no_family() assert_family_is(parent, NULL, 0)

static void family_at_first_is_empty(void **state)
{
    assert_no_family();
    assert_null(family_find(&table, cell_parent(parent))); /* it is the root */
}

static void family_has_the_youngest_first(void **state)
{
    add(0);
    assert_family(0);
    add(1);
    assert_family(1, 0);
    add(2);
    assert_family(2, 1, 0);
}

static void family_loses_its_only_child(void **state)
{
    add(0);
    take_out(0);
    assert_no_family();
    add(1);
    assert_family(1);
}

static void family_loses_its_youngest(void **state)
{
    for (int i = 0; i < 3; i++)
        add(i);
    take_out(2);
    assert_family(1, 0);
    add(3);
    assert_family(3, 1, 0);
}

static void family_loses_its_oldest(void **state)
{
    for (int i = 0; i < 3; i++)
        add(i);
    take_out(0);
    assert_family(2, 1);
    take_out(1);
    assert_family(2);
}

static void family_loses_one_in_the_middle(void **state)
{
    for (int i = 0; i < 3; i++)
        add(i);
    take_out(1);
    assert_family(2, 0);
    take_out(0);
    assert_family(2);
}

static void family_takes_one_back_as_the_youngest(void **state)
{
    for (int i = 0; i < 3; i++)
        add(i);
    take_out(1);
    children[1]->family.older = children[1]->family.younger = 12345; /* of old */
    add(1);
    assert_family(1, 2, 0);
}

static void family_of_a_child_is_its_own(void **state)
{
    add(0);
    add(1);
    store_relaxed(&children[2]->family.parent, cell_slot(children[0]));
    store_relaxed(&children[3]->family.parent, cell_slot(children[0]));
    family_add(&table, children[0], children[2]);
    family_add(&table, children[0], children[3]);
    assert_family(1, 0);
    assert_family_is(children[0], (const int[]){3, 2}, 2);
    take_out(3);
    assert_family_is(children[0], (const int[]){2}, 1);
    take_out(1);
    assert_family(0);
    assert_family_is(children[0], (const int[]){2}, 1);
}

/* Beside an array that says who there should be. */
static void family_keeps_its_order_whoever_comes_and_goes(void **state)
{
    struct dice dice = dice_new(1, 1);
    int there[CHILDREN], count = 0;
    bool is_there[CHILDREN] = {false};
    for (int round = 0; round < 5000; round++) {
        int i = (int)dice_below(&dice, CHILDREN);
        if (!is_there[i]) {
            memmove(there + 1, there, (size_t)count * sizeof there[0]);
            there[0] = i;
            count++;
            add(i);
        } else {
            int at = 0;
            while (there[at] != i)
                at++;
            count--;
            memmove(there + at, there + at + 1, (size_t)(count - at) * sizeof there[0]);
            take_out(i);
        }
        is_there[i] = !is_there[i];
        assert_family_is(parent, there, count);
    }
}

#define WITH_PARENT(test) cmocka_unit_test_setup_teardown(test, make_parent, end_table)

int main(void)
{
    TESTS(WITH_PARENT(family_at_first_is_empty),
          WITH_PARENT(family_has_the_youngest_first),
          WITH_PARENT(family_loses_its_only_child),
          WITH_PARENT(family_loses_its_youngest), WITH_PARENT(family_loses_its_oldest),
          WITH_PARENT(family_loses_one_in_the_middle),
          WITH_PARENT(family_takes_one_back_as_the_youngest),
          WITH_PARENT(family_of_a_child_is_its_own),
          WITH_PARENT(family_keeps_its_order_whoever_comes_and_goes));
    return RUN_TESTS();
}
