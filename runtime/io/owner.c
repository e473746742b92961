/* owner.c: streams as messages: the owner's side. */
#include "io/owner.h"

#include "io/filtered.h"

#include <cadre/descriptor.h>
#include <cadre/tls.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { GRACE_MS = 30000 }; /* for the peer to take the rest, after its own end */

static void drop_data(void *body)
{
    const cadre_stream_data *data = body;
    cadre_buf_unref(data->buf);
}

static void drop_released(void *body)
{
    const cadre_descriptor_released *released = body;
    if (released->fd >= 0)
        close(released->fd);
}

CADRE_API CADRE_TYPE(cadre_stream_opened);
CADRE_API CADRE_TYPE_DROP(cadre_stream_data, drop_data);
CADRE_API CADRE_TYPE(cadre_stream_ended);
CADRE_API CADRE_TYPE(cadre_stream_wrote);
CADRE_API CADRE_TYPE(cadre_stream_closed);
CADRE_API CADRE_TYPE(cadre_tls_ready);
CADRE_API CADRE_TYPE_DROP(cadre_descriptor_released, drop_released);

/* ---- news of a connection become messages ---------------------------------------- */

static struct stream *stream_of(struct port *port)
{
    return container_of(port, struct stream, h.port);
}

static size_t unsent(struct stream *s) { return bytes_unsent(s) + filtered_waiting(s); }

/* NULL without memory: then it is closed, and nothing that comes later is told. */
static struct envelope *message(struct cadre_self *self, struct stream *s,
                                const cadre_type *type, const void *body)
{
    struct envelope *e;
    if (cadre_port_message(self, &e, type, body) == 0)
        return e;
    bytes_end(s, STREAM_NO_MEMORY);
    return NULL;
}

static struct envelope *tell_opened(struct cadre_self *self, struct stream *s)
{
    s->h.port.pending &= ~(uint32_t)NEWS_OPENED;
    s->known = true;
    if (s->untaken) {
        s->untaken = false;
        handle_command(&s->h, STREAM_TAKEN);
    }
    cadre_stream_opened opened = {{s->h.port.id}, {s->via}};
    return message(self, s, &cadre_stream_opened_type, &opened);
}

static struct envelope *tell_data(struct cadre_self *self, struct stream *s)
{
    cadre_buf *buf = bytes_take(s);
    if (!buf)
        return NULL;
    s->in_hand += cadre_buf_size(buf);
    cadre_stream_data data = {{s->h.port.id}, buf};
    return message(self, s, &cadre_stream_data_type, &data);
}

static void close_stream(struct stream *s, uint64_t grace_ms)
{
    if (s->filter && !filtered_close(s, grace_ms))
        return;
    s->close_ms = grace_ms;
    bytes_end(s, STREAM_CLOSE);
}

/* It is the message's, also where there is none. */
static struct envelope *tell_released(struct cadre_self *self, struct stream *s)
{
    cadre_descriptor_released released = {{s->h.port.id}, s->released};
    s->h.port.pending &= PORT_OWN;
    s->released = -1;
    struct envelope *e = message(self, s, &cadre_descriptor_released_type, &released);
    s->unreleased = !e;
    return e;
}

/* All data was handled. */
static struct envelope *tell_ended(struct cadre_self *self, struct stream *s)
{
    s->h.port.pending &= ~(uint32_t)NEWS_ENDED;
    if (s->releases) /* whoever has it then finds the end */
        return NULL;
    if (!s->half_open) {
        close_stream(s, GRACE_MS);
        return NULL;
    }
    cadre_stream_ended ended = {{s->h.port.id}};
    return message(self, s, &cadre_stream_ended_type, &ended);
}

static struct envelope *tell_wrote(struct cadre_self *self, struct stream *s)
{
    s->h.port.pending &= ~(uint32_t)NEWS_WROTE;
    cadre_stream_wrote wrote = {{s->h.port.id}, unsent(s)};
    return message(self, s, &cadre_stream_wrote_type, &wrote);
}

