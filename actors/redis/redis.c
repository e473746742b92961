/* redis.c: a Redis server, as an actor.
 *
 * Requests are in one queue, in their order: first those that were sent and are not
 * answered, then those that wait. When the connection is lost it knows how far it has
 * sent: behind that they wait again, as if nothing had been.
 *
 * Connections must not come for the sake of a request, or they would go with it; so a
 * request only sends a nudge. */
#include "listens.h"
#include "outcome.h"

#include "../body.h"
#include "../nudge.h"

#include <cadre/arena.h>
#include <cadre/watch.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

struct request {
    cadre_promise promise;
    cadre_buf *bytes; /* as they are sent; NULL: it is over */
    cadre_buf *error; /* the first answer to a part of it that is one */
    cadre_time since;
    uint64_t end;          /* of it, among all that was written */
    uint32_t answers, got; /* how many belong to it; have come */
};

struct own {
    struct place *place;
    struct link *link;
    struct nudge nudge;
    struct rows requests;
    uint32_t head; /* the first that is not over */
    uint32_t sent; /* those before */
    cadre_ref listens;
};
static_assert(sizeof(struct own) <= sizeof((cadre_redis *)NULL)->own, "own");

static struct own *own_of(cadre_redis *me) { return (struct own *)(void *)me->own; }
static struct request *request_at(const struct own *own, uint32_t i)
{
    return rows_at(&own->requests, sizeof(struct request), i);
}

/* ---- the queue ------------------------------------------------------------------- */

/* It has its outcome, or nobody wants one; its place stays. */
static void forget(struct request *r)
{
    cadre_buf_unref(r->bytes);
    cadre_buf_unref(r->error);
    r->bytes = r->error = NULL;
}

/* Those at the front that are over go, when they are many. */
static void advance(struct own *own)
{
    while (own->head < own->sent && !request_at(own, own->head)->bytes)
        own->head++;
    if (own->head < own->requests.count && 2 * own->head < own->requests.count + 64)
        return;
    rows_remove_first(&own->requests, sizeof(struct request), own->head);
    own->sent -= own->head;
    own->head = 0;
}

/* Those that wait, and that nobody waits for. */
static void forget_idle(cadre_self *self, struct own *own)
{
    uint32_t kept = own->sent;
    for (uint32_t i = own->sent; i < own->requests.count; i++) {
        struct request *r = request_at(own, i);
        if (r->bytes && cadre_is_awaited(self, r->promise))
            *request_at(own, kept++) = *r;
        else
            forget(r);
    }
    own->requests.count = kept;
}

/* ---- to the server --------------------------------------------------------------- */

/* False: it has its outcome. */
static bool may_send(cadre_self *self, const struct own *own, const struct request *r)
{
    bool no_units = r->answers > 1 && own->link->no_units;
    if (!r->bytes || !cadre_is_awaited(self, r->promise))
        return false;
    if (no_units)
        outcome_no_units(self, r->promise);
    return !no_units;
}

static void send_waiting(cadre_self *self, struct own *own)
{
    int err = 0;
    while (own->sent < own->requests.count) {
        struct request *r = request_at(own, own->sent);
        if (may_send(self, own, r)) {
            err = link_write(self, own->link, r->bytes);
            if (err == CADRE_EFULL)
                break;
            if (err)
                outcome_fail(self, r->promise, err, 0);
            r->end = own->link->written;
            r->got = 0;
            if (err)
                forget(r);
        } else {
            forget(r);
        }
        own->sent++;
    }
    advance(own);
    link_expect(self, own->link, own->head < own->sent);
}

/* What has waited for too long, or all of it, fails as there is no connection. All where
 * there was no memory for a timer, too: nothing would bring the next one. */
