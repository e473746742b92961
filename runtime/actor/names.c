/* names.c: the registry: who has which name, looked up without a lock. */
#include "actor/names.h"

#include "base/panic.h"

#include <errno.h>

static const uint32_t room[NAMES_SIZES] = {2, 8, NAME_WORDS}; /* words of each size */

static size_t entry_bytes(uint32_t size)
{
    return sizeof(struct name_entry) + room[size] * sizeof(uint64_t);
}

static size_t table_bytes(uint64_t buckets)
{
    return sizeof(struct name_table) + buckets * sizeof(struct name_bucket);
}

void names_init(struct names *names, struct heap *heap, uint64_t seed)
{
    names->heap = heap;
    names->seed = seed;
    names->count = 0;
    for (int i = 0; i < NAMES_SIZES; i++)
        names->free[i] = NULL;
    atomic_set(&names->table, NULL);
    pthread_mutex_init(&names->lock, NULL);
}

void names_fini(struct names *names)
{
    struct name_table *table = load_relaxed(&names->table);
    invariant(names->count == 0);
    for (uint32_t i = 0; i < NAMES_SIZES; i++)
        for (struct name_entry *e = names->free[i], *other; e; e = other) {
            other = e->other;
            heap_put(names->heap, e, entry_bytes(i));
        }
    while (table) {
        struct name_table *smaller = table->smaller;
        heap_put_lines(names->heap, table, table_bytes(table->mask + 1));
        table = smaller;
    }
    pthread_mutex_destroy(&names->lock);
}

/* ---- looking up ------------------------------------------------------------------ */

static struct name_bucket *bucket_of(struct name_table *table, uint64_t hash)
{
    return &table->buckets[hash & table->mask];
}

/* May say anything of an entry that is becoming another one. */
static bool is(const struct name_entry *e, const struct name *name)
{
    if (load_acquire(&e->hash) != name->hash ||
        room[plain_read(&e->size)] < name->words)
        return false;
    for (uint32_t i = 0; i < name->words; i++)
        if (load_acquire(&e->word[i]) != name->word[i])
            return false;
    return true; /* the last word has the final zero */
}

/* False: the bucket changed meanwhile, or has moved, and *owner means nothing. Whatever
 * is read here is read with acquire: it pairs with `fill`, `unlink`, `move`. */
static bool look(struct name_table *table, const struct name *name, uint64_t *owner)
{
    const struct name_bucket *bucket = bucket_of(table, name->hash);
    uint64_t version = load_acquire(&bucket->version); /* pairs with leave */
    const struct name_entry *e = load_acquire(&bucket->first.to);
    if (version == NAMES_MOVED)
        return false;
    /* Through entries that have gone elsewhere the way may be long: then give up. */
    while (e && !is(e, name)) {
        e = load_acquire(&e->next.to);
        if (load_acquire(&bucket->version) != version)
            return false;
    }
    *owner = e ? load_acquire(&e->owner) : 0;
    return load_acquire(&bucket->version) == version;
}

uint64_t names_find(struct names *names, const struct name *name)
{
    uint64_t owner;
    for (int i = 0; i < NAMES_LOOKS; i++) {
        struct name_table *table = load_acquire(&names->table); /* pairs with enlarge */
        if (!table)
            return 0;
        if (likely(look(table, name, &owner)))
            return owner;
        cpu_relax();
    }
    pthread_mutex_lock(&names->lock);
    bool found = look(load_relaxed(&names->table), name, &owner);
    invariant(found);
    pthread_mutex_unlock(&names->lock);
    return owner;
}

/* ---- under the lock -------------------------------------------------------------- */

/* Where the pointer to it stands, or the end of its chain. */
static struct name_link *place_of(struct name_table *table, const struct name *name)
{
    struct name_link *link = &bucket_of(table, name->hash)->first;
    for (struct name_entry *e; (e = load_relaxed(&link->to)) && !is(e, name);)
        link = &e->next;
    return link;
}

static void link_first(struct name_table *table, struct name_entry *e)
{
    struct name_link *first = &bucket_of(table, load_relaxed(&e->hash))->first;
    store_release(&e->next.to, load_relaxed(&first->to));
    store_release(&first->to, e);
}

/* All that stand in this bucket go into a larger table. */
static void move(struct name_bucket *from, struct name_table *to)
{
    store_release(&from->version, NAMES_MOVED); /* before they change: see look */
    for (struct name_entry *e = load_relaxed(&from->first.to), *next; e; e = next) {
        next = load_relaxed(&e->next.to);
        link_first(to, e);
    }
}

/* The first table, or one twice as large. */
static int enlarge(struct names *names)
{
    void *p;
    struct name_table *old = load_relaxed(&names->table);
    uint64_t buckets = old ? 2 * (old->mask + 1) : NAMES_FIRST;
    int err = heap_get_lines(names->heap, &p, table_bytes(buckets));
    if (err)
        return err;
    struct name_table *table = p; /* zeroed */
    table->smaller = old;
    table->mask = buckets - 1;
    for (uint64_t i = 0; old && i <= old->mask; i++)
        move(&old->buckets[i], table);
    store_release(&names->table, table); /* pairs with names_find */
    return 0;
}

