/* outgoing.c: bytes of a connection that wait to be sent. */
#include "io/outgoing.h"

#include "io/seat.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

void outgoing_take(struct outgoing *outgoing, struct inbox *written)
{
    struct inbox_node *oldest = seat_in_order(inbox_take(written, INBOX_EMPTY));
    while (oldest) {
        struct piece *piece = container_of(oldest, struct piece, node);
        oldest = plain_read(&oldest->next);
        plain_write(&piece->node.next, NULL);
        if (outgoing->first)
            outgoing->last->node.next = &piece->node;
        else
            outgoing->first = piece;
        outgoing->last = piece;
    }
}

unsigned outgoing_gather(const struct outgoing *outgoing, uv_buf_t *bufs, size_t most,
                         size_t *sum)
{
    unsigned n = 0;
    size_t offset = outgoing->offset;
    *sum = 0;
    for (const struct piece *p = outgoing->first;
         p && !p->part && n < OUTGOING_PIECES && *sum < most;
         p = (const void *)p->node.next) {
        if (n > 0 && p->parcel)
            break;
        size_t size = cadre_buf_size(p->buf) - offset;
        if (size > most - *sum)
            size = most - *sum;
        bufs[n].base = (char *)cadre_buf_data(p->buf) + offset;
        bufs[n++].len = size;
        *sum += size;
        offset = 0;
    }
    return n;
}

/* ---- of files --------------------------------------------------------------------- */

/* All the same: no room, no memory, or a file system that does not send. */
static bool can_be_read(int err)
{
    return err == EAGAIN || err == ENOBUFS || err == ENOMEM || err == EINVAL ||
           err == ENOSYS || err == EOVERFLOW;
}

/* The system reads ahead meanwhile: this thread is to wait little for the disk. */
ssize_t outgoing_send_file(const struct outgoing *outgoing, int to, size_t *size)
{
    const struct part *part = outgoing->first->part;
    off_t at = (off_t)(part->offset + outgoing->offset);
    ssize_t sent;
    *size = part->size - outgoing->offset;
    if (*size > OUTGOING_AT_ONCE) {
        *size = OUTGOING_AT_ONCE;
        (void)posix_fadvise(part->fd, at + OUTGOING_AT_ONCE, OUTGOING_AT_ONCE,
                            POSIX_FADV_WILLNEED);
    }
    do
        sent = sendfile(to, part->fd, &at, *size);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return can_be_read(errno) ? UV_EAGAIN : -errno;
    return sent > 0 ? sent : -ENODATA;
}

static int read_part(const struct part *part, cadre_buf *buf)
{
    ssize_t n;
    for (size_t done = 0; done < cadre_buf_size(buf); done += (size_t)n) {
        n = pread(part->fd, cadre_buf_data(buf) + done, cadre_buf_size(buf) - done,
                  (off_t)(part->offset + done));
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n <= 0)
            return n < 0 ? -errno : -ENODATA;
    }
    return 0;
}

int outgoing_copy_file(struct outgoing *outgoing, struct world *world)
{
    struct piece *piece;
    void *memory;
    struct part *part = outgoing->first->part;
    part->offset += outgoing->offset;
    part->size -= outgoing->offset;
    outgoing->offset = 0;
    uint64_t size = part->size < OUTGOING_WAITS ? part->size : OUTGOING_WAITS;
    cadre_buf *buf = cadre_buf_new(NULL, size);
    int err = buf ? read_part(part, buf) : -ENOMEM;
    if (!err)
        err = cadre_port_get(world, &memory, sizeof *piece);
    if (err) {
        cadre_buf_unref(buf);
        return err;
    }
    part->offset += size;
    part->size -= size;
    piece = memory;
    *piece = (struct piece){.buf = buf};
    plain_write(&piece->node.next, &outgoing->first->node);
    outgoing->first = piece;
    return 0;
}

/* ---- what was sent ---------------------------------------------------------------- */

void outgoing_drop_parcel(struct outgoing *outgoing, struct world *world)
{
    struct piece *piece = outgoing->first;
    if (!piece->parcel)
        return;
    parcel_close(piece->parcel);
    cadre_port_put(world, piece->parcel, sizeof *piece->parcel);
    piece->parcel = NULL;
}

static uint64_t size_of(const struct piece *p)
{
    return p->part ? p->part->size : cadre_buf_size(p->buf);
}

static void free_first(struct outgoing *outgoing, struct world *world)
{
    struct piece *piece = outgoing->first;
    outgoing_drop_parcel(outgoing, world);
    outgoing->first = (void *)piece->node.next;
    outgoing->offset = 0;
    cadre_buf_unref(piece->buf);
    if (piece->part) {
        close(piece->part->fd);
        cadre_port_put(world, piece->part, sizeof *piece->part);
    }
    cadre_port_put(world, piece, sizeof *piece);
}

void outgoing_advance(struct outgoing *outgoing, struct world *world, size_t n)
{
    while (outgoing->first && n >= size_of(outgoing->first) - outgoing->offset) {
        n -= size_of(outgoing->first) - outgoing->offset;
        free_first(outgoing, world);
    }
    outgoing->offset += n;
}

void outgoing_free(struct outgoing *outgoing, struct world *world)
{
    while (outgoing->first)
        free_first(outgoing, world);
}
