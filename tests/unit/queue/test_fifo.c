/* test_fifo.c: first in, first out, in one word. */
#include "queue/fifo.h"

#include "support/dice.h"
#include "support/support.h"

enum { NODES = 1000 };

static struct fifo fifo, more;
static struct inbox inbox;
static struct inbox_node nodes[NODES];

static int make_empty(void **state)
{
    fifo = more = (struct fifo){NULL};
    inbox_init(&inbox);
    return 0;
}

static void append_range(struct fifo *q, int from, int end)
{
    for (int i = from; i < end; i++)
        fifo_append(q, &nodes[i]);
}

/* What many producers would leave there. */
static struct inbox_node *in_inbox(int from, int end)
{
    for (int i = from; i < end; i++)
        (void)inbox_push(&inbox, &nodes[i]);
    return inbox_take(&inbox, INBOX_EMPTY);
}

/* It gives exactly the nodes from .. end - 1. */
static void assert_gives(struct fifo *q, int from, int end)
{
    for (int i = from; i < end; i++)
        assert_ptr_equal(fifo_take(q), &nodes[i]);
    assert_null(q->newest);
    assert_null(fifo_take(q));
}

static void fifo_at_first_is_empty(void **state) { assert_gives(&fifo, 0, 0); }

static void fifo_gives_the_oldest_first(void **state)
{
    for (int count = 1; count <= 10; count++) {
        append_range(&fifo, 0, count);
        assert_ptr_equal(fifo.newest, &nodes[count - 1]);
        assert_gives(&fifo, 0, count);
    }
}

static void fifo_gives_the_only_one(void **state)
{
    for (int i = 0; i < 3; i++) {
        fifo_append_first(&fifo, &nodes[i]);
        assert_ptr_equal(fifo_oldest(&fifo), &nodes[i]);
        assert_ptr_equal(fifo_take_only(&fifo), &nodes[i]);
        assert_true(fifo_is_empty(&fifo));
    }
    fifo_append_first(&fifo, &nodes[0]);
    append_range(&fifo, 1, 4);
    assert_gives(&fifo, 0, 4);
}

static void fifo_appended_in_between_comes_behind(void **state)
{
    append_range(&fifo, 0, 2);
    assert_ptr_equal(fifo_take(&fifo), &nodes[0]);
    append_range(&fifo, 2, 4);
    assert_ptr_equal(fifo_take(&fifo), &nodes[1]);
    append_range(&fifo, 4, 5);
    assert_gives(&fifo, 2, 5);
}

static void fifo_node_may_come_back(void **state)
{
    append_range(&fifo, 0, 2);
    for (int i = 0; i < 100; i++) {
        struct inbox_node *n = fifo_take(&fifo);
        assert_ptr_equal(n, &nodes[i % 2]);
        fifo_append(&fifo, n);
    }
    assert_gives(&fifo, 0, 2);
}

static void fifo_has_more_than_so_many(void **state)
{
    for (int count = 0; count <= 4; count++) {
        make_empty(state);
        append_range(&fifo, 0, count);
        for (int most = 0; most <= 5; most++)
            assert_int_equal(fifo_has_more_than(&fifo, (uint32_t)most), count > most);
        assert_ptr_equal(fifo_oldest(&fifo), count > 0 ? &nodes[0] : NULL);
        assert_gives(&fifo, 0, count);
    }
}

/* ---- all of another one ---- */

static void fifo_append_fifo_comes_behind_in_its_order(void **state)
{
    for (int before = 0; before <= 3; before++)
        for (int added = 0; added <= 3; added++) {
            more = (struct fifo){NULL};
            append_range(&fifo, 0, before);
            append_range(&more, before, before + added);
            fifo_append_fifo(&fifo, &more);
            append_range(&fifo, before + added, before + added + 1);
            assert_gives(&fifo, 0, before + added + 1);
        }
}

static void fifo_append_inbox_turns_it_over(void **state)
{
    for (int before = 0; before <= 3; before++)
        for (int added = 0; added <= 3; added++) {
            append_range(&fifo, 0, before);
            fifo_append_inbox(&fifo, in_inbox(before, before + added));
            append_range(&fifo, before + added, before + added + 1);
            assert_gives(&fifo, 0, before + added + 1);
        }
}

static void fifo_append_inbox_leaves_a_ring(void **state)
{
    fifo_append_inbox(&fifo, in_inbox(0, 3)); /* nothing is appended behind it */
    assert_gives(&fifo, 0, 3);
    fifo_append_inbox(&fifo, in_inbox(0, 1));
    assert_gives(&fifo, 0, 1);
}

/* ---- anything at all ---- */

static int min(int a, int b) { return a < b ? a : b; }

static void fifo_keeps_the_order_whatever_comes_how(void **state)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct dice dice = dice_new(seed, 1);
        int put = 0, taken = 0;
        while (taken < NODES) {
            int next = min(NODES, put + (int)dice_below(&dice, 5));
            switch (dice_below(&dice, 4)) {
            case 0:
                append_range(&fifo, put, next);
                put = next;
                break;
            case 1:
                more = (struct fifo){NULL};
                append_range(&more, put, next);
                fifo_append_fifo(&fifo, &more);
                put = next;
                break;
            case 2:
                fifo_append_inbox(&fifo, in_inbox(put, next));
                put = next;
                break;
            default:
                for (uint32_t i = dice_below(&dice, 8); i > 0 && taken < put; i--)
                    assert_ptr_equal(fifo_take(&fifo), &nodes[taken++]);
            }
            assert_int_equal(fifo.newest == NULL, taken == put);
        }
    }
}

#define ON_EMPTY(test) cmocka_unit_test_setup(test, make_empty)

int main(void)
{
    TESTS(ON_EMPTY(fifo_at_first_is_empty), ON_EMPTY(fifo_gives_the_oldest_first),
          ON_EMPTY(fifo_gives_the_only_one),
          ON_EMPTY(fifo_appended_in_between_comes_behind),
          ON_EMPTY(fifo_node_may_come_back), ON_EMPTY(fifo_has_more_than_so_many),
          ON_EMPTY(fifo_append_fifo_comes_behind_in_its_order),
          ON_EMPTY(fifo_append_inbox_turns_it_over),
          ON_EMPTY(fifo_append_inbox_leaves_a_ring),
          ON_EMPTY(fifo_keeps_the_order_whatever_comes_how));
    return RUN_TESTS();
}
