/* h2_frames.c: what nghttp2 says of the frames that come and go.
 *
 * Windows: the connection's is open again at once, a stream's when its bytes were handed
 * out; so one whose body nobody wants holds up no other. */
#include "h2_session.h"

#include <errno.h>
#include <string.h>

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return id > 0 ? nghttp2_session_get_stream_user_data(session, id) : NULL;
}

struct h2_stream *h2_stream_of(const struct h2 *h, uint64_t id)
{
    return id <= INT32_MAX ? stream_of(h->wire.session, (int32_t)id) : NULL;
}

/* ---- the end ---------------------------------------------------------------------- */

void h2_leave(struct h2 *h)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(h->wire.session);
    if (h->last == INT32_MAX &&
        nghttp2_submit_goaway(h->wire.session, NGHTTP2_FLAG_NONE, last,
                              NGHTTP2_NO_ERROR, NULL, 0) == 0)
        h->last = last;
}

/* ---- heads ------------------------------------------------------------------------ */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = user;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    h2_head_clear(&h->head);
    h->head_since = cadre_now(h->wire.self);
    h->head_id = frame->hd.stream_id;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *s = h2_stream_new(h, frame->hd.stream_id);
    if (!s)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return nghttp2_session_set_stream_user_data(session, s->out.id, s);
}

/* Trailers are only counted: nobody wants them. */
static int on_field(nghttp2_session *session, const nghttp2_frame *frame,
                    const uint8_t *name, size_t name_size, const uint8_t *value,
                    size_t value_size, uint8_t flags, void *user)
{
    struct h2 *h = user;
    const cadre_http_limits *limits = &h->connection->shared->limits;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    int err =
        h2_head_add(&h->head, limits, (cadre_http_text){(const char *)name, name_size},
                    (cadre_http_text){(const char *)value, value_size});
    bool is_request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    return err || (h->head.status && !is_request)
               ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
               : 0;
}

static void on_headers(struct h2 *h, const nghttp2_frame *frame, struct h2_stream *s)
{
    bool is_all = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    h->head_since = 0;
    if (s && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        h2_stream_head(h, s, is_all);
    if (s && is_all)
        h2_stream_whole(h, s);
}

/* ---- frames that have come -------------------------------------------------------- */

static void on_data(struct h2 *h, const nghttp2_frame *frame, struct h2_stream *s)
{
    bool is_all = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (s && is_all)
        h2_stream_whole(h, s);
    if (frame->hd.length == frame->data.padlen && !is_all)
        (void)h2_wire_calm(&h->wire);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = user;
    struct h2_stream *s = stream_of(session, frame->hd.stream_id);
    bool is_ack = frame->hd.flags & NGHTTP2_FLAG_ACK;
    int type = frame->hd.type;
    if (type == NGHTTP2_HEADERS)
        on_headers(h, frame, s);
    else if (type == NGHTTP2_DATA)
        on_data(h, frame, s);
    else if (type == NGHTTP2_RST_STREAM ||
             ((type == NGHTTP2_PING || type == NGHTTP2_SETTINGS) && !is_ack))
        (void)h2_wire_calm(&h->wire);
    return 0;
}

static int on_invalid(nghttp2_session *session, const nghttp2_frame *frame, int code,
                      void *user)
{
    ((struct h2 *)user)->head_since = 0;
    return 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t id,
                    const uint8_t *bytes, size_t size, void *user)
{
    struct h2 *h = user;
    struct h2_stream *s = stream_of(session, id);
    int err = nghttp2_session_consume_connection(session, size);
    if (s && !s->is_dropped)
        h2_stream_body(h, s, bytes, size);
    return err;
}

/* ---- and gone --------------------------------------------------------------------- */

static bool is_its_fault(uint32_t code)
{
    return code != NGHTTP2_NO_ERROR && code != NGHTTP2_INTERNAL_ERROR &&
           code != NGHTTP2_CANCEL;
}

/* Whoever has answered before all of a request has come wants no more of it. What has to
 * be cut off by the client's fault is as if it had done so itself. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h = user;
    const struct h2_stream *s = stream_of(session, frame->hd.stream_id);
    bool may_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (may_end && frame->hd.flags & NGHTTP2_FLAG_END_STREAM && s && !s->is_whole)
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->out.id,
                                         NGHTTP2_NO_ERROR);
    if (frame->hd.type == NGHTTP2_RST_STREAM &&
        is_its_fault(frame->rst_stream.error_code))
        (void)h2_wire_calm(&h->wire);
    return 0;
}

/* Fields that are too large for nghttp2, or no memory: nothing else would come. */
static int on_unsent(nghttp2_session *session, const nghttp2_frame *frame, int code,
                     void *user)
{
    struct h2 *h = user;
    struct h2_stream *s = stream_of(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS && s)
        h2_reset(&h->wire, s->out.id, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

/* An answer that meets a cancel is dropped, and its source, where that is no child of the
 * desk, knows no better than to wait for the connection's end: so with as many cancelled
 * as may be open it is time for that. */
static void on_cancelled(struct h2 *h)
{
    if (++h->cancelled == h->connection->shared->limits.streams)
        h2_leave(h);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct h2 *h = user;
    struct h2_stream *s = stream_of(session, id);
    if (h->head_id == id)
        h->head_since = 0;
    if (!s)
        return 0;
    if (s->entry.token.id)
        on_cancelled(h);
    h2_stream_end(h, s);
    return 0;
}

/* ---- the session ------------------------------------------------------------------ */

static void set_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_field);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_chunk);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_unsent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
}

int h2_session_init(struct h2 *h)
{
    const cadre_http_limits *limits = &h->connection->shared->limits;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->head}};
    const struct h2_side side = {.set_callbacks = set_callbacks,
                                 .settings = settings,
                                 .count = sizeof settings / sizeof *settings};
    return h2_wire_init(&h->wire, &side);
}
