/* filtered.c: a connection whose bytes are not those on the wire.
 *
 * What is written before the filter is ready waits in a list of its own; what is to
 * happen behind that, a shutdown or a close, waits with it. What has come stays in the
 * slots until the filter pulls it: so a window is one of bytes on the wire. */
#include "io/filtered.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    FAREWELL_MS = 1000,      /* for the peer to take the reason */
    UNASKED_MAX = 256 << 10, /* bytes that the filter says by itself */
    AT_ONCE = 32 << 10       /* bytes that are pulled; then others have a turn */
};

const size_t filter_version = sizeof(struct filter);

/* ---- what it stands on ------------------------------------------------------------ */

static size_t pull(struct filter *f, void *bytes, size_t size)
{
    bool is_last =
        f->stream->h.port.pending & PORT_CLOSED; /* no letter comes any more */
    f->rests = f->pulled >= AT_ONCE && !is_last;
    if (f->rests)
        return 0;
    if (!f->in)
        f->in = bytes_take(f->stream);
    if (!f->in)
        return 0;
    size_t left = cadre_buf_size(f->in) - f->offset;
    if (size > left)
        size = left;
    memcpy(bytes, cadre_buf_data(f->in) + f->offset, size);
    f->offset += size;
    f->pulled += size;
    if (size == left) {
        cadre_buf_unref(f->in);
        f->in = NULL;
        f->offset = 0;
    }
    return size;
}

static int push(struct filter *f, const void *bytes, size_t size)
{
    if (f->finished)
        return 0;
    if (bytes_unsent(f->stream) == 0)
        f->unasked = 0;
    if (!f->writes && (f->unasked += size) > UNASKED_MAX)
        return CADRE_EFULL; /* a peer that has it answer, and does not read */
    cadre_buf *buf = cadre_buf_new(bytes, size);
    return buf ? bytes_append(f->stream, buf) : -ENOMEM;
}

int filtered_make(struct stream *s, const char *name)
{
    struct filter *f;
    int err = s->tls->class->make(&f, s->h.port.world, s->tls, name, s->protocols);
    if (err)
        return err;
    f->class = s->tls->class;
    f->pull = pull;
    f->push = push;
    f->stream = s;
    f->connects = name != NULL;
    f->announces = f->class->announces(s->tls);
    s->filter = f;
    return 0;
}

static void drop_first(struct filter *f)
{
    struct piece *piece = f->first;
    f->first = (void *)piece->node.next;
    f->waiting -= cadre_buf_size(piece->buf);
    cadre_buf_unref(piece->buf);
    cadre_port_put(f->stream->h.port.world, piece, sizeof *piece);
}

void filtered_free(struct stream *s)
{
    struct filter *f = s->filter;
    if (!f)
        return;
    while (f->first)
        drop_first(f);
    cadre_buf_unref(f->in);
    f->class->release(f);
    s->filter = NULL;
}

/* ---- it fails --------------------------------------------------------------------- */

static void say_why(const struct stream *s, int err)
{
    char at[64] = " a UNIX socket";
    cadre_address peer;
    const struct filter *f = s->filter;
    if (!s->is_local) {
        address_print(&peer, &s->peer);
        snprintf(at, sizeof at, " %s:%u", peer.host, peer.port);
    }
    cadre_port_log(s->h.port.world, f->connects ? LOG_WARN : LOG_INFO,
                   "a connection %s%s is closed: %s", f->connects ? "to" : "from", at,
                   err == CADRE_ETLS_CUT ? cadre_strerror(err) : f->class->why(f));
}

/* What it has to say of that is sent. */
static void fail(struct stream *s, int err)
{
    if (err == -ENOMEM || err == CADRE_EFULL) {
        bytes_end(s, STREAM_NO_MEMORY);
        return;
    }
    say_why(s, err);
    s->fault = err;
    if (!s->closing) /* or the loop has it already */
        s->close_ms = FAREWELL_MS;
    bytes_end(s, STREAM_CLOSE);
}

/* ---- it gets ready ---------------------------------------------------------------- */

static void finish(struct filter *f)
{
    if (!f->finished)
        f->class->finish(f);
    f->finished = true;
}

static int write_now(struct filter *f, const void *bytes, size_t size)
{
    f->writes = true;
    int err = f->class->write(f, bytes, size);
    f->writes = false;
    return err;
}

static int write_waiting(struct filter *f)
{
    int err = 0;
    while (f->first && !err) {
        cadre_buf *buf = f->first->buf;
        err = write_now(f, cadre_buf_data(buf), cadre_buf_size(buf));
        if (!err)
            drop_first(f);
    }
    return err;
}

/* What was put off until then. */
static void catch_up(struct stream *s)
{
    struct filter *f = s->filter;
    int err = write_waiting(f);
    if (err) {
        fail(s, err);
        return;
    }
    if (f->flushes)
        bytes_mark(s, s->given);
    if (f->shuts || f->closes)
        finish(f);
    if (f->closes)
        bytes_end(s, STREAM_CLOSE);
    else if (f->shuts)
        handle_command(&s->h, STREAM_SHUTDOWN);
}

static void get_ready(struct stream *s)
{
    struct filter *f = s->filter;
    f->ready = true;
    handle_command(&s->h, STREAM_READY);
    s->h.port.pending |= NEWS_DATA; /* there may be some */
    if (f->connects && !s->known)
        s->h.port.pending |= NEWS_OPENED;
    else if (f->announces)
        s->h.port.pending |= NEWS_READY;
    catch_up(s);
}

