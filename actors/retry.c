/* retry.c: asks again, with growing delays, until there is an answer.
 *
 * A request that is under way is one record in a table, under the token of what is
 * pending for it: an attempt, or the timer before the next. */
#include <cadre/actors/retry.h>

#include "body.h"
#include "pending.h"

#include <cadre/timer.h>

#include <assert.h>
#include <errno.h>

struct request {
    cadre_token token;
    cadre_promise promise;
    cadre_time deadline;
    const cadre_type *type;
    cadre_buf *body;
    uint32_t attempts; /* that were begun */
    int code;          /* of the last failure */
};

static const cadre_type retry_again_type = {.name = "retry_again"};

static_assert(sizeof(struct pending) <= sizeof((cadre_retry *)NULL)->own, "own");

static struct pending *pending_of(cadre_retry *me)
{
    return (struct pending *)(void *)me->own;
}

static int on_outcome(cadre_self *self, void *state, cadre_msg *m);

static int retry_start(cadre_self *self, void *state)
{
    cadre_retry *me = state;
    if (!me->target.id || me->timeout < 0 || me->delay < 0 || me->delay_max < 0 ||
        me->deadline < 0)
        return -EINVAL;
    me->attempts = me->attempts ? me->attempts : 5;
    me->timeout = me->timeout ? me->timeout : CADRE_SECOND;
    me->delay = me->delay ? me->delay : 100 * CADRE_MS;
    me->delay_max = me->delay_max ? me->delay_max : 10 * CADRE_SECOND;
    me->deadline = me->deadline ? me->deadline : 30 * CADRE_SECOND;
    return 0;
}

/* One attempt. Errors: cadre_ask_as()'s, body_lend()'s, -ETIMEDOUT: it is too late. */
static int try(cadre_self *self, cadre_retry *me, struct request *r)
{
    cadre_time left = r->deadline, timeout = me->timeout;
    if (left != CADRE_NEVER)
        left -= cadre_now(self);
    if (left <= 0)
        return -ETIMEDOUT;
    int err = pending_reserve(pending_of(me), sizeof *r, 1);
    if (!err)
        err = body_ask(self, &r->token, me->target, left < timeout ? left : timeout,
                       me->share, r->type, cadre_buf_data(r->body));
    if (err)
        return err;
    (void)cadre_then(self, r->token, on_outcome);
    r->attempts++;
    pending_add(pending_of(me), sizeof *r, r);
    return 0;
}

static void give_up(cadre_self *self, struct request *r, int code)
{
    body_fail(self, r->promise,
              &(cadre_failure){.code = code,
                               .cause = r->code,
                               .origin = cadre_me(self),
                               .message = "retry: no further attempt"});
    body_drop(r->body, r->type);
}

static int begin(cadre_self *self, cadre_retry *me, cadre_msg *m)
{
    struct request r = {.type = m->type, .deadline = cadre_deadline(self)};
    cadre_time now = cadre_now(self);
    if (me->deadline < CADRE_NEVER - now && now + me->deadline < r.deadline)
        r.deadline = now + me->deadline;
    int err = body_keep(&r.body, me->share, m->type, m->body);
    if (err)
        return body_refuse(self, m, err, "retry: the request could not be kept");
    err = cadre_defer(self, m, &r.promise);
    if (err) {
        body_drop(r.body, r.type);
        return body_refuse(self, m, err, "retry: the request could not be kept");
    }
    err = try(self, me, &r);
    if (err)
        give_up(self, &r, err);
    return 0;
}

/* Anything from 0 to what the next delay may be. */
static cadre_time draw_delay(cadre_self *self, const cadre_retry *me, uint32_t attempts)
{
    cadre_time most = me->delay;
    for (uint32_t i = 1; i < attempts && most < me->delay_max; i++)
        most = most > me->delay_max / 2 ? me->delay_max : 2 * most;
    if (most > me->delay_max)
        most = me->delay_max;
    return (cadre_time)(cadre_random(self) % ((uint64_t)most + 1));
}

/* After a failure. False: that is the answer. */
static bool try_later(cadre_self *self, cadre_retry *me, struct request *r)
{
    static const int usual[] = {-ETIMEDOUT, CADRE_EDEAD, 0};
    if (!body_code_in(r->code, me->codes, 8, usual) || r->attempts >= me->attempts ||
        !cadre_is_awaited(self, r->promise))
        return false;
    cadre_time delay = draw_delay(self, me, r->attempts);
    if (delay >= r->deadline - cadre_now(self) ||
        pending_reserve(pending_of(me), sizeof *r, 1) ||
        cadre_after_as(self, &r->token, delay, &retry_again_type, NULL))
        return false;
    pending_add(pending_of(me), sizeof *r, r);
    return true;
}

static int on_outcome(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_retry *me = state;
    struct request r;
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (!pending_take(pending_of(me), sizeof r, m->token, &r))
        return 0;
    r.code = failure ? failure->code : 0;
    if (failure && try_later(self, me, &r))
        return 0;
    body_answer(self, r.promise, me->share, m);
    body_drop(r.body, r.type);
    return 0;
}

static int on_again(cadre_self *self, cadre_retry *me, const cadre_msg *m)
{
    struct request r;
    if (!pending_take(pending_of(me), sizeof r, m->token, &r))
        return 0;
    int err = cadre_is_awaited(self, r.promise) ? try(self, me, &r) : -ECANCELED;
    if (err)
        give_up(self, &r, err);
    return 0;
}

static int retry_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_retry *me = state;
    if (m->type == &retry_again_type)
        return on_again(self, me, m);
    if (m->token.id)
        return begin(self, me, m);
    (void)cadre_forward(self, me->target, m);
    return 0;
}

/* The promises end with their holder. */
static void retry_stop(cadre_self *self, void *state, int reason)
{
    struct pending *pending = pending_of(state);
    struct request r;
    while (pending_take_any(pending, sizeof r, &r))
        body_drop(r.body, r.type);
    pending_free(pending);
}

const cadre_class cadre_retry_class = {.name = "cadre_retry",
                                       .state_size = sizeof(cadre_retry),
                                       .start = retry_start,
                                       .receive = retry_receive,
                                       .stop = retry_stop};
