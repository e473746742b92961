/* symbol.h: the function at an address, from the files that this process has mapped.
 *
 * Reads /proc/self/maps, and the symbol table of the file at that place: the whole one
 * (.symtab), which has static functions too, or what a stripped file has left (.dynsym).
 * The dynamic linker would know less, and its functions take a lock that whoever was
 * interrupted may hold. With system calls and a few KB of stack only: async-signal-safe,
 * any thread; errno is left as it was. It takes as long as it takes to read the table:
 * microseconds for a small program, milliseconds for a huge one. */
#ifndef BASE_SYMBOL_H
#define BASE_SYMBOL_H

#include <stddef.h>

/* name+0x12 (file); or (file+0x1234), as addr2line takes it; or 0x1234. */
void symbol_describe(char *text, size_t size, const void *address);

#endif
