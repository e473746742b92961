/* resolver.c: look-ups that are remembered, and shared.
 *
 * A look-up is for many, so it must not be made for the sake of one request, or it would
 * be withdrawn with that: a request sends a message to this actor, which is for nobody's
 * sake. */
#include "body.h"
#include "nudge.h"
#include "rows.h"

#include <cadre/actors/resolve.h>
#include <cadre/dispatch.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

CADRE_TYPE(cadre_resolver_ask);

struct waiter {
    cadre_promise promise;
    uint16_t port;
};

/* What is known of a name: addresses, or why there are none; or who waits for it. */
struct entry {
    cadre_buf *host;
    cadre_buf *found; /* cadre_addresses; or NULL */
    cadre_failure failure;
    cadre_time until; /* it holds */
    struct rows waiters;
    cadre_token call; /* the look-up */
};

struct own {
    struct rows entries;
    uint32_t waiting; /* requests */
    struct nudge nudge;
};
static_assert(sizeof(struct own) <= sizeof((cadre_resolver *)NULL)->own, "own");

static struct own *own_of(cadre_resolver *me) { return (struct own *)(void *)me->own; }

static struct entry *entry_at(const struct own *own, uint32_t i)
{
    return rows_at(&own->entries, sizeof(struct entry), i);
}

static const char *host_of(const struct entry *e)
{
    return (const char *)cadre_buf_data(e->host);
}

static bool is_pending(const struct entry *e)
{
    return e->call.id || e->waiters.count > 0;
}

static void forget(struct entry *e)
{
    cadre_buf_unref(cadre_buf_move(&e->found));
    e->until = 0;
}

static void entry_free(struct entry *e)
{
    forget(e);
    cadre_buf_unref(e->host);
    rows_free(&e->waiters);
}

static int resolver_start(cadre_self *self, void *state)
{
    cadre_resolver *me = state;
    if (me->ttl < 0 || me->failed_ttl < 0 || me->timeout < 0)
        return -EINVAL;
    me->ttl = me->ttl ? me->ttl : 30 * CADRE_SECOND;
    me->failed_ttl = me->failed_ttl ? me->failed_ttl : CADRE_SECOND;
    me->timeout = me->timeout ? me->timeout : 30 * CADRE_SECOND;
    me->names = me->names ? me->names : 1024;
    me->waiting = me->waiting ? me->waiting : 4096;
    return nudge_init(&own_of(me)->nudge);
}

/* ---- names ----------------------------------------------------------------------- */

static struct entry *find(const struct own *own, const char *host)
{
    for (uint32_t i = 0; i < own->entries.count; i++)
        if (strcasecmp(host_of(entry_at(own, i)), host) == 0)
            return entry_at(own, i);
    return NULL;
}

/* The one that holds, or has held, the shortest. */
static int make_room(struct own *own)
{
    uint32_t oldest = own->entries.count;
    for (uint32_t i = 0; i < own->entries.count; i++)
        if (!is_pending(entry_at(own, i)) &&
            (oldest == own->entries.count ||
             entry_at(own, i)->until < entry_at(own, oldest)->until))
            oldest = i;
    if (oldest == own->entries.count)
        return CADRE_EFULL;
    entry_free(entry_at(own, oldest));
    rows_remove(&own->entries, sizeof(struct entry), oldest);
    return 0;
}

static int add(struct entry **e, cadre_resolver *me, const char *host)
{
    struct own *own = own_of(me);
    struct entry new = {.until = 0};
    int err = own->entries.count >= me->names ? make_room(own) : 0;
    if (!err)
        err = rows_reserve(&own->entries, sizeof new);
    if (err)
        return err;
    new.host = cadre_buf_new(host, strlen(host) + 1);
    if (!new.host)
        return -ENOMEM;
    rows_append(&own->entries, sizeof new, &new);
    *e = entry_at(own, own->entries.count - 1);
    return 0;
}

/* ---- look-ups -------------------------------------------------------------------- */

static void answer_one(cadre_self *self, const struct entry *e, const struct waiter *w)
{
    if (!e->found) {
        body_fail(self, w->promise, &e->failure);
        return;
    }
    cadre_addresses found = *(cadre_addresses *)(void *)cadre_buf_data(e->found);
    for (uint32_t i = 0; i < found.count; i++)
        found.at[i].port = w->port;
    int err = cadre_answer_as(self, w->promise, &cadre_addresses_type, &found);
    if (err && err != -EALREADY)
        body_fail(self, w->promise, &(cadre_failure){err, 0, cadre_me(self), NULL});
}

