/* pieces.c: the body of an answer that goes out in pieces.
 *
 * One is asked for when the last has found room in the stream's queue: so the source is
 * as slow as the client, and what waits is what the queue takes and one piece. */
#include "pieces.h"

#include "response.h"
#include "wire.h"

#include <errno.h>
#include <string.h>

/* Up to this size it goes along with what is around it. */
enum { SHORT = 4096, AROUND = 16 + sizeof "\r\n" };

#define CHUNK_END "\r\n"
#define LAST_CHUNK "0\r\n"

void pieces_begin(struct pieces *p, const cadre_http_source *source, bool has_chunks)
{
    *p = (struct pieces){
        .source = *source, .left = source->size, .has_chunks = has_chunks};
}

void pieces_of_file(struct pieces *p, cadre_http_response *r)
{
    if (p->left == 0)
        return;
    p->file = r->file;
    p->offset = r->offset;
    r->file = 0;
}

/* ---- one of them ------------------------------------------------------------------ */

static char *put_text(char *at, const char *text)
{
    return wire_put(at, text, strlen(text));
}

/* What comes behind so many bytes. */
static size_t end_size(size_t size, const cadre_http_piece *piece)
{
    size_t end = size > 0 ? strlen(CHUNK_END) : 0;
    return piece->is_last
               ? end + strlen(LAST_CHUNK CHUNK_END) + cadre_buf_size(piece->trailers)
               : end;
}

static void put_end(char *at, size_t size, const cadre_http_piece *piece)
{
    if (size > 0)
        at = put_text(at, CHUNK_END);
    if (!piece->is_last)
        return;
    at = put_text(at, LAST_CHUNK);
    at = wire_put(at, cadre_buf_data(piece->trailers), cadre_buf_size(piece->trailers));
    (void)put_text(at, CHUNK_END);
}

/* Errors: -ENOMEM. */
static int make_chunk(struct pieces *p, cadre_http_piece *piece)
{
    char begin[AROUND], *at = begin;
    size_t size = cadre_buf_size(piece->bytes), end = end_size(size, piece);
    bool is_short = size <= SHORT;
    if (size > 0)
        at = put_text(wire_put_hex(begin, size), "\r\n");
    size_t before = (size_t)(at - begin);
    if (before + end == 0)
        return 0; /* nothing, and not the last */
    p->out = cadre_buf_new(NULL, before + (is_short ? size + end : 0));
    if (!is_short)
        p->tail = cadre_buf_new(NULL, end);
    if (!p->out || (!is_short && !p->tail))
        return -ENOMEM;
    at = wire_put((char *)cadre_buf_data(p->out), begin, before);
    if (is_short) {
        put_end(wire_put(at, cadre_buf_data(piece->bytes), size), size, piece);
    } else {
        put_end((char *)cadre_buf_data(p->tail), size, piece);
        p->bytes = cadre_buf_move(&piece->bytes);
    }
    return 0;
}

/* Errors: -ENOMEM, -EMSGSIZE (it is not as long as was said). */
static int take(struct pieces *p, cadre_http_piece *piece)
{
    size_t size = cadre_buf_size(piece->bytes);
    p->is_last = piece->is_last;
    if (p->has_chunks)
        return make_chunk(p, piece);
    bool is_known = p->source.size > 0;
    if (is_known && (size > p->left || (p->is_last && size < p->left)))
        return -EMSGSIZE;
    p->left -= is_known ? size : 0;
    if (size > 0)
        p->bytes = cadre_buf_move(&piece->bytes);
    if (p->is_last)
        p->trailers = cadre_buf_move(&piece->trailers);
    return 0;
}

bool pieces_outcome(struct pieces *p, const cadre_msg *m)
{
    cadre_http_piece *piece = cadre_body(m, cadre_http_piece);
    const cadre_failure *failure = cadre_body(m, cadre_failure);
    if (!p->token.id || m->token.id != p->token.id)
        return false;
    p->token.id = 0;
    p->code = piece                      ? take(p, piece)
              : failure && failure->code ? failure->code
                                         : -EPROTO;
    p->is_last |= !piece; /* that is dead, perhaps */
    return true;
}

/* ---- all of them ------------------------------------------------------------------ */

int pieces_write_buf(cadre_self *self, cadre_stream stream, cadre_buf **buf,
                     uint64_t *written)
{
    if (!*buf)
        return 0;
    int err = cadre_stream_write_buf(self, stream, cadre_buf_ref(*buf));
    if (err)
        return err;
    *written += cadre_buf_size(*buf);
    cadre_buf_unref(cadre_buf_move(buf));
    return 0;
}

int pieces_ask(cadre_self *self, struct pieces *p)
{
    return cadre_ask(self, &p->token, p->source.from, CADRE_NEVER, cadre_http_more,
                     .key = p->source.key);
}

/* All of them, without their source. */
static int write_file(cadre_self *self, struct pieces *p, cadre_stream stream,
                      uint64_t *written)
{
    int err = cadre_stream_write_file(self, stream, p->file, p->offset, p->left);
    if (err)
        return err;
    *written += p->left;
    p->file = 0;
    pieces_end(self, p);
    return 0;
}

int pieces_write(cadre_self *self, struct pieces *p, cadre_stream stream,
                 uint64_t *written)
{
    if (pieces_are_over(p) || p->token.id)
        return 0;
    if (p->file)
        return write_file(self, p, stream, written);
    int err = p->code;
    if (!err)
        err = pieces_write_buf(self, stream, &p->out, written);
    if (!err)
        err = pieces_write_buf(self, stream, &p->bytes, written);
    if (!err)
        err = pieces_write_buf(self, stream, &p->tail, written);
    if (err)
        return err;
    if (!p->is_last)
        return pieces_ask(self, p);
    pieces_end(self, p);
    return 0;
}

void pieces_refuse(cadre_self *self, const cadre_http_source *source)
{
    if (source->from.id)
        (void)cadre_send(self, source->from, cadre_http_gone, .key = source->key);
}

void pieces_end(cadre_self *self, struct pieces *p)
{
    if (p->token.id)
        (void)cadre_cancel(self, p->token); /* or the actor has ended */
    if (!p->is_last)
        pieces_refuse(self, &p->source);
    cadre_buf_unref(p->out);
    cadre_buf_unref(p->bytes);
    cadre_buf_unref(p->tail);
    cadre_buf_unref(p->trailers);
    response_close(p->file);
    *p = (struct pieces){0};
}