/* Whoever has closed it hears of the end only. */
static struct envelope *tell_nothing(struct stream *s)
{
    cadre_buf *buf;
    while ((buf = bytes_take(s)))
        cadre_buf_unref(buf);
    s->h.port.pending &= PORT_OWN;
    return NULL;
}

/* ---- the same with a filter ------------------------------------------------------- */

static struct envelope *tell_filtered_data(struct cadre_self *self, struct stream *s)
{
    enum { AT_ONCE = 1 << 14 }; /* as much as a record of TLS has */
    char bytes[AT_ONCE];
    size_t size = filtered_read(s, bytes, sizeof bytes);
    if (size == 0)
        return NULL;
    cadre_stream_data data = {{s->h.port.id}, cadre_buf_new(bytes, size)};
    if (data.buf)
        return message(self, s, &cadre_stream_data_type, &data);
    bytes_end(s, STREAM_NO_MEMORY);
    return NULL;
}

static struct envelope *tell_ready(struct cadre_self *self, struct stream *s)
{
    s->h.port.pending &= ~(uint32_t)NEWS_READY;
    cadre_tls_ready ready = {.stream = {s->h.port.id}};
    const struct filter *f = s->filter;
    if (f)
        f->class->protocol(f, ready.protocol, sizeof ready.protocol);
    return message(self, s, &cadre_tls_ready_type, &ready);
}

/* One that was accepted is told of at once: who gets it then greets. One that connects
 * when it is ready. */
static struct envelope *tell_filtered_opened(struct cadre_self *self, struct stream *s)
{
    if (!s->filter && filtered_make(s, NULL)) {
        bytes_end(s, STREAM_NO_MEMORY);
        return NULL;
    }
    if (s->filter->connects && !s->known && !s->filter->ready) {
        s->h.port.pending &= ~(uint32_t)NEWS_OPENED;
        return NULL;
    }
    return tell_opened(self, s);
}

static struct envelope *tell_filtered(struct cadre_self *self, struct stream *s)
{
    const uint32_t *pending = &s->h.port.pending;
    struct envelope *e = NULL;
    if (*pending & NEWS_OPENED && (e = tell_filtered_opened(self, s)))
        return e;
    if (!s->closing || filtered_is_finishing(s))
        filtered_greet(s);
    if (s->closing)
        return tell_nothing(s);
    if (*pending & NEWS_OPENED)
        return tell_opened(self, s);
    if (*pending & NEWS_READY)
        return tell_ready(self, s);
    if (*pending & NEWS_DATA && (e = tell_filtered_data(self, s)))
        return e;
    if (filtered_ends(s) && (e = tell_ended(self, s)))
        return e;
    return s->closing              ? tell_nothing(s)
           : *pending & NEWS_WROTE ? tell_wrote(self, s)
                                   : NULL;
}

static struct envelope *tell(struct cadre_self *self, struct port *port)
{
    struct stream *s = stream_of(port);
    struct envelope *e = NULL;
    if (s->tls && (!s->closing || filtered_is_finishing(s)))
        return tell_filtered(self, s);
    if (s->closing)
        return tell_nothing(s);
    if (port->pending & NEWS_OPENED)
        return tell_opened(self, s);
    if (port->pending & NEWS_DATA && (e = tell_data(self, s)))
        return e;
    if (port->pending & NEWS_RELEASED)
        return tell_released(self, s);
    if (port->pending & NEWS_ENDED && (e = tell_ended(self, s)))
        return e;
    return port->pending & NEWS_WROTE ? tell_wrote(self, s) : NULL;
}

/* What was in hand has been handled: there is room for more. */
static void told(struct port *port)
{
    struct stream *s = stream_of(port);
    if (s->parcels)
        parcel_close(&s->parcels->hand);
    bytes_credit(s, s->in_hand);
    s->in_hand = 0;
}

