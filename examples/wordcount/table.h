/* table.h: distinct words and how often each was seen. */
#ifndef WORDCOUNT_TABLE_H
#define WORDCOUNT_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct entry {
    char *word; /* NULL: a free place */
    uint64_t count;
};
/* All zero: empty. */
struct table {
    struct entry *entries;
    size_t size, used; /* places (a power of two, or 0) and words */
};

/* The upper half is free for others to use: places come from the lower. */
uint64_t table_hash(const char *word, size_t length);
/* Adds to the count of a word. Returns 0 or -ENOMEM. */
int table_add(struct table *table, const char *word, size_t length, uint64_t count);
/* Adds the counts of another table. Returns 0 or -ENOMEM. */
int table_merge(struct table *table, const struct table *other);
/* Moves the words to the front, the most frequent first, then by the alphabet. Nothing
 * can be added any more. */
void table_sort(struct table *table);
/* Frees the words and the places, and leaves an empty table. */
void table_clear(struct table *table);

#endif
