/* udp.h: UDP as messages. Of the library cadre-io, which needs libuv.
 *
 * A socket belongs to one actor. What comes is a message for each packet, whose token is
 * the handle's id. Nobody can be slowed down here: so packets are read ahead, up to a
 * bound, and what comes while that is reached is lost, and counted, as is what the kernel
 * had no room for or the system no memory. To send is to try, at once: nothing waits.
 * When the actor ends, what it owned is closed before anybody is told of its end. In a
 * simulation cadre_udp_open() returns -ENOTSUP; in an isolated actor all calls do. These
 * messages come to receive only: what awaits one (await.h) is refused, by its type with
 * -EINVAL, by the id with -ENOENT.
 *
 * Calls return -ENOENT, besides the errors of base.h, for a handle that is no socket of
 * this actor's (closed, given away, another's, never one); -EINVAL also for what is no
 * numeric address, such as 127.0.0.1 or ::1.
 *
 * Guarantees, each with a test of that name:
 *   packets_are_whole    a packet comes as it was sent, once for each that the system
 *                        got, and in the order that it got them in; or not at all
 *   ahead_is_bounded     not more packets wait than `ahead`, and none is added where
 *                        ahead_bytes wait
 *   lost_is_counted      those that came to the socket are told, or counted as lost
 *   connected_hears_one  after cadre_udp_connect() no packet of another's is told
 *   refused_is_told      that a connected one's packet came to nobody is told, if the
 *                        peer's system says so
 *   one_udp_closed       each handle has exactly one cadre_udp_closed, its last message;
 *                        none after cadre_cancel() of its id, or when its owner has ended
 *   udp_closed_at_the_end
 *                        the address of an actor's that has ended is free when its end is
 *                        told
 *   stale_udp_is_refused a handle never reaches another socket than its own */
