/* test_op.c: the operations of one actor: whose sake they are for, and how they end. */
#include "unit/actor/own_turn.h"

#include <errno.h>

/* The request that this actor handles, from itself. */
static struct envelope *begin_request(uint64_t token, int64_t deadline)
{
    struct envelope *e = NULL;
    assert_int_equal(send_prepare(&self, &e, LETTER_TOKEN, &number_type, &(number){1}),
                     0);
    envelope_tail(e)->token = token;
    envelope_tail(e)->deadline = deadline;
    self.owes = OWES_ANSWER;
    self.context.deadline = deadline;
    return e;
}

static void end_request(void)
{
    self.owes = OWES_NOTHING;
    op_context_end(&self);
}

static struct op *promise(struct envelope *request)
{
    struct op *op = NULL;
    assert_int_equal(op_new_promise(&self, &op, request), 0);
    return op;
}

/* Nothing is in the way of a promise's end. */
static void settle(struct op *op)
{
    self_free(&self, op->message);
    op_end(&self, op);
}

/* The letter that is at the front of the mailbox, if it is an operation's. */
static struct op *next_letter(void)
{
    bias_enter(&worker->bias);
    if (inbox_has_nodes(&it->task.inbox))
        cell_take_mail(it, worker, INBOX_AWAKE);
    struct inbox_node *n = fifo_take(&it->mailbox);
    bias_leave(&worker->bias);
    if (!n)
        return NULL;
    assert_int_equal(letter_kind(letter_of(n)), LETTER_OP);
    assert_true(cell_letter_address(it, letter_of(n)) == cell_address(it));
    return container_of(letter_of(n), struct op, letter);
}

static void ring_at(int64_t time)
{
    clock_advance(&world.sched.crew.clock, time - clock_now(&world.sched.crew.clock));
    bias_enter(&worker->bias);
    worker_ring(worker, worker, time);
    bias_leave(&worker->bias);
}

/* ---- the table ---- */

static void op_new_is_found_by_its_token_until_its_end(void **state)
{
    assert_null(op_find(it, 1)); /* no table yet */
    struct op *op = new_op(OP_ASK);
    assert_true(op->token != 0);
    assert_ptr_equal(op_find(it, op->token), op);
    assert_null(op_find(it, op->token + 1));
    assert_null(op_find(it, op->token | OP_PROMISED));
    uint64_t token = op->token;
    op_end(&self, op);
    assert_null(op_find(it, token));
    assert_int_equal(count(), 0);
}

static void op_new_without_memory_changes_nothing(void **state)
{
    struct op *op = NULL;
    uint32_t n = 0;
    world.heap.max = load_relaxed(&world.heap.bytes);
    int err;
    while ((err = op_new(&self, &op, OP_ASK)) == 0)
        assert_true(n++ < 100000);
    assert_true(err == -ENOMEM || err == CADRE_EFULL);
    assert_int_equal(it->extras ? count() : 0, n);
    world.heap.max = SIZE_MAX;
}

static void op_tokens_are_never_the_same(void **state)
{
    struct cell *another = born(&sink_class, NULL);
    uint64_t last = 0;
    for (int i = 0; i < 100; i++) {
        enter(i % 2 ? another : it);
        another->note.phase = PHASE_RUNNING;
        struct op *op = new_op(OP_TIMER);
        assert_true(op->token > last); /* each worker counts */
        last = op->token;
        assert_null(op_find(i % 2 ? it : another, op->token));
        op_end(&self, op);
    }
    enter(another);
    ops_end(&self, another, 0);
    extras_end(&self, another);
    another->note.phase = PHASE_BORN;
    enter(it);
}

static void op_of_one_that_ends_is_refused(void **state)
{
    struct op *op = NULL;
    it->note.phase = PHASE_ENDING;
    assert_int_equal(op_new(&self, &op, OP_ASK), -ESHUTDOWN);
    assert_null(op);
    assert_null(it->extras);
    it->note.phase = PHASE_RUNNING;
}

/* ---- for whose sake ---- */

static void op_inherits_the_deadline_of_what_is_handled(void **state)
{
    struct op *free_one = new_op(OP_ASK);
    assert_true(free_one->deadline == CADRE_NEVER);
    struct envelope *request = begin_request(77, 5000);
    assert_true(new_op(OP_ASK)->deadline == 5000);
    assert_true(new_op(OP_TIMER)->deadline == 5000);
    end_request();
    self_free(&self, request);
    assert_true(new_op(OP_ASK)->deadline == CADRE_NEVER);
}

