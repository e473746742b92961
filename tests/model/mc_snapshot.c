/* mc_snapshot.c: what the set-up of a test has made of memory, so that it is done once.
 *
 * All that is static is copied, the model's and the engine's, and what is on the stack of
 * who has done the set-up; the engine's large tables know what of them they need. What
 * the set-up has from libc's heap is not restored: then there is no snapshot. */
#include "engine.h"

#include <malloc.h>
#include <string.h>

extern char __data_start[], _end[]; /* the linker's: where all that is static lies */

static struct snapshot {
    const struct mc_test *test; /* NULL: there is none */
    size_t heap;                /* bytes in use, before the last set-up */
    size_t stack_size;
    char *stack;
    char bytes[];
} * snapshot;

enum { STACK_MAX = 1 << 16 };

static size_t heap_in_use(void) { return mallinfo2().uordblks; }

bool snapshot_restore(void)
{
    size_t size = (size_t)(_end - __data_start);
    if (!snapshot)
        snapshot = mc_own(sizeof *snapshot + size + STACK_MAX);
    snapshot->heap = heap_in_use();
    if (snapshot->test != mc.test)
        return false;
    place_restore();
    memcpy(__data_start, snapshot->bytes, size);
    memcpy(snapshot->stack, snapshot->bytes + size, snapshot->stack_size);
    mc_memory_restore();
    return true;
}

void snapshot_take(char *stack, const char *top)
{
    size_t size = (size_t)(_end - __data_start);
    snapshot->stack_size = (size_t)(top - stack);
    if (snapshot->stack_size > STACK_MAX || snapshot->heap != heap_in_use())
        return;
    snapshot->stack = stack;
    memcpy(snapshot->bytes + size, stack, snapshot->stack_size);
    mc_memory_take();
    memcpy(snapshot->bytes, __data_start, size);
    snapshot->test = mc.test;
}