#ifndef CADRE_UDP_H
#define CADRE_UDP_H
#include <cadre/actor.h>
#include <cadre/address.h>
#ifdef __cplusplus
extern "C" {
#endif

/* A value; id 0 is none. */
typedef struct cadre_udp {
    uint64_t id;
} cadre_udp;

/* All zero is the default. */
typedef struct cadre_udp_options {
    uint32_t ahead;       /* packets that may wait to be told, at most 65,536. 0: 64 */
    uint32_t ahead_bytes; /* and no more when so many bytes wait. 0: 256 KiB */
    bool broadcast;       /* it may send to broadcast addresses */
    bool shared;          /* others may have the same port, if all of them say so */
    /* Of what is sent to multicast groups. */
    bool no_loop;          /* it does not come to this machine's members */
    uint8_t multicast_ttl; /* how many networks far. 0: 1, only this one */
    const char *interface; /* by which it leaves, such as eth0. NULL: by the routes */
    void *reserved[2];     /* zero, else -EINVAL */
} cadre_udp_options;

/* from: without the scope of a link-local address of IPv6 (fe80::), where nothing can be
 * sent to then. */
typedef struct cadre_udp_packet {
    cadre_udp udp;
    cadre_address from;
    cadre_buf *buf; /* may have size 0 */
    uint64_t lost;  /* so many since the packet before */
} cadre_udp_packet;
/* It was given to you. */
typedef struct cadre_udp_opened {
    cadre_udp udp;
} cadre_udp_opened;
/* Of what was sent after cadre_udp_connect() something did not arrive. reason:
 * -ECONNREFUSED (nobody is there), or what else the network says. Those that come close
 * together may be one message. */
typedef struct cadre_udp_failed {
    cadre_udp udp;
    int reason;
} cadre_udp_failed;
/* The last message. reason: 0 by cadre_udp_close(); -ECANCELED by give; -ENOMEM, and
 * what else the system says. */
typedef struct cadre_udp_closed {
    cadre_udp udp;
    int reason;
} cadre_udp_closed;
CADRE_API extern const cadre_type cadre_udp_packet_type, cadre_udp_opened_type,
    cadre_udp_failed_type, cadre_udp_closed_type;

/* Opens one there, from this call on. host: a numeric address, or a multicast group's,
 * which is to be joined then; NULL: any, of IPv4 and IPv6. port 0: a free one
 * (cadre_udp_local). options may be NULL. Errors: -EINVAL (host, options), -ENODEV (no
 * such interface), -EADDRINUSE, -EADDRNOTAVAIL, -EACCES (ports below 1,024),
 * -EAFNOSUPPORT, -EMFILE, -ENFILE, -EAGAIN (no thread), -ENOMEM, CADRE_EFULL, -ESHUTDOWN
 * (ending), -ENOTSUP. */
CADRE_API CADRE_MUST_CHECK int cadre_udp_open(cadre_self *self, cadre_udp *udp,
                                              const char *host, uint16_t port,
                                              const cadre_udp_options *options);
/* From now on it has one peer, or another one. What came from others and was not told is
 * dropped. Opened with host NULL it gets the address by which the first peer is reached,
 * and keeps that with the next. Errors: -EINVAL (host, port 0), -EAFNOSUPPORT
 * (IPv4 with IPv6), -ENETUNREACH and what else the system says; then it has no other peer
 * than before. */
CADRE_API CADRE_MUST_CHECK int cadre_udp_connect(cadre_self *self, cadre_udp udp,
                                                 const char *host, uint16_t port);

/* Sends one packet, now. to: `from` of a packet, for example; NULL: the peer. Errors:
 * CADRE_EFULL (the system has no room; it does not say when there is), -EMSGSIZE (too
 * large), -EDESTADDRREQ (no peer), -EACCES (a broadcast address, without the option),
 * -EAFNOSUPPORT (IPv4 with IPv6), -ENETUNREACH, -ENOMEM and what else the system says;
 * -EPIPE after cadre_udp_close(). Nothing is sent then. */
CADRE_API CADRE_MUST_CHECK int cadre_udp_send(cadre_self *self, cadre_udp udp,
                                              const cadre_address *to,
                                              const void *bytes, size_t size);
/* The same. Takes one reference, also when it fails. */
CADRE_API CADRE_MUST_CHECK int cadre_udp_send_buf(cadre_self *self, cadre_udp udp,
                                                  const cadre_address *to,
                                                  cadre_buf *take);

/* What is sent to a multicast group comes to it, too, by that interface; NULL: the one
 * that the routes say. Before Linux 4.20 what others of this machine have joined comes to
 * a socket of IPv6 as well. Errors: -EINVAL (no group), -ENODEV (no such interface, or no
 * route), -EADDRINUSE (joined already), -EAFNOSUPPORT, -ENOBUFS (too many), -ENOMEM. */
CADRE_API CADRE_MUST_CHECK int cadre_udp_join(cadre_self *self, cadre_udp udp,
                                              const char *group, const char *interface);
/* No more; said as it was joined. Errors: the same; -EADDRNOTAVAIL (not joined). */
CADRE_API CADRE_MUST_CHECK int cadre_udp_leave(cadre_self *self, cadre_udp udp,
                                               const char *group,
                                               const char *interface);

/* The address on this side. */
CADRE_API int cadre_udp_local(cadre_self *self, cadre_udp udp, cadre_address *address);
/* How many packets are lost so far, as far as is known: what the kernel drops is with the
 * next packet. 0 for what is no socket of this actor's. */
CADRE_API uint64_t cadre_udp_lost(cadre_self *self, cadre_udp udp);

/* Closes it: no more packets come. */
CADRE_API int cadre_udp_close(cadre_self *self, cadre_udp udp);
/* It is another actor's now, which gets cadre_udp_opened and what was not told yet; where
 * that one does not live, is isolated, or has no memory for it, it is closed, and nobody
 * is told, but that one for want of memory cadre_udp_closed (-ENOMEM), perhaps. What is
 * no actor gets nothing: it is closed, and stays yours until cadre_udp_closed. Errors:
 * -EPIPE (after cadre_udp_close). */
CADRE_API CADRE_MUST_CHECK int cadre_udp_give(cadre_self *self, cadre_udp udp,
                                              cadre_ref to);

#ifdef __cplusplus
}
#endif
#endif
