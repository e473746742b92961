/* outgoing.c: bytes of a connection that wait to be sent. */
#include "io/outgoing.h"

#include "io/seat.h"

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

unsigned outgoing_gather(const struct outgoing *outgoing, uv_buf_t *bufs, size_t *sum)
{
    unsigned n = 0;
    size_t offset = outgoing->offset;
    *sum = 0;
    for (const struct piece *p = outgoing->first;
         p && n < OUTGOING_PIECES && *sum < OUTGOING_AT_ONCE;
         p = (const void *)p->node.next) {
        if (n > 0 && p->parcel)
            break;
        size_t size = cadre_buf_size(p->buf) - offset;
        if (size > OUTGOING_AT_ONCE - *sum)
            size = OUTGOING_AT_ONCE - *sum;
        bufs[n].base = (char *)cadre_buf_data(p->buf) + offset;
        bufs[n++].len = size;
        *sum += size;
        offset = 0;
    }
    return n;
}

void outgoing_drop_parcel(struct outgoing *outgoing, struct world *world)
{
    struct piece *piece = outgoing->first;
    if (!piece->parcel)
        return;
    parcel_close(piece->parcel);
    cadre_port_put(world, piece->parcel, sizeof *piece->parcel);
    piece->parcel = NULL;
}

static void free_first(struct outgoing *outgoing, struct world *world)
{
    struct piece *piece = outgoing->first;
    outgoing_drop_parcel(outgoing, world);
    outgoing->first = (void *)piece->node.next;
    outgoing->offset = 0;
    cadre_buf_unref(piece->buf);
    cadre_port_put(world, piece, sizeof *piece);
}

void outgoing_advance(struct outgoing *outgoing, struct world *world, size_t n)
{
    while (outgoing->first &&
           n >= cadre_buf_size(outgoing->first->buf) - outgoing->offset) {
        n -= cadre_buf_size(outgoing->first->buf) - outgoing->offset;
        free_first(outgoing, world);
    }
    outgoing->offset += n;
}

void outgoing_free(struct outgoing *outgoing, struct world *world)
{
    while (outgoing->first)
        free_first(outgoing, world);
}
