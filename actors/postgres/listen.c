/* listen.c: who hears what NOTIFY says: over a connection of its own.
 *
 * A listener has asked, and then its channel is asked for at the server, once more after
 * each time that the connection was lost. One whose channel nobody listens to any more
 * stays until the server knows that. */
#include "listen.h"

#include "../body.h"

#include <cadre/watch.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CHANNEL = CADRE_SQL_CHANNEL_MAX + 1 };
struct listener {
    cadre_ref who; /* id 0: nobody any more */
    cadre_token watch;
    cadre_promise promise; /* to be answered when it is heard; token 0: it was */
    bool is_asked, is_heard, has_lost;
    char channel[CHANNEL];
};

static void drop_notice(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_sql_notice *)body)->payload));
}
CADRE_TYPE_DROP(cadre_sql_notice, drop_notice);
CADRE_TYPE(cadre_sql_listen);

static struct listener *listener_at(cadre_postgres *me, uint32_t i)
{
    return rows_at(&own_of(me)->listeners, sizeof(struct listener), i);
}
static uint32_t count(cadre_postgres *me) { return own_of(me)->listeners.count; }
static struct seat *seat_of(cadre_postgres *me)
{
    return &own_of(me)->seats[me->connections];
}

/* ---- who listens ----------------------------------------------------------------- */

static struct listener *find(cadre_postgres *me, cadre_ref who, const char *channel)
{
    for (uint32_t i = 0; i < count(me); i++)
        if (cadre_same(listener_at(me, i)->who, who) &&
            strcmp(listener_at(me, i)->channel, channel) == 0)
            return listener_at(me, i);
    return NULL;
}

static void leave(cadre_self *self, cadre_postgres *me, struct listener *l)
{
    struct outcome outcome = {.error.code = 0};
    if (l->promise.token.id)
        outcome_answer(self, l->promise, &outcome);
    (void)cadre_cancel(self, l->watch);
    l->who.id = l->promise.token.id = 0;
    l->is_asked = false;
    pool_tell(self, me);
}

int listen_on_down(cadre_self *self, void *state, cadre_msg *m)
{
    for (uint32_t i = 0; i < count(state); i++)
        if (listener_at(state, i)->watch.id == m->token.id)
            leave(self, state, listener_at(state, i));
    return 0;
}

static int add(cadre_self *self, cadre_postgres *me, cadre_msg *m)
{
    struct own *own = own_of(me);
    const cadre_sql_listen *ask = m->body;
    struct listener l = {.who = m->from};
    int err =
        count(me) < me->waiting ? rows_reserve(&own->listeners, sizeof l) : CADRE_EFULL;
    if (!err)
        err = cadre_watch(self, &l.watch, m->from);
    if (err)
        return body_refuse(self, m, err, "postgres: too many listen");
    err = cadre_defer(self, m, &l.promise);
    if (err) {
        (void)cadre_cancel(self, l.watch);
        return body_refuse(self, m, err, NULL);
    }
    memcpy(l.channel, ask->channel, sizeof l.channel);
    rows_append(&own->listeners, sizeof l, &l);
    pool_tell(self, me);
    return 0;
}

int listen_on_ask(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_sql_listen *ask = m->body;
    if (!m->token.id)
        return cadre_unhandled(self, m);
    if (!m->from.id || !ask->channel[0] || !memchr(ask->channel, 0, CHANNEL))
        return body_refuse(self, m, -EINVAL,
                           "postgres: an actor listens, to a channel with a name");
    struct listener *before = find(state, m->from, ask->channel);
    if (!ask->stop && !before)
        return add(self, state, m);
    if (!ask->stop && !before->is_heard)
        return body_refuse(self, m, -EALREADY, "postgres: that was asked for already");
    if (ask->stop && before)
        leave(self, state, before);
    (void)cadre_reply(self, m, cadre_sql_rows, .columns = 0);
    return 0; /* without memory it is unanswered */
}

/* ---- what the server knows ------------------------------------------------------- */

static bool is_to_be_told(const struct listener *l)
{
    return l->who.id ? !l->is_heard : true;
}

static bool has_others(cadre_postgres *me, const struct listener *than)
{
    for (uint32_t i = 0; i < count(me); i++)
        if (listener_at(me, i)->who.id &&
            strcmp(listener_at(me, i)->channel, than->channel) == 0)
            return true;
    return false;
}

/* A name in quotes, with each of its own doubled. */
static int add_statement(cadre_sql *sql, const char *verb, const char *channel)
{
    char text[2 * CHANNEL + 16];
    int at = snprintf(text, sizeof text, "%s \"", verb);
    for (; *channel; channel++) {
        if (*channel == '"')
            text[at++] = '"';
        text[at++] = *channel;
    }
    text[at++] = '"';
    text[at] = 0;
    return cadre_sql_add(sql, text, NULL, 0);
}

