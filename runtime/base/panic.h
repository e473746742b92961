/* panic.h: a broken invariant: say what and where, then abort. */
#ifndef BASE_PANIC_H
#define BASE_PANIC_H

#include "base/cc.h"

/* Writes one line to stderr and aborts. Async-signal safe. */
void panic(const char *file, int line, const char *what) CC_NORETURN CC_COLD;

/* Checked in every build: a stopped process is better than a wrong answer. */
#define invariant(cond)                                                                \
    (likely(cond) ? (void)0 : panic(__FILE__, __LINE__, "broken invariant: " #cond))

/* A mistake of the caller ends a debug build; otherwise it is refused and logged. */
#ifdef RT_DEBUG
#define debug_panic(what) panic(__FILE__, __LINE__, (what))
enum { DEBUG_BUILD = 1 };
#else
#define debug_panic(what) ((void)(what))
enum { DEBUG_BUILD = 0 };
#endif

#endif
