/* fork.c: scopes in handlers: where they may be used, and what was forgotten.
 *
 * The scheduler knows strands; that only handlers begin one is seen to here. While tasks
 * run the thread has no self, also in the join of a handler: so they can do the same
 * wherever they run. */
#include "actor/fork.h"

#include "actor/deadletter.h"

#include <cadre/scope.h>

#include "base/panic.h"
#include "sched/scope.h"

#include <assert.h>
#include <errno.h>

static_assert(sizeof(struct scope) <= sizeof(cadre_scope), "there is room for it");
static_assert(sizeof(struct scope_job) <= sizeof(cadre_job), "there is room for it");

/* What users hand us, and get. */
static inline struct scope *scope_of(const cadre_scope *s)
{
    return (struct scope *)(uintptr_t)s;
}

int fork_misuse(int err, const char *what, const char *why)
{
    const struct worker *w = worker_current();
    const struct cadre_self *self = w ? w->context : NULL;
    return self ? world_misuse(self->world, err, "%s: %s", what, why) : err;
}

void fork_report(const char *who)
{
    (void)fork_misuse(0, who, "returned without having joined what it spawned");
}

/* Does the strand that runs here own it, or is it a task of it? */
static bool may_nest(const struct worker *w, const struct scope *s)
{
    if (scope_is_ours(w, s))
        return true;
    uintptr_t strand = (uintptr_t)w->jobs.strand;
    return !(strand & 1) && ((const struct scope_job *)w->jobs.strand)->scope == s;
}

struct worker *fork_worker_in(const struct scope *s, const char *what, int *err)
{
    struct worker *w = worker_current();
    if (!s)
        *err = fork_misuse(-EINVAL, what, "the scope is NULL");
    else if (!w || !may_nest(w, s))
        *err = fork_misuse(-EPERM, what, "called outside the scope's tasks");
    else
        return w;
    return NULL;
}

void fork_end(struct cadre_self *self)
{
    struct worker *w = self->worker;
    self->forked = false;
    if (w->jobs.unsynced) {
        const struct cadre_self *before = self_leave();
        (void)scope_finish(w, NULL, w->jobs.frame);
        self_enter(before);
        fork_report(class_name(cell_class(self_cell(self))));
    }
    scope_end_strand(w);
}

bool fork_leave(struct cadre_self *self)
{
    if (self->worker->jobs.unsynced)
        return false;
    scope_end_strand(self->worker);
    self->forked = false;
    return true;
}

int cadre_scope_open(cadre_self *self, cadre_scope *scope)
{
    int err = self_check(self, "cadre_scope_open");
    if (unlikely(err))
        return err;
    if (unlikely(!scope))
        return fork_misuse(-EINVAL, "cadre_scope_open", "the scope is NULL");
    scope_open(self->worker, scope_of(scope), NULL);
    self->forked = self->more = true;
    return 0;
}

int cadre_scope_nest(cadre_scope *in, cadre_scope *scope)
{
    int err = 0;
    struct worker *w = fork_worker_in(scope_of(in), "cadre_scope_nest", &err);
    if (unlikely(!w))
        return err;
    if (unlikely(!scope))
        return fork_misuse(-EINVAL, "cadre_scope_nest", "the scope is NULL");
    scope_open(w, scope_of(scope), scope_of(in));
    return 0;
}

static CC_COLD int refuse(const struct scope *s, const char *what)
{
    if (!s)
        return fork_misuse(-EINVAL, what, "the scope is NULL");
    return fork_misuse(-EPERM, what, "called by another than who opened the scope");
}

static CC_NOINLINE void attend(struct worker *w, struct scope *s)
{
    const struct cadre_self *before = self_leave();
    scope_attend(w, s);
    self_here = before;
}

int cadre_scope_spawn(cadre_scope *scope, cadre_job *job, cadre_task *task, void *arg)
{
    struct scope *s = scope_of(scope);
    struct worker *w = worker_current();
    if (unlikely(!s || !w || !scope_is_ours(w, s)))
        return refuse(s, "cadre_scope_spawn");
    if (unlikely(!job || !task))
        return fork_misuse(-EINVAL, "cadre_scope_spawn", "the job or the task is NULL");
    if (unlikely(scope_spawn(w, s, (struct scope_job *)(void *)job, task, arg)))
        attend(w, s);
    return 0;
}

int cadre_scope_sync(cadre_scope *scope)
{
    struct scope *s = scope_of(scope);
    struct worker *w = worker_current();
    if (unlikely(!s || !w || !scope_is_ours(w, s)))
        return refuse(s, "cadre_scope_sync");
    const struct cadre_self *before = self_leave();
    int err = scope_sync(w, s);
    self_here = before;
    if (unlikely(load_relaxed(&s->has_forgot))) { /* the join has ordered it */
        store_relaxed(&s->has_forgot, false);
        fork_report("a task");
    }
    return err;
}

bool cadre_scope_is_cancelled(const cadre_scope *scope)
{
    int err;
    const struct scope *s = scope_of(scope);
    return fork_worker_in(s, "cadre_scope_is_cancelled", &err) && scope_is_cancelled(s);
}