static void promise_adopts_what_was_asked_before_and_after_it(void **state)
{
    struct envelope *request = begin_request(77, 5000);
    struct op *before = new_op(OP_ASK);
    struct op *timer = new_op(OP_TIMER);
    struct op *p = promise(request);
    assert_true(p->token == (77 | OP_PROMISED));
    assert_ptr_equal(op_find(it, 77 | OP_PROMISED), p);
    assert_true(p->deadline == 5000);
    struct op *after = new_op(OP_ASK);
    end_request();
    assert_ptr_equal(before->parent, p);
    assert_ptr_equal(after->parent, p);
    assert_false(op_has_kin((enum op_kind)timer->kind)); /* its actor's alone */
    int children = 0;
    for (struct op *child = p->child; child; child = child->sibling) {
        assert_true(child == before || child == after);
        assert_ptr_equal(*child->place, child);
        children++;
    }
    assert_int_equal(children, 2);
    settle(p);
    assert_null(before->parent);
    assert_null(after->parent);
    assert_null(before->place);
    assert_null(after->place);
}

static void op_that_ends_leaves_its_parent(void **state)
{
    struct envelope *request = begin_request(77, 5000);
    struct op *p = promise(request), *child[3];
    for (int i = 0; i < 3; i++)
        child[i] = new_op(OP_ASK);
    end_request();
    op_end(&self, child[1]);
    assert_ptr_equal(p->child, child[2]);
    assert_ptr_equal(child[2]->sibling, child[0]);
    assert_null(child[0]->sibling);
    op_end(&self, child[2]);
    assert_ptr_equal(p->child, child[0]);
    assert_ptr_equal(child[0]->place, &p->child);
    op_end(&self, child[0]);
    assert_null(p->child);
    settle(p);
}

/* What was started for a request that was answered at once goes on for its own sake. */
static void op_of_a_request_without_a_promise_is_an_orphan(void **state)
{
    struct envelope *request = begin_request(77, 5000);
    struct op *young = new_op(OP_ASK), *other = new_op(OP_ASK);
    assert_ptr_equal(self.context.young, other);
    op_end(&self, other);
    assert_ptr_equal(self.context.young, young);
    end_request();
    self_free(&self, request);
    assert_null(self.context.young);
    assert_null(young->place);
    assert_null(young->parent);
    assert_true(self.context.deadline == CADRE_NEVER);
}

/* In the outcome of a child, its parent is what is handled; it may end there. */
static void promise_that_ends_in_hand_is_no_parent_any_more(void **state)
{
    struct envelope *request = begin_request(77, 5000);
    struct op *p = promise(request);
    end_request();
    self.context.parent = p;
    settle(p);
    assert_null(self.context.parent);
    assert_null(new_op(OP_ASK)->parent);
}

/* ---- alarms ---- */

static void op_rings_by_its_letter(void **state)
{
    struct op *op = new_op(OP_TIMER);
    op_set_alarm(&self, op, 5000);
    ring_at(4999);
    assert_null(next_letter());
    ring_at(5000);
    assert_ptr_equal(next_letter(), op);
    assert_null(next_letter());
    store_relaxed(&op->alarm.state, ALARM_OFF); /* as the turn does */
}

static void op_end_turns_its_alarm_off(void **state)
{
    struct op *op = new_op(OP_TIMER);
    op_set_alarm(&self, op, 5000);
    op_end(&self, op);
    assert_int_equal(wheel_count(&worker->alarms.wheel), 0);
    ring_at(6000);
    assert_null(next_letter());
}

/* Its letter is on its way: its memory stays until that has come. */
static void op_end_while_it_rings_waits_for_its_letter(void **state)
{
    struct op *op = new_op(OP_TIMER);
    uint64_t token = op->token;
    op_set_alarm(&self, op, 5000);
    ring_at(5000);
    op_end(&self, op);
    assert_null(op_find(it, token));
    assert_true(op->dead);
    assert_ptr_equal(next_letter(), op);
    op_free(&self, op);
}

/* As if it had been set on another worker, which still has it. */
static void move_alarm(struct op *op, struct alarms *elsewhere)
{
    struct alarms *here = &worker->alarms;
    op_set_alarm(&self, op, 5000);
    wheel_remove(&here->wheel, &op->alarm.node);
    wheel_add(&elsewhere->wheel, &op->alarm.node, 5000);
    elsewhere->next = 5000;
}

