/* context.h: go on with another stack, and come back later.
 *
 * A context is where a thread of control stands while it does not run: a stack and the
 * registers that a function call must keep. Nothing else is switched: not the signal
 * mask, not errno, no thread-locals. Nor the control words of floating point (rounding,
 * traps), because to read them takes five times as long as the whole switch: whoever may
 * have changed them asks for them before a switch and sets them after it. A context is
 * only ever switched to on the thread that made it run last, because compilers keep the
 * addresses of thread-locals; and never while it runs.
 *
 *   operation        by whom                          afterwards
 *   context_make     anybody                          it stands at its entry
 *   context_switch   who runs as `from`, to one that  `from` stands in this call, until
 *                    stands                           somebody switches to it
 *   context_leave    the same                         `from` never runs again
 *   context_drop     anybody, of one that stands or   nobody may switch to it
 *                    was left
 *
 * The entry function never returns. A backtrace ends at it, as it does at a thread's.
 *
 * On x86-64 and aarch64 a switch is a jump in the middle of the function that switches,
 * which has put aside what it needs. A call and a return would cost more than all of it:
 * the processor predicts that a return goes to where the last call came from. Other
 * machines have the switch of libc (ucontext), which asks the kernel for the signal mask.
 * Shadow stacks (CET) are not switched: Linux gives them to no program that did not ask.
 *
 * The sanitizers are told about all of it here. */
#ifndef BASE_CONTEXT_H
#define BASE_CONTEXT_H

#include "base/cc.h"
#include "base/panic.h"

#include <stddef.h>
#include <stdint.h>

struct context {
    /* While it stands: the stack, where to go on, and registers that no compiler gives
     * away. The code below knows where these are. */
    void *sp, *ip, *fp, *base;
    void (*entry)(void *arg);
    void *arg;
    /* For the sanitizers: the stack, what they keep of it, and who switched to us. */
    const void *low;
    size_t size;
    void *fake, *fiber;
    struct context *from;
};

/* One that will call entry(arg) on the `size` bytes from `low` on. A thread's own needs
 * none: the first switch from it makes it. */
void context_make(struct context *context, void *low, size_t size,
                  void (*entry)(void *arg), void *arg);
/* Its stack may be used for something else now. */
void context_drop(struct context *context);

/* ---- the machines ----
 *
 * context_control: the control words of floating point, as they are here, without what
 * has been noted there (the exceptions so far).
 * context_swap: the switch by itself. */

/* clang-format off */
#if defined(__x86_64__) && defined(__LP64__) && !defined(CONTEXT_PORTABLE)
#define CONTEXT_X86_64
#ifdef __AVX512F__
#define CONTEXT_MORE , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22",  \
    "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31",   \
    "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define CONTEXT_MORE
#endif
static inline uint64_t context_control(void)
{
    uint16_t x87;
    __asm__ volatile("fnstcw %0" : "=m"(x87));
    return (__builtin_ia32_stmxcsr() & ~UINT64_C(63)) | (uint64_t)x87 << 32;
}
static inline void context_set_control(uint64_t control)
{
    uint16_t x87 = (uint16_t)(control >> 32);
    __asm__ volatile("fldcw %0" : : "m"(x87));
    __builtin_ia32_ldmxcsr((uint32_t)control);
}
static CC_INLINE void context_swap(struct context *from, struct context *to)
{
    __asm__ volatile(
        "leaq 1f(%%rip), %%rax\n\t"
        "movq %%rsp, (%%rdi)\n\t"
        "movq %%rax, 8(%%rdi)\n\t"
        "movq %%rbp, 16(%%rdi)\n\t"
        "movq %%rbx, 24(%%rdi)\n\t"
        "movq (%%rsi), %%rsp\n\t"
        "movq 16(%%rsi), %%rbp\n\t"
        "movq 24(%%rsi), %%rbx\n\t"
        "jmp *8(%%rsi)\n"
        "1:"
        : "+D"(from), "+S"(to)
        :
        : "memory", "cc", "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13",
          "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
          "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st",
          "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)" CONTEXT_MORE);
}

#elif defined(__aarch64__) && defined(__LP64__) && !defined(CONTEXT_PORTABLE)
#define CONTEXT_AARCH64
#ifdef __ARM_FEATURE_SVE
#define CONTEXT_MORE , "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9",     \
    "p10", "p11", "p12", "p13", "p14", "p15", "ffr"
#else
#define CONTEXT_MORE
#endif
static inline uint64_t context_control(void)
{
    uint64_t word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    return word;
}
static inline void context_set_control(uint64_t control)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(control));
}
/* hint #36 (bti j): under branch protection, a place that may be jumped to. */
static CC_INLINE void context_swap(struct context *from, struct context *to)
{
    register struct context *x0 __asm__("x0") = from;
    register struct context *x1 __asm__("x1") = to;
    __asm__ volatile(
        "mov x9, sp\n\t"
        "adr x10, 1f\n\t"
        "stp x9, x10, [x0]\n\t"
        "stp x29, x19, [x0, #16]\n\t"
        "ldp x9, x10, [x1]\n\t"
        "ldp x29, x19, [x1, #16]\n\t"
        "mov sp, x9\n\t"
        "br x10\n"
        "1: hint #36"
        : "+r"(x0), "+r"(x1)
        :
        : "memory", "cc", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
          "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x20", "x21", "x22", "x23",
          "x24", "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5",
          "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16",
          "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27",
          "v28", "v29", "v30", "v31" CONTEXT_MORE);
}

#else
static inline uint64_t context_control(void) { return 0; } /* they are switched */
static inline void context_set_control(uint64_t control) {}
void context_swap(struct context *from, struct context *to);
#endif
/* clang-format on */

/* ---- the sanitizers ---- */

#if CC_ASAN
void __sanitizer_start_switch_fiber(void **fake, const void *low, size_t size);
void __sanitizer_finish_switch_fiber(void *fake, const void **low, size_t *size);
#define context_departs(fake, to)                                                      \
    __sanitizer_start_switch_fiber((fake), (to)->low, (to)->size)
#define context_arrives(me)                                                            \
    __sanitizer_finish_switch_fiber((me)->fake, &(me)->from->low, &(me)->from->size)
#elif defined(CC_TSAN)
void *__tsan_get_current_fiber(void);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
#define context_departs(fake, to)                                                      \
    ((to)->from->fiber = __tsan_get_current_fiber(),                                   \
     __tsan_switch_to_fiber((to)->fiber, 0))
#define context_arrives(me) ((void)0)
#else
#define context_departs(fake, to) ((void)0)
#define context_arrives(me) ((void)0)
#endif

/* ---- the same for all ---- */

static CC_INLINE void context_switch(struct context *from, struct context *to)
{
    to->from = from;
    context_departs(&from->fake, to);
    context_swap(from, to);
    context_arrives(from);
}

static CC_INLINE CC_NORETURN void context_leave(struct context *from,
                                                struct context *to)
{
    to->from = from;
    context_departs(NULL, to); /* what is kept of `from` goes */
    context_swap(from, to);
    panic(__FILE__, __LINE__, "a context that was left went on");
}

#endif
