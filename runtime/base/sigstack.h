/* sigstack.h: another stack for the signal handlers of a thread.
 *
 * A handler with SA_ONSTACK runs on it, also when the thread has no room left on the one
 * it runs on, or runs on a small one of ours. It belongs to the thread, whichever stack
 * the thread goes on with, and lies at the top of the thread's own: there it takes no
 * memory before it is used. */
#ifndef BASE_SIGSTACK_H
#define BASE_SIGSTACK_H

/* Much for a report: a context can take 11 KB, and a handler may be interrupted. */
enum { SIGSTACK_SIZE = 64 << 10 };

/* run(arg), with such a stack; the one before is put back. On one already (in a handler),
 * or where it is refused: without. */
void sigstack_run(void (*run)(void *arg), void *arg);

#endif
