/* shedder.c: refuses what would wait too long, so that the rest need not wait.
 *
 * What finds a free place is passed on as it comes, for its own sake: its deadline and
 * its cancelling reach the target. What waits is passed on later, and must not be done
 * for the sake of the one whose outcome made the place free. So that outcome only sends
 * a message to this actor, which is for nobody's sake; should it be lost for want of
 * memory, the timer does it, which runs while anything waits. */
#include <cadre/actors/shedder.h>

#include "body.h"
#include "nudge.h"
#include "pending.h"
#include "ring.h"

#include <cadre/timer.h>

#include <assert.h>
#include <errno.h>

CADRE_TYPE(cadre_shedder_ask);
CADRE_TYPE(cadre_shedder_status);

static const cadre_type shedder_tick_type = {.name = "shedder_tick"};

enum { LEVELS = CADRE_SHEDDER_LEVELS };
#define OVERLOADED "shedder: the target is overloaded"
#define TOO_LATE "shedder: it would be too late"
#define TOO_MANY "shedder: too many wait"
#define CANNOT "shedder: the request could not be passed on"

struct waiter {
    struct ring ring;
    cadre_buf *buf; /* that this is in */
    cadre_buf *body;
    const cadre_type *type;
    cadre_promise promise;
    cadre_time came, deadline;
    uint32_t level;
};

struct ask {
    cadre_token token;
    cadre_promise promise;
    cadre_time began;
};

struct own {
    struct pending pending;
    struct ring levels[LEVELS]; /* of waiters, the oldest first */
    uint32_t count[LEVELS], waiting;
    struct nudge nudge;
    bool sheds;
    bool saturated; /* the target has had no rest since the last outcome */
    cadre_token ticks;
    cadre_time above;    /* since when the oldest has been too old; CADRE_NEVER: not */
    cadre_time watchful; /* until then it sheds again at once */
    cadre_time takes, pace, last_outcome;
    uint64_t passed, refused, dropped;
};
static_assert(sizeof(struct own) <= sizeof((cadre_shedder *)NULL)->own, "own");

static struct own *own_of(cadre_shedder *me) { return (struct own *)(void *)me->own; }

static int shedder_start(cadre_self *self, void *state)
{
    cadre_shedder *me = state;
    struct own *own = own_of(me);
    if (!me->target.id || me->delay < 0 || me->interval < 0 || me->timeout < 0)
        return -EINVAL;
    me->concurrency = me->concurrency ? me->concurrency : 1;
    me->waiting = me->waiting ? me->waiting : 1024;
    me->delay = me->delay ? me->delay : 5 * CADRE_MS;
    me->interval = me->interval ? me->interval : 100 * CADRE_MS;
    me->timeout = me->timeout ? me->timeout : 5 * CADRE_SECOND;
    own->above = CADRE_NEVER;
    for (uint32_t level = 0; level < LEVELS; level++)
        ring_init(&own->levels[level]);
    return nudge_init(&own->nudge);
}

/* ---- what waits ------------------------------------------------------------------ */

/* NULL: none of this level waits. */
static struct waiter *first_of(const struct own *own, uint32_t level)
{
    struct ring *ring = own->levels[level].next;
    return own->count[level] > 0 ? RING_OF(ring, struct waiter, ring) : NULL;
}

static const struct waiter *oldest(const struct own *own)
{
    const struct waiter *old = NULL;
    for (uint32_t level = 0; level < LEVELS; level++) {
        const struct waiter *w = first_of(own, level);
        if (w && (!old || w->came < old->came))
            old = w;
    }
    return old;
}

static struct waiter *most_important(const struct own *own)
{
    for (uint32_t level = LEVELS; level-- > 0;)
        if (own->count[level] > 0)
            return first_of(own, level);
    return NULL;
}

/* The youngest of the least important. There is one. */
static struct waiter *least_important(const struct own *own)
{
    uint32_t level = 0;
    while (own->count[level] == 0)
        level++;
    return RING_OF(own->levels[level].prev, struct waiter, ring);
}

