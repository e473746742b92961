/* mc.c: the explorer: choices, threads, waiting, and one execution after another.
 *
 * The search has no memory but the list of choices of the execution under way: it is
 * run to its end, its last choice that has an alternative left takes the next one, and
 * everything is run again from the last snapshot before that one, which mc_snapshot.c
 * has taken underway. The choices up to there are the same, and so is everything else.
 *
 * One reduction. A thread that was preempted goes on only after somebody has done
 * something that its next operation depends on: a store to what it reads, an access to
 * what it stores to. Otherwise the same execution comes about with the preemption one
 * operation later, at the same price or less; of all such equivalent executions the one
 * whose preemptions come as late as possible is always explored. */
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    STACK_SIZE = 128 << 10,
    CHOICES = 1 << 14,
    OPERATIONS_MAX = 5000, /* in one execution; more is a loop without end */
    IDLE_ROUNDS_MAX = 400,
    WORTH_SAVING = 64 /* operations since the last snapshot */
};

struct engine mc;

/* What goes on from one execution to the next. */
static struct search {
    uint32_t executions; /* set up */
    int chosen, replayed;
    char *stacks;
    void *driver; /* stack pointer of mc_main while an execution runs */
    struct {
        uint8_t taken, of;
    } choices[CHOICES];
} * search;

/* Saves the callee's registers and the stack pointer, and goes on where `to` did so. */
void mc_switch(void **save, void *to);
#if defined(__x86_64__)
__asm__(".text\n.globl mc_switch\n.type mc_switch, @function\nmc_switch:\n"
        "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp, (%rdi)\nmov %rsi, %rsp\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n"
        ".size mc_switch, . - mc_switch\n");
enum { SAVED_WORDS = 6, PADDING_WORDS = 1 }; /* below the return address, above it */
#elif defined(__aarch64__)
__asm__(".text\n.globl mc_switch\n.type mc_switch, %function\nmc_switch:\n"
        "stp x29, x30, [sp, #-16]!\n"
        "stp x19, x20, [sp, #-16]!\nstp x21, x22, [sp, #-16]!\n"
        "stp x23, x24, [sp, #-16]!\nstp x25, x26, [sp, #-16]!\n"
        "stp x27, x28, [sp, #-16]!\n"
        "stp d8, d9, [sp, #-16]!\nstp d10, d11, [sp, #-16]!\n"
        "stp d12, d13, [sp, #-16]!\nstp d14, d15, [sp, #-16]!\n"
        "mov x2, sp\nstr x2, [x0]\nmov sp, x1\n"
        "ldp d14, d15, [sp], #16\nldp d12, d13, [sp], #16\n"
        "ldp d10, d11, [sp], #16\nldp d8, d9, [sp], #16\n"
        "ldp x27, x28, [sp], #16\nldp x25, x26, [sp], #16\n"
        "ldp x23, x24, [sp], #16\nldp x21, x22, [sp], #16\n"
        "ldp x19, x20, [sp], #16\nldp x29, x30, [sp], #16\n"
        "ret\n.size mc_switch, . - mc_switch\n");
enum { SAVED_WORDS = 19, PADDING_WORDS = 2 }; /* below x30, above it */
#else
#error "the explorer switches stacks on x86-64 and aarch64 only"
#endif

void mc_at_fault(const char *what)
{
    fprintf(stderr, "%s: the model is at fault: %s\n", mc.test->name, what);
    exit(2);
}

/* The driver takes a snapshot, or has gone back to it when this returns once more. */
static void offer_snapshot(void)
{
    if (mc.tracing)
        return;
    mc.pausing = true;
    mc.saved_at = mc.operations;
    mc_switch(&mc.fibers[mc.self].stack_pointer, search->driver);
}

int mc_choose(int n)
{
    if (n <= 1)
        return 0;
    if (mc.operations - mc.saved_at >= WORTH_SAVING)
        offer_snapshot();
    if (n > UINT8_MAX)
        mc_at_fault("too many alternatives");
    if (search->replayed < search->chosen) {
        if (search->choices[search->replayed].of != n)
            mc_at_fault("it is not deterministic");
        return search->choices[search->replayed++].taken;
    }
    if (search->chosen == CHOICES)
        mc_at_fault("too many search->choices in one execution");
    search->choices[search->chosen].taken = 0;
    search->choices[search->chosen].of = (uint8_t)n;
    search->replayed = ++search->chosen;
    return 0;
}

void mc_first_choices(void)
{
    search->chosen = 0;
    snapshot_none();
}

void mc_same_choices(void) { search->chosen = search->replayed; }

/* Prepares the next execution. False: there is none. */
bool mc_next_choices(void)
{
    while (search->chosen > 0 && search->choices[search->chosen - 1].taken + 1 ==
                                     search->choices[search->chosen - 1].of)
        search->chosen--;
    if (search->chosen == 0)
        return false;
    search->choices[search->chosen - 1].taken++;
    return true;
}

