/* test_mpsc.c: the mailbox on one thread: idle, busy, and a producer stopped half way. */
#include "queue/mpsc.h"

#include "support/support.h"

static struct mpsc queue;
static struct mpsc_node a, b, c;

static int make_idle_queue(void **state)
{
    mpsc_init(&queue);
    return 0;
}

/* The first half of mpsc_push: the producer is in the queue, but not linked yet. */
static struct mpsc_node *push_half(struct mpsc_node *node)
{
    store_relaxed(&node->next, NULL);
    return exchange_acq_rel(&queue.tail, node);
}

/* The other half. */
static void push_rest(struct mpsc_node *before, struct mpsc_node *node)
{
    store_release(&before->next, node);
}

static void mpsc_at_first_is_idle(void **state) { assert_true(mpsc_is_idle(&queue)); }

static void mpsc_push_into_idle_makes_the_caller_its_consumer(void **state)
{
    assert_true(mpsc_push(&queue, &a));
    assert_false(mpsc_is_idle(&queue));
    assert_ptr_equal(mpsc_first(&queue), &a);
}

static void mpsc_push_into_busy_is_behind(void **state)
{
    assert_true(mpsc_push(&queue, &a));
    assert_false(mpsc_push(&queue, &b));
    assert_ptr_equal(mpsc_first(&queue), &a);
    assert_int_equal(mpsc_advance(&queue), MPSC_MORE);
    assert_ptr_equal(mpsc_first(&queue), &b);
}

static void mpsc_advance_past_the_last_node_is_idle(void **state)
{
    (void)mpsc_push(&queue, &a);
    assert_int_equal(mpsc_advance(&queue), MPSC_IDLE);
    assert_true(mpsc_is_idle(&queue));
}

static void mpsc_push_while_the_last_node_is_in_hand_keeps_it_busy(void **state)
{
    (void)mpsc_push(&queue, &a);
    assert_ptr_equal(mpsc_first(&queue), &a); /* the consumer works on it */
    assert_false(mpsc_push(&queue, &b));
    assert_int_equal(mpsc_advance(&queue), MPSC_MORE);
    assert_int_equal(mpsc_advance(&queue), MPSC_IDLE);
}

static void mpsc_idle_again_can_be_pushed_again(void **state)
{
    for (int i = 0; i < 3; i++) {
        assert_true(mpsc_push(&queue, &a));
        assert_false(mpsc_push(&queue, &b));
        assert_int_equal(mpsc_advance(&queue), MPSC_MORE);
        assert_ptr_equal(mpsc_first(&queue), &b);
        assert_int_equal(mpsc_advance(&queue), MPSC_IDLE);
        assert_true(mpsc_is_idle(&queue));
    }
}

static void mpsc_node_left_behind_may_be_reused_at_once(void **state)
{
    struct mpsc_node *nodes[] = {&a, &b};
    assert_true(mpsc_push(&queue, &a));
    for (int i = 0; i < 100; i++) {
        assert_false(mpsc_push(&queue, nodes[(i + 1) % 2]));
        assert_int_equal(mpsc_advance(&queue), MPSC_MORE);
        assert_ptr_equal(mpsc_first(&queue), nodes[(i + 1) % 2]);
        memset(nodes[i % 2], 0xa5, sizeof a);
    }
    assert_int_equal(mpsc_advance(&queue), MPSC_IDLE);
}

static void mpsc_keeps_the_order_of_many(void **state)
{
    enum { NODES = 1000 };
    static struct mpsc_node nodes[NODES];
    for (int i = 0; i < NODES; i++)
        assert_int_equal(mpsc_push(&queue, &nodes[i]), i == 0);
    for (int i = 0; i < NODES; i++) {
        assert_ptr_equal(mpsc_first(&queue), &nodes[i]);
        assert_int_equal(mpsc_advance(&queue), i < NODES - 1 ? MPSC_MORE : MPSC_IDLE);
    }
}

/* ---- late ---- */

