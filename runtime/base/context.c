/* context.c: go on with another stack, and come back later. */
#include "base/context.h"

#include "base/panic.h"

#include <string.h>

/* What the machine has: saves the registers on the stack and where that is in *from, and
 * goes on where `to` was saved. */
void context_swap(void **from, void *to) __attribute__((visibility("hidden")));
/* The first code of a new context, below its entry. */
void context_start(void) __attribute__((visibility("hidden")));
/* What that calls. */
void context_begin(struct context *context)
    __attribute__((visibility("hidden"))) CC_NORETURN;

/* ---- the sanitizers ---- */

#if CC_ASAN
void __sanitizer_start_switch_fiber(void **fake, const void *low, size_t size);
void __sanitizer_finish_switch_fiber(void *fake, const void **low, size_t *size);
void __lsan_register_root_region(const void *start, size_t size);
void __lsan_unregister_root_region(const void *start, size_t size);
#define depart(fake, to) __sanitizer_start_switch_fiber((fake), (to)->low, (to)->size)
#define arrive(me)                                                                     \
    __sanitizer_finish_switch_fiber((me)->fake, &(me)->from->low, &(me)->from->size)
/* What only a stack that stands points to has not leaked. */
#define watch_stack(c) __lsan_register_root_region((c)->low, (c)->size)
#define unwatch_stack(c) __lsan_unregister_root_region((c)->low, (c)->size)
#else
#define depart(fake, to) ((void)0)
#define arrive(me) ((void)0)
#define watch_stack(c) ((void)0)
#define unwatch_stack(c) ((void)0)
#endif

#ifdef CC_TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
#define create_fiber() __tsan_create_fiber(0)
#define destroy_fiber(c) __tsan_destroy_fiber((c)->fiber)
#define switch_fiber(from, to)                                                         \
    ((from)->fiber = __tsan_get_current_fiber(), __tsan_switch_to_fiber((to)->fiber, 0))
#else
#define create_fiber() NULL
#define destroy_fiber(c) ((void)0)
#define switch_fiber(from, to) ((void)0)
#endif

/* ---- the machines ---- */

#if defined(__x86_64__) && defined(__LP64__) && !defined(CONTEXT_PORTABLE)

/* From the saved stack pointer up. 8 bytes are left above: at the entry the stack is
 * aligned as before a call. */
struct frame {
    uint64_t control, r15, r14, r13;
    void *r12, *rbx, *rbp;
    void (*ip)(void);
    uint64_t end[2];
};

__asm__(".pushsection .text\n"
        ".globl context_swap\n"
        ".hidden context_swap\n"
        ".type context_swap, @function\n"
        ".p2align 4\n"
        "context_swap:\n"
        ".cfi_startproc\n"
        "    pushq %rbp\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset rbp, 0\n"
        "    pushq %rbx\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset rbx, 0\n"
        "    pushq %r12\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset r12, 0\n"
        "    pushq %r13\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset r13, 0\n"
        "    pushq %r14\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset r14, 0\n"
        "    pushq %r15\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    .cfi_rel_offset r15, 0\n"
        "    subq $8, %rsp\n"
        "    .cfi_adjust_cfa_offset 8\n"
        "    stmxcsr (%rsp)\n"
        "    fnstcw 4(%rsp)\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n" /* the frame there looks the same */
        "    ldmxcsr (%rsp)\n"
        "    fldcw 4(%rsp)\n"
        "    addq $8, %rsp\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    popq %r15\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_restore r15\n"
        "    popq %r14\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_restore r14\n"
        "    popq %r13\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_restore r13\n"
        "    popq %r12\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_restore r12\n"
        "    popq %rbx\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_restore rbx\n"
        "    popq %rbp\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_restore rbp\n"
        "    popq %rcx\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_register rip, rcx\n"
        "    jmp *%rcx\n"
        ".cfi_endproc\n"
        ".size context_swap, . - context_swap\n"
        ".globl context_start\n"
        ".hidden context_start\n"
        ".type context_start, @function\n"
        ".p2align 4\n"
        ".cfi_startproc\n"
        ".cfi_undefined rip\n"
        "    nop\n" /* an unwinder looks at the instruction before */
        "context_start:\n"
        "    movq %rbx, %rdi\n"
        "    call context_begin\n"
        "    ud2\n"
        ".cfi_endproc\n"
        ".size context_start, . - context_start\n"
        ".popsection\n");

uint64_t context_control(void)
{
    uint16_t x87;
    __asm__ volatile("fnstcw %0" : "=m"(x87));
    return __builtin_ia32_stmxcsr() | (uint64_t)x87 << 32;
}

static void prepare(struct context *c, uint64_t control)
{
    struct frame *frame = c->sp;
    frame->control = control;
    frame->rbx = c;
    frame->ip = context_start;
}

#elif defined(__aarch64__) && defined(__LP64__) && !defined(CONTEXT_PORTABLE)

/* From the saved stack pointer up. */
struct frame {
    uint64_t d[8]; /* d8 .. d15 */
    uint64_t control, none;
    void *x19;
    uint64_t x[9]; /* x20 .. x28 */
    void *fp;
    void (*lr)(void);
};

