/* chain.c: futures of an actor: what comes after an outcome.
 *
 * Each future is an operation. One that is a step of another points to it; so an outcome
 * goes from one to the next in a loop. The failure that each may have is made with it. */
#include "actor/chain.h"

#include "actor/after.h"
#include "actor/cycle.h"
#include "actor/fail.h"
#include "actor/fork.h"
#include "actor/send.h"
#include "actor/usage.h"

#include <cadre/chain.h>

#include <errno.h>
#include <string.h>

CADRE_API const cadre_type cadre_joined_type = {.name = "cadre_joined",
                                                .size = sizeof(cadre_joined)};

enum { JOIN_MAX = 65536 };

/* ---- making them ----------------------------------------------------------------- */

int cadre_promise_new(cadre_self *self, cadre_token *token, cadre_promise *promise,
                      cadre_time timeout)
{
    struct op *op;
    int err = self_check(self, "cadre_promise_new");
    if (err)
        return err;
    if (!token || !promise || timeout <= 0)
        return world_misuse(
            self->world, -EINVAL,
            "cadre_promise_new: token or promise is NULL, or timeout <= 0");
    err = op_new_failing(self, &op, OP_FUTURE);
    if (err)
        return err;
    int64_t due = op_due(self, timeout);
    if (due != CADRE_NEVER)
        op_set_alarm(self, op, due);
    token->id = op->token;
    *promise = (cadre_promise){cadre_me(self), {op->token}};
    return 0;
}

/* One whose outcome can still be passed on. */
static int find_free(const struct cadre_self *self, struct op **op, cadre_token of)
{
    *op = op_find(self_cell(self), of.id);
    if (!*op || !op_has_outcome(*op))
        return -ENOENT;
    return (*op)->next || (*op)->then || (*op)->wait ? -EBUSY : 0;
}

int cadre_chain(cadre_self *self, cadre_token *next, cadre_token of,
                cadre_receive *then, cadre_receive *otherwise)
{
    struct op *op, *after;
    int err = self_check(self, "cadre_chain");
    if (!err)
        err = find_free(self, &op, of);
    if (!err)
        err = op_new_failing(self, &after, OP_FUTURE);
    if (err)
        return err;
    after->silent = !next;
    op->next = after;
    after->previous = op;
    op->then = then;
    op->otherwise = otherwise;
    if (next)
        next->id = after->token;
    return 0;
}

/* Marks them all. What is marked already stands in the list twice. */
static int find_all(const struct cadre_self *self, struct op *after)
{
    const struct join *join = after->join;
    int err = 0;
    for (uint32_t i = 0; i < join->count && !err; i++) {
        struct op *op;
        err = find_free(self, &op, (cadre_token){join->tokens[i]});
        if (!err)
            op->next = after;
        else if (err == -EBUSY && op->next == after)
            err = -EINVAL;
    }
    return err;
}

/* The list first: what leads here finds it. Errors: pool_get's, and find_all's. */
static int fill_join(struct cadre_self *self, struct op *after,
                     const cadre_token *tokens, uint32_t n, uint32_t need)
{
    void *p;
    int err = pool_get(&self->pool, &p, op_join_bytes(n));
    if (err)
        return err;
    after->join = p;
    *after->join = (struct join){.need = need, .count = n, .left = n};
    memcpy(after->join->tokens, tokens, n * sizeof *tokens);
    return find_all(self, after);
}

static int join(struct cadre_self *self, const char *what, cadre_token *next,
                const cadre_token *tokens, uint32_t n, uint32_t need)
{
    struct op *after;
    int err = self_check(self, what);
    if (err)
        return err;
    if (!next || !tokens || n == 0 || n > JOIN_MAX || need > n)
        return world_misuse(self->world, -EINVAL, "%s: NULL, or n or need out of range",
                            what);
    err = op_new_failing(self, &after, OP_FUTURE);
    if (err)
        return err;
    err = fill_join(self, after, tokens, n, need);
    if (err) {
        op_end(self, after); /* takes the marks off */
        return err;
    }
    next->id = after->token;
    return 0;
}

