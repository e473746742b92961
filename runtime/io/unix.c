/* unix.c: UNIX sockets: connections and listeners. */
#include "io/bytes.h"
#include "io/driver.h"
#include "io/owner.h"

#include <cadre/unix.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int check_path(struct cadre_self *self, const char *what, struct local *local,
                      const char *path)
{
    int err = path ? local_parse(local, path) : -EINVAL;
    if (err == -EINVAL)
        return cadre_port_misuse(self->world, err, "%s: path is NULL or empty", what);
    return err;
}

int cadre_unix_listen(cadre_self *self, cadre_stream *listener, const char *path,
                      const cadre_stream_options *options)
{
    static const char what[] = "cadre_unix_listen";
    struct local local;
    struct shard *shard;
    struct listener *l;
    int err = cadre_port_check(self, what);
    if (err)
        return err;
    if (!listener) {
        (void)cadre_port_misuse(self->world, -EINVAL, "%s: listener is NULL", what);
        return -EINVAL;
    }
    err = owner_check_listens(self, what, options);
    if (!err)
        err = check_path(self, what, &local, path);
    if (!err)
        err = driver_shard(self, &shard);
    if (err)
        return err;
    cadre_stream_options o = owner_listens_with(options);
    int fd = local_listen(&local, (int)o.backlog);
    if (fd < 0)
        return fd;
    err = listener_make(&l, shard, &owner_listeners, fd, &o);
    if (err) {
        local_unlink(&local); /* first: until it is closed nobody takes the path over */
        close(fd);
        return err;
    }
    l->streams = &owner_streams;
    l->is_local = true;
    l->path = local;
    err = owner_open(self, listener, &l->h);
    if (!err)
        driver_spread(shard, fd);
    return err;
}

int cadre_unix_connect(cadre_self *self, cadre_stream *stream, const char *path,
                       cadre_time timeout, const cadre_stream_options *options)
{
    static const char what[] = "cadre_unix_connect";
    static const cadre_stream_options usual = {0};
    struct local local;
    struct shard *shard;
    struct stream *s;
    int err = cadre_port_check(self, what);
    if (err)
        return err;
    if (!stream || timeout <= 0) {
        (void)cadre_port_misuse(self->world, -EINVAL,
                                "%s: stream is NULL, or timeout <= 0", what);
        return -EINVAL;
    }
    err = owner_check_options(self, what, options);
    if (!err)
        err = check_path(self, what, &local, path);
    if (!err)
        err = driver_shard(self, &shard);
    if (!err)
        err = stream_make(&s, shard, &owner_streams, options ? options : &usual);
    if (err)
        return err;
    s->is_local = true;
    s->path = local;
    s->connect_ms = owner_ms(timeout);
    err = stream_pass(s, options ? options->descriptors : 0);
    if (err) {
        stream_free(s);
        return err;
    }
    err = owner_connects_to(s, options, "");
    return err ? err : owner_open(self, stream, &s->h);
}

int cadre_unix_peer(cadre_self *self, cadre_stream stream, cadre_unix_id *peer)
{
    struct handle *h;
    int err = owner_find(self, "cadre_unix_peer", stream, &h);
    if (err)
        return err;
    if (!peer) {
        (void)cadre_port_misuse(self->world, -EINVAL, "cadre_unix_peer: peer is NULL");
        return -EINVAL;
    }
    if (h->port.class != &owner_streams)
        return -ENOTCONN;
    const struct stream *s = container_of(h, struct stream, h);
    if (!s->is_local || s->is_plain)
        return -EINVAL;
    if (!s->known)
        return -ENOTCONN;
    if (s->who.uid == (uid_t)-1) /* a descriptor of the program's */
        return -EINVAL;
    *peer = (cadre_unix_id){s->who.pid, s->who.uid, s->who.gid};
    return 0;
}

/* ---- descriptors that go along ---------------------------------------------------- */

/* Copies of them. */
static int pack(struct parcel *parcel, const int *fds, uint32_t count)
{
    parcel->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        if (fd < 0) {
            int err = -errno;
            parcel_close(parcel);
            return err;
        }
        parcel->fds[parcel->count++] = fd;
    }
    return 0;
}

static int make_parcel(struct parcel **parcel, struct world *world, const int *fds,
                       uint32_t count)
{
    void *memory;
    int err = cadre_port_get(world, &memory, sizeof **parcel);
    if (err)
        return err;
    *parcel = memory;
    err = pack(*parcel, fds, count);
    if (err)
        cadre_port_put(world, memory, sizeof **parcel);
    return err;
}

static int send_with(struct stream *s, const void *bytes, size_t size, const int *fds,
                     uint32_t count)
{
    struct parcel *parcel;
    cadre_buf *buf = cadre_buf_new(bytes, size);
    if (!buf)
        return -ENOMEM;
    int err = make_parcel(&parcel, s->h.port.world, fds, count);
    if (!err)
        return bytes_append_with(s, buf, parcel);
    cadre_buf_unref(buf);
    return err;
}

int cadre_unix_send(cadre_self *self, cadre_stream stream, const void *bytes,
                    size_t size, const int *fds, uint32_t count)
{
    static const char what[] = "cadre_unix_send";
    struct stream *s;
    int err = owner_find_stream(self, what, stream, &s);
    if (!err && (!bytes || size == 0 || !fds || count == 0 || count > PARCEL_MAX))
        err = cadre_port_misuse(self->world, -EINVAL, "%s: no bytes, or %u descriptors",
                                what, count);
    if (!err && (!s->parcels || s->filter))
        err = -ENOTSUP;
    if (!err)
        err = owner_reserve(s, size);
    return err ? err : send_with(s, bytes, size, fds, count);
}

int cadre_unix_take(cadre_self *self, cadre_stream stream, int *fd)
{
    static const char what[] = "cadre_unix_take";
    struct stream *s;
    int err = owner_find_stream(self, what, stream, &s);
    if (!err && !fd)
        err = cadre_port_misuse(self->world, -EINVAL, "%s: fd is NULL", what);
    if (err)
        return err;
    return s->parcels && parcels_take(s->parcels, fd) ? 0 : -ENODATA;
}
