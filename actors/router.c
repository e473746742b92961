/* router.c: stands in front of several actors, and picks one for each message.
 *
 * The watch of a target says who has ended; what is passed on in between fails as any
 * message to somebody who is not there. */
#include <cadre/actors/router.h>

#include "body.h"
#include "route.h"

#include <cadre/watch.h>

#include <assert.h>
#include <errno.h>

static_assert(sizeof(struct route) <= sizeof((cadre_router *)NULL)->own, "own");

CADRE_TYPE(cadre_router_add);
CADRE_TYPE(cadre_router_remove);
CADRE_TYPE(cadre_router_targets);

static struct route *route_of(cadre_router *me)
{
    return (struct route *)(void *)me->own;
}

/* ---- targets --------------------------------------------------------------------- */

static int on_down(cadre_self *self, void *state, cadre_msg *m)
{
    struct route *route = route_of(state);
    uint32_t i = route_find(route, ((const cadre_down *)m->body)->who);
    if (i != ROUTE_NONE)
        route_remove(route, i);
    return 0;
}

static int add(cadre_self *self, struct route *route, cadre_ref ref)
{
    cadre_token watch;
    if (!ref.id || cadre_same(ref, cadre_me(self)))
        return -EINVAL;
    if (route_find(route, ref) != ROUTE_NONE)
        return -EEXIST;
    int err = route_reserve(route);
    if (!err)
        err = cadre_watch(self, &watch, ref);
    if (err)
        return err;
    (void)cadre_then(self, watch, on_down);
    route_add(route, ref, watch);
    return 0;
}

static int drop(cadre_self *self, struct route *route, cadre_ref ref)
{
    uint32_t i = route_find(route, ref);
    if (i == ROUTE_NONE)
        return -ENOENT;
    (void)cadre_cancel(self, route_at(route, i)->watch);
    route_remove(route, i);
    return 0;
}

/* A plain message is not answered. */
static int tell(cadre_self *self, const struct route *route, const cadre_msg *m,
                int err)
{
    if (err)
        return body_refuse(self, m, err, "router: the targets stay as they are");
    if (m->token.id)
        (void)cadre_reply(self, m, cadre_router_targets, route->targets.count);
    return 0;
}

/* ---- the class ------------------------------------------------------------------- */

static int on_outcome(cadre_self *self, void *state, cadre_msg *m)
{
    route_outcome(self, route_of(state), m);
    return 0;
}

static int router_start(cadre_self *self, void *state)
{
    cadre_router *me = state;
    struct route *route = route_of(me);
    route->key = me->key;
    route->share = me->share;
    route->on_outcome = on_outcome;
    route->way = me->way;
    route->asks_itself = me->way == CADRE_LEAST_BUSY || me->way == CADRE_BROADCAST;
    int err = route_is_good(me->way, me->key) ? 0 : -EINVAL;
    for (uint32_t i = 0; i < CADRE_ROUTER_MAX && me->targets[i].id && !err; i++)
        err = add(self, route, me->targets[i]);
    if (err)
        route_free(route); /* stop is not called then */
    return err;
}

static int router_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct route *route = route_of(state);
    const cadre_router_add *more = cadre_body(m, cadre_router_add);
    const cadre_router_remove *less = cadre_body(m, cadre_router_remove);
    if (more)
        return tell(self, route, m, add(self, route, more->target));
    if (less)
        return tell(self, route, m, drop(self, route, less->target));
    return route_pass(self, route, m);
}

static void router_stop(cadre_self *self, void *state, int reason)
{
    route_free(route_of(state));
}

const cadre_class cadre_router_class = {.name = "cadre_router",
                                        .state_size = sizeof(cadre_router),
                                        .start = router_start,
                                        .receive = router_receive,
                                        .stop = router_stop};
