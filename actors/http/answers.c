/* answers.c: what a server says becomes the outcome of an exchange. */
#include "channel.h"

#include "response.h"

#include <errno.h>

static int code_of(int event)
{
    if (event == 500 || event == 503)
        return -ENOMEM;
    return event == 413 || event == 414 || event == 431 ? -EMSGSIZE : -EPROTO;
}

/* Nobody waits for it where this fails, or there is no memory. */
static int answer(cadre_self *self, struct channel *c, cadre_http_source source,
                  cadre_buf *take)
{
    cadre_http_response r;
    int err = response_from(&r, c->parser.answer, &c->parser.request, take);
    cadre_buf_unref(cadre_buf_move(&c->parser.request.head));
    r.source = source;
    if (!err)
        err = cadre_answer_as(self, c->promise, &cadre_http_response_type, &r);
    c->is_answered = !err;
    return err ? channel_fail(self, c, err) : 0;
}

static bool is_interim(const struct channel *c) { return c->parser.answer < 200; }

static int on_head(cadre_self *self, struct channel *c)
{
    if (c->parser.answer == 101)
        return channel_fail(self, c, -EPROTO);
    if (is_interim(c) || c->parser.is_over || !c->exchange.in_pieces)
        return 0;
    return answer(self, c, upload_begin(self, &c->answer, c->parser.length), NULL);
}

static int on_piece(cadre_self *self, struct channel *c)
{
    cadre_buf *piece = parser_take(&c->parser);
    if (!piece)
        return c->parser.body.size > 0 ? channel_fail(self, c, -ENOMEM) : 0;
    int err = upload_give(self, &c->answer, piece, false);
    return err ? channel_fail(self, c, err) : 0;
}

static int on_end(cadre_self *self, struct channel *c)
{
    cadre_buf *body = cadre_buf_move(&c->parser.request.body);
    int err = 0;
    if (is_interim(c)) {
        cadre_buf_unref(body);
        cadre_buf_unref(cadre_buf_move(&c->parser.request.head));
        return 0;
    }
    if (c->answer.is_on)
        err = upload_give(self, &c->answer, body, true);
    else
        err = answer(self, c, (cadre_http_source){.size = c->parser.length}, body);
    c->is_done = true;
    return err ? channel_fail(self, c, err) : 0;
}

/* Returns what receive returns; *sum of these bytes are read. */
static int read_bytes(cadre_self *self, struct channel *c, const char *at, size_t size,
                      size_t *sum)
{
    size_t used;
    int result = 0;
    for (*sum = 0;
         !result && c->from.id && !c->is_done && upload_is_read(self, &c->answer);) {
        c->parser.is_upload = c->exchange.in_pieces;
        c->parser.has_no_body = c->exchange.is_head;
        int event = parser_next(&c->parser, at + *sum, size - *sum, &used);
        *sum += used;
        if (event == PARSER_HEAD)
            result = on_head(self, c);
        else if (event == PARSER_END)
            result = on_end(self, c);
        else if (event != PARSER_MORE)
            result = channel_fail(self, c, code_of(event));
        else if (c->answer.is_on)
            result = on_piece(self, c);
        if (event == PARSER_MORE)
            break;
    }
    return result;
}

int answers_read(cadre_self *self, struct channel *c, const cadre_stream_data *d)
{
    const char *at = (const char *)cadre_buf_data(d->buf);
    size_t size = cadre_buf_size(d->buf), used = 0;
    int result = 0;
    if (!c->from.id)
        return CADRE_STOP; /* nobody has asked for anything */
    if (c->pending.size == 0)
        result = read_bytes(self, c, at, size, &used);
    if (!result && used < size)
        result = bytes_append(&c->pending, at + used, size - used);
    return result;
}

int answers_read_on(cadre_self *self, struct channel *c)
{
    size_t used;
    int result = read_bytes(self, c, bytes_at(&c->pending), c->pending.size, &used);
    bytes_remove_first(&c->pending, used);
    return result;
}

/* Has the server seen nothing of the request, or said something to it already? Else it is
 * not known. */
static int code_of_end(const struct channel *c)
{
    bool has_begun = parser_is_within(&c->parser) && !c->answer.is_on;
    if (parser_is_within(&c->parser) && c->reason == CADRE_ETLS_CUT)
        return c->reason;
    return c->exchange.head ? CADRE_EDEAD : has_begun ? CALL_CUT_OFF : -ECONNRESET;
}

/* Nothing more comes, and all that has come is read. Without a length that is the end of
 * an answer, but for a reset. */
int answers_end(cadre_self *self, struct channel *c)
{
    if (!c->from.id)
        return CADRE_STOP;
    if (c->is_done || !upload_is_read(self, &c->answer))
        return 0;
    return c->reason == 0 && parser_finish(&c->parser)
               ? answers_read_on(self, c)
               : channel_fail(self, c, code_of_end(c));
}
