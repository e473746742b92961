/* unmap.c: ThreadSanitizer hears only of memory that was in use.
 *
 * For each range that is unmapped it looks for what it knows of mutexes and atomics in
 * there, page by page over 640 KiB, and each page that it has never noted anything on is
 * a fault. Stacks are much larger than what is used of them, and a system has six: nine
 * in ten of the faults of a test were those. So it is told of what is resident, from the
 * first page to the last, and the rest goes by the system call alone.
 *
 * What was resident once, and is not when it is unmapped, stays noted. That can only make
 * whoever gets the same addresses next seem to come after whoever had them: he does. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 4096 /* pages: 16 MiB, mostly */ };

int __interceptor_munmap(void *start, size_t size); /* ThreadSanitizer's */

static bool is_resident(unsigned char page) { return page & 1; }

static int unmap_unused(char *start, size_t size)
{
    return size > 0 ? (int)syscall(SYS_munmap, start, size) : 0;
}

static int unmap_used(char *start, size_t size)
{
    return size > 0 ? __interceptor_munmap(start, size) : 0;
}

int munmap(void *memory, size_t size)
{
    unsigned char pages[MOST];
    char *start = memory;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t first = 0, end = size / page;
    if (size % page != 0 || end > MOST || mincore(start, size, pages) != 0)
        return __interceptor_munmap(start, size);
    while (first < end && !is_resident(pages[first]))
        first++;
    while (end > first && !is_resident(pages[end - 1]))
        end--;
    int before = unmap_unused(start, first * page);
    int used = unmap_used(start + first * page, (end - first) * page);
    int behind = unmap_unused(start + end * page, size - end * page);
    return before || used || behind ? -1 : 0;
}

/* By which the linker is told of this file: it knows a munmap already. */
extern int (*const sanitizer_unmap)(void *memory, size_t size);
int (*const sanitizer_unmap)(void *memory, size_t size) = munmap;
