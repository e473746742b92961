/* atomic.h: every atomic operation the runtime uses, named by its memory order.
 *
 * One header, three builds of the same source: C11 atomics for release and for TSan,
 * and with RT_MC the interleaving explorer of tests/model, which sees each operation as
 * a scheduling point and each order as a rule about what may be read.
 *
 * Happens-before rests on these operations, never on stand-alone fences: fence_seq()
 * only orders a publish before a check (Dekker), where both sides are atomics.
 *
 * Plain fields that more than one thread touches, ordered by something else, are
 * accessed by plain_read and plain_write: nothing in release, checked under RT_MC. */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H

#include "base/cc.h"

#ifdef RT_MC

#include "mc.h" /* tests/model */

enum { ATOMIC_MODEL = 1 };

/* clang-format off */
#define ATOMIC(T) struct { T v; }
#define AT_TYPE(p) __typeof__((p)->v)
#define AT_ARGS(p) (&(p)->v), sizeof((p)->v)
#define atomic_set(p, x)        ((void)((p)->v = (x)), mc_forget(AT_ARGS(p)))
#define load_relaxed(p)         ((AT_TYPE(p))mc_load(AT_ARGS(p), MC_RELAXED))
#define load_acquire(p)         ((AT_TYPE(p))mc_load(AT_ARGS(p), MC_ACQUIRE))
#define load_seq(p)             ((AT_TYPE(p))mc_load(AT_ARGS(p), MC_SEQ))
#define store_relaxed(p, x)     mc_store(AT_ARGS(p), MC_U64(x), MC_RELAXED)
#define store_release(p, x)     mc_store(AT_ARGS(p), MC_U64(x), MC_RELEASE)
#define store_seq(p, x)         mc_store(AT_ARGS(p), MC_U64(x), MC_SEQ)
#define exchange_acquire(p, x)  ((AT_TYPE(p))mc_exchange(AT_ARGS(p), MC_U64(x), MC_ACQUIRE))
#define exchange_acq_rel(p, x)  ((AT_TYPE(p))mc_exchange(AT_ARGS(p), MC_U64(x), MC_ACQ_REL))
#define exchange_seq(p, x)      ((AT_TYPE(p))mc_exchange(AT_ARGS(p), MC_U64(x), MC_SEQ))
#define fetch_add_relaxed(p, x) ((AT_TYPE(p))mc_add(AT_ARGS(p), MC_U64(x), MC_RELAXED))
#define fetch_add_acq_rel(p, x) ((AT_TYPE(p))mc_add(AT_ARGS(p), MC_U64(x), MC_ACQ_REL))
#define fetch_add_seq(p, x)     ((AT_TYPE(p))mc_add(AT_ARGS(p), MC_U64(x), MC_SEQ))
#define fetch_sub_acq_rel(p, x) ((AT_TYPE(p))mc_add(AT_ARGS(p), MC_NEG(x), MC_ACQ_REL))
#define fetch_sub_seq(p, x)     ((AT_TYPE(p))mc_add(AT_ARGS(p), MC_NEG(x), MC_SEQ))
#define fetch_or_seq(p, x)      ((AT_TYPE(p))mc_or(AT_ARGS(p), MC_U64(x), MC_SEQ))
#define fetch_and_seq(p, x)     ((AT_TYPE(p))mc_and(AT_ARGS(p), MC_U64(x), MC_SEQ))
#define MC_CAS(p, e, x, ok, no) __extension__ ({                                       \
    uint64_t mc_e = MC_U64(*(e));                                                      \
    bool mc_r = mc_cas(AT_ARGS(p), &mc_e, MC_U64(x), ok, no);                          \
    *(e) = (__typeof__(*(e)))mc_e;                                                     \
    mc_r; })
#define cas_acq_rel(p, e, x)    MC_CAS(p, e, x, MC_ACQ_REL, MC_ACQUIRE)
#define cas_seq(p, e, x)        MC_CAS(p, e, x, MC_SEQ, MC_SEQ)
#define load_foreign(p)         ((__typeof__(*(p)))mc_load((p), sizeof *(p), MC_ACQUIRE))
#define fence_seq()             mc_fence()
#define fence_release()         ((void)0) /* what stands for ck_pr there has it */
#define fence_compiler()        ((void)0)
#define cpu_relax()             mc_spin()
#define plain_read(p)           (mc_plain_read((p), sizeof *(p)), *(p))
#define plain_write(p, x)       ((void)(mc_plain_write((p), sizeof *(p)), *(p) = (x)))
/* clang-format on */

