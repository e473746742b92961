/* stack.h: stacks with a guard page below, kept for the next one.
 *
 * A stack is mapped: pages that nobody has touched take no memory. It counts in full
 * towards the limit of the heap, because that is what it may come to. The page below it
 * cannot be touched, so that whoever goes too deep is stopped there, unless he leaps over
 * it (gcc -fstack-clash-protection prevents that).
 *
 * Each worker has a pool, which keeps some stacks that were put, the newest on top, with
 * the upper pages as they are; what was used below those goes back to the system. (To
 * unmap one makes every CPU that the process runs on forget its mappings: 10 to 50 us.)
 * Each takes two mappings; Linux allows 65,530 in a process unless it is told otherwise
 * (vm.max_map_count). */
#ifndef MEM_STACK_H
#define MEM_STACK_H

#include "mem/alloc.h"

#include <stdbool.h>

enum {
    STACK_SIZE = 256 << 10, /* unless somebody wants another one */
    STACK_MIN = 16 << 10,
    STACK_LIKE_THREAD = 8 << 20, /* what a thread mostly has */
    STACK_KEPT = 32,             /* idle ones in a pool, at most ... */
    STACK_WARM = 16 << 10        /* ... with this much memory, if they have used it */
};

struct stack {
    struct stack *next; /* in the pool */
    char *low;          /* the guard page ends here */
    size_t size;
    size_t counted; /* towards the heap's limit */
};

/* One thread at a time. */
struct stack_pool {
    struct heap *heap;
    size_t size;
    struct stack *idle;
    uint32_t count;
};

/* size: of its stacks; rounded up to whole pages, and at least STACK_MIN. */
void stack_pool_init(struct stack_pool *pool, struct heap *heap, size_t size);
void stack_pool_fini(struct stack_pool *pool);

/* Not zeroed. Returns 0, -ENOMEM, or CADRE_EFULL at the heap's limit. */
CC_MUST_CHECK int stack_get(struct stack **stack, struct stack_pool *pool);
void stack_put(struct stack_pool *pool, struct stack *stack);

/* One that belongs to no pool and does not count, like those of threads. Returns 0 or
 * what the heap says about a few bytes. */
CC_MUST_CHECK int stack_new(struct stack **stack, struct heap *heap, size_t size);
void stack_free(struct stack *stack, struct heap *heap); /* NULL is fine */

static inline char *stack_top(const struct stack *stack)
{
    return stack->low + stack->size;
}

/* Is that address in its guard page? Async-signal-safe. */
bool stack_guards(const struct stack *stack, const void *address);

#endif
