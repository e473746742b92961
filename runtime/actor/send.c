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

enum { SMALLEST = 8u, SMALL = 80u }; /* bytes of body: the pool's classes are linear */

/* SMALLEST or more, in words; the last one may overlap. */
static CC_INLINE void copy_small(unsigned char *to, const unsigned char *from,
                                 size_t size)
{
    memcpy(to, from, 8);
    if (likely(size == 8))
        return;
    for (size_t at = 8; at + 8 < size; at += 8)
        memcpy(to + at, from + at, 8);
    memcpy(to + size - 8, from + size - 8, 8);
}

static CC_INLINE void fill(struct cadre_self *self, struct envelope *e, unsigned class,
                           uint64_t to, uint64_t token, const cadre_type *type)
{
    plain_write(&e->letter.to, to);
    e->from = load_relaxed(&self->me);
    e->type = type;
    e->token = token;
    e->pool_class = class;
}

static int prepare(struct cadre_self *self, struct envelope **envelope, uint64_t to,
                   uint64_t token, const cadre_type *type, const void *body)
{
    void *p;
    size_t size = envelope_size(type);
    bool fits = size <= POOL_BLOCK_MAX;
    unsigned class = fits ? pool_class_of(size) : ENVELOPE_FROM_HEAP;
    int err = fits ? pool_get_class(&self->pool, &p, class)
                   : heap_get(&self->world->heap, &p, size);
    if (err)
        return send_refuse(type, body, err);
    *envelope = p;
    fill(self, *envelope, class, to, token, type);
    if (type->size > 0 && body) /* send_check: there is one then */
        memcpy((*envelope)->body, body, type->size);
    return 0;
}

/* Not ours, or asleep on another worker, or from outside. */
static CC_NOINLINE void post(struct world *world, struct worker *here,
                             struct cell *cell, struct letter *letter)
{
    if (here)
        worker_note_post(here, &cell->task);
    if (inbox_push(&cell->task.inbox, &letter->node))
        crew_wake(&world->sched.crew, here, &cell->task);
}

/* To one of our own: everything that the others sent goes before it. */
static CC_INLINE void append(struct worker *here, struct cell *cell,
                             struct letter *letter)
{
    if (unlikely(inbox_has_nodes(&cell->task.inbox)))
        fifo_append_inbox(&cell->mailbox, inbox_take(&cell->task.inbox, INBOX_AWAKE));
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

static CC_INLINE void deliver(struct cadre_self *self, struct envelope *e)
{
    struct world *world = self->world;
    uint64_t to = e->letter.to;
    struct cell *cell = table_resolve(&world->table, to);
    counter_add(&self->accepted, 1);
    if (unlikely(!cell))
        deadletter(self, e, NULL, DEAD_NOBODY);
    else
        put(world, self->worker, cell, &e->letter);
}

int send_prepare(struct cadre_self *self, struct envelope **envelope, uint64_t to,
                 const cadre_type *type, const void *body)
{
    return prepare(self, envelope, to, 0, type, body);
}

void send_deliver(struct cadre_self *self, struct envelope *e) { deliver(self, e); }

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
        err = prepare(self, &e, to, token, type, body);
    if (!err)
        deliver(self, e);
    return err;
}

/* After it: a second task waits, or somebody ought to watch. */
static CC_NOINLINE int end_send(struct worker *here, struct task *behind)
{
    if (behind)
        worker_push_behind(here, behind);
    else
        worker_attend(here);
    bias_leave(&here->bias);
    return 0;
}

/* A message that is ready, to wherever. */
static CC_NOINLINE int end_elsewhere(struct cadre_self *self, struct envelope *e)
{
    deliver(self, e);
    return 0;
}

/* A send in the common case: a small message to an actor of the same worker. One piece
 * that calls nothing, but at its ends. */
static CC_INLINE int send(struct cadre_self *self, uint64_t to, uint64_t token,
                          const cadre_type *type, const void *body, const char *what)
{
    struct worker *here = worker_current();
    if (unlikely(!self || self->worker != here || !type || !body))
        return send_any(self, to, token, type, body, what);
    unsigned class = pool_class_of_small(sizeof(struct envelope) + type->size);
    if (unlikely(type->size - SMALLEST > SMALL - SMALLEST ||
                 !pool_has(&self->pool.classes[class])))
        return send_any(self, to, token, type, body, what);
    struct envelope *e = pool_take(&self->pool, class);
    fill(self, e, class, to, token, type);
    copy_small(e->body, body, type->size);
    struct cell *cell = table_resolve(&self->world->table, to);
    if (unlikely(!cell || !bias_try_enter(&here->bias)))
        return end_elsewhere(self, e);
    if (unlikely(!task_is_owned_by(&cell->task, here->id) ||
                 inbox_has_nodes(&cell->task.inbox))) {
        bias_leave(&here->bias);
        return end_elsewhere(self, e);
    }
    counter_add(&self->accepted, 1);
    fifo_append(&cell->mailbox, &e->letter.node);
    struct task *behind = worker_schedule_first(here, &cell->task);
    if (unlikely(behind || load_relaxed(&here->crew->idle.wants) & IDLE_UNWATCHED))
        return end_send(here, behind);
    bias_leave(&here->bias);
    return 0;
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
    plain_write(&self->message->letter.to, to.id);
    send_deliver(self, self->message);
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
