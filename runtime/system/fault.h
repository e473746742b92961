/* fault.h: handlers for faults: the process's, while a system wants them.
 *
 * SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT. What a signal does is the process's, so this
 * is, too: the first system that wants reports takes the five, the last one that is freed
 * gives them back. The action that each had before is kept. A fault on a thread of a
 * system that wants reports is reported, if it is the first; then, like any other fault,
 * it is passed on: the former action is put back, and the handler returns to
 * the instruction that failed, or sends a signal that was sent once more. So handlers
 * before ours, core dumps and the exit status are as if we had not been there.
 *
 * A program that puts a handler of its own over ours and calls ours from there is served
 * as well; one that does not call ours has no report.
 *
 * A second thread that fails meanwhile waits for the report, but not for ever. A report
 * that fails itself ends there, and the first signal is passed on. */
#ifndef SYSTEM_FAULT_H
#define SYSTEM_FAULT_H

/* Under the registry's lock. */
void fault_hold(void);
void fault_release(void);

#endif
