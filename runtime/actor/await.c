/* await.c: handlers that wait. */
#include "actor/await.h"

#include "actor/after.h"
#include "actor/ask.h"
#include "actor/cycle.h"
#include "actor/flow.h"
#include "actor/fork.h"
#include "actor/offload.h"
#include "actor/port.h"
#include "actor/print.h"
#include "actor/send.h"
#include "actor/stash.h"
#include "actor/urgent.h"
#include "actor/usage.h"
#include "base/panic.h"

#include <cadre/await.h>
#include <cadre/timer.h>

#include <errno.h>

/* The first of the young leads back to where the list begins. */
static void move_context(struct cause *to, const struct cause *from)
{
    *to = *from;
    if (to->young)
        to->young->place = &to->young;
}

/* Nothing awaited is in it: that went before (wait_for). */
static void take_hand(struct cadre_self *self, struct hand *hand)
{
    hand->message = self->message;
    hand->unusual = self->unusual;
    hand->owes = self->owes;
    move_context(&hand->context, &self->context);
    self->message = NULL;
    self->unusual = self->usual;
    self->owes = OWES_NOTHING;
    self->context = (struct cause){.deadline = CADRE_NEVER};
}

static void give_hand(struct cadre_self *self, const struct hand *hand)
{
    self->message = hand->message;
    self->unusual = hand->unusual;
    self->owes = hand->owes;
    move_context(&self->context, &hand->context);
    self->now = 0; /* time has passed */
}

void await_release_second(struct cadre_self *self)
{
    struct envelope *e = self->second;
    enum debt owes = self->second_owes;
    self->second = NULL;
    self->second_owes = OWES_NOTHING;
    counter_add(&self->handled, 1);
    body_drop(e->type, e->body);
    if (owes == OWES_ANSWER)
        send_failure(self, e, self_address(self), CADRE_EUNANSWERED, 0);
    else
        self_free(self, e);
}

/* ---- whose turn it is -------------------------------------------------------------- */

/* One that prints where it stands comes first; it stays suspended. */
struct wait *await_find_due(const struct cell *cell)
{
    struct extras *extras = cell->extras;
    struct wait *wait = extras->waits, *first = wait;
    while (wait && !wait->prints)
        wait = wait->next;
    if (wait || cell_phase(cell) != PHASE_RUNNING)
        return wait ? wait : first;
    if (extras->closed) /* the others wait until it has returned */
        return extras->closed->cancelled ? extras->closed : NULL;
    while (first && !first->cancelled)
        first = first->next;
    extras->roused = first;
    return first;
}

/* ---- suspending ------------------------------------------------------------------ */

/* Inside. */
void await_arrive(struct cadre_self *self)
{
    struct cell *cell = self->parting;
    self->parting = NULL;
    if (!cell)
        return;
    plain_write(&cell->task.pinned, true);
    if (!fifo_is_empty(&cell->mailbox) || plain_read(&cell->task.token) ||
        await_due(cell) || stash_has_next(cell) || await_has_held(cell))
        worker_requeue(self->worker, &cell->task);
    else
        plain_write(&cell->task.scheduled, false);
    /* A message has been handled, or begun: else those who only wait for each other would
     * keep the worker from its clock. */
    (void)worker_slice_is_over(self->worker);
}

/* A note that came while they were held: which of them it was about is asked when they
 * are handled. */
static CC_NOINLINE void mark_held(const struct fifo *held)
{
    struct inbox_node *node = held->newest;
    while (node) {
        node = plain_read(&node->next);
        envelope_set_moved(envelope_of(letter_of(node)));
        if (node == held->newest)
            break;
    }
}