int cadre_join(cadre_self *self, cadre_token *next, const cadre_token *tokens,
               uint32_t n, uint32_t need)
{
    return join(self, "cadre_join", next, tokens, n, need ? need : n + 1);
}

int cadre_race(cadre_self *self, cadre_token *next, const cadre_token *tokens,
               uint32_t n)
{
    return join(self, "cadre_race", next, tokens, n, 0);
}

/* ---- within a step --------------------------------------------------------------- */

int cadre_pass_as(cadre_self *self, const cadre_type *type, const void *body)
{
    struct envelope *e;
    int err = self_check(self, "cadre_pass");
    if (err)
        return send_refuse(type, body, err);
    err = send_check(self->world, "cadre_pass", type, body);
    if (err)
        return err;
    if (!self->step || self->step->passed || self->step->followed)
        return world_misuse(self->world, send_refuse(type, body, -EPERM),
                            "cadre_pass: not in a step, or the second time");
    err = send_prepare(self, &e, LETTER_OUTCOME, type, body);
    if (err)
        return err;
    counter_add(&self->accepted, 1);
    self->step->passed = e;
    return 0;
}

/* Looked for from both ends: the shorter way decides. */
static bool waits_for(const struct op *op, const struct op *step)
{
    const struct op *before = op;
    for (const struct op *after = step; after; after = after->next) {
        if (after == op)
            return true;
        if (before->kind != OP_FUTURE || (!before->previous && !before->join))
            return before == step; /* nothing leads there */
        if (before->previous)
            before = before->previous;
    }
    return false;
}

int cadre_follow(cadre_self *self, cadre_token of)
{
    struct op *op;
    int err = self_check(self, "cadre_follow");
    if (err)
        return err;
    if (!self->step || self->step->passed || self->step->followed)
        return world_misuse(self->world, -EPERM,
                            "cadre_follow: not in a step, or the second time");
    err = find_free(self, &op, of);
    if (err)
        return err;
    struct op *next = self->step->of;
    if (next && waits_for(op, next))
        return world_misuse(self->world, -EINVAL,
                            "cadre_follow: this would wait for itself");
    self->step->followed = true;
    if (next) { /* at once, or somebody else could have it */
        op->next = next;
        next->previous = op;
    }
    if (self_cell(self)->extras->closed)
        cycle_list(self, self_cell(self)); /* it may wait for something else now */
    return 0;
}

/* ---- running them ---------------------------------------------------------------- */

/* What the step had is done with. */
static void finish(struct cadre_self *self, struct envelope *e, enum fate fate)
{
    const struct cell *cell = self_cell(self);
    if (fate == FATE_UNHANDLED)
        deadletter_record(self,
                          &(struct dead_letter){cell_address(cell), e->from, e->type,
                                                cell_class(cell)},
                          DEAD_UNHANDLED);
    else if (fate != FATE_STASHED)
        counter_add(&self->handled, 1);
    if (fate > FATE_UNHANDLED)
        return;
    body_drop(e->type, e->body);
    self_free(self, e);
}

static const cadre_failure *failure_in(const struct envelope *e)
{
    return e->type == &cadre_failure_type ? (const void *)e->body : NULL;
}

/* What the step left behind. Returns the outcome of `next`; NULL: there is none yet. */
static struct envelope *obey(struct cadre_self *self, const struct step *frame,
                             int result, int cause)
{
    struct op *next = frame->of; /* NULL: the step has cancelled it */
    if (result == 0 && next && frame->passed)
        return frame->passed;
    if (frame->passed)
        send_drop(self, frame->passed);
    if (result > 0 || !next)
        return NULL;
    if (result == 0 && frame->followed) /* cancelled since? Then the failure comes */
        return NULL;
    if (next->previous)
        next->previous->next = NULL;
    next->previous = NULL;
    counter_add(&self->accepted, 1);
    /* Or the step moved the message elsewhere. */
    return op_take_failure(self, next, result ? result : CADRE_EUNANSWERED, cause);
}

