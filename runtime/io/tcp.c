/* tcp.c: TCP: connections and listeners. */
#include "io/driver.h"
#include "io/owner.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static int check_host(struct cadre_self *self, const char *what, union address *address,
                      const char *host, uint16_t port)
{
    if (address_parse(address, host, port) == 0)
        return 0;
    return cadre_port_misuse(self->world, -EINVAL, "%s: not a numeric address: %.64s",
                             what, host);
}

/* A socket that listens. Returns it, or an error. */
static int open_listener(union address *address, bool any, int backlog)
{
    static const int on = 1;
    int fd = address_socket(address, any, SOCK_STREAM);
    if (fd < 0)
        return fd;
    socklen_t size = address_size(address);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &address->any, size) == 0 && listen(fd, backlog) == 0 &&
        getsockname(fd, &address->any, &size) == 0)
        return fd;
    int err = -errno;
    close(fd);
    return err;
}

int cadre_tcp_listen(cadre_self *self, cadre_stream *listener, const char *host,
                     uint16_t port, const cadre_stream_options *options)
{
    static const char what[] = "cadre_tcp_listen";
    union address address;
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
        err = check_host(self, what, &address, host, port);
    if (!err)
        err = driver_shard(self, &shard);
    if (err)
        return err;
    cadre_stream_options o = owner_listens_with(options);
    int fd = open_listener(&address, !host, (int)o.backlog);
    if (fd < 0)
        return fd;
    err = listener_make(&l, shard, &owner_listeners, fd, &o);
    if (err) {
        close(fd);
        return err;
    }
    l->local = address;
    l->streams = &owner_streams;
    err = owner_open(self, listener, &l->h);
    if (!err)
        driver_spread(shard, fd);
    return err;
}

int cadre_tcp_connect(cadre_self *self, cadre_stream *stream, const char *host,
                      uint16_t port, cadre_time timeout,
                      const cadre_stream_options *options)
{
    static const char what[] = "cadre_tcp_connect";
    static const cadre_stream_options usual = {0};
    union address address;
    struct shard *shard;
    struct stream *s;
    int err = cadre_port_check(self, what);
    if (err)
        return err;
    if (!stream || !host || port == 0 || timeout <= 0) {
        (void)cadre_port_misuse(
            self->world, -EINVAL,
            "%s: stream or host is NULL, port is 0, or timeout <= 0", what);
        return -EINVAL;
    }
    err = owner_check_options(self, what, options);
    if (!err)
        err = check_host(self, what, &address, host, port);
    if (!err)
        err = driver_shard(self, &shard);
    if (!err)
        err = stream_make(&s, shard, &owner_streams, options ? options : &usual);
    if (err)
        return err;
    s->peer = address;
    s->connect_ms = owner_ms(timeout);
    err = owner_connects_to(s, options, host);
    return err ? err : owner_open(self, stream, &s->h);
}

/* ---- addresses ------------------------------------------------------------------- */

/* Of a connection that is open, or of a listener. */
static int find(cadre_self *self, const char *what, cadre_stream stream,
                const cadre_address *address, struct stream **s, struct listener **l)
{
    struct handle *h;
    int err = owner_find(self, what, stream, &h);
    if (!err && !address)
        err = cadre_port_misuse(self->world, -EINVAL, "%s: address is NULL", what);
    if (err)
        return err;
    if (h->port.class != &owner_streams) {
        *s = NULL;
        *l = container_of(h, struct listener, h);
        return (*l)->is_local ? -EINVAL : 0;
    }
    *s = container_of(h, struct stream, h);
    *l = NULL;
    return (*s)->is_local ? -EINVAL : (*s)->known ? 0 : -ENOTCONN;
}

int cadre_tcp_local(cadre_self *self, cadre_stream stream, cadre_address *address)
{
    struct stream *s;
    struct listener *l;
    int err = find(self, "cadre_tcp_local", stream, address, &s, &l);
    if (err)
        return err;
    address_print(address, s ? &s->local : &l->local);
    return 0;
}

int cadre_tcp_peer(cadre_self *self, cadre_stream stream, cadre_address *address)
{
    struct stream *s;
    struct listener *l;
    int err = find(self, "cadre_tcp_peer", stream, address, &s, &l);
    if (err || !s)
        return err ? err : -ENOTCONN;
    address_print(address, &s->peer);
    return 0;
}
