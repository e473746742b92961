/* crash.c: the report of a fault, by a signal handler. */
#include "system/crash.h"

#include "actor/recall.h"
#include "base/backtrace.h"
#include "base/errors.h"
#include "base/peek.h"
#include "base/text.h"
#include "system/hand.h"
#include "system/registry.h"
#include "system/system.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES_MAX = 64, FRAME_TEXT = 384 };
enum { EVENTS_OWN = 16, EVENTS_EACH = 6 }; /* that are told of a worker */

/* ---- lines ---- */

struct remark {
    struct text text;
    char room[LOG_LINE_MAX];
};

static void begin(struct remark *l)
{
    l->text = text_begin(l->room, sizeof l->room - 1); /* for the end of the line */
    text_put(&l->text, "cadre fault: ");
}

static void end(struct remark *l)
{
    *l->text.at++ = '\n';
    for (const char *at = l->room; at < l->text.at;) {
        ssize_t n = write(STDERR_FILENO, at, (size_t)(l->text.at - at));
        if (n < 0 && errno != EINTR)
            return; /* nothing is left to be done about it */
        at += n > 0 ? n : 0;
    }
}

static void put(struct remark *l, const char *s) { text_put(&l->text, s); }
static void put_number(struct remark *l, uint64_t n) { text_decimal(&l->text, n); }

void crash_say(const char *what)
{
    struct remark l;
    begin(&l);
    put(&l, what);
    end(&l);
}

/* ---- what happened ---- */

struct reason {
    int sig, code;
    const char *text;
};

static const struct reason reasons[] = {
    {SIGSEGV, SEGV_MAPERR, "nothing is mapped there"},
    {SIGSEGV, SEGV_ACCERR, "access is not allowed"},
    {SIGSEGV, SI_KERNEL, "not an address"},
    {SIGBUS, BUS_ADRALN, "misaligned address"},
    {SIGBUS, BUS_ADRERR, "behind the end of a file, or no memory for it"},
    {SIGBUS, BUS_OBJERR, "an error of the hardware"},
    {SIGILL, ILL_ILLOPC, "illegal instruction"},
    {SIGILL, ILL_ILLOPN, "illegal operand"},
    {SIGILL, ILL_ILLADR, "illegal addressing mode"},
    {SIGILL, ILL_ILLTRP, "illegal trap"},
    {SIGILL, ILL_PRVOPC, "privileged instruction"},
    {SIGFPE, FPE_INTDIV, "an integer divided by zero"},
    {SIGFPE, FPE_INTOVF, "an integer too large"},
    {SIGFPE, FPE_FLTDIV, "divided by zero"},
    {SIGFPE, FPE_FLTOVF, "too large"},
    {SIGFPE, FPE_FLTUND, "too small"},
    {SIGFPE, FPE_FLTRES, "inexact"},
    {SIGFPE, FPE_FLTINV, "invalid operation"},
    {SIGFPE, FPE_FLTSUB, "out of range"},
};

static bool was_sent(const siginfo_t *info) { return info->si_code <= 0; }

static void put_reason(struct remark *l, int sig, const siginfo_t *info)
{
    const char *text = "for whatever reason";
    if (was_sent(info)) {
        bool here = info->si_pid == getpid();
        put(l, here ? "sent by this process" : "sent by process ");
        if (!here)
            put_number(l, (uint64_t)info->si_pid);
        return;
    }
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].sig == sig && reasons[i].code == info->si_code)
            text = reasons[i].text;
    put(l, text);
}

/* ---- to whom ---- */

static void put_class(struct remark *l, const struct cell *cell)
{
    char name[HAND_NAME];
    const cadre_class *class = cell_class(cell);
    const char *text;
    bool has_name = class && peek_bytes(&text, &class->name, sizeof text) && text &&
                    peek_text(name, sizeof name, text);
    put(l, " (");
    put(l, has_name ? name : "?");
    put(l, ")");
}

static void put_address(struct remark *l, uint64_t id)
{
    put(l, "actor ");
    recall_put_address(&l->text, id);
}

/* Where it stands is stable memory, if it is an address at all. */
static void put_owner(struct remark *l, const struct cadre_system *system, uint64_t id)
{
    const struct cell *cell = table_resolve(&system->world.table, id);
    put_address(l, id);
    if (cell && cell_address(cell) == id)
        put_class(l, cell);
}

static void put_self(struct remark *l, const struct cadre_self *self, bool with_type)
{
    char type[HAND_NAME];
    const struct cell *cell = load_acquire(&self->cell); /* pairs with turn_run */
    if (!cell) {
        put(l, "no actor");
        return;
    }
    put_address(l, cell_address(cell));
    put_class(l, cell);
    if (with_type && hand_type(self, cell, type)) {
        put(l, ", on a message of type ");
        put(l, type);
    }
}

