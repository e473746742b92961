/* send.c: resolve, push, wake. */
#include "actor/send.h"

#include "actor/deadletter.h"

#include <assert.h>
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

enum { SMALL = 80 }; /* bytes of body: the pool's classes are linear up to there */
static_assert(sizeof(struct envelope) + SMALL <= 128, "pool_place_of_small");

static CC_INLINE void fill(struct envelope *e, uint32_t to, uint32_t place,
                           uint64_t from, const cadre_type *type)
{
    plain_write(&e->letter.to, to);
    e->letter.place = place;
    e->from = from;
    e->type = type;
}

int send_prepare(struct cadre_self *self, struct envelope **envelope, uint64_t token,
                 const cadre_type *type, const void *body)
{
    void *p;
    size_t size = envelope_size(type, token != 0);
    bool fits = size <= POOL_BLOCK_MAX;
    unsigned class = fits ? pool_class_of(size) : POOL_CLASSES;
    int err = fits ? pool_get_class(&self->pool, &p, class)
                   : heap_get(&self->world->heap, &p, size);
    if (err) {
        (void)send_refuse(type, body, err);
        return err;
    }
    struct envelope *e = *envelope = p;
    fill(e, token ? LETTER_TOKEN : 0, pool_place_of(class), self_address(self), type);
    if (type->size > 0 && body) /* send_check: there is one then */
        memcpy(e->body, body, type->size);
    if (token)
        *envelope_token(e) = token;
    return 0;
}

/* Not ours, or asleep on another worker, or from outside. */
static CC_NOINLINE void post(struct world *world, struct worker *here,
                             struct cell *cell, struct letter *letter)
{
    if (here)
        appetite_note_post(&here->appetite, &cell->task);
    if (inbox_push(&cell->task.inbox, &letter->node))
        crew_wake(&world->sched.crew, here, &cell->task);
}

/* To one of our own: everything that the others sent goes before it. */
static CC_INLINE void append(struct worker *here, struct cell *cell,
                             struct letter *letter)
{
    if (unlikely(inbox_has_nodes(&cell->task.inbox)))
        cell_take_mail(cell, here, INBOX_AWAKE);
    fifo_append(&cell->mailbox, &letter->node);
    worker_schedule(here, &cell->task);
}

static CC_INLINE void put(struct world *world, struct worker *here, struct cell *cell,
                          struct letter *letter)
{
    if (unlikely(!here)) {
        post(world, NULL, cell, letter);
        return;
    }
    bias_enter(&here->bias);
    if (likely(task_is_owned_by(&cell->task, here->id)))
        append(here, cell, letter);
    else
        post(world, here, cell, letter);
    bias_leave(&here->bias);
}

void send_letter(struct world *world, struct cadre_self *self, struct cell *cell,
                 struct letter *letter)
{
    put(world, self ? self->worker : NULL, cell, letter);
}

void send_deliver(struct cadre_self *self, struct envelope *e, uint64_t to)
{
    struct world *world = self->world;
    struct cell *cell = table_resolve(&world->table, to);
    plain_write(&e->letter.to, address_letter(to) | (e->letter.to & LETTER_TOKEN));
    counter_add(&self->accepted, 1);
    if (unlikely(!cell))
        deadletter(self, e, to, NULL, DEAD_NOBODY);
    else
        put(world, self->worker, cell, &e->letter);
}

/* A send in whatever case. */
static CC_NOINLINE int send_any(struct cadre_self *self, uint64_t to, uint64_t token,
                                const cadre_type *type, const void *body,
                                const char *what)
{
    struct envelope *e = NULL;
    int err = self_check(self, what);
    if (err)
        return send_refuse(type, body, err);
    err = send_check(self->world, what, type, body);
    if (!err)
        err = send_prepare(self, &e, token, type, body);
    if (!err)
        send_deliver(self, e, to);
    return err;
}

/* A message that is ready, to wherever. */
static CC_NOINLINE int end_elsewhere(struct cadre_self *self, struct envelope *e,
                                     uint64_t to)
{
    send_deliver(self, e, to);
    return 0;
}

/* Something stood where the receiver stands now. */
static CC_NOINLINE int end_behind(struct worker *here, struct task *behind)
{
    worker_push_behind(here, behind);
    bias_leave(&here->bias);
    return 0;
}

/* A send in the common case: a small message without a token to an actor of the same
 * worker who has got nothing from others. One piece that calls nothing, but at its ends,
 * where something is in the way. */
