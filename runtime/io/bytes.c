/* bytes.c: the owner's side of a connection: bytes in and out. */
#include "io/bytes.h"

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

int bytes_append_with(struct stream *s, cadre_buf *buf, struct parcel *parcel)
{
    void *p;
    int err = cadre_port_get(s->h.port.world, &p, sizeof(struct piece));
    if (err) {
        cadre_buf_unref(buf);
        if (parcel) {
            parcel_close(parcel);
            cadre_port_put(s->h.port.world, parcel, sizeof *parcel);
        }
        return err;
    }
    struct piece *piece = p;
    piece->buf = buf;
    piece->parcel = parcel;
    s->given += cadre_buf_size(buf);
    (void)inbox_push(&s->written, &piece->node);
    handle_command(&s->h, STREAM_WRITE);
    return 0;
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
