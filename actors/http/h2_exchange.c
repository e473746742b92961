/* h2_exchange.c: an exchange of a client's connection of HTTP/2: a request goes out, its
 * answer comes.
 *
 * The request's head is the text that HTTP/1.1 would have sent (call.c). */
#include "h2_exchange.h"

#include "response.h"

#include <cadre/tls.h>

#include <errno.h>
#include <string.h>

/* ---- it ends ---------------------------------------------------------------------- */

void h2_give_back(struct h2_link *l, cadre_ref from, uint32_t loan, bool is_unused)
{
    const struct client_shared *shared = l->channel->init.shared;
    const struct returned returned = {l->channel->init.record, from, loan, is_unused};
    (void)cadre_send_as(l->wire.self, shared->client, &returned_type, &returned);
}

void h2_exchange_free(struct h2_exchange *x)
{
    ring_remove(&x->ring);
    cadre_http_request_type.drop(&x->head);
    bytes_free(&x->body);
    cadre_buf_unref(x->buf);
}

void h2_exchange_fail(struct h2_link *l, struct h2_exchange *x,
                      const cadre_failure *failure)
{
    if (!x->is_answered)
        (void)cadre_answer_as(l->wire.self, x->promise, &cadre_failure_type, failure);
    x->owes = x->answer.is_on && !upload_is_read(l->wire.self, &x->answer);
    upload_fail(l->wire.self, &x->answer, failure->code);
    bytes_free(&x->body);
    x->is_answered = true;
}

void h2_exchange_reset(struct h2_link *l, struct h2_exchange *x,
                       const cadre_failure *failure)
{
    h2_exchange_fail(l, x, failure);
    if (!x->is_closed)
        h2_reset(&l->wire, x->out.id, NGHTTP2_CANCEL);
}

static void reset_with(struct h2_link *l, struct h2_exchange *x, int code)
{
    const cadre_failure failure = client_failure(code);
    h2_exchange_reset(l, x, &failure);
}

void h2_exchange_over(struct h2_link *l, struct h2_exchange *x)
{
    x->is_closed = true;
    l->open--;
    h2_body_end(&l->wire, &x->out);
    h2_give_back(l, x->from, x->loan, !x->is_sent);
    l->wire.active = cadre_now(l->wire.self);
    if (!h2_exchange_is_alive(x))
        h2_exchange_free(x);
}

/* Has the server seen nothing of it, or said something to it already? Else it is not
 * known. */
int h2_exchange_code(const struct h2_exchange *x, int reason)
{
    bool has_begun = x->status && !x->answer.is_on;
    if (x->status && reason == CADRE_ETLS_CUT)
        return reason;
    return !x->is_sent ? CADRE_EDEAD : has_begun ? CALL_CUT_OFF : -ECONNRESET;
}

/* A source that has not been asked is asked again elsewhere; one that has cannot be. */
void h2_exchange_unseen(struct h2_link *l, struct h2_exchange *x)
{
    int code = l->needs_http1     ? CALL_HTTP1
               : x->out.was_asked ? -ECONNRESET
                                  : CALL_UNSEEN;
    cadre_failure failure = client_failure(code);
    if (x->out.was_asked)
        failure.code = -ECONNRESET;
    if (!x->is_answered && !x->out.was_asked)
        x->out.pieces = (struct pieces){0};
    h2_exchange_fail(l, x, &failure);
}

/* ---- it begins -------------------------------------------------------------------- */

static cadre_http_text text(const char *at)
{
    return (cadre_http_text){at, strlen(at)};
}

/* Up to that character, with which *at is left behind. */
static cadre_http_text take(const char **at, char until)
{
    const char *end = strchr(*at, until);
    const cadre_http_text taken = {*at, (size_t)(end - *at)};
    *at = end + 1;
    return taken;
}

/* The four fields without which there is no request, and then the others. The authority
 * is known when the lines have been seen. */
