/* outgoing.h: bytes of a connection that wait to be sent. Its loop's, but for the pieces
 * that are on their way there. */
#ifndef IO_OUTGOING_H
#define IO_OUTGOING_H

#include "actor/port.h"
#include "io/parcels.h"

#include <uv.h>

enum {
    OUTGOING_PIECES = 16,       /* sent at a time, ... */
    OUTGOING_AT_ONCE = 1 << 18, /* ... and bytes */
    OUTGOING_WAITS = 4096       /* of those, for which there is no room in the system */
};

/* Bytes of a file, whose descriptor is its own. */
struct part {
    int fd;
    uint64_t offset, size;
};

struct piece {
    struct inbox_node node; /* older ones; then younger ones */
    cadre_buf *buf;
    struct part *part;     /* instead; or NULL */
    struct parcel *parcel; /* that goes with it, and was not sent yet; or NULL */
};

/* All zero: none. */
struct outgoing {
    struct piece *first, *last;
    size_t offset; /* of the first: sent already */
};

/* Those that were written, behind the others. */
void outgoing_take(struct outgoing *outgoing, struct inbox *written);
/* The next pieces, at most so many, and `most` bytes, until one of a file; one with a
 * parcel begins anew. Returns how many, and their sum: that something was sent is known
 * when all of it was, so what waits for room is to be little. */
unsigned outgoing_gather(const struct outgoing *outgoing, uv_buf_t *bufs, size_t most,
                         size_t *sum);
/* Is the first one of a file? */
static inline bool outgoing_is_file(const struct outgoing *outgoing)
{
    return outgoing->first && outgoing->first->part;
}
/* The first is; sends *size bytes of it. Returns how many, or an error; UV_EAGAIN: there
 * is no room now, or its bytes are to be copied; -ENODATA: the file has no more. */
ssize_t outgoing_send_file(const struct outgoing *outgoing, int to, size_t *size);
/* The same; its next bytes become one before it that is none. Errors: -ENOMEM,
 * -ENODATA, and what the system says. */
CC_MUST_CHECK int outgoing_copy_file(struct outgoing *outgoing, struct world *world);
/* The parcel of the first was sent, or is not to be. */
void outgoing_drop_parcel(struct outgoing *outgoing, struct world *world);
/* So many bytes were sent. */
void outgoing_advance(struct outgoing *outgoing, struct world *world, size_t n);
/* None of them will be. */
void outgoing_free(struct outgoing *outgoing, struct world *world);

#endif
