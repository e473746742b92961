/* table.c: distinct words and how often each was seen: open addressing, FNV-1a. */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint64_t table_hash(const char *word, size_t length)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)word[i]) * UINT64_C(1099511628211);
    return hash;
}

/* Where the word stands, or the free place where it belongs. */
static struct entry *find(const struct table *table, const char *word, size_t length)
{
    size_t i = table_hash(word, length) & (table->size - 1);
    for (;; i = (i + 1) & (table->size - 1)) {
        struct entry *entry = &table->entries[i];
        if (!entry->word ||
            (strncmp(entry->word, word, length) == 0 && entry->word[length] == '\0'))
            return entry;
    }
}

static int grow(struct table *table)
{
    struct table larger = {.size = table->size ? 2 * table->size : 256};
    larger.entries = calloc(larger.size, sizeof *larger.entries);
    if (!larger.entries)
        return -ENOMEM;
    for (size_t i = 0; i < table->size; i++)
        if (table->entries[i].word) {
            const char *word = table->entries[i].word;
            *find(&larger, word, strlen(word)) = table->entries[i];
        }
    larger.used = table->used;
    free(table->entries);
    *table = larger;
    return 0;
}

int table_add(struct table *table, const char *word, size_t length, uint64_t count)
{
    if (2 * table->used >= table->size && grow(table) < 0)
        return -ENOMEM;
    struct entry *entry = find(table, word, length);
    if (!entry->word) {
        entry->word = strndup(word, length);
        if (!entry->word)
            return -ENOMEM;
        table->used++;
    }
    entry->count += count;
    return 0;
}

int table_merge(struct table *table, const struct table *other)
{
    int err = 0;
    for (size_t i = 0; i < other->size && err == 0; i++) {
        const struct entry *entry = &other->entries[i];
        if (entry->word)
            err = table_add(table, entry->word, strlen(entry->word), entry->count);
    }
    return err;
}

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->word, y->word);
}

void table_sort(struct table *table)
{
    size_t to = 0;
    for (size_t from = 0; from < table->size; from++)
        if (table->entries[from].word) {
            struct entry entry = table->entries[from];
            table->entries[from].word = NULL;
            table->entries[to++] = entry;
        }
    if (to > 0)
        qsort(table->entries, to, sizeof *table->entries, compare);
}

void table_clear(struct table *table)
{
    for (size_t i = 0; i < table->size; i++)
        free(table->entries[i].word);
    free(table->entries);
    *table = (struct table){NULL, 0, 0};
}
