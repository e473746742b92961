/* h2_wire.h: what a connection of HTTP/2 has on either side: a session of nghttp2, and
 * the frames that it writes. */
#ifndef ACTORS_HTTP_H2_WIRE_H
#define ACTORS_HTTP_H2_WIRE_H

#include "bytes.h"
#include "pieces.h"
#include "upload.h"

#include <nghttp2/nghttp2.h>

struct h2_wire {
    cadre_self *self; /* in whose turn it is */
    cadre_stream stream;
    nghttp2_session *session;
    struct bytes nva;      /* fields as nghttp2 has them, for once */
    struct bytes out;      /* frames that have found no room yet */
    uint64_t written;      /* bytes, to the stream */
    cadre_time active;     /* when something last happened */
    cadre_time calm_since; /* what is not called for is counted from then on */
    uint32_t calm_left;    /* how much of it may come */
    bool is_stuck;         /* nothing is written until the stream has room */
};

/* What differs from side to side. */
struct h2_side {
    bool is_client;
    void (*set_callbacks)(nghttp2_session_callbacks *callbacks);
    const nghttp2_settings_entry *settings;
    size_t count;
};

/* All zero but self and stream. user: what the callbacks get, which begins with the wire.
 * Errors: -ENOMEM; h2_wire_free() is to be called then, too. */
CADRE_MUST_CHECK int h2_wire_init(struct h2_wire *w, const struct h2_side *side);
void h2_wire_free(struct h2_wire *w);
/* All that nghttp2 has to say, as far as there is room. Errors: -ENOMEM, those of
 * cadre_stream_write(). */
CADRE_MUST_CHECK int h2_wire_write(struct h2_wire *w);
/* Of the other side's frames one that costs more than it is worth: 500 may come at once,
 * and then 50 a second; with one more the connection is ended, and this returns false. */
bool h2_wire_calm(struct h2_wire *w);

/* ---- fields (h2_fields.c) --------------------------------------------------------- */

/* One more. The texts are copied when all of them are submitted. Errors: -ENOMEM. */
CADRE_MUST_CHECK int h2_add_field(struct bytes *nva, cadre_http_text name,
                                  cadre_http_text value);
/* Those of lines as HTTP/1.1 has them, each with its break, but for what only that has.
 * host: where to put the value of Host; NULL: it is a field like others. */
CADRE_MUST_CHECK int h2_add_lines(struct bytes *nva, const char *at, size_t size,
                                  cadre_http_text *host);
static inline const nghttp2_nv *h2_nva(const struct bytes *nva)
{
    return (const nghttp2_nv *)(const void *)bytes_at(nva);
}
static inline size_t h2_nva_size(const struct bytes *nva)
{
    return nva->size / sizeof(nghttp2_nv);
}

/* ---- bodies that go out (h2_body.c) ----------------------------------------------- */

/* All zero, but for the id: none, and not yet begun. */
struct h2_body {
    int32_t id; /* of the stream */
    struct pieces pieces;
    cadre_buf *bytes; /* that are being sent */
    size_t sent;      /* of those */
    cadre_time since; /* when something last happened in this stream */
    bool is_last;     /* nothing comes behind them */
    bool was_asked;   /* its source */
};

/* Takes the bytes, or what the source gives: no more is asked of that than the other side
 * has taken, but one piece. Returns how nghttp2 gets it. */
nghttp2_data_provider h2_body_begin(struct h2_body *b, cadre_buf **bytes,
                                    cadre_http_source *source);
/* Was m the outcome of the piece that was asked for? */
bool h2_body_piece(struct h2_wire *w, struct h2_body *b, const cadre_msg *m);
void h2_body_end(struct h2_wire *w, struct h2_body *b);
/* What has come of the body of another one is the piece that is asked for. Errors:
 * -ENOMEM, as cadre_answer_as(). */
CADRE_MUST_CHECK int h2_hand_out(struct h2_wire *w, int32_t id, struct upload *u,
                                 struct bytes *body, bool is_last);
/* The stream is cut off. */
void h2_reset(struct h2_wire *w, int32_t id, uint32_t code);

#endif
