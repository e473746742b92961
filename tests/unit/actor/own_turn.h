/* own_turn.h: a turn of one actor that is the test's own: it is entered by hand. */
#ifndef UNIT_ACTOR_OWN_TURN_H
#define UNIT_ACTOR_OWN_TURN_H

#include "actor/op.h"
#include "support/support.h"
#include "unit/actor/stage.h"

static struct cell *it; /* whose turn it is */

static void enter(struct cell *cell)
{
    store_relaxed(&self.cell, cell);
    self.now = 0;
    self_enter(&self);
}

static void leave_turn(void)
{
    op_context_end(&self);
    store_relaxed(&self.cell, NULL);
    self_enter(NULL);
}

/* A world in the middle of a turn of `it`. */
static int make_turn(void **state)
{
    if (make_world(state))
        return -1;
    it = born(&sink_class, NULL);
    run_dry();
    bias_leave(&worker->bias);
    enter(it);
    return 0;
}

static int end_turn(void **state)
{
    if (it->extras) {
        ops_end(&self, it, 0);
        extras_end(&self, it);
    }
    leave_turn();
    bias_enter(&worker->bias);
    run_dry(); /* what was on its way is freed */
    return end_world(state);
}

static inline struct op *new_op(enum op_kind kind)
{
    struct op *op = NULL;
    assert_int_equal(op_new(&self, &op, kind), 0);
    return op;
}

static inline uint32_t count(void) { return it->extras->ops.count; }
static inline uint32_t chains(void) { return it->extras->ops.mask + 1; }

#define IN_TURN(test) cmocka_unit_test_setup_teardown(test, make_turn, end_turn)

#endif
