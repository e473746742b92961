/* listens.c: the actor of those who listen to channels, over a connection of its own.
 *
 * Each request and each end of a listener changes what is wanted; the nudge that follows
 * tells the server the difference. When the connection is lost, the server knows nothing
 * any more, and all is asked for again. A server that says nothing is asked now and then
 * whether it is there. */
#include "listens.h"

#include "outcome.h"
#include "subjects.h"

#include "../body.h"
#include "../nudge.h"

#include <cadre/timer.h>
#include <cadre/watch.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct listens {
    const struct place *place;
    struct link link;
    struct nudge nudge;
    struct subjects subjects;
    cadre_buf *ping;
    cadre_token ticking;   /* while it is open */
    uint32_t asked, pings; /* subjects, and these, that are not answered */
    uint64_t pinged;       /* the turn of the last one among theirs */
};

static const cadre_type redis_tick_type = {.name = "redis_tick"};

static void drop_notice(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_redis_notice *)body)->data));
}
CADRE_TYPE_DROP(cadre_redis_notice, drop_notice);
CADRE_TYPE(cadre_redis_listen);

/* ---- what listeners are told ----------------------------------------------------- */

/* The name is what it has asked for. Without memory it is told later. */
static void tell_lost(cadre_self *self, const struct subject *s, struct listener *l,
                      bool is_over)
{
    size_t size = strlen(s->is.channel);
    cadre_redis_notice notice = {.data = cadre_buf_new(s->is.channel, size + 1),
                                 .is_lost = true,
                                 .is_over = is_over};
    if (!notice.data)
        return;
    *(s->is.is_pattern ? &notice.pattern : &notice.channel) =
        (cadre_redis_value){.kind = CADRE_REDIS_TEXT,
                            .size = (uint32_t)size,
                            .is.text = (const char *)cadre_buf_data(notice.data)};
    l->has_lost = cadre_send_as(self, l->who, &cadre_redis_notice_type, &notice) != 0;
}

/* What could not be told before. */
static void catch_up(cadre_self *self, const struct subject *s)
{
    for (uint32_t i = 0; i < s->listeners.count; i++)
        if (listener_at(s, i)->has_lost)
            tell_lost(self, s, listener_at(s, i), false);
}

static void tell(cadre_self *self, const struct subject *s,
                 const cadre_redis_notice *what)
{
    for (uint32_t i = 0; i < s->listeners.count; i++) {
        struct listener *l = listener_at(s, i);
        if (l->has_lost)
            tell_lost(self, s, l, false);
        (void)cadre_buf_ref(what->data);
        if (cadre_send_as(self, l->who, &cadre_redis_notice_type, what))
            l->has_lost = true;
    }
}

static void remove_listener(cadre_self *self, struct listens *me, struct subject *s,
                            uint32_t i)
{
    (void)cadre_cancel(self, listener_at(s, i)->watch);
    subject_remove(&me->subjects, s, i);
}

/* ---- who listens ----------------------------------------------------------------- */

static int add(cadre_self *self, struct listens *me, cadre_msg *m)
{
    struct subject *s = NULL;
    struct listener l = {.who = m->from, .since = cadre_now(self)};
    int err = me->subjects.listeners < me->place->limits.waiting ? 0 : CADRE_EFULL;
    if (!err)
        s = subjects_make(&me->subjects, m->body);
    if (!err && (!s || rows_reserve(&s->listeners, sizeof l)))
        err = -ENOMEM;
    if (!err)
        err = nudge_send(self, &me->nudge);
    if (!err)
        err = cadre_watch(self, &l.watch, m->from);
    if (!err)
        err = cadre_defer(self, m, &l.promise);
    if (err && l.watch.id)
        (void)cadre_cancel(self, l.watch);
    if (!err && s->state == SUBJECT_HEARD) { /* for others */
        outcome_answer(self, l.promise, NULL);
        l.promise.token.id = 0;
    }
    return err ? err : subject_add(&me->subjects, s, &l);
}

static uint32_t find(const struct subject *s, cadre_ref who)
{
    uint32_t i = 0;
    while (s && i < s->listeners.count && !cadre_same(listener_at(s, i)->who, who))
        i++;
    return i;
}

static void stop_listening(cadre_self *self, struct listens *me, struct subject *s,
                           uint32_t i)
{
    cadre_promise promise = listener_at(s, i)->promise;
    if (promise.token.id)
        outcome_answer(self, promise, NULL);
    remove_listener(self, me, s, i);
    (void)nudge_send(self, &me->nudge); /* or with the next one */
}

