/* group.c: many actors behind one address. */
#include <cadre/actors/group.h>

#include "body.h"
#include "crowd.h"

#include <cadre/name.h>

#include <assert.h>
#include <errno.h>

struct own {
    struct crowd members;
};
static_assert(sizeof(struct own) <= sizeof((cadre_group *)NULL)->own, "own");

static void drop_list(void *body)
{
    cadre_buf_unref(cadre_buf_move(&((cadre_group_list *)body)->list));
}
CADRE_TYPE(cadre_group_join);
CADRE_TYPE(cadre_group_leave);
CADRE_TYPE(cadre_group_count);
CADRE_TYPE(cadre_group_members);
CADRE_TYPE_DROP(cadre_group_list, drop_list);
CADRE_TYPE(cadre_group_news);

static struct own *own_of(cadre_group *me) { return (struct own *)(void *)me->own; }

static int group_start(cadre_self *self, void *state)
{
    cadre_group *me = state;
    me->members = me->members ? me->members : 1 << 16;
    crowd_init(&own_of(me)->members);
    return me->name ? cadre_register(self, me->name) : 0;
}

/* ---- to all of them -------------------------------------------------------------- */

static int send_copy(cadre_self *self, const cadre_group *me, cadre_ref to,
                     const cadre_type *type, const void *body)
{
    cadre_buf *lent;
    int err = body_lend(&lent, me->share, type, body);
    if (!err)
        err = cadre_send_as(self, to, type, body_of(lent, body));
    cadre_buf_unref(lent);
    return err;
}

static cadre_group_count send_all(cadre_self *self, cadre_group *me,
                                  const cadre_type *type, const void *body)
{
    cadre_group_count count = {0, 0};
    const struct ring *all = &own_of(me)->members.all;
    for (struct ring *r = all->next; r != all; r = r->next)
        if (send_copy(self, me, RING_OF(r, struct fellow, ring)->who, type, body))
            count.missed++;
        else
            count.count++;
    return count;
}

static int pass_on(cadre_self *self, cadre_group *me, const cadre_msg *m)
{
    if (m->type->drop && !me->share)
        return body_refuse(self, m, -ENOTSUP, "group: no share for what is owned");
    cadre_group_count count = send_all(self, me, m->type, m->body);
    if (m->token.id)
        (void)cadre_reply_as(self, m, &cadre_group_count_type, &count);
    return 0;
}

/* ---- who they are ---------------------------------------------------------------- */

static void tell_news(cadre_self *self, cadre_group *me, cadre_ref who, bool joined,
                      int reason)
{
    cadre_group_news news = {who, joined, reason, crowd_count(&own_of(me)->members)};
    if (me->news)
        (void)send_all(self, me, &cadre_group_news_type, &news);
}

static int on_down(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_down *down = m->body;
    struct crowd *members = &own_of(state)->members;
    crowd_remove(self, members, crowd_find(members, down->who));
    tell_news(self, state, down->who, false, down->reason);
    return 0;
}

static int reply_count(cadre_self *self, cadre_group *me, const cadre_msg *m)
{
    if (m->token.id)
        (void)cadre_reply(self, m, cadre_group_count,
                          .count = crowd_count(&own_of(me)->members));
    return 0;
}

static int join(cadre_self *self, cadre_group *me, const cadre_msg *m, cadre_ref who)
{
    struct fellow *fellow;
    struct crowd *members = &own_of(me)->members;
    if (!who.id)
        return body_refuse(self, m, -EINVAL, "group: only actors can join");
    if (crowd_find(members, who))
        return reply_count(self, me, m);
    if (crowd_count(members) >= me->members)
        return body_refuse(self, m, CADRE_EFULL, "group: too many members");
    int err = crowd_add(self, members, &fellow, who, sizeof *fellow, on_down);
    if (err)
        return body_refuse(self, m, err, "group: it cannot be a member");
    tell_news(self, me, who, true, 0);
    return reply_count(self, me, m);
}

static int leave(cadre_self *self, cadre_group *me, const cadre_msg *m, cadre_ref who)
{
    struct crowd *members = &own_of(me)->members;
    struct fellow *fellow = crowd_find(members, who);
    if (!fellow)
        return body_refuse(self, m, -ENOENT, "group: it is not a member");
    crowd_remove(self, members, fellow);
    tell_news(self, me, who, false, 0);
    return reply_count(self, me, m);
}

static int list(cadre_self *self, cadre_group *me, const cadre_msg *m)
{
    const struct crowd *members = &own_of(me)->members;
    cadre_group_list list = {crowd_count(members), NULL};
    list.list = cadre_buf_new(NULL, list.count * sizeof(cadre_ref));
    if (!list.list)
        return body_refuse(self, m, -ENOMEM, "group: no memory for the list");
    cadre_ref *to = (cadre_ref *)(void *)cadre_buf_data(list.list);
    for (struct ring *r = members->all.next; r != &members->all; r = r->next)
        *to++ = RING_OF(r, struct fellow, ring)->who;
    (void)cadre_reply_as(self, m, &cadre_group_list_type, &list);
    return 0;
}

cadre_ref cadre_group_at(const cadre_group_list *list, uint32_t i)
{
    if (!list || !list->list || i >= list->count)
        return (cadre_ref){0};
    return ((const cadre_ref *)(void *)cadre_buf_data(list->list))[i];
}

/* ---- the class ------------------------------------------------------------------- */

static int group_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_group *me = state;
    const cadre_group_join *in = cadre_body(m, cadre_group_join);
    const cadre_group_leave *out = cadre_body(m, cadre_group_leave);
    if (in)
        return join(self, me, m, in->who.id ? in->who : m->from);
    if (out)
        return leave(self, me, m, out->who.id ? out->who : m->from);
    if (m->type == &cadre_group_members_type)
        return m->token.id ? list(self, me, m) : cadre_unhandled(self, m);
    return pass_on(self, me, m);
}

static void group_stop(cadre_self *self, void *state, int reason)
{
    crowd_free(&own_of(state)->members);
}

const cadre_class cadre_group_class = {.name = "cadre_group",
                                       .state_size = sizeof(cadre_group),
                                       .start = group_start,
                                       .receive = group_receive,
                                       .stop = group_stop};