static int add_head(struct h2_link *l, const struct exchange *e)
{
    struct bytes *nva = &l->wire.nva;
    const char *at = (const char *)cadre_buf_data(e->head);
    const char *end = at + cadre_buf_size(e->head) - strlen("\r\n");
    const char *scheme = l->channel->init.to.is_secure ? "https" : "http";
    cadre_http_text host = {"", 0};
    nva->size = 0;
    int err = h2_add_field(nva, text(":method"), take(&at, ' '));
    if (!err)
        err = h2_add_field(nva, text(":path"), take(&at, ' '));
    if (!err)
        err = h2_add_field(nva, text(":scheme"), text(scheme));
    size_t place = nva->size;
    if (!err)
        err = h2_add_field(nva, text(":authority"), host);
    (void)take(&at, '\n');
    if (!err)
        err = h2_add_lines(nva, at, (size_t)(end - at), &host);
    if (err)
        return err;
    nghttp2_nv *authority = (nghttp2_nv *)(void *)(bytes_at(nva) + place);
    authority->value = (uint8_t *)host.at;
    authority->valuelen = host.size;
    return 0;
}

static int submit(struct h2_link *l, struct h2_exchange *x, struct exchange *e)
{
    nghttp2_data_provider body;
    bool has_body = e->body || e->source.from.id;
    int err = add_head(l, e);
    if (err)
        return err;
    if (has_body)
        body = h2_body_begin(&x->out, &e->body, &e->source);
    int32_t id =
        nghttp2_submit_request(l->wire.session, NULL, h2_nva(&l->wire.nva),
                               h2_nva_size(&l->wire.nva), has_body ? &body : NULL, x);
    x->out.id = id;
    x->answer.key = (uint64_t)id - 1; /* so that it has the stream's */
    return id < 0 ? -ENOMEM : 0;
}

static struct h2_exchange *make(struct h2_link *l, const cadre_msg *m)
{
    const struct exchange *e = m->body;
    cadre_buf *buf = cadre_buf_new(NULL, sizeof(struct h2_exchange));
    if (!buf)
        return NULL;
    struct h2_exchange *x = (struct h2_exchange *)(void *)cadre_buf_data(buf);
    *x = (struct h2_exchange){.buf = buf,
                              .from = m->from,
                              .loan = e->loan,
                              .since = cadre_now(l->wire.self),
                              .in_pieces = e->in_pieces,
                              .is_head = e->is_head};
    x->out.since = x->since;
    ring_add(&l->exchanges, &x->ring);
    l->open++;
    return x;
}

static int refuse(struct h2_link *l, const cadre_msg *m, int code)
{
    const cadre_failure failure = client_failure(code);
    h2_give_back(l, m->from, ((const struct exchange *)m->body)->loan, true);
    return cadre_reply_as(l->wire.self, m, &cadre_failure_type, &failure);
}

/* Has the server said that it takes no more? It was lent before that was known. (Of one
 * that takes none yet they wait.) */
