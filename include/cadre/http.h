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
 *   answered_by_another  the answer may come from whichever actor has the promise */
#ifndef CADRE_HTTP_H
#define CADRE_HTTP_H
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

/* A request. */
typedef struct cadre_http_request {
    cadre_http_text method;
    cadre_http_text target; /* as it came */
    cadre_http_text path;   /* of the target: from the slash to the question mark */
    cadre_http_text query;  /* behind that; at NULL: no question mark */
    const cadre_http_route *route; /* that it came by, or NULL */
    cadre_buf *head;               /* where all that stands; not to be read */
    cadre_buf *body;               /* NULL: none */
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

/* A field of an answer: copied. An array ends with a name that is NULL. */
typedef struct cadre_http_field {
    const char *name, *value;
} cadre_http_field;

/* An answer, made by the functions below; it may be passed on. */
typedef struct cadre_http_response {
    uint32_t status;
    uint32_t own;
    cadre_buf *fields, *body;
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

/* A cadre_share (actors/share.h) for requests and answers: for a pool or a router of
 * handlers, and for what keeps answers. */
CADRE_API int cadre_http_share(const cadre_type *type, void *body);

#ifdef __cplusplus
}
#endif
#endif
