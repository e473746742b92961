/* fiber.h: a worker's loop goes on with another stack when a handler suspends.
 *
 * A worker's loop finds a task, runs it, and looks for the next one; handlers are called
 * deep inside of it. As long as none of them suspends all of that happens on one stack,
 * the worker's own. A handler that suspends keeps the stack it stands on, with the loop's
 * frames below its own, and the worker goes on with its loop on another one. When it is
 * resumed, it goes on where it was; and when it has ended, the loop below it goes on as
 * if nothing had been. The stack that resumed it is parked: its loop goes on when the
 * next handler suspends, as if its resumption had come back with nothing left to do. So
 * there is one loop per worker that runs, and a few that are parked. A worker whose
 * handlers never suspend pays nothing.
 *
 *   stack                       what it is
 *   the worker's own            its thread's; or one made for whoever steps it
 *   suspended                   a handler stands in fiber_suspend
 *   parked                      a loop stands in fiber_resume; FIBER_PARKED at most, and
 *                               the worker's own, which is the first to go on
 *
 * More parked ones are given back, when the next stack is made or given back, and the
 * frames on them are gone: what resumes holds nothing (memory, locks, anything to be done
 * after its call) but what is the loop's.
 *
 *   operation            by whom                                        inside the bias
 *   fiber_init, _fini    before the start, after the end
 *   fiber_loop           the worker's thread                            yes
 *   fiber_step           whoever steps the worker: not on its stacks    yes
 *   fiber_suspend        a handler on the worker                        no
 *   fiber_resume         the loop, between two handlers                 no
 *   fiber_explain_fault  any thread and signal handler, on whatever stack
 *
 * The bias (base/bias.h) is the worker's, not a stack's: the loop is inside, a handler
 * outside. A handler suspends outside, so a parked loop goes on outside and enters, as
 * after any handler; a new loop enters first. A stack that is left at the end of a loop
 * is left outside; whoever steps a worker switches to its loop and back inside.
 *
 * A suspended handler goes on in the same worker, and so on the same thread, because
 * compilers keep the addresses of thread-locals; a worker that is stepped is stepped by
 * one thread while a handler is suspended. Thread-locals have the same values on all
 * stacks of a worker: that of worker_here is the worker wherever its loop or a handler
 * runs, so it is right after each switch.
 *
 * A handler that has changed the rounding of floating point has it when it is resumed;
 * others do not.
 *
 * After a change of stacks the processor does not know where the next returns go to, and
 * each costs as much as some fifty instructions. So the change is inline in the functions
 * that suspend and resume, and whoever finds what a handler waits for goes back to the
 * loop before it is resumed there.
 *
 * A thread ends on its own stack only. When the loop ends, all that were suspended have
 * been resumed and have ended: a broken invariant otherwise. */
#ifndef SCHED_FIBER_H
#define SCHED_FIBER_H

#include "base/context.h"
#include "mem/alloc.h"
#include "sched/worker.h"

enum { FIBER_PARKED = 4, FIBER_RUN = 64 };

/* A stack of a worker, and who stands on it. At its top, or in struct fibers. */
struct fiber {
    struct context context;
    struct stack *stack; /* NULL: the thread's */
    struct worker *worker;
    struct fiber *next; /* parked */
    uint64_t control;   /* of floating point, in a handler that is suspended */
};

/* Makes what every worker of the crew needs; loop: on its thread, returns when that is
 * to end. stepped: gives each a stack of its own now. Returns 0 or what the heap says. */
CC_MUST_CHECK int fiber_init(struct crew *crew, struct heap *heap, bool stepped,
                             void (*loop)(struct worker *worker));
void fiber_fini(struct crew *crew, struct heap *heap);

/* Before the start: how large the stacks are on which a loop goes on. */
void fiber_set_size(struct crew *crew, size_t size);

/* On the worker's thread: its loop, on this stack and others. */
void fiber_loop(struct worker *worker);
/* crew->run, on a stack of the worker's own: up to max tasks, or until none is left; each
 * that worker_next gives is one. A run in which a handler was resumed may have been asked
 * for more before, by up to FIBER_RUN, and does them: at most one such run is about.
 * Returns how many. Without memory for the stack this is crew->run, and nobody can
 * suspend. */
uint32_t fiber_step(struct worker *worker, uint32_t max);

/* What there is to do before the stacks change: which they are. */
CC_MUST_CHECK int fiber_depart(struct worker *worker, struct fiber **me,
                               struct fiber **next);
struct fiber *fiber_park(struct worker *worker, struct fiber *to);

/* The worker goes on with its loop on another stack. *me, which is written first, stands
 * for this one. Returns 0 when that has been resumed; or, with nothing done, -ENOMEM or
 * CADRE_EFULL: no stack; -EPERM: this is no stack of the worker's. */
CC_MUST_CHECK static CC_INLINE int fiber_suspend(struct worker *worker,
                                                 struct fiber **me)
{
    struct fiber *to;
    int err = fiber_depart(worker, me, &to);
    if (likely(!err))
        context_switch(&(*me)->context, &to->context);
    return err;
}

/* The worker goes on with that one, now. Returns when the next handler suspends; or
 * never. */
static CC_INLINE void fiber_resume(struct worker *worker, struct fiber *fiber)
{
    context_switch(&fiber_park(worker, fiber)->context, &fiber->context);
}

/* How many are suspended; for the thread that runs the worker. */
uint64_t fiber_count(const struct worker *worker);

/* Whose stack is too small, when an access to this address has failed on this thread: it
 * is in the guard page of the stack that its worker runs on. That of a thread's own stack
 * is known with crew->has_sigstacks. False: something else. Only reads, and nothing that
 * goes away. */
struct fiber_fault {
    uint32_t worker;
    size_t size; /* of the stack */
};
bool fiber_explain_fault(const void *address, struct fiber_fault *fault);

#endif
