/* context.h: go on with another stack, and come back later.
 *
 * A context is where a thread of control stands while it does not run: a stack and the
 * registers that a function call must keep, the control words of floating point among
 * them. Nothing else is switched: not the signal mask, not errno, no thread-locals. A
 * context is only ever switched to on the thread that made it run last, because compilers
 * keep the addresses of thread-locals; and never while it runs.
 *
 *   operation        by whom                          afterwards
 *   context_make     anybody                          it stands at its entry
 *   context_switch   who runs as `from`, to one that  `from` stands in this call, until
 *                    stands                           somebody switches to it
 *   context_leave    the same                         `from` never runs again
 *   context_drop     anybody, of one that stands or   nobody may switch to it
 *                    was left
 *
 * The entry function never returns. A backtrace ends at it, as it does at a thread's.
 *
 * On x86-64 a switch jumps to where it is to go on: a return would be predicted to go to
 * where we came from. Shadow stacks (CET) are not switched; Linux gives them to no
 * program that did not ask for them. Other machines than x86-64 and aarch64 have that of
 * libc (ucontext), which asks the kernel for the signal mask.
 *
 * The sanitizers are told about all of it here. */
#ifndef BASE_CONTEXT_H
#define BASE_CONTEXT_H

#include "base/cc.h"

#include <stddef.h>
#include <stdint.h>

struct context {
    void *sp; /* while it stands */
    void (*entry)(void *arg);
    void *arg;
    /* For the sanitizers: the stack, what they keep of it, and who switched to us. */
    const void *low;
    size_t size;
    void *fake, *fiber;
    struct context *from;
};

/* The control words of floating point, as they are here. */
uint64_t context_control(void);

/* One that will call entry(arg) on the `size` bytes from `low` on, with these control
 * words. A thread's own needs none: the first switch from it makes it. */
void context_make(struct context *context, void *low, size_t size, uint64_t control,
                  void (*entry)(void *arg), void *arg);
void context_switch(struct context *from, struct context *to);
void context_leave(struct context *from, struct context *to) CC_NORETURN;
/* Its stack may be used for something else now. */
void context_drop(struct context *context);

#endif
