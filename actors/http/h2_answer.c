/* h2_answer.c: a stream's answer, as it is sent. */
#include "h2_session.h"

#include "response.h"

#include <errno.h>
#include <string.h>

void h2_stream_reset(struct h2 *h, struct h2_stream *s, uint32_t code)
{
    (void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id, code);
}

/* ---- fields ----------------------------------------------------------------------- */

static int add(struct bytes *nva, cadre_http_text name, cadre_http_text value)
{
    const nghttp2_nv nv = {.name = (uint8_t *)name.at,
                           .namelen = name.size,
                           .value = (uint8_t *)value.at,
                           .valuelen = value.size};
    return bytes_append(nva, &nv, sizeof nv);
}

/* Those that only HTTP/1.1 has. */
static bool is_of_connection(cadre_http_text name)
{
    static const char *const names[] = {"connection", "keep-alive", "proxy-connection",
                                        "transfer-encoding", "upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (head_same(name, names[i]))
            return true;
    return false;
}

/* The lines that a response or a piece has. */
static int add_lines(struct bytes *nva, cadre_buf *lines)
{
    const char *at = (const char *)cadre_buf_data(lines);
    const char *end = at ? at + cadre_buf_size(lines) : NULL;
    int err = 0;
    while (!err && at < end) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        const char *last = memchr(at, '\r', (size_t)(end - at));
        const cadre_http_text name = {at, (size_t)(colon - at)};
        const cadre_http_text value = {colon + 1, (size_t)(last - colon) - 1};
        if (!is_of_connection(name))
            err = add(nva, name, head_trim(value));
        at = last + 2;
    }
    return err;
}

static const nghttp2_nv *nva_of(const struct bytes *nva)
{
    return (const nghttp2_nv *)(const void *)bytes_at(nva);
}
static size_t nva_size(const struct bytes *nva)
{
    return nva->size / sizeof(nghttp2_nv);
}

/* ---- the body --------------------------------------------------------------------- */

/* A body's last frame, or the one before the trailers. */
static int end(struct h2 *h, struct h2_stream *s, uint32_t *flags)
{
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!s->pieces.trailers)
        return 0;
    h->nva.size = 0;
    int err = add_lines(&h->nva, s->pieces.trailers);
    if (err || h->nva.size == 0)
        return err;
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return nghttp2_submit_trailer(h->session, s->id, nva_of(&h->nva),
                                  nva_size(&h->nva));
}

/* A piece is asked for when the last one has found room. */
static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *bytes,
                         size_t size, uint32_t *flags, nghttp2_data_source *source,
                         void *user)
{
    struct h2 *h = user;
    struct h2_stream *s = source->ptr;
    if (!s->sending && !s->is_last)
        return !pieces_are_awaited(&s->pieces) && pieces_ask(h->self, &s->pieces)
                   ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
                   : NGHTTP2_ERR_DEFERRED;
    size_t rest = cadre_buf_size(s->sending) - s->sent;
    size = size < rest ? size : rest;
    if (size > 0)
        memcpy(bytes, cadre_buf_data(s->sending) + s->sent, size);
    s->sent += size;
    if (size == rest)
        cadre_buf_unref(cadre_buf_move(&s->sending));
    s->since = h->connection->active = cadre_now(h->self);
    return !s->sending && s->is_last && end(h, s, flags)
               ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
               : (ssize_t)size;
}

bool h2_stream_piece(struct h2 *h, struct h2_stream *s, const cadre_msg *m)
{
    struct pieces *p = &s->pieces;
    if (!pieces_outcome(p, m))
        return false;
    s->sending = cadre_buf_move(&p->bytes);
    s->sent = 0;
    s->is_last = p->is_last;
    s->since = cadre_now(h->self);
    if (p->code || nghttp2_session_resume_data(h->session, s->id))
        h2_stream_reset(h, s, NGHTTP2_INTERNAL_ERROR);
    return true;
}

/* ---- all of it -------------------------------------------------------------------- */

static int add_head(struct h2 *h, const cadre_http_response *r, bool is_head,
                    char *status, char *length)
{
    cadre_http_text date = {wire_date_now(&h->connection->queue.date),
                            sizeof h->connection->queue.date.text};
    const char *end =
        wire_put_number(length, wire_length(r, is_head, cadre_buf_size(r->body)));
    h->nva.size = 0;
    (void)wire_put_number(status, r->status);
    int err =
        add(&h->nva, (cadre_http_text){":status", 7}, (cadre_http_text){status, 3});
    if (!err)
        err = add(&h->nva, (cadre_http_text){"date", 4}, date);
    if (!err && wire_has_length(r))
        err = add(&h->nva, (cadre_http_text){"content-length", 14},
                  (cadre_http_text){length, (size_t)(end - length)});
    return err ? err : add_lines(&h->nva, r->fields);
}

/* Where the answer's body is from now on. */
static void begin_body(struct h2_stream *s, cadre_http_response *r)
{
    s->is_last = !r->source.from.id;
    s->sending = cadre_buf_move(&r->body);
    if (!s->is_last)
        pieces_begin(&s->pieces, &r->source, false);
    r->source.from.id = 0;
}

static int submit(struct h2 *h, struct h2_stream *s)
{
    const nghttp2_data_provider body = {.source.ptr = s, .read_callback = read_body};
    cadre_http_response *r = &s->entry.response;
    char status[20], length[20];
    bool is_head = s->entry.manner.is_head, has_body = wire_has_body(r, is_head);
    if (add_head(h, r, is_head, status, length))
        return -ENOMEM;
    if (has_body)
        begin_body(s, r);
    return nghttp2_submit_response(h->session, s->id, nva_of(&h->nva),
                                   nva_size(&h->nva), has_body ? &body : NULL);
}

/* A WebSocket cannot have been asked for. */
static void replace_upgrade(struct h2 *h, struct h2_stream *s)
{
    if (s->entry.response.status >= 200)
        return;
    entry_forget(h->self, &s->entry);
    entry_answer(&s->entry, 500, NULL);
}

void h2_stream_answer(struct h2 *h, struct h2_stream *s)
{
    if (s->is_answered || s->entry.token.id || !s->entry.response.status)
        return;
    replace_upgrade(h, s);
    s->is_answered = true;
    s->since = h->connection->active = cadre_now(h->self);
    if (s->entry.response.own & RESPONSE_CLOSES)
        h2_leave(h);
    if (submit(h, s))
        h2_stream_reset(h, s, NGHTTP2_INTERNAL_ERROR);
}

void h2_stream_continue(struct h2 *h, struct h2_stream *s)
{
    const nghttp2_nv nv = {.name = (uint8_t *)":status",
                           .namelen = 7,
                           .value = (uint8_t *)"100",
                           .valuelen = 3};
    if (s->continues && !s->is_answered)
        (void)nghttp2_submit_headers(h->session, NGHTTP2_FLAG_NONE, s->id, NULL, &nv, 1,
                                     NULL);
    s->continues = false;
}
