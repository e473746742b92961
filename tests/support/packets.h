/* packets.h: a system with a UDP socket on loopback, for its tests, and peers without
 * Cadre. */
#ifndef SUPPORT_PACKETS_H
#define SUPPORT_PACKETS_H

#include "support/open.h"
#include "support/sockets.h"

#include <cadre/udp.h>
#include <cadre/watch.h>

/* What it does; set before udp_serve(). */
extern struct udp_plan {
    cadre_udp_options options;
    const char *host;             /* NULL: 127.0.0.1; "any": NULL */
    uint32_t workers, io_threads; /* 0: 2; the workers' own loops */
    bool isolated;                /* isolated actors may be had */
    cadre_receive *receive; /* the owner's; its state is a cadre_udp. NULL: echo */
} udp_plan;

/* What has happened. */
extern struct udp_facts {
    atomic_uint packets, failed, opened, closed, downs, steps, wrongs;
    atomic_int reason;           /* of the last one failed or closed */
    atomic_uint_fast64_t lost;   /* said with packets */
    _Atomic uint16_t port, from; /* the owner's; whose the last packet was */
} udp_facts;

/* Starts it, and forgets the facts. */
cadre_system *udp_serve(void);
/* Stops it; nothing of it is left. */
void udp_served(cadre_system *sys);
/* Tells the owner a number. */
void udp_order(cadre_system *sys, uint64_t value);
void udp_wrong_unless(bool right);
/* A handler's wait for what another thread does; wrong after a minute. */
void udp_wait_for(bool (*is_true)(void *arg), void *arg);

/* Only notes facts. */
int udp_note(cadre_self *self, void *state, cadre_msg *m);
/* And sends every packet back. */
int udp_echo(cadre_self *self, void *state, cadre_msg *m);

/* A peer on loopback, at a port of its own, or at that one if it is not 0. */
int peer_open(uint16_t *port);
void packet_send(int fd, const void *bytes, size_t size); /* to the owner */
/* The next packet is this. */
void packet_expect(int fd, const void *bytes, size_t size);
/* The descriptor of this process's at that port. */
int peer_bound(uint16_t port);

#endif
