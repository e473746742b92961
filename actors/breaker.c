/* breaker.c: fails fast while its target is ill.
 *
 * Each change of the state begins a new epoch, and each request that is passed on notes
 * the epoch that it belongs to: one of an earlier epoch says nothing about this one. */
#include <cadre/actors/breaker.h>

#include "body.h"
#include "pending.h"

#include <assert.h>
#include <errno.h>

CADRE_TYPE(cadre_breaker_ask);
CADRE_TYPE(cadre_breaker_status);

struct request {
    cadre_token token;
    cadre_promise promise;
    uint64_t epoch;
};

struct own {
    struct pending pending;
    uint64_t epoch, refused;
    cadre_time reopens; /* open: when it becomes half-open */
    uint32_t row, opened;
    int code;
    uint8_t state;
    bool probing;
};
static_assert(sizeof(struct own) <= sizeof((cadre_breaker *)NULL)->own, "own");

static struct own *own_of(cadre_breaker *me) { return (struct own *)(void *)me->own; }

static int breaker_start(cadre_self *self, void *state)
{
    cadre_breaker *me = state;
    if (!me->target.id || me->cooldown < 0 || me->timeout < 0)
        return -EINVAL;
    me->failures = me->failures ? me->failures : 5;
    me->successes = me->successes ? me->successes : 1;
    me->cooldown = me->cooldown ? me->cooldown : 10 * CADRE_SECOND;
    me->timeout = me->timeout ? me->timeout : 5 * CADRE_SECOND;
    return 0;
}

static void change(struct own *own, uint8_t state)
{
    own->state = state;
    own->epoch++;
    own->row = 0;
    own->probing = false;
}

static void begin_open(cadre_self *self, const cadre_breaker *me, struct own *own)
{
    cadre_time now = cadre_now(self);
    change(own, CADRE_BREAKER_OPEN);
    own->opened++;
    own->reopens = me->cooldown < CADRE_NEVER - now ? now + me->cooldown : CADRE_NEVER;
}

/* May a request pass? Time alone changes the state only when somebody looks. */
static bool lets_pass(cadre_self *self, struct own *own)
{
    if (own->state == CADRE_BREAKER_OPEN && cadre_now(self) >= own->reopens)
        change(own, CADRE_BREAKER_HALF_OPEN);
    return own->state == CADRE_BREAKER_CLOSED ||
           (own->state == CADRE_BREAKER_HALF_OPEN && !own->probing);
}

static void judge(cadre_self *self, const cadre_breaker *me, struct own *own, int code)
{
    static const int usual[] = {-ETIMEDOUT, CADRE_EDEAD, CADRE_EUNANSWERED, CADRE_EFULL,
                                0};
    bool failed = code && body_code_in(code, me->codes, 8, usual);
    bool probe = own->state == CADRE_BREAKER_HALF_OPEN;
    own->probing = false;
    if (failed)
        own->code = code;
    if (code == -ECANCELED)
        return;
    own->row = failed != probe ? own->row + 1 : 0;
    if (failed && (probe || own->row >= me->failures))
        begin_open(self, me, own);
    else if (probe && own->row >= me->successes)
        change(own, CADRE_BREAKER_CLOSED);
}

static int on_outcome(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_breaker *me = state;
    struct own *own = own_of(me);
    struct request r;
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (!pending_take(&own->pending, sizeof r, m->token, &r))
        return 0;
    if (r.epoch == own->epoch)
        judge(self, me, own, failure ? failure->code : 0);
    body_answer(self, r.promise, me->share, m);
    return 0;
}

static int refuse(cadre_self *self, struct own *own, const cadre_msg *m)
{
    own->refused++;
    (void)cadre_reply(self, m, cadre_failure, .code = -EHOSTDOWN, .cause = own->code,
                      .origin = cadre_me(self),
                      .message = "breaker: open, the target is ill");
    return 0;
}

static int pass_on(cadre_self *self, cadre_breaker *me, struct own *own, cadre_msg *m)
{
    struct request r = {.epoch = own->epoch};
    int err = pending_reserve(&own->pending, sizeof r, 1);
    if (!err)
        err = body_ask(self, &r.token, me->target, me->timeout, me->share, m->type,
                       m->body);
    if (err)
        return body_refuse(self, m, err, "breaker: the request could not be passed on");
    err = cadre_defer(self, m, &r.promise);
    if (err) {
        (void)cadre_cancel(self, r.token);
        return body_refuse(self, m, err, "breaker: the request could not be passed on");
    }
    (void)cadre_then(self, r.token, on_outcome);
    pending_add(&own->pending, sizeof r, &r);
    own->probing = own->state == CADRE_BREAKER_HALF_OPEN;
    return 0;
}

static int tell_status(cadre_self *self, struct own *own, const cadre_msg *m)
{
    (void)lets_pass(self, own);
    bool is_open = own->state == CADRE_BREAKER_OPEN;
    return cadre_reply(
        self, m, cadre_breaker_status, .state = own->state, .code = own->code,
        .row = own->row, .pending = own->pending.count, .refused = own->refused,
        .opened = own->opened, .left = is_open ? own->reopens - cadre_now(self) : 0);
}

static int breaker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_breaker *me = state;
    struct own *own = own_of(me);
    if (m->type == &cadre_breaker_ask_type) {
        (void)tell_status(self, own, m);
        return 0;
    }
    bool passes = lets_pass(self, own);
    if (m->token.id)
        return passes ? pass_on(self, me, own, m) : refuse(self, own, m);
    if (own->state != CADRE_BREAKER_CLOSED)
        return cadre_unhandled(self, m);
    (void)cadre_forward(self, me->target, m);
    return 0;
}

/* The promises end with their holder. */
static void breaker_stop(cadre_self *self, void *state, int reason)
{
    pending_free(&own_of(state)->pending);
}

const cadre_class cadre_breaker_class = {.name = "cadre_breaker",
                                         .state_size = sizeof(cadre_breaker),
                                         .start = breaker_start,
                                         .receive = breaker_receive,
                                         .stop = breaker_stop};
