/* test_op_table.c: the operations of one actor, by their tokens: few and many, while the
 * table grows, without memory. */
#include "unit/actor/own_turn.h"

enum { MANY = 1000 };

static struct op *ops[MANY];

static void ops_of_any_number_are_all_found(void **state)
{
    for (uint32_t n = 0; n < MANY; n++) {
        ops[n] = new_op(OP_TIMER);
        assert_int_equal(count(), n + 1);
        assert_true(chains() >= (n + 1) / 2 && chains() <= 2 * (n + OPS_FEW));
        if (n % 97 == 0)
            for (uint32_t i = 0; i <= n; i++)
                assert_ptr_equal(op_find(it, ops[i]->token), ops[i]);
    }
    for (uint32_t n = 0; n < MANY; n++) { /* in another order */
        uint32_t i = n * 7 % MANY;
        uint64_t token = ops[i]->token;
        op_end(&self, ops[i]);
        assert_null(op_find(it, token));
    }
    assert_int_equal(count(), 0);
}

/* A table of 512 chains has just grown, and most of them are still to move. Returns how
 * many operations there are. */
static uint32_t fill_until_chains_move(void)
{
    uint32_t n = 0;
    do
        ops[n++] = new_op(OP_TIMER);
    while (chains() <= 512);
    assert_non_null(it->extras->ops.old);
    assert_true(it->extras->ops.moved < 16);
    return n;
}

static void ops_are_found_while_chains_move(void **state)
{
    uint32_t steps = 0;
    for (uint32_t n = fill_until_chains_move(); it->extras->ops.old; steps++, n++) {
        uint64_t token = ops[steps * 7]->token;
        op_end(&self, ops[steps * 7]);
        assert_null(op_find(it, token));
        ops[steps * 7] = new_op(OP_TIMER);
        ops[n] = new_op(OP_TIMER);
        for (uint32_t i = 0; i <= n; i++)
            assert_ptr_equal(op_find(it, ops[i]->token), ops[i]);
    }
    assert_true(steps > 10 && steps <= 512 / 8 / 2);
}

static void ops_end_while_chains_move_ends_all(void **state)
{
    fill_until_chains_move();
    ops_end(&self, it, 0);
    assert_int_equal(count(), 0);
    assert_null(it->extras->ops.old);
}

static uint32_t longest_chain(void)
{
    uint32_t longest = 0;
    for (uint32_t i = 0; i < chains(); i++) {
        uint32_t length = 0;
        for (struct op *op = it->extras->ops.chains[i]; op; op = op->chain)
            length++;
        longest = length > longest ? length : longest;
    }
    return longest;
}

/* Others may get any of the tokens in between: each of a run, or the same of each. With
 * chance alone a chain of 12 would come once in a hundred thousand such tables. */
static void ops_with_any_pattern_of_tokens_have_short_chains(void **state)
{
    static const uint64_t steps[] = {1, 2, 3, 8, SELF_TOKEN_RUN, 1000, 1024, 65536};
    for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
        uint64_t first = self.next_token + SELF_TOKEN_RUN;
        for (uint32_t n = 0; n < MANY; n++) {
            self.next_token = first + n * steps[s];
            ops[n] = new_op(OP_TIMER);
        }
        assert_true(longest_chain() < 12);
        for (uint32_t n = 0; n < MANY; n++)
            op_end(&self, ops[n]);
    }
}

static void ops_of_one_run_have_chains_side_by_side(void **state)
{
    for (uint32_t n = 0; n < MANY; n++) /* a large table */
        ops[n] = new_op(OP_TIMER);
    self.next_token = 100 * SELF_TOKEN_RUN;
    struct op **before = NULL;
    for (int n = 0; n < SELF_TOKEN_RUN; n++) {
        struct op *op = new_op(OP_TIMER);
        struct op **chain = ops_chain(&it->extras->ops, op->token);
        if (before)
            assert_int_equal((chain - before) & it->extras->ops.mask, 1);
        before = chain;
        op_end(&self, op);
    }
}

/* Workers of one system make them side by side. */
static void op_tokens_of_two_workers_never_meet(void **state)
{
    enum { RUNS = 5, ALL = 2 * RUNS * SELF_TOKEN_RUN };
    static bool seen[ALL];
    static struct worker workers[2] = {{.id = 0}, {.id = 1}};
    world.sched.crew.count = 2;
    for (int w = 0; w < 2; w++) {
        static struct cadre_self other;
        self_init(&other, &world, &workers[w]);
        for (uint64_t t; (t = self_next_token(&other)) < ALL; seen[t] = true)
            assert_true(t > 0 && !seen[t]);
    }
    world.sched.crew.count = 1;
}

/* Without memory for more chains the old ones get longer. */
static void ops_without_memory_for_more_chains_are_found(void **state)
{
    uint32_t n = 0;
    new_op(OP_TIMER);
    uint32_t before = chains();
    world.heap.max = load_relaxed(&world.heap.bytes);
    struct op *op;
    while (n < MANY && op_new(&self, &op, OP_TIMER) == 0)
        ops[n++] = op;
    assert_true(n > 2 * before);
    for (uint32_t i = 0; i < n; i++)
        assert_ptr_equal(op_find(it, ops[i]->token), ops[i]);
    for (uint32_t i = 0; i < n; i++)
        op_end(&self, ops[i]);
    assert_int_equal(count(), 1);
    world.heap.max = SIZE_MAX;
}

int main(void)
{
    TESTS(IN_TURN(ops_of_any_number_are_all_found),
          IN_TURN(ops_are_found_while_chains_move),
          IN_TURN(ops_end_while_chains_move_ends_all),
          IN_TURN(ops_with_any_pattern_of_tokens_have_short_chains),
          IN_TURN(ops_of_one_run_have_chains_side_by_side),
          IN_TURN(op_tokens_of_two_workers_never_meet),
          IN_TURN(ops_without_memory_for_more_chains_are_found));
    return RUN_TESTS();
}
