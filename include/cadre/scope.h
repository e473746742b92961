/* scope.h: fork and join within a handler: tasks, loops and reductions in parallel.
 *
 * A handler with much to compute splits it into tasks and waits for them:
 *
 *     cadre_scope s;
 *     cadre_job left, right;
 *     int err = cadre_scope_open(self, &s);
 *     if (!err) {
 *         cadre_scope_spawn(&s, &left, sort, &(struct part){...});
 *         cadre_scope_spawn(&s, &right, sort, &(struct part){...});
 *         err = cadre_scope_sync(&s);
 *     }
 *
 * Workers with nothing else to do take some of them; the handler's own runs the rest. A
 * task opens a scope of its own with cadre_scope_nest() and so on, down to pieces of some
 * microseconds. Nothing is allocated: scopes and jobs lie in the caller's memory, mostly
 * on its stack.
 *
 * A task computes. It has no cadre_self, and functions that want one return -EPERM in it,
 * wherever it runs: what it finds out is sent after the join. It may block as little as a
 * handler may. While a worker runs tasks its actors wait as behind any long handler: the
 * others take them over if they have time; in between two tasks that it has taken from
 * elsewhere a worker runs its own actors.
 *
 * Guarantees, each with a test of that name:
 *   all_tasks_run_once        each spawned task runs once, or not when the scope was
 *                             cancelled before it began
 *   first_error_cancels       the join returns the first negative result; no task of the
 *                             scope, or of one nested in it, begins after it is known
 *   writes_visible_after_sync what was written before a spawn is seen by the task, and
 *                             what the task wrote, after the join
 *   own_tasks_only            who waits in a join runs tasks of that scope and of those
 *                             nested in it, and nothing else
 *   merged_in_order           a reduction merges neighbours, left to right, so that its
 *                             result is the same in every run if merging is associative
 *   serial_elision            with CADRE_SERIAL defined before this header is included,
 *                             all of it becomes plain calls on the calling thread, and
 *                             computes the same
 *
 * Only the handler or task that opened a scope may spawn into it and join it: others get
 * -EPERM. It must join what it has spawned before it returns. Else the log says so, and
 * it is joined then, if the memory is still there; if it is not, that ends the process.
 *
 * Simulated and polled systems run all tasks on the calling thread, the simulated in any
 * order that the seed says, some of them before cadre_scope_spawn() returns. */
#ifndef CADRE_SCOPE_H
#define CADRE_SCOPE_H
#include <cadre/base.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Both are the caller's memory, at any place; what is in them is ours. */
typedef struct cadre_scope {
    uint64_t reserved[10];
} cadre_scope;
typedef struct cadre_job {
    uint64_t reserved[6];
} cadre_job;

/* A task of the scope `in`. 0: done. Negative: the scope is cancelled with that error;
 * positive: with -EINVAL. */
typedef int cadre_task(cadre_scope *in, void *arg);
/* The part begin .. end-1 of a loop. The same results. */
typedef int cadre_loop(cadre_scope *in, size_t begin, size_t end, void *arg);

/* A reduction: every part of the range is added to a view, and neighbours are merged. */
enum { CADRE_VIEW_MAX = 256 };
typedef struct cadre_reduction {
    size_t size; /* of a view, aligned for any type; at most CADRE_VIEW_MAX */
    /* Makes the neutral element; NULL: all zero. */
    void (*init)(void *view, void *arg);
    /* Adds begin .. end-1 at the right of what is in the view. Results as a task's. */
    int (*add)(cadre_scope *in, void *view, size_t begin, size_t end, void *arg);
    /* Adds what is in `right` at the right of what is in `view`. */
    void (*merge)(void *view, const void *right, void *arg);
} cadre_reduction;

#ifndef CADRE_SERIAL

/* Opens a scope in a handler. It needs no closing. 0; elsewhere -EPERM. */
CADRE_API CADRE_MUST_CHECK int cadre_scope_open(cadre_self *self, cadre_scope *s);
/* Opens one that is nested in the scope `in`: by a task of that, or by who opened it. */
CADRE_API CADRE_MUST_CHECK int cadre_scope_nest(cadre_scope *in, cadre_scope *s);

/* task(s, arg) will run before the join returns, here or elsewhere, at any time from now
 * on. *job, and what arg points at, must stay until then. Never fails for want of memory.
 * Returns 0; -EINVAL and -EPERM: it will not run. */
CADRE_API int cadre_scope_spawn(cadre_scope *s, cadre_job *job, cadre_task *task,
                                void *arg);
/* Joins: runs, or waits for, all that was spawned. Returns 0 or the first error; and
 * -ECANCELED when a scope that this one is nested in was cancelled, and tasks were left
 * out for that. Afterwards the scope is as just opened. */
CADRE_API int cadre_scope_sync(cadre_scope *s);
/* Has it been cancelled, or one that it is nested in? For tasks that take long. In a task
 * of it, or by who opened it; elsewhere false. */
CADRE_API bool cadre_scope_is_cancelled(const cadre_scope *s);

/* Runs loop(., b, e, arg) for parts b .. e-1 that together are begin .. end-1, each index
 * once, in a scope of its own nested in `in`; returns as the join does. A part has at
 * most `grain` indices; 0: as many as keep all workers busy and cost little. By a task of
 * `in`, or by who opened it. */
CADRE_API CADRE_MUST_CHECK int cadre_parallel_for(cadre_scope *in, size_t begin,
                                                  size_t end, size_t grain,
                                                  cadre_loop *loop, void *arg);
/* The same with a reduction. The view of the whole range is copied to *result on success;
 * of an empty range it is the neutral element. Errors: -EINVAL (a wrong how->size, no
 * add, no merge). */
CADRE_API CADRE_MUST_CHECK int
cadre_parallel_reduce(cadre_scope *in, void *result, size_t begin, size_t end,
                      size_t grain, const cadre_reduction *how, void *arg);

#else
#include <cadre/serial.h>
#endif

#ifdef __cplusplus
}
#endif
#endif
