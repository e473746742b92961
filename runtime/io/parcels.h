/* parcels.h: descriptors that go with the bytes of a UNIX socket.
 *
 * The kernel gives them to whoever reads the first of the bytes they were sent with. So
 * those that have come stand beside the slot of the buffer that they came with, and are
 * the owner's with that: whose turn has them in hand until it has handled the buffer.
 *
 *   field    written by            read by
 *   slots    as the places of the stream's slots say
 *   fresh    the loop
 *   hand     the owner's turn */
#ifndef IO_PARCELS_H
#define IO_PARCELS_H

#include "actor/port.h"

#include <uv.h>

enum { PARCEL_MAX = 16, PARCELS_SLOTS = 16 };

/* Descriptors that are whoever's it is. All zero: none. */
struct parcel {
    uint32_t count;
    int fds[PARCEL_MAX];
};
/* Those that are left in it are closed. */
void parcel_close(struct parcel *parcel);

struct parcels {
    uint32_t most;  /* that may come at a time; constant */
    int fd;         /* the socket, once more; the loop's, like the next two; or -1 */
    uv_poll_t room; /* of that: is there room to send? */
    struct parcel fresh;
    struct parcel slots[PARCELS_SLOTS];
    struct parcel hand;
};

/* Errors: cadre_port_get's. */
CC_MUST_CHECK int parcels_make(struct parcels **parcels, struct world *world,
                               uint32_t most);
/* What nobody has taken is closed. NULL is fine. */
void parcels_free(struct parcels *parcels, struct world *world);

/* Reads, and has in `fresh` what came with it. Returns how many bytes; 0: there are none
 * now; UV_EOF; -EMSGSIZE (more descriptors than may come), -EMFILE (there was no room for
 * them), and what else the system says. */
ssize_t parcels_receive(struct parcels *parcels, char *bytes, size_t size);
/* What is fresh belongs to this slot. */
void parcels_attach(struct parcels *parcels, uint64_t slot);
/* Sends these, and the parcel with the first of them. Returns how many, or an error;
 * UV_EAGAIN: there is no room now. */
ssize_t parcels_send(const struct parcels *parcels, const struct parcel *parcel,
                     const uv_buf_t *bufs, unsigned count);

/* The owner has that slot's in hand, and no others. */
void parcels_hand_out(struct parcels *parcels, uint64_t slot);
/* The next one in hand, which is the caller's. False: there is none. */
CC_MUST_CHECK bool parcels_take(struct parcels *parcels, int *fd);

#endif
