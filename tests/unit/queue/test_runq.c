/* test_runq.c: the ring on one thread: order, full, halves, and indices that wrap. */
#include "queue/runq.h"

#include "support/dice.h"
#include "support/support.h"

enum { CAPACITY = 8, ITEMS_MAX = 4096 };

static struct runq ring;
static struct runq_slot slots[CAPACITY];
static char items[ITEMS_MAX]; /* item n is the address of its place here */

/* An empty ring whose indices begin at `start`. */
static void make_ring(uint32_t start, uint32_t capacity)
{
    runq_init(&ring, slots, capacity);
    atomic_set(&ring.head, start);
    atomic_set(&ring.tail, start);
}

static void push_range(int from, int end)
{
    for (int i = from; i < end; i++) {
        assert_true(runq_push(&ring, &items[i]));
        assert_int_equal(runq_size(&ring), i + 1 - from);
    }
}

static void assert_pops(int from, int end)
{
    for (int i = from; i < end; i++)
        assert_ptr_equal(runq_pop(&ring), &items[i]);
    assert_null(runq_pop(&ring));
    assert_int_equal(runq_size(&ring), 0);
}

static void runq_empty_gives_nothing(void **state)
{
    void *got[1];
    make_ring(0, CAPACITY);
    assert_int_equal(runq_size(&ring), 0);
    assert_null(runq_pop(&ring));
    assert_int_equal(runq_take_half(&ring, got, 1), 0);
}

static void runq_pops_in_the_order_pushed(void **state)
{
    make_ring(0, CAPACITY);
    push_range(0, CAPACITY);
    assert_pops(0, CAPACITY);
}

static void runq_full_refuses_until_one_is_popped(void **state)
{
    make_ring(0, CAPACITY);
    push_range(0, CAPACITY);
    assert_false(runq_push(&ring, &items[CAPACITY]));
    assert_int_equal(runq_size(&ring), CAPACITY);
    assert_ptr_equal(runq_pop(&ring), &items[0]);
    assert_true(runq_push(&ring, &items[CAPACITY]));
    assert_false(runq_push(&ring, &items[CAPACITY + 1]));
    assert_pops(1, CAPACITY + 1);
}

static void runq_smallest_ring_has_two_places(void **state)
{
    make_ring(0, 2);
    push_range(0, 2);
    assert_false(runq_push(&ring, &items[2]));
    assert_pops(0, 2);
}

/* ---- take_half ---- */

static void runq_take_half_rounds_up(void **state)
{
    for (int size = 1; size <= CAPACITY; size++) {
        void *got[CAPACITY];
        make_ring(0, CAPACITY);
        push_range(0, size);
        assert_int_equal(runq_take_half(&ring, got, CAPACITY), (size + 1) / 2);
        assert_int_equal(runq_size(&ring), size / 2);
    }
}

static void runq_take_half_takes_the_older_ones_in_order(void **state)
{
    void *got[CAPACITY];
    make_ring(0, CAPACITY);
    push_range(0, 7);
    assert_int_equal(runq_take_half(&ring, got, CAPACITY), 4);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(got[i], &items[i]);
    assert_pops(4, 7);
}

static void runq_take_half_takes_at_most_max(void **state)
{
    void *got[CAPACITY + 1];
    for (uint32_t max = 0; max <= CAPACITY; max++) {
        make_ring(0, CAPACITY);
        push_range(0, CAPACITY);
        got[max] = &ring; /* not written */
        uint32_t expected = max < CAPACITY / 2 ? max : CAPACITY / 2;
        assert_int_equal(runq_take_half(&ring, got, max), expected);
        assert_ptr_equal(got[max], &ring);
        assert_pops((int)expected, CAPACITY);
    }
}

