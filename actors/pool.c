/* pool.c: as many workers as there is work for, of one class, behind one address.
 *
 * A supervisor keeps the workers; here is who they are, what they have to answer, and how
 * many there should be. Their number changes by one at a time, and a worker that leaves
 * has ended before the next change.
 *
 * What is done in the turn of a request, and after a timer that was set there, has its
 * deadline: a change must not, and begins with a message to oneself. */
#include <cadre/actors/pool.h>

#include "route.h"

#include <cadre/actors/supervisor.h>
#include <cadre/fail.h>
#include <cadre/timer.h>
#include <cadre/watch.h>

#include <assert.h>
#include <errno.h>

enum trend { STEADY, GROW, SHRINK };

struct own {
    struct route route;
    cadre_ref supervisor;
    cadre_token timer; /* of the trend, unless that is STEADY */
    uint8_t trend;     /* what it will be if all stays as it is */
    bool changing;
};
static_assert(sizeof(struct own) <= sizeof((cadre_pool *)NULL)->own, "own");

/* The trend has lasted; it is time. */
static const cadre_type pool_due_type = {.name = "pool_due"};
typedef struct {
    uint8_t trend;
} pool_change;
static CADRE_TYPE(pool_change);

CADRE_TYPE(cadre_pool_ask);
CADRE_TYPE(cadre_pool_status);

static struct own *own_of(cadre_pool *me) { return (struct own *)(void *)me->own; }

static uint32_t workers_of(cadre_pool *me) { return own_of(me)->route.targets.count; }

static int weigh(cadre_self *self, cadre_pool *me);

/* ---- one more -------------------------------------------------------------------- */

static int on_added(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_pool *me = state;
    const cadre_child *child = cadre_body(m, cadre_child);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (failure && failure->code == CADRE_EDEAD)
        return 0; /* so has the supervisor: the watch will say why */
    own_of(me)->changing = false;
    if (child)
        route_add(&own_of(me)->route, child->ref, (cadre_token){0});
    else if (workers_of(me) < me->min)
        return cadre_fail(self, failure->code, "pool: there cannot be enough workers");
    if (workers_of(me) == me->min)
        cadre_unstash(self);
    return weigh(self, me);
}

static int grow(cadre_self *self, cadre_pool *me)
{
    cadre_token token;
    struct own *own = own_of(me);
    int err = route_reserve(&own->route);
    if (!err)
        err = cadre_ask(self, &token, own->supervisor, CADRE_NEVER, cadre_add_child,
                        .spec = {.cls = me->cls, .init = me->init});
    if (err)
        return err;
    own->changing = true;
    return cadre_then(self, token, on_added);
}

/* ---- one less -------------------------------------------------------------------- */

/* The youngest that has nothing to answer, or ROUTE_NONE. */
static uint32_t find_idle(cadre_pool *me)
{
    for (uint32_t i = workers_of(me); i-- > 0;)
        if (route_at(&own_of(me)->route, i)->outstanding == 0)
            return i;
    return ROUTE_NONE;
}

static int on_gone(cadre_self *self, void *state, cadre_msg *m)
{
    own_of(state)->changing = false;
    return weigh(self, state);
}

/* That it will end is all there is to know. */
static int on_removed(cadre_self *self, void *state, cadre_msg *m) { return 0; }

/* Errors: ENOENT: none of them is idle; those of cadre_watch() and cadre_ask_as(). */
static int shrink(cadre_self *self, cadre_pool *me)
{
    cadre_token watch, token;
    struct own *own = own_of(me);
    uint32_t i = find_idle(me);
    if (i == ROUTE_NONE)
        return -ENOENT;
    cadre_ref ref = route_at(&own->route, i)->ref;
    int err = cadre_watch(self, &watch, ref);
    if (err)
        return err;
    err =
        cadre_ask(self, &token, own->supervisor, CADRE_NEVER, cadre_remove_child, ref);
    if (err) {
        (void)cadre_cancel(self, watch);
        return err;
    }
    route_remove(&own->route, i);
    own->changing = true;
    (void)cadre_then(self, token, on_removed);
    return cadre_then(self, watch, on_gone);
}

/* ---- how many there should be ---------------------------------------------------- */

static enum trend trend_of(cadre_pool *me)
{
    uint32_t fewest = UINT32_MAX, most = 0, workers = workers_of(me);
    if (own_of(me)->changing || me->min == me->max)
        return STEADY;
    for (uint32_t i = 0; i < workers; i++) {
        uint32_t outstanding = route_at(&own_of(me)->route, i)->outstanding;
        fewest = outstanding < fewest ? outstanding : fewest;
        most = outstanding > most ? outstanding : most;
    }
    if (fewest > me->busy)
        return workers < me->max ? GROW : STEADY;
    return fewest == 0 && most <= me->busy && workers > me->min ? SHRINK : STEADY;
}

