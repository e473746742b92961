/* ask.c: requests and answers. */
#include "actor/ask.h"

#include "actor/call.h"
#include "actor/process.h"
#include "actor/urge.h"
#include "base/panic.h"

#include <cadre/urgent.h>

#include <errno.h>

enum { LOOK_THROUGH = 65536 }; /* letters, for a request */

CADRE_API const cadre_type cadre_failure_type = {.name = "cadre_failure",
                                                 .size = sizeof(cadre_failure)};

static CC_INLINE int ask(cadre_self *self, cadre_token *token, cadre_ref to,
                         cadre_time timeout, const cadre_type *type, const void *body,
                         const char *what, bool urgent)
{
    struct op *op;
    int err = self_check(self, what);
    if (err)
        return send_refuse(type, body, err);
    err = send_check(self->world, what, type, body);
    if (err)
        return err;
    if (timeout <= 0 || to.id == self_address(self))
        return world_misuse(self->world, send_refuse(type, body, -EINVAL),
                            "%s: timeout <= 0, or it asks itself", what);
    err = op_new(self, &op, OP_ASK);
    if (err)
        return send_refuse(type, body, err);
    int64_t due = op_due(self, timeout);
    op->to = to.id;
    if (due != CADRE_NEVER)
        op_set_alarm(self, op, due);
    err =
        (urgent ? urge_request : send_request)(self, to.id, op->token, due, type, body);
    if (unlikely(err))
        op_end(self, op);
    else if (token)
        token->id = op->token;
    return err;
}

int cadre_ask_as(cadre_self *self, cadre_token *token, cadre_ref to, cadre_time timeout,
                 const cadre_type *type, const void *body)
{
    return ask(self, token, to, timeout, type, body, "cadre_ask", false);
}

int cadre_ask_urgent_as(cadre_self *self, cadre_token *token, cadre_ref to,
                        cadre_time timeout, const cadre_type *type, const void *body)
{
    return ask(self, token, to, timeout, type, body, "cadre_ask_urgent_as", true);
}

int cadre_then(cadre_self *self, cadre_token token, cadre_receive *next)
{
    int err = self_check(self, "cadre_then");
    if (err)
        return err;
    if (!next)
        return world_misuse(self->world, -EINVAL, "cadre_then: next is NULL");
    struct op *op = op_find(self_cell(self), token.id);
    if (!op || op->kind == OP_PROMISE)
        return -ENOENT;
    if (op->next || op->wait || op->kind == OP_LINK)
        return -EBUSY;
    op->then = op->otherwise = next;
    return 0;
}

int cadre_cancel(cadre_self *self, cadre_token token)
{
    int err = self_check(self, "cadre_cancel");
    if (err)
        return err;
    struct op *op = op_find(self_cell(self), token.id);
    if (!op || op->kind == OP_PROMISE)
        return -ENOENT;
    op_abandon(self, op);
    return 0;
}

cadre_time cadre_deadline(const cadre_self *self)
{
    return self_check(self, "cadre_deadline") ? CADRE_NEVER : self->context.deadline;
}

/* ---- promises -------------------------------------------------------------------- */

int cadre_defer(cadre_self *self, const cadre_msg *m, cadre_promise *promise)
{
    struct op *op;
    int err = self_check(self, "cadre_defer");
    if (err)
        return err;
    struct envelope *request = self->message;
    if (!promise || !m || !request || m->body != request->body ||
        self->owes != OWES_ANSWER || self->fate != FATE_HANDLED)
        return world_misuse(self->world, -EINVAL,
                            "cadre_defer: promise is NULL, or m is no request in hand "
                            "that is still to be answered");
    err = op_new_promise(self, &op, request);
    if (err)
        return err;
    ask_stays(self, request);
    self->owes = OWES_NO_MORE;
    self->fate = FATE_DEFERRED;
    *promise = (cadre_promise){cadre_me(self), {op->token}};
    return 0;
}

/* The promise is kept: the request is not needed any more. */
static void settle(struct cadre_self *self, struct op *op)
{
    if (op->in_hand)
        op->message = NULL; /* the turn frees it */
    op_end(self, op);
}

