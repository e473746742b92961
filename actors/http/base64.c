/* base64.c: bytes as letters. */
#include "base64.h"

#include <stdint.h>

char *base64_put(char *at, const void *bytes, size_t size)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *from = bytes;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t three = (uint32_t)from[i] << 16;
        three |= left > 1 ? (uint32_t)from[i + 1] << 8 : 0;
        three |= left > 2 ? from[i + 2] : 0;
        for (size_t j = 0; j < 4; j++, at++) {
            *at = '=';
            if (j <= left)
                *at = digits[three >> (18 - 6 * j) & 63];
        }
    }
    return at;
}
