/* text.h: a line put together without libc: for signal handlers.
 *
 * Always ends with a zero; what does not fit is cut off. Async-signal-safe. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
    char *at, *end; /* where the next byte goes, and where the last zero does */
};

/* In `size` bytes, at least one. */
struct text text_begin(char *room, size_t size);
void text_put(struct text *text, const char *string);
void text_decimal(struct text *text, uint64_t number);
/* 0x1f */
void text_hex(struct text *text, uint64_t number);

#endif