static void mpsc_advance_is_late_while_a_producer_is_half_way(void **state)
{
    (void)mpsc_push(&queue, &a);
    struct mpsc_node *before = push_half(&b);
    assert_ptr_equal(before, &a);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mpsc_advance(&queue), MPSC_LATE);
        assert_ptr_equal(mpsc_first(&queue), &a); /* still the one in hand */
        assert_false(mpsc_is_idle(&queue));
    }
    push_rest(before, &b);
    assert_int_equal(mpsc_advance(&queue), MPSC_MORE);
    assert_ptr_equal(mpsc_first(&queue), &b);
    assert_int_equal(mpsc_advance(&queue), MPSC_IDLE);
}

static void mpsc_nodes_behind_a_late_one_wait_for_it(void **state)
{
    (void)mpsc_push(&queue, &a);
    struct mpsc_node *before = push_half(&b);
    assert_false(mpsc_push(&queue, &c)); /* whole, but behind b */
    assert_int_equal(mpsc_advance(&queue), MPSC_LATE);
    push_rest(before, &b);
    assert_int_equal(mpsc_advance(&queue), MPSC_MORE);
    assert_ptr_equal(mpsc_first(&queue), &b);
    assert_int_equal(mpsc_advance(&queue), MPSC_MORE);
    assert_ptr_equal(mpsc_first(&queue), &c);
    assert_int_equal(mpsc_advance(&queue), MPSC_IDLE);
}

static void mpsc_two_late_producers_may_finish_in_either_order(void **state)
{
    (void)mpsc_push(&queue, &a);
    struct mpsc_node *before_b = push_half(&b), *before_c = push_half(&c);
    push_rest(before_c, &c);
    assert_int_equal(mpsc_advance(&queue), MPSC_LATE);
    push_rest(before_b, &b);
    assert_int_equal(mpsc_advance(&queue), MPSC_MORE);
    assert_ptr_equal(mpsc_first(&queue), &b);
    assert_int_equal(mpsc_advance(&queue), MPSC_MORE);
    assert_ptr_equal(mpsc_first(&queue), &c);
}

/* ---- claiming ---- */

static void mpsc_claim_of_idle_gives_it_a_first_node(void **state)
{
    assert_true(mpsc_claim(&queue, &a));
    assert_ptr_equal(mpsc_first(&queue), &a);
    assert_false(mpsc_push(&queue, &b));
    assert_int_equal(mpsc_advance(&queue), MPSC_MORE);
    assert_ptr_equal(mpsc_first(&queue), &b);
}

static void mpsc_claim_of_busy_fails_and_changes_nothing(void **state)
{
    (void)mpsc_push(&queue, &a);
    assert_false(mpsc_claim(&queue, &b));
    assert_ptr_equal(mpsc_first(&queue), &a);
    assert_int_equal(mpsc_advance(&queue), MPSC_IDLE);
}

static void mpsc_claim_after_idle_works_again(void **state)
{
    memset(&a, 0xa5, sizeof a); /* whatever was in it before */
    assert_true(mpsc_claim(&queue, &a));
    assert_false(mpsc_claim(&queue, &b));
    assert_int_equal(mpsc_advance(&queue), MPSC_IDLE);
    assert_true(mpsc_claim(&queue, &b));
    assert_ptr_equal(mpsc_first(&queue), &b);
}

#define ON_IDLE(test) cmocka_unit_test_setup(test, make_idle_queue)

int main(void)
{
    TESTS(ON_IDLE(mpsc_at_first_is_idle),
          ON_IDLE(mpsc_push_into_idle_makes_the_caller_its_consumer),
          ON_IDLE(mpsc_push_into_busy_is_behind),
          ON_IDLE(mpsc_advance_past_the_last_node_is_idle),
          ON_IDLE(mpsc_push_while_the_last_node_is_in_hand_keeps_it_busy),
          ON_IDLE(mpsc_idle_again_can_be_pushed_again),
          ON_IDLE(mpsc_node_left_behind_may_be_reused_at_once),
          ON_IDLE(mpsc_keeps_the_order_of_many),
          ON_IDLE(mpsc_advance_is_late_while_a_producer_is_half_way),
          ON_IDLE(mpsc_nodes_behind_a_late_one_wait_for_it),
          ON_IDLE(mpsc_two_late_producers_may_finish_in_either_order),
          ON_IDLE(mpsc_claim_of_idle_gives_it_a_first_node),
          ON_IDLE(mpsc_claim_of_busy_fails_and_changes_nothing),
          ON_IDLE(mpsc_claim_after_idle_works_again));
    return RUN_TESTS();
}
