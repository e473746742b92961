/* fiber.c: a worker's loop goes on with another stack when a handler suspends. */
#include "sched/fiber.h"

#include "base/panic.h"
#include "base/sigstack.h"
#include "base/thread.h"
#include "mem/stack.h"

#include <errno.h>

/* One worker's. Its thread's, or whoever's that steps it. */
struct fibers {
    struct fiber home;     /* the worker's own stack */
    struct fiber *running; /* NULL: this is another stack, or none is known */
    struct fiber *parked;  /* the newest first */
    uint32_t parked_count;
    bool home_is_parked;
    struct fiber *left; /* for good: its stack is to be put */
    uint64_t suspended;
    uint64_t control; /* of floating point, in the loop */
    void (*loop)(struct worker *worker);
    struct stack_pool pool;
    struct thread_stack own; /* of its thread, when somebody wants to know */
    /* Stepped: */
    struct context caller; /* where the one who steps stands */
    struct fiber *gate;    /* where the loop stands meanwhile */
    uint64_t until;        /* which of the worker's turns this call ends before */
};

/* ---- switching ---- */

/* On another stack than that. */
static void put_left(struct fibers *fs)
{
    struct fiber *left = fs->left;
    fs->left = NULL;
    if (!left)
        return;
    context_drop(&left->context);
    stack_put(&fs->pool, left->stack); /* where *left is */
}

/* For good. */
static CC_COLD CC_NORETURN void leave_for(struct fibers *fs, struct fiber *to)
{
    put_left(fs);
    fs->left = fs->running;
    fs->running = to;
    context_leave(&fs->left->context, &to->context);
}

/* ---- loops ---- */

/* Whoever steps the worker goes on, until he wants another step. */
static CC_INLINE void wait_at_gate(struct fibers *fs)
{
    struct fiber *me = fs->running;
    fs->gate = me;
    fs->running = NULL;
    context_switch(&me->context, &fs->caller);
}

/* How many tasks there may be yet, in this call. */
static int64_t steps_left(const struct worker *w)
{
    return (int64_t)(w->fibers->until - load_relaxed(&w->turns));
}

/* Inside. While anybody is suspended, task by task: so it does not matter on which stack
 * a run began and on which it ends, except for one that began before. ran: the run that
 * brought us here has found something. */
static CC_NORETURN void step_for_ever(struct worker *w, bool ran)
{
    struct fibers *fs = w->fibers;
    for (;;) {
        if (!ran || steps_left(w) <= 0)
            wait_at_gate(fs);
        int64_t left = fs->suspended > 0 ? 1 : steps_left(w);
        ran = w->crew->run(w, left < FIBER_RUN ? (uint32_t)left : FIBER_RUN) > 0;
    }
}

/* The first function of a stack of our own. */
static void begin(void *arg)
{
    struct fiber *me = arg;
    struct worker *w = me->worker;
    struct fibers *fs = w->fibers;
    if (me == &fs->home)
        step_for_ever(w, true);
    bias_enter(&w->bias); /* a handler has suspended */
    if (fs->home.stack)
        step_for_ever(w, true);
    fs->loop(w);
    bias_leave(&w->bias);
    invariant(fs->home_is_parked && fs->suspended == 0);
    fs->home_is_parked = false;
    leave_for(fs, &fs->home); /* which finds nothing to do and ends, too */
}

static void make_context(struct fiber *f, struct stack *stack, size_t size)
{
    f->stack = stack;
    context_make(&f->context, stack->low, size, begin, f);
}

static void drop_parked(struct fibers *fs)
{
    struct fiber *f;
    put_left(fs);
    while ((f = fs->parked)) {
        fs->parked = f->next;
        context_drop(&f->context);
        stack_free(f->stack, fs->pool.heap);
    }
    fs->parked_count = 0;
}

void fiber_loop(struct worker *w)
{
    struct fibers *fs = w->fibers;
    fs->control = context_control();
    if (w->crew->has_sigstacks)
        fs->own = thread_own_stack();
    fs->running = &fs->home;
    fs->loop(w);
    invariant(fs->running == &fs->home && fs->suspended == 0);
    fs->running = NULL;
    drop_parked(fs); /* they are this thread's loops */
}

/* A worker that is stepped needs a stack of its own, because what it leaves there must
 * stay: the caller's frames do not. */
static int settle(struct worker *w, struct heap *heap)
{
    struct fibers *fs = w->fibers;
    struct stack *stack;
    int err = stack_new(&stack, heap, STACK_LIKE_THREAD);
    if (err)
        return err;
    make_context(&fs->home, stack, stack->size);
    fs->gate = &fs->home;
    return 0;
}

static void go_to_gate(void *arg)
{
    struct fibers *fs = ((struct worker *)arg)->fibers;
    context_switch(&fs->caller, &fs->gate->context);
}

uint32_t fiber_step(struct worker *w, uint32_t max)
{
    struct fibers *fs = w->fibers;
    if (!fs->gate && settle(w, fs->pool.heap) != 0)
        return w->crew->run(w, max);
    uint64_t before = load_relaxed(&w->turns);
    fs->until = before + max;
    fs->control = context_control();
    fs->running = fs->gate;
    if (w->crew->has_sigstacks)
        sigstack_run(go_to_gate, w);
    else
        go_to_gate(w);
    return (uint32_t)(load_relaxed(&w->turns) - before);
}

