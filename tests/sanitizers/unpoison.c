/* unpoison.c: much memory is usable again without touching all notes on it.
 *
 * Before a stack of 8 MiB is unmapped, all of it must be usable again, for whoever gets
 * these addresses next. AddressSanitizer writes zeros to 1 MiB of its notes for that, of
 * which nearly all were zero, and never touched: 256 new pages, for each of the six
 * stacks of a system. Whole pages of notes are given back here, which makes them zeros,
 * too. */
#include <dlfcn.h>
#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MUCH = 1 << 20 };

typedef void unpoison(void const volatile *address, size_t size);

/* Zeros where whole pages say what is in there; returns how much of it they cover, from
 * *start on. */
static size_t zero_pages(uintptr_t *start, uintptr_t end)
{
    size_t scale, offset, page = (size_t)sysconf(_SC_PAGESIZE);
    __asan_get_shadow_mapping(&scale, &offset);
    size_t covered = page << scale; /* by one page */
    uintptr_t from = (*start + covered - 1) / covered * covered;
    uintptr_t to = end / covered * covered;
    if (madvise((void *)((from >> scale) + offset), (to - from) >> scale,
                MADV_DONTNEED) != 0)
        return 0;
    *start = from;
    return to - from;
}

void __asan_unpoison_memory_region(void const volatile *address, size_t size)
{
    static unpoison *original;
    uintptr_t start = (uintptr_t)address, end = start + size, inside = start;
    unpoison *next = __atomic_load_n(&original, __ATOMIC_RELAXED);
    if (!next) {
        next = (unpoison *)dlsym(RTLD_NEXT, "__asan_unpoison_memory_region");
        __atomic_store_n(&original, next, __ATOMIC_RELAXED);
    }
    size_t zeroed = size < MUCH ? 0 : zero_pages(&inside, end);
    next((void *)start, inside - start);
    next((void *)(inside + zeroed), end - inside - zeroed);
}

/* By which the linker is told of this file: it knows such a function already. */
extern unpoison *const sanitizer_unpoison;
unpoison *const sanitizer_unpoison = __asan_unpoison_memory_region;
