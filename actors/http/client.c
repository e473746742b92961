/* client.c: the actor that has the connections of a client, and lends them. */
#include "servers.h"

#include "h2_link.h"

#include <cadre/fail.h>
#include <cadre/watch.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

const cadre_type lease_type = {.name = "cadre_http_lease",
                               .size = sizeof(struct lease)};
const cadre_type leased_type = {.name = "cadre_http_leased",
                                .size = sizeof(struct leased)};
const cadre_type forsaken_type = {.name = "cadre_http_forsaken",
                                  .size = sizeof(struct forsaken)};
const cadre_type returned_type = {.name = "cadre_http_returned",
                                  .size = sizeof(struct returned)};
const cadre_type carries_type = {.name = "cadre_http_carries",
                                 .size = sizeof(struct carries)};

/* So many are asked of one that may speak HTTP/2, before it says how many it takes; and
 * so many at most, whatever it says. */
enum { H2_FIRST = 100, H2_MOST = 1000 };

struct own {
    cadre_buf *shared;
    struct ring servers;
    uint32_t waiting;
};
static_assert(sizeof(struct own) <= sizeof((cadre_http_client *)NULL)->own, "own");

static struct own *own_of(cadre_http_client *me)
{
    return (struct own *)(void *)me->own;
}
static struct client_shared *shared_of(cadre_http_client *me)
{
    return (struct client_shared *)(void *)cadre_buf_data(own_of(me)->shared);
}

/* ---- the start -------------------------------------------------------------------- */

static void set_default(uint32_t *value, uint32_t instead)
{
    *value = *value ? *value : instead;
}

static bool set_defaults(cadre_http_client *me)
{
    enum { HEAD_MAX = 1 << 20 };
    set_default(&me->connections, 100);
    set_default(&me->waiting, 10000);
    set_default(&me->redirects, 10);
    set_default(&me->retries, 2);
    set_default(&me->head, 64 << 10);
    me->body = me->body ? me->body : 16 << 20;
    me->connect = me->connect ? me->connect : 10 * CADRE_SECOND;
    me->idle = me->idle ? me->idle : 30 * CADRE_SECOND;
    return me->head <= HEAD_MAX && me->connect > 0 && me->idle > 0;
}

static int client_start(cadre_self *self, void *state)
{
    enum { FIELDS = 1000 };
    const char *what = NULL;
    cadre_http_client *me = state;
    struct client_shared shared = {.client = cadre_me(self)};
    int err = set_defaults(me) ? 0 : -EINVAL;
    if (!err && !me->resolver.id)
        err = cadre_spawn(self, &me->resolver, &cadre_resolver_class, NULL);
    if (!err)
        err = proxies_init(&shared.proxies, me, &what);
    if (err)
        return what && err == -EINVAL
                   ? cadre_fail(self, err, "%s is no http://user:password@host:port",
                                what)
                   : err;
    shared.config = *me;
    shared.limits = (cadre_http_limits){
        .head = me->head, .fields = FIELDS, .target = me->head, .body = me->body};
    own_of(me)->shared = cadre_buf_new(&shared, sizeof shared);
    ring_init(&own_of(me)->servers);
    if (!own_of(me)->shared)
        proxies_free(&shared.proxies);
    return own_of(me)->shared ? 0 : -ENOMEM;
}

/* ---- to lend ---------------------------------------------------------------------- */

bool client_may_h2(const cadre_http_client *config, const struct lease *to)
{
    bool may = to->is_secure ? !config->http1 : config->h2c && !to->is_proxied;
    return may && !to->http1 && h2_link_is_there;
}

/* A new one. Errors: cadre_spawn()'s. */
static int open_channel(cadre_self *self, cadre_http_client *me, struct server *s,
                        struct record **opened)
{
    struct record *r = server_add_record(s, !s->may_h2 ? 1
                                            : s->most  ? s->most
                                                       : H2_FIRST);
    *opened = NULL;
    if (!r)
        return -ENOMEM;
    const struct channel_init init = {shared_of(me), r, s->at};
    int err = channel_spawn(self, &r->channel, &init);
    if (!err) {
        err = cadre_watch(self, NULL, r->channel);
        if (err)
            (void)cadre_kill(self, r->channel, 0);
    }
    if (err)
        record_remove(r);
    else
        *opened = r;
    return err;
}