/* Runs a step for the outcome e of what had this token. Returns next's, or NULL. */
static struct envelope *run(struct cadre_self *self, struct op *next,
                            cadre_receive *step, uint64_t token, struct envelope *e,
                            int *result)
{
    struct step frame = {.of = next};
    int cause = failure_in(e) ? failure_in(e)->code : 0;
    cadre_msg m = {e->type, {e->from}, {token}, e->body};
    op_mark_outcome(self_cell(self), e, token);
    self->message = e;
    self->step = &frame;
    *result = step(self, self_cell(self)->state, &m);
    if (unlikely(self->forked))
        fork_end(self);
    fail_forget(self, 0);
    self->step = NULL;
    self->message = NULL;
    enum fate fate = self->fate;
    self->fate = FATE_HANDLED;
    const struct account *account = extras_account(self_cell(self));
    self->more =
        account && account->over_bytes; /* the next callback's end sees to it */
    if (*result == 0 && frame.of && !frame.passed && !frame.followed &&
        fate == FATE_HANDLED)
        return e;
    finish(self, e, fate);
    e = obey(self, &frame, *result, cause);
    if (*result < 0)
        *result = 0;
    return e;
}

/* One of several has its outcome. Returns that of all; NULL: not yet. */
static struct envelope *gather(struct cadre_self *self, struct op *op,
                               struct envelope *e)
{
    struct join *join = op->join;
    bool failed = failure_in(e);
    if (failed)
        join->failures++;
    else
        join->values++;
    bool over =
        join->need == 0 || join->values == join->need || op_join_has_failed(join);
    if (!over) {
        finish(self, e, FATE_HANDLED);
        return NULL;
    }
    op_abandon_rest(self, op);
    if (failed || join->need <= 1)
        return e;
    finish(self, e, FATE_HANDLED);
    e = op->message; /* of the same size or more */
    op->message = NULL;
    struct envelope_tail tail = *envelope_tail(e);
    e->type = &cadre_joined_type;
    e->from = self_address(self);
    memcpy(e->body, &(cadre_joined){join->values, join->failures},
           sizeof(cadre_joined));
    *envelope_tail(e) = tail;
    counter_add(&self->accepted, 1);
    return e;
}

/* Nobody waits for it. handled: though it is a failure, the last step has seen it, and
 * did not fail. */
static void drop(struct cadre_self *self, struct op *op, struct envelope *e,
                 bool handled)
{
    const struct cell *cell = self_cell(self);
    const cadre_failure *f = failure_in(e);
    if (f && !handled && f->code != -ECANCELED) {
        char who[ADDRESS_TEXT];
        log_line(&self->world->log, LOG_WARN,
                 "actor %s (%s): a chain failed and nobody handles it: %s%s%s (%d)",
                 address_text(who, cell_address(cell)), class_name(cell_class(cell)),
                 f->message ? f->message : "", f->message ? ": " : "",
                 cadre_strerror(f->code), f->code);
    }
    finish(self, e, FATE_HANDLED);
    op_end(self, op);
}

void chain_run(struct cadre_self *self, struct chain_outcome *o)
{
    bool handled = false;
    while (o->e && o->op->next) {
        struct op *op = o->op, *next = op->next;
        const struct envelope *had = o->e;
        cadre_receive *step = failure_in(o->e) ? op->otherwise : op->then;
        uint64_t token = op->token;
        op_context_begin(self, op);
        op_end(self, op);
        (void)after_receive(self, OP_FUTURE, NULL); /* it ends a silence */
        if (step)
            o->e = run(self, next, step, token, o->e, &o->result);
        handled = step && o->e == had;
        o->op = next;
        if (o->e && next->join)
            o->e = gather(self, next, o->e);
    }
    if (o->e && o->op->silent) {
        drop(self, o->op, o->e, handled);
        o->e = NULL;
    }
}
