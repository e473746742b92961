/* outbox.c: mail, the sending side: keeps what it sent, and sends it again on request.
 *
 * The newest letter of each item, or key, is kept; an older one is of no use to anybody.
 * It is kept as long as one that it replaces would have been: an inbox that still has the
 * old one must learn that it does not count. They are in the order of their versions. */
#include <cadre/actors/post.h>

#include "body.h"
#include "rows.h"

#include <cadre/dispatch.h>
#include <cadre/timer.h>

#include <assert.h>
#include <errno.h>

struct own {
    struct rows kept; /* struct kept */
    uint64_t last;    /* version */
    cadre_token timer;
    cadre_time wait; /* to the next announcement */
    uint32_t rounds; /* announcements since the last letter */
};
static_assert(sizeof(struct own) <= sizeof((cadre_outbox *)NULL)->own, "own");

struct kept {
    cadre_post_letter letter;
    cadre_time until;
};

static const cadre_type outbox_alarm_type = {.name = "outbox_alarm"};

static void drop_post(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_post *)body)->content));
}
static void drop_correct(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_post_correct *)body)->content));
}
static void drop_letter(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_post_letter *)body)->content));
}
CADRE_TYPE_DROP(cadre_post, drop_post);
CADRE_TYPE_DROP(cadre_post_correct, drop_correct);
CADRE_TYPE(cadre_post_recall);
CADRE_TYPE(cadre_post_number);
CADRE_TYPE(cadre_post_dispute);
CADRE_TYPE_DROP(cadre_post_letter, drop_letter);
CADRE_TYPE(cadre_post_last);
CADRE_TYPE(cadre_post_gone);
CADRE_TYPE(cadre_post_resend);

static struct own *own_of(cadre_outbox *me) { return (struct own *)(void *)me->own; }

static int outbox_start(cadre_self *self, void *state)
{
    cadre_outbox *me = state;
    if (!me->to.id || me->announce < 0 || me->ttl < 0)
        return -EINVAL;
    me->keep = me->keep ? me->keep : 256;
    me->announcements = me->announcements ? me->announcements : 10;
    me->announce = me->announce ? me->announce : CADRE_SECOND;
    me->ttl = me->ttl ? me->ttl : 3600 * CADRE_SECOND;
    return 0;
}

/* ---- what is kept ---- */

static struct kept *kept_at(const struct own *own, uint32_t i)
{
    return rows_at(&own->kept, sizeof(struct kept), i);
}

static void forget(struct own *own, uint32_t i)
{
    drop_letter(&kept_at(own, i)->letter);
    rows_remove(&own->kept, sizeof(struct kept), i);
}

static void forget_expired(cadre_self *self, struct own *own)
{
    cadre_time now = cadre_now(self);
    for (uint32_t i = own->kept.count; i-- > 0;)
        if (kept_at(own, i)->until <= now)
            forget(own, i);
}

static bool replaces(const cadre_post_letter *l, const cadre_post_letter *old)
{
    return l->key ? l->key == old->key : !old->key && l->number == old->number;
}

static void keep(const cadre_outbox *me, struct own *own, const cadre_post_letter *l)
{
    struct kept kept = {*l, l->expires};
    for (uint32_t i = own->kept.count; i-- > 0;)
        if (replaces(l, &kept_at(own, i)->letter)) {
            if (kept.until < kept_at(own, i)->until)
                kept.until = kept_at(own, i)->until;
            forget(own, i);
        }
    if (own->kept.count >= me->keep)
        forget(own, 0);
    rows_append(&own->kept, sizeof kept, &kept);
}

/* The newest letter of this item; NULL: it is not kept any more, or was recalled. */
static const cadre_post_letter *find(cadre_self *self, const struct own *own,
                                     uint64_t number)
{
    for (uint32_t i = own->kept.count; i-- > 0;) {
        const cadre_post_letter *l = &kept_at(own, i)->letter;
        if (l->number == number)
            return l->kind != CADRE_POST_RECALL && l->expires > cadre_now(self) ? l
                                                                                : NULL;
    }
    return NULL;
}

/* ---- sending ---- */

/* One that fails is as good as lost on the way. */
static void send_letter(cadre_self *self, const cadre_outbox *me,
                        const cadre_post_letter *kept)
{
    cadre_post_letter letter = *kept;
    (void)cadre_buf_ref(letter.content);
    (void)cadre_send_as(self, me->to, &cadre_post_letter_type, &letter);
}

static void set_timer(cadre_self *self, struct own *own)
{
    if (cadre_after_as(self, &own->timer, own->wait, &outbox_alarm_type, NULL))
        own->timer = (cadre_token){0};
}

static void begin_to_announce(cadre_self *self, const cadre_outbox *me, struct own *own)
{
    own->rounds = 0;
    if (own->timer.id && own->wait == me->announce)
        return;
    if (own->timer.id)
        (void)cadre_cancel(self, own->timer);
    own->wait = me->announce;
    set_timer(self, own);
}

