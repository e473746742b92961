/* h2_news.c: what nghttp2 says to a client of the frames that come and go.
 *
 * The connection's window is open again at once, a stream's when its bytes were handed
 * out: so an answer that nobody reads holds up no other. */
#include "h2_exchange.h"

#include <errno.h>

static struct h2_exchange *exchange_of(nghttp2_session *session, int32_t id)
{
    return id > 0 ? nghttp2_session_get_stream_user_data(session, id) : NULL;
}

/* ---- why it ends ------------------------------------------------------------------ */

cadre_failure h2_fault(uint32_t fault)
{
    static const struct {
        uint32_t fault;
        const char *words;
    } faults[] = {
        {NGHTTP2_PROTOCOL_ERROR,
         "the server breaks the rules of HTTP/2 (PROTOCOL_ERROR)"},
        {NGHTTP2_FLOW_CONTROL_ERROR, "the server sends more than it may, or opens a "
                                     "window too far (FLOW_CONTROL_ERROR)"},
        {NGHTTP2_FRAME_SIZE_ERROR,
         "the server sends a frame of a wrong size (FRAME_SIZE_ERROR)"},
        {NGHTTP2_COMPRESSION_ERROR,
         "the server sends fields that nobody can unpack (COMPRESSION_ERROR)"},
        {NGHTTP2_STREAM_CLOSED, "the server goes on with what is over (STREAM_CLOSED)"},
        {NGHTTP2_ENHANCE_YOUR_CALM, "the server sends too much that is of no use "
                                    "(ENHANCE_YOUR_CALM)"},
    };
    cadre_failure failure = client_failure(-EPROTO);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (faults[i].fault == fault)
            failure.message = faults[i].words;
    return failure;
}

/* ---- heads ------------------------------------------------------------------------ */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    h2_head_clear(&((struct h2_link *)user)->head);
    return 0;
}

