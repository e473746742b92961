/* peek.c: memory of this process that others use, and may give back meanwhile. */
#include "base/peek.h"

#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE_LEAST = 4096 };

bool peek_bytes(void *to, const void *from, size_t size)
{
    struct iovec local = {to, size};
    struct iovec remote = {(void *)(uintptr_t)from, size};
    /* All as wide as a register: the last ones are passed in memory, and an int would
     * leave half of theirs as it was. */
    return syscall(SYS_process_vm_readv, (long)getpid(), &local, 1L, &remote, 1L, 0L) ==
           (long)size;
}

/* How many bytes from here to the end of its page; a string may end with it. */
static size_t rest_of_page(const char *at)
{
    return PAGE_LEAST - (uintptr_t)at % PAGE_LEAST;
}

bool peek_text(char *to, size_t size, const char *from)
{
    size_t length = 0;
    while (length < size - 1) {
        size_t part = rest_of_page(from + length);
        part = part < size - 1 - length ? part : size - 1 - length;
        if (!peek_bytes(to + length, from + length, part))
            return false;
        if (memchr(to + length, '\0', part))
            break;
        length += part;
    }
    to[size - 1] = '\0';
    for (; *to; to++)
        if (*to < ' ' || *to > '~')
            *to = '?';
    return true;
}