static void tell_closed(struct port *port, void *body)
{
    struct stream *s = stream_of(port);
    int reason = s->unreleased ? -ENOMEM : load_relaxed(&s->reason);
    cadre_stream_closed closed = {{port->id}, reason, reason ? unsent(s) : 0};
    memcpy(body, &closed, sizeof closed);
}

static void put(struct port *port)
{
    filtered_free(stream_of(port));
    stream_free(stream_of(port));
}

const struct port_class owner_streams = {
    .name = "connection",
    .closed = &cadre_stream_closed_type,
    .tell = tell,
    .told = told,
    .tell_closed = tell_closed,
    .abort = handle_abandon,
    .release = put,
};

/* ---- and of a listener ----------------------------------------------------------- */

static struct listener *listener_of(struct port *port)
{
    return container_of(port, struct listener, h.port);
}

static void close_listener(struct listener *l, uint32_t command)
{
    l->closing = true;
    handle_command(&l->h, command);
}

/* It is another owner's now. */
static struct envelope *tell_given(struct cadre_self *self, struct port *port)
{
    struct envelope *e;
    cadre_stream_opened opened = {{port->id}, {0}};
    port->pending &= PORT_OWN;
    if (cadre_port_message(self, &e, &cadre_stream_opened_type, &opened) == 0)
        return e;
    close_listener(listener_of(port), STREAM_NO_MEMORY);
    return NULL;
}

static void tell_listener_closed(struct port *port, void *body)
{
    cadre_stream_closed closed = {
        {port->id}, load_relaxed(&listener_of(port)->reason), 0};
    memcpy(body, &closed, sizeof closed);
}

static void put_listener(struct port *port) { listener_free(listener_of(port)); }

const struct port_class owner_listeners = {
    .name = "listener",
    .closed = &cadre_stream_closed_type,
    .tell = tell_given,
    .tell_closed = tell_listener_closed,
    .abort = handle_abandon,
    .release = put_listener,
};

/* ---- for what opens --------------------------------------------------------------- */

int owner_check_options(struct cadre_self *self, const char *what,
                        const cadre_stream_options *o)
{
    if (!o || (o->idle >= 0 && !o->reserved[0] && (o->tls || !o->tls_name) &&
               o->descriptors <= PARCEL_MAX && !(o->tls && o->descriptors)))
        return 0;
    return cadre_port_misuse(self->world, -EINVAL,
                             "%s: options: idle < 0, a tls_name without tls, more than "
                             "16 descriptors or with tls, or reserved is not zero",
                             what);
}

/* Names with commas between them. */
static bool are_protocols(const char *text)
{
    size_t size = strcspn(text, ",");
    while (size > 0 && size <= UINT8_MAX && text[size]) {
        text += size + 1;
        size = strcspn(text, ",");
    }
    return size > 0 && size <= UINT8_MAX;
}

int owner_check_listens(struct cadre_self *self, const char *what,
                        const cadre_stream_options *o)
{
    int err = owner_check_options(self, what, o);
    if (!err && o && o->tls_protocols && !are_protocols(o->tls_protocols))
        err = cadre_port_misuse(self->world, -EINVAL, "%s: options: tls_protocols: %s",
                                what, o->tls_protocols);
    if (err || !o || !o->tls || o->tls->class->accepts(o->tls))
        return err;
    return cadre_port_misuse(self->world, -EINVAL, "%s: options: tls: no certificate",
                             what);
}

cadre_stream_options owner_listens_with(const cadre_stream_options *options)
{
    enum { BACKLOG = 511, BACKLOG_MAX = 65535 };
    cadre_stream_options o = options ? *options : (cadre_stream_options){0};
    if (o.backlog == 0)
        o.backlog = BACKLOG;
    if (o.backlog > BACKLOG_MAX)
        o.backlog = BACKLOG_MAX;
    return o;
}

