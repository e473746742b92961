/* test_slab.c: the tree that knows which slab a block is part of. */
#include "mem/slab.h"

#include "support/dice.h"
#include "support/support.h"

#include <sys/mman.h>

enum { SLABS = 200, SPACE = SLABS * 2 * SLAB_SIZE };

static char *space; /* addresses; few of its pages are touched */
static struct slab *slabs[SLABS];
static bool there[SLABS];
static struct slab_tree tree;

/* Slabs with gaps of up to their own size, and as unaligned as malloc's. */
static int make_slabs(void **state)
{
    struct dice dice = dice_new(7, 0);
    tree.root = NULL;
    space = mmap(NULL, SPACE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *at = space;
    for (int i = 0; i < SLABS; i++) {
        slabs[i] = (struct slab *)(void *)(at + dice_below(&dice, SLAB_SIZE / 16) * 16);
        at = slab_end(slabs[i]);
        there[i] = false;
    }
    return space == MAP_FAILED ? -1 : 0;
}

static int end_slabs(void **state) { return munmap(space, SPACE); }

static void add(int i)
{
    slab_tree_add(&tree, slabs[i]);
    there[i] = true;
}

static void take_out(int i)
{
    slab_tree_remove(&tree, slabs[i]);
    there[i] = false;
}

static void assert_found(int i)
{
    struct slab *expected = there[i] ? slabs[i] : NULL;
    char *first = (char *)slabs[i], *last = slab_end(slabs[i]) - 1;
    assert_ptr_equal(slab_tree_find(&tree, first), expected);
    assert_ptr_equal(slab_tree_find(&tree, first + SLAB_SIZE / 2), expected);
    assert_ptr_equal(slab_tree_find(&tree, last), expected);
}

static void slab_is_found_by_any_address_in_it(void **state)
{
    for (int i = 0; i < SLABS; i++)
        add(i);
    for (int i = 0; i < SLABS; i++)
        assert_found(i);
    assert_null(slab_tree_find(&tree, &tree));
    assert_null(slab_tree_find(&tree, slab_end(slabs[SLABS - 1])));
}

static void slab_of_a_tree_that_is_empty_is_none(void **state)
{
    assert_null(slab_tree_find(&tree, space));
    add(0);
    take_out(0);
    assert_null(tree.root);
    assert_found(0);
}

static void slab_tree_in_any_order_of_coming_and_going(void **state)
{
    struct dice dice = dice_new(1, 0);
    for (int step = 0; step < 3000; step++) {
        int i = (int)dice_below(&dice, SLABS);
        if (there[i])
            take_out(i);
        else
            add(i);
        if (step % 50 == 0)
            for (int k = 0; k < SLABS; k++)
                assert_found(k);
    }
    for (int i = 0; i < SLABS; i++)
        if (there[i])
            take_out(i);
    assert_null(tree.root);
}

#define WITH_SLABS(test) cmocka_unit_test_setup_teardown(test, make_slabs, end_slabs)

int main(void)
{
    TESTS(WITH_SLABS(slab_is_found_by_any_address_in_it),
          WITH_SLABS(slab_of_a_tree_that_is_empty_is_none),
          WITH_SLABS(slab_tree_in_any_order_of_coming_and_going));
    return RUN_TESTS();
}