/* A return, which is allowed to go to where it goes under branch protection (BTI). */
__asm__(".pushsection .text\n"
        ".globl context_swap\n"
        ".hidden context_swap\n"
        ".type context_swap, %function\n"
        ".p2align 4\n"
        "context_swap:\n"
        ".cfi_startproc\n"
        "    sub sp, sp, #176\n"
        "    .cfi_adjust_cfa_offset 176\n"
        "    stp d8, d9, [sp]\n"
        "    stp d10, d11, [sp, #16]\n"
        "    stp d12, d13, [sp, #32]\n"
        "    stp d14, d15, [sp, #48]\n"
        "    mrs x9, fpcr\n"
        "    str x9, [sp, #64]\n"
        "    stp x19, x20, [sp, #80]\n"
        "    stp x21, x22, [sp, #96]\n"
        "    stp x23, x24, [sp, #112]\n"
        "    stp x25, x26, [sp, #128]\n"
        "    stp x27, x28, [sp, #144]\n"
        "    stp x29, x30, [sp, #160]\n"
        "    .cfi_rel_offset x29, 160\n"
        "    .cfi_rel_offset x30, 168\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n" /* the frame there looks the same */
        "    ldp d8, d9, [sp]\n"
        "    ldp d10, d11, [sp, #16]\n"
        "    ldp d12, d13, [sp, #32]\n"
        "    ldp d14, d15, [sp, #48]\n"
        "    ldr x9, [sp, #64]\n"
        "    msr fpcr, x9\n"
        "    ldp x19, x20, [sp, #80]\n"
        "    ldp x21, x22, [sp, #96]\n"
        "    ldp x23, x24, [sp, #112]\n"
        "    ldp x25, x26, [sp, #128]\n"
        "    ldp x27, x28, [sp, #144]\n"
        "    ldp x29, x30, [sp, #160]\n"
        "    .cfi_restore x29\n"
        "    .cfi_restore x30\n"
        "    add sp, sp, #176\n"
        "    .cfi_adjust_cfa_offset -176\n"
        "    ret\n"
        ".cfi_endproc\n"
        ".size context_swap, . - context_swap\n"
        ".globl context_start\n"
        ".hidden context_start\n"
        ".type context_start, %function\n"
        ".p2align 4\n"
        ".cfi_startproc\n"
        ".cfi_undefined x30\n"
        "    nop\n" /* an unwinder looks at the instruction before */
        "context_start:\n"
        "    mov x0, x19\n"
        "    bl context_begin\n"
        "    brk #1\n"
        ".cfi_endproc\n"
        ".size context_start, . - context_start\n"
        ".popsection\n");

uint64_t context_control(void)
{
    uint64_t word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    return word;
}

static void prepare(struct context *c, uint64_t control)
{
    struct frame *frame = c->sp;
    frame->control = control;
    frame->x19 = c;
    frame->lr = context_start;
}

#else

#include <ucontext.h>

/* A context that stands points to this, which is on its stack. */
struct frame {
    ucontext_t libc;
};

/* makecontext passes numbers of 32 bits. */
static void start(unsigned high, unsigned low)
{
    context_begin((struct context *)(uintptr_t)((uint64_t)high << 32 | low));
}

void context_swap(void **from, void *to)
{
    struct frame here;
    *from = &here;
    (void)swapcontext(&here.libc, &((struct frame *)to)->libc);
}

uint64_t context_control(void) { return 0; }

static void prepare(struct context *c, uint64_t control)
{
    struct frame *frame = c->sp;
    uint64_t arg = (uintptr_t)c;
    (void)getcontext(&frame->libc);
    frame->libc.uc_stack.ss_sp = (void *)(uintptr_t)c->low;
    frame->libc.uc_stack.ss_size = (size_t)((char *)frame - (const char *)c->low);
    frame->libc.uc_link = NULL;
    makecontext(&frame->libc, (void (*)(void))start, 2, (unsigned)(arg >> 32),
                (unsigned)arg);
}

#endif

/* ---- the same for all ---- */

void context_make(struct context *c, void *low, size_t size, uint64_t control,
                  void (*entry)(void *arg), void *arg)
{
    char *top = (char *)low + size;
    struct frame *frame =
        (void *)(top - (uintptr_t)top % 16 - (sizeof *frame + 15) / 16 * 16);
    memset(frame, 0, sizeof *frame); /* with the frame pointer a backtrace ends */
    *c = (struct context){.sp = frame, .entry = entry, .arg = arg};
    c->low = low;
    c->size = size;
    c->fiber = create_fiber();
    prepare(c, control);
    watch_stack(c);
}

void context_begin(struct context *c)
{
    arrive(c);
    c->entry(c->arg);
    panic(__FILE__, __LINE__, "the entry function of a context returned");
}

void context_switch(struct context *from, struct context *to)
{
    to->from = from;
    depart(&from->fake, to);
    switch_fiber(from, to);
    context_swap(&from->sp, to->sp);
    arrive(from);
}

void context_leave(struct context *from, struct context *to)
{
    to->from = from;
    depart(NULL, to); /* what is kept of `from` goes */
    switch_fiber(from, to);
    context_swap(&from->sp, to->sp);
    panic(__FILE__, __LINE__, "a context that was left went on");
}

void context_drop(struct context *c)
{
    unwatch_stack(c);
    destroy_fiber(c);
}