int owner_open(struct cadre_self *self, cadre_stream *stream, struct handle *h)
{
    int err = cadre_port_own(self, &h->port);
    if (err) {
        h->port.class->release(&h->port);
        return err;
    }
    stream->id = h->port.id;
    handle_command(h, HANDLE_OPEN);
    return 0;
}

int owner_connects_to(struct stream *s, const cadre_stream_options *options,
                      const char *name)
{
    int err =
        s->tls ? filtered_make(s, options->tls_name ? options->tls_name : name) : 0;
    if (err)
        s->h.port.class->release(&s->h.port);
    return err;
}

uint64_t owner_ms(cadre_time t)
{
    return t == CADRE_NEVER ? UINT64_MAX
                            : (uint64_t)(t / CADRE_MS + (t % CADRE_MS > 0));
}

/* ---- what one does with it ------------------------------------------------------- */

static bool is_stream(const struct handle *h)
{
    return h->port.class == &owner_streams;
}

static bool is_closing(struct handle *h)
{
    return is_stream(h) ? stream_of(&h->port)->closing : listener_of(&h->port)->closing;
}

static void abort_it(struct handle *h)
{
    if (is_stream(h))
        bytes_end(stream_of(&h->port), STREAM_ABORT);
    else
        close_listener(listener_of(&h->port), STREAM_ABORT);
}

int owner_find(cadre_self *self, const char *what, cadre_stream stream,
               struct handle **h)
{
    int err = cadre_port_check(self, what);
    if (err)
        return err;
    struct port *port = cadre_port_find(self, stream.id, &owner_streams);
    if (!port)
        port = cadre_port_find(self, stream.id, &owner_listeners);
    if (!port)
        return -ENOENT;
    *h = container_of(port, struct handle, port);
    return 0;
}

int owner_find_stream(cadre_self *self, const char *what, cadre_stream stream,
                      struct stream **s)
{
    struct handle *h;
    int err = owner_find(self, what, stream, &h);
    if (err)
        return err;
    if (!is_stream(h)) {
        (void)cadre_port_misuse(self->world, 0, "%s: a listener", what);
        return -EINVAL;
    }
    *s = stream_of(&h->port);
    return 0;
}

int owner_reserve(struct stream *s, size_t size)
{
    size_t waits = unsent(s);
    if (s->no_more)
        return -EPIPE;
    if (waits == 0 || (waits <= s->write_max && size <= s->write_max - waits))
        return 0;
    uint64_t low = s->given - s->write_max / 4;
    if (waits <= s->write_max / 4)
        low = s->given;
    if (!s->filter || filtered_flush(s))
        bytes_mark(s, low);
    return CADRE_EFULL;
}

int cadre_stream_write(cadre_self *self, cadre_stream stream, const void *bytes,
                       size_t size)
{
    struct stream *s;
    int err = owner_find_stream(self, "cadre_stream_write", stream, &s);
    if (!err && !bytes && size > 0)
        err = cadre_port_misuse(self->world, -EINVAL,
                                "cadre_stream_write: bytes is NULL");
    if (!err)
        err = owner_reserve(s, size);
    if (err || size == 0)
        return err;
    if (s->filter)
        return filtered_write(s, bytes, size);
    cadre_buf *buf = cadre_buf_new(bytes, size);
    return buf ? bytes_append(s, buf) : -ENOMEM;
}

int cadre_stream_write_buf(cadre_self *self, cadre_stream stream, cadre_buf *take)
{
    struct stream *s;
    int err = owner_find_stream(self, "cadre_stream_write_buf", stream, &s);
    if (!err && !take)
        err = cadre_port_misuse(self->world, -EINVAL,
                                "cadre_stream_write_buf: take is NULL");
    if (!err)
        err = owner_reserve(s, cadre_buf_size(take));
    if (!err && cadre_buf_size(take) > 0)
        return s->filter ? filtered_write_buf(s, take) : bytes_append(s, take);
    cadre_buf_unref(take);
    return err;
}

