/* udp.c: UDP sockets as messages: the owner's side. */
#include "io/datagram.h"
#include "io/driver.h"

#include <cadre/udp.h>

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { AHEAD_MAX = 1 << 16 };

static void drop_packet(void *body)
{
    const cadre_udp_packet *packet = body;
    cadre_buf_unref(packet->buf);
}

CADRE_API CADRE_TYPE_DROP(cadre_udp_packet, drop_packet);
CADRE_API CADRE_TYPE(cadre_udp_opened);
CADRE_API CADRE_TYPE(cadre_udp_failed);
CADRE_API CADRE_TYPE(cadre_udp_closed);

/* ---- news become messages -------------------------------------------------------- */

static struct datagram *datagram_of(struct port *port)
{
    return container_of(port, struct datagram, h.port);
}

static bool is_same(const union address *a, const union address *b)
{
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port &&
               a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_port == b->v6.sin6_port &&
           memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
}

/* The next packet that is for the owner. */
static bool take(struct datagram *d, struct packet *packet)
{
    while (datagram_take(d, packet)) {
        if (!d->is_connected || is_same(&packet->from, &d->peer))
            return true;
        cadre_buf_unref(packet->buf); /* it came before there was a peer */
    }
    return false;
}

/* None of them is told. */
static void clear(struct datagram *d)
{
    struct packet packet;
    while (take(d, &packet)) {
        d->untold++;
        cadre_buf_unref(packet.buf);
    }
}

static struct envelope *tell_given(struct cadre_self *self, struct datagram *d)
{
    struct envelope *e;
    cadre_udp_opened opened = {{d->h.port.id}};
    d->h.port.pending &= ~(uint32_t)DATAGRAM_GIVEN;
    if (cadre_port_message(self, &e, &cadre_udp_opened_type, &opened) == 0)
        return e;
    d->closing = true;
    d->h.port.pending &= PORT_OWN;
    handle_command(&d->h, DATAGRAM_NO_MEMORY);
    return NULL;
}

static struct envelope *tell_trouble(struct cadre_self *self, struct datagram *d)
{
    struct envelope *e;
    cadre_udp_failed failed = {{d->h.port.id}, load_relaxed(&d->trouble)};
    d->h.port.pending &= ~(uint32_t)DATAGRAM_TROUBLE;
    return cadre_port_message(self, &e, &cadre_udp_failed_type, &failed) ? NULL : e;
}

/* Without memory for it all that wait are lost: there is nobody who would look again. */
static struct envelope *tell_packet(struct cadre_self *self, struct datagram *d)
{
    struct envelope *e;
    struct packet packet;
    if (!take(d, &packet)) {
        d->h.port.pending &= ~(uint32_t)DATAGRAM_CAME;
        return NULL;
    }
    uint64_t lost = packet.lost + d->untold;
    cadre_udp_packet body = {
        .udp = {d->h.port.id}, .buf = packet.buf, .lost = lost - d->said};
    address_print(&body.from, &packet.from);
    if (cadre_port_message(self, &e, &cadre_udp_packet_type, &body) == 0) {
        d->said = lost;
        return e;
    }
    d->untold++;
    clear(d);
    d->h.port.pending &= ~(uint32_t)DATAGRAM_CAME;
    return NULL;
}

static struct envelope *tell(struct cadre_self *self, struct port *port)
{
    struct datagram *d = datagram_of(port);
    struct envelope *e = NULL;
    if (d->closing) {
        clear(d);
        port->pending &= PORT_OWN;
        return NULL;
    }
    if (port->pending & DATAGRAM_GIVEN)
        return tell_given(self, d);
    if (port->pending & DATAGRAM_TROUBLE && (e = tell_trouble(self, d)))
        return e;
    return port->pending & DATAGRAM_CAME ? tell_packet(self, d) : NULL;
}

static void tell_closed(struct port *port, void *body)
{
    cadre_udp_closed closed = {{port->id}, load_relaxed(&datagram_of(port)->reason)};
    memcpy(body, &closed, sizeof closed);
}

static void put(struct port *port) { datagram_free(datagram_of(port)); }

static const struct port_class class = {
    .name = "UDP socket",
    .closed = &cadre_udp_closed_type,
    .tell = tell,
    .tell_closed = tell_closed,
    .abort = handle_abandon,
    .release = put,
};

