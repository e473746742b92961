/* text.h: bytes that become more, from the heap. All zero: empty.
 *
 * What there is no memory for is left out, and `failed` says so from then on: who has put
 * together what matters looks at that in the end. */
#ifndef ACTORS_TEXT_H
#define ACTORS_TEXT_H

#include <cadre/message.h>

#include <stdarg.h>
#include <string.h>

struct text {
    uint8_t *bytes;
    size_t size, room;
    bool failed;
};

/* Is there room for so many more? */
bool text_room(struct text *text, size_t size);
static inline void text_add(struct text *text, const void *bytes, size_t size)
{
    if (size == 0 || (size > text->room - text->size && !text_room(text, size)))
        return;
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}
/* At most 511 bytes. */
void text_vprint(struct text *text, const char *fmt, va_list values);
void text_print(struct text *text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void text_remove_first(struct text *text, size_t size);
cadre_buf *text_buf(const struct text *text); /* a copy; NULL: no memory */
void text_free(struct text *text);

#endif
