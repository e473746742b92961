/* keys.h: the keys of a shard, each with a value of the program's. */
#ifndef ACTORS_RESP_KEYS_H
#define ACTORS_RESP_KEYS_H

#include "call.h"

#include <stdalign.h>

struct entry {
    struct entry *next;
    uint64_t hash;
    size_t size;     /* of the key, which is behind the value */
    int64_t expires; /* ms since 1970; 0: never */
    cadre_token timer;
    alignas(16) uint8_t value[];
};

struct keys {
    struct entry **table;
    uint64_t mask, count;
    size_t value_size;
    void (*drop)(void *value);
    bool loading; /* the journal is read: nothing expires */
};

/* An entry's time may have come. */
typedef struct expiry {
    struct entry *entry;
} expiry;

/* That in a message, or NULL. */
const expiry *keys_expiry(const cadre_msg *m);

/* false: no memory. */
bool keys_init(struct keys *keys);
/* All of them, which no command sees any more. */
void keys_free(cadre_self *self, struct keys *keys);
/* Looks at the entry of an expiry; what is to be kept of that is in call->log. */
void keys_look(struct call *call, const expiry *over);

#endif
