/* name.c: what may be a name, and how names are compared: as words, with a hash. */
#include "actor/name.h"

#include "base/cc.h"

#include <string.h>

/* The seed keeps those who choose names from choosing where they stand. */
static uint64_t hash_of(const struct name *name, uint64_t seed)
{
    uint64_t hash = seed;
    for (uint32_t i = 0; i < name->words; i++) {
        hash = (hash ^ name->word[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    /* The last bytes of the last word have not reached the low bits yet. */
    hash *= UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 32;
}

bool name_read(struct name *name, const char *text, uint64_t seed)
{
    size_t length = text ? strnlen(text, CADRE_NAME_MAX + 1) : 0;
    if (length == 0 || length > CADRE_NAME_MAX)
        return false;
    name->words = (uint32_t)(length / NAME_WORD + 1);
    name->word[name->words - 1] = 0;
    memcpy(name->word, text, length);
    name->hash = hash_of(name, seed);
    return true;
}

/* ---- what may be a name ---------------------------------------------------------- */

/* How many bytes follow this first one, and what it says of the character; -1: it is
 * none. */
static int follow(unsigned char first, uint32_t *c)
{
    static const uint8_t ends[] = {0x80, 0xc2, 0xe0, 0xf0, 0xf5}; /* of their ranges */
    int more = first < ends[0] ? 0 : first < ends[2] ? 1 : first < ends[3] ? 2 : 3;
    if ((first >= ends[0] && first < ends[1]) || first >= ends[4])
        return -1;
    *c = more == 0 ? first : first & (0x3fu >> more);
    return more;
}

/* Reads one character. Returns its bytes, 0 for what is not UTF-8: cut off, longer than
 * needed, half a surrogate pair, or past the last one. */
static int decode(const unsigned char *p, uint32_t *c)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    int more = follow(*p, c);
    for (int i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) /* the final zero, too */
            return 0;
        *c = *c << 6 | (p[i] & 0x3f);
    }
    bool surrogate = *c >= 0xd800 && *c < 0xe000;
    return more < 0 || *c < least[more] || *c > 0x10ffff || surrogate ? 0 : more + 1;
}

static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
}

static bool is_direction(uint32_t c)
{
    return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

const char *name_flaw(const char *text)
{
    if (!text)
        return "is NULL";
    if (!*text)
        return "is empty";
    if (strnlen(text, CADRE_NAME_MAX + 1) > CADRE_NAME_MAX)
        return "is longer than 255 bytes";
    uint32_t c = 0;
    for (const unsigned char *p = (const void *)text; *p;) {
        int bytes = decode(p, &c);
        if (bytes == 0)
            return "is not UTF-8";
        if (is_control(c))
            return "has a control character";
        if (is_direction(c))
            return "has a mark of direction";
        p += bytes;
    }
    return NULL;
}
