/* first.c: what a program under a sanitizer does before all else.
 *
 * The sanitizers' own tables are megabytes of zeros in their libraries' data, which the
 * one clears as it starts and the other reads through for leaks as it ends. A program of
 * hundreds spends more on those pages than on its test, where a new page is dear: hence
 * huge ones, where the system has any. Compiled without instrumentation, which does not
 * work yet. */
#include <link.h>
#include <sys/mman.h>

enum {
    HUGE_PAGE = 2 << 20,
    COLLAPSE = 25 /* MADV_COLLAPSE, which libc has from 2.37 on */
};

/* Hints. By a function of the C library that neither sanitizers nor tests stand before,
 * as some do before syscall(). */
static void hint_huge(uintptr_t from, uintptr_t to)
{
    from = (from + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    to = to / HUGE_PAGE * HUGE_PAGE;
    if (from >= to)
        return;
    (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
    (void)madvise((void *)from, to - from, COLLAPSE); /* some are in use already */
}

static void hint_zeros_of(uintptr_t library)
{
    const ElfW(Ehdr) *head = (void *)library;
    const ElfW(Phdr) *parts = (void *)(library + head->e_phoff);
    for (unsigned i = 0; i < head->e_phnum; i++) {
        const ElfW(Phdr) *p = &parts[i];
        uintptr_t start = library + p->p_vaddr;
        if (p->p_type == PT_LOAD && p->p_memsz > p->p_filesz)
            hint_huge(start + p->p_filesz, start + p->p_memsz);
    }
}

/* gcc's AddressSanitizer starts by itself. ThreadSanitizer must before any library's
 * constructor calls what it stands before, malloc above all: gcc's does so by itself,
 * clang's shared one does not. */
void __tsan_init(void) __attribute__((weak));

static void first(void)
{
    for (struct link_map *m = _r_debug.r_map; m; m = m->l_next)
        if (m->l_name[0] == '/') /* neither the program nor what the kernel lends */
            hint_zeros_of(m->l_addr);
    if (__tsan_init)
        __tsan_init();
}

/* libcrypto looks into a certificate when it first needs what is in there, and says that
 * it has by an atomic store in its own code, which ThreadSanitizer does not see. So who
 * comes later, by another connection of the same context, seems not to know. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) { return "race:^ASN1_\nrace:^X509"; }

extern void (*const sanitizer_first)(void);
__attribute__((section(".preinit_array"))) void (*const sanitizer_first)(void) = first;