static int ask_server(cadre_postgres *me, cadre_sql *sql)
{
    int err = 0;
    for (uint32_t i = 0; !err && i < count(me); i++) {
        struct listener *l = listener_at(me, i);
        if (!is_to_be_told(l))
            continue;
        l->is_asked = true;
        if (l->who.id)
            err = add_statement(sql, "LISTEN", l->channel);
        else if (!has_others(me, l))
            err = add_statement(sql, "UNLISTEN", l->channel);
        if (sql->count)
            break; /* so that an error is this one's */
    }
    return err;
}

static void forget(cadre_postgres *me, bool all)
{
    for (uint32_t i = count(me); i-- > 0;)
        if (!listener_at(me, i)->who.id && (all || listener_at(me, i)->is_asked))
            rows_remove(&own_of(me)->listeners, sizeof(struct listener), i);
}

void listen_go(cadre_self *self, cadre_postgres *me)
{
    struct own *own = own_of(me);
    struct seat *seat = seat_of(me);
    bool is_due = false;
    if (seat->phase == CLOSED)
        forget(me, true);
    for (uint32_t i = 0; i < count(me); i++)
        is_due = is_due || is_to_be_told(listener_at(me, i));
    if (seat->phase == CLOSED && is_due && !own->rests)
        connect_begin(self, me, seat);
    if (seat->phase != FREE || !is_due || own->rests)
        return;
    seat->request = (struct request){.since = 0};
    seat->phase = RUNS;
    int err = ask_server(me, &seat->request.sql);
    if (!err && seat->request.sql.count == 0) { /* others have those channels */
        forget(me, false);
        seat->phase = FREE;
    } else if (err || link_begin(&seat->link, &seat->request.sql))
        connect_lose(self, me, seat);
    else
        (void)connect_wait(self, me, seat);
}

/* ---- what it says ---------------------------------------------------------------- */

static void send_to(cadre_self *self, struct listener *l, const char *payload)
{
    cadre_sql_notice notice = {.is_lost = !payload};
    memcpy(notice.channel, l->channel, sizeof notice.channel);
    if (payload) {
        notice.payload = cadre_buf_new(payload, strlen(payload) + 1);
        l->has_lost = l->has_lost || !notice.payload;
        if (!notice.payload)
            return;
    }
    int err = cadre_send_as(self, l->who, &cadre_sql_notice_type, &notice);
    l->has_lost = payload ? l->has_lost || err : err != 0;
}

static void tell(cadre_self *self, struct listener *l, const char *payload)
{
    if (l->has_lost)
        send_to(self, l, NULL);
    if (payload)
        send_to(self, l, payload);
}

void listen_hear(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    PGnotify *n;
    while ((n = PQnotifies(seat->link.conn))) {
        for (uint32_t i = 0; i < count(me); i++) {
            struct listener *l = listener_at(me, i);
            if (l->who.id && strcmp(l->channel, n->relname) == 0)
                tell(self, l, n->extra ? n->extra : "");
        }
        PQfreemem(n);
    }
}

/* The server refuses what it was asked for last: a new listener is told so; one that has
 * listened before, to another server, is asked for again later. */
static void refuse(cadre_self *self, cadre_postgres *me, struct outcome *outcome)
{
    for (uint32_t i = count(me); i-- > 0;) {
        struct listener *l = listener_at(me, i);
        if (!l->is_asked)
            continue;
        l->is_asked = false;
        if (!l->promise.token.id) {
            connect_rest(self, own_of(me));
            continue;
        }
        outcome_answer(self, l->promise, outcome);
        (void)cadre_cancel(self, l->watch);
        rows_remove(&own_of(me)->listeners, sizeof *l, i);
    }
}

void listen_on_done(cadre_self *self, cadre_postgres *me, struct seat *seat)
{
    bool is_fine = !seat->link.outcome.error.code;
    if (!is_fine)
        refuse(self, me, &seat->link.outcome);
    for (uint32_t i = 0; is_fine && i < count(me); i++) {
        struct listener *l = listener_at(me, i);
        struct outcome outcome = {.error.code = 0};
        if (!l->is_asked || !l->who.id)
            continue;
        l->is_asked = false;
        l->is_heard = true;
        tell(self, l, NULL);
        if (l->promise.token.id)
            outcome_answer(self, l->promise, &outcome);
        l->promise.token.id = 0;
    }
    if (is_fine)
        forget(me, false);
}

void listen_on_lost(cadre_self *self, cadre_postgres *me)
{
    for (uint32_t i = 0; i < count(me); i++) {
        struct listener *l = listener_at(me, i);
        l->has_lost = l->has_lost || l->is_heard;
        l->is_heard = l->is_asked = false;
    }
}

void listen_stop(cadre_postgres *me) { rows_free(&own_of(me)->listeners); }
