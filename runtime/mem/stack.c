/* stack.c: stacks with a guard page below, kept for the next one. */
#include "mem/stack.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE = 2 << 20 };

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static size_t rounded(size_t size)
{
    size_t page = page_size();
    if (size < STACK_MIN)
        size = STACK_MIN;
    return size > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size + page - 1) / page * page;
}

/* Returns where the guard page ends, or NULL. */
static char *map(size_t size)
{
    size_t page = page_size();
    char *p = mmap(NULL, size + page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (mprotect(p, page, PROT_NONE) != 0) { /* it takes a mapping more */
        (void)munmap(p, size + page);
        return NULL;
    }
    if (size >= HUGE)
        (void)madvise(p + page, size, MADV_NOHUGEPAGE); /* a hint: little is used */
    return p + page;
}

static void unmap(char *low, size_t size)
{
    mem_unpoison(low, size); /* frames that never ended */
    (void)munmap(low - page_size(), size + page_size());
}

/* The account has it already. */
static int make(struct stack **stack, struct heap *heap, size_t size)
{
    void *p;
    int err = heap_get(heap, &p, sizeof **stack);
    if (err)
        return err;
    char *low = map(size);
    if (!low) {
        heap_put(heap, p, sizeof **stack);
        return -ENOMEM;
    }
    *stack = p;
    **stack = (struct stack){.low = low, .size = size};
    return 0;
}

int stack_new(struct stack **stack, struct heap *heap, size_t size)
{
    return make(stack, heap, rounded(size));
}

void stack_free(struct stack *stack, struct heap *heap)
{
    if (!stack)
        return;
    unmap(stack->low, stack->size);
    heap_discharge(heap, stack->counted);
    heap_put(heap, stack, sizeof *stack);
}

/* ---- pools ---- */

void stack_pool_init(struct stack_pool *pool, struct heap *heap, size_t size)
{
    *pool = (struct stack_pool){.heap = heap, .size = rounded(size)};
}

static struct stack *take(struct stack_pool *pool)
{
    struct stack *stack = pool->idle;
    if (stack) {
        pool->idle = stack->next;
        pool->count--;
    }
    return stack;
}

void stack_pool_fini(struct stack_pool *pool)
{
    struct stack *stack;
    while ((stack = take(pool)))
        stack_free(stack, pool->heap);
}

int stack_get(struct stack **stack, struct stack_pool *pool)
{
    struct stack *idle = take(pool);
    if (idle) {
        *stack = idle;
        return 0;
    }
    int err = heap_charge(pool->heap, pool->size);
    if (err)
        return err;
    err = make(stack, pool->heap, pool->size);
    if (err)
        heap_discharge(pool->heap, pool->size);
    else
        (*stack)->counted = pool->size;
    return err;
}

void stack_put(struct stack_pool *pool, struct stack *stack)
{
    if (pool->count == STACK_KEPT) {
        stack_free(stack, pool->heap);
        return;
    }
    mem_unpoison(stack->low, stack->size); /* frames that never ended */
    if (stack->size > STACK_WARM)
        (void)madvise(stack->low, stack->size - STACK_WARM, MADV_DONTNEED);
    stack->next = pool->idle;
    pool->idle = stack;
    pool->count++;
}

bool stack_guards(const struct stack *stack, const void *address)
{
    return (uintptr_t)stack->low - (uintptr_t)address - 1 < page_size();
}