#else

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { ATOMIC_MODEL = 0 };
/* clang-format off */
#define ATOMIC(T) struct { _Atomic(T) v; }
/* Before the object is shared. */
#define atomic_set(p, x)        atomic_init(&(p)->v, (x))
#define load_relaxed(p)         atomic_load_explicit(&(p)->v, memory_order_relaxed)
#define load_acquire(p)         atomic_load_explicit(&(p)->v, memory_order_acquire)
#define load_seq(p)             atomic_load_explicit(&(p)->v, memory_order_seq_cst)
#define store_relaxed(p, x)     atomic_store_explicit(&(p)->v, (x), memory_order_relaxed)
#define store_release(p, x)     atomic_store_explicit(&(p)->v, (x), memory_order_release)
#define store_seq(p, x)         atomic_store_explicit(&(p)->v, (x), memory_order_seq_cst)
#define exchange_acquire(p, x)  atomic_exchange_explicit(&(p)->v, (x), memory_order_acquire)
#define exchange_acq_rel(p, x)  atomic_exchange_explicit(&(p)->v, (x), memory_order_acq_rel)
#define exchange_seq(p, x)      atomic_exchange_explicit(&(p)->v, (x), memory_order_seq_cst)
#define fetch_add_relaxed(p, x) atomic_fetch_add_explicit(&(p)->v, (x), memory_order_relaxed)
#define fetch_add_acq_rel(p, x) atomic_fetch_add_explicit(&(p)->v, (x), memory_order_acq_rel)
#define fetch_add_seq(p, x)     atomic_fetch_add_explicit(&(p)->v, (x), memory_order_seq_cst)
#define fetch_sub_acq_rel(p, x) atomic_fetch_sub_explicit(&(p)->v, (x), memory_order_acq_rel)
#define fetch_sub_seq(p, x)     atomic_fetch_sub_explicit(&(p)->v, (x), memory_order_seq_cst)
#define fetch_or_seq(p, x)      atomic_fetch_or_explicit(&(p)->v, (x), memory_order_seq_cst)
#define fetch_and_seq(p, x)     atomic_fetch_and_explicit(&(p)->v, (x), memory_order_seq_cst)
/* Compare and swap: on failure *e is what was seen, read with acquire (seq_cst). */
#define cas_acq_rel(p, e, x)    atomic_compare_exchange_strong_explicit(               \
    &(p)->v, (e), (x), memory_order_acq_rel, memory_order_acquire)
#define cas_seq(p, e, x)        atomic_compare_exchange_strong_explicit(               \
    &(p)->v, (e), (x), memory_order_seq_cst, memory_order_seq_cst)
/* A word that only Concurrency Kit writes, looked at outside its functions. */
#define load_foreign(p)         __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define plain_read(p)           (*(p))
#define plain_write(p, x)       ((void)(*(p) = (x)))
/* clang-format on */

/* Between our own store and load: enough where the other side makes all threads pass a
 * barrier. */
static inline void fence_compiler(void) { atomic_signal_fence(memory_order_seq_cst); }

static inline void fence_seq(void) { atomic_thread_fence(memory_order_seq_cst); }

/* Before a push by Concurrency Kit, whose own fence on aarch64 orders stores only: what
 * was read from a node comes before it is handed on. */
static inline void fence_release(void) { atomic_thread_fence(memory_order_release); }

/* In a bounded wait: tells the core that this is one. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb" ::: "memory");
#endif
}

#endif

/* What stands on the hottest paths, where compilers, which leave atomics as they are,
 * make two or three instructions out of one. A counter of 64 bits with one writer:
 * nothing locked, readable from anywhere. And looks at a word of 16, 32 or 64 bits. */
#if defined(__x86_64__) && defined(__LP64__) && !defined(RT_MC) && !defined(CC_TSAN)
#define counter_add(p, n)                                                              \
    __asm__("addq %1, %0" : "+m"((p)->v) : "er"((int64_t)(n)) : "cc")
#define AT_COMPARE(p, compare, condition, x)                                           \
    __extension__({                                                                    \
        bool at_is;                                                                    \
        __asm__ __volatile__(compare " %2, %1"                                         \
                             : "=@cc" condition(at_is)                                 \
                             : "m"((p)->v), "er"(x)                                    \
                             : "memory");                                              \
        at_is;                                                                         \
    })
#define is16_acquire(p, x) AT_COMPARE(p, "cmpw", "e", (int16_t)(x))
#define is32_acquire(p, x) AT_COMPARE(p, "cmpl", "e", (uint32_t)(x))
#define above64_acquire(p, x) AT_COMPARE(p, "cmpq", "a", (uint64_t)(x))
/* The upper half of 64 bits. */
#define upper_is32_acquire(p, x)                                                       \
    __extension__({                                                                    \
        bool at_is;                                                                    \
        __asm__ __volatile__("cmpl %2, %1"                                             \
                             : "=@cce"(at_is)                                          \
                             : "m"(((const cc_half *)(const void *)&(p)->v)[1]),       \
                               "r"((uint32_t)(x))                                      \
                             : "memory");                                              \
        at_is;                                                                         \
    })
#else
#define counter_add(p, n) store_relaxed((p), load_relaxed(p) + (n))
#define is16_acquire(p, x) (load_acquire(p) == (int16_t)(x))
#define is32_acquire(p, x) (load_acquire(p) == (uint32_t)(x))
#define upper_is32_acquire(p, x) ((uint32_t)(load_acquire(p) >> 32) == (uint32_t)(x))
#define above64_acquire(p, x) ((uint64_t)(uintptr_t)load_acquire(p) > (uint64_t)(x))
#endif

#endif