void await_give_back(struct cadre_self *self, struct cell *cell)
{
    struct extras *extras = cell->extras;
    struct fifo all = extras->held_first;
    fifo_append_fifo(&all, &extras->held);
    if (unlikely(extras->recalled))
        mark_held(&all);
    extras->recalled = false;
    bias_enter(&self->worker->bias);
    fifo_append_fifo(&all, &cell->mailbox);
    plain_write(&cell->mailbox.newest, all.newest);
    bias_leave(&self->worker->bias);
    extras->held_first.newest = extras->held.newest = NULL;
    extras->held_outcomes = 0;
}

/* In front of what came back, or is urgent, since then. */
static CC_NOINLINE void release_first(struct extras *extras)
{
    if (extras->recalled)
        mark_held(&extras->held_first);
    fifo_append_fifo(&extras->held_first, &extras->back);
    extras->back = extras->held_first;
    extras->held_first.newest = NULL;
}

static void end_wait(struct extras *extras, const struct wait *wait)
{
    struct wait **place = &extras->waits;
    while (*place != wait)
        place = &(*place)->next;
    *place = wait->next;
    if (extras->closed != wait)
        return;
    extras->closed = NULL;
    if (unlikely(extras->held_first.newest != NULL))
        release_first(extras);
}

/* Closed: may what it waits for be among what is held, or comes something before that? */
static bool looks_again(const struct extras *extras, const struct wait *wait)
{
    return extras->held.newest &&
           (wait->type || extras->held_outcomes || extras->back.newest);
}

/* Until somebody resumes it. */
static CC_INLINE int leave(struct cadre_self *self, struct wait *wait)
{
    self->parting = self_cell(self);
    (void)self_leave();
    const void *frame = self->worker->jobs.frame; /* on this stack */
    int err = fiber_suspend(self->worker, &wait->fiber);
    self->worker->jobs.frame = frame;
    self_here = self;
    if (err)
        self->parting = NULL;
    return err;
}

static int64_t read_clock(const struct cadre_self *self)
{
    return clock_now(&self->world->sched.crew.clock);
}

/* Until its wait is over. */
static CC_INLINE int suspend(struct cadre_self *self, struct wait *wait, bool closed)
{
    struct cell *cell = self_cell(self);
    struct extras *extras = cell->extras;
    if (flow_is_flooded(cell))
        flow_let_go(self, cell);
    wait->op->wait = wait;
    wait->next = extras->waits;
    extras->waits = wait;
    extras->closed = closed ? wait : extras->closed;
    cell->task.odd = ODD;
    if (closed && unlikely(!cycle_is_listed(self, extras)))
        cycle_list(self, cell);
    if (closed && looks_again(extras, wait))
        await_give_back(self, cell);
    if (unlikely(self->owes == OWES_ANSWER) && self->fate <= FATE_UNHANDLED)
        ask_stays(self, self->message);
    take_hand(self, &wait->hand);
    int64_t took = 0;
    if (unlikely(extras->account != NULL))
        took = account_pause(extras->account, read_clock(self));
    int err;
    while (!(err = leave(self, wait)) && unlikely(wait->prints))
        print_wait(self, wait);
    if (unlikely(err)) {
        wait->op->wait = NULL;
        end_wait(extras, wait);
    }
    give_hand(self, &wait->hand);
    if (unlikely(extras->account != NULL))
        account_go_on(extras->account, took, read_clock(self));
    self->more = true; /* the turn looks at what is odd now */
    return err ? -ENOMEM : 0;
}

struct fiber *await_depart(struct cadre_self *self)
{
    struct cell *cell = self_cell(self);
    struct wait *wait = self->resumes;
    self->resumes = NULL;
    if (likely(!wait->prints)) {
        end_wait(cell->extras, wait);
        plain_write(&cell->task.pinned, cell->extras->waits != NULL);
    }
    bias_leave(&self->worker->bias);
    return wait->fiber;
}

void await_run(struct cadre_self *self, struct wait *wait)
{
    self->resumes = wait;
    if (wait->prints)
        return;
    if (wait->op)
        wait->op->wait = NULL;
    wait->op = NULL;
    wait->e = NULL;
}

