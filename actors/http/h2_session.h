/* h2_session.h: the streams of a connection of HTTP/2, each of which is a request and its
 * answer. nghttp2 reads and writes the frames. */
#ifndef ACTORS_HTTP_H2_SESSION_H
#define ACTORS_HTTP_H2_SESSION_H

#include "../ring.h"

#include "connection.h"
#include "h2_head.h"
#include "h2_wire.h"

/* In a buffer of its own. Those that have ended are used again, with their desk: so
 * there are as many desks as there ever were streams at a time, and none of them waits
 * for another that has no answer. */
struct h2_stream {
    struct ring ring;
    cadre_buf *buf;
    cadre_ref desk; /* id 0: none */
    struct entry entry;
    struct upload upload;
    struct h2_body out;         /* the answer's */
    struct bytes body;          /* that has come, and is not handed out */
    cadre_http_request request; /* until it is handed out */
    bool is_whole;              /* the request: no more of it comes */
    bool is_dropped;            /* what else comes of it is of no use */
    bool is_answered;           /* the answer is nghttp2's */
    bool continues;             /* the client waits to be told to send the body */
};

struct h2 {
    struct h2_wire wire;
    struct connection *connection;
    struct h2_head head;          /* that comes */
    struct ring streams, resting; /* open, and to be used again */
    size_t held;                  /* bytes of bodies that come whole */
    int32_t head_id;
    int32_t last; /* stream that is answered, when it leaves; INT32_MAX: it does not */
    cadre_time head_since; /* when the head began that is not complete; 0: none is */
    cadre_time moved;      /* when the client last took something, or had all */
    uint32_t cancelled;    /* requests, by the client */
};

/* ---- h2_frames.c ------------------------------------------------------------------ */

/* Errors: -ENOMEM. */
CADRE_MUST_CHECK int h2_session_init(struct h2 *h);
/* No requests come any more; those that have are answered. */
void h2_leave(struct h2 *h);
/* The one with this id; NULL: it is over, or there never was one. */
struct h2_stream *h2_stream_of(const struct h2 *h, uint64_t id);

/* ---- h2_request.c ----------------------------------------------------------------- */

/* NULL: no memory. */
struct h2_stream *h2_stream_new(struct h2 *h, int32_t id);
/* It is over: nobody is asked for anything any more. */
void h2_stream_end(struct h2 *h, struct h2_stream *s);
void h2_stream_free(struct h2_stream *s);
/* Its head is complete; some of its body has come; all of it has. */
void h2_stream_head(struct h2 *h, struct h2_stream *s, bool is_all);
void h2_stream_body(struct h2 *h, struct h2_stream *s, const uint8_t *at, size_t size);
void h2_stream_whole(struct h2 *h, struct h2_stream *s);
/* A piece may be asked for, or have come, of an upload: it is given. */
void h2_stream_feed(struct h2 *h, struct h2_stream *s);
/* It is answered with this status instead. code: for whoever asks for more of it. */
void h2_stream_refuse(struct h2 *h, struct h2_stream *s, int status, int code);

/* ---- h2_answer.c ------------------------------------------------------------------ */

/* Begins its answer, if there is one. */
void h2_stream_answer(struct h2 *h, struct h2_stream *s);
/* The client is told to send the body. */
void h2_stream_continue(struct h2 *h, struct h2_stream *s);

#endif