static void take_out(struct own *own, struct waiter *w)
{
    ring_remove(&w->ring);
    own->count[w->level]--;
    own->waiting--;
}

/* Its body is dropped, or has been taken out. */
static void forget(struct own *own, struct waiter *w)
{
    take_out(own, w);
    body_drop(w->body, w->type);
    cadre_buf_unref(w->buf);
}

/* Its outcome is a failure, if anybody still wants one. */
static void refuse_waiter(cadre_self *self, struct own *own, struct waiter *w, int code,
                          int cause, const char *text)
{
    cadre_failure failure = {code, cause, cadre_me(self), text};
    if (cadre_is_awaited(self, w->promise)) {
        own->refused++;
        body_fail(self, w->promise, &failure);
    } else {
        own->dropped++;
    }
    forget(own, w);
}

static bool has_place(const cadre_shedder *me, const struct own *own)
{
    return own->pending.count < me->concurrency;
}

/* ---- is there too much to do? ---------------------------------------------------- */

static void look(cadre_self *self, const cadre_shedder *me, struct own *own)
{
    const struct waiter *w = oldest(own);
    cadre_time now = cadre_now(self);
    if (!w || now - w->came <= me->delay)
        own->above = CADRE_NEVER;
    else if (own->above == CADRE_NEVER)
        own->above = w->came + me->delay;
    if (own->above != CADRE_NEVER &&
        (now - own->above >= me->interval || now < own->watchful))
        own->sheds = true;
    if (own->sheds && !w && has_place(me, own)) {
        own->sheds = false;
        own->watchful =
            me->interval < CADRE_NEVER - now ? now + me->interval : CADRE_NEVER;
    }
}

/* Afterwards nobody waits who has waited too long. */
static void shed(cadre_self *self, const cadre_shedder *me, struct own *own)
{
    cadre_time now = cadre_now(self);
    look(self, me, own);
    for (uint32_t level = 0; own->sheds && level < LEVELS; level++) {
        struct waiter *w = first_of(own, level);
        for (; w && now - w->came > me->delay; w = first_of(own, level))
            refuse_waiter(self, own, w, CADRE_EFULL, 0, OVERLOADED);
    }
    look(self, me, own);
}

/* The mean of late: an eighth of it is the last one. */
static void learn(cadre_time *mean, cadre_time last)
{
    *mean = *mean ? *mean + (last - *mean) / 8 : last;
}

/* How many go before a new one of this level. */
static uint32_t ahead_of(const struct own *own, uint32_t level)
{
    uint32_t ahead = 0;
    for (uint32_t i = level; i < LEVELS; i++)
        ahead += own->count[i];
    return ahead;
}

/* How long they are going to take, at least; 0: no idea. */
static cadre_time wait_for(const struct own *own, uint32_t ahead)
{
    bool too_long = ahead > 0 && own->pace > CADRE_NEVER / ahead;
    return too_long ? CADRE_NEVER : own->pace * ahead;
}

/* Would its answer come too late, after that wait? Whoever need not wait is not asked
 * that, and shows how long the target takes now. */
static bool is_too_late(cadre_self *self, const struct own *own, cadre_time deadline,
                        cadre_time wait)
{
    return deadline != CADRE_NEVER && deadline - cadre_now(self) - own->takes < wait;
}

/* ---- the target ------------------------------------------------------------------ */

static int on_outcome(cadre_self *self, void *state, cadre_msg *m);

/* There is room for it. */
static void expect(cadre_self *self, struct own *own, struct ask *ask)
{
    (void)cadre_then(self, ask->token, on_outcome);
    ask->began = cadre_now(self);
    pending_add(&own->pending, sizeof *ask, ask);
    own->passed++;
}

static int refuse(cadre_self *self, struct own *own, const cadre_msg *m, int code,
                  int cause, const char *text)
{
    own->refused++;
    (void)cadre_reply(self, m, cadre_failure, code, cause, cadre_me(self), text);
    return 0;
}