/* After whatever may change it. A timer for which there is no memory is tried again then.
 * Errors: there cannot be enough workers. */
static int weigh(cadre_self *self, cadre_pool *me)
{
    struct own *own = own_of(me);
    if (!own->changing && workers_of(me) < me->min)
        return grow(self, me);
    enum trend trend = trend_of(me);
    if (trend == own->trend)
        return 0;
    if (own->trend != STEADY)
        (void)cadre_cancel(self, own->timer);
    own->trend = (uint8_t)trend;
    if (trend != STEADY &&
        cadre_after_as(self, &own->timer,
                       trend == GROW ? me->grow_after : me->shrink_after,
                       &pool_due_type, NULL))
        own->trend = STEADY;
    return 0;
}

static int on_due(cadre_self *self, cadre_pool *me)
{
    struct own *own = own_of(me);
    pool_change change = {own->trend};
    own->trend = STEADY;
    own->changing =
        cadre_send_as(self, cadre_me(self), &pool_change_type, &change) == 0;
    return weigh(self, me);
}

static int on_change(cadre_self *self, cadre_pool *me, const pool_change *change)
{
    own_of(me)->changing = false;
    (void)(change->trend == GROW ? grow(self, me) : shrink(self, me));
    return weigh(self, me);
}

/* ---- the class ------------------------------------------------------------------- */

static int on_outcome(cadre_self *self, void *state, cadre_msg *m)
{
    route_outcome(self, &own_of(state)->route, m);
    return weigh(self, state);
}

static int on_supervisor_down(cadre_self *self, void *state, cadre_msg *m)
{
    int reason = ((const cadre_down *)m->body)->reason;
    return cadre_fail(self, reason ? reason : CADRE_EDEAD,
                      "pool: the supervisor of its workers has ended");
}

static bool set_defaults(cadre_pool *me)
{
    me->min = me->min ? me->min : 1;
    me->max = me->max ? me->max : me->min;
    if (!me->cls || me->max < me->min || me->grow_after < 0 || me->shrink_after < 0 ||
        !route_is_good(me->way, me->key) ||
        (me->way == CADRE_BROADCAST && me->max > me->min))
        return false;
    me->busy = me->busy ? me->busy : 1;
    uint32_t restarts = me->max > UINT32_MAX / 3 ? UINT32_MAX : 3 * me->max;
    me->max_restarts = me->max_restarts ? me->max_restarts : restarts;
    me->grow_after = me->grow_after ? me->grow_after : 100 * CADRE_MS;
    me->shrink_after = me->shrink_after ? me->shrink_after : 10 * CADRE_SECOND;
    own_of(me)->route = (struct route){.key = me->key,
                                       .share = me->share,
                                       .on_outcome = on_outcome,
                                       .way = me->way,
                                       .asks_itself = true};
    return true;
}

static int pool_start(cadre_self *self, void *state)
{
    cadre_pool *me = state;
    cadre_token watch = {0};
    struct own *own = own_of(me);
    if (!set_defaults(me))
        return -EINVAL;
    cadre_supervisor config = {.max_restarts = me->max_restarts};
    int err = cadre_spawn(self, &own->supervisor, &cadre_supervisor_class, &config);
    if (!err)
        err = cadre_watch(self, &watch, own->supervisor);
    if (!err)
        err = cadre_then(self, watch, on_supervisor_down);
    if (!err)
        err = weigh(self, me);
    if (err)
        route_free(&own->route); /* stop is not called then */
    return err;
}

static int pool_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_pool *me = state;
    const struct own *own = own_of(me);
    if (m->type == &pool_due_type)
        return on_due(self, me);
    if (m->type == &pool_change_type)
        return on_change(self, me, m->body);
    if (m->type == &cadre_pool_ask_type) {
        (void)cadre_reply(self, m, cadre_pool_status, workers_of(me),
                          own->route.asks.count);
        return 0;
    }
    if (workers_of(me) < me->min) {
        (void)cadre_stash(self, m);
        return 0;
    }
    (void)route_pass(self, &own_of(me)->route, m);
    return weigh(self, me);
}

static void pool_stop(cadre_self *self, void *state, int reason)
{
    route_free(&own_of(state)->route);
}

const cadre_class cadre_pool_class = {.name = "cadre_pool",
                                      .state_size = sizeof(cadre_pool),
                                      .start = pool_start,
                                      .receive = pool_receive,
                                      .stop = pool_stop};