/* Worker 1, which is asked for nothing but its alarms. */
static struct worker two[2], *only;
static void begin_elsewhere(struct op *op)
{
    worker_init(&two[1], &world.sched.crew, 1, 1);
    move_alarm(op, &two[1].alarms);
    op->alarm.worker = 1;
    only = world.sched.crew.workers;
    world.sched.crew.workers = two;
}
static void end_elsewhere(void) { world.sched.crew.workers = only; }

static void op_end_elsewhere_waits_for_its_letter(void **state)
{
    struct op *op = new_op(OP_TIMER);
    begin_elsewhere(op);
    op_end(&self, op);
    end_elsewhere();
    assert_true(op->dead);
    assert_int_equal(load_relaxed(&op->alarm.state), ALARM_CANCELLED);
    assert_ptr_equal(alarms_take(&two[1].alarms, 2), &op->alarm);
    assert_int_equal(wheel_count(&two[1].alarms.wheel), 0);
    op_free(&self, op); /* its letter came */
}

/* ---- failures ---- */

static void op_fail_sends_its_letter_once(void **state)
{
    for (int with_alarm = 0; with_alarm < 2; with_alarm++) {
        struct op *op = new_op(OP_ASK);
        assert_int_equal(op->code, -ETIMEDOUT);
        if (with_alarm)
            op_set_alarm(&self, op, 5000);
        op_fail(&self, op, -ECANCELED);
        op_fail(&self, op, -ECANCELED);
        assert_int_equal(op->code, -ECANCELED);
        ring_at(6000 * (with_alarm + 1));
        assert_ptr_equal(next_letter(), op);
        assert_null(next_letter());
        store_relaxed(&op->alarm.state, ALARM_OFF);
        op_end(&self, op);
    }
}

static void op_fail_after_it_rang_changes_what_its_letter_says(void **state)
{
    struct op *op = new_op(OP_ASK);
    op_set_alarm(&self, op, 5000);
    ring_at(5000);
    op_fail(&self, op, -ECANCELED);
    assert_int_equal(op->code, -ECANCELED);
    assert_ptr_equal(next_letter(), op);
    assert_null(next_letter());
    store_relaxed(&op->alarm.state, ALARM_OFF);
}

/* Not even when that worker sleeps for ever; its letter may come before or after. */
static void op_fail_elsewhere_does_not_wait_for_its_letter(void **state)
{
    for (int letter_first = 0; letter_first < 2; letter_first++) {
        struct op *op = new_op(OP_ASK);
        uint64_t token = op->token, handled = load_relaxed(&self.handled);
        begin_elsewhere(op);
        op_fail(&self, op, -ECANCELED);
        op_fail(&self, op, -ECANCELED);
        end_elsewhere();
        struct envelope *e = envelope_of(letter_of(fifo_take(&it->mailbox)));
        assert_null(fifo_take(&it->mailbox));
        assert_int_equal(letter_kind(&e->letter), LETTER_ANSWER);
        assert_int_equal(((cadre_failure *)(void *)e->body)->code, -ECANCELED);
        assert_ptr_equal(alarms_take(&two[1].alarms, 2), &op->alarm);
        fifo_append(&it->mailbox, letter_first ? &op->letter.node : &e->letter.node);
        fifo_append(&it->mailbox, letter_first ? &e->letter.node : &op->letter.node);
        leave_turn();
        bias_enter(&worker->bias);
        run_dry();
        bias_leave(&worker->bias);
        enter(it);
        assert_int_equal(load_relaxed(&self.handled), handled + 1);
        assert_null(op_find(it, token));
        assert_int_equal(count(), 0);
    }
}

static void use_up_memory(size_t size)
{
    void *p;
    world.heap.max = load_relaxed(&world.heap.bytes);
    while (pool_get(&self.pool, &p, size) == 0) {
    }
}

/* There is no message for it but the operation itself. */
static void op_fail_elsewhere_without_memory_waits_for_its_letter(void **state)
{
    struct op *op = new_op(OP_ASK);
    uint64_t token = op->token, handled = load_relaxed(&self.handled);
    use_up_memory(sizeof(struct letter) + OP_FAILURE);
    begin_elsewhere(op);
    op_fail(&self, op, -ECANCELED);
    end_elsewhere();
    assert_null(fifo_take(&it->mailbox));
    assert_ptr_equal(op_find(it, token), op);
    assert_ptr_equal(alarms_take(&two[1].alarms, 2), &op->alarm);
    fifo_append(&it->mailbox, &op->letter.node);
    leave_turn();
    bias_enter(&worker->bias);
    worker_schedule(worker, &it->task);
    run_dry();
    bias_leave(&worker->bias);
    enter(it);
    assert_int_equal(load_relaxed(&self.handled), handled + 1);
    assert_null(op_find(it, token));
    world.heap.max = SIZE_MAX;
}

