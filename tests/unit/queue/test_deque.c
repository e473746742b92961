/* test_deque.c: a bounded queue with two ends, whose newest item stands by itself. */
#include "queue/deque.h"

#include "support/dice.h"
#include "support/support.h"

enum { ITEMS = 2000, ALL = DEQUE_SIZE + 1 };

static struct deque deque;
static char items[ITEMS];

static int make_empty(void **state)
{
    memset(&deque, 0xa5, sizeof deque);
    deque_init(&deque);
    return 0;
}

static void push(int i) { deque_push(&deque, &items[i]); }

static void push_range(int from, int end)
{
    for (int i = from; i < end; i++)
        push(i);
}

static void assert_takes_newest(int i)
{
    assert_ptr_equal(deque_take_newest(&deque), &items[i]);
}

static void assert_takes_oldest(int i)
{
    assert_ptr_equal(deque_take_oldest(&deque), &items[i]);
}

static void assert_empty(void)
{
    assert_int_equal(deque_size(&deque), 0);
    assert_null(deque_take_newest(&deque));
    assert_null(deque_take_oldest(&deque));
    assert_int_equal(deque_size(&deque), 0);
}

static void deque_at_first_is_empty(void **state)
{
    assert_empty();
    assert_false(deque_is_full(&deque));
}

static void deque_newest_is_the_last_in(void **state)
{
    push_range(0, 5);
    for (int i = 5; i-- > 0;)
        assert_takes_newest(i);
    assert_empty();
}

static void deque_oldest_is_the_first_in(void **state)
{
    push_range(0, 5);
    for (int i = 0; i < 5; i++)
        assert_takes_oldest(i);
    assert_empty();
}

static void deque_only_item_is_newest_and_oldest(void **state)
{
    push(0);
    assert_int_equal(deque_size(&deque), 1);
    assert_takes_oldest(0);
    assert_empty();
    push(1);
    assert_takes_newest(1);
    assert_empty();
}

static void deque_push_behind_leaves_the_newest_where_it_is(void **state)
{
    push(0);
    deque_push_ring(&deque, &items[1]);
    deque_push_ring(&deque, &items[2]);
    assert_int_equal(deque_size(&deque), 3);
    assert_takes_newest(0);
    assert_takes_newest(2); /* nearer to the young end than 1 */
    assert_takes_oldest(1);
    assert_empty();
}

static void deque_ring_alone_has_both_ends(void **state)
{
    for (int i = 0; i < 3; i++)
        deque_push_ring(&deque, &items[i]);
    assert_int_equal(deque_size(&deque), 3);
    assert_takes_oldest(0);
    assert_takes_newest(2);
    assert_takes_oldest(1);
    assert_empty();
}

static void deque_size_counts_the_ring_and_the_newest(void **state)
{
    for (int i = 0; i < ALL; i++) {
        assert_int_equal(deque_size(&deque), i);
        assert_int_equal(deque_ring_size(&deque), i > 0 ? i - 1 : 0);
        push(i);
    }
    assert_int_equal(deque_size(&deque), ALL);
    assert_int_equal(deque_ring_size(&deque), DEQUE_SIZE);
}

static void deque_is_full_when_its_ring_is(void **state)
{
    push_range(0, DEQUE_SIZE);
    assert_false(deque_is_full(&deque)); /* 255 and the newest */
    push(DEQUE_SIZE);
    assert_true(deque_is_full(&deque));
    assert_takes_newest(DEQUE_SIZE);
    assert_true(deque_is_full(&deque)); /* room for a newest, not behind it */
    assert_takes_oldest(0);
    assert_false(deque_is_full(&deque));
}

static void deque_that_was_full_gives_all_of_it(void **state)
{
    push_range(0, ALL);
    for (int i = 0; i < ALL; i++)
        assert_takes_oldest(i);
    assert_empty();
    push_range(0, ALL);
    for (int i = ALL; i-- > 0;)
        assert_takes_newest(i);
    assert_empty();
}

static void deque_goes_on_where_its_counters_wrap(void **state)
{
    deque.oldest = deque.next = UINT32_MAX - 100;
    push_range(0, ALL);
    assert_true(deque_is_full(&deque));
    assert_int_equal(deque_size(&deque), ALL);
    for (int i = 0; i < 150; i++)
        assert_takes_oldest(i);
    for (int i = ALL; i-- > 150;)
        assert_takes_newest(i);
    assert_empty();
}