/* A free entry, maybe a former name's. */
static int take(struct names *names, struct name_entry **entry, uint32_t words)
{
    void *p;
    uint32_t size = 0;
    while (size < NAMES_SIZES - 1 && room[size] < words)
        size++;
    *entry = names->free[size];
    if (*entry) {
        names->free[size] = (*entry)->other;
        return 0;
    }
    int err = heap_get(names->heap, &p, entry_bytes(size));
    if (err)
        return err;
    struct name_entry *e = *entry = p;
    plain_write(&e->size, size);
    atomic_set(&e->next.to, NULL);
    atomic_set(&e->owner, 0);
    atomic_set(&e->hash, 0);
    for (uint32_t i = 0; i < room[size]; i++)
        atomic_set(&e->word[i], 0);
    return 0;
}

/* With release: whoever reads it, and came from where it stood before, looks again. */
static void fill(struct name_entry *e, const struct name *name, uint64_t owner)
{
    e->words = name->words;
    store_release(&e->owner, owner);
    store_release(&e->hash, name->hash);
    for (uint32_t i = 0; i < name->words; i++)
        store_release(&e->word[i], name->word[i]);
}

static void join(struct name_entry **mine, struct name_entry *e)
{
    e->other = *mine;
    if (e->other)
        e->other->place = &e->other;
    e->place = mine;
    *mine = e;
}

int names_add(struct names *names, const struct name *name, uint64_t owner,
              struct name_entry **mine)
{
    struct name_entry *e;
    pthread_mutex_lock(&names->lock);
    struct name_table *table = load_relaxed(&names->table);
    int err = table && load_relaxed(&place_of(table, name)->to) ? -EEXIST : 0;
    /* Without memory for a larger table chains get longer. */
    if (!err && (!table || names->count > table->mask)) {
        err = enlarge(names);
        err = table ? 0 : err;
    }
    if (!err)
        err = take(names, &e, name->words);
    if (!err) {
        fill(e, name, owner);
        join(mine, e);
        link_first(load_relaxed(&names->table), e);
        names->count++;
    }
    pthread_mutex_unlock(&names->lock);
    return err;
}

/* Out of its chain and of its owner's list. */
static void leave(struct names *names, struct name_link *link)
{
    struct name_entry *e = load_relaxed(&link->to);
    struct name_table *table = load_relaxed(&names->table);
    struct name_bucket *bucket = bucket_of(table, load_relaxed(&e->hash));
    store_release(&link->to, load_relaxed(&e->next.to));
    /* Pairs with look: who sees this version does not meet the entry any more. */
    store_release(&bucket->version, load_relaxed(&bucket->version) + 1);
    *e->place = e->other;
    if (e->other)
        e->other->place = e->place;
    e->other = names->free[e->size];
    names->free[e->size] = e;
    names->count--;
}

int names_remove(struct names *names, const struct name *name, uint64_t owner)
{
    int err = -ENOENT;
    pthread_mutex_lock(&names->lock);
    struct name_table *table = load_relaxed(&names->table);
    struct name_link *link = table ? place_of(table, name) : NULL;
    const struct name_entry *e = link ? load_relaxed(&link->to) : NULL;
    if (e && load_relaxed(&e->owner) == owner) {
        leave(names, link);
        err = 0;
    }
    pthread_mutex_unlock(&names->lock);
    return err;
}

static struct name_link *place_of_entry(struct name_table *table, struct name_entry *e)
{
    struct name_link *link = &bucket_of(table, load_relaxed(&e->hash))->first;
    while (load_relaxed(&link->to) != e)
        link = &load_relaxed(&link->to)->next;
    return link;
}

void names_release(struct names *names, struct name_entry **mine)
{
    while (*mine) { /* others may come in between: there may be many */
        pthread_mutex_lock(&names->lock);
        leave(names, place_of_entry(load_relaxed(&names->table), *mine));
        pthread_mutex_unlock(&names->lock);
    }
}

/* ---- all of them ----------------------------------------------------------------- */

/* Copies them, if there is room: to; and counts the words. */
static size_t copy_all(struct name_table *table, uint64_t *to)
{
    size_t n = 0;
    for (uint64_t i = 0; table && i <= table->mask; i++)
        for (const struct name_entry *e = load_relaxed(&table->buckets[i].first.to); e;
             e = load_relaxed(&e->next.to)) {
            if (to)
                to[n] = load_relaxed(&e->owner);
            for (uint32_t w = 0; to && w < e->words; w++)
                to[n + 1 + w] = load_relaxed(&e->word[w]);
            n += 1 + e->words;
        }
    return n;
}

int names_copy(struct names *names, struct names_copy *copy)
{
    void *p = NULL;
    pthread_mutex_lock(&names->lock);
    struct name_table *table = load_relaxed(&names->table);
    *copy = (struct names_copy){.bytes = copy_all(table, NULL) * sizeof(uint64_t),
                                .count = names->count};
    int err = copy->bytes ? heap_get(names->heap, &p, copy->bytes) : 0;
    copy->words = p;
    if (p)
        (void)copy_all(table, p);
    pthread_mutex_unlock(&names->lock);
    return err;
}
