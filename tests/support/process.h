/* process.h: what this process holds: threads, descriptors, memory. */
#ifndef SUPPORT_PROCESS_H
#define SUPPORT_PROCESS_H

#include <stdint.h>

/* Threads that are, or were a moment ago, a worker's. The kernel may show a thread for
 * a moment after its join: this waits, giving the CPU away, until there is none, or too
 * long. Others, such as a sanitizer's own, do not count. */
unsigned process_workers(void);
/* Entries of /proc/self/fd. */
unsigned process_descriptors(void);
/* Resident memory in bytes. */
uint64_t process_resident(void);

#endif
