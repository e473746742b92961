/* peek.h: memory of this process that others use, and may give back meanwhile.
 *
 * The kernel copies it (process_vm_readv), so that reading what is not there is an error
 * and no fault, and reading what another thread writes is no race in the program. What
 * comes may be torn, or be something else by now: good for a line in a log. Any thread;
 * a system call each time, which some sandboxes refuse. */
#ifndef BASE_PEEK_H
#define BASE_PEEK_H

#include "base/cc.h"

#include <stdbool.h>
#include <stddef.h>

/* False: it is not there, or the kernel refuses. *to may be written then. */
CC_MUST_CHECK bool peek_bytes(void *to, const void *from, size_t size);

/* A string, cut off behind size - 1 bytes; what is not printable ASCII becomes `?`. */
CC_MUST_CHECK bool peek_text(char *to, size_t size, const char *from);

#endif
