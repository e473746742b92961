/* after.c: timers as messages.
 *
 * The message is made when the timer is set, so that what is set needs no memory to come.
 * A periodic one keeps the first as a pattern for copies.
 *
 * Silence is measured by a receive that stands before the actor's own: only actors that
 * have asked for it pay. */
#include "actor/after.h"

#include "actor/send.h"
#include "actor/usage.h"

#include <errno.h>

static int check(struct cadre_self *self, enum op_kind kind, const char *what,
                 cadre_time delay, const cadre_type *type, const void *body)
{
    int err = self_check(self, what);
    if (err)
        return send_refuse(type, body, err);
    err = send_check(self->world, what, type, body);
    if (err)
        return err;
    bool repeats = kind != OP_TIMER;
    if (delay < repeats || (repeats && type->drop))
        return world_misuse(self->world, send_refuse(type, body, -EINVAL),
                            "%s: negative or no delay, or a body that has an owner",
                            what);
    if (delay >= CADRE_NEVER - self_now(self))
        return send_refuse(type, body, -ERANGE);
    return 0;
}

/* Its alarm is not set yet. NULL: *err says why. */
static struct op *make(struct cadre_self *self, enum op_kind kind, const char *what,
                       cadre_time delay, const cadre_type *type, const void *body,
                       int *err)
{
    struct op *op = NULL;
    *err = check(self, kind, what, delay, type, body);
    if (*err)
        return NULL;
    *err = op_new(self, &op, kind);
    if (*err) {
        (void)send_refuse(type, body, 0);
        return NULL;
    }
    *err = send_prepare(self, &op->message, LETTER_OUTCOME, type, body);
    if (*err) {
        op_end(self, op);
        return NULL;
    }
    op->due = self_now(self) + delay;
    return op;
}

int cadre_after_as(cadre_self *self, cadre_token *token, cadre_time delay,
                   const cadre_type *type, const void *body)
{
    int err;
    struct op *op = make(self, OP_TIMER, "cadre_after", delay, type, body, &err);
    if (!op)
        return err;
    op_set_alarm(self, op, op->due);
    if (token)
        token->id = op->token;
    return 0;
}

int cadre_every_as(cadre_self *self, cadre_token *token, cadre_time period,
                   const cadre_type *type, const void *body)
{
    int err;
    struct op *op = make(self, OP_EVERY, "cadre_every", period, type, body, &err);
    if (!op)
        return err;
    op->period = period;
    op_set_alarm(self, op, op->due);
    if (token)
        token->id = op->token;
    return 0;
}

/* ---- silence --------------------------------------------------------------------- */

static void note(struct cadre_self *self, struct extras *extras)
{
    struct op *op = extras->idle;
    extras->last = self_now(self);
    if (op && load_relaxed(&op->alarm.state) == ALARM_OFF) /* the silence was over */
        op_set_alarm(self, op, extras->last + op->period);
}

/* Stands before the actor's receive while it wants to know. */
static int receive_and_note(cadre_self *self, void *state, cadre_msg *m)
{
    struct extras *extras = self_cell(self)->extras;
    note(self, extras);
    return extras->receive(self, state, m);
}

cadre_receive *after_receive_noted(struct cadre_self *self, enum op_kind kind,
                                   cadre_receive *then)
{
    struct extras *extras = self_cell(self)->extras;
    struct account *account = extras->account;
    if (extras->receive && kind != OP_IDLE)
        note(self, extras);
    if (!then)
        return extras->receive ? extras->receive : self_cell(self)->receive;
    if (!account)
        return then;
    account->then = then;
    return account->front;
}

int cadre_when_idle_as(cadre_self *self, cadre_token *token, cadre_time idle,
                       const cadre_type *type, const void *body)
{
    int err;
    struct op *op = make(self, OP_IDLE, "cadre_when_idle", idle, type, body, &err);
    if (!op)
        return err;
    struct cell *cell = self_cell(self);
    if (cell->extras->idle)
        op_abandon(self, cell->extras->idle);
    cell->extras->idle = op;
    cell->extras->last = self_now(self);
    if (cell->receive != receive_and_note) {
        cell->extras->receive = cell->receive;
        cell->receive = receive_and_note;
        cell->extras->fronted = true;
    }
    op->period = idle;
    op_set_alarm(self, op, op->due);
    if (token)
        token->id = op->token;
    return 0;
}

/* ---- its time has come ----------------------------------------------------------- */

/* A copy of the pattern; NULL: there is no memory for it. */
static struct envelope *copy(struct cadre_self *self, const struct op *op)
{
    struct envelope *e;
    uint32_t hidden;
    struct world *world = self->world;
    int err =
        send_prepare(self, &e, LETTER_OUTCOME, op->message->type, op->message->body);
    if (!err)
        return e;
    if (log_allows(&world->dead_log, self_now(self), &hidden))
        log_line(&world->log, LOG_WARN, "a periodic timer's message is left out: %s",
                 cadre_strerror(err));
    return NULL;
}

/* The next one on the grid. */
static void again(struct cadre_self *self, struct op *op)
{
    int64_t late = self_now(self) - op->due;
    int64_t step = (late / op->period + 1) * op->period;
    if (op->due > CADRE_NEVER - step)
        return; /* the end of time */
    op->due += step;
    op_set_alarm(self, op, op->due);
}

struct envelope *after_rang(struct cadre_self *self, struct op *op)
{
    if (op->kind == OP_EVERY) {
        struct envelope *e = copy(self, op);
        again(self, op);
        return e;
    }
    int64_t silent = self_now(self) - self_cell(self)->extras->last;
    if (silent >= op->period)
        return copy(self, op); /* and rests until the next message */
    op_set_alarm(self, op, self_now(self) + op->period - silent);
    return NULL;
}
