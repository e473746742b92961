/* server.c: the actor that listens, and gives each connection to one of its own. */
#include "connection.h"
#include "h2.h"
#include "routes.h"

#include <cadre/fail.h>
#include <cadre/shutdown.h>
#include <cadre/tcp.h>

#include <assert.h>
#include <errno.h>

struct own {
    cadre_buf *shared;
    cadre_stream listener;
    uint64_t port;
    bool closing;
};
static_assert(sizeof(struct own) <= sizeof((cadre_http *)NULL)->own, "own");

CADRE_TYPE(cadre_http_ask);
CADRE_TYPE(cadre_http_status);

static struct own *own_of(cadre_http *me) { return (struct own *)(void *)me->own; }

/* ---- the start -------------------------------------------------------------------- */

static void set_default(uint32_t *value, uint32_t instead)
{
    *value = *value ? *value : instead;
}

static bool set_defaults(cadre_http_limits *limits)
{
    enum { HEAD_MAX = 1 << 20, TARGET = 8 << 10 };
    set_default(&limits->head, 16 << 10);
    set_default(&limits->fields, 100);
    set_default(&limits->target, limits->head < TARGET ? limits->head : TARGET);
    set_default(&limits->connections, 10000);
    set_default(&limits->streams, 100);
    set_default(&limits->requests, 10000);
    limits->body = limits->body ? limits->body : 1 << 20;
    limits->read = limits->read ? limits->read : 30 * CADRE_SECOND;
    limits->idle = limits->idle ? limits->idle : 60 * CADRE_SECOND;
    limits->answer = limits->answer ? limits->answer : 30 * CADRE_SECOND;
    return limits->head <= HEAD_MAX && limits->target <= limits->head &&
           limits->read > 0 && limits->read < CADRE_NEVER / 2 && limits->idle > 0 &&
           limits->idle < CADRE_NEVER / 2 && limits->answer > 0;
}

static int make_shared(cadre_http *me)
{
    struct own *own = own_of(me);
    own->shared = cadre_buf_new(NULL, sizeof(struct shared));
    if (!own->shared)
        return -ENOMEM;
    struct shared *shared = shared_of(own->shared);
    shared->routes = me->routes;
    shared->uploads = me->uploads;
    shared->to = me->to;
    shared->context = me->context;
    shared->limits = me->limits;
    shared->takes_files = !me->tls;
    return 0;
}

static int listen_there(cadre_self *self, cadre_http *me)
{
    struct own *own = own_of(me);
    const cadre_stream_options options = {
        .half_open = true,
        .connections_max = me->limits.connections,
        .tls = me->tls,
        .tls_protocols = h2_is_there ? "h2,http/1.1,http/1.0" : "http/1.1,http/1.0"};
    cadre_address at;
    int err = cadre_tcp_listen(self, &own->listener, me->host, me->port, &options);
    if (!err)
        err = cadre_tcp_local(self, own->listener, &at);
    if (err)
        return cadre_fail(self, err, "http: cannot listen at %s port %u",
                          me->host ? me->host : "any", me->port);
    own->port = at.port;
    return 0;
}

static int server_start(cadre_self *self, void *state)
{
    cadre_http *me = state;
    if (!set_defaults(&me->limits) || !routes_are_good(me->routes) ||
        !routes_are_good(me->uploads) || (!me->routes && !me->uploads && !me->to.id))
        return -EINVAL;
    int err = make_shared(me);
    if (!err)
        err = cadre_when_closing(self, NULL);
    if (!err)
        err = listen_there(self, me);
    if (err)
        cadre_buf_unref(own_of(me)->shared);
    return err;
}

/* ---- connections ------------------------------------------------------------------ */

/* One that cannot have an actor goes. */
static void on_opened(cadre_self *self, cadre_http *me, cadre_stream stream)
{
    cadre_ref child;
    const struct connection init = {.shared = shared_of(own_of(me)->shared)};
    if (cadre_spawn(self, &child, &connection_class, &init)) {
        (void)cadre_stream_abort(self, stream);
    } else if (cadre_stream_give(self, stream, child)) {
        (void)cadre_kill(self, child, 0);
        (void)cadre_stream_abort(self, stream);
    }
}

static int on_closed(cadre_self *self, cadre_http *me,
                     const cadre_stream_closed *closed)
{
    const struct own *own = own_of(me);
    if (closed->stream.id != own->listener.id || own->closing)
        return 0;
    return cadre_fail(self, closed->reason ? closed->reason : CADRE_EDEAD,
                      "http: it does not listen any more");
}

static void tell_status(cadre_self *self, cadre_http *me, const cadre_msg *m)
{
    struct shared *shared = shared_of(own_of(me)->shared);
    (void)cadre_reply(
        self, m, cadre_http_status, .port = (uint16_t)own_of(me)->port,
        .connections = atomic_load_explicit(&shared->connections, memory_order_relaxed),
        .requests = atomic_load_explicit(&shared->requests, memory_order_relaxed));
}

static int server_receive(cadre_self *self, void *state, cadre_msg *m)
{
    cadre_http *me = state;
    const cadre_stream_opened *opened = cadre_body(m, cadre_stream_opened);
    const cadre_stream_closed *closed = cadre_body(m, cadre_stream_closed);
    if (opened)
        on_opened(self, me, opened->stream);
    else if (closed)
        return on_closed(self, me, closed);
    else if (m->type == &cadre_http_ask_type)
        tell_status(self, me, m);
    else if (m->type != &cadre_closing_type)
        return cadre_unhandled(self, m);
    else {
        own_of(me)->closing = true;
        (void)cadre_stream_close(self, own_of(me)->listener, 0);
    }
    return 0;
}

static void server_stop(cadre_self *self, void *state, int reason)
{
    cadre_buf_unref(own_of(state)->shared);
}

const cadre_class cadre_http_class = {.name = "cadre_http",
                                      .state_size = sizeof(cadre_http),
                                      .start = server_start,
                                      .receive = server_receive,
                                      .stop = server_stop};