/* One that may carry many is waited for. */
static bool may_open(const cadre_http_client *me, const struct server *s)
{
    return s->count < me->connections && (!s->may_h2 || s->coming == 0);
}

static int refuse(cadre_self *self, const cadre_msg *m, int code)
{
    const cadre_failure failure = client_failure(code);
    return cadre_reply_as(self, m, &cadre_failure_type, &failure);
}

static void remove_waiter(struct own *own, struct waiter *w)
{
    waiter_remove(w);
    own->waiting--;
}

/* Those that have given up. */
static void remove_idle_waiters(cadre_self *self, struct own *own, struct server *s)
{
    for (struct ring *r = s->waiters.next, *next; r != &s->waiters; r = next) {
        struct waiter *w = RING_OF(r, struct waiter, ring);
        next = r->next;
        if (!cadre_is_awaited(self, w->promise))
            remove_waiter(own, w);
    }
}

/* Those of any server: else one that hangs would hold up all. */
static bool has_room(cadre_self *self, cadre_http_client *me)
{
    struct own *own = own_of(me);
    if (own->waiting == me->waiting)
        for (struct ring *r = own->servers.next; r != &own->servers; r = r->next)
            remove_idle_waiters(self, own, RING_OF(r, struct server, ring));
    return own->waiting < me->waiting;
}

static int wait_for_one(cadre_self *self, cadre_http_client *me, struct server *s,
                        const cadre_msg *m)
{
    if (!has_room(self, me))
        return refuse(self, m, CADRE_EFULL);
    struct waiter *w = server_add_waiter(s);
    if (!w)
        return refuse(self, m, -ENOMEM);
    own_of(me)->waiting++;
    w->who = m->from;
    w->nth = ((const struct lease *)m->body)->loan;
    int err = cadre_defer(self, m, &w->promise);
    if (err)
        remove_waiter(own_of(me), w);
    return err ? refuse(self, m, err) : 0;
}

static int on_lease(cadre_self *self, cadre_http_client *me, const cadre_msg *m)
{
    const struct lease *at = m->body;
    struct server *s = server_find(&own_of(me)->servers, at, client_may_h2(me, at));
    if (!s)
        return refuse(self, m, -ENOMEM);
    if (at->http1 && !s->at.http1)
        server_need_http1(s);
    struct record *r = server_with_room(s);
    if (!r && !may_open(me, s))
        return wait_for_one(self, me, s, m);
    int err = r ? 0 : open_channel(self, me, s, &r);
    const struct leased leased = {r ? r->channel : (cadre_ref){0}, r && r->was_lent};
    if (!err && !record_lend(r, m->from, at->loan))
        err = -ENOMEM;
    if (err) {
        server_forget(s);
        return refuse(self, m, err);
    }
    return cadre_reply_as(self, m, &leased_type, &leased);
}

/* One whose deadline is past has given up, but its promise is open. */
static void lend_on(cadre_self *self, cadre_http_client *me, struct record *r,
                    struct waiter *w)
{
    const struct leased leased = {r->channel, r->was_lent};
    if (cadre_is_awaited(self, w->promise) && record_lend(r, w->who, w->nth) &&
        cadre_answer_as(self, w->promise, &leased_type, &leased))
        record_end_loan(r, record_loan(r, w->who, w->nth));
    remove_waiter(own_of(me), w);
}

static void refuse_waiters(cadre_self *self, cadre_http_client *me, struct server *s,
                           int code)
{
    const cadre_failure failure = client_failure(code);
    while (!ring_is_empty(&s->waiters)) {
        struct waiter *w = RING_OF(s->waiters.next, struct waiter, ring);
        (void)cadre_answer_as(self, w->promise, &cadre_failure_type, &failure);
        remove_waiter(own_of(me), w);
    }
}

/* A new one that nobody wants may never be connected. */
static void end_unwanted(cadre_self *self, struct record *r)
{
    if (r->lent == 0 && !r->was_used && !r->is_known)
        (void)cadre_stop(self, r->channel);
}