/* ---- the mark ---- */

static void deque_mark_is_no_item(void **state)
{
    deque_mark(&deque);
    assert_ptr_equal(deque.newest, DEQUE_MARK);
    assert_false(deque_has_newest(&deque));
    assert_false(deque_is_full(&deque));
    assert_empty();
    assert_ptr_equal(deque.newest, DEQUE_MARK); /* to look takes nothing away */
}

static void deque_mark_is_found_by_the_next_to_push(void **state)
{
    deque_mark(&deque);
    deque_mark(&deque);
    assert_ptr_equal(deque.newest, DEQUE_MARK); /* looked at, as the worker does */
    push(0);
    assert_int_equal(deque_size(&deque), 1);
    assert_int_equal(deque_ring_size(&deque), 0); /* it did not go behind */
    push(1);
    assert_takes_newest(1);
    assert_takes_newest(0);
    assert_null(deque.newest); /* once */
    assert_empty();
}

static void deque_mark_does_not_displace_the_newest(void **state)
{
    push(0);
    deque_mark(&deque);
    assert_true(deque_has_newest(&deque));
    assert_takes_newest(0);
    assert_null(deque.newest);
}

static void deque_mark_stands_in_front_of_the_ring(void **state)
{
    for (int i = 0; i < 4; i++)
        deque_push_ring(&deque, &items[i]);
    deque_mark(&deque);
    assert_int_equal(deque_size(&deque), 4);
    assert_takes_newest(3);
    assert_takes_oldest(0);
    push(4);
    assert_int_equal(deque_size(&deque), 3);
    assert_takes_oldest(1);
    assert_takes_newest(4);
    deque_mark(&deque);
    assert_takes_oldest(2);
    assert_empty();
}

static void deque_full_with_the_mark_has_room_for_a_newest(void **state)
{
    push_range(0, ALL);
    assert_takes_newest(DEQUE_SIZE);
    deque_mark(&deque);
    assert_true(deque_is_full(&deque));
    assert_int_equal(deque_size(&deque), DEQUE_SIZE);
    push(DEQUE_SIZE);
    for (int i = ALL; i-- > 0;)
        assert_takes_newest(i);
    assert_empty();
}

/* Beside an array that says what there should be. */
static void deque_keeps_the_order_whatever_is_done(void **state)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct dice dice = dice_new(seed, 1);
        int there[ITEMS], from = 0, end = 0;
        for (int put = 0; put < ITEMS;) {
            if (seed % 3 == 0 && dice_below(&dice, 4) == 0)
                deque_mark(&deque); /* nothing changes */
            uint32_t what = dice_below(&dice, seed % 2 ? 3 : 8);
            if (what == 1 && from < end)
                assert_takes_newest(there[--end]);
            else if (what == 2 && from < end)
                assert_takes_oldest(there[from++]);
            else if (!deque_is_full(&deque) || !deque_has_newest(&deque))
                push(there[end++] = put++);
            else
                assert_takes_oldest(there[from++]);
            assert_int_equal(deque_size(&deque), end - from);
        }
        while (from < end)
            assert_takes_oldest(there[from++]);
        assert_empty();
    }
}

#define ON_EMPTY(test) cmocka_unit_test_setup(test, make_empty)

int main(void)
{
    TESTS(ON_EMPTY(deque_at_first_is_empty), ON_EMPTY(deque_newest_is_the_last_in),
          ON_EMPTY(deque_oldest_is_the_first_in),
          ON_EMPTY(deque_only_item_is_newest_and_oldest),
          ON_EMPTY(deque_push_behind_leaves_the_newest_where_it_is),
          ON_EMPTY(deque_ring_alone_has_both_ends),
          ON_EMPTY(deque_size_counts_the_ring_and_the_newest),
          ON_EMPTY(deque_is_full_when_its_ring_is),
          ON_EMPTY(deque_that_was_full_gives_all_of_it),
          ON_EMPTY(deque_goes_on_where_its_counters_wrap),
          ON_EMPTY(deque_mark_is_no_item),
          ON_EMPTY(deque_mark_is_found_by_the_next_to_push),
          ON_EMPTY(deque_mark_does_not_displace_the_newest),
          ON_EMPTY(deque_mark_stands_in_front_of_the_ring),
          ON_EMPTY(deque_full_with_the_mark_has_room_for_a_newest),
          ON_EMPTY(deque_keeps_the_order_whatever_is_done));
    return RUN_TESTS();
}