static void put_whom(struct remark *l, const struct crash *c, bool with_type)
{
    if (c->self) {
        put_self(l, c->self, with_type);
    } else {
        put(l, "a call that ");
        put_owner(l, c->system, c->owner);
        put(l, " has offloaded");
    }
}

/* ---- the report ---- */

static void say_what(const struct crash *c, int sig, const siginfo_t *info)
{
    struct remark l;
    begin(&l);
    put(&l, errors_signal(sig));
    put(&l, ", ");
    put_reason(&l, sig, info);
    if (!was_sent(info)) {
        put(&l, ", at address ");
        text_hex(&l.text, (uintptr_t)info->si_addr);
    }
    put(&l, ", in ");
    put_whom(&l, c, true);
    end(&l);
}

static void say_overflow(const struct crash *c, const siginfo_t *info)
{
    struct remark l;
    struct fiber_fault fault;
    if (was_sent(info) || !fiber_explain_fault(info->si_addr, &fault))
        return;
    begin(&l);
    put(&l, "stack overflow of ");
    put_whom(&l, c, false);
    put(&l, ": that address is in the guard page below the stack of ");
    put_number(&l, fault.size);
    put(&l, " bytes that worker ");
    put_number(&l, fault.worker);
    put(&l, " runs on");
    end(&l);
}

static void say_worker(const struct cadre_self *self)
{
    struct remark l;
    begin(&l);
    put(&l, "worker ");
    put_number(&l, self->worker->id);
    put(&l, " runs ");
    put_self(&l, self, true);
    put(&l, "; turns: ");
    put_number(&l, load_relaxed(&self->worker->turns));
    put(&l, ", messages handled: ");
    put_number(&l, load_relaxed(&self->handled));
    end(&l);
}

static void say_workers(const struct cadre_system *system)
{
    struct remark l;
    const struct world *world = &system->world;
    uint32_t asleep = 0;
    for (uint32_t i = 0; i < system->settings.workers; i++)
        if (idle_is_asleep(&world->sched.crew.idle, i))
            asleep++;
        else
            say_worker(&world->selves[i]);
    begin(&l);
    put(&l, "workers asleep: ");
    put_number(&l, asleep);
    end(&l);
}

/* Others go on meanwhile; what they overwrite is left out. */
static void say_events(const struct worker *worker, unsigned max)
{
    struct remark l;
    struct event events[RECENT_SIZE];
    int64_t now = clock_now(&worker->crew->clock);
    unsigned count = recall_find(worker, 0, events, max);
    for (unsigned i = 0; i < count; i++) {
        begin(&l);
        put(&l, "worker ");
        put_number(&l, worker->id);
        put(&l, ": ");
        recall_put(&l.text, &events[i], now);
        end(&l);
    }
}

/* First those of the one that failed, the most of them. */
static void say_all_events(const struct crash *c)
{
    const struct crew *crew = &c->system->world.sched.crew;
    const struct worker *own = c->self ? c->self->worker : NULL;
    if (own)
        say_events(own, EVENTS_OWN);
    for (uint32_t i = 0; i < crew->count; i++)
        if (&crew->workers[i] != own)
            say_events(&crew->workers[i], EVENTS_EACH);
}

/* How many of them are the same as the first. */
static unsigned same_as_first(void *const *frames, unsigned count)
{
    unsigned n = 1;
    while (n < count && frames[n] == frames[0])
        n++;
    return n;
}

static void say_frame(unsigned i, const void *frame, unsigned times)
{
    struct remark l;
    char text[FRAME_TEXT];
    backtrace_describe(text, sizeof text, frame);
    begin(&l);
    put(&l, "  #");
    put_number(&l, i);
    put(&l, " ");
    put(&l, text);
    if (times > 1) {
        put(&l, ", times ");
        put_number(&l, times);
    }
    end(&l);
}

static void say_stack(void *context)
{
    void *frames[FRAMES_MAX];
    unsigned count = backtrace_take_interrupted(frames, FRAMES_MAX, context);
    for (unsigned i = 0, n; i < count; i += n) {
        n = same_as_first(frames + i, count - i);
        say_frame(i, frames[i], n);
    }
    if (count == 0)
        crash_say("no stack: it could not be followed");
    if (count == FRAMES_MAX)
        crash_say("  and so on");
}

bool crash_concerns(struct crash *c)
{
    const struct worker *w = worker_current();
    *c = (struct crash){0};
    if (w) {
        c->self = w->context;
        c->system = c->self->world->system;
    } else if (blocking_here(&c->owner)) {
        c->system = registry_of(address_tag(c->owner));
    }
    return c->system && c->system->settings.report_faults;
}

void crash_report(const struct crash *c, int sig, const siginfo_t *info, void *context)
{
    say_what(c, sig, info);
    say_overflow(c, info);
    say_workers(c->system);
    say_all_events(c);
    say_stack(context);
}
