/* names.h: the registry: who has which name, looked up without a lock.
 *
 * A hash table of chains. Whoever changes it holds its lock; lookups take none, write
 * nothing, and may go on beside any change, from any thread. Therefore
 *
 *   - memory is type-stable: an entry, once made, is an entry of the same size until the
 *     end, in use or free; a table that was left for a larger one stays, too. So what a
 *     lookup reads is always there, if maybe about somebody else;
 *   - every bucket has a version, which changes when an entry has left its chain, before
 *     that entry is used for anything else, and for good (NAMES_MOVED) before the chain
 *     moves to a larger table. A lookup that finds the same version before and after has
 *     seen no such entry, and what it has found was so at a moment in between. To come
 *     into a chain changes no version: a lookup sees it or was earlier.
 *
 * All that a lookup reads is stored with release and read with acquire: whoever has seen
 * a word of an entry's next use also sees the version that was changed before it. After a
 * few vain looks a lookup takes the lock, so that it ends.
 *
 * Why not epochs, with entries that are freed: readers would have to say where they are,
 * a store and a fence each time, and threads that are not workers would have to be known.
 * Here a lookup is loads only; in return memory stays for as many names as there were.
 *
 *                 names_add, _remove, _release   names_find   names_copy
 *   names_add ..  one after the other (lock)     yes          one after the other
 *   names_find                                   yes          yes
 *
 * An owner's list (`mine`) belongs to the owner's turn. */
#ifndef ACTOR_NAMES_H
#define ACTOR_NAMES_H

#include "actor/name.h"
#include "base/atomic.h"
#include "mem/alloc.h"

#include <pthread.h>

enum {
    NAMES_SIZES = 3,  /* of entries: for 2, 8 and all the words that names may have */
    NAMES_FIRST = 64, /* buckets of the first table */
    NAMES_LOOKS = 8   /* until a lookup takes the lock */
};
#define NAMES_MOVED UINT64_MAX

struct name_link {
    ATOMIC(struct name_entry *) to; /* under the lock; lookups */
};

struct name_entry {
    /* Under the lock, with release; lookups. */
    struct name_link next;  /* in its chain; stays when it has left that */
    ATOMIC(uint64_t) owner; /* its address */
    ATOMIC(uint64_t) hash;
    /* Under the lock: */
    uint32_t size;             /* which of the sizes; constant */
    uint32_t words;            /* used */
    struct name_entry *other;  /* of the same owner, or free; and, of an owner, ... */
    struct name_entry **place; /* ... where the pointer to this one stands */
    ATOMIC(uint64_t) word[];   /* as owner */
};

struct name_bucket {
    ATOMIC(uint64_t) version; /* under the lock; lookups */
    struct name_link first;
};

/* One that was left knows the one before. */
struct name_table {
    struct name_table *smaller;
    uint64_t mask;
    struct name_bucket buckets[];
};

struct names {
    ATOMIC(struct name_table *) table; /* under the lock; lookups. NULL: no name yet */
    struct heap *heap;
    uint64_t seed; /* of the hash; constant */
    alignas(CACHE_LINE) pthread_mutex_t lock;
    uint64_t count;
    struct name_entry *free[NAMES_SIZES];
};

void names_init(struct names *names, struct heap *heap, uint64_t seed);
/* There are no names left. */
void names_fini(struct names *names);

/* The owner's from now on, in the list `mine`. Errors: -EEXIST, heap_get's. */
CC_MUST_CHECK int names_add(struct names *names, const struct name *name,
                            uint64_t owner, struct name_entry **mine);
/* Errors: -ENOENT: this owner does not have it. */
int names_remove(struct names *names, const struct name *name, uint64_t owner);
/* All that are in the list. */
void names_release(struct names *names, struct name_entry **mine);

/* Whose it is; 0: nobody's. */
uint64_t names_find(struct names *names, const struct name *name);

/* A copy of all: for each the owner, then the words. */
struct names_copy {
    uint64_t *words; /* heap_put, with the bytes */
    size_t bytes;
    uint64_t count;
};
/* Errors: heap_get's. */
CC_MUST_CHECK int names_copy(struct names *names, struct names_copy *copy);

#endif