/* ---- suspending and resuming ---- */

static CC_INLINE void park(struct fibers *fs, struct fiber *f)
{
    f->next = fs->parked;
    fs->parked = f;
    fs->parked_count++;
}

static CC_INLINE struct fiber *take_parked(struct fibers *fs)
{
    struct fiber *f = fs->parked;
    if (fs->home_is_parked) { /* it has most room */
        fs->home_is_parked = false;
        return &fs->home;
    }
    if (f) {
        fs->parked = f->next;
        fs->parked_count--;
    }
    return f;
}

static int make_loop(struct fiber **f, struct worker *w)
{
    struct stack *stack;
    put_left(w->fibers);
    int err = stack_get(&stack, &w->fibers->pool);
    if (err)
        return err;
    char *p = stack_top(stack) - sizeof **f;
    p -= (uintptr_t)p % CACHE_LINE;
    *f = (void *)p;
    **f = (struct fiber){.worker = w};
    make_context(*f, stack, (size_t)(p - stack->low));
    return 0;
}

/* With no loop parked: with a new one that is. */
static CC_COLD int depart_anew(struct worker *w, struct fiber **me, struct fiber **next)
{
    int err = make_loop(next, w);
    if (err)
        return err;
    park(w->fibers, *next);
    return fiber_depart(w, me, next);
}

static CC_COLD void set_control(uint64_t control) { context_set_control(control); }

int fiber_depart(struct worker *w, struct fiber **me, struct fiber **next)
{
    struct fibers *fs = w->fibers;
    struct fiber *from = fs ? fs->running : NULL;
    if (!from)
        return -EPERM;
    struct fiber *to = take_parked(fs);
    if (unlikely(!to))
        return depart_anew(w, me, next);
    from->control = context_control();
    if (unlikely(from->control != fs->control))
        set_control(fs->control);
    fs->suspended++;
    fs->running = to;
    *me = from;
    *next = to;
    return 0;
}

struct fiber *fiber_park(struct worker *w, struct fiber *to)
{
    struct fibers *fs = w->fibers;
    struct fiber *me = fs->running;
    invariant(to->worker == w && fs->suspended > 0);
    if (unlikely(to->control != fs->control))
        set_control(to->control);
    fs->suspended--;
    if (me == &fs->home) {
        fs->home_is_parked = true;
    } else if (fs->parked_count < FIBER_PARKED) {
        park(fs, me);
    } else {
        leave_for(fs, to);
    }
    fs->running = to;
    return me;
}

uint64_t fiber_count(const struct worker *w) { return w->fibers->suspended; }

bool fiber_explain_fault(const void *address, struct fiber_fault *fault)
{
    const struct worker *w = worker_current();
    const struct fiber *f = w && w->fibers ? w->fibers->running : NULL;
    if (!f)
        return false;
    if (f->stack) {
        *fault = (struct fiber_fault){w->id, f->stack->size};
        return stack_guards(f->stack, address);
    }
    const struct thread_stack *own = &w->fibers->own;
    *fault = (struct fiber_fault){w->id, own->size};
    return own->low - (uintptr_t)address - 1 < own->guard;
}

/* ---- beginning and end ---- */

int fiber_init(struct crew *crew, struct heap *heap, bool stepped,
               void (*loop)(struct worker *worker))
{
    void *p;
    int err = heap_get_lines(heap, &p, crew->count * sizeof(struct fibers));
    for (uint32_t i = 0; !err && i < crew->count; i++) {
        struct worker *w = &crew->workers[i];
        w->fibers = (struct fibers *)p + i;
        w->fibers->home.worker = w;
        w->fibers->loop = loop;
        stack_pool_init(&w->fibers->pool, heap, STACK_SIZE);
    }
    for (uint32_t i = 0; !err && stepped && i < crew->count; i++)
        err = settle(&crew->workers[i], heap);
    return err;
}

void fiber_set_size(struct crew *crew, size_t size)
{
    for (uint32_t i = 0; i < crew->count; i++) {
        struct stack_pool *pool = &crew->workers[i].fibers->pool;
        stack_pool_init(pool, pool->heap, size);
    }
}

/* Nobody runs or stands on any of them but loops. */
static void fini(struct fibers *fs)
{
    struct fiber *f = fs->gate;
    invariant(fs->suspended == 0);
    if (f && f != &fs->home) {
        f->next = fs->parked;
        fs->parked = f;
    }
    drop_parked(fs);
    if (fs->home.stack) {
        context_drop(&fs->home.context);
        stack_free(fs->home.stack, fs->pool.heap);
    }
    stack_pool_fini(&fs->pool);
}

void fiber_fini(struct crew *crew, struct heap *heap)
{
    struct fibers *all = crew->workers ? crew->workers[0].fibers : NULL;
    for (uint32_t i = 0; all && i < crew->count; i++)
        fini(&all[i]);
    heap_put_lines(heap, all, crew->count * sizeof(struct fibers));
}
