/* shard.h: a shard's table, and the command that it has in hand. */
#ifndef KV_SHARD_H
#define KV_SHARD_H

#include "kv.h"

struct list {
    struct text *items; /* a ring of `room` */
    uint32_t room, first, count;
};

struct entry {
    struct entry *next;
    uint64_t hash;
    size_t size;
    struct text value; /* if it is no list */
    struct list *list;
    int64_t expires; /* ms since 1970; 0: never */
    cadre_token timer;
    uint8_t key[];
};

struct shard {
    const struct kv *kv;
    uint32_t index;
    struct entry **table;
    uint64_t mask, count;
    bool loading;
    /* Of the command in hand. */
    cadre_self *self;
    struct slice key;
    uint64_t hash;
    bool changed; /* it is to be replayed as it is */
    int64_t sum;
    struct text reply, log; /* log: what is to be replayed instead */
};

int64_t now_ms(void);
void *zeroed(size_t size);

/* The entry of the key in hand, or NULL. */
struct entry *entry_find(struct shard *me);
/* One for it, when there is none. */
struct entry *entry_add(struct shard *me);
/* Without a value. */
void entry_clear(struct entry *e);
void entry_remove(struct shard *me, struct entry *e);
/* It will be when the journal is read, too. */
void entry_remove_logged(struct shard *me, struct entry *e);
/* Has its time come? */
bool entry_is_over(const struct shard *me, const struct entry *e);
void entry_expire_at(struct shard *me, struct entry *e, int64_t ms);

#endif