static int on_listen(cadre_self *self, struct listens *me, cadre_msg *m)
{
    const cadre_redis_listen *ask = m->body;
    size_t size = strnlen(ask->channel, sizeof ask->channel);
    if (!m->token.id)
        return cadre_unhandled(self, m);
    if (!m->from.id || size == 0 || size == sizeof ask->channel)
        return body_refuse(self, m, -EINVAL,
                           "redis: an actor listens, to a channel with a name");
    struct subject *s =
        subjects_find(&me->subjects, ask->is_pattern, ask->channel, size);
    uint32_t i = find(s, m->from);
    bool is_known = s && i < s->listeners.count;
    int err = 0;
    if (!ask->stop && !is_known) {
        err = add(self, me, m);
        return err ? body_refuse(self, m, err, "redis: too many listen") : 0;
    }
    if (!ask->stop && listener_at(s, i)->promise.token.id)
        return body_refuse(self, m, -EALREADY, "redis: that was asked for already");
    if (ask->stop && is_known)
        stop_listening(self, me, s, i);
    (void)cadre_reply(self, m, cadre_redis_answer, .data = NULL);
    return 0; /* without memory it is unanswered */
}

static void on_down(cadre_self *self, struct listens *me, cadre_token watch)
{
    for (uint32_t i = 0; i < me->subjects.rows.count; i++) {
        struct subject *s = subject_at(&me->subjects, i);
        for (uint32_t k = s->listeners.count; k-- > 0;)
            if (listener_at(s, k)->watch.id == watch.id)
                stop_listening(self, me, s, k);
    }
}

/* Those whose request is not answered, and has waited for too long, or each. */
static void fail_waiting(cadre_self *self, struct listens *me, bool all)
{
    cadre_time now = cadre_now(self);
    all = all || me->link.phase == LINK_CLOSED; /* no memory for a timer */
    for (uint32_t i = 0; i < me->subjects.rows.count; i++) {
        struct subject *s = subject_at(&me->subjects, i);
        for (uint32_t k = s->listeners.count; k-- > 0;) {
            struct listener *l = listener_at(s, k);
            bool is_late = all || now - l->since >= me->place->limits.patience;
            if (!l->promise.token.id || !is_late)
                continue;
            outcome_unsent(self, l->promise, &me->link);
            remove_listener(self, me, s, k);
        }
    }
    subjects_sweep(&me->subjects);
}

/* ---- what the server is told ----------------------------------------------------- */

static cadre_buf *command_of(const char *verb, const char *name)
{
    enum { HEADS = 64 };
    char text[CADRE_REDIS_CHANNEL_MAX + HEADS];
    int size = snprintf(text, sizeof text, "*2\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n",
                        strlen(verb), verb, strlen(name), name);
    return cadre_buf_new(text, (size_t)size);
}

static int ask_server(cadre_self *self, struct listens *me, struct subject *s,
                      const char *verb, enum subject_state state)
{
    cadre_buf *command = command_of(verb, s->is.channel);
    int err = command ? link_write(self, &me->link, command) : -ENOMEM;
    cadre_buf_unref(command);
    if (err)
        return err;
    s->state = state;
    s->turn = me->subjects.turns++;
    me->asked++;
    return 0;
}

static int ask_next(cadre_self *self, struct listens *me, struct subject *s)
{
    bool is_pattern = s->is.is_pattern;
    if (s->state == SUBJECT_NEW && s->listeners.count > 0)
        return ask_server(self, me, s, is_pattern ? "PSUBSCRIBE" : "SUBSCRIBE",
                          SUBJECT_ASKED);
    if (s->state == SUBJECT_HEARD && s->listeners.count == 0)
        return ask_server(self, me, s, is_pattern ? "PUNSUBSCRIBE" : "UNSUBSCRIBE",
                          SUBJECT_LEAVES);
    return 0;
}

static void expect(cadre_self *self, struct listens *me)
{
    link_expect(self, &me->link, me->asked > 0 || me->pings > 0);
}

/* One that nobody listens to has no connection. */
static void go(cadre_self *self, struct listens *me)
{
    enum link_news news = LINK_NOTHING;
    int err = 0;
    subjects_sweep(&me->subjects);
    if (me->subjects.rows.count == 0)
        link_end(self, &me->link, 0);
    else if (me->link.phase == LINK_CLOSED)
        news = link_open(self, &me->link);
    if (news == LINK_FAILED)
        fail_waiting(self, me, false);
    if (me->link.phase != LINK_OPEN)
        return;
    for (uint32_t i = 0; !err && i < me->subjects.rows.count; i++)
        err = ask_next(self, me, subject_at(&me->subjects, i));
    if (err == -ENOMEM)
        link_end(self, &me->link, err);
    expect(self, me);
}