static int announce(cadre_self *self, cadre_outbox *me)
{
    struct own *own = own_of(me);
    own->timer = (cadre_token){0};
    (void)cadre_send(self, me->to, cadre_post_last, cadre_me(self), own->last);
    if (++own->rounds >= me->announcements)
        return 0;
    own->wait = own->wait < CADRE_NEVER / 4 ? 2 * own->wait : own->wait;
    set_timer(self, own);
    return 0;
}

/* A letter of this kind: l has its key, number (0: a new item) and content. */
static int post(cadre_self *self, cadre_outbox *me, const cadre_msg *m,
                cadre_post_letter *l, cadre_time ttl)
{
    struct own *own = own_of(me);
    cadre_time now = cadre_now(self);
    int err = ttl < 0 ? -EINVAL : rows_reserve(&own->kept, sizeof(struct kept));
    if (err) {
        drop_letter(l);
        return body_refuse(self, m, err, "outbox: no memory, or a negative time");
    }
    ttl = ttl ? ttl : me->ttl;
    l->expires = ttl < CADRE_NEVER - now ? now + ttl : CADRE_NEVER;
    l->outbox = cadre_me(self);
    l->version = ++own->last;
    l->number = l->number ? l->number : l->version;
    forget_expired(self, own);
    keep(me, own, l);
    send_letter(self, me, l);
    begin_to_announce(self, me, own);
    if (m->token.id)
        (void)cadre_reply(self, m, cadre_post_number, l->number);
    return 0;
}

static int on_post(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_post *p = m->body;
    cadre_post_letter l = {.kind = CADRE_POST_NEW, .key = p->key};
    l.content = cadre_buf_move(&p->content);
    return post(self, state, m, &l, p->ttl);
}

/* A further letter about an item. */
static int post_about(cadre_self *self, cadre_outbox *me, const cadre_msg *m,
                      cadre_post_letter *l, cadre_time ttl)
{
    const cadre_post_letter *before = find(self, own_of(me), l->number);
    if (!before) {
        drop_letter(l);
        return body_refuse(self, m, -ENOENT, "outbox: the item is not kept any more");
    }
    l->key = before->key;
    return post(self, me, m, l, ttl);
}

static int on_correct(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_post_correct *c = m->body;
    cadre_post_letter l = {.kind = CADRE_POST_CORRECTION, .number = c->number};
    l.content = cadre_buf_move(&c->content);
    return post_about(self, state, m, &l, c->ttl);
}

static int on_recall(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_post_recall *r = m->body;
    cadre_post_letter l = {.kind = CADRE_POST_RECALL, .number = r->number};
    return post_about(self, state, m, &l, 0);
}

/* ---- on request ---- */

static void send_gone(cadre_self *self, const cadre_outbox *me, uint64_t first,
                      uint64_t last)
{
    if (first <= last)
        (void)cadre_send(self, me->to, cadre_post_gone, cadre_me(self), first, last);
}

static int on_resend(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_outbox *me = state;
    struct own *own = own_of(me);
    const cadre_post_resend *r = m->body;
    uint64_t next = r->first ? r->first : 1;
    uint64_t last = r->last < own->last ? r->last : own->last;
    forget_expired(self, own);
    for (uint32_t i = 0; i < own->kept.count; i++) {
        const cadre_post_letter *l = &kept_at(own, i)->letter;
        if (l->version < next || l->version > last)
            continue;
        send_gone(self, me, next, l->version - 1);
        send_letter(self, me, l);
        next = l->version + 1;
    }
    send_gone(self, me, next, last);
    return 0;
}

static int on_dispute(cadre_self *self, void *state, cadre_msg *m)
{
    (void)cadre_forward(self, cadre_parent(self), m);
    return 0;
}

static int on_alarm(cadre_self *self, void *state, cadre_msg *m)
{
    return announce(self, state);
}

static int outbox_receive(cadre_self *self, void *state, cadre_msg *m)
{
    static const cadre_on on[] = {{&cadre_post_type, on_post},
                                  {&cadre_post_correct_type, on_correct},
                                  {&cadre_post_recall_type, on_recall},
                                  {&cadre_post_resend_type, on_resend},
                                  {&cadre_post_dispute_type, on_dispute},
                                  {&outbox_alarm_type, on_alarm},
                                  {NULL, NULL}};
    return cadre_dispatch(self, state, m, on);
}

static void outbox_stop(cadre_self *self, void *state, int reason)
{
    struct own *own = own_of(state);
    while (own->kept.count > 0)
        forget(own, own->kept.count - 1);
    rows_free(&own->kept);
}

const cadre_class cadre_outbox_class = {.name = "cadre_outbox",
                                        .state_size = sizeof(cadre_outbox),
                                        .start = outbox_start,
                                        .receive = outbox_receive,
                                        .stop = outbox_stop};