/* ---- opened ---------------------------------------------------------------------- */

static int check_host(struct cadre_self *self, const char *what, union address *address,
                      const char *host, uint16_t port)
{
    if (address_parse(address, host, port) == 0)
        return 0;
    (void)cadre_port_misuse(self->world, -EINVAL, "%s: not a numeric address: %.64s",
                            what, host);
    return -EINVAL;
}

/* The number of that interface; 0 of NULL. False: there is none. */
static bool find_interface(const char *name, unsigned *number)
{
    *number = name ? if_nametoindex(name) : 0;
    return !name || *number;
}

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) ? -errno : 0;
}

/* What groups it hears, which are those that it joins and not all that others of this
 * machine have joined; and how it sends to them. By IPv4; and by IPv6, where it is of
 * that. */
static int set_multicast(int fd, bool is_v6, const cadre_udp_options *o)
{
    const int ttl = o->multicast_ttl ? o->multicast_ttl : 1;
    struct ip_mreqn by = {.imr_ifindex = 0};
    unsigned number;
    if (!find_interface(o->interface, &number))
        return -ENODEV;
    by.imr_ifindex = (int)number;
    int err = set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    if (!err)
        err = set(fd, IPPROTO_IP, IP_MULTICAST_TTL, ttl);
    if (!err)
        err = set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, !o->no_loop);
    if (!err && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by))
        err = -errno;
    if (err || !is_v6)
        return err;
    err = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    if (!err || err == -ENOPROTOOPT) /* before Linux 4.20 */
        err = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, ttl);
    if (!err)
        err = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, !o->no_loop);
    return err ? err : set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, by.imr_ifindex);
}

/* A port that is to be shared must be so before; a free one after: else it may be one of
 * others who share theirs. */