static void fail_waiting(cadre_self *self, struct own *own, bool all)
{
    const struct link *link = own->link;
    cadre_time now = cadre_now(self);
    all = all || link->phase == LINK_CLOSED;
    for (uint32_t i = own->sent; i < own->requests.count; i++) {
        struct request *r = request_at(own, i);
        if (!r->bytes || (!all && now - r->since < own->place->limits.patience))
            continue;
        outcome_unsent(self, r->promise, link);
        forget(r);
    }
    forget_idle(self, own);
}

/* Returns what receive is to. */
static int go(cadre_self *self, struct own *own)
{
    enum link_news news = LINK_NOTHING;
    if (own->link->phase == LINK_CLOSED && own->sent < own->requests.count)
        news = link_open(self, own->link);
    if (news == LINK_FAILED)
        fail_waiting(self, own, false);
    if (own->link->phase == LINK_OPEN)
        send_waiting(self, own);
    return 0;
}

/* ---- from the server ------------------------------------------------------------- */

static void answer(cadre_self *self, struct request *r, struct reply *reply)
{
    const char *words = reply_error(reply);
    const struct reply first = {.data = r->error};
    if (words)
        outcome_error(self, r->promise, r->error ? reply_error(&first) : words);
    else if (reply->err)
        outcome_fail(self, r->promise, reply->err, 0);
    else
        outcome_answer(self, r->promise, cadre_buf_move(&reply->data));
    forget(r);
}

static void on_reply(cadre_self *self, struct own *own, struct reply *reply)
{
    if (own->head == own->sent) { /* nobody has asked */
        link_end(self, own->link, -EPROTO);
        return;
    }
    struct request *r = request_at(own, own->head);
    if (++r->got == r->answers)
        answer(self, r, reply);
    else if (reply_error(reply) && !r->error)
        r->error = cadre_buf_move(&reply->data);
    advance(own);
}

static void on_replies(cadre_self *self, struct own *own)
{
    struct reply reply;
    int more;
    while ((more = link_next(own->link, &reply)) > 0) {
        on_reply(self, own, &reply);
        cadre_buf_unref(reply.data);
    }
    if (more < 0)
        link_end(self, own->link, more);
    link_expect(self, own->link, own->head < own->sent);
}

/* What the system was given all of may have been done; of the rest nothing was. The first
 * may be why it was given up. */
static void on_lost(cadre_self *self, struct own *own)
{
    int reason = own->link->reason;
    int code = reason == -EMSGSIZE || reason == -ENOMEM ? reason : -ECONNRESET;
    for (; own->head < own->sent; own->head++) {
        struct request *r = request_at(own, own->head);
        if (r->bytes && r->end > own->link->given)
            break;
        if (r->bytes)
            outcome_fail(self, r->promise, code, reason);
        code = -ECONNRESET;
        forget(r);
    }
    own->sent = own->head;
    if (own->link->phase == LINK_CLOSED)
        fail_waiting(self, own, true);
}

static int on_news(cadre_self *self, struct own *own, const cadre_msg *m)
{
    switch (link_hear(self, own->link, m)) {
    case LINK_REPLIES:
        on_replies(self, own);
        return 0;
    case LINK_LOST:
        on_lost(self, own);
        return 0;
    case LINK_FAILED:
        fail_waiting(self, own, false);
        return 0;
    case LINK_REFUSED:
        fail_waiting(self, own, true);
        return outcome_refused(self, own->link);
    case LINK_FOREIGN:
        return cadre_unhandled(self, m);
    case LINK_NOTHING:
        return 0;
    default:
        return go(self, own);
    }
}

/* ---- what is asked --------------------------------------------------------------- */

static cadre_buf *unit_of(const cadre_redis_commands *c)
{
    static const char begin[] = "*1\r\n$5\r\nMULTI\r\n", end[] = "*1\r\n$4\r\nEXEC\r\n";
    size_t used = c->used;
    cadre_buf *buf = cadre_buf_new(NULL, used + sizeof begin + sizeof end - 2);
    if (!buf)
        return NULL;
    uint8_t *to = cadre_buf_data(buf);
    memcpy(to, begin, sizeof begin - 1);
    memcpy(to + sizeof begin - 1, cadre_buf_data(c->bytes), used);
    memcpy(to + sizeof begin - 1 + used, end, sizeof end - 1);
    return buf;
}

