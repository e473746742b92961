/* parcels.c: descriptors that go with the bytes of a UNIX socket. */
#include "io/parcels.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SYSTEM_MAX = 253 }; /* in one message */

void parcel_close(struct parcel *p)
{
    while (p->count > 0)
        close(p->fds[--p->count]);
}

int parcels_make(struct parcels **result, struct world *world, uint32_t most)
{
    void *memory;
    int err = cadre_port_get(world, &memory, sizeof **result);
    if (err)
        return err;
    struct parcels *p = *result = memory;
    memset(p, 0, sizeof *p);
    p->most = most;
    p->fd = -1;
    return 0;
}

void parcels_free(struct parcels *p, struct world *world)
{
    if (!p)
        return;
    parcel_close(&p->fresh);
    for (int i = 0; i < PARCELS_SLOTS; i++)
        parcel_close(&p->slots[i]);
    parcel_close(&p->hand);
    cadre_port_put(world, p, sizeof *p);
}

/* ---- they come ------------------------------------------------------------------- */

/* Room for as many as the system sends: so that none are cut off but where this process
 * can have no more. */
union control {
    char bytes[CMSG_SPACE(SYSTEM_MAX * sizeof(int))];
    struct cmsghdr head;
};

/* Those of one header; what is too much is closed. False: there was. */
static bool unpack(struct parcels *p, struct cmsghdr *c)
{
    const unsigned char *at = CMSG_DATA(c);
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    bool fits = p->fresh.count + n <= p->most;
    for (size_t i = 0; i < n; i++) {
        int fd;
        memcpy(&fd, at + i * sizeof fd, sizeof fd);
        if (fits)
            p->fresh.fds[p->fresh.count++] = fd;
        else
            close(fd);
    }
    return fits;
}

static bool unpack_all(struct parcels *p, struct msghdr *m)
{
    bool fits = true;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
            fits = unpack(p, c) && fits;
    return fits;
}

ssize_t parcels_receive(struct parcels *p, char *bytes, size_t size)
{
    union control control;
    struct iovec piece = {bytes, size};
    struct msghdr m = {.msg_iov = &piece,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t n = recvmsg(p->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    bool fits = unpack_all(p, &m);
    if (fits && !(m.msg_flags & MSG_CTRUNC))
        return n == 0 ? UV_EOF : n;
    parcel_close(&p->fresh);
    return fits ? -EMFILE : -EMSGSIZE;
}

void parcels_attach(struct parcels *p, uint64_t slot)
{
    p->slots[slot] = p->fresh;
    p->fresh.count = 0;
}

/* ---- they go --------------------------------------------------------------------- */

ssize_t parcels_send(const struct parcels *p, const struct parcel *parcel,
                     const uv_buf_t *bufs, unsigned count)
{
    union control control = {.bytes = {0}};
    const size_t size = parcel->count * sizeof(int);
    /* libuv has them as the system does. */
    struct msghdr m = {.msg_iov = (struct iovec *)bufs,
                       .msg_iovlen = count,
                       .msg_control = &control,
                       .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *c = &control.head;
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), parcel->fds, size);
    ssize_t n = sendmsg(p->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0)
        return n;
    return errno == EINTR ? UV_EAGAIN : -errno;
}

/* ---- the owner's ----------------------------------------------------------------- */

void parcels_hand_out(struct parcels *p, uint64_t slot)
{
    parcel_close(&p->hand);
    p->hand = p->slots[slot];
    p->slots[slot].count = 0;
}

bool parcels_take(struct parcels *p, int *fd)
{
    struct parcel *hand = &p->hand;
    if (hand->count == 0)
        return false;
    *fd = hand->fds[0];
    memmove(hand->fds, hand->fds + 1, --hand->count * sizeof *hand->fds);
    return true;
}