int mc_self(void) { return mc.self; }

void mc_here(const char *file, int line)
{
    mc.here = (struct place_in_source){file, line};
}

static _Noreturn void leave(void)
{
    void *abandoned;
    if (search->driver)
        mc_switch(&abandoned, search->driver);
    abort(); /* the explorer itself is wrong: nobody comes back here */
}

void mc_fail(const char *file, int line, const char *what)
{
    snprintf(mc.reason, sizeof mc.reason, "%s (%s:%d, thread %d)", what, mc_file(file),
             line, mc.self);
    mc_trace("FAILS: %s", what);
    mc.failed = true;
    leave();
}

static void fail(const char *what) { mc_fail(mc.here.file, mc.here.line, what); }

void mc_count_operation(void)
{
    if (++mc.operations > OPERATIONS_MAX)
        fail("it runs for ever");
}

static bool can_go_on(const struct fiber *f)
{
    return f->state == READY || (f->state == SPINNING && watch_has_changed(f));
}

static bool depend(const struct footprint *a, const struct footprint *b)
{
    if ((a->what | b->what) & FOOT_ALL)
        return true;
    if ((a->what | b->what) & FOOT_FENCE)
        return a->what & b->what & FOOT_SEQ;
    return a->address == b->address && (a->what | b->what) & FOOT_WRITES;
}

/* An operation is carried out: the preempted that depend on it may go on. */
static void release_preempted(const struct footprint *done)
{
    for (int t = 1; t <= mc.test->threads; t++)
        if (mc.fibers[t].preempted && depend(&mc.fibers[t].next, done))
            mc.fibers[t].preempted = false;
}

static void go_on_with(int to)
{
    int from = mc.self;
    struct fiber *f = &mc.fibers[to];
    f->state = f->state == SPINNING ? READY : f->state;
    if (to == from)
        return;
    f->fresh = true;
    mc.self = to;
    if (mc.test->switched)
        mc.test->switched(to);
    mc_switch(&mc.fibers[from].stack_pointer, f->stack_pointer);
}

/* Nobody can go on. Time passes: those who sleep with a timeout or spin, go on. */
static void let_time_pass(void)
{
    int alive = 0;
    for (int i = 1; i <= mc.test->threads; i++) {
        int t = 1 + (mc.self + i - 1) % mc.test->threads; /* self comes last */
        struct fiber *f = &mc.fibers[t];
        alive += f->state != ENDED;
        if (f->state != SPINNING && f->state != SLEEPING_TIMED)
            continue;
        if (++mc.idle_rounds > IDLE_ROUNDS_MAX)
            fail("lost wake-up: some spin for ever, the others sleep");
        f->state = READY;
        go_on_with(t);
        return;
    }
    if (alive)
        fail("lost wake-up: everybody sleeps");
    go_on_with(0);
}

/* Chooses who goes on. Called before every operation that others can notice, and by who
 * cannot go on itself. */
static void schedule(void)
{
    int candidates[THREADS], n = 0;
    bool self = can_go_on(&mc.fibers[mc.self]), redundant = false;
    if (self)
        candidates[n++] = mc.self;
    if (!self || mc.preempted < mc.bounds.preemptions)
        for (int t = 1; t <= mc.test->threads; t++) {
            const struct fiber *f = &mc.fibers[t];
            if (t == mc.self || !can_go_on(f))
                continue;
            if (f->preempted)
                redundant = true;
            else
                candidates[n++] = t;
        }
    if (n == 0 && redundant) {
        mc.redundant = true;
        leave();
    }
    if (n == 0) {
        let_time_pass();
        return;
    }
    int k = mc_choose(n);
    if (self && k > 0) {
        mc.preempted++;
        mc.fibers[mc.self].preempted = !mc.all;
    }
    go_on_with(candidates[k]);
}

void mc_point(struct footprint next)
{
    struct fiber *f = &mc.fibers[mc.self];
    f->here = mc.here;
    mc_count_operation();
    if (mc.self == 0)
        return;
    f->next = next;
    if (!f->fresh)
        schedule();
    f->fresh = false;
    mc.here = f->here;
    release_preempted(&next);
}

/* ---- waiting ---- */

/* A sleep or a wait that is over although nothing has happened. */
static bool ends_by_itself(void)
{
    if (mc.spurious >= mc.bounds.spurious || mc_choose(2) == 0)
        return false;
    mc.spurious++;
    mc_trace("waits no longer");
    return true;
}

static bool times_out(void)
{
    if (mc.timeouts >= mc.bounds.timeouts || mc_choose(2) == 0)
        return false;
    mc.timeouts++;
    mc_trace("sleeps no longer");
    return true;
}

void mc_spin(void)
{
    struct fiber *f = &mc.fibers[mc.self];
    mc_count_operation();
    if (mc.self == 0)
        fail("spinning alone");
    if (!watch_has_changed(f) && !ends_by_itself()) {
        if (mc.idle_rounds < 3)
            mc_trace("waits");
        f->state = SPINNING;
        f->here = mc.here;
        schedule();
        mc.here = f->here;
    }
    watch_reset(f);
}

