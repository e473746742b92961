/* block.h: size classes, and what a free block looks like.
 *
 * Under AddressSanitizer free blocks are poisoned behind their links, so that lists can
 * still be walked. */
#ifndef MEM_BLOCK_H
#define MEM_BLOCK_H

#include "base/cc.h"

#include <ck_stack.h>

#include <stddef.h>

enum {
    POOL_BLOCK_MAX = 4096,
    POOL_CLASSES = 28, /* 16, 32, ... 128, then four per doubling up to 4096 */
    POOL_CHAIN = 32    /* blocks that go to the depot, or come from it, at a time */
};

/* A free block. The first of a chain is linked into the depot. */
struct pool_block {
    struct pool_block *next;
    ck_stack_entry_t chain;
};

/* The same for 1 to 128. */
static CC_INLINE unsigned pool_class_of_small(size_t size)
{
    return (unsigned)(size - 1) / 16;
}

/* size: at most POOL_BLOCK_MAX. A constant if that is one. */
static CC_INLINE unsigned pool_class_of(size_t size)
{
    if (size <= 128)
        return (unsigned)((size - (size != 0)) / 16);
    unsigned doubling = bit_highest(size - 1); /* 7: 129..256, 8: 257..512, ... */
    return 8 + (doubling - 7) * 4 + (unsigned)(((size - 1) >> (doubling - 2)) & 3);
}

static inline size_t pool_size_of(unsigned class)
{
    if (class < 8)
        return (class + 1) * 16;
    unsigned doubling = 7 + (class - 8) / 4;
    return ((size_t)1 << doubling) + (((class - 8) % 4 + 1) << (doubling - 2));
}

static inline void pool_hide(struct pool_block *b, unsigned class)
{
    size_t size = CC_ASAN ? pool_size_of(class) : 0;
    if (size > sizeof *b)
        mem_poison(b + 1, size - sizeof *b);
}

static inline void pool_show(struct pool_block *b, unsigned class)
{
    size_t size = CC_ASAN ? pool_size_of(class) : 0;
    if (size > sizeof *b)
        mem_unpoison(b + 1, size - sizeof *b);
}

#endif