/* From whom it asked, and in the block that the operation had. */
static void op_that_asks_becomes_its_failure(void **state)
{
    struct op *op = new_op(OP_ASK);
    uint64_t token = op->token;
    op->to = 77;
    struct envelope *e = op_take_failure(&self, op, -ETIMEDOUT, -7);
    assert_ptr_equal(e, op);
    op_mark_outcome(it, e, token);
    op_end(&self, op);
    const cadre_failure *f = (void *)e->body;
    assert_null(op_find(it, token));
    assert_ptr_equal(e->type, &cadre_failure_type);
    assert_true(e->from == 77 && f->origin.id == 77);
    assert_int_equal(f->code, -ETIMEDOUT);
    assert_int_equal(f->cause, -7);
    assert_null(f->message);
    assert_true(envelope_tail(e)->token == token);
    self_free(&self, e);
}

static void op_end_after_a_failure_waits_for_its_letter(void **state)
{
    struct op *op = new_op(OP_ASK);
    op_fail(&self, op, -ECANCELED);
    op_end(&self, op);
    assert_true(op->dead);
    assert_ptr_equal(next_letter(), op);
    op_free(&self, op);
}

/* ---- the actor ends ---- */

static void ops_end_ends_all_and_fails_promises(void **state)
{
    struct cell *asker = born(&sink_class, NULL);
    struct envelope *request = begin_request(77, CADRE_NEVER);
    request->from = cell_address(asker);
    promise(request)->in_hand = false;
    end_request();
    for (int i = 0; i < 50; i++) {
        struct op *op = new_op(OP_TIMER);
        assert_int_equal(send_prepare(&self, &op->message, LETTER_OUTCOME, &owned_type,
                                      &(owned){(uint32_t)i}),
                         0);
        if (i % 3)
            op_set_alarm(&self, op, 5000 + i % 2);
    }
    drops_clear();
    ring_at(5000); /* some ring already */
    ops_end(&self, it, -7);
    extras_end(&self, it);
    assert_dropped_once(50);
    assert_int_equal(wheel_count(&worker->alarms.wheel), 0);
    struct letter *l = letter_of(inbox_take(&asker->task.inbox, INBOX_AWAKE)
                                     ? NULL
                                     : fifo_take(&asker->mailbox));
    struct envelope *e = envelope_of(l);
    const cadre_failure *failure = (const void *)e->body;
    assert_ptr_equal(e->type, &cadre_failure_type);
    assert_ptr_equal(e, request);
    assert_int_equal(failure->code, CADRE_EDEAD);
    assert_int_equal(failure->cause, -7);
    assert_true(failure->origin.id == cell_address(it));
    self_free(&self, e);
}

int main(void)
{
    TESTS(IN_TURN(op_new_is_found_by_its_token_until_its_end),
          IN_TURN(op_new_without_memory_changes_nothing),
          IN_TURN(op_tokens_are_never_the_same),
          IN_TURN(op_of_one_that_ends_is_refused),
          IN_TURN(op_inherits_the_deadline_of_what_is_handled),
          IN_TURN(promise_adopts_what_was_asked_before_and_after_it),
          IN_TURN(op_that_ends_leaves_its_parent),
          IN_TURN(op_of_a_request_without_a_promise_is_an_orphan),
          IN_TURN(promise_that_ends_in_hand_is_no_parent_any_more),
          IN_TURN(op_rings_by_its_letter), IN_TURN(op_end_turns_its_alarm_off),
          IN_TURN(op_end_while_it_rings_waits_for_its_letter),
          IN_TURN(op_end_elsewhere_waits_for_its_letter),
          IN_TURN(op_fail_sends_its_letter_once),
          IN_TURN(op_fail_after_it_rang_changes_what_its_letter_says),
          IN_TURN(op_fail_elsewhere_does_not_wait_for_its_letter),
          IN_TURN(op_fail_elsewhere_without_memory_waits_for_its_letter),
          IN_TURN(op_that_asks_becomes_its_failure),
          IN_TURN(op_end_after_a_failure_waits_for_its_letter),
          IN_TURN(ops_end_ends_all_and_fails_promises));
    return RUN_TESTS();
}
