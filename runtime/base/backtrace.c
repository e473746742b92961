/* backtrace.c: who has called whom, on the running stack. */
#include "base/backtrace.h"

#include "base/peek.h"
#include "base/symbol.h"

#include <stdint.h>
#include <ucontext.h>
#include <unwind.h>

struct walk {
    void **frames;
    unsigned count, max;
    uintptr_t from; /* 0, or where what was interrupted stands: there it begins */
};

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *arg)
{
    struct walk *walk = arg;
    int is_interrupted = 0;
    uintptr_t ip = _Unwind_GetIPInfo(context, &is_interrupted);
    if (ip == 0 || walk->count == walk->max)
        return _URC_END_OF_STACK;
    if (walk->from && ip != walk->from)
        return _URC_NO_REASON;
    walk->from = 0;
    walk->frames[walk->count++] = (void *)(ip + (is_interrupted ? 1 : 0));
    return _URC_NO_REASON;
}

unsigned backtrace_take(void **frames, unsigned max)
{
    struct walk walk = {frames, 0, max, 0};
    (void)_Unwind_Backtrace(note, &walk);
    return walk.count;
}

void backtrace_prepare(void)
{
    void *frame;
    (void)backtrace_take(&frame, 1);
}

/* ---- the machines: what of a context says where it stands, and who called ---- */

#if defined(__x86_64__) && defined(__LP64__)
static uintptr_t interrupted_at(const ucontext_t *c)
{
    return (uintptr_t)c->uc_mcontext.gregs[REG_RIP];
}
/* As after a return from where there is nothing. */
static void return_from_nowhere(ucontext_t *c)
{
    uintptr_t sp = (uintptr_t)c->uc_mcontext.gregs[REG_RSP], back;
    if (!peek_bytes(&back, (void *)sp, sizeof back))
        return;
    sp += sizeof back;
    back -= 1; /* in the call */
    c->uc_mcontext.gregs[REG_RSP] = (greg_t)sp;
    c->uc_mcontext.gregs[REG_RIP] = (greg_t)back;
}
#elif defined(__aarch64__) && defined(__LP64__)
static uintptr_t interrupted_at(const ucontext_t *c) { return c->uc_mcontext.pc; }
static void return_from_nowhere(ucontext_t *c)
{
    c->uc_mcontext.pc = c->uc_mcontext.regs[30] - 4; /* the call */
}
#else
static uintptr_t interrupted_at(const ucontext_t *c) { return 0; } /* from here on */
static void return_from_nowhere(ucontext_t *c) {}
#endif

/* False also where the kernel does not let us look. */
static bool is_nowhere(uintptr_t address)
{
    char byte = 0, here = 0;
    return !peek_bytes(&byte, (void *)address, 1) && peek_bytes(&byte, &here, 1);
}

unsigned backtrace_take_interrupted(void **frames, unsigned max, void *context)
{
    ucontext_t *c = context;
    mcontext_t before = c->uc_mcontext;
    if (is_nowhere(interrupted_at(c)))
        return_from_nowhere(c);
    struct walk walk = {frames, 0, max, interrupted_at(c)};
    (void)_Unwind_Backtrace(note, &walk);
    c->uc_mcontext = before;
    /* ThreadSanitizer calls handlers later, when they stand elsewhere. */
    return walk.count > 0 ? walk.count : backtrace_take(frames, max);
}

void backtrace_describe(char *text, size_t size, const void *frame)
{
    symbol_describe(text, size, (const char *)frame - 1); /* within the call */
}
