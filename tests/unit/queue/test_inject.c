/* test_inject.c: work from outside: oldest first, in batches, under a try-lock. */
#include "queue/inject.h"

#include "support/dice.h"
#include "support/support.h"

enum { NODES = 1000 };

static struct inject queue;
static struct inject_node nodes[NODES];

static int make_empty_queue(void **state)
{
    inject_init(&queue);
    return 0;
}

static void push_range(int from, int end)
{
    for (int i = from; i < end; i++) {
        inject_push(&queue, &nodes[i]);
        assert_false(inject_is_empty(&queue));
    }
}

/* A take of at most max gives exactly the nodes from .. end - 1. */
static void assert_takes(uint32_t max, int from, int end)
{
    struct inject_node *got[NODES];
    assert_int_equal(inject_take(&queue, got, max), end - from);
    for (int i = from; i < end; i++)
        assert_ptr_equal(got[i - from], &nodes[i]);
}

static void inject_at_first_is_empty(void **state)
{
    assert_true(inject_is_empty(&queue));
    assert_takes(NODES, 0, 0);
}

static void inject_gives_the_oldest_first(void **state)
{
    push_range(0, 10);
    assert_takes(NODES, 0, 10);
    assert_true(inject_is_empty(&queue));
}

static void inject_gives_at_most_max_and_the_rest_later(void **state)
{
    push_range(0, 10);
    assert_takes(4, 0, 4);
    assert_false(inject_is_empty(&queue));
    assert_takes(4, 4, 8);
    assert_false(inject_is_empty(&queue));
    assert_takes(4, 8, 10);
    assert_true(inject_is_empty(&queue));
    assert_takes(4, 10, 10);
}

static void inject_batch_of_exactly_all_leaves_it_empty(void **state)
{
    push_range(0, 4);
    assert_takes(4, 0, 4);
    assert_true(inject_is_empty(&queue));
}

static void inject_pushed_between_batches_comes_behind(void **state)
{
    push_range(0, 6);
    assert_takes(4, 0, 4);
    push_range(6, 9);
    assert_takes(4, 4, 6); /* what was turned over before */
    assert_takes(4, 6, 9);
    assert_true(inject_is_empty(&queue));
}

static void inject_take_of_none_loses_none(void **state)
{
    push_range(0, 3);
    assert_takes(0, 0, 0);
    assert_false(inject_is_empty(&queue));
    assert_takes(3, 0, 3);
}

static void inject_node_may_come_back(void **state)
{
    for (int i = 0; i < 100; i++) {
        push_range(0, 2);
        assert_takes(1, 0, 1);
        assert_takes(1, 1, 2);
        assert_true(inject_is_empty(&queue));
    }
}

/* ---- while another is taking ---- */

static void inject_take_while_another_takes_gives_none(void **state)
{
    push_range(0, 3);
    assert_false(exchange_acquire(&queue.taking, true)); /* the other */
    assert_takes(3, 0, 0);
    store_release(&queue.taking, false);
    assert_takes(3, 0, 3);
}

static void inject_is_not_empty_while_another_takes(void **state)
{
    (void)exchange_acquire(&queue.taking, true);
    assert_false(inject_is_empty(&queue)); /* it may hold nodes we cannot see */
    store_release(&queue.taking, false);
    assert_true(inject_is_empty(&queue));
}

static void inject_take_lets_the_next_one_take(void **state)
{
    push_range(0, 1);
    assert_takes(1, 0, 1);
    assert_false(load_relaxed(&queue.taking));
    assert_takes(1, 0, 0); /* nor when there was nothing */
    assert_false(load_relaxed(&queue.taking));
}

/* ---- anything at all ---- */

static void inject_keeps_the_order_whatever_the_batches(void **state)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct dice dice = dice_new(seed, 1);
        int pushed = 0, taken = 0;
        while (taken < NODES) {
            struct inject_node *got[NODES];
            int more = pushed + (int)dice_below(&dice, 20);
            more = more < NODES ? more : NODES;
            push_range(pushed, more);
            pushed = more;
            uint32_t n = inject_take(&queue, got, dice_below(&dice, 20));
            for (uint32_t i = 0; i < n; i++)
                assert_ptr_equal(got[i], &nodes[taken++]);
            assert_int_equal(inject_is_empty(&queue), taken == pushed);
        }
    }
}

#define ON_EMPTY(test) cmocka_unit_test_setup(test, make_empty_queue)

int main(void)
{
    TESTS(ON_EMPTY(inject_at_first_is_empty), ON_EMPTY(inject_gives_the_oldest_first),
          ON_EMPTY(inject_gives_at_most_max_and_the_rest_later),
          ON_EMPTY(inject_batch_of_exactly_all_leaves_it_empty),
          ON_EMPTY(inject_pushed_between_batches_comes_behind),
          ON_EMPTY(inject_take_of_none_loses_none), ON_EMPTY(inject_node_may_come_back),
          ON_EMPTY(inject_take_while_another_takes_gives_none),
          ON_EMPTY(inject_is_not_empty_while_another_takes),
          ON_EMPTY(inject_take_lets_the_next_one_take),
          ON_EMPTY(inject_keeps_the_order_whatever_the_batches));
    return RUN_TESTS();
}