/* It would have pulled on, and there is nothing to tell: so the letter goes round. */
static void rest(struct filter *f)
{
    struct port *port = &f->stream->h.port;
    uint32_t ended = port->pending & NEWS_ENDED;
    if (!f->rests)
        return;
    port->pending &= ~ended;
    cadre_port_ring(port, NEWS_DATA | ended);
    f->rests = false;
}

/* What is pulled for nobody is handled. */
static size_t take_pulled(struct filter *f)
{
    size_t n = f->pulled;
    f->pulled = 0;
    return n;
}

void filtered_greet(struct stream *s)
{
    struct filter *f = s->filter;
    uint32_t *pending = &s->h.port.pending;
    if (f->ready)
        return;
    int err = f->class->greet(f);
    bytes_credit(s, take_pulled(f));
    if (err == 0 && *pending & NEWS_ENDED && !f->rests)
        err = CADRE_ETLS_CUT;
    *pending &= ~(uint32_t)NEWS_DATA;
    if (err < 0)
        fail(s, err);
    else if (err)
        get_ready(s);
    else
        rest(f);
}

/* ---- bytes ------------------------------------------------------------------------ */

static int read_some(struct filter *f, char *bytes, size_t size, size_t *sum)
{
    size_t got;
    int err = f->broken;
    for (*sum = 0; !err && *sum < size; *sum += got) {
        err = f->class->read(f, bytes + *sum, size - *sum, &got);
        if (err || got == 0)
            break;
    }
    return err;
}

/* What comes behind the end is nobody's; the loop does not wait for that. */
static void drop_rest(struct stream *s)
{
    cadre_buf *buf;
    uint64_t sum = 0;
    for (; (buf = bytes_take(s)); cadre_buf_unref(buf))
        sum += cadre_buf_size(buf);
    bytes_credit(s, sum);
}

size_t filtered_read(struct stream *s, void *bytes, size_t size)
{
    struct filter *f = s->filter;
    uint32_t *pending = &s->h.port.pending;
    size_t sum;
    if (f->ended) {
        drop_rest(s);
        return 0;
    }
    int err = read_some(f, bytes, size, &sum);
    if (sum == 0)
        bytes_credit(s, take_pulled(f));
    else
        s->in_hand += take_pulled(f);
    f->ended = err == FILTER_END;
    f->enough = bytes_unsent(s) == 0 ? s->given : 0;
    f->broken = err < 0 ? err : 0;
    if (sum == size || (sum > 0 && (err || f->rests))) /* more is to be told */
        *pending |= NEWS_DATA;
    else
        *pending &= ~(uint32_t)NEWS_DATA;
    if (f->broken && sum == 0)
        fail(s, err);
    else if (sum == 0)
        rest(f);
    return sum;
}

bool filtered_ends(struct stream *s)
{
    struct filter *f = s->filter;
    bool has_ended = s->h.port.pending & NEWS_ENDED;
    s->h.port.pending &= ~(uint32_t)NEWS_ENDED;
    if (has_ended && !f->ended && !s->closing)
        fail(s, CADRE_ETLS_CUT);
    bool tells = f->ended && !f->was_told;
    f->was_told = f->ended;
    return tells;
}

/* Consumes the buffer. */
static int keep(struct stream *s, cadre_buf *buf)
{
    void *p;
    struct filter *f = s->filter;
    int err = cadre_port_get(s->h.port.world, &p, sizeof(struct piece));
    if (err) {
        cadre_buf_unref(buf);
        return err;
    }
    struct piece *piece = p;
    *piece = (struct piece){.buf = buf};
    if (f->first)
        f->last->node.next = &piece->node;
    else
        f->first = piece;
    f->last = piece;
    f->waiting += cadre_buf_size(buf);
    return 0;
}

int filtered_write(struct stream *s, const void *bytes, size_t size)
{
    struct filter *f = s->filter;
    if (!f->ready) {
        cadre_buf *buf = cadre_buf_new(bytes, size);
        return buf ? keep(s, buf) : -ENOMEM;
    }
    int err = write_now(f, bytes, size);
    if (err)
        fail(s, err);
    return err == CADRE_EFULL ? -ENOMEM : err; /* it is closed for that */
}

int filtered_write_buf(struct stream *s, cadre_buf *buf)
{
    if (!s->filter->ready)
        return keep(s, buf);
    int err = filtered_write(s, cadre_buf_data(buf), cadre_buf_size(buf));
    cadre_buf_unref(buf);
    return err;
}

/* ---- put off ---------------------------------------------------------------------- */

bool filtered_flush(struct stream *s)
{
    struct filter *f = s->filter;
    bool now = f->ready || f->waiting == 0;
    f->flushes = f->flushes || !now;
    return now;
}

bool filtered_shutdown(struct stream *s)
{
    struct filter *f = s->filter;
    f->shuts = true;
    if (f->ready)
        finish(f);
    return f->ready;
}

/* A peer that has told its end may close before ours comes; that is no loss where there
 * is nothing else for it. */
bool filtered_close(struct stream *s, uint64_t grace_ms)
{
    struct filter *f = s->filter;
    store_relaxed(&s->forgives,
                  f->ended && f->enough == s->given); /* finish releases */
    if (f->ready)
        finish(f);
    if (f->ready || f->waiting == 0)
        return true;
    f->closes = true;
    s->close_ms = grace_ms;
    bytes_end(s, STREAM_CLOSES_THEN);
    return false;
}
