/* bytes.c: bytes that become more, in one buffer. */
#include "bytes.h"

#include <errno.h>
#include <string.h>

int bytes_reserve(struct bytes *bytes, size_t more)
{
    size_t room = cadre_buf_size(bytes->buf);
    if (more <= room - bytes->size)
        return 0;
    size_t wanted = 2 * room;
    if (bytes->most && wanted > bytes->most)
        wanted = bytes->most;
    if (wanted < bytes->size + more)
        wanted = bytes->size + more;
    cadre_buf *larger = cadre_buf_new(NULL, wanted);
    if (!larger)
        return -ENOMEM;
    if (bytes->size > 0)
        memcpy(cadre_buf_data(larger), bytes_at(bytes), bytes->size);
    cadre_buf_unref(bytes->buf);
    bytes->buf = larger;
    return 0;
}

void bytes_put(struct bytes *bytes, const void *from, size_t size)
{
    if (size > 0)
        memcpy(bytes_at(bytes) + bytes->size, from, size);
    bytes->size += size;
}

int bytes_append(struct bytes *bytes, const void *from, size_t size)
{
    int err = bytes_reserve(bytes, size);
    if (!err)
        bytes_put(bytes, from, size);
    return err;
}

void bytes_remove_first(struct bytes *bytes, size_t size)
{
    bytes->size -= size;
    if (bytes->size == 0)
        bytes_free(bytes);
    else if (size > 0)
        memmove(bytes_at(bytes), bytes_at(bytes) + size, bytes->size);
}

cadre_buf *bytes_take(struct bytes *bytes)
{
    if (bytes->size == 0)
        return NULL;
    if (cadre_buf_size(bytes->buf) == bytes->size) {
        bytes->size = 0;
        return cadre_buf_move(&bytes->buf);
    }
    cadre_buf *exact = cadre_buf_new(bytes_at(bytes), bytes->size);
    if (exact)
        bytes_free(bytes);
    return exact;
}

void bytes_free(struct bytes *bytes)
{
    cadre_buf_unref(bytes->buf);
    *bytes = (struct bytes){.most = bytes->most};
}
