/* intake.c: bytes that have come become requests, as long as there is room for these. */
#include "connection.h"

#include "h2.h"

#include <errno.h>

static void on_head(cadre_self *self, struct connection *c, bool is_all)
{
    c->read_due = 0; /* the body has a time of its own */
    if (c->parser.is_over)
        return;
    c->continues = c->parser.framing.expects && is_all;
    if (c->parser.is_upload)
        dispatch_upload(self, c);
}

/* So much of an upload has come as has come. */
static void on_piece(cadre_self *self, struct connection *c)
{
    bool has_bytes = c->parser.body.size > 0;
    cadre_buf *piece = parser_take(&c->parser);
    c->continues = c->continues && !has_bytes;
    if (!has_bytes)
        return;
    c->read_due = 0;
    if (!piece || upload_give(self, &c->upload, piece, false))
        dispatch_refuse(self, c, 503, -ENOMEM);
}

void intake_is_due(cadre_self *self, struct connection *c, struct entry *e)
{
    cadre_time now = cadre_now(self), answer = c->shared->limits.answer;
    e->due = answer < CADRE_NEVER - now ? now + answer : CADRE_NEVER;
}

static void on_end(cadre_self *self, struct connection *c)
{
    if (!c->upload.is_on) {
        dispatch_request(self, c);
        return;
    }
    c->queue.is_open = c->continues = false;
    c->read_due = 0;
    intake_is_due(self, c, queue_last(&c->queue));
    c->no_more = !c->parser.keeps || c->closing;
    if (upload_give(self, &c->upload, cadre_buf_move(&c->parser.request.body), true))
        upload_fail(self, &c->upload, -ENOMEM);
}

/* What is here from these bytes on is not for the parser. */
static int on_preface(cadre_self *self, struct connection *c)
{
    c->is_h2 = h2_is_there;
    if (!h2_is_there)
        dispatch_refuse(self, c, 505, -EPROTO);
    return PARSER_MORE;
}

/* Returns how many of these bytes are read. */
static size_t read_bytes(cadre_self *self, struct connection *c, const char *at,
                         size_t size)
{
    size_t used, sum = 0;
    while (!c->no_more && !queue_is_full(&c->queue) &&
           upload_is_read(self, &c->upload)) {
        int event = parser_next(&c->parser, at + sum, size - sum, &used);
        sum += used;
        if (event == PARSER_HEAD)
            on_head(self, c, sum == size);
        else if (event == PARSER_END)
            on_end(self, c);
        else if (event == PARSER_HTTP2)
            event = on_preface(self, c);
        else if (event != PARSER_MORE)
            dispatch_refuse(self, c, event, -EPROTO);
        else if (c->upload.is_on)
            on_piece(self, c);
        if (event == PARSER_MORE)
            break;
    }
    return c->no_more ? size : sum;
}

int intake_data(cadre_self *self, struct connection *c, const cadre_stream_data *d)
{
    const char *at = (const char *)cadre_buf_data(d->buf);
    size_t size = cadre_buf_size(d->buf), used = 0;
    if (c->pending.size == 0)
        used = read_bytes(self, c, at, size);
    else if (c->no_more)
        used = size;
    return used == size ? 0 : bytes_append(&c->pending, at + used, size - used);
}

void intake_pending(cadre_self *self, struct connection *c)
{
    size_t used = read_bytes(self, c, bytes_at(&c->pending), c->pending.size);
    bytes_remove_first(&c->pending, used);
}
