/* text.c: see text.h. */
#include "text.h"

int64_t text_number(const char *at, size_t size, int64_t max)
{
    int64_t n = size ? 0 : -1;
    for (size_t i = 0; i < size && n >= 0; i++) {
        int digit = at[i] - '0';
        n = digit < 0 || digit > 9 || n > (max - digit) / 10 ? -1 : n * 10 + digit;
    }
    return n;
}

bool text_is_utf8(const uint8_t *at, size_t size)
{
    static const uint32_t least[] = {1, 0x80, 0x800, 0x10000};
    const uint8_t *end = at + size;
    while (at < end) {
        unsigned more = *at < 0x80 ? 0 : *at >> 5 == 6 ? 1 : *at >> 4 == 14 ? 2 : 3;
        uint32_t c = *at & (more ? 0x3f >> more : 0x7f);
        if ((more == 3 && *at >> 3 != 30) || (size_t)(end - at++) <= more)
            return false;
        for (unsigned i = more; i-- > 0; c = c << 6 | (*at++ & 0x3f))
            if (*at >> 6 != 2)
                return false;
        if (c < least[more] || c > 0x10ffff || c >> 11 == 27)
            return false;
    }
    return true;
}