/* What has room, and what may be opened, is for whoever waits. */
static void lend_to_waiters(cadre_self *self, cadre_http_client *me, struct server *s)
{
    struct record *opened = NULL;
    int err = 0;
    while (!err && !ring_is_empty(&s->waiters)) {
        struct record *r = server_with_room(s);
        if (!r && !may_open(me, s))
            break;
        if (!r)
            err = open_channel(self, me, s, &opened);
        r = r ? r : opened;
        if (r)
            lend_on(self, me, r, RING_OF(s->waiters.next, struct waiter, ring));
    }
    if (err && s->count == 0)
        refuse_waiters(self, me, s, err);
    if (opened)
        end_unwanted(self, opened);
}

static void end_loan(cadre_self *self, cadre_http_client *me, struct record *r,
                     struct loan *loan, bool is_unused)
{
    record_end_loan(r, loan);
    r->was_used |= !is_unused;
    lend_to_waiters(self, me, r->server);
    end_unwanted(self, r);
}

static void on_returned(cadre_self *self, cadre_http_client *me,
                        const struct returned *returned)
{
    struct record *r = returned->record;
    struct loan *loan = record_loan(r, returned->from, returned->loan);
    if (loan)
        end_loan(self, me, r, loan, returned->is_unused);
}

/* Its channel has not heard of it. */
static void on_forsaken(cadre_self *self, cadre_http_client *me, cadre_ref from,
                        uint32_t nth)
{
    struct record *r = servers_lender(&own_of(me)->servers, from, nth);
    if (r)
        end_loan(self, me, r, record_loan(r, from, nth), true);
}

static void on_carries(cadre_self *self, cadre_http_client *me,
                       const struct carries *carries)
{
    struct record *r = carries->record;
    struct server *s = r->server;
    bool is_lent = !carries->is_h2 || !s->at.http1;
    uint32_t most = carries->most < H2_MOST ? carries->most : H2_MOST;
    s->coming -= !r->is_known;
    r->is_known = true;
    r->is_http1 = !carries->is_h2;
    if (carries->needs_http1)
        server_need_http1(s);
    record_set_most(r, is_lent ? most : 0);
    if (r->most > 0) { /* one that is leaving carries none */
        s->may_h2 = carries->is_h2;
        s->most = r->most;
    }
    lend_to_waiters(self, me, s);
}

/* Its place is for whoever waits. */
static void on_down(cadre_self *self, cadre_http_client *me, cadre_ref who)
{
    struct record *r = servers_record(&own_of(me)->servers, who);
    if (!r)
        return;
    struct server *s = r->server;
    record_remove(r);
    lend_to_waiters(self, me, s);
    server_forget(s);
}

/* ---- the class -------------------------------------------------------------------- */

static int on_call(cadre_self *self, cadre_http_client *me, cadre_msg *m)
{
    cadre_ref child;
    int err = fetch_spawn(self, &child, shared_of(me));
    return err ? refuse(self, m, err) : cadre_forward(self, child, m);
}

static int client_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http_client *me = state;
    const cadre_down *down = cadre_body(m, cadre_down);
    if (m->type == &call_type)
        return on_call(self, me, m);
    if (m->type == &lease_type)
        return on_lease(self, me, m);
    if (m->type == &returned_type)
        on_returned(self, me, m->body);
    else if (m->type == &carries_type)
        on_carries(self, me, m->body);
    else if (m->type == &forsaken_type)
        on_forsaken(self, me, m->from, ((const struct forsaken *)m->body)->loan);
    else if (down)
        on_down(self, me, down->who);
    else
        return cadre_unhandled(self, m);
    return 0;
}

static void client_stop(cadre_self *self, void *state, int reason)
{
    struct own *own = own_of(state);
    while (!ring_is_empty(&own->servers))
        server_free(RING_OF(own->servers.next, struct server, ring));
    proxies_free(&shared_of(state)->proxies);
    cadre_buf_unref(own->shared);
}

const cadre_class cadre_http_client_class = {.name = "cadre_http_client",
                                             .state_size = sizeof(cadre_http_client),
                                             .start = client_start,
                                             .receive = client_receive,
                                             .stop = client_stop};