/* ---- what it says ---------------------------------------------------------------- */

static bool is(const cadre_redis_value *v, const char *text)
{
    return cadre_redis_text(v) && strcmp(v->is.text, text) == 0;
}

static void on_message(cadre_self *self, struct listens *me, struct reply *reply)
{
    const cadre_redis_value *v = reply_value(reply);
    bool is_pattern = is(cadre_redis_at(v, 0), "pmessage");
    const cadre_redis_value *name = cadre_redis_at(v, 1);
    cadre_redis_notice notice = {.channel = *cadre_redis_at(v, is_pattern ? 2 : 1),
                                 .payload = *cadre_redis_at(v, is_pattern ? 3 : 2),
                                 .data = reply->data};
    if (is_pattern)
        notice.pattern = *name;
    const struct subject *s = NULL;
    if (cadre_redis_text(name))
        s = subjects_find(&me->subjects, is_pattern, name->is.text, name->size);
    if (s)
        tell(self, s, &notice);
}

/* From here on it is heard. */
static void on_heard(cadre_self *self, struct subject *s)
{
    s->state = SUBJECT_HEARD;
    catch_up(self, s);
    for (uint32_t i = 0; i < s->listeners.count; i++) {
        struct listener *l = listener_at(s, i);
        if (l->promise.token.id)
            outcome_answer(self, l->promise, NULL);
        l->promise.token.id = 0;
    }
}

/* It is over for those who have listened before, too: they would wait in vain. */
static void on_refused(cadre_self *self, struct listens *me, struct subject *s,
                       const char *words)
{
    s->state = SUBJECT_NEW;
    for (uint32_t i = s->listeners.count; i-- > 0; remove_listener(self, me, s, i)) {
        struct listener *l = listener_at(s, i);
        if (l->promise.token.id)
            outcome_error(self, l->promise, words);
        else
            tell_lost(self, s, l, true);
    }
}

/* What the server was asked for first. Someone may have come meanwhile to what was left,
 * or all have left what is heard now, so there may be more to do. */
static void on_asked(cadre_self *self, struct listens *me, struct reply *reply)
{
    struct subject *s = subjects_first_asked(&me->subjects);
    const cadre_redis_value *v = reply_value(reply), *verb = cadre_redis_at(v, 0);
    const char *words = reply_error(reply);
    bool leaves = s && s->state == SUBJECT_LEAVES;
    bool is_right = leaves ? is(verb, "unsubscribe") || is(verb, "punsubscribe")
                           : is(verb, "subscribe") || is(verb, "psubscribe");
    me->asked -= me->asked > 0;
    if (s && words)
        on_refused(self, me, s, words);
    else if (!s || !is_right || !is(cadre_redis_at(v, 1), s->is.channel))
        link_end(self, &me->link, -EPROTO);
    else if (leaves)
        s->state = SUBJECT_NEW;
    else
        on_heard(self, s);
    bool is_done = s && s->state == SUBJECT_HEARD && s->listeners.count > 0;
    if (!is_done && nudge_send(self, &me->nudge))
        link_end(self, &me->link, -ENOMEM); /* then all is asked for anew */
}

/* One that is too large for us is lost to who listens: to which one nobody knows. */
static void on_too_large(cadre_self *self, struct listens *me)
{
    for (uint32_t i = 0; i < me->subjects.rows.count; i++) {
        struct subject *s = subject_at(&me->subjects, i);
        if (s->state != SUBJECT_HEARD)
            continue;
        for (uint32_t k = 0; k < s->listeners.count; k++)
            listener_at(s, k)->has_lost = true;
        catch_up(self, s);
    }
}

/* An error is the answer to what was asked for first. */
static bool is_of_ping(const struct listens *me, const struct reply *reply)
{
    const struct subject *s = subjects_first_asked(&me->subjects);
    return reply_error(reply) && me->pings > 0 && (!s || me->pinged < s->turn);
}

static void on_reply(cadre_self *self, struct listens *me, struct reply *reply)
{
    const cadre_redis_value *v = reply_value(reply);
    if (reply->err == -EMSGSIZE)
        on_too_large(self, me);
    else if (reply->err)
        link_end(self, &me->link, reply->err);
    else if (is(cadre_redis_at(v, 0), "message") ||
             is(cadre_redis_at(v, 0), "pmessage"))
        on_message(self, me, reply);
    else if (v->kind == CADRE_REDIS_TEXT || is(cadre_redis_at(v, 0), "pong") ||
             is_of_ping(me, reply))
        me->pings -= me->pings > 0;
    else
        on_asked(self, me, reply);
}