static bool is_full(const struct h2_link *l)
{
    uint32_t most = nghttp2_session_get_remote_settings(
        l->wire.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return most > 0 && l->open >= most;
}

/* Of one that was set aside nobody may want to know any more. */
int h2_exchange_begin(struct h2_link *l, cadre_msg *m)
{
    if (l->is_leaving)
        return refuse(l, m, CADRE_EDEAD);
    if (is_full(l))
        return refuse(l, m, CALL_ELSEWHERE);
    struct h2_exchange *x = make(l, m);
    if (!x)
        return refuse(l, m, -ENOMEM);
    int err = cadre_defer(l->wire.self, m, &x->promise);
    if (!err && !cadre_is_awaited(l->wire.self, x->promise)) {
        h2_give_back(l, x->from, x->loan, true);
        h2_exchange_free(x);
        l->open--;
        return 0;
    }
    if (!err)
        err = submit(l, x, m->body);
    l->wire.active = x->since;
    if (err) {
        h2_exchange_fail(l, x, &(cadre_failure){.code = err});
        h2_exchange_over(l, x);
    }
    return 0;
}

/* ---- its answer ------------------------------------------------------------------- */

/* NULL: it is over, or there never was one. One whose stream is over, or has not begun,
 * nghttp2 does not know. */
struct h2_exchange *h2_exchange_of(const struct h2_link *l, uint64_t id)
{
    struct h2_exchange *x =
        id > 0 && id <= INT32_MAX
            ? nghttp2_session_get_stream_user_data(l->wire.session, (int32_t)id)
            : NULL;
    for (struct ring *r = l->exchanges.next; !x && r != &l->exchanges; r = r->next) {
        struct h2_exchange *other = RING_OF(r, struct h2_exchange, ring);
        x = (uint64_t)other->out.id == id ? other : NULL;
    }
    return x;
}

/* Nobody waits for it where this fails, or there is no memory. */
static void answer(struct h2_link *l, struct h2_exchange *x, cadre_http_source source,
                   cadre_buf *body)
{
    cadre_http_response r;
    int err = response_from(&r, x->status, &x->head, body);
    cadre_buf_unref(cadre_buf_move(&x->head.head));
    r.source = source;
    if (!err)
        err = cadre_answer_as(l->wire.self, x->promise, &cadre_http_response_type, &r);
    x->is_answered |= !err;
    if (err)
        reset_with(l, x, err);
}

static int code_of(int status)
{
    if (status == 500 || status == 503)
        return -ENOMEM;
    return status == 414 || status == 431 ? -EMSGSIZE : -EPROTO;
}

void h2_exchange_head(struct h2_link *l, struct h2_exchange *x, bool is_all)
{
    const cadre_http_limits *limits = &l->channel->init.shared->limits;
    uint32_t found;
    if (x->status) { /* trailers, which nobody wants */
        if (l->head.status)
            reset_with(l, x, code_of(l->head.status));
        return;
    }
    int status = h2_head_parse_answer(&l->head, limits, &x->head, &found, &x->length);
    if (status) {
        reset_with(l, x, code_of(status));
        return;
    }
    if (found < 200) { /* in between */
        cadre_buf_unref(cadre_buf_move(&x->head.head));
        (void)h2_wire_calm(&l->wire);
        return;
    }
    x->status = found;
    x->body.most = limits->body;
    if (x->in_pieces && !is_all)
        answer(l, x, upload_begin(l->wire.self, &x->answer, x->length), NULL);
    else if (!is_all && !x->is_head && x->length > limits->body)
        reset_with(l, x, -EMSGSIZE);
}

void h2_exchange_body(struct h2_link *l, struct h2_exchange *x, const uint8_t *at,
                      size_t size)
{
    int err = 0;
    if (x->is_answered && !x->answer.is_on)
        return; /* it is of no use */
    if (!x->in_pieces && size > x->body.most - x->body.size)
        err = -EMSGSIZE;
    if (!err)
        err = bytes_append(&x->body, at, size);
    if (err)
        reset_with(l, x, err);
    else if (x->in_pieces)
        (void)h2_exchange_feed(l, x);
    else
        (void)nghttp2_session_consume_stream(l->wire.session, x->out.id, size);
}

bool h2_exchange_feed(struct h2_link *l, struct h2_exchange *x)
{
    if (x->answer.is_on && upload_is_read(l->wire.self, &x->answer) &&
        (x->body.size > 0 || x->is_whole)) {
        x->out.since = cadre_now(l->wire.self);
        if (h2_hand_out(&l->wire, x->out.id, &x->answer, &x->body, x->is_whole))
            reset_with(l, x, -ENOMEM);
    }
    if (!x->is_closed || h2_exchange_is_alive(x))
        return true;
    h2_exchange_free(x);
    return false;
}

static void answer_whole(struct h2_link *l, struct h2_exchange *x)
{
    bool has_body = x->body.size > 0;
    cadre_buf *body = bytes_take(&x->body);
    if (has_body && !body)
        reset_with(l, x, -ENOMEM);
    else
        answer(l, x, (cadre_http_source){.size = x->length}, body);
}

/* What is left of the request is of no use to a server that has answered. */
void h2_exchange_whole(struct h2_link *l, struct h2_exchange *x)
{
    if (!x->status)
        return; /* it was none */
    x->is_whole = true;
    if (x->answer.is_on)
        (void)h2_exchange_feed(l, x);
    else if (!x->is_answered)
        answer_whole(l, x);
    if (nghttp2_session_get_stream_local_close(l->wire.session, x->out.id) == 0)
        h2_reset(&l->wire, x->out.id, NGHTTP2_CANCEL);
}
