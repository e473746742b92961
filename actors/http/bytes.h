/* bytes.h: bytes that become more, in one buffer. All zero: empty. */
#ifndef ACTORS_HTTP_BYTES_H
#define ACTORS_HTTP_BYTES_H

#include <cadre/message.h>

struct bytes {
    cadre_buf *buf;
    size_t size; /* of what is in it */
    size_t most; /* that there will be, so room is not made for more; 0: who knows */
};

/* Makes room for so many more. Errors: -ENOMEM. */
CADRE_MUST_CHECK int bytes_reserve(struct bytes *bytes, size_t more);
/* Errors: -ENOMEM. */
CADRE_MUST_CHECK int bytes_append(struct bytes *bytes, const void *from, size_t size);
/* For which there must be room. */
void bytes_put(struct bytes *bytes, const void *from, size_t size);
void bytes_remove_first(struct bytes *bytes, size_t size);
/* What is in it, in a buffer of that size; it is empty then. NULL: no memory, and it
 * stays as it was; or there is nothing in it. */
cadre_buf *bytes_take(struct bytes *bytes);
void bytes_free(struct bytes *bytes);

static inline char *bytes_at(const struct bytes *bytes)
{
    return (char *)cadre_buf_data(bytes->buf);
}

#endif
