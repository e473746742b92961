/* self.c: the running actor: one per worker, and one for the threads outside. */
#include "actor/self.h"

#include "actor/family.h"
#include "base/panic.h"
#include "sched/isolation.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { USERS = 1 }; /* the purpose of a stream */

const char self_nobody; /* not NULL, which a user might pass */
CC_THREAD_LOCAL const struct cadre_self *self_here = (const void *)&self_nobody;

const struct cadre_self *self_enter(const struct cadre_self *self)
{
    const struct cadre_self *before = self_here;
    self_here = self;
    return before;
}

/* Its cell runs for ever, here. */
static void init_lookout(struct lookout *l, uint32_t worker)
{
    l->last = &l->first;
    cell_init(&l->cell, 0);
    l->cell.note.phase = PHASE_RUNNING;
    l->cell.task.odd = false;
    l->cell.task.pinned = true;
    atomic_set(&l->cell.task.owner, (int16_t)worker);
}

void self_init(struct cadre_self *self, struct world *world, struct worker *worker)
{
    *self = (struct cadre_self){
        .world = world,
        .worker = worker,
        .traced = world->simulated || world->records || world->uplink,
        .context.deadline = CADRE_NEVER,
        .looks = worker ? worker->id + 1 : 0,
        .next_token = worker ? worker->id * SELF_TOKEN_RUN + 1 : 0};
    self->usual = self->unusual;
    pool_init(&self->pool, &world->depot);
    if (!worker)
        return;
    self->rng = rng_stream(rng_next(&worker->rng), USERS);
    init_lookout(&self->lookout, worker->id);
}

bool self_tidy(struct worker *worker)
{
    struct cadre_self *self = worker->context;
    bool expects = self->expects;
    self->expects = false;
    if (unlikely(expects))
        isolation_look(self->world->isolation, worker);
    self_free_spent(self);
    return pool_reclaim(&self->pool);
}

void self_free_slowly(struct cadre_self *self, struct envelope *e)
{
    uint32_t place = e->letter.place;
    if (place != POOL_PLACE_NONE) {
        pool_put_slowly(&self->pool, e, place / POOL_PLACE);
    } else {
        pool_at(&self->pool, place)->room = 0; /* it stays so */
        heap_put(&self->world->heap, e, envelope_bytes(e));
    }
}

void self_note(struct cadre_self *self, enum event_kind kind, uint64_t who,
               uint64_t other, const void *about)
{
    if (self->worker)
        worker_note(self->worker, kind, who, other, about);
}

int world_misuse(struct world *world, int err, const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    uint32_t hidden;
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (log_allows(&world->misuse_log, clock_now(&world->sched.crew.clock), &hidden))
        log_line(&world->log, LOG_ERROR, "%s", line);
    debug_panic(line);
    return err;
}

int self_refuse(const cadre_self *self, const char *what)
{
    if (!self)
        return -EINVAL;
    if (self->world->orphaned)
        return -EBADFD;
    return world_misuse(self->world, -EPERM, "%s: called outside the actor's callback",
                        what);
}

int self_check_outer(const cadre_self *self, const char *what)
{
    int err = self_check(self, what);
    if (err || !self->world->uplink)
        return err;
    log_line(&self->world->log, LOG_ERROR, "%s: not in a process of its own", what);
    return -ENOTSUP;
}

cadre_time self_now(cadre_self *self)
{
    /* A turn need not say that it begins: its worker counts. */
    uint64_t turn = self->worker ? load_relaxed(&self->worker->turns) : 0;
    if (self->now == 0 || self->now_turn != turn) {
        self->now = clock_now(&self->world->sched.crew.clock);
        self->now_turn = turn;
    }
    return self->now;
}

int self_take_message(cadre_self *self, cadre_msg *m, enum fate fate, const char *what)
{
    if (!m || !self->message || m->body != self->message->body ||
        self->fate != FATE_HANDLED)
        return world_misuse(self->world, -EINVAL,
                            "%s: m is not the message in hand, or was passed on", what);
    if (self->owes == OWES_NO_MORE) /* to whoever handles it next it is no request */
        letter_set_kind(&self->message->letter, LETTER_PASSED);
    envelope_set_moved(self->message);
    m->body = NULL;
    self->fate = (uint8_t)fate;
    return 0;
}

cadre_ref cadre_me(const cadre_self *self)
{
    if (self_check(self, "cadre_me"))
        return (cadre_ref){0};
    return (cadre_ref){cell_address(self_cell(self))};
}

cadre_ref cadre_parent(const cadre_self *self)
{
    if (self_check(self, "cadre_parent"))
        return (cadre_ref){0};
    const struct cell *parent =
        family_find(&self->world->table, cell_parent(self_cell(self)));
    return (cadre_ref){parent ? cell_address(parent) : self->world->outer_parent};
}

const cadre_class *cadre_class_of(const cadre_self *self)
{
    return self_check(self, "cadre_class_of") ? NULL : cell_class(self_cell(self));
}

cadre_system *cadre_system_of(const cadre_self *self)
{
    return self_check(self, "cadre_system_of") ? NULL : self->world->system;
}

cadre_time cadre_now(cadre_self *self)
{
    return self_check(self, "cadre_now") ? 0 : self_now(self);
}

uint64_t cadre_random(cadre_self *self)
{
    return self_check(self, "cadre_random") ? 0 : rng_next(&self->rng);
}