static int take(cadre_self *self, struct own *own, cadre_msg *m, struct request *r)
{
    cadre_redis_commands *c = m->body;
    if (own->requests.count - own->head >= own->place->limits.waiting)
        forget_idle(self, own);
    if (own->requests.count - own->head >= own->place->limits.waiting)
        return CADRE_EFULL;
    int err = rows_reserve(&own->requests, sizeof *r);
    if (err)
        return err;
    bool is_unit = c->count > 1;
    r->answers = is_unit ? c->count + 2 : 1;
    r->bytes = is_unit ? unit_of(c) : cadre_buf_ref(c->bytes);
    if (!r->bytes)
        return -ENOMEM;
    err = nudge_send(self, &own->nudge);
    return err ? err : cadre_defer(self, m, &r->promise);
}

static int on_commands(cadre_self *self, struct own *own, cadre_msg *m)
{
    const cadre_redis_commands *c = m->body;
    struct request r = {.since = cadre_now(self)};
    if (!m->token.id)
        return cadre_unhandled(self, m);
    if (c->count == 0 || c->used > cadre_buf_size(c->bytes) ||
        (c->count == 1 && c->used != cadre_buf_size(c->bytes)))
        return body_refuse(self, m, -EINVAL, "redis: there is no command");
    int err = take(self, own, m, &r);
    if (!err)
        rows_append(&own->requests, sizeof r, &r);
    else
        forget(&r);
    return err ? body_refuse(self, m, err, "redis: too much waits: ask for less") : 0;
}

/* By a child of its own: so those who are slow to listen hold up no answer. */
static int on_listen(cadre_self *self, struct own *own, cadre_msg *m)
{
    int err = 0;
    if (!m->token.id)
        return cadre_unhandled(self, m);
    if (!own->listens.id) {
        err = listens_spawn(self, &own->listens, own->place);
        if (!err)
            err = cadre_link(self, NULL, own->listens);
        if (err && own->listens.id)
            (void)cadre_kill(self, own->listens, 0);
        if (err)
            own->listens.id = 0;
    }
    if (err)
        return body_refuse(self, m, err, NULL);
    (void)cadre_forward(self, own->listens, m); /* without memory it is unanswered */
    return 0;
}

/* ---- its life -------------------------------------------------------------------- */

static int redis_start(cadre_self *self, void *state)
{
    cadre_redis *me = state;
    struct own *own = own_of(me);
    own->place = cadre_alloc(self, sizeof *own->place);
    own->link = cadre_alloc(self, sizeof *own->link);
    if (!own->place || !own->link)
        return -ENOMEM;
    int err = place_init(self, own->place, me);
    if (!err)
        err = nudge_init(&own->nudge);
    if (err)
        place_fini(own->place);
    else
        link_init(own->link, own->place);
    return err;
}

static int redis_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct own *own = own_of(state);
    if (m->type == &cadre_redis_commands_type)
        return on_commands(self, own, m);
    if (m->type == &cadre_redis_listen_type)
        return on_listen(self, own, m);
    if (m->type != &nudge_type)
        return on_news(self, own, m);
    nudge_came(m);
    return go(self, own);
}

/* The promises end with their holder. */
static void redis_stop(cadre_self *self, void *state, int reason)
{
    struct own *own = own_of(state);
    for (uint32_t i = own->head; i < own->requests.count; i++)
        forget(request_at(own, i));
    rows_free(&own->requests);
    link_fini(own->link);
    place_fini(own->place);
    nudge_fini(&own->nudge);
}

const cadre_class cadre_redis_class = {.name = "cadre_redis",
                                       .state_size = sizeof(cadre_redis),
                                       .start = redis_start,
                                       .receive = redis_receive,
                                       .stop = redis_stop};
