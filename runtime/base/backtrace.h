/* backtrace.h: who has called whom, on the running stack.
 *
 * By the unwinder that comes with the compiler: it allocates nothing and knows where a
 * stack of our own ends. A function has a name where the dynamic linker knows one: in a
 * shared library, or in a program linked with -rdynamic; else its place is told, for
 * addr2line. Any thread. */
#ifndef BASE_BACKTRACE_H
#define BASE_BACKTRACE_H

#include <stddef.h>

/* Where the functions that called this one go on, innermost first. Returns how many. */
unsigned backtrace_take(void **frames, unsigned max);

/* name+0x12 (file), or (file+0x1234). */
void backtrace_describe(char *text, size_t size, const void *frame);

#endif
