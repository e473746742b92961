/* limits.h: what the machine itself can do, measured beside the runtime.
 *
 * Each function is the `run` of a bench_row. */
#ifndef HARNESS_LIMITS_H
#define HARNESS_LIMITS_H

#include <stdint.h>

/* An ideal runtime for one thread: actors with a mailbox each and one run queue, linked
 * lists and a call through a pointer, no atomics and no memory management. n messages
 * go to and fro between pairs of actors; arg: const uint64_t *, how many pairs. */
int limits_queue(double *total, const void *arg, uint64_t n);

/* A cache line goes to and fro between two CPUs, n times one way: the least that a
 * message to another CPU can cost. Skipped on one CPU. */
int limits_hop(double *total, const void *arg, uint64_t n);

/* The same with both threads asleep in between: futex wake, then wait, n times one way.
 */
int limits_futex(double *total, const void *arg, uint64_t n);

/* A bare list of 64-byte nodes in fresh memory: n are filled and linked, then all are
 * walked once: the least that n messages cost when all of them are queued first. */
int limits_list(double *total, const void *arg, uint64_t n);

#endif
