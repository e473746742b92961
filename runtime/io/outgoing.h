/* outgoing.h: bytes of a connection that wait to be sent. Its loop's, but for the pieces
 * that are on their way there. */
#ifndef IO_OUTGOING_H
#define IO_OUTGOING_H

#include "actor/port.h"
#include "io/parcels.h"

#include <uv.h>

enum {
    OUTGOING_PIECES = 16,      /* sent at a time, ... */
    OUTGOING_AT_ONCE = 1 << 18 /* ... and bytes */
};

struct piece {
    struct inbox_node node; /* older ones; then younger ones */
    cadre_buf *buf;
    struct parcel *parcel; /* that goes with it, and was not sent yet; or NULL */
};

/* All zero: none. */
struct outgoing {
    struct piece *first, *last;
    size_t offset; /* of the first: sent already */
};

/* Those that were written, behind the others. */
void outgoing_take(struct outgoing *outgoing, struct inbox *written);
/* The next pieces, at most so many, and so many bytes; one with a parcel begins anew.
 * Returns how many, and their sum:
 * that something was sent is known when all of it was. */
unsigned outgoing_gather(const struct outgoing *outgoing, uv_buf_t *bufs, size_t *sum);
/* The parcel of the first was sent, or is not to be. */
void outgoing_drop_parcel(struct outgoing *outgoing, struct world *world);
/* So many bytes were sent. */
void outgoing_advance(struct outgoing *outgoing, struct world *world, size_t n);
/* None of them will be. */
void outgoing_free(struct outgoing *outgoing, struct world *world);

#endif