void ask_deferred(struct cadre_self *self, struct envelope *request)
{
    struct op *op =
        op_find(self_cell(self), envelope_tail(request)->token | OP_PROMISED);
    if (op && op->message == request)
        op->in_hand = false;
    else
        self_free(self, request); /* it was answered, or delegated, meanwhile */
}

static struct op *promise_of(const struct cadre_self *self, cadre_promise promise)
{
    struct op *op = op_find(self_cell(self), promise.token.id);
    bool is_open = op && (op->kind == OP_PROMISE ||
                          (op->kind == OP_FUTURE && !op->answered && !op->join));
    return is_open ? op : NULL;
}

/* What every way to get rid of a promise checks. */
static int check_promise(struct cadre_self *self, const char *what, bool must_hold,
                         cadre_promise promise, const cadre_type *type,
                         const void *body)
{
    int err = self_check(self, what);
    if (err)
        return send_refuse(type, body, err);
    err = send_check(self->world, what, type, body);
    if (err)
        return err;
    bool holds = promise.holder.id == self_address(self);
    if (must_hold && !holds)
        return world_misuse(self->world, send_refuse(type, body, -EPERM),
                            "%s: another actor holds the promise", what);
    if (!promise.holder.id || !promise.token.id ||
        (must_hold && !(promise.token.id & OP_PROMISED)))
        return world_misuse(self->world, send_refuse(type, body, -EINVAL),
                            "%s: it was not made by cadre_defer", what);
    return holds && !promise_of(self, promise) ? send_refuse(type, body, -EALREADY) : 0;
}

int cadre_answer_as(cadre_self *self, cadre_promise promise, const cadre_type *type,
                    const void *body)
{
    struct envelope *e;
    int err = check_promise(self, "cadre_answer", false, promise, type, body);
    if (!err)
        err = send_prepare(self, &e, LETTER_ANSWER, type, body);
    if (err)
        return err;
    bool holds = promise.holder.id == self_address(self);
    struct op *op = holds ? promise_of(self, promise) : NULL;
    if (!op || op->kind == OP_FUTURE) { /* the holder has it, or passes it on */
        send_answer(self, e, promise.holder.id, promise.token.id);
        if (op)
            op->answered = true;
        return 0;
    }
    send_answer(self, e, op->message->from, envelope_tail(op->message)->token);
    settle(self, op);
    return 0;
}

int cadre_delegate_as(cadre_self *self, cadre_promise promise, cadre_ref to,
                      const cadre_type *type, const void *body)
{
    struct envelope *e;
    int err = check_promise(self, "cadre_delegate", true, promise, type, body);
    if (!err)
        err = send_prepare(self, &e, LETTER_TOKEN, type, body);
    if (err)
        return err;
    struct op *op = promise_of(self, promise);
    invariant(op); /* it was there when we checked */
    e->from = op->message->from;
    envelope_tail(e)->token = envelope_tail(op->message)->token;
    envelope_tail(e)->deadline = op->deadline;
    envelope_set_moved(e);
    err = send_message(self, e, to.id);
    if (!err)
        settle(self, op);
    return err;
}

bool cadre_is_awaited(cadre_self *self, cadre_promise promise)
{
    if (self_check(self, "cadre_is_awaited"))
        return false;
    const struct op *op = promise_of(self, promise);
    return op && op->deadline > self_now(self);
}

/* ---- what comes back ------------------------------------------------------------- */

void ask_answered(struct cadre_self *self, struct op *promise, struct envelope *answer)
{
    if (!promise && process_of(self_cell(self))) {
        process_forward(self, self_cell(self), answer);
        return;
    }
    if (!promise) {
        send_drop(self, answer);
        return;
    }
    /* By another actor, to whom the promise was sent: it has been handled here, and goes
     * on to whoever asked. */
    counter_add(&self->handled, 1);
    send_answer(self, answer, promise->message->from,
                envelope_tail(promise->message)->token);
    settle(self, promise);
}

