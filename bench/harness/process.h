/* process.h: runs in a process of their own, and the memory a process holds. */
#ifndef HARNESS_PROCESS_H
#define HARNESS_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* run(total, arg, n) in a child process, whose memory is fresh: what an earlier run gave
 * back to the allocator would hide what this one takes. Returns 0, or -1 with a line on
 * stderr. Call it while there are no threads. */
int process_run(double *total, int (*run)(double *total, const void *arg, uint64_t n),
                const void *arg, uint64_t n);

/* The bytes of RAM that this process holds; 0 when /proc does not tell. */
uint64_t process_resident_bytes(void);

/* That another process holds. */
uint64_t process_resident_of(pid_t pid);

/* The most it has held. */
uint64_t process_peak_bytes(void);

/* The CPU time in nanoseconds of a process and of its children that live; 0: unknown. */
double process_cpu_time(pid_t pid);

/* That of our own children that live. */
double process_children_cpu_time(void);

#endif
