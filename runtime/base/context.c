/* context.c: go on with another stack, and come back later. */
#include "base/context.h"

#if CC_ASAN
void __lsan_register_root_region(const void *start, size_t size);
void __lsan_unregister_root_region(const void *start, size_t size);
/* What only a stack that stands points to has not leaked. */
#define watch_stack(c) __lsan_register_root_region((c)->low, (c)->size)
#define unwatch_stack(c) __lsan_unregister_root_region((c)->low, (c)->size)
#else
#define watch_stack(c) ((void)0)
#define unwatch_stack(c) ((void)0)
#endif

#ifdef CC_TSAN
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
#define create_fiber() __tsan_create_fiber(0)
#define destroy_fiber(c) __tsan_destroy_fiber((c)->fiber)
#else
#define create_fiber() NULL
#define destroy_fiber(c) ((void)0)
#endif

/* The first function of a context, below its entry. */
void context_begin(struct context *context)
    __attribute__((visibility("hidden"))) CC_NORETURN;

void context_begin(struct context *c)
{
    context_arrives(c);
    c->entry(c->arg);
    panic(__FILE__, __LINE__, "the entry function of a context returned");
}

/* ---- the machines ---- */

/* context_start is where a new context goes on: with what context_swap has in a register,
 * and nobody to return to, which is what the frame pointer and the directive say. An
 * unwinder looks at the instruction before, hence the nop. */
#ifdef CONTEXT_X86_64

__asm__(".pushsection .text\n"
        ".hidden context_start\n"
        ".globl context_start\n"
        ".type context_start, @function\n"
        ".cfi_startproc\n"
        ".cfi_undefined rip\n"
        "    nop\n"
        "context_start:\n"
        "    movq %rsi, %rdi\n"
        "    call context_begin\n"
        "    ud2\n"
        ".cfi_endproc\n"
        ".size context_start, . - context_start\n"
        ".popsection\n");

#elif defined(CONTEXT_AARCH64)

__asm__(".pushsection .text\n"
        ".hidden context_start\n"
        ".globl context_start\n"
        ".type context_start, %function\n"
        ".cfi_startproc\n"
        ".cfi_undefined x30\n"
        "    nop\n"
        "context_start:\n"
        "    hint #36\n" /* bti j */
        "    mov x0, x1\n"
        "    bl context_begin\n"
        "    brk #1\n"
        ".cfi_endproc\n"
        ".size context_start, . - context_start\n"
        ".popsection\n");

#else

#include <ucontext.h>

/* makecontext passes numbers of 32 bits. */
static void start(unsigned high, unsigned low)
{
    context_begin((struct context *)(uintptr_t)((uint64_t)high << 32 | low));
}

/* What stands is kept on its stack. */
void context_swap(struct context *from, struct context *to)
{
    ucontext_t here;
    ucontext_t *standing = &here; /* as long as anybody looks at it */
    from->sp = standing;
    (void)swapcontext(standing, to->sp);
}

/* At the top of the stack. */
static void prepare(struct context *c, char *low, char *top)
{
    ucontext_t *new = (void *)(top - (sizeof *new + 15) / 16 * 16);
    uint64_t arg = (uintptr_t)c;
    (void)getcontext(new);
    new->uc_stack.ss_sp = low;
    new->uc_stack.ss_size = (size_t)((char *)new - low);
    new->uc_link = NULL;
    makecontext(new, (void (*)(void))start, 2, (unsigned)(arg >> 32), (unsigned)arg);
    c->sp = new;
}

#endif

#if defined(CONTEXT_X86_64) || defined(CONTEXT_AARCH64)

extern const char context_start[] __attribute__((visibility("hidden")));

static void prepare(struct context *c, char *low, char *top)
{
    c->sp = top;
    c->ip = (void *)(uintptr_t)context_start;
}

#endif

void context_make(struct context *c, void *low, size_t size, void (*entry)(void *arg),
                  void *arg)
{
    char *top = (char *)low + size;
    *c = (struct context){.entry = entry, .arg = arg};
    c->low = low;
    c->size = size;
    c->fiber = create_fiber();
    prepare(c, low, top - (uintptr_t)top % 16);
    watch_stack(c);
}

void context_drop(struct context *c)
{
    unwatch_stack(c);
    destroy_fiber(c);
}
