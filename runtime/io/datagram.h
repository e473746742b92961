/* datagram.h: a UDP socket, its loop's side, and what both sides share.
 *
 * The loop only reads. All else is the owner's turn's: it sends on the same descriptor,
 * which is why that is closed with the port and not by the loop.
 *
 *   field                      written by                  read by
 *   packets                    as their places (spsc.h) say: the loop, the owner's turn
 *   taken                      the owner's turn            the loop
 *   lost, reason               the loop                    the owner's turn
 *   trouble                    both, before the bell       the owner's turn */
#ifndef IO_DATAGRAM_H
#define IO_DATAGRAM_H

#include "io/address.h"
#include "io/shard.h"
#include "queue/spsc.h"

#include <cadre/udp.h>

enum { DATAGRAM_GIVEN = 1, DATAGRAM_CAME = 2, DATAGRAM_TROUBLE = 4 }; /* news */
enum {
    DATAGRAM_CLOSE = HANDLE_FIRST,
    DATAGRAM_ABORT = HANDLE_FIRST << 1,
    DATAGRAM_NO_MEMORY = HANDLE_FIRST << 2 /* to tell the owner whose it is */
};

struct packet {
    cadre_buf *buf;
    union address from;
    uint64_t lost; /* of all before it */
};

struct datagram {
    struct handle h;
    /* Constant. */
    int fd;
    bool is_v6, is_dual; /* dual: IPv4 as well, in addresses of IPv6 */
    uint32_t ahead, ahead_bytes;
    /* The owner's turn's. */
    bool closing, is_connected;
    union address peer;
    uint64_t untold; /* lost for want of a message */
    uint64_t said;   /* of all that were lost the owner knows of these */
    /* Of both sides. */
    ATOMIC(int) trouble; /* an error of the network's */
    ATOMIC(int) reason;
    struct spsc places;     /* of the packets: `ahead` of them */
    ATOMIC(uint64_t) taken; /* bytes out of them */
    ATOMIC(uint64_t) lost;
    /* The loop's. */
    uint64_t came;   /* bytes into the packets */
    uint32_t missed; /* by the kernel, which counts so far */
    bool ending, is_open;
    uv_poll_t poll;
    struct packet packets[];
};

/* fd: taken over, also by a failure. options were checked. Errors: cadre_port_make's. */
CC_MUST_CHECK int datagram_make(struct datagram **datagram, struct shard *shard,
                                const struct port_class *class, int fd,
                                const cadre_udp_options *options);
/* The owner's side: the oldest packet, which is the caller's then. False: none. */
bool datagram_take(struct datagram *datagram, struct packet *packet);
void datagram_free(struct datagram *datagram);

#endif
