/* datagram.c: a UDP socket, its loop's side.
 *
 * Packets are read into a ring until that is full; then they are read and thrown away:
 * who sends them is not slowed down by what is not read. So the kernel's queue stays
 * short, and what it does drop it says with the next packet. libuv only says that there
 * is something. */
#include "io/datagram.h"

#include "base/panic.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    AHEAD = 64,
    AHEAD_BYTES = 1 << 18,
    AT_ONCE = 32 /* read; then others have the loop */
};

/* ---- what is read ---------------------------------------------------------------- */

static bool has_room(struct datagram *d)
{
    uint64_t waiting = d->came - load_acquire(&d->taken);          /* take's */
    uint64_t count = load_relaxed(&d->in) - load_acquire(&d->out); /* take's */
    return count < d->ahead && waiting < d->ahead_bytes;
}

static void lose(struct datagram *d, uint32_t n)
{
    store_relaxed(&d->lost,
                  load_relaxed(&d->lost) + n); /* a count; we write it alone */
}

/* The kernel has dropped some, before it got this one. */
static void note_missed(struct datagram *d, struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t missed;
            memcpy(&missed, CMSG_DATA(c), sizeof missed);
            lose(d, missed - d->missed);
            d->missed = missed;
        }
}

static void keep(struct datagram *d, const union address *from, size_t size)
{
    uint64_t in = load_relaxed(&d->in);
    struct packet *packet = &d->ring[in % d->ahead];
    cadre_buf *buf = cadre_buf_new(d->h.shard->scratch, size);
    if (!buf) {
        lose(d, 1);
        return;
    }
    *packet = (struct packet){buf, *from, load_relaxed(&d->lost)};
    d->came += size;
    store_release(&d->in, in + 1); /* pairs with take's */
    handle_ring(&d->h, DATAGRAM_CAME);
}

/* The next packet. False: there is none. */
static bool read_one(struct datagram *d)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(uint32_t))];
    } extra;
    union address from = {.v6 = {0}};
    bool keeps = has_room(d);
    struct iovec place = {d->h.shard->scratch, keeps ? SHARD_SCRATCH : 0};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &place,
                             .msg_iovlen = 1,
                             .msg_control = &extra,
                             .msg_controllen = sizeof extra};
    ssize_t size = recvmsg(d->fd, &message, MSG_DONTWAIT);
    if (size < 0) {
        int err = errno;
        if (err == EAGAIN)
            return false;
        store_relaxed(&d->trouble, -err); /* released by the ring that follows */
        handle_ring(&d->h, DATAGRAM_TROUBLE);
        return true;
    }
    note_missed(d, &message);
    if (keeps)
        keep(d, &from, (size_t)size);
    else
        lose(d, 1);
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct datagram *d = poll->data;
    for (int i = 0; i < AT_ONCE && read_one(d); i++) {
    }
    if (status < 0) { /* an error, which was read: libuv has stopped at it */
        int err = uv_poll_start(poll, UV_READABLE, on_readable);
        invariant(err == 0); /* it is open */
    }
    (void)events;
}

/* ---- its life -------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct datagram *d = handle->data;
    handle_closed(&d->h);
}

static void end(struct datagram *d, int reason)
{
    if (d->ending)
        return;
    d->ending = true;
    store_relaxed(&d->reason, reason); /* released by the ring that follows */
    if (d->is_open)
        uv_close((uv_handle_t *)&d->poll, on_closed);
    else
        handle_closed(&d->h);
}

static void read_on(struct datagram *d)
{
    list_append(&d->h.shard->handles, &d->h.link);
    int err = uv_poll_init(&d->h.shard->loop, &d->poll, d->fd);
    if (err) {
        end(d, err);
        return;
    }
    d->poll.data = d;
    d->is_open = true;
    err = uv_poll_start(&d->poll, UV_READABLE, on_readable);
    invariant(err == 0); /* it is open */
}

static void obey(struct handle *h, uint32_t commands)
{
    struct datagram *d = container_of(h, struct datagram, h);
    if (commands & HANDLE_OPEN)
        read_on(d);
    if (commands & DATAGRAM_CLOSE)
        end(d, 0);
    else if (commands & DATAGRAM_NO_MEMORY)
        end(d, -ENOMEM);
    else if (commands & (HANDLE_END | DATAGRAM_ABORT))
        end(d, -ECANCELED);
}

static void end_with_system(struct handle *h)
{
    end(container_of(h, struct datagram, h), -ECANCELED);
}

int datagram_make(struct datagram **result, struct shard *shard,
                  const struct port_class *class, int fd,
                  const cadre_udp_options *options)
{
    struct port *port;
    uint32_t ahead = options->ahead ? options->ahead : AHEAD;
    int err = cadre_port_make(shard->world, &port,
                              sizeof **result + ahead * sizeof(struct packet), class);
    if (err) {
        close(fd);
        return err;
    }
    struct datagram *d = *result = container_of(port, struct datagram, h.port);
    d->h.shard = shard;
    handle_init(&d->h, &shard->berth.seat, obey, end_with_system);
    d->fd = fd;
    d->ahead = ahead;
    d->ahead_bytes = options->ahead_bytes ? options->ahead_bytes : AHEAD_BYTES;
    atomic_set(&d->trouble, 0);
    atomic_set(&d->reason, 0);
    atomic_set(&d->in, 0);
    atomic_set(&d->out, 0);
    atomic_set(&d->taken, 0);
    atomic_set(&d->lost, 0);
    return 0;
}

/* ---- the owner's side ------------------------------------------------------------ */

bool datagram_take(struct datagram *d, struct packet *packet)
{
    uint64_t out = load_relaxed(&d->out);
    if (load_acquire(&d->in) == out) /* keep's */
        return false;
    *packet = d->ring[out % d->ahead];
    store_release(&d->taken, load_relaxed(&d->taken) + cadre_buf_size(packet->buf));
    store_release(&d->out, out + 1); /* its place is the loop's again (has_room) */
    return true;
}

void datagram_free(struct datagram *d)
{
    struct packet packet;
    while (datagram_take(d, &packet))
        cadre_buf_unref(packet.buf);
    close(d->fd);
    cadre_port_free(&d->h.port);
}
