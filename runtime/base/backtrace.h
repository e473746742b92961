/* backtrace.h: who has called whom, on the running stack.
 *
 * By the unwinder that comes with the compiler: it allocates nothing and knows where a
 * stack of our own ends. Where a function has no unwind tables, or wrong ones (assembly
 * written by hand, code made at run time), it ends early. With glibc 2.35 or later it
 * takes no lock. Any thread and, after backtrace_prepare, any signal handler. */
#ifndef BASE_BACKTRACE_H
#define BASE_BACKTRACE_H

#include <stddef.h>

/* What the unwinder does once, and may not do in a signal handler. */
void backtrace_prepare(void);

/* Where the functions that called this one go on, innermost first. Returns how many. */
unsigned backtrace_take(void **frames, unsigned max);

/* In a signal handler with SA_SIGINFO, which was given this context: the functions that
 * were interrupted, the innermost of them first. When it was a jump to where nothing is
 * (a function pointer that is NULL), from its caller on. Each is a byte behind where it
 * was interrupted, so that all frames are described alike. Where that place is not found
 * on the stack, the handler's own come first. */
unsigned backtrace_take_interrupted(void **frames, unsigned max, void *context);

/* name+0x12 (file), or (file+0x1234): see symbol.h. Async-signal-safe. */
void backtrace_describe(char *text, size_t size, const void *frame);

#endif