static int pass_on(cadre_self *self, cadre_shedder *me, struct own *own, cadre_msg *m)
{
    struct ask ask = {.began = 0};
    int err = pending_reserve(&own->pending, sizeof ask, 1);
    if (!err)
        err = body_ask(self, &ask.token, me->target, me->timeout, me->share, m->type,
                       m->body);
    if (err)
        return refuse(self, own, m, err, 0, CANNOT);
    err = cadre_defer(self, m, &ask.promise);
    if (err) {
        (void)cadre_cancel(self, ask.token);
        return refuse(self, own, m, err, 0, CANNOT);
    }
    expect(self, own, &ask);
    return 0;
}

/* For nobody's sake, and its deadline is not past. */
static void pass_waiter(cadre_self *self, const cadre_shedder *me, struct own *own,
                        struct waiter *w)
{
    struct ask ask = {.promise = w->promise};
    cadre_time timeout = me->timeout;
    if (w->deadline != CADRE_NEVER && w->deadline - cadre_now(self) < timeout)
        timeout = w->deadline - cadre_now(self);
    int err = pending_reserve(&own->pending, sizeof ask, 1);
    if (!err) {
        cadre_buf *body = cadre_buf_move(&w->body); /* what it owns goes along */
        err = cadre_ask_as(self, &ask.token, me->target, timeout, w->type,
                           cadre_buf_data(body));
        cadre_buf_unref(body);
    }
    if (err) {
        refuse_waiter(self, own, w, err, 0, CANNOT);
        return;
    }
    forget(own, w);
    expect(self, own, &ask);
}

static int on_next(cadre_self *self, cadre_shedder *me)
{
    struct own *own = own_of(me);
    while (has_place(me, own)) {
        shed(self, me, own);
        struct waiter *w = most_important(own);
        if (!w) {
            own->saturated = false;
            return 0;
        }
        if (!cadre_is_awaited(self, w->promise))
            refuse_waiter(self, own, w, 0, 0, NULL);
        else if (is_too_late(self, own, w->deadline, 0))
            refuse_waiter(self, own, w, CADRE_EFULL, -ETIMEDOUT, TOO_LATE);
        else
            pass_waiter(self, me, own, w);
    }
    return 0;
}

/* Later, if there is something to do and a place for it. */
static void do_next(cadre_self *self, const cadre_shedder *me, struct own *own)
{
    look(self, me, own);
    if (own->waiting > 0 && has_place(me, own))
        (void)nudge_send(self, &own->nudge);
}

static int on_outcome(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_shedder *me = state;
    struct own *own = own_of(me);
    struct ask ask;
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    cadre_time now = cadre_now(self);
    if (!pending_take(&own->pending, sizeof ask, m->token, &ask))
        return 0;
    if (!failure || failure->code != -ECANCELED) {
        learn(&own->takes, now - ask.began);
        if (own->saturated)
            learn(&own->pace, now - own->last_outcome);
    }
    own->saturated = own->waiting > 0;
    own->last_outcome = now;
    body_answer(self, ask.promise, me->share, m);
    do_next(self, me, own);
    return 0;
}

/* ---- requests -------------------------------------------------------------------- */

static int on_tick(cadre_self *self, cadre_shedder *me)
{
    struct own *own = own_of(me);
    shed(self, me, own);
    do_next(self, me, own);
    if (own->waiting == 0) {
        (void)cadre_cancel(self, own->ticks);
        own->ticks.id = 0;
    }
    return 0;
}

static int start_ticks(cadre_self *self, const cadre_shedder *me, struct own *own)
{
    cadre_time period = me->delay > CADRE_SECOND ? CADRE_SECOND
                        : me->delay > CADRE_MS   ? me->delay
                                                 : CADRE_MS;
    if (own->ticks.id)
        return 0;
    return cadre_every_as(self, &own->ticks, period, &shedder_tick_type, NULL);
}

