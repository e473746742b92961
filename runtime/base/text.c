/* text.c: a line put together without libc: for signal handlers. */
#include "base/text.h"

struct text text_begin(char *room, size_t size)
{
    room[0] = '\0';
    return (struct text){room, room + size - 1};
}

void text_put(struct text *t, const char *s)
{
    while (*s && t->at < t->end)
        *t->at++ = *s++;
    *t->at = '\0';
}

static void put_number(struct text *t, uint64_t n, unsigned base)
{
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[n % base];
        n /= base;
    } while (n > 0);
    text_put(t, digits + at);
}

void text_decimal(struct text *t, uint64_t n) { put_number(t, n, 10); }

void text_hex(struct text *t, uint64_t n)
{
    text_put(t, "0x");
    put_number(t, n, 16);
}
