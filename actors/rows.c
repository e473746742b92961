/* rows.c: an array that grows, in one buffer. */
#include "rows.h"

#include <errno.h>
#include <string.h>

enum { FIRST_ROWS = 8 };

int rows_reserve(struct rows *rows, size_t size)
{
    size_t used = rows->count * size;
    if (used + size <= cadre_buf_size(rows->buf))
        return 0;
    cadre_buf *larger = cadre_buf_new(NULL, 2 * used + FIRST_ROWS * size);
    if (!larger)
        return -ENOMEM;
    if (used > 0)
        memcpy(cadre_buf_data(larger), cadre_buf_data(rows->buf), used);
    cadre_buf_unref(rows->buf);
    rows->buf = larger;
    return 0;
}

void rows_append(struct rows *rows, size_t size, const void *row)
{
    memcpy(rows_at(rows, size, rows->count++), row, size);
}

void rows_insert(struct rows *rows, size_t size, uint32_t i, const void *row)
{
    memmove(rows_at(rows, size, i + 1), rows_at(rows, size, i),
            (rows->count - i) * size);
    memcpy(rows_at(rows, size, i), row, size);
    rows->count++;
}

void rows_remove(struct rows *rows, size_t size, uint32_t i)
{
    rows->count--;
    memmove(rows_at(rows, size, i), rows_at(rows, size, i + 1),
            (rows->count - i) * size);
}

void rows_remove_first(struct rows *rows, size_t size, uint32_t count)
{
    if (count == 0)
        return;
    rows->count -= count;
    memmove(rows_at(rows, size, 0), rows_at(rows, size, count), rows->count * size);
}

void rows_free(struct rows *rows)
{
    cadre_buf_unref(rows->buf);
    *rows = (struct rows){NULL, 0};
}
