/* client.c: the actor that has the connections of a client, and lends them.
 *
 * For each server there is a list of those that are idle, the last one first, and of who
 * waits for one, the first first. */
#include "client.h"

#include "../ring.h"

#include <cadre/watch.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

const cadre_type lease_type = {.name = "cadre_http_lease",
                               .size = sizeof(struct lease)};
const cadre_type leased_type = {.name = "cadre_http_leased",
                                .size = sizeof(struct leased)};
const cadre_type returned_type = {.name = "cadre_http_returned",
                                  .size = sizeof(struct returned)};

struct server {
    struct ring ring;
    cadre_buf *buf; /* that this is in, here and below */
    struct lease at;
    uint32_t count; /* of connections */
    struct ring records, waiters;
};
struct record { /* of a connection */
    struct ring ring;
    cadre_buf *buf;
    struct server *server;
    cadre_ref channel;
    bool is_idle; /* and then in front of all that are not */
};
struct waiter {
    struct ring ring;
    cadre_buf *buf;
    cadre_promise promise;
};

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

/* ---- failures --------------------------------------------------------------------- */

cadre_failure client_failure(int code)
{
    static const struct {
        int code;
        const char *remedy;
    } remedies[] = {
        {-ECONNREFUSED, "is a server running there, and is the port right?"},
        {-ECONNRESET, "the server has closed the connection before it had answered"},
        {-EPROTO, "what answers there does not speak HTTP, or not well"},
        {-EMSGSIZE, "raise body or head of the client, or take the answer in pieces"},
        {-ELOOP, "it is redirected again and again: look where to, with `stays`"},
        {-ETIMEDOUT, "is the server up, and is there a way to it?"},
        {-EHOSTUNREACH, "is the network up, and is there a way to that host?"},
        {-ENETUNREACH, "is the network up, and is there a way to that host?"},
        {-EPROTONOSUPPORT, "https is not there: use http, or a proxy that adds TLS"},
        {CADRE_EFULL,
         "too many wait for a connection: ask for less, or raise `waiting`"},
        {-EMFILE, "raise the limit of open files (ulimit -n), or lower `connections`"},
    };
    cadre_failure failure = {.code = code};
    for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
        if (remedies[i].code == code)
            failure.message = remedies[i].remedy;
    return failure;
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
    cadre_http_client *me = state;
    struct client_shared shared = {.client = cadre_me(self)};
    int err = set_defaults(me) ? 0 : -EINVAL;
    if (!err && me->proxy)
        err = url_parse(&shared.proxy, (cadre_http_text){me->proxy, strlen(me->proxy)});
    if (!err && !me->resolver.id)
        err = cadre_spawn(self, &me->resolver, &cadre_resolver_class, NULL);
    if (err)
        return err;
    shared.config = *me;
    shared.limits = (cadre_http_limits){
        .head = me->head, .fields = FIELDS, .target = me->head, .body = me->body};
    own_of(me)->shared = cadre_buf_new(&shared, sizeof shared);
    ring_init(&own_of(me)->servers);
    return own_of(me)->shared ? 0 : -ENOMEM;
}

/* ---- servers and connections ------------------------------------------------------ */

static void *new_in_ring(struct ring *head, size_t size, size_t buf_at)
{
    cadre_buf *buf = cadre_buf_new(NULL, size);
    if (!buf)
        return NULL;
    uint8_t *at = cadre_buf_data(buf);
    *(cadre_buf **)(void *)(at + buf_at) = buf;
    ring_add(head, (struct ring *)(void *)at);
    return at;
}
#define NEW(head, T)                                                                   \
    ((struct T *)new_in_ring((head), sizeof(struct T), offsetof(struct T, buf)))

static struct server *find_server(struct own *own, const struct lease *at)
{
    for (struct ring *r = own->servers.next; r != &own->servers; r = r->next) {
        struct server *s = RING_OF(r, struct server, ring);
        if (s->at.port == at->port && strcmp(s->at.host, at->host) == 0)
            return s;
    }
    struct server *s = NEW(&own->servers, server);
    if (!s)
        return NULL;
    s->at = *at;
    ring_init(&s->records);
    ring_init(&s->waiters);
    return s;
}

/* With the last connection, when nobody waits. */
static void forget_server(struct server *s)
{
    if (s->count > 0 || !ring_is_empty(&s->waiters))
        return;
    ring_remove(&s->ring);
    cadre_buf_unref(s->buf);
}

static void remove_record(struct record *r)
{
    r->server->count--;
    ring_remove(&r->ring);
    cadre_buf_unref(r->buf);
}

/* A new one. Errors: cadre_spawn()'s. */
static int open_channel(cadre_self *self, cadre_http_client *me, struct server *s,
                        cadre_ref *channel)
{
    struct record *r = NEW(&s->records, record);
    if (!r)
        return -ENOMEM;
    const struct channel_init init = {shared_of(me), r, s->at};
    r->server = s;
    s->count++;
    int err = channel_spawn(self, &r->channel, &init);
    if (!err) {
        err = cadre_watch(self, NULL, r->channel);
        *channel = r->channel;
        if (err)
            (void)cadre_kill(self, r->channel, 0);
    }
    if (err)
        remove_record(r);
    return err;
}

