/* bytes.c: the owner's side of a connection: bytes in and out. */
#include "io/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

size_t bytes_unsent(struct stream *s)
{
    return s->given - load_acquire(&s->sent); /* the loop's */
}

cadre_buf *bytes_take(struct stream *s)
{
    uint64_t at;
    if (!spsc_has_more(&s->places, STREAM_SLOTS, &at)) {
        s->h.port.pending &= ~(uint32_t)NEWS_DATA;
        return NULL;
    }
    cadre_buf *buf = s->slots[at];
    if (s->parcels)
        parcels_hand_out(s->parcels, at);
    spsc_take(&s->places);
    s->freed++;
    return buf;
}

/* The loop is told of room now and then. */
void bytes_credit(struct stream *s, uint64_t n)
{
    uint64_t quarter = load_relaxed(&s->window) / 4;
    if (n == 0)
        return;
    s->since += n;
    store_release(&s->handled, load_relaxed(&s->handled) + n); /* room's */
    if (s->since < quarter && s->freed < STREAM_SLOTS / 4)
        return;
    s->since = s->freed = 0;
    handle_command(&s->h, STREAM_CREDIT);
}

int bytes_append(struct stream *s, cadre_buf *buf)
{
    return bytes_append_with(s, buf, NULL);
}

static int append(struct stream *s, const struct piece *what, uint64_t size)
{
    void *p;
    int err = cadre_port_get(s->h.port.world, &p, sizeof *what);
    if (err)
        return err;
    struct piece *piece = p;
    piece->buf = what->buf;
    piece->part = what->part;
    piece->parcel = what->parcel;
    s->given += size;
    (void)inbox_push(&s->written, &piece->node);
    handle_command(&s->h, STREAM_WRITE);
    return 0;
}

int bytes_append_with(struct stream *s, cadre_buf *buf, struct parcel *parcel)
{
    const struct piece piece = {.buf = buf, .parcel = parcel};
    int err = append(s, &piece, cadre_buf_size(buf));
    if (!err)
        return 0;
    cadre_buf_unref(buf);
    if (parcel) {
        parcel_close(parcel);
        cadre_port_put(s->h.port.world, parcel, sizeof *parcel);
    }
    return err;
}

static int check_file(int fd)
{
    struct stat stat;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fstat(fd, &stat) != 0)
        return -errno;
    if (flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    return S_ISREG(stat.st_mode) ? 0 : -EINVAL;
}

int bytes_append_file(struct stream *s, struct part part)
{
    void *p;
    int err = check_file(part.fd);
    if (!err)
        err = cadre_port_get(s->h.port.world, &p, sizeof part);
    if (err)
        return err;
    const struct piece piece = {.part = p};
    *piece.part = part;
    err = append(s, &piece, part.size);
    if (err)
        cadre_port_put(s->h.port.world, p, sizeof part);
    return err;
}

void bytes_mark(struct stream *s, uint64_t at)
{
    if (at <= load_relaxed(&s->mark))
        return;
    store_release(&s->mark, at); /* look_at_mark's */
    handle_command(&s->h, STREAM_MARK);
}

void bytes_end(struct stream *s, uint32_t command)
{
    s->no_more = s->closing = true;
    handle_command(&s->h, command);
}
