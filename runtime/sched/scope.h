/* scope.h: fork and join: what a strand spawns, itself and idle workers run.
 *
 * A strand opens a scope, spawns jobs into it and joins it. In the join it runs those
 * that still wait, youngest first. Those that others have taken it waits for; meanwhile
 * it runs nothing but jobs of this scope and of scopes nested in it, because everything
 * else might take long, and would have to be over before it can go on. (So do leapfrogs:
 * Wagner and Calder, "Leapfrogging", 1993.) Who waits that way, waits for jobs deeper in
 * the tree than its own scope, so that nobody waits in a ring.
 *
 * A worker with nothing to do takes the oldest job of another worker: near the root of
 * the tree, so it is a large one. While it has some it takes no more than one at a time,
 * and runs its own tasks in between. A spawn looks, with two loads, whether anybody
 * sleeps who could help, and calls one; less and less often when it does not pay.
 *
 *   operation        by whom                             inside the worker's bias
 *   scope_open       a strand                            no
 *   scope_spawn      the strand that opened it           no
 *   scope_run        the same                            no
 *   scope_attend     the same                            no
 *   scope_sync       the same                            no
 *   scope_finish     who has called a strand             no
 *   scope_is_cancelled  whoever may use the scope        either
 *   scope_help       who steps the worker                yes
 *
 * One thread alone (polled, simulated, one worker) runs everything in the join; when
 * simulated, also at a spawn, and in any order. */
#ifndef SCHED_SCOPE_H
#define SCHED_SCOPE_H

#include "sched/worker.h"

/* parent: the scope it is nested in, or NULL. */
void scope_open(struct worker *worker, struct scope *s, const struct scope *parent);

/* Does the strand that runs here own it? s may be anything. */
static inline bool scope_is_ours(const struct worker *worker, const struct scope *s)
{
    return s->worker == worker && s->strand == worker->jobs.strand;
}

static inline void jobs_enter(struct jobs *jobs)
{
    if (unlikely(jobs->fenced))
        bias_enter_fenced(&jobs->lock);
    else
        bias_enter(&jobs->lock);
}

/* The job's memory is used until the scope has been joined. True: call scope_attend. */
static inline bool scope_spawn(struct worker *w, struct scope *s, struct scope_job *job,
                               scope_task *task, void *arg)
{
    struct jobs *jobs = &w->jobs;
    if (!s->is_unsynced) {
        s->is_unsynced = true;
        s->unsynced = jobs->unsynced;
        jobs->unsynced = s;
    }
    job->scope = s;
    job->task = task;
    job->arg = arg;
    jobs_enter(jobs);
    plain_write(&s->waiting, plain_read(&s->waiting) + 1);
    list_append(&jobs->list, &job->link);
    store_relaxed(&jobs->waiting, load_relaxed(&jobs->waiting) + 1);
    bias_leave(&jobs->lock);
    /* Relaxed: a missed one is seen at the next spawn. Pairs with mask_set in idle.c and
     * go_to_sleep in scope.c. */
    uint32_t wants = load_relaxed(&w->crew->idle.wants);
    uint32_t asleep = load_relaxed(&w->crew->scopes.asleep);
    if (likely((wants | asleep | w->shuffled) == 0))
        return false;
    return --jobs->left == 0 || load_relaxed(&jobs->reluctance) == 1 ||
           wants & IDLE_UNWATCHED || w->shuffled;
}

/* Runs it as a job of this scope at once, which waits nowhere. */
void scope_run(struct worker *worker, struct scope *s, struct scope_job *job,
               scope_task *task, void *arg);

/* After a spawn that says so: calls somebody who could help. Simulated: may run one. */
void scope_attend(struct worker *worker, struct scope *s);

/* Returns when all jobs have ended, or are left out because the scope was cancelled: 0,
 * or the first error. Afterwards it is as just opened. */
int scope_sync(struct worker *worker, struct scope *s);

/* Has a task of it failed, or of a scope it is nested in? */
bool scope_is_cancelled(const struct scope *s);

/* A strand has ended that began with this list of unsynced ones: joins what it has not
 * joined. frame: of who called it; on the stack below that all memory is gone, and what
 * lies there is the end. True: there was some. */
bool scope_finish(struct worker *worker, const struct scope *unsynced,
                  const void *frame);
/* A handler has ended: no scope of it may be used any more. */
void scope_end_strand(struct worker *worker);

/* Does a job wait on another worker? */
bool scope_wants_help(const struct worker *worker);
/* The same, or is it too early to give up looking? */
static inline bool scope_is_worth_a_look(const struct worker *worker)
{
    return unlikely(worker->jobs.eager) || scope_wants_help(worker);
}
/* Takes a job of another worker, and runs it. False: it got none; who has helped before
 * looks for a while. */
bool scope_help(struct worker *worker);

#endif