/* The handler that waits and has this request in hand. */
static const struct wait *in_hand(const struct cell *cell, uint64_t asker,
                                  uint64_t token)
{
    const struct wait *wait = cell->extras ? cell->extras->waits : NULL;
    for (; wait; wait = wait->next) {
        struct envelope *request = wait->hand.message;
        if (wait->hand.owes == OWES_ANSWER && wait->hand.fate <= FATE_UNHANDLED &&
            request->from == asker && envelope_tail(request)->token == token)
            break;
    }
    return wait;
}

static bool has(const struct fifo *queue, uint64_t asker, uint64_t token)
{
    return envelope_before(queue, asker, token, LOOK_THROUGH) != NULL;
}

enum owed ask_owes(const struct cell *cell, uint64_t asker, uint64_t token)
{
    const struct extras *extras = cell->extras;
    const struct op *promise = op_find(cell, token | OP_PROMISED);
    if (promise && promise->message->from == asker)
        return OWED_LATER;
    bool owed = in_hand(cell, asker, token) || has(&extras->held, asker, token) ||
                has(&extras->held_first, asker, token) ||
                has(&extras->aside, asker, token) || has(&extras->back, asker, token);
    return owed ? OWED : OWED_NOT;
}

/* ---- where requests are, and who still waits for them ----------------------------- */

static void fail_all(struct cadre_self *self, struct op *child)
{
    for (; child; child = child->sibling)
        op_fail(self, child, -ECANCELED);
}

/* The promise to answer the request that a note is about; or NULL. */
static struct op *promise_about(const struct cell *cell, struct envelope *note)
{
    struct op *op = op_find(cell, envelope_tail(note)->token | OP_PROMISED);
    return op && op->message->from == note->from ? op : NULL;
}

/* Outside it is owed still. Without memory it is so until this actor's end. */
static void decline(struct cadre_self *self, struct op *promise)
{
    struct envelope *e;
    const cadre_failure failure = {.code = -ECANCELED, .origin = cadre_me(self)};
    if (send_prepare(self, &e, LETTER_ANSWER, &cadre_failure_type, &failure) == 0)
        send_answer(self, e, promise->message->from,
                    envelope_tail(promise->message)->token);
}

void ask_recalled(struct cadre_self *self, struct envelope *note)
{
    struct cell *cell = self_cell(self);
    if (process_of(cell)) {
        process_forward(self, cell, note);
        return;
    }
    struct op *op = promise_about(cell, note);
    const struct wait *wait =
        op ? NULL : in_hand(cell, note->from, envelope_tail(note)->token);
    if (op) {
        fail_all(self, op->child);
        if (self->world->uplink)
            decline(self, op);
        else if (!note->from)
            call_drop(envelope_tail(note)->token);
        settle(self, op);
    } else if (wait) {
        fail_all(self, wait->hand.context.young);
        envelope_set_moved(wait->hand.message); /* what is started later asks again */
    } else if (cell->extras &&
               (cell->extras->held.newest || cell->extras->held_first.newest)) {
        cell->extras->recalled = true;
    }
    self_free(self, note);
}

void ask_moved(struct cadre_self *self, struct envelope *note)
{
    struct op *op = op_find(self_cell(self), envelope_tail(note)->token);
    if (process_of(self_cell(self))) { /* it need not know */
        self_free(self, note);
        return;
    }
    if (!op || op->kind != OP_ASK || op->code == -ECANCELED) {
        send_recall_moved(self, note, self_address(self));
        return;
    }
    op->to = note->from;
    self_free(self, note);
}

void ask_tell_moved(struct cadre_self *self, struct envelope *request)
{
    struct envelope *e;
    uint64_t token = envelope_tail(request)->token, here = self_address(self);
    bool is_threads = !request->from; /* which is told by its future */
    enum letter_kind kind = is_threads ? LETTER_CANCEL : LETTER_MOVED;
    if (self->world->uplink || /* who waits for it asks our cell outside */
        (is_threads && call_moves(token, here)) ||
        send_prepare(self, &e, kind, &send_note_type, NULL))
        return;
    envelope_tail(request)->bytes &= ~ENVELOPE_MOVED;
    envelope_tail(e)->token = token;
    if (is_threads)
        e->from = 0;
    send_note(self, e, is_threads ? here : request->from);
}
