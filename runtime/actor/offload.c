/* offload.c: a blocking call whose result is a message.
 *
 * The call has memory of its own, which a thread of the pool works with; the operation is
 * the actor's alone. When the call is over its letter goes to the actor's cell, whoever
 * is in there then; the token says whether somebody waits for it. */
#include "actor/offload.h"

#include "actor/send.h"
#include "base/panic.h"

#include <cadre/offload.h>

#include <errno.h>

struct offload {
    struct letter letter; /* LETTER_OFFLOAD */
    struct blocking_job job;
    struct world *world;
    struct cell *cell;
    struct blocking *pool;
    uint64_t token;
    cadre_work *work;
    struct envelope *message; /* with the body that the call works on */
    int result;               /* the thread's, until the letter is sent */
};

/* On a thread of the pool. */
static void run(struct blocking_job *job)
{
    struct offload *call = container_of(job, struct offload, job);
    call->result = call->work(call->message->body);
    send_letter(call->world, NULL, call->cell, &call->letter);
}

/* When the pool is stopped no actor is left; the letter only brings the memory back. */
static void drop(struct blocking_job *job)
{
    struct offload *call = container_of(job, struct offload, job);
    send_letter(call->world, NULL, call->cell, &call->letter);
}

/* With a message that it can work on. */
static int make(struct cadre_self *self, struct offload **result,
                const cadre_type *type, const void *body)
{
    void *p;
    int err = pool_get(&self->pool, &p, sizeof **result);
    if (err)
        return send_refuse(type, body, err);
    struct offload *call = *result = p;
    struct cell *cell = self_cell(self);
    *call = (struct offload){.world = self->world, .cell = cell};
    plain_write(&call->letter.to,
                address_letter(cell_address(cell)) | (uint32_t)LETTER_OFFLOAD);
    err = send_prepare(self, &call->message, LETTER_OUTCOME, type, body);
    if (err)
        pool_put(&self->pool, call, sizeof *call);
    return err;
}

static void release(struct cadre_self *self, struct offload *call, bool with_message)
{
    struct envelope *e = call->message;
    if (with_message) {
        body_drop(e->type, e->body);
        self_free(self, e);
    }
    pool_put(&self->pool, call, sizeof *call);
}

static void count_over(struct cadre_self *self)
{
    self_count_over(self);
    counter_add(&self->duties_over, 1);
}

/* Nobody waits for it any more. False: it has begun, and its letter will come. */
static bool withdraw(struct cadre_self *self, void *outside)
{
    struct offload *call = outside;
    if (!blocking_cancel(call->pool, &call->job))
        return false;
    count_over(self);
    release(self, call, true);
    return true;
}

/* Into the pool, as an operation. */
static int submit(struct cadre_self *self, struct op **result, struct offload *call,
                  struct blocking *pool, cadre_work *work)
{
    struct op *op;
    int err = op_new_failing(self, &op, OP_OFFLOAD);
    if (err)
        return err;
    call->pool = pool;
    call->work = work;
    call->token = op->token;
    blocking_job_init(&call->job, run, self_address(self));
    err = blocking_submit(pool, &call->job);
    if (err) {
        op_end(self, op);
        return err;
    }
    op->withdraw = withdraw;
    op->outside = call; /* it may be over already: only its letter tells */
    counter_add(&self->worker->alarms.set, 1);
    counter_add(&self->duties, 1);
    *result = op;
    return 0;
}

int cadre_offload_as(cadre_self *self, cadre_token *token, cadre_pool pool,
                     cadre_time timeout, cadre_work *work, const cadre_type *type,
                     const void *body)
{
    struct op *op;
    struct offload *call = NULL;
    int err = self_check_outer(self, "cadre_offload");
    if (err)
        return send_refuse(type, body, err);
    err = send_check(self->world, "cadre_offload", type, body);
    if (err)
        return err;
    if (timeout <= 0 || !work || (unsigned)pool >= CADRE_POOLS)
        return world_misuse(
            self->world, send_refuse(type, body, -EINVAL),
            "cadre_offload: no such pool, work is NULL, or timeout <= 0");
    err = make(self, &call, type, body);
    if (err)
        return err;
    invariant(call); /* else the analyzer doubts it */
    err = submit(self, &op, call, &self->world->blocking[pool], work);
    if (err) {
        release(self, call, true);
        return err;
    }
    int64_t due = op_due(self, timeout);
    if (due != CADRE_NEVER)
        op_set_alarm(self, op, due);
    if (token)
        token->id = op->token;
    return 0;
}

uint64_t offload_token(const struct letter *letter)
{
    return ((const struct offload *)(const void *)letter)->token; /* it is in front */
}

struct op *offload_came(struct cadre_self *self, struct letter *letter,
                        struct envelope **result)
{
    struct offload *call = container_of(letter, struct offload, letter);
    struct op *op = op_find(self_cell(self), call->token);
    bool succeeded = op && call->result == 0;
    count_over(self);
    *result = succeeded ? call->message : NULL;
    if (op) {
        op->outside = NULL;
        op->code = call->result > 0 ? -EINVAL : call->result;
    }
    release(self, call, !succeeded);
    return op;
}

/* ---- the pools ------------------------------------------------------------------- */

int offload_init(struct world *world, uint32_t threads, uint32_t waiting,
                 bool has_sigstacks)
{
    static const char *const names[CADRE_POOLS] = {"cadre-user", "cadre-files",
                                                   "cadre-names", "cadre-data"};
    for (int i = 0; i < CADRE_POOLS; i++) {
        struct blocking_limits limits = {.name = names[i],
                                         .threads_max = threads,
                                         .waiting_max = waiting,
                                         .has_sigstacks = has_sigstacks};
        int err = blocking_init(&world->blocking[i], &world->heap, &limits);
        while (err && i-- > 0) {
            blocking_stop(&world->blocking[i], drop);
            blocking_fini(&world->blocking[i]);
        }
        if (err)
            return err;
    }
    return 0;
}

void offload_stop(struct world *world)
{
    for (int i = 0; i < CADRE_POOLS; i++)
        blocking_stop(&world->blocking[i], drop);
}

void offload_fini(struct world *world)
{
    for (int i = 0; i < CADRE_POOLS; i++)
        blocking_fini(&world->blocking[i]);
}

uint32_t offload_waiting(struct world *world)
{
    uint32_t waiting = 0;
    for (int i = 0; i < CADRE_POOLS; i++)
        waiting += blocking_waiting(&world->blocking[i]);
    return waiting;
}

bool offload_step(struct world *world, uint32_t nth)
{
    for (int i = 0; i < CADRE_POOLS; i++) {
        uint32_t waiting = blocking_waiting(&world->blocking[i]);
        if (nth < waiting)
            return blocking_step(&world->blocking[i], nth);
        nth -= waiting;
    }
    return false;
}
