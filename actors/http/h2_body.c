/* h2_body.c: a body that goes out, in a stream's frames. */
#include "h2_wire.h"

#include <errno.h>
#include <string.h>

void h2_reset(struct h2_wire *w, int32_t id, uint32_t code)
{
    (void)nghttp2_submit_rst_stream(w->session, NGHTTP2_FLAG_NONE, id, code);
}

/* Its last frame, or the one before the trailers. */
static int end(struct h2_wire *w, struct h2_body *b, uint32_t *flags)
{
    cadre_buf *trailers = b->pieces.trailers;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!trailers)
        return 0;
    w->nva.size = 0;
    int err = h2_add_lines(&w->nva, (const char *)cadre_buf_data(trailers),
                           cadre_buf_size(trailers), NULL);
    if (err || w->nva.size == 0)
        return err;
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return nghttp2_submit_trailer(w->session, b->id, h2_nva(&w->nva),
                                  h2_nva_size(&w->nva));
}

static ssize_t ask(struct h2_wire *w, struct h2_body *b)
{
    b->was_asked = true;
    return !pieces_are_awaited(&b->pieces) && pieces_ask(w->self, &b->pieces)
               ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
               : NGHTTP2_ERR_DEFERRED;
}

/* A piece is asked for when the last one has found room. */
static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *bytes,
                         size_t size, uint32_t *flags, nghttp2_data_source *source,
                         void *user)
{
    struct h2_wire *w = user;
    struct h2_body *b = source->ptr;
    if (!b->bytes && !b->is_last)
        return pieces_are_over(&b->pieces) ? NGHTTP2_ERR_DEFERRED : ask(w, b);
    size_t rest = cadre_buf_size(b->bytes) - b->sent;
    size = size < rest ? size : rest;
    if (size > 0)
        memcpy(bytes, cadre_buf_data(b->bytes) + b->sent, size);
    b->sent += size;
    if (size == rest)
        cadre_buf_unref(cadre_buf_move(&b->bytes));
    b->since = w->active = cadre_now(w->self);
    return !b->bytes && b->is_last && end(w, b, flags)
               ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
               : (ssize_t)size;
}

nghttp2_data_provider h2_body_begin(struct h2_body *b, cadre_buf **bytes,
                                    cadre_http_source *source)
{
    b->is_last = !source->from.id;
    b->bytes = cadre_buf_move(bytes);
    if (!b->is_last)
        pieces_begin(&b->pieces, source, false);
    source->from.id = 0;
    return (nghttp2_data_provider){.source.ptr = b, .read_callback = read_body};
}

bool h2_body_piece(struct h2_wire *w, struct h2_body *b, const cadre_msg *m)
{
    struct pieces *p = &b->pieces;
    if (!pieces_outcome(p, m))
        return false;
    b->bytes = cadre_buf_move(&p->bytes);
    b->sent = 0;
    b->is_last = p->is_last;
    b->since = cadre_now(w->self);
    if (p->code || nghttp2_session_resume_data(w->session, b->id))
        h2_reset(w, b->id, NGHTTP2_INTERNAL_ERROR);
    return true;
}

void h2_body_end(struct h2_wire *w, struct h2_body *b)
{
    pieces_end(w->self, &b->pieces);
    cadre_buf_unref(cadre_buf_move(&b->bytes));
}

int h2_hand_out(struct h2_wire *w, int32_t id, struct upload *u, struct bytes *body,
                bool is_last)
{
    size_t size = body->size;
    cadre_buf *piece = bytes_take(body);
    if (size > 0 && !piece)
        return -ENOMEM;
    int err = upload_give(w->self, u, piece, is_last);
    if (!err) /* or there is no such stream any more */
        (void)nghttp2_session_consume_stream(w->session, id, size);
    return err;
}