static int bind_it(int fd, const union address *address, bool shared)
{
    bool is_free = (address->any.sa_family == AF_INET ? address->v4.sin_port
                                                      : address->v6.sin6_port) == 0;
    int err = set(fd, SOL_SOCKET, SO_REUSEADDR, shared && !is_free);
    if (!err && bind(fd, &address->any, address_size(address)))
        err = -errno;
    return err || !shared || !is_free ? err : set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

static int prepare(int fd, const union address *address, const cadre_udp_options *o)
{
    int err = set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    if (!err)
        err = set(fd, SOL_SOCKET, SO_BROADCAST, o->broadcast);
    if (!err)
        err = set_multicast(fd, address->any.sa_family == AF_INET6, o);
    return err ? err : bind_it(fd, address, o->shared);
}

/* A socket that is bound. Returns it, or an error. */
static int open_socket(union address *address, bool any, const cadre_udp_options *o)
{
    int fd = address_socket(address, any, SOCK_DGRAM);
    int err = fd < 0 ? fd : prepare(fd, address, o);
    if (!err)
        return fd;
    if (fd >= 0)
        close(fd);
    return err;
}

static int check_open(cadre_self *self, const char *what, const cadre_udp *udp,
                      const cadre_udp_options *o)
{
    int err = cadre_port_check(self, what);
    if (err)
        return err;
    if (!udp)
        err = cadre_port_misuse(self->world, -EINVAL, "%s: udp is NULL", what);
    else if (o && (o->ahead > AHEAD_MAX || o->reserved[0] || o->reserved[1]))
        err = cadre_port_misuse(
            self->world, -EINVAL,
            "%s: options: ahead over 65,536, or reserved is not zero", what);
    return err;
}

int cadre_udp_open(cadre_self *self, cadre_udp *udp, const char *host, uint16_t port,
                   const cadre_udp_options *options)
{
    static const char what[] = "cadre_udp_open";
    static const cadre_udp_options usual = {0};
    union address address;
    struct shard *shard;
    struct datagram *d;
    const cadre_udp_options *o = options ? options : &usual;
    int err = check_open(self, what, udp, options);
    if (!err)
        err = check_host(self, what, &address, host, port);
    if (!err)
        err = driver_shard(self, &shard);
    if (err)
        return err;
    int fd = open_socket(&address, !host, o);
    if (fd < 0)
        return fd;
    err = datagram_make(&d, shard, &class, fd, o);
    if (err)
        return err;
    d->is_v6 = address.any.sa_family == AF_INET6;
    d->is_dual = d->is_v6 && !host;
    err = cadre_port_own(self, &d->h.port);
    if (err) {
        datagram_free(d);
        return err;
    }
    udp->id = d->h.port.id;
    handle_command(&d->h, HANDLE_OPEN);
    return 0;
}

/* ---- what one does with it ------------------------------------------------------- */

static int find(cadre_self *self, const char *what, cadre_udp udp, struct datagram **d)
{
    int err = cadre_port_check(self, what);
    if (err)
        return err;
    struct port *port = cadre_port_find(self, udp.id, &class);
    if (!port)
        return -ENOENT;
    *d = datagram_of(port);
    return 0;
}

/* As a socket of that kind has it. */
static int fit(const struct datagram *d, union address *address)
{
    bool is_v6 = address->any.sa_family == AF_INET6;
    if (is_v6 == d->is_v6)
        return 0;
    if (is_v6 || !d->is_dual)
        return -EAFNOSUPPORT;
    union address mapped = {
        .v6 = {.sin6_family = AF_INET6, .sin6_port = address->v4.sin_port}};
    uint8_t *bytes = mapped.v6.sin6_addr.s6_addr;
    bytes[10] = bytes[11] = 0xff;
    memcpy(bytes + 12, &address->v4.sin_addr, sizeof address->v4.sin_addr);
    *address = mapped;
    return 0;
}

/* The loop may be reading there, which the kernel allows. But ThreadSanitizer, which a
 * program may run with, takes connect() for the making of a descriptor: so by number. */
static long name_peer(int fd, const union address *peer, socklen_t size)
{
    return syscall(SYS_connect, fd, &peer->any, size);
}

int cadre_udp_connect(cadre_self *self, cadre_udp udp, const char *host, uint16_t port)
{
    static const char what[] = "cadre_udp_connect";
    struct datagram *d;
    union address peer;
    int err = find(self, what, udp, &d);
    if (!err && (!host || port == 0))
        err = cadre_port_misuse(self->world, -EINVAL, "%s: host is NULL, or port is 0",
                                what);
    if (!err)
        err = check_host(self, what, &peer, host, port);
    if (!err)
        err = fit(d, &peer);
    if (err)
        return err;
    socklen_t size = address_size(&peer);
    if (name_peer(d->fd, &peer, size))
        return -errno;
    if (getpeername(d->fd, &peer.any, &size)) /* the zero address is this machine */
        return -errno;
    d->peer = peer;
    d->is_connected = true;
    return 0;
}

static int try_to_send(struct datagram *d, const union address *to, const void *bytes,
                       size_t size)
{
    const struct sockaddr *name = to ? &to->any : NULL;
    socklen_t name_size = to ? address_size(to) : 0;
    ssize_t n =
        sendto(d->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL, name, name_size);
    return n < 0 ? errno : 0;
}

static bool has_no_room(int err) { return err == EAGAIN || err == ENOBUFS; }

/* An error of an earlier packet to the peer comes first, once: what comes again is this
 * one's. Not so a refusal, which is never of the packet that is sent. Not for ever: more
 * may come in between. */
static int send_it(struct datagram *d, const union address *to, const void *bytes,
                   size_t size)
{
    enum { TRIES = 3 };
    int err = try_to_send(d, to, bytes, size);
    for (int i = 1; i < TRIES && d->is_connected && err && !has_no_room(err); i++) {
        int before = err;
        err = try_to_send(d, to, bytes, size);
        if (err == before && err != ECONNREFUSED)
            break;
        store_relaxed(&d->trouble, -before); /* released by the bell that follows */
        cadre_port_ring(&d->h.port, DATAGRAM_TROUBLE);
    }
    return has_no_room(err) ? CADRE_EFULL : -err;
}

static int send_to(cadre_self *self, const char *what, struct datagram *d,
                   const cadre_address *to, const void *bytes, size_t size)
{
    union address address;
    if (d->closing)
        return -EPIPE;
    if (!to)
        return d->is_connected ? send_it(d, NULL, bytes, size) : -EDESTADDRREQ;
    if (!memchr(to->host, 0, sizeof to->host) || to->port == 0)
        return cadre_port_misuse(self->world, -EINVAL,
                                 "%s: to: host does not end, or port is 0", what);
    int err = check_host(self, what, &address, to->host, to->port);
    if (!err)
        err = fit(d, &address);
    return err ? err : send_it(d, &address, bytes, size);
}

int cadre_udp_send(cadre_self *self, cadre_udp udp, const cadre_address *to,
                   const void *bytes, size_t size)
{
    static const char what[] = "cadre_udp_send";
    struct datagram *d;
    int err = find(self, what, udp, &d);
    if (!err && !bytes && size > 0)
        err = cadre_port_misuse(self->world, -EINVAL, "%s: bytes is NULL", what);
    return err ? err : send_to(self, what, d, to, bytes, size);
}

int cadre_udp_send_buf(cadre_self *self, cadre_udp udp, const cadre_address *to,
                       cadre_buf *take)
{
    static const char what[] = "cadre_udp_send_buf";
    struct datagram *d;
    int err = find(self, what, udp, &d);
    if (!err && !take)
        err = cadre_port_misuse(self->world, -EINVAL, "%s: take is NULL", what);
    if (!err)
        err = send_to(self, what, d, to, cadre_buf_data(take), cadre_buf_size(take));
    cadre_buf_unref(take);
    return err;
}

static int ask_for_group(cadre_self *self, const char *what, cadre_udp udp, int option,
                         const char *group, const char *interface)
{
    struct datagram *d;
    union address address;
    struct group_req request = {.gr_interface = 0};
    unsigned number;
    int err = find(self, what, udp, &d);
    if (!err && !group)
        err = cadre_port_misuse(self->world, -EINVAL, "%s: group is NULL", what);
    if (!err)
        err = check_host(self, what, &address, group, 0);
    if (err)
        return err;
    bool is_v6 = address.any.sa_family == AF_INET6;
    if (is_v6 != d->is_v6 && !d->is_dual)
        return -EAFNOSUPPORT;
    if (!find_interface(interface, &number))
        return -ENODEV;
    request.gr_interface = number;
    memcpy(&request.gr_group, &address, address_size(&address));
    int level = is_v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    return setsockopt(d->fd, level, option, &request, sizeof request) ? -errno : 0;
}

int cadre_udp_join(cadre_self *self, cadre_udp udp, const char *group,
                   const char *interface)
{
    return ask_for_group(self, "cadre_udp_join", udp, MCAST_JOIN_GROUP, group,
                         interface);
}

int cadre_udp_leave(cadre_self *self, cadre_udp udp, const char *group,
                    const char *interface)
{
    return ask_for_group(self, "cadre_udp_leave", udp, MCAST_LEAVE_GROUP, group,
                         interface);
}

int cadre_udp_local(cadre_self *self, cadre_udp udp, cadre_address *address)
{
    struct datagram *d;
    union address local;
    socklen_t size = sizeof local;
    int err = find(self, "cadre_udp_local", udp, &d);
    if (!err && !address)
        err =
            cadre_port_misuse(self->world, -EINVAL, "cadre_udp_local: address is NULL");
    if (!err && getsockname(d->fd, &local.any, &size))
        err = -errno;
    if (!err)
        address_print(address, &local);
    return err;
}

uint64_t cadre_udp_lost(cadre_self *self, cadre_udp udp)
{
    struct datagram *d;
    return find(self, "cadre_udp_lost", udp, &d)
               ? 0
               : load_relaxed(&d->lost) + d->untold; /* a count */
}

int cadre_udp_close(cadre_self *self, cadre_udp udp)
{
    struct datagram *d;
    int err = find(self, "cadre_udp_close", udp, &d);
    if (err)
        return err;
    d->closing = true;
    handle_command(&d->h, DATAGRAM_CLOSE);
    return 0;
}

int cadre_udp_give(cadre_self *self, cadre_udp udp, cadre_ref to)
{
    struct datagram *d;
    int err = find(self, "cadre_udp_give", udp, &d);
    if (err)
        return err;
    if (d->closing)
        return -EPIPE;
    uint32_t pending = d->h.port.pending;
    d->h.port.pending |= DATAGRAM_GIVEN;
    if (cadre_port_give(self, &d->h.port, to.id))
        return 0;
    d->h.port.pending = pending; /* it is still ours */
    d->closing = true;
    handle_command(&d->h, DATAGRAM_ABORT);
    return 0;
}
