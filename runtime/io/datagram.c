/* datagram.c: a UDP socket, its loop's side.
 *
 * Packets are read into places until all are full; then they are read and thrown away:
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

/* Where the next one comes. NULL: there is no room. */
static struct packet *free_place(struct datagram *d)
{
    uint64_t at;
    if (!spsc_has_room(&d->places, d->ahead, &at))
        return NULL;
    /* Relaxed: a count. What it says too late is lost, as if it had come earlier. */
    uint64_t waiting = d->came - load_relaxed(&d->taken);
    return waiting < d->ahead_bytes ? &d->packets[at] : NULL;
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

static void keep(struct datagram *d, struct packet *place, const union address *from,
                 size_t size)
{
    cadre_buf *buf = cadre_buf_new(d->h.shard->scratch, size);
    if (!buf) {
        lose(d, 1);
        return;
    }
    *place = (struct packet){buf, *from, load_relaxed(&d->lost)};
    d->came += size;
    spsc_put(&d->places);
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
    struct packet *place = free_place(d);
    struct iovec bytes = {d->h.shard->scratch, place ? SHARD_SCRATCH : 0};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = &extra,
                             .msg_controllen = sizeof extra};
    ssize_t size = recvmsg(d->fd, &message, MSG_DONTWAIT);
    if (size < 0) {
        int err = errno;
        if (err == EAGAIN)
            return false;
        store_relaxed(&d->trouble, -err); /* released by the bell that follows */
        handle_ring(&d->h, DATAGRAM_TROUBLE);
        return true;
    }
    note_missed(d, &message);
    if (place)
        keep(d, place, &from, (size_t)size);
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
    store_relaxed(&d->reason, reason); /* released by the bell that follows */
    if (d->is_open)
        uv_close((uv_handle_t *)&d->poll, on_closed);
    else
        handle_closed(&d->h);
}

/* False: it is closed, and may be gone. */
static bool read_on(struct datagram *d)
{
    list_append(&d->h.shard->handles, &d->h.link);
    int err = uv_poll_init(&d->h.shard->loop, &d->poll, d->fd);
    if (err) {
        end(d, err);
        return false;
    }
    d->poll.data = d;
    d->is_open = true;
    err = uv_poll_start(&d->poll, UV_READABLE, on_readable);
    invariant(err == 0); /* it is open */
    return true;
}

static void obey(struct handle *h, uint32_t commands)
{
    struct datagram *d = container_of(h, struct datagram, h);
    if (commands & HANDLE_OPEN && !read_on(d))
        return;
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
    spsc_init(&d->places);
    atomic_set(&d->taken, 0);
    atomic_set(&d->lost, 0);
    return 0;
}

/* ---- the owner's side ------------------------------------------------------------ */

bool datagram_take(struct datagram *d, struct packet *packet)
{
    uint64_t at;
    if (!spsc_has_more(&d->places, d->ahead, &at))
        return false;
    *packet = d->packets[at];
    store_relaxed(&d->taken, load_relaxed(&d->taken) + cadre_buf_size(packet->buf));
    spsc_take(&d->places); /* releases `taken`, too */
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