/* In front, or behind those. */
static void set_idle(struct record *r, bool is_idle)
{
    struct ring *records = &r->server->records;
    r->is_idle = is_idle;
    ring_remove(&r->ring);
    ring_add(is_idle ? records->next : records, &r->ring);
}

/* ---- to lend ---------------------------------------------------------------------- */

static struct record *idle_of(const struct server *s)
{
    struct record *first = RING_OF(s->records.next, struct record, ring);
    return !ring_is_empty(&s->records) && first->is_idle ? first : NULL;
}

static int refuse(cadre_self *self, const cadre_msg *m, int code)
{
    const cadre_failure failure = client_failure(code);
    return cadre_reply_as(self, m, &cadre_failure_type, &failure);
}

static void remove_waiter(struct own *own, struct waiter *w)
{
    ring_remove(&w->ring);
    cadre_buf_unref(w->buf);
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

static int wait_for_one(cadre_self *self, cadre_http_client *me, struct server *s,
                        const cadre_msg *m)
{
    if (own_of(me)->waiting == me->waiting)
        remove_idle_waiters(self, own_of(me), s);
    if (own_of(me)->waiting == me->waiting)
        return refuse(self, m, CADRE_EFULL);
    struct waiter *w = NEW(&s->waiters, waiter);
    if (!w)
        return refuse(self, m, -ENOMEM);
    own_of(me)->waiting++;
    int err = cadre_defer(self, m, &w->promise);
    if (err)
        remove_waiter(own_of(me), w);
    return err ? refuse(self, m, err) : 0;
}

static int on_lease(cadre_self *self, cadre_http_client *me, const cadre_msg *m)
{
    struct server *s = find_server(own_of(me), m->body);
    struct leased leased = {{0}};
    if (!s)
        return refuse(self, m, -ENOMEM);
    struct record *idle = idle_of(s);
    if (!idle && s->count >= me->connections)
        return wait_for_one(self, me, s, m);
    if (idle) {
        leased.channel = idle->channel;
        set_idle(idle, false);
    } else {
        int err = open_channel(self, me, s, &leased.channel);
        if (err) {
            forget_server(s);
            return refuse(self, m, err);
        }
    }
    return cadre_reply_as(self, m, &leased_type, &leased);
}

/* To the first who still waits. False: nobody does. */
static bool lend_on(cadre_self *self, cadre_http_client *me, struct server *s,
                    cadre_ref channel)
{
    const struct leased leased = {channel};
    bool is_lent = false;
    while (!is_lent && !ring_is_empty(&s->waiters)) {
        struct waiter *w = RING_OF(s->waiters.next, struct waiter, ring);
        is_lent = cadre_answer_as(self, w->promise, &leased_type, &leased) == 0;
        remove_waiter(own_of(me), w);
    }
    return is_lent;
}

static void on_returned(cadre_self *self, cadre_http_client *me, struct record *r)
{
    if (!lend_on(self, me, r->server, r->channel))
        set_idle(r, true);
}

/* Its place is for whoever waits. */
static void on_down(cadre_self *self, cadre_http_client *me, cadre_ref who)
{
    struct own *own = own_of(me);
    for (struct ring *i = own->servers.next; i != &own->servers; i = i->next) {
        struct server *s = RING_OF(i, struct server, ring);
        for (struct ring *j = s->records.next; j != &s->records; j = j->next) {
            struct record *r = RING_OF(j, struct record, ring);
            if (!cadre_same(r->channel, who))
                continue;
            remove_record(r);
            cadre_ref channel;
            if (!ring_is_empty(&s->waiters) && !open_channel(self, me, s, &channel) &&
                !lend_on(self, me, s, channel))
                (void)cadre_stop(self, channel);
            forget_server(s);
            return;
        }
    }
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
        on_returned(self, me, ((const struct returned *)m->body)->record);
    else if (down)
        on_down(self, me, down->who);
    else
        return cadre_unhandled(self, m);
    return 0;
}

static void free_ring(struct ring *head, size_t buf_at)
{
    while (!ring_is_empty(head)) {
        struct ring *first = head->next;
        ring_remove(first);
        cadre_buf_unref(*(cadre_buf **)(void *)((uint8_t *)first + buf_at));
    }
}

static void client_stop(cadre_self *self, void *state, int reason)
{
    struct own *own = own_of(state);
    while (!ring_is_empty(&own->servers)) {
        struct server *s = RING_OF(own->servers.next, struct server, ring);
        free_ring(&s->records, offsetof(struct record, buf));
        free_ring(&s->waiters, offsetof(struct waiter, buf));
        s->count = 0;
        forget_server(s);
    }
    cadre_buf_unref(own->shared);
}

const cadre_class cadre_http_client_class = {.name = "cadre_http_client",
                                             .state_size = sizeof(cadre_http_client),
                                             .start = client_start,
                                             .receive = client_receive,
                                             .stop = client_stop};
