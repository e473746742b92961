/* http.h: an HTTP request as a message, and its answer. Of the library cadre-http.
 *
 * A server (actors/http.h) makes a request (ask.h) of each one that comes, of the type
 * cadre_http_request: whoever gets it answers at once, defers that, forwards or delegates
 * it to another actor, or waits in its handler, all as with any request. The answer has a
 * deadline, is cancelled when the client has gone, and where it does not come the client
 * is told so: 500 when the actor has ended or has forgotten it, 504 when it is too late.
 *
 *   static int hello(cadre_self *self, void *state, cadre_msg *m)
 *   {
 *       return cadre_http_reply_text(self, m, 200, "hello\n");
 *   }
 *
 * What can be refused is refused by the server, before anybody sees a request: an actor
 * gets only such as are well-formed, complete and within the limits.
 *
 * Guarantees, each with a test of that name:
 *   header_lookup        names are compared without case; the first of several counts
 *   splitting_is_refused an answer with a line break, or any other control character, in
 *                        a field is refused with -EINVAL, and so is one that says itself
 *                        how long it is
 *   answered_by_another  the answer may come from whichever actor has the promise
 * of bodies in pieces:
 *   slow_client_waits    no piece is asked for before the last one has found room: a
 *                        client that is slow makes its source wait
 *   slow_source_waits    the same the other way: of an upload no more is read than was
 *                        asked for, and the window
 *   gone_is_told         a source that has not given its last piece is told, once, that
 *                        no more is wanted
 *   cut_is_seen          an answer whose source fails, or gives another size than it
 *                        said, never looks complete */
#ifndef CADRE_HTTP_H
#define CADRE_HTTP_H
#include <cadre/address.h>
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Some bytes of a request: not ended by a zero. at is NULL when there is none of that
 * name, and not when it is empty. Valid as long as the request. */
typedef struct cadre_http_text {
    const char *at;
    size_t size;
} cadre_http_text;

/* Where requests go: those with this method (NULL: any; GET is HEAD, too) and path. Both
 * are compared as they are, with case and escapes. A segment of the path that begins with
 * a colon stands for any that is not empty; a last one that is * for the rest, also an
 * empty one. Of several that fit the first counts. */
typedef struct cadre_http_route {
    const char *method, *path;
    cadre_receive *handler; /* called in an actor of the connection's (actors/http.h) */
} cadre_http_route;

/* Where a body comes from that comes in pieces (below). */
typedef struct cadre_http_source {
    cadre_ref from; /* this actor is asked for each */
    uint64_t key;   /* with this, which is its own affair */
    uint64_t size;  /* of all of them; 0: it is not known */
} cadre_http_source;

/* A request. */
typedef struct cadre_http_request {
    cadre_http_text method;
    cadre_http_text target; /* as it came */
    cadre_http_text path;   /* of the target: from the slash to the question mark */
    cadre_http_text query;  /* behind that; at NULL: no question mark */
    const cadre_http_route *route; /* that it came by, or NULL */
    cadre_buf *head;               /* where all that stands; not to be read */
    cadre_buf *body;               /* NULL: none */
    cadre_http_source source;      /* of a body that comes in pieces; id 0: none */
    bool
        takes_files; /* the system sends what cadre_http_answer_file() answers it with */
} cadre_http_request;
CADRE_API extern const cadre_type cadre_http_request_type;

/* The value of that field, without spaces around it. */
CADRE_API cadre_http_text cadre_http_header(const cadre_http_request *r,
                                            const char *name);
/* The index-th field; false: there are not so many. */
CADRE_API bool cadre_http_field_at(const cadre_http_request *r, unsigned index,
                                   cadre_http_text *name, cadre_http_text *value);
/* What stands where the route's path has :name, or, with "*", *. As it came. */
CADRE_API cadre_http_text cadre_http_param(const cadre_http_request *r,
                                           const char *name);
/* The value of name=value in the query, the first of several; without = it is empty. As
 * it came. */
CADRE_API cadre_http_text cadre_http_query(const cadre_http_request *r,
                                           const char *name);
