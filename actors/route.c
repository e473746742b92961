/* route.c: which of several targets gets a message, and what they have to answer.
 *
 * Where the actor asks by itself there is a record for each request, under the token of
 * its outcome: that of the one target, or that of the first of all (chain.h). */
#include "route.h"

#include "body.h"

#include <cadre/chain.h>

#include <errno.h>

struct ask {
    cadre_token token;
    cadre_promise promise;
    cadre_ref target; /* id 0: all */
};

#define CANNOT "router: the request could not be passed on"

bool route_is_good(uint8_t way, cadre_route_key *key)
{
    return way <= CADRE_BROADCAST && (way != CADRE_BY_KEY || key);
}

/* ---- targets --------------------------------------------------------------------- */

uint32_t route_find(const struct route *route, cadre_ref ref)
{
    for (uint32_t i = 0; i < route->targets.count; i++)
        if (cadre_same(route_at(route, i)->ref, ref))
            return i;
    return ROUTE_NONE;
}

int route_reserve(struct route *route)
{
    return rows_reserve(&route->targets, sizeof(struct route_target));
}

void route_add(struct route *route, cadre_ref ref, cadre_token watch)
{
    rows_append(&route->targets, sizeof(struct route_target),
                &(struct route_target){.ref = ref, .watch = watch});
}

/* Nobody's turn is left out. */
void route_remove(struct route *route, uint32_t i)
{
    rows_remove(&route->targets, sizeof(struct route_target), i);
    if (i < route->next)
        route->next--;
}

void route_free(struct route *route)
{
    rows_free(&route->targets);
    pending_free(&route->asks);
}

/* ---- which one ------------------------------------------------------------------- */

static uint32_t next_in_turn(struct route *route)
{
    uint32_t i = route->next < route->targets.count ? route->next : 0;
    route->next = i + 1;
    return i;
}

static uint32_t least_busy(struct route *route)
{
    uint32_t best = next_in_turn(route), n = route->targets.count;
    for (uint32_t i = best, k = 1; k < n; k++) {
        i = i + 1 < n ? i + 1 : 0;
        if (route_at(route, i)->outstanding < route_at(route, best)->outstanding)
            best = i;
    }
    route->next = best + 1;
    return best;
}

/* Every bit of the result depends on every bit of x (the end of splitmix64). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Each target bids for each key, always the same; the highest bid has it. Who comes or
 * leaves does not change the bids of others. */
static uint32_t by_key(const struct route *route, uint64_t key)
{
    uint32_t best = 0;
    uint64_t highest = 0, hash = mix(key + UINT64_C(0x9e3779b97f4a7c15));
    for (uint32_t i = 0; i < route->targets.count; i++) {
        uint64_t bid = mix(hash ^ mix(route_at(route, i)->ref.id));
        if (bid > highest) {
            highest = bid;
            best = i;
        }
    }
    return best;
}

static struct route_target *pick(struct route *route, const cadre_msg *m)
{
    uint32_t i = route->way == CADRE_BY_KEY
                     ? by_key(route, route->key(m->type, m->body))
                 : route->way == CADRE_LEAST_BUSY ? least_busy(route)
                                                  : next_in_turn(route);
    return route_at(route, i);
}

/* ---- requests that the actor asks by itself -------------------------------------- */

/* The outcome under ask->token is owed to whoever sent m. There is room for it. */
static int owe(cadre_self *self, struct route *route, const cadre_msg *m,
               struct ask *ask)
{
    int err = cadre_defer(self, m, &ask->promise);
    if (err) {
        (void)cadre_cancel(self, ask->token);
        return err;
    }
    (void)cadre_then(self, ask->token, route->on_outcome);
    pending_add(&route->asks, sizeof *ask, ask);
    return 0;
}

static int ask_one(cadre_self *self, struct route *route, struct route_target *target,
                   const cadre_msg *m)
{
    struct ask ask = {.target = target->ref};
    int err = body_ask(self, &ask.token, target->ref, CADRE_NEVER, route->share,
                       m->type, m->body);
    if (!err)
        err = owe(self, route, m, &ask);
    target->outstanding += !err;
    return err;
}

/* Returns how many could be asked; if none, *err says why. */
static uint32_t ask_each(cadre_self *self, const struct route *route,
                         cadre_token *tokens, const cadre_msg *m, int *err)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < route->targets.count; i++) {
        *err = body_ask(self, &tokens[n], route_at(route, i)->ref, CADRE_NEVER,
                        route->share, m->type, m->body);
        n += !*err;
    }
    return n;
}

static int ask_all(cadre_self *self, struct route *route, const cadre_msg *m)
{
    struct ask ask = {.target = {0}};
    cadre_token *tokens;
    cadre_buf *buf = cadre_buf_new(NULL, route->targets.count * sizeof *tokens);
    if (!buf)
        return -ENOMEM;
    int err = 0;
    tokens = (cadre_token *)(void *)cadre_buf_data(buf);
    uint32_t n = ask_each(self, route, tokens, m, &err);
    if (n > 0)
        err = cadre_join(self, &ask.token, tokens, n, 1);
    for (uint32_t i = 0; err && i < n; i++)
        (void)cadre_cancel(self, tokens[i]);
    cadre_buf_unref(buf);
    return err ? err : owe(self, route, m, &ask);
}

void route_outcome(cadre_self *self, struct route *route, cadre_msg *m)
{
    struct ask ask;
    if (!pending_take(&route->asks, sizeof ask, m->token, &ask))
        return;
    uint32_t i = ask.target.id ? route_find(route, ask.target) : ROUTE_NONE;
    if (i != ROUTE_NONE)
        route_at(route, i)->outstanding--;
    body_answer(self, ask.promise, route->share, m);
}

/* ---- messages -------------------------------------------------------------------- */

static int send_all(cadre_self *self, const struct route *route, const cadre_msg *m)
{
    cadre_buf *lent;
    uint32_t sent = 0;
    for (uint32_t i = 0; i < route->targets.count; i++) {
        if (body_lend(&lent, route->share, m->type, m->body))
            continue;
        sent += cadre_send_as(self, route_at(route, i)->ref, m->type,
                              body_of(lent, m->body)) == 0;
        cadre_buf_unref(lent);
    }
    return sent > 0 ? 0 : cadre_unhandled(self, m);
}

static int ask(cadre_self *self, struct route *route, const cadre_msg *m)
{
    int err = pending_reserve(&route->asks, sizeof(struct ask), 1);
    if (!err)
        err = route->way == CADRE_BROADCAST ? ask_all(self, route, m)
                                            : ask_one(self, route, pick(route, m), m);
    return err ? body_refuse(self, m, err, CANNOT) : 0;
}

int route_pass(cadre_self *self, struct route *route, cadre_msg *m)
{
    if (route->targets.count == 0)
        return body_refuse(self, m, -EHOSTUNREACH, "router: there is no target");
    if (m->token.id && route->asks_itself)
        return ask(self, route, m);
    if (route->way == CADRE_BROADCAST)
        return send_all(self, route, m);
    (void)cadre_forward(self, pick(route, m)->ref, m);
    return 0;
}
