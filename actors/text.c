/* text.c: bytes that become more, from the heap. */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>

bool text_room(struct text *text, size_t size)
{
    if (size <= text->room - text->size)
        return true;
    size_t room = 2 * text->room + size + 64;
    uint8_t *bytes = realloc(text->bytes, room);
    if (!bytes) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->room = room;
    return true;
}

void text_vprint(struct text *text, const char *fmt, va_list values)
{
    char line[512];
    int n = vsnprintf(line, sizeof line, fmt, values);
    text_add(text, line, (size_t)(n < 512 ? n : 511));
}

void text_print(struct text *text, const char *fmt, ...)
{
    va_list values;
    va_start(values, fmt);
    text_vprint(text, fmt, values);
    va_end(values);
}

void text_remove_first(struct text *text, size_t size)
{
    text->size -= size;
    if (size > 0 && text->size > 0)
        memmove(text->bytes, text->bytes + size, text->size);
}

cadre_buf *text_buf(const struct text *text)
{
    return cadre_buf_new(text->size ? text->bytes : NULL, text->size);
}

void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){.bytes = NULL};
}