/* Writes text with its escapes undone (%20; with plus also + for a space), and a zero,
 * to bytes. Returns how many without the zero. Errors: -EINVAL (an escape that is none,
 * or is of a zero), -EMSGSIZE (size). */
CADRE_API int cadre_http_unescape(char *bytes, size_t size, cadre_http_text text,
                                  bool plus);
static inline bool cadre_http_is(cadre_http_text text, const char *what)
{
    size_t i = 0;
    while (i < text.size && what[i] && text.at[i] == what[i])
        i++;
    return i == text.size && !what[i];
}
/* May a request with this method be made twice? (RFC 9110, 9.2.2) */
CADRE_API bool cadre_http_is_idempotent(cadre_http_text method);

/* A field of an answer: copied. An array ends with a name that is NULL. */
typedef struct cadre_http_field {
    const char *name, *value;
} cadre_http_field;

/* An answer, made by the functions below; it may be passed on. */
typedef struct cadre_http_response {
    uint32_t status;
    uint32_t own;
    cadre_buf *fields, *body;
    cadre_http_source source;
    int file; /* see cadre_http_answer_file(); 0: none */
    uint64_t offset;
} cadre_http_response;
CADRE_API extern const cadre_type cadre_http_response_type;

/* Answers m, the request in hand. status: 200 to 599. fields may be NULL. take: the body,
 * or NULL; consumed, also when this fails; nobody may change the bytes. The server adds
 * the length and the date, and says whether the connection stays; the field "Connection:
 * close" closes it afterwards. A HEAD is answered like the GET; the body is left out
 * then, and with 204 and 304.
 * Errors: as cadre_reply_as(); -EINVAL also for a status or field that may not be, for
 * Content-Length, Transfer-Encoding, Date, another Connection, and a body with 204 or
 * 205. */
CADRE_API CADRE_MUST_CHECK int cadre_http_reply(cadre_self *self, const cadre_msg *m,
                                                int status,
                                                const cadre_http_field *fields,
                                                cadre_buf *take);
/* Answers one that was deferred (cadre_defer). Errors: also as cadre_answer_as(). */
CADRE_API CADRE_MUST_CHECK int cadre_http_answer(cadre_self *self,
                                                 cadre_promise promise, int status,
                                                 const cadre_http_field *fields,
                                                 cadre_buf *take);
/* cadre_http_reply() with a copy of this text, as text/plain in UTF-8. */
CADRE_API CADRE_MUST_CHECK int cadre_http_reply_text(cadre_self *self,
                                                     const cadre_msg *m, int status,
                                                     const char *text);

/* Answers m with what a failure means to who has asked, as text: 503 with Retry-After
 * (CADRE_EFULL, -EHOSTUNREACH, -EHOSTDOWN), 504 (-ETIMEDOUT), 400 (-EINVAL, -EMSGSIZE),
 * and 502 for all others, with the failure's own words. Errors: as cadre_http_reply(). */
CADRE_API CADRE_MUST_CHECK int cadre_http_reply_failure(cadre_self *self,
                                                        const cadre_msg *m,
                                                        const cadre_failure *failure);
/* Answers m with the outcome of a request that this actor has made for its sake: with an
 * answer of HTTP, which leaves `outcome`, or with a failure, which it stays. Errors: as
 * cadre_reply_as(). */
CADRE_API CADRE_MUST_CHECK int cadre_http_pass_on(cadre_self *self, const cadre_msg *m,
                                                  cadre_msg *outcome);

/* ---- bodies in pieces ------------------------------------------------------------ */