/* A head that is much too large is not read to its end. */
static int on_field(nghttp2_session *session, const nghttp2_frame *frame,
                    const uint8_t *name, size_t name_size, const uint8_t *value,
                    size_t value_size, uint8_t flags, void *user)
{
    enum { FAR_TOO_LARGE = 4 };
    struct h2_link *l = user;
    const cadre_http_limits *limits = &l->channel->init.shared->limits;
    struct h2_exchange *x = exchange_of(session, frame->hd.stream_id);
    int err =
        h2_head_add(&l->head, limits, (cadre_http_text){(const char *)name, name_size},
                    (cadre_http_text){(const char *)value, value_size});
    if (l->head.size / FAR_TOO_LARGE > limits->head)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (err && x)
        x->failure = client_failure(err);
    return err ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

/* ---- frames that have come -------------------------------------------------------- */

void h2_tell_most(struct h2_link *l, uint32_t most)
{
    const struct channel_init *init = &l->channel->init;
    const struct carries carries = {init->record, most, true, l->needs_http1};
    (void)cadre_send_as(l->wire.self, init->shared->client, &carries_type, &carries);
}

/* What is under way here may come to its end. */
void h2_need_http1(struct h2_link *l)
{
    l->needs_http1 = l->is_leaving = true;
    h2_tell_most(l, 0);
}

static void on_settings(struct h2_link *l)
{
    if (!l->is_leaving)
        h2_tell_most(l, nghttp2_session_get_remote_settings(
                            l->wire.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
}

/* Those behind the last one are asked for elsewhere. */
static void on_goaway(struct h2_link *l, int32_t last, uint32_t code)
{
    if (code == NGHTTP2_HTTP_1_1_REQUIRED)
        h2_need_http1(l);
    else if (!l->is_leaving)
        h2_tell_most(l, 0);
    l->is_leaving = true;
    for (struct ring *r = l->exchanges.next; r != &l->exchanges; r = r->next) {
        struct h2_exchange *x = RING_OF(r, struct h2_exchange, ring);
        if (!x->is_closed && !x->is_answered && x->out.id > last)
            h2_exchange_unseen(l, x);
    }
}

/* Of what was not called for there is to be little. */
static void on_other(struct h2_link *l, const nghttp2_frame *frame,
                     const struct h2_exchange *x)
{
    bool is_ack = frame->hd.flags & NGHTTP2_FLAG_ACK;
    int type = frame->hd.type;
    bool may_be_asked = type == NGHTTP2_PING || type == NGHTTP2_SETTINGS;
    if (type == NGHTTP2_PING && is_ack)
        l->pinged = 0;
    if (type == NGHTTP2_PRIORITY || (may_be_asked && !is_ack) ||
        (type == NGHTTP2_RST_STREAM && !x))
        (void)h2_wire_calm(&l->wire);
    if (type == NGHTTP2_SETTINGS && !is_ack)
        on_settings(l);
    else if (type == NGHTTP2_GOAWAY)
        on_goaway(l, frame->goaway.last_stream_id, frame->goaway.error_code);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_link *l = user;
    struct h2_exchange *x = exchange_of(session, frame->hd.stream_id);
    bool is_headers = frame->hd.type == NGHTTP2_HEADERS;
    bool is_data = frame->hd.type == NGHTTP2_DATA;
    bool is_all = (is_headers || is_data) && frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (is_headers && x && !x->is_answered)
        h2_exchange_head(l, x, is_all);
    else if (is_data && frame->hd.length == frame->data.padlen && !is_all)
        (void)h2_wire_calm(&l->wire);
    else if (!is_headers && !is_data)
        on_other(l, frame, x);
    if (x && is_all)
        h2_exchange_whole(l, x);
    return 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t id,
                    const uint8_t *bytes, size_t size, void *user)
{
    struct h2_link *l = user;
    struct h2_exchange *x = exchange_of(session, id);
    int err = nghttp2_session_consume_connection(session, size);
    if (x)
        h2_exchange_body(l, x, bytes, size);
    return err;
}

/* ---- and gone --------------------------------------------------------------------- */

/* An answer that breaks the rules is cut off by nghttp2. */
static bool is_its_fault(uint32_t code)
{
    return code != NGHTTP2_NO_ERROR && code != NGHTTP2_CANCEL &&
           code != NGHTTP2_INTERNAL_ERROR;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_link *l = user;
    struct h2_exchange *x = exchange_of(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS && x)
        x->is_sent = true;
    if (frame->hd.type == NGHTTP2_RST_STREAM && x &&
        is_its_fault(frame->rst_stream.error_code))
        x->failure = h2_fault(frame->rst_stream.error_code);
    if (frame->hd.type == NGHTTP2_RST_STREAM && !x) /* promised, though it may not */
        (void)h2_wire_calm(&l->wire);
    if (frame->hd.type == NGHTTP2_GOAWAY && !l->fault)
        l->fault = frame->goaway.error_code;
    return 0;
}

/* Fields that are too large for nghttp2, or a request for which it is too late. */
static int on_unsent(nghttp2_session *session, const nghttp2_frame *frame, int code,
                     void *user)
{
    struct h2_exchange *x = exchange_of(session, frame->hd.stream_id);
    bool is_late = code == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED;
    if (frame->hd.type == NGHTTP2_HEADERS && x)
        x->failure = client_failure(is_late ? CALL_UNSEEN : -EMSGSIZE);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct h2_link *l = user;
    struct h2_exchange *x = exchange_of(session, id);
    if (!x)
        return 0;
    bool wants_http1 = code == NGHTTP2_HTTP_1_1_REQUIRED && !x->status;
    bool is_unseen =
        code == NGHTTP2_REFUSED_STREAM || wants_http1 || x->failure.code == CALL_UNSEEN;
    const cadre_failure failure =
        x->failure.code ? x->failure : client_failure(h2_exchange_code(x, 0));
    if (wants_http1)
        h2_need_http1(l);
    if (!x->is_whole && is_unseen)
        h2_exchange_unseen(l, x);
    else if (!x->is_whole)
        h2_exchange_fail(l, x, &failure);
    (void)nghttp2_session_set_stream_user_data(session, id, NULL);
    h2_exchange_over(l, x);
    return 0;
}

/* ---- the session ------------------------------------------------------------------ */

static void set_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_field);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_chunk);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_unsent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
}

int h2_link_init(struct h2_link *l)
{
    const cadre_http_limits *limits = &l->channel->init.shared->limits;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->head}};
    const struct h2_side side = {.is_client = true,
                                 .set_callbacks = set_callbacks,
                                 .settings = settings,
                                 .count = sizeof settings / sizeof *settings};
    return h2_wire_init(&l->wire, &side);
}
