/* probe.h: where another thread stands: it is asked by a signal.
 *
 * One real-time signal of the process, PROBE_SIGNAL, is taken while anybody holds it: if
 * it has no handler, and the thread that takes it does not block it (a program that waits
 * for it by sigwait or signalfd does). It is given back by the last holder, unless the
 * program has put a handler of its own there meanwhile.
 *
 * A thread that may be asked says so (probe_open). Its handler notes the return addresses
 * in the thread's own struct probe, for whoever asked and waits for it: not long. The
 * handler is called on the thread's signal stack (base/sigstack) if it has one, leaves
 * errno, and does nothing when nobody asks: so it does no harm that anybody else sends
 * this signal, or that an answer comes too late. System calls go on (SA_RESTART), but for
 * those that never do (poll, nanosleep, ...: see signal(7)), which return EINTR.
 *
 *   operation                    by whom
 *   probe_hold, probe_release    one thread at a time (the registry's lock)
 *   probe_open, probe_close      the thread; close before its probe goes away
 *   probe_ask                    any other thread, beside everything
 *
 *   state of a probe   who goes on from there
 *   IDLE               whoever asks                      -> ASKED
 *   ASKED              the signal handler                -> ANSWERS
 *                      whoever asks, tired of waiting    -> IDLE
 *   ANSWERS            the signal handler                -> DONE
 *                      whoever asks, tired of waiting    -> ALONE
 *   ALONE              the signal handler                -> IDLE
 *   DONE               whoever asks, after reading       -> IDLE */
#ifndef BASE_PROBE_H
#define BASE_PROBE_H

#include "base/atomic.h"
#include "base/cc.h"

#include <stdbool.h>
#include <stdint.h>

enum { PROBE_FRAMES = 32, PROBE_WAIT_MS = 100 };
#define PROBE_SIGNAL (SIGRTMAX - 2)

/* Of a thread; all zero at first. */
struct probe {
    ATOMIC(uint32_t) state;
    ATOMIC(int32_t) thread; /* as the kernel counts them; 0: not open */
    unsigned count;         /* whose the state says, like the frames */
    void *frames[PROBE_FRAMES];
};

/* False: the signal is the program's. */
CC_MUST_CHECK bool probe_hold(void);
void probe_release(void);

/* This thread may be asked from now on; lets the signal through. */
void probe_open(struct probe *probe);
void probe_close(void);

/* Where the probe's thread stands. Returns how many frames, as backtrace.h has them; 0:
 * none, and *why is what to say about that. Blocks for PROBE_WAIT_MS at most. */
unsigned probe_ask(struct probe *probe, void *frames[PROBE_FRAMES], const char **why);

#endif