int cadre_stream_write_file(cadre_self *self, cadre_stream stream, int take,
                            uint64_t offset, uint64_t size)
{
    static const char what[] = "cadre_stream_write_file";
    struct stream *s;
    int err = owner_find_stream(self, what, stream, &s);
    if (!err && (size == 0 || size > INT64_MAX || offset > INT64_MAX - size))
        err = cadre_port_misuse(self->world, -EINVAL,
                                "%s: size is 0, or more than a file can have", what);
    if (!err && (s->filter || s->is_plain))
        err = -ENOTSUP;
    if (!err)
        err = owner_reserve(s, 1); /* it takes no memory */
    return err ? err : bytes_append_file(s, (struct part){take, offset, size});
}

int cadre_stream_flush(cadre_self *self, cadre_stream stream)
{
    struct stream *s;
    int err = owner_find_stream(self, "cadre_stream_flush", stream, &s);
    if (err)
        return err;
    if (s->filter && !filtered_flush(s))
        return 0;
    if (s->given > load_relaxed(&s->mark)) {
        bytes_mark(s, s->given);
    } else if (unsent(s) == 0) {
        cadre_port_ring(&s->h.port, NEWS_WROTE);
    }
    return 0;
}

size_t cadre_stream_unsent(cadre_self *self, cadre_stream stream)
{
    if (cadre_port_check(self, "cadre_stream_unsent"))
        return 0;
    struct port *port = cadre_port_find(self, stream.id, &owner_streams);
    return port ? unsent(stream_of(port)) : 0;
}

int cadre_stream_window(cadre_self *self, cadre_stream stream, uint32_t bytes)
{
    struct stream *s;
    int err = owner_find_stream(self, "cadre_stream_window", stream, &s);
    if (err)
        return err;
    store_relaxed(&s->window, bytes); /* released by the ring that follows */
    handle_command(&s->h, STREAM_CREDIT);
    return 0;
}

int cadre_stream_shutdown(cadre_self *self, cadre_stream stream)
{
    struct stream *s;
    int err = owner_find_stream(self, "cadre_stream_shutdown", stream, &s);
    if (err)
        return err;
    s->no_more = true;
    if (!s->filter || filtered_shutdown(s))
        handle_command(&s->h, STREAM_SHUTDOWN);
    return 0;
}

int cadre_stream_close(cadre_self *self, cadre_stream stream, cadre_time grace)
{
    struct handle *h;
    int err = owner_find(self, "cadre_stream_close", stream, &h);
    if (!err && grace < 0)
        err = cadre_port_misuse(self->world, -EINVAL, "cadre_stream_close: grace < 0");
    if (err)
        return err;
    if (is_closing(h))
        return 0;
    if (is_stream(h))
        close_stream(stream_of(&h->port), owner_ms(grace));
    else
        close_listener(listener_of(&h->port), STREAM_CLOSE);
    return 0;
}

int cadre_stream_abort(cadre_self *self, cadre_stream stream)
{
    struct handle *h;
    int err = owner_find(self, "cadre_stream_abort", stream, &h);
    if (err)
        return err;
    abort_it(h);
    return 0;
}

int cadre_stream_give(cadre_self *self, cadre_stream stream, cadre_ref to)
{
    struct handle *h;
    int err = owner_find(self, "cadre_stream_give", stream, &h);
    if (err)
        return err;
    struct stream *s = is_stream(h) ? stream_of(&h->port) : NULL;
    if (is_closing(h) || (s && s->releases))
        return -EPIPE;
    if (s && !s->known)
        return -ENOTCONN;
    if (s) {
        told(&h->port); /* what is in hand is not the next one's */
        s->via = 0;
    }
    uint32_t pending = h->port.pending;
    h->port.pending |= NEWS_OPENED;
    if (cadre_port_give(self, &h->port, to.id))
        return 0;
    h->port.pending = pending; /* it is still ours */
    abort_it(h);
    return 0;
}
