/* self.c: the running actor: one per worker, and one for the threads outside. */
#include "actor/self.h"

#include "actor/family.h"
#include "base/panic.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { USERS = 1 }; /* the purpose of a stream */

void self_init(struct cadre_self *self, struct world *world, struct worker *worker)
{
    *self = (struct cadre_self){.world = world,
                                .worker = worker,
                                .traced = world->simulated,
                                .batch = world->batch};
    pool_init(&self->pool, &world->depot);
    if (worker)
        self->rng = rng_stream(rng_next(&worker->rng), USERS);
}

bool self_tidy(struct worker *worker)
{
    struct cadre_self *self = worker->context;
    return pool_reclaim(&self->pool);
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

cadre_time self_now(cadre_self *self)
{
    if (self->now == 0)
        self->now = clock_now(&self->world->sched.crew.clock);
    return self->now;
}

int self_take_message(cadre_self *self, cadre_msg *m, enum fate fate, const char *what)
{
    if (!m || !self->message || m->body != self->message->body ||
        self->fate != FATE_HANDLED)
        return world_misuse(self->world, -EINVAL,
                            "%s: m is not the message in hand, or was passed on", what);
    m->body = NULL;
    self->fate = (uint8_t)fate;
    return 0;
}

cadre_ref cadre_me(const cadre_self *self)
{
    if (self_check(self, "cadre_me"))
        return (cadre_ref){0};
    return (cadre_ref){load_relaxed(&self->me)};
}

cadre_ref cadre_parent(const cadre_self *self)
{
    if (self_check(self, "cadre_parent"))
        return (cadre_ref){0};
    const struct cell *parent =
        family_find(&self->world->table, self->cell->family.parent);
    return (cadre_ref){parent ? cell_address(self->world, parent) : 0};
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

void cadre_become(cadre_self *self, cadre_receive *next)
{
    if (self_check(self, "cadre_become") == 0)
        self->cell->receive = next ? next : cell_class(self->cell)->receive;
}