static void runq_take_half_again_and_again_empties_it(void **state)
{
    void *got[CAPACITY];
    make_ring(0, CAPACITY);
    push_range(0, CAPACITY);
    assert_int_equal(runq_take_half(&ring, got, CAPACITY), 4);
    assert_int_equal(runq_take_half(&ring, got, CAPACITY), 2);
    assert_int_equal(runq_take_half(&ring, got, CAPACITY), 1);
    assert_int_equal(runq_take_half(&ring, got, CAPACITY), 1);
    assert_ptr_equal(got[0], &items[7]);
    assert_int_equal(runq_take_half(&ring, got, CAPACITY), 0);
}

/* ---- indices that wrap at 2^32 ---- */

static void runq_works_across_the_wrap_at_every_offset(void **state)
{
    for (uint32_t before = 0; before <= CAPACITY; before++) {
        make_ring(0 - before, CAPACITY);
        push_range(0, CAPACITY);
        assert_false(runq_push(&ring, &items[CAPACITY]));
        assert_pops(0, CAPACITY);
        assert_int_equal(load_relaxed(&ring.tail), CAPACITY - before);
    }
}

static void runq_take_half_works_across_the_wrap(void **state)
{
    for (uint32_t before = 0; before <= CAPACITY; before++) {
        void *got[CAPACITY];
        make_ring(0 - before, CAPACITY);
        push_range(0, CAPACITY);
        assert_int_equal(runq_take_half(&ring, got, CAPACITY), 4);
        for (int i = 0; i < 4; i++)
            assert_ptr_equal(got[i], &items[i]);
        assert_pops(4, CAPACITY);
    }
}

/* A thief that read tail before head moved on sees a size below zero. */
static void runq_size_is_never_below_zero(void **state)
{
    void *got[CAPACITY];
    make_ring(5, CAPACITY);
    atomic_set(&ring.tail, 3);
    assert_int_equal(runq_size(&ring), 0);
    assert_int_equal(runq_take_half(&ring, got, CAPACITY), 0);
}

/* ---- anything at all, beside a plain model of it ---- */

static struct {
    int oldest, newest;
} model; /* the items in the ring are oldest .. newest - 1 */

static void step(struct dice *dice)
{
    void *got[CAPACITY];
    int size = model.newest - model.oldest;
    switch (dice_below(dice, 5)) {
    case 0:
    case 1:
    case 2:
        assert_int_equal(runq_push(&ring, &items[model.newest]), size < CAPACITY);
        model.newest += size < CAPACITY;
        break;
    case 3:
        assert_ptr_equal(runq_pop(&ring), size ? &items[model.oldest] : NULL);
        model.oldest += size > 0;
        break;
    default: {
        uint32_t n = runq_take_half(&ring, got, CAPACITY);
        assert_int_equal(n, (size + 1) / 2);
        for (uint32_t i = 0; i < n; i++)
            assert_ptr_equal(got[i], &items[model.oldest++]);
    }
    }
    assert_int_equal(runq_size(&ring), model.newest - model.oldest);
}

static void runq_does_what_a_plain_queue_does(void **state)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct dice dice = dice_new(seed, 1);
        make_ring(0 - dice_below(&dice, 1000), CAPACITY);
        model.oldest = model.newest = 0;
        while (model.newest < ITEMS_MAX - 1)
            step(&dice);
    }
}

int main(void)
{
    TESTS(cmocka_unit_test(runq_empty_gives_nothing),
          cmocka_unit_test(runq_pops_in_the_order_pushed),
          cmocka_unit_test(runq_full_refuses_until_one_is_popped),
          cmocka_unit_test(runq_smallest_ring_has_two_places),
          cmocka_unit_test(runq_take_half_rounds_up),
          cmocka_unit_test(runq_take_half_takes_the_older_ones_in_order),
          cmocka_unit_test(runq_take_half_takes_at_most_max),
          cmocka_unit_test(runq_take_half_again_and_again_empties_it),
          cmocka_unit_test(runq_works_across_the_wrap_at_every_offset),
          cmocka_unit_test(runq_take_half_works_across_the_wrap),
          cmocka_unit_test(runq_size_is_never_below_zero),
          cmocka_unit_test(runq_does_what_a_plain_queue_does));
    return RUN_TESTS();
}
