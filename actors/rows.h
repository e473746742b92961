/* rows.h: an array that grows, in one buffer. All zero: empty. */
#ifndef ACTORS_ROWS_H
#define ACTORS_ROWS_H

#include <cadre/message.h>

struct rows {
    cadre_buf *buf;
    uint32_t count;
};

/* Makes room for one more of this size. Errors: -ENOMEM. */
CADRE_MUST_CHECK int rows_reserve(struct rows *rows, size_t size);
/* Appends a copy of the row, for which there must be room. */
void rows_append(struct rows *rows, size_t size, const void *row);
/* The same, in front of row i, or at the end. */
void rows_insert(struct rows *rows, size_t size, uint32_t i, const void *row);
/* Removes one; those behind it move up. */
void rows_remove(struct rows *rows, size_t size, uint32_t i);
/* Removes the first so many. */
void rows_remove_first(struct rows *rows, size_t size, uint32_t count);
void rows_free(struct rows *rows);

/* Valid until the next call above. */
static inline void *rows_at(const struct rows *rows, size_t size, uint32_t i)
{
    return cadre_buf_data(rows->buf) + size * i;
}

#endif