void await_end(struct cadre_self *self, struct op *op, struct envelope *e)
{
    struct wait *wait = op->wait;
    op->wait = NULL;
    wait->op = NULL;
    wait->e = e;
    wait->prints = false;
    self->resumes = wait;
    op_end(self, op);
}

/* ---- what comes meanwhile -------------------------------------------------------- */

/* Does the wait end with this operation, or with what that leads to? */
static bool leads_to(const struct op *op, const struct wait *wait)
{
    while (op && op->wait != wait)
        op = op->next;
    return op;
}

/* Is it nobody's but the handler's that waits, or to be seen to at once? */
static bool passes(const struct cell *cell, struct letter *letter)
{
    const struct wait *wait = cell->extras->closed;
    const struct op *op = NULL;
    uint32_t to = plain_read(&letter->to);
    switch (letter_kind(letter)) {
    case LETTER_OP:
        op = container_of(letter, struct op, letter);
        return op->dead || leads_to(op, wait);
    case LETTER_OFFLOAD:
        if (letter_is_of_port(letter))
            return port_passes(cell, letter);
        op = op_find(cell, offload_token(letter));
        return !op || leads_to(op, wait);
    case LETTER_ANSWER:
        op = op_find(cell, envelope_tail(envelope_of(letter))->token);
        return !op || op->kind == OP_PROMISE || op->kind == OP_LINK ||
               leads_to(op, wait);
    case LETTER_CANCEL:
    case LETTER_MOVED:
    case LETTER_WATCH:
    case LETTER_PRINT:
        return true;
    default:
        return to == NOTE_ENDED ||
               (to != NOTE_STOP &&
                letter_generation(letter) != address_generation(cell_address(cell)));
    }
}

/* Is it a message of the type that the handler waits for? */
static bool is_wanted(const struct cell *cell, struct letter *letter)
{
    const cadre_type *type = cell->extras->closed->type;
    bool is_news =
        letter_kind(letter) == LETTER_NEWS && plain_read(&letter->to) != NOTE_STOP;
    return type && (is_news || letter_is_message(letter)) &&
           envelope_of(letter)->type == type;
}

/* It may be what somebody will wait for. */
static bool is_outcome(const struct letter *letter)
{
    unsigned kind = letter_kind(letter);
    return kind == LETTER_OP || kind == LETTER_OFFLOAD || kind == LETTER_ANSWER;
}

struct letter *await_next_held(struct cell *cell)
{
    struct extras *extras = cell->extras;
    struct letter *letter = letter_of(fifo_take_first(&extras->held));
    extras->held_outcomes -= is_outcome(letter);
    if (unlikely(extras->recalled))
        envelope_set_moved(envelope_of(letter));
    extras->recalled = extras->recalled && extras->held.newest;
    extras_left(cell, letter);
    return letter;
}

bool await_holds(struct cadre_self *self, struct cell *cell, struct letter *letter,
                 bool was_back)
{
    if (cell_phase(cell) != PHASE_RUNNING || passes(cell, letter))
        return false;
    if (is_wanted(cell, letter)) {
        await_end(self, cell->extras->closed->op, envelope_of(letter));
    } else {
        cell->extras->held_outcomes += is_outcome(letter);
        extras_back(cell, letter);
        bool goes_first = was_back || urgent_goes_first(cell, letter);
        fifo_append(goes_first ? &cell->extras->held_first : &cell->extras->held,
                    &letter->node);
    }
    return true;
}

/* ---- the public calls ------------------------------------------------------------ */

/* May this one be waited for? */
static struct op *find(const struct cadre_self *self, cadre_token token, int *err)
{
    struct cell *cell = self_cell(self);
    struct op *op = op_find(cell, token.id);
    if (cell_phase(cell) != PHASE_RUNNING)
        *err = -ECANCELED;
    else if (!op || !op_has_outcome(op))
        *err = -ENOENT;
    else if (op->next || op->wait || op->then)
        *err = -EBUSY;
    else
        return op;
    return NULL;
}