void mc_futex_wait(void *p, size_t size, uint64_t expected, bool timed)
{
    struct fiber *f = &mc.fibers[mc.self];
    mc_point((struct footprint){p, FOOT_WRITES});
    uint64_t value = 0;
    memcpy(&value, p, size); /* memory holds the newest, as the kernel would see it */
    if (value != expected) {
        mc_trace("does not sleep: the word is %s", mc_describe(value, 8));
        return;
    }
    if (timed ? times_out() : ends_by_itself())
        return;
    mc_trace("sleeps on %s", mc_describe((uint64_t)p, size));
    f->state = timed ? SLEEPING_TIMED : SLEEPING;
    f->sleeps_on = p;
    schedule();
    mc.here = f->here;
}

void mc_futex_wake(void *p, int threads)
{
    mc_point((struct footprint){p, FOOT_WRITES});
    for (; threads > 0; threads--) {
        int sleepers[THREADS], n = 0;
        for (int t = 1; t <= mc.test->threads; t++) {
            const struct fiber *f = &mc.fibers[t];
            if ((f->state == SLEEPING || f->state == SLEEPING_TIMED) &&
                f->sleeps_on == p)
                sleepers[n++] = t;
        }
        if (n == 0)
            return;
        int t = sleepers[mc_choose(n)];
        mc.fibers[t].state = READY;
        mc_trace("wakes thread %d", t);
    }
}

/* ---- one execution ---- */

static void start_fibers(void);

static void fiber_main(void)
{
    if (mc.self > 0) {
        mc.test->thread(mc.self);
        mc.fibers[mc.self].state = ENDED;
        mc_trace("ends");
        schedule();
    } else {
        void **sp = &mc.fibers[0].stack_pointer;
        mc.test->setup();
        start_fibers();
        offer_snapshot();
        mc.self = 1 + mc_choose(mc.test->threads);
        if (mc.test->switched)
            mc.test->switched(mc.self);
        mc_switch(sp, mc.fibers[mc.self].stack_pointer);
        for (int t = 1; t <= mc.test->threads; t++)
            view_join(&mc.fibers[0].now, &mc.fibers[t].now);
        if (mc.test->final)
            mc.test->final();
        mc_switch(sp, search->driver);
    }
    abort(); /* an ended fiber does not go on */
}

char *mc_stack_top(int fiber)
{
    return search->stacks + (size_t)(fiber + 1) * STACK_SIZE;
}

static void prepare(int t)
{
    void **sp = (void **)(void *)(mc_stack_top(t) - 64);
    void *entry;
    void (*function)(void) = fiber_main;
    memcpy(&entry, &function, sizeof entry);
    for (int i = 0; i < PADDING_WORDS; i++) /* the stack is aligned at the entry */
        *--sp = NULL;
    *--sp = entry;
    for (int i = 0; i < SAVED_WORDS; i++)
        *--sp = NULL;
    mc.fibers[t].stack_pointer = sp;
    mc.fibers[t].state = READY;
    mc.fibers[t].fresh = true;
}

static void start_fibers(void)
{
    for (int t = 1; t <= mc.test->threads; t++) {
        prepare(t);
        mc.fibers[t].now = mc.fibers[0].now;
    }
}

static void begin(void)
{
    memset(mc.fibers, 0, sizeof mc.fibers);
    mc.self = 0;
    mc.operations = mc.saved_at = mc.preempted = mc.stale = mc.spurious = 0;
    mc.timeouts = mc.idle_rounds = 0;
    mc.here = (struct place_in_source){"?", 0};
    mc.failed = mc.redundant = false;
    mc.execution = ++search->executions;
    mc_memory_reset();
    mc_print_reset();
    prepare(0);
}

/* Begins at the last snapshot before the choice that is another one now. */
void mc_execute(void)
{
    search->replayed = mc.tracing ? -1 : snapshot_restore(search->chosen - 1);
    if (search->replayed < 0) {
        search->replayed = 0;
        begin();
    }
    for (;;) {
        mc_switch(&search->driver, mc.fibers[mc.self].stack_pointer);
        search->driver = NULL;
        if (!mc.pausing)
            return;
        mc.pausing = false;
        snapshot_take(search->replayed);
    }
}

void *mc_own(size_t size)
{
    void *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    return p;
}

void mc_init(void)
{
    search = mc_own(sizeof *search);
    search->stacks = mc_own((size_t)THREADS * STACK_SIZE);
    /* The lowest page of each must not be reached. */
    for (size_t t = 0; t < THREADS; t++)
        mprotect(search->stacks + t * STACK_SIZE, (size_t)sysconf(_SC_PAGESIZE),
                 PROT_NONE);
    mc_memory_init();
    snapshot_init();
}
