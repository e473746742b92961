/* first.c: starts ThreadSanitizer before any library's constructor calls what it stands
 * before, malloc above all. gcc's does so by itself, clang's shared one does not. */
void __tsan_init(void);
extern void (*const tsan_first)(void);

__attribute__((section(".preinit_array"))) void (*const tsan_first)(void) = __tsan_init;