/* Such a body has a source, an actor, and whoever takes it asks that for one piece after
 * the other: the next when the last one is dealt with. So who is slow makes the other
 * wait, and nothing is counted for it. A source may answer late (cadre_defer), as one
 * that waits for something to happen.
 *
 *   static int lines_receive(cadre_self *self, void *state, cadre_msg *m)
 *   {
 *       struct lines *me = state;
 *       if (m->type == &cadre_http_gone_type)
 *           return CADRE_STOP;
 *       return cadre_reply(self, m, cadre_http_piece, .bytes = next_line(me),
 *                          .is_last = me->left == 0);
 *   }
 *
 * An answer: its source is an actor of yours, best a child of the actor that handles the
 * request, with which it ends. It is sent in chunks (to a client of HTTP/1.0 until the
 * end of the connection), or with its length where source.size says it.
 * An upload (actors/http.h): the source in the request is the server; ask it with
 * cadre_ask(), also from another actor, until the last piece. A client that waits to be
 * told to go on is told so then. Who answers before the last piece is saying that it
 * wants no more: the connection is closed behind the answer, or of HTTP/2 the stream. */

/* A request for the next piece of a body. */
typedef struct cadre_http_more {
    uint64_t key; /* of the source */
} cadre_http_more;
CADRE_API extern const cadre_type cadre_http_more_type;

/* Its answer. Of an upload it fails with -ECONNRESET (the client has gone), -ETIMEDOUT
 * (nothing came for limits.read), -EPROTO (what came is no body), -EALREADY (one is asked
 * for), -ENOENT (there is no such upload, or its last piece was given). */
typedef struct cadre_http_piece {
    cadre_buf *bytes; /* may be NULL */
    bool is_last;
    /* Fields behind the last one, by cadre_http_trailers(), where there are chunks, or
     * HTTP/2; else they are dropped. Of an upload: NULL. */
    cadre_buf *trailers;
} cadre_http_piece;
CADRE_API extern const cadre_type cadre_http_piece_type;

/* A source of an answer is told that no more pieces are wanted before its last one. */
typedef struct cadre_http_gone {
    uint64_t key; /* of the source */
} cadre_http_gone;
CADRE_API extern const cadre_type cadre_http_gone_type;

/* Answer with a body in pieces. Errors: as cadre_http_reply(); -EINVAL also for a source
 * whose id is 0, and for 204, 205 and 304. When the client has gone before, or goes while
 * the answer is on its way, the source is neither asked nor told: one that is no child of
 * the desk (actors/http.h) watches (watch.h) the sender of the request, too, and ends
 * with that. (Of HTTP/2 that is the connection, which ends when as many requests were
 * cancelled as may be under way.) */
CADRE_API CADRE_MUST_CHECK int cadre_http_reply_source(cadre_self *self,
                                                       const cadre_msg *m, int status,
                                                       const cadre_http_field *fields,
                                                       const cadre_http_source *source);
CADRE_API CADRE_MUST_CHECK int
cadre_http_answer_source(cadre_self *self, cadre_promise promise, int status,
                         const cadre_http_field *fields,
                         const cadre_http_source *source);
/* The same of part of a regular file, from this offset on: source->size says how many
 * bytes. Where the request takes files the system sends it, and the source is told that
 * it has gone; else the source is asked for the same bytes. take: a descriptor above 0,
 * open for reading; consumed, also when this fails. Errors: also -EBADF (none, or 0);
 * -EINVAL for more than a file can have. */
CADRE_API CADRE_MUST_CHECK int cadre_http_answer_file(cadre_self *self,
                                                      cadre_promise promise, int status,
                                                      const cadre_http_field *fields,
                                                      const cadre_http_source *source,
                                                      int take, uint64_t offset);
/* Trailers for a piece. Errors: -ENOMEM, -EINVAL (a field that no answer may have). */
CADRE_API CADRE_MUST_CHECK int cadre_http_trailers(cadre_buf **trailers,
                                                   const cadre_http_field *fields);

/* Where the client of this request is; host is empty where that is not known. Valid as
 * long as the request. */
CADRE_API const cadre_address *cadre_http_peer(const cadre_http_request *r);

/* A cadre_share (actors/share.h) for requests, answers, pieces and events: for a pool or
 * a router of handlers, a topic of events, and for what keeps answers. */
CADRE_API int cadre_http_share(const cadre_type *type, void *body);

#ifdef __cplusplus
}
#endif
#endif
