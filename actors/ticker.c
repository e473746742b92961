/* ticker.c: a message at given times, to whoever wants it.
 *
 * A subscriber is a promise that is never kept: as long as it is awaited, somebody wants
 * the ticks. The timer runs only while there are subscribers. */
#include <cadre/actors/ticker.h>

#include "body.h"
#include "cron.h"
#include "rows.h"

#include <cadre/system.h>
#include <cadre/timer.h>

#include <assert.h>
#include <errno.h>

CADRE_TYPE(cadre_ticker_subscribe);
CADRE_TYPE(cadre_tick);

static const cadre_type ticker_alarm_type = {.name = "ticker_alarm"};
#define LOOK_AGAIN (60 * CADRE_SECOND) /* at a wall clock, which may have been set */

struct subscriber {
    cadre_ref who;
    cadre_promise promise;
    cadre_time deadline;
};

struct own {
    struct rows subscribers;
    bool running;
    uint64_t number;
    cadre_time due;    /* the next tick */
    cadre_token timer; /* of a period */
};
static_assert(sizeof(struct own) <= sizeof((cadre_ticker *)NULL)->own, "own");

static struct own *own_of(cadre_ticker *me) { return (struct own *)(void *)me->own; }

/* ---- expressions ---- */

static int parse(struct cron *cron, const char *text, const char **field)
{
    const char *wrong = "number of fields";
    int err = text ? cron_parse(cron, text, &wrong) : -EINVAL;
    if (err && field)
        *field = wrong;
    return err;
}

int cadre_ticker_check(const char *text, const char **field)
{
    struct cron cron;
    return parse(&cron, text, field);
}

/* Whole seconds have ticks; the fraction of a time before 1970 does not matter. */
static cadre_time next(const struct cron *cron, cadre_time after)
{
    int64_t s = cron_next(cron, after < 0 ? -1 : after / CADRE_SECOND);
    return s < 0 || s > CADRE_NEVER / CADRE_SECOND ? CADRE_NEVER : s * CADRE_SECOND;
}

cadre_time cadre_ticker_next(const char *text, cadre_time after)
{
    struct cron cron;
    return parse(&cron, text, NULL) ? CADRE_NEVER : next(&cron, after);
}

/* ---- when ---- */

static cadre_time wall(cadre_self *self, const cadre_ticker *me)
{
    return me->wall ? me->wall(me->wall_user) : cadre_now(self);
}

static bool is_simulated(cadre_self *self)
{
    cadre_counters c;
    return cadre_stats(cadre_system_of(self), &c) == 0 && c.simulated;
}

static int ticker_start(cadre_self *self, void *state)
{
    cadre_ticker *me = state;
    bool has_cron = me->cron[0] != '\0';
    me->cron[sizeof me->cron - 1] = '\0';
    if (me->period < 0 || has_cron == (me->period > 0))
        return -EINVAL;
    if (me->type && (me->type->drop || (me->type->size > 0 && !me->body)))
        return -EINVAL;
    if (has_cron && !me->wall && !is_simulated(self))
        return -EINVAL;
    return has_cron ? cadre_ticker_check(me->cron, NULL) : 0;
}

/* Waits for the tick that is due, or looks at the clock again before that. */
static int wait_for_due(cadre_self *self, const cadre_ticker *me, struct own *own)
{
    cadre_time delay = own->due - wall(self, me);
    if (delay < 0)
        delay = 0;
    if (me->wall && delay > LOOK_AGAIN)
        delay = LOOK_AGAIN;
    return cadre_after_as(self, NULL, delay, &ticker_alarm_type, NULL);
}

static int run(cadre_self *self, const cadre_ticker *me, struct own *own)
{
    int err;
    if (me->period > 0) {
        own->due = cadre_now(self) + me->period;
        err = cadre_every_as(self, &own->timer, me->period, &ticker_alarm_type, NULL);
    } else {
        cadre_time from = wall(self, me);
        own->due = cadre_ticker_next(me->cron, from > own->due ? from : own->due);
        err = wait_for_due(self, me, own);
    }
    own->running = err == 0;
    return err;
}

/* ---- to whom ---- */

static struct subscriber *subscriber_at(const struct own *own, uint32_t i)
{
    return rows_at(&own->subscribers, sizeof(struct subscriber), i);
}

static int subscribe(cadre_self *self, cadre_ticker *me, const cadre_msg *m)
{
    struct own *own = own_of(me);
    struct subscriber s = {.who = m->from, .deadline = cadre_deadline(self)};
    int err = m->from.id ? rows_reserve(&own->subscribers, sizeof s) : -EINVAL;
    if (!err && !own->running)
        err = run(self, me, own);
    if (!err)
        err = cadre_defer(self, m, &s.promise);
    if (err)
        return body_refuse(self, m, err,
                           m->from.id ? "ticker: no memory for a subscriber"
                                      : "ticker: only actors can subscribe");
    rows_append(&own->subscribers, sizeof s, &s);
    return 0;
}

/* A request whose time has passed does not end by itself. */
static bool is_over(cadre_self *self, const struct subscriber *s)
{
    if (s->deadline < cadre_now(self))
        body_fail(self, s->promise, &(cadre_failure){.code = -ETIMEDOUT});
    return !cadre_is_awaited(self, s->promise);
}

static void forget_gone(cadre_self *self, struct own *own)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < own->subscribers.count; i++) {
        struct subscriber s = *subscriber_at(own, i);
        if (!is_over(self, &s))
            *subscriber_at(own, kept++) = s;
    }
    own->subscribers.count = kept;
}

static void tick(cadre_self *self, const cadre_ticker *me, struct own *own)
{
    cadre_tick tick = {.number = own->number + 1, .time = own->due};
    const cadre_type *type = me->type ? me->type : &cadre_tick_type;
    if (own->subscribers.count > 0)
        own->number++;
    for (uint32_t i = 0; i < own->subscribers.count; i++)
        (void)cadre_send_as(self, subscriber_at(own, i)->who, type,
                            me->type ? me->body : &tick);
}

/* ---- it is time, or may be ---- */

static void rest(cadre_self *self, struct own *own)
{
    own->running = false;
    if (own->timer.id)
        (void)cadre_cancel(self, own->timer);
    own->timer = (cadre_token){0};
}

static int on_alarm(cadre_self *self, cadre_ticker *me)
{
    struct own *own = own_of(me);
    forget_gone(self, own);
    if (me->period > 0) {
        cadre_time late = cadre_now(self) - own->due;
        own->due += late > 0 ? late / me->period * me->period : 0;
        tick(self, me, own);
        own->due += me->period;
    } else {
        cadre_time now = wall(self, me);
        bool is_due = now >= own->due;
        if (is_due)
            tick(self, me, own);
        if (is_due && own->subscribers.count > 0)
            own->due = cadre_ticker_next(me->cron, now);
    }
    if (own->subscribers.count == 0)
        rest(self, own);
    else if (me->period == 0)
        return wait_for_due(self, me, own);
    return 0;
}

static int ticker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (m->type == &ticker_alarm_type)
        return on_alarm(self, state);
    if (m->type == &cadre_ticker_subscribe_type && m->token.id)
        return subscribe(self, state, m);
    return cadre_unhandled(self, m);
}

static void ticker_stop(cadre_self *self, void *state, int reason)
{
    rows_free(&own_of(state)->subscribers);
}

const cadre_class cadre_ticker_class = {.name = "cadre_ticker",
                                        .state_size = sizeof(cadre_ticker),
                                        .start = ticker_start,
                                        .receive = ticker_receive,
                                        .stop = ticker_stop};
