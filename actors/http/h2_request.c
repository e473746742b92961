/* h2_request.c: a stream's request: it comes, and somebody is asked for its answer. */
#include "h2_session.h"

#include "routes.h"

#include <cadre/supervise.h>

#include <errno.h>

/* Bodies of so many requests, as large as they may be, come side by side: as many as a
 * connection of HTTP/1.1 has in its queue. */
enum { WHOLE_MAX = QUEUE_SIZE };

/* ---- streams ---------------------------------------------------------------------- */

static struct h2_stream *first_of(const struct ring *ring)
{
    return ring_is_empty(ring) ? NULL : RING_OF(ring->next, struct h2_stream, ring);
}

struct h2_stream *h2_stream_new(struct h2 *h, int32_t id)
{
    struct h2_stream *s = first_of(&h->resting);
    if (s) {
        ring_remove(&s->ring);
    } else {
        cadre_buf *buf = cadre_buf_new(NULL, sizeof *s);
        if (!buf)
            return NULL;
        s = (struct h2_stream *)(void *)cadre_buf_data(buf);
        s->buf = buf;
    }
    s->out.id = id;
    s->upload.key = (uint64_t)id - 1; /* so that it has the stream's */
    s->body.most = h->connection->shared->limits.body;
    s->out.since = cadre_now(h->wire.self);
    ring_add(&h->streams, &s->ring);
    return s;
}

void h2_stream_free(struct h2_stream *s) { cadre_buf_unref(s->buf); }

/* Of a request that is cancelled the desk ends, with the sources that are its children:
 * as it does with a connection of HTTP/1.1. */
static void leave_desk(struct h2 *h, struct h2_stream *s)
{
    if (s->entry.token.id && s->desk.id) {
        (void)cadre_release(h->wire.self, s->desk);
        s->desk.id = 0;
    }
}

void h2_stream_end(struct h2 *h, struct h2_stream *s)
{
    if (!s->upload.is_on)
        h->held -= s->body.size;
    upload_fail(h->wire.self, &s->upload, -ECONNRESET);
    leave_desk(h, s);
    entry_cancel(h->wire.self, &s->entry, h->connection->shared);
    h2_body_end(&h->wire, &s->out);
    entry_forget(h->wire.self, &s->entry);
    cadre_http_request_type.drop(&s->request);
    bytes_free(&s->body);
    h->wire.active = cadre_now(h->wire.self);
    (void)nghttp2_session_set_stream_user_data(h->wire.session, s->out.id, NULL);
    ring_remove(&s->ring);
    *s = (struct h2_stream){.buf = s->buf, .desk = s->desk};
    ring_add(&h->resting, &s->ring);
}

void h2_stream_refuse(struct h2 *h, struct h2_stream *s, int status, int code)
{
    bool is_answered = s->is_answered || s->entry.response.status;
    h->held -= s->upload.is_on ? 0 : s->body.size;
    upload_fail(h->wire.self, &s->upload, code);
    bytes_free(&s->body);
    s->is_dropped = true;
    leave_desk(h, s);
    entry_cancel(h->wire.self, &s->entry, h->connection->shared);
    if (is_answered)
        return;
    entry_answer(&s->entry, status, NULL);
    h2_stream_answer(h, s);
}

/* ---- what has come of it ---------------------------------------------------------- */

static void ask(struct h2 *h, struct h2_stream *s)
{
    cadre_http_request r = s->request;
    s->request = (cadre_http_request){0};
    h->wire.active = cadre_now(h->wire.self);
    dispatch_ask(h->wire.self, h->connection, &s->desk, &s->entry, &r);
    h2_stream_answer(h, s);
}

static void begin_upload(struct h2 *h, struct h2_stream *s, uint64_t length)
{
    s->request.source = upload_begin(h->wire.self, &s->upload, length);
    intake_is_due(h->wire.self, h->connection, &s->entry);
    ask(h, s);
}

void h2_stream_head(struct h2 *h, struct h2_stream *s, bool is_all)
{
    const struct shared *shared = h->connection->shared;
    struct head_framing framing;
    uint64_t length;
    bool is_path;
    if (s->out.id > h->last) { /* a GOAWAY says so, and its client may ask another */
        s->is_dropped = true;
        return;
    }
    int status =
        h2_head_parse(&h->head, &shared->limits, &s->request, &framing, &length);
    s->out.since = cadre_now(h->wire.self);
    if (status) {
        h2_stream_refuse(h, s, status, -EPROTO);
        return;
    }
    s->entry.manner.is_head = cadre_http_is(s->request.method, "HEAD");
    s->continues = framing.expects && !is_all;
    if (is_all)
        return;
    if (routes_find(shared->uploads, &s->request, &is_path))
        begin_upload(h, s, length);
    else if (length > shared->limits.body)
        h2_stream_refuse(h, s, 413, -EPROTO);
    else if (s->continues)
        h2_stream_continue(h, s);
}

/* Some of one that comes whole. */
static int keep(struct h2 *h, struct h2_stream *s, const uint8_t *at, size_t size)
{
    size_t most = h->connection->shared->limits.body;
    if (size > most - s->body.size)
        return 413;
    if (h->held / WHOLE_MAX >= most || bytes_append(&s->body, at, size))
        return 503;
    h->held += size;
    (void)nghttp2_session_consume_stream(h->wire.session, s->out.id, size);
    return 0;
}

void h2_stream_body(struct h2 *h, struct h2_stream *s, const uint8_t *at, size_t size)
{
    int status = 0;
    s->continues = false;
    if (!s->upload.is_on)
        status = keep(h, s, at, size);
    else if (bytes_append(&s->body, at, size))
        status = 503;
    if (status)
        h2_stream_refuse(h, s, status, -ENOMEM);
    else if (s->upload.is_on)
        h2_stream_feed(h, s);
}

void h2_stream_feed(struct h2 *h, struct h2_stream *s)
{
    if (!s->upload.is_on || !upload_is_read(h->wire.self, &s->upload))
        return;
    if (s->body.size == 0 && !s->is_whole) {
        h2_stream_continue(h, s);
        return;
    }
    s->out.since = cadre_now(h->wire.self);
    intake_is_due(h->wire.self, h->connection, &s->entry);
    if (h2_hand_out(&h->wire, s->out.id, &s->upload, &s->body, s->is_whole))
        h2_stream_refuse(h, s, 503, -ENOMEM);
}

static void end_body(struct h2 *h, struct h2_stream *s)
{
    size_t size = s->body.size;
    s->request.body = bytes_take(&s->body);
    if (size > 0 && !s->request.body) {
        h2_stream_refuse(h, s, 503, -ENOMEM);
        return;
    }
    h->held -= size;
    ask(h, s);
}

void h2_stream_whole(struct h2 *h, struct h2_stream *s)
{
    s->is_whole = true;
    if (s->upload.is_on)
        h2_stream_feed(h, s);
    else if (!s->is_dropped && s->request.head)
        end_body(h, s);
}
