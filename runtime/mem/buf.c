/* buf.c: the public cadre_buf: bytes under a reference count. */
#include "base/atomic.h"
#include "base/panic.h"
#include "mem/alloc.h"

#include <cadre/message.h>

#include <string.h>

struct cadre_buf {
    ATOMIC(uint32_t) owners;
    size_t size;
    alignas(max_align_t) uint8_t bytes[];
};

cadre_buf *cadre_buf_new(const void *bytes, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    cadre_buf *buf = heap_outside_get(sizeof *buf + size);
    if (!buf)
        return NULL;
    atomic_set(&buf->owners, 1);
    buf->size = size;
    if (bytes)
        memcpy(buf->bytes, bytes, size);
    else
        memset(buf->bytes, 0, size);
    return buf;
}

cadre_buf *cadre_buf_ref(cadre_buf *buf)
{
    if (buf)
        fetch_add_relaxed(&buf->owners, 1); /* the caller's own reference keeps it */
    return buf;
}

void cadre_buf_unref(cadre_buf *buf)
{
    if (!buf)
        return;
    /* acq_rel: what every owner did comes before the last one frees. */
    uint32_t owners = fetch_sub_acq_rel(&buf->owners, 1);
    invariant(owners > 0);
    if (owners == 1)
        heap_outside_put(buf);
}

uint8_t *cadre_buf_data(cadre_buf *buf) { return buf ? buf->bytes : NULL; }

size_t cadre_buf_size(const cadre_buf *buf) { return buf ? buf->size : 0; }
