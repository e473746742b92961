/* sha1.c: SHA-1 of a short text (FIPS 180-4). */
#include "sha1.h"

#include <string.h>

enum { BLOCK = 64, ROUNDS = 80 };

static uint32_t turn(uint32_t x, int n) { return x << n | x >> (32 - n); }

static void mix(uint32_t h[5], const uint8_t *block)
{
    static const uint32_t k[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t w[ROUNDS], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < ROUNDS; i++)
        w[i] = turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t f = i < 20              ? (b & c) | (~b & d)
                     : i < 40 || i >= 60 ? b ^ c ^ d
                                         : (b & c) | (b & d) | (c & d);
        uint32_t next = turn(a, 5) + f + e + k[i / 20] + w[i];
        e = d;
        d = c;
        c = turn(b, 30);
        b = a;
        a = next;
    }
    const uint32_t add[] = {a, b, c, d, e};
    for (int i = 0; i < 5; i++)
        h[i] += add[i];
}

void sha1(uint8_t digest[SHA1_SIZE], const char *text, size_t size)
{
    uint32_t h[] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t blocks[2 * BLOCK] = {0};
    size_t end = size < BLOCK - 8 ? BLOCK : sizeof blocks;
    memcpy(blocks, text, size);
    blocks[size] = 0x80;
    blocks[end - 2] = (uint8_t)(size * 8 >> 8);
    blocks[end - 1] = (uint8_t)(size * 8);
    for (size_t i = 0; i < end; i += BLOCK)
        mix(h, blocks + i);
    for (int i = 0; i < SHA1_SIZE; i++)
        digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}