/* What came is in hand from here on. */
static CC_INLINE int have(struct cadre_self *self, const struct wait *wait,
                          cadre_token token, cadre_msg *m)
{
    struct envelope *e = wait->e;
    if (!e)
        return -ECANCELED;
    (void)after_receive(self, OP_FUTURE, NULL); /* it ends a silence */
    self->second = e;
    bool is_request = letter_kind(&e->letter) == LETTER_TOKEN;
    self->second_owes = is_request ? OWES_ANSWER : OWES_NOTHING;
    uint64_t shown = is_request ? envelope_tail(e)->token : wait->type ? 0 : token.id;
    *m = (cadre_msg){e->type, {e->from}, {shown}, e->body};
    return 0;
}

static CC_INLINE int wait_for(struct cadre_self *self, struct op *op,
                              const cadre_type *type, bool closed, cadre_msg *m)
{
    struct wait wait;
    wait.op = op;
    wait.type = type;
    wait.cancelled = wait.prints = false;
    cadre_token token = {op->token};
    await_release(self); /* what came before */
    int err = suspend(self, &wait, closed);
    return err ? err : have(self, &wait, token, m);
}

static int await_token(struct cadre_self *self, const char *what, cadre_token token,
                       bool closed, cadre_msg *m)
{
    int err = self_check(self, what);
    if (err)
        return err;
    if (!m)
        return world_misuse(self->world, -EINVAL, "%s: m is NULL", what);
    if (self->step || (self->forked && !fork_leave(self)))
        return world_misuse(self->world, -EPERM,
                            "%s: in a step of a chain, or before a sync", what);
    struct op *op = find(self, token, &err);
    return op ? wait_for(self, op, NULL, closed, m) : err;
}

int cadre_await(cadre_self *self, cadre_token token, cadre_msg *m)
{
    return await_token(self, "cadre_await", token, true, m);
}

int cadre_await_open(cadre_self *self, cadre_token token, cadre_msg *m)
{
    return await_token(self, "cadre_await_open", token, false, m);
}

int cadre_receive_type(cadre_self *self, const cadre_type *type, cadre_time timeout,
                       cadre_msg *m)
{
    struct op *op;
    int err = self_check(self, "cadre_receive_type");
    if (err)
        return err;
    if (!type || !m || timeout <= 0)
        return world_misuse(self->world, -EINVAL,
                            "cadre_receive_type: type or m is NULL, or timeout <= 0");
    if (port_makes(self->world, type)) /* made when its letter is handled, not before */
        return world_misuse(self->world, -EINVAL,
                            "cadre_receive_type: %s is a message from outside",
                            type->name);
    if (self->step || (self->forked && !fork_leave(self)))
        return world_misuse(self->world, -EPERM,
                            "cadre_receive_type: in a step, or before a sync");
    err = op_new_failing(self, &op, OP_FUTURE);
    if (err)
        return err;
    int64_t due = op_due(self, timeout);
    if (due != CADRE_NEVER)
        op_set_alarm(self, op, due);
    uint64_t token = op->token;
    err = wait_for(self, op, type, true, m);
    if (err && (op = op_find(self_cell(self), token)))
        op_end(self, op);
    if (err || m->type != &cadre_failure_type || type == m->type)
        return err;
    err = ((const cadre_failure *)m->body)->code;
    await_release(self);
    return err;
}

int cadre_sleep(cadre_self *self, cadre_time time)
{
    static const cadre_type slept_type = {.name = "slept"};
    cadre_token token;
    cadre_msg m;
    int err = cadre_after_as(self, &token, time, &slept_type, NULL);
    if (err)
        return err;
    err = cadre_await(self, token, &m);
    if (err)
        (void)cadre_cancel(self, token);
    return err;
}
