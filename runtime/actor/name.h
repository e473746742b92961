/* name.h: what may be a name, and how names are compared: as words, with a hash. */
#ifndef ACTOR_NAME_H
#define ACTOR_NAME_H

#include <cadre/name.h>

#include <stdbool.h>
#include <stdint.h>

enum { NAME_WORD = sizeof(uint64_t), NAME_WORDS = (CADRE_NAME_MAX + 1) / NAME_WORD };

struct name {
    uint64_t hash;
    uint32_t words; /* that are used: the bytes, a zero, and zeros up to a whole word */
    uint64_t word[NAME_WORDS];
};

/* Reads any text. False: NULL, empty or too long, so nobody has it. seed: of the hash. */
bool name_read(struct name *name, const char *text, uint64_t seed);

/* Why nobody may be called that, or NULL. */
const char *name_flaw(const char *text);

#endif
