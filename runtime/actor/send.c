/* send.c: resolve, push, wake. */
#include "actor/send.h"

#include "actor/deadletter.h"

#include <errno.h>
#include <string.h>

int send_refuse(const cadre_type *type, const void *body, int err)
{
    if (type && body)
        body_drop(type, (void *)(uintptr_t)body); /* the caller's copy: given away */
    return err;
}

int send_check_failed(struct world *world, const char *what, const cadre_type *type,
                      const void *body)
{
    if (!type)
        return world_misuse(world, -EINVAL, "%s: type is NULL", what);
    if (type->size > CADRE_BODY_MAX)
        return send_refuse(type, body, -EMSGSIZE);
    return world_misuse(world, -EINVAL, "%s: body is NULL, but type %s has %u bytes",
                        what, type->name ? type->name : "?", type->size);
}

static CC_INLINE void copy_body(void *to, const void *from, size_t size)
{
    switch (size) { /* the common sizes without a call */
    case 0:
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    case 16:
        memcpy(to, from, 16);
        break;
    default:
        memcpy(to, from, size);
    }
}

static CC_INLINE int prepare(struct cadre_self *self, struct envelope **envelope,
                             uint64_t to, const cadre_type *type, const void *body)
{
    void *p;
    int err = pool_get(&self->pool, &p, envelope_size(type));
    if (unlikely(err))
        return send_refuse(type, body, err);
    struct envelope *e = p;
    plain_write(&e->letter.to, to);
    e->from = self->cell ? self->cell->accepts : 0;
    if (unlikely(e->from == 0 && self->cell))
        e->from = cell_address(self->world, self->cell); /* it is ending */
    e->type = type;
    e->token = 0;
    copy_body(e->body, body, type->size);
    *envelope = e;
    return 0;
}

static CC_INLINE void deliver(struct cadre_self *self, struct envelope *e)
{
    struct world *world = self->world;
    uint64_t to = e->letter.to;
    struct cell *cell = table_find(&world->table, address_slot(to));
    counter_add(&self->accepted, 1);
    if (unlikely(!cell || address_tag(to) != world->tag))
        deadletter(self, e, NULL, DEAD_NOBODY);
    else if (mpsc_push(&cell->mailbox, &e->letter.node))
        send_wake(self, cell);
}

int send_prepare(struct cadre_self *self, struct envelope **envelope, uint64_t to,
                 const cadre_type *type, const void *body)
{
    return prepare(self, envelope, to, type, body);
}

void send_deliver(struct cadre_self *self, struct envelope *e) { deliver(self, e); }

/* The whole of a send, once the caller may make it. */
static CC_INLINE int send(struct cadre_self *self, const char *what, uint64_t to,
                          uint64_t token, const cadre_type *type, const void *body)
{
    struct envelope *e = NULL;
    int err = send_check(self->world, what, type, body);
    if (likely(!err))
        err = prepare(self, &e, to, type, body);
    if (unlikely(err))
        return err;
    e->token = token;
    deliver(self, e);
    return 0;
}

int cadre_send_as(cadre_self *self, cadre_ref to, const cadre_type *type,
                  const void *body)
{
    int err = self_check(self, "cadre_send");
    if (unlikely(err))
        return send_refuse(type, body, err);
    return send(self, "cadre_send", to.id, 0, type, body);
}

int cadre_reply_as(cadre_self *self, const cadre_msg *m, const cadre_type *type,
                   const void *body)
{
    int err = self_check(self, "cadre_reply");
    if (unlikely(err))
        return send_refuse(type, body, err);
    if (unlikely(!m)) {
        (void)send_refuse(type, body, 0);
        return world_misuse(self->world, -EINVAL, "cadre_reply: m is NULL");
    }
    return send(self, "cadre_reply", m->from.id, m->token.id, type, body);
}

int cadre_forward(cadre_self *self, cadre_ref to, cadre_msg *m)
{
    struct envelope *e;
    int err = self_check(self, "cadre_forward");
    if (!err)
        err = self_take_message(self, m, FATE_MOVED, "cadre_forward");
    if (err)
        return err;
    const struct envelope *in_hand = self->message;
    err = send_prepare(self, &e, to.id, in_hand->type, in_hand->body);
    if (err)
        return err;
    e->from = in_hand->from;
    e->token = in_hand->token;
    send_deliver(self, e);
    return 0;
}

void send_halt(struct cadre_self *self, cadre_ref who, enum halt halt, int reason)
{
    struct world *world = self->world;
    struct cell *cell = table_find(&world->table, address_slot(who.id));
    if (cell && address_tag(who.id) == world->tag &&
        cell_halt(cell, address_generation(who.id), halt, reason))
        send_wake(self, cell);
}

int cadre_stop(cadre_self *self, cadre_ref who)
{
    int err = self_check(self, "cadre_stop");
    if (!err)
        send_halt(self, who, HALT_STOP, 0);
    return err;
}

int cadre_kill(cadre_self *self, cadre_ref who, int reason)
{
    int err = self_check(self, "cadre_kill");
    if (err)
        return err;
    if (reason > 0)
        return world_misuse(self->world, -EINVAL, "cadre_kill: reason %d is positive",
                            reason);
    send_halt(self, who, HALT_KILL, reason ? reason : CADRE_EKILLED);
    return 0;
}