static void on_replies(cadre_self *self, struct listens *me)
{
    struct reply reply;
    int more;
    while ((more = link_next(&me->link, &reply)) > 0) {
        on_reply(self, me, &reply);
        cadre_buf_unref(reply.data);
    }
    if (more < 0)
        link_end(self, &me->link, more);
    expect(self, me);
}

/* ---- the connection -------------------------------------------------------------- */

static void on_opened(cadre_self *self, struct listens *me)
{
    cadre_time period = me->place->limits.answer / 2;
    me->asked = me->pings = 0;
    if (period < CADRE_NEVER / 2 &&
        cadre_every_as(self, &me->ticking, period > CADRE_MS ? period : CADRE_MS,
                       &redis_tick_type, NULL))
        link_end(self, &me->link, -ENOMEM);
    go(self, me);
}

static void on_tick(cadre_self *self, struct listens *me)
{
    for (uint32_t i = 0; i < me->subjects.rows.count; i++)
        if (subject_at(&me->subjects, i)->state == SUBJECT_HEARD)
            catch_up(self, subject_at(&me->subjects, i));
    if (me->link.phase != LINK_OPEN || me->pings > 0 ||
        link_write(self, &me->link, me->ping))
        return;
    me->pings++;
    me->pinged = me->subjects.turns++;
    expect(self, me);
}

static void on_lost(cadre_self *self, struct listens *me)
{
    if (me->ticking.id)
        (void)cadre_cancel(self, me->ticking);
    me->ticking.id = 0;
    for (uint32_t i = 0; i < me->subjects.rows.count; i++) {
        struct subject *s = subject_at(&me->subjects, i);
        for (uint32_t k = 0; k < s->listeners.count; k++)
            if (!listener_at(s, k)->promise.token.id)
                listener_at(s, k)->has_lost = true;
        s->state = SUBJECT_NEW;
    }
    subjects_sweep(&me->subjects);
}

static int on_news(cadre_self *self, struct listens *me, const cadre_msg *m)
{
    switch (link_hear(self, &me->link, m)) {
    case LINK_OPENED:
        on_opened(self, me);
        return 0;
    case LINK_REPLIES:
        on_replies(self, me);
        return 0;
    case LINK_LOST:
        on_lost(self, me);
        return 0;
    case LINK_FAILED:
        fail_waiting(self, me, false);
        return 0;
    case LINK_REFUSED:
        fail_waiting(self, me, true);
        return outcome_refused(self, &me->link);
    case LINK_FOREIGN:
        return cadre_unhandled(self, m);
    case LINK_NOTHING:
        return 0;
    default:
        go(self, me);
        return 0;
    }
}

/* ---- its life -------------------------------------------------------------------- */

static int listens_start(cadre_self *self, void *state)
{
    static const char ping[] = "*1\r\n$4\r\nPING\r\n";
    struct listens *me = state;
    link_init(&me->link, me->place);
    me->ping = cadre_buf_new(ping, sizeof ping - 1);
    int err = me->ping ? nudge_init(&me->nudge) : -ENOMEM;
    if (err)
        cadre_buf_unref(me->ping);
    return err;
}

static int listens_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct listens *me = state;
    if (m->type == &cadre_redis_listen_type)
        return on_listen(self, me, m);
    if (m->type == &cadre_down_type)
        on_down(self, me, m->token);
    else if (m->type == &redis_tick_type)
        on_tick(self, me);
    else if (m->type != &nudge_type)
        return on_news(self, me, m);
    if (m->type != &nudge_type)
        return 0;
    nudge_came(m);
    go(self, me);
    return 0;
}

static void listens_stop(cadre_self *self, void *state, int reason)
{
    struct listens *me = state;
    subjects_free(&me->subjects);
    link_fini(&me->link);
    nudge_fini(&me->nudge);
    cadre_buf_unref(me->ping);
}

static const cadre_class listens_class = {.name = "cadre_redis_listens",
                                          .state_size = sizeof(struct listens),
                                          .start = listens_start,
                                          .receive = listens_receive,
                                          .stop = listens_stop};

int listens_spawn(cadre_self *self, cadre_ref *child, const struct place *place)
{
    const struct listens init = {.place = place};
    return cadre_spawn(self, child, &listens_class, &init);
}
