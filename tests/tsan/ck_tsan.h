/* ck_tsan.h: makes Concurrency Kit visible to ThreadSanitizer.
 *
 * CK's atomics are inline assembly, which TSan cannot see: it would report every
 * correct program built on them. TSan builds include this file before anything else
 * (INSIDE_tsan in the Makefile). It defines the machine primitives that ck_pr.h expects
 * from its port, on compiler builtins, and then lets ck_pr.h derive the rest from them;
 * CK's own headers stay as the distribution ships them.
 *
 * Loads acquire, stores release, read-modify-writes are sequentially consistent, fences
 * are real. That is stronger than CK promises: a missing CK fence is found by the model
 * checker, not here. */
#ifndef TESTS_CK_TSAN_H
#define TESTS_CK_TSAN_H

#include <stdbool.h>
#include <stdint.h>

#include <ck_cc.h>
#include <ck_md.h>

/* Keeps ck_pr.h from including its assembly port (the first) and its port on plain
 * volatile accesses (the second), then says which primitives there are. */
#define CK_USE_CC_BUILTINS 1
#define CK_PR_GCC_H
#define CK_F_PR
#include <gcc/ck_f_pr.h>
#define CK_F_PR_FAS_CHAR
#define CK_F_PR_FAS_INT
#define CK_F_PR_FAS_UINT
#define CK_F_PR_FAS_PTR
#define CK_F_PR_FAS_64
#define CK_F_PR_FAS_32
#define CK_F_PR_FAS_16
#define CK_F_PR_FAS_8

/* Each primitive has a suffix S, takes a pointer to M (void for pointers, else the same
 * as T) and works on values of type T. */
#define CK_TSAN static inline

CK_TSAN void ck_pr_barrier(void) { __asm__ __volatile__("" ::: "memory"); }
CK_TSAN void ck_pr_stall(void) { ck_pr_barrier(); }

#define CK_TSAN_LOAD_STORE(S, M, T)                                                    \
    CK_TSAN T ck_pr_md_load_##S(const M *p)                                            \
    {                                                                                  \
        return __atomic_load_n((T *)(uintptr_t)p, __ATOMIC_ACQUIRE);                   \
    }                                                                                  \
    CK_TSAN void ck_pr_md_store_##S(M *p, T v)                                         \
    {                                                                                  \
        __atomic_store_n((T *)p, v, __ATOMIC_RELEASE);                                 \
    }

#define CK_TSAN_SWAP(S, M, T)                                                          \
    CK_TSAN bool ck_pr_cas_##S##_value(M *p, T from, T to, M *seen)                    \
    {                                                                                  \
        bool done = __atomic_compare_exchange_n((T *)p, &from, to, false,              \
                                                __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);   \
        *(T *)seen = from;                                                             \
        return done;                                                                   \
    }                                                                                  \
    CK_TSAN bool ck_pr_cas_##S(M *p, T from, T to)                                     \
    {                                                                                  \
        T seen;                                                                        \
        return ck_pr_cas_##S##_value(p, from, to, (M *)&seen);                         \
    }                                                                                  \
    CK_TSAN T ck_pr_fas_##S(M *p, T v)                                                 \
    {                                                                                  \
        return __atomic_exchange_n((T *)p, v, __ATOMIC_SEQ_CST);                       \
    }

#define CK_TSAN_UPDATE(S, M, T, name, fetch)                                           \
    CK_TSAN void ck_pr_##name##_##S(M *p, T v)                                         \
    {                                                                                  \
        (void)fetch((T *)p, v, __ATOMIC_SEQ_CST);                                      \
    }

#define CK_TSAN_ARITHMETIC(S, M, T)                                                    \
    CK_TSAN T ck_pr_faa_##S(M *p, T v)                                                 \
    {                                                                                  \
        return __atomic_fetch_add((T *)p, v, __ATOMIC_SEQ_CST);                        \
    }                                                                                  \
    CK_TSAN_UPDATE(S, M, T, add, __atomic_fetch_add)                                   \
    CK_TSAN_UPDATE(S, M, T, sub, __atomic_fetch_sub)                                   \
    CK_TSAN_UPDATE(S, M, T, and, __atomic_fetch_and)                                   \
    CK_TSAN_UPDATE(S, M, T, or, __atomic_fetch_or)                                     \
    CK_TSAN_UPDATE(S, M, T, xor, __atomic_fetch_xor)                                   \
    CK_TSAN void ck_pr_inc_##S(M *p) { ck_pr_add_##S(p, 1); }                          \
    CK_TSAN void ck_pr_dec_##S(M *p) { ck_pr_sub_##S(p, 1); }

#define CK_TSAN_ALL(S, T)                                                              \
    CK_TSAN_LOAD_STORE(S, T, T)                                                        \
    CK_TSAN_SWAP(S, T, T)                                                              \
    CK_TSAN_ARITHMETIC(S, T, T)

#define CK_TSAN_FENCE(S)                                                               \
    CK_TSAN void ck_pr_fence_strict_##S(void)                                          \
    {                                                                                  \
        __atomic_thread_fence(__ATOMIC_SEQ_CST);                                       \
    }

/* clang-format off */
CK_TSAN_ALL(char, char)
CK_TSAN_ALL(int, int)
CK_TSAN_ALL(uint, unsigned int)
CK_TSAN_ALL(64, uint64_t)
CK_TSAN_ALL(32, uint32_t)
CK_TSAN_ALL(16, uint16_t)
CK_TSAN_ALL(8, uint8_t)
CK_TSAN_LOAD_STORE(ptr, void, const void *)
CK_TSAN_SWAP(ptr, void, void *)
CK_TSAN_ARITHMETIC(ptr, void, uintptr_t)

CK_TSAN_FENCE(atomic)
CK_TSAN_FENCE(atomic_load)
CK_TSAN_FENCE(atomic_store)
CK_TSAN_FENCE(store_atomic)
CK_TSAN_FENCE(load_atomic)
CK_TSAN_FENCE(load)
CK_TSAN_FENCE(load_store)
CK_TSAN_FENCE(store)
CK_TSAN_FENCE(store_load)
CK_TSAN_FENCE(memory)
CK_TSAN_FENCE(acquire)
CK_TSAN_FENCE(release)
CK_TSAN_FENCE(acqrel)
CK_TSAN_FENCE(lock)
CK_TSAN_FENCE(unlock)
/* clang-format on */

/* Doubles have loads and stores only. */
CK_TSAN double ck_pr_md_load_double(const double *p)
{
    double v;
    __atomic_load((double *)(uintptr_t)p, &v, __ATOMIC_ACQUIRE);
    return v;
}
CK_TSAN void ck_pr_md_store_double(double *p, double v)
{
    __atomic_store(p, &v, __ATOMIC_RELEASE);
}

#include <ck_pr.h>

#endif
