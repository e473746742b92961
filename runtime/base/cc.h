/* cc.h: the only file that names a compiler: attributes, cache line, likely. */
#ifndef BASE_CC_H
#define BASE_CC_H

#include <stdalign.h>
#include <stddef.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Reached with one instruction also in the shared library, which is never unloaded. */
#define CC_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#define CC_NOINLINE __attribute__((noinline))
#define CC_INLINE inline __attribute__((always_inline)) /* measured to pay */
#define CC_COLD __attribute__((cold, noinline))
#define CC_NORETURN __attribute__((noreturn))
#define CC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
/* Where the frame of this function is on the stack. */
#define CC_FRAME __builtin_frame_address(0)
#define CC_MUST_CHECK __attribute__((warn_unused_result))

/* Lines written by different threads stand this far apart: two lines of 64 bytes,
 * because adjacent ones are prefetched in pairs. */
#define CACHE_LINE 64
#define CACHE_PAIR 128

/* Half of a word that is otherwise read whole. */
typedef unsigned cc_half __attribute__((may_alias));

#define container_of(ptr, type, member)                                                \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Position of the lowest set bit; x is not 0. */
static inline unsigned bit_lowest(unsigned long long x)
{
    return (unsigned)__builtin_ctzll(x);
}
/* Position of the highest set bit; x is not 0. */
static inline unsigned bit_highest(unsigned long long x)
{
    return 63u - (unsigned)__builtin_clzll(x);
}

static inline unsigned bits_set(unsigned x) { return (unsigned)__builtin_popcount(x); }

/* AddressSanitizer learns which pooled memory is free, so that touching it is an error.
 * Without it these are nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define CC_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CC_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define CC_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CC_TSAN 1
#endif
#endif
#if defined(CC_ASAN) || defined(CC_TSAN)
#define CC_SANITIZED 1
#else
#define CC_SANITIZED 0
#endif
#ifdef CC_ASAN
void __asan_poison_memory_region(void const volatile *addr, size_t size);
void __asan_unpoison_memory_region(void const volatile *addr, size_t size);
#define mem_poison(p, n) __asan_poison_memory_region((p), (n))
#define mem_unpoison(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define CC_ASAN 0
#define mem_poison(p, n) ((void)(p), (void)(n))
#define mem_unpoison(p, n) ((void)(p), (void)(n))
#endif

#endif