static CC_INLINE int send_small(struct cadre_self *self, uint64_t to,
                                const cadre_type *type, uint32_t size, const void *body,
                                const char *what)
{
    uint32_t place = pool_place_of_small(sizeof(struct envelope) + size);
    if (unlikely(!pool_has(pool_at(&self->pool, place))))
        return send_any(self, to, 0, type, body, what);
    struct envelope *e = pool_take(&self->pool, place);
    fill(e, address_letter(to), place, cell_address(self_cell(self)), type);
    memcpy(e->body, body, size);
    struct worker *here = self->worker;
    const struct table *table = &self->world->table;
    uint64_t slot = table_slot(table, to);
    if (unlikely(!table_has(table, slot)) || unlikely(!bias_try_enter(&here->bias)))
        return end_elsewhere(self, e, to);
    struct cell *cell = table_cell(table, slot);
    if (unlikely(!task_is_owned_by(&cell->task, here->id)) ||
        unlikely(inbox_has_nodes(&cell->task.inbox))) {
        bias_leave(&here->bias);
        return end_elsewhere(self, e, to);
    }
    counter_add(&self->accepted, 1);
    fifo_append(&cell->mailbox, &e->letter.node);
    struct task *behind = worker_schedule_first(here, &cell->task);
    if (unlikely(behind))
        return end_behind(here, behind);
    bias_leave(&here->bias);
    return 0;
}

static CC_NOINLINE int send_sized(struct cadre_self *self, uint64_t to,
                                  const cadre_type *type, const void *body,
                                  const char *what)
{
    if (type->size > SMALL)
        return send_any(self, to, 0, type, body, what);
    return send_small(self, to, type, type->size, body, what);
}

static CC_INLINE int send(struct cadre_self *self, uint64_t to, uint64_t token,
                          const cadre_type *type, const void *body, const char *what)
{
    if (unlikely(self != self_here))
        return send_any(self, to, token, type, body, what);
    if (unlikely(!type) || unlikely(!body) || unlikely(token))
        return send_any(self, to, token, type, body, what);
    if (unlikely(type->size != sizeof(uint64_t)))
        return send_sized(self, to, type, body, what);
    return send_small(self, to, type, sizeof(uint64_t), body, what);
}

int cadre_send_as(cadre_self *self, cadre_ref to, const cadre_type *type,
                  const void *body)
{
    return send(self, to.id, 0, type, body, "cadre_send");
}

static CC_COLD int reply_to_nobody(struct cadre_self *self, const cadre_type *type,
                                   const void *body)
{
    int err = self_check(self, "cadre_reply");
    (void)send_refuse(type, body, 0);
    return err ? err : world_misuse(self->world, -EINVAL, "cadre_reply: m is NULL");
}

int cadre_reply_as(cadre_self *self, const cadre_msg *m, const cadre_type *type,
                   const void *body)
{
    if (unlikely(!m))
        return reply_to_nobody(self, type, body);
    return send(self, m->from.id, m->token.id, type, body, "cadre_reply");
}

int cadre_forward(cadre_self *self, cadre_ref to, cadre_msg *m)
{
    int err = self_check(self, "cadre_forward");
    if (!err)
        err = self_take_message(self, m, FATE_FORWARDED, "cadre_forward");
    if (err)
        return err;
    send_deliver(self, self->message, to.id);
    return 0;
}

void send_halt(struct world *world, struct cadre_self *self, uint64_t who,
               enum halt halt, int reason)
{
    struct cell *cell = table_resolve(&world->table, who);
    struct worker *here = self ? self->worker : NULL;
    if (!cell || !cell_halt(cell, address_generation(who), halt, reason))
        return;
    if (halt == HALT_STOP) {
        put(world, here, cell, &cell->note);
    } else if (inbox_poke(&cell->task.inbox)) {
        if (here)
            bias_enter(&here->bias);
        crew_wake(&world->sched.crew, here, &cell->task);
        if (here)
            bias_leave(&here->bias);
    }
}

int cadre_stop(cadre_self *self, cadre_ref who)
{
    int err = self_check(self, "cadre_stop");
    if (!err)
        send_halt(self->world, self, who.id, HALT_STOP, 0);
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
    send_halt(self->world, self, who.id, HALT_KILL, reason ? reason : CADRE_EKILLED);
    return 0;
}
