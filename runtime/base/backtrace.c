/* backtrace.c: who has called whom, on the running stack. */
#include "base/backtrace.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <unwind.h>

struct walk {
    void **frames;
    unsigned count, max;
};

static _Unwind_Reason_Code note(struct _Unwind_Context *context, void *arg)
{
    struct walk *walk = arg;
    uintptr_t ip = _Unwind_GetIP(context);
    if (ip == 0 || walk->count == walk->max)
        return _URC_END_OF_STACK;
    walk->frames[walk->count++] = (void *)ip;
    return _URC_NO_REASON;
}

unsigned backtrace_take(void **frames, unsigned max)
{
    struct walk walk = {frames, 0, max};
    (void)_Unwind_Backtrace(note, &walk);
    return walk.count;
}

void backtrace_describe(char *text, size_t size, const void *frame)
{
    Dl_info info;
    const char *at = (const char *)frame - 1; /* within the call */
    if (!dladdr(at, &info) || !info.dli_fname)
        snprintf(text, size, "%p", frame);
    else if (info.dli_sname)
        snprintf(text, size, "%s+0x%tx (%s)", info.dli_sname,
                 at - (const char *)info.dli_saddr, info.dli_fname);
    else
        snprintf(text, size, "(%s+0x%tx)", info.dli_fname,
                 at - (const char *)info.dli_fbase);
}
