/* pieces.h: the body of an answer that goes out in pieces. */
#ifndef ACTORS_HTTP_PIECES_H
#define ACTORS_HTTP_PIECES_H

#include <cadre/http.h>
#include <cadre/stream.h>

/* All zero: there is none. */
struct pieces {
    cadre_http_source source;
    cadre_token token;      /* of the next, which is asked for; id 0: none is */
    uint64_t left;          /* of the size that was told */
    cadre_buf *out, *bytes; /* of the one that is to be written, in this order */
    cadre_buf *tail;
    int file; /* where all of them are, from this offset on; 0: none */
    uint64_t offset;
    cadre_buf *trailers; /* of the last, where they are no chunk's */
    int code;            /* of a source that has failed */
    bool has_chunks;
    bool is_last; /* its source gives no more */
};

static inline bool pieces_are_over(const struct pieces *p)
{
    return !p->source.from.id;
}
static inline bool pieces_are_awaited(const struct pieces *p) { return p->token.id; }

void pieces_begin(struct pieces *p, const cadre_http_source *source, bool has_chunks);
/* They are in the response's file, too, if that has one: it has none afterwards. */
void pieces_of_file(struct pieces *p, cadre_http_response *r);
/* Was m the outcome that was awaited? It is what is to be written then. */
bool pieces_outcome(struct pieces *p, const cadre_msg *m);
/* Writes what there is, and asks for the next; *written counts the bytes. Returns 0: they
 * are over, or awaited; CADRE_EFULL: cadre_stream_wrote will come. Other errors: what is
 * written is not complete, and never will be. */
CADRE_MUST_CHECK int pieces_write(cadre_self *self, struct pieces *p,
                                  cadre_stream stream, uint64_t *written);
/* Asks for the next. Errors: as cadre_ask(). */
CADRE_MUST_CHECK int pieces_ask(cadre_self *self, struct pieces *p);
/* No more are wanted. */
void pieces_end(cadre_self *self, struct pieces *p);
/* The source of an answer that will not be sent. */
void pieces_refuse(cadre_self *self, const cadre_http_source *source);
/* Writes *buf, which stays where it is unless it is written. NULL is nothing. */
CADRE_MUST_CHECK int pieces_write_buf(cadre_self *self, cadre_stream stream,
                                      cadre_buf **buf, uint64_t *written);

#endif