static void keep(cadre_self *self, const cadre_resolver *me, struct entry *e,
                 const cadre_addresses *found, const cadre_failure *failure)
{
    cadre_time ttl = 0, now = cadre_now(self);
    e->failure =
        failure ? *failure : (cadre_failure){.code = -ENOMEM, .origin = cadre_me(self)};
    if (found)
        e->found = cadre_buf_new(found, sizeof *found);
    if (e->found)
        ttl = me->ttl;
    else if (e->failure.code == -ENXIO)
        ttl = me->failed_ttl;
    e->until = ttl < CADRE_NEVER - now ? now + ttl : CADRE_NEVER;
}

static void finish(cadre_self *self, cadre_resolver *me, struct entry *e,
                   const cadre_addresses *found, const cadre_failure *failure)
{
    forget(e);
    keep(self, me, e, found, failure);
    e->call.id = 0;
    for (uint32_t i = 0; i < e->waiters.count; i++)
        answer_one(self, e, rows_at(&e->waiters, sizeof(struct waiter), i));
    own_of(me)->waiting -= e->waiters.count;
    rows_free(&e->waiters);
    e->waiters = (struct rows){.buf = NULL};
}

static int on_found(cadre_self *self, void *state, cadre_msg *m)
{
    struct own *own = own_of(state);
    for (uint32_t i = 0; i < own->entries.count; i++)
        if (entry_at(own, i)->call.id == m->token.id) {
            finish(self, state, entry_at(own, i), cadre_body(m, cadre_addresses),
                   cadre_body(m, cadre_failure));
            break;
        }
    return 0;
}

static int on_go(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_resolver *me = state;
    struct own *own = own_of(me);
    nudge_came(m);
    for (uint32_t i = 0; i < own->entries.count; i++) {
        struct entry *e = entry_at(own, i);
        if (e->call.id || e->waiters.count == 0)
            continue;
        int err = cadre_resolve(self, &e->call, me->timeout, host_of(e), 0);
        if (err)
            finish(self, me, e, NULL, &(cadre_failure){err, 0, cadre_me(self), NULL});
        else
            (void)cadre_then(self, e->call, on_found);
    }
    return 0;
}

/* ---- requests -------------------------------------------------------------------- */

static int wait_for(cadre_self *self, cadre_resolver *me, struct entry *e,
                    const cadre_msg *m)
{
    struct own *own = own_of(me);
    struct waiter w = {.port = ((cadre_resolver_ask *)m->body)->port};
    int err =
        own->waiting < me->waiting ? rows_reserve(&e->waiters, sizeof w) : CADRE_EFULL;
    if (!err)
        err = nudge_send(self, &own->nudge);
    if (!err)
        err = cadre_defer(self, m, &w.promise);
    if (err)
        return err;
    rows_append(&e->waiters, sizeof w, &w);
    own->waiting++;
    return 0;
}

/* One that is known is answered in the same way as those that wait. */
static int answer_known(cadre_self *self, const struct entry *e, const cadre_msg *m)
{
    struct waiter w = {.port = ((cadre_resolver_ask *)m->body)->port};
    int err = cadre_defer(self, m, &w.promise);
    if (!err)
        answer_one(self, e, &w);
    return err;
}

static int on_ask(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_resolver *me = state;
    const cadre_resolver_ask *ask = m->body;
    if (!m->token.id)
        return cadre_unhandled(self, m);
    if (!ask->host[0] || !memchr(ask->host, '\0', sizeof ask->host))
        return body_refuse(self, m, -EINVAL, "resolver: name a host");
    struct entry *e = find(own_of(me), ask->host);
    int err = e ? 0 : add(&e, me, ask->host);
    if (!err)
        err = !is_pending(e) && e->until > cadre_now(self) ? answer_known(self, e, m)
                                                           : wait_for(self, me, e, m);
    return err ? body_refuse(self, m, err, "resolver: too much at a time") : 0;
}

static int resolver_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_on on[] = {
        {&cadre_resolver_ask_type, on_ask}, {&nudge_type, on_go}, {NULL, NULL}};
    return cadre_dispatch(self, state, m, on);
}

/* The promises end with their holder. */
static void resolver_stop(cadre_self *self, void *state, int reason)
{
    struct own *own = own_of(state);
    for (uint32_t i = 0; i < own->entries.count; i++)
        entry_free(entry_at(own, i));
    rows_free(&own->entries);
    nudge_fini(&own->nudge);
}

const cadre_class cadre_resolver_class = {.name = "cadre_resolver",
                                          .state_size = sizeof(cadre_resolver),
                                          .start = resolver_start,
                                          .receive = resolver_receive,
                                          .stop = resolver_stop};
