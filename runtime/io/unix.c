/* unix.c: UNIX sockets: connections and listeners. */
#include "io/driver.h"
#include "io/owner.h"

#include <cadre/unix.h>

#include <errno.h>
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
