/* process.h: what this process holds: threads, descriptors, memory. */
#ifndef SUPPORT_PROCESS_H
#define SUPPORT_PROCESS_H

#include <stdint.h>

/* Entries of /proc/self/task. A thread may stand there for a moment after its join: this
 * waits, giving the CPU away, until there are no more than `expected`, or too long. */
unsigned process_threads(unsigned expected);
/* Entries of /proc/self/fd. */
unsigned process_descriptors(void);
/* Resident memory in bytes. */
uint64_t process_resident(void);

#endif