static int make_wait(cadre_self *self, const cadre_shedder *me, struct own *own,
                     const cadre_msg *m, uint32_t level)
{
    cadre_buf *buf = cadre_buf_new(NULL, sizeof(struct waiter));
    if (!buf)
        return -ENOMEM;
    struct waiter *w = (struct waiter *)(void *)cadre_buf_data(buf);
    *w = (struct waiter){.buf = buf,
                         .type = m->type,
                         .came = cadre_now(self),
                         .deadline = cadre_deadline(self),
                         .level = level};
    int err = start_ticks(self, me, own);
    if (!err)
        err = body_keep(&w->body, me->share, m->type, m->body);
    if (!err && (err = cadre_defer(self, m, &w->promise)))
        body_drop(w->body, w->type);
    if (err) {
        cadre_buf_unref(buf);
        return err;
    }
    ring_add(&own->levels[level], &w->ring);
    own->count[level]++;
    own->waiting++;
    return 0;
}

static uint32_t level_of(const cadre_shedder *me, const cadre_msg *m)
{
    uint32_t level = me->importance ? me->importance(m->type, m->body) : 0;
    return level < LEVELS ? level : LEVELS - 1;
}

/* It cannot be passed on at once. */
static int let_wait(cadre_self *self, cadre_shedder *me, struct own *own, cadre_msg *m)
{
    uint32_t level = level_of(me, m), ahead = ahead_of(own, level);
    cadre_time wait = wait_for(own, ahead);
    if (is_too_late(self, own, cadre_deadline(self), wait))
        return refuse(self, own, m, CADRE_EFULL, -ETIMEDOUT, TOO_LATE);
    if (own->sheds && ahead >= me->concurrency && wait > me->delay)
        return refuse(self, own, m, CADRE_EFULL, 0, OVERLOADED);
    if (own->waiting >= me->waiting) {
        struct waiter *w = least_important(own);
        if (w->level >= level)
            return refuse(self, own, m, CADRE_EFULL, 0, TOO_MANY);
        refuse_waiter(self, own, w, CADRE_EFULL, 0, TOO_MANY);
    }
    int err = make_wait(self, me, own, m, level);
    return err ? refuse(self, own, m, err, 0, CANNOT) : 0;
}

static int on_request(cadre_self *self, cadre_shedder *me, cadre_msg *m)
{
    struct own *own = own_of(me);
    shed(self, me, own);
    if (own->waiting == 0 && has_place(me, own))
        return pass_on(self, me, own, m);
    (void)let_wait(self, me, own, m);
    do_next(self, me, own);
    return 0;
}

static int tell_status(cadre_self *self, cadre_shedder *me, const cadre_msg *m)
{
    struct own *own = own_of(me);
    shed(self, me, own);
    const struct waiter *w = oldest(own);
    (void)cadre_reply(self, m, cadre_shedder_status, .sheds = own->sheds,
                      .waiting = own->waiting, .pending = own->pending.count,
                      .passed = own->passed, .refused = own->refused,
                      .dropped = own->dropped, .age = w ? cadre_now(self) - w->came : 0,
                      .takes = own->takes);
    return 0;
}

static int shedder_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_shedder *me = state;
    if (m->type == &nudge_type) {
        nudge_came(m);
        return on_next(self, me);
    }
    if (m->type == &shedder_tick_type)
        return on_tick(self, me);
    if (m->type == &cadre_shedder_ask_type)
        return tell_status(self, me, m);
    if (m->token.id)
        return on_request(self, me, m);
    if (own_of(me)->sheds)
        return cadre_unhandled(self, m);
    (void)cadre_forward(self, me->target, m);
    return 0;
}

/* The promises end with their holder. */
static void shedder_stop(cadre_self *self, void *state, int reason)
{
    struct own *own = own_of(state);
    while (own->waiting > 0)
        forget(own, least_important(own));
    pending_free(&own->pending);
    nudge_fini(&own->nudge);
}

const cadre_class cadre_shedder_class = {.name = "cadre_shedder",
                                         .state_size = sizeof(cadre_shedder),
                                         .start = shedder_start,
                                         .receive = shedder_receive,
                                         .stop = shedder_stop};
