/* http_json.h: JSON in requests and answers, as values of jansson (<jansson.h>). Of the
 * library cadre-json, which needs cadre-http and libjansson.
 *
 *   static int add(cadre_self *self, void *state, cadre_msg *m)
 *   {
 *       json_t *json;
 *       int a, b, err = cadre_json_request(self, m, &json, NULL);
 *       if (err || !json)
 *           return err;
 *       int bad = json_unpack(json, "{s:i, s:i}", "a", &a, "b", &b);
 *       json_decref(json);
 *       if (bad)
 *           return cadre_http_reply_text(self, m, 400, "which a and b?\n");
 *       return cadre_json_reply(self, m, 200, NULL, json_pack("{s:i}", "sum", a + b));
 *   }
 *
 * A value is not counted by the system's memory limit, and may take a hundred times as
 * much as its text: so mind the limits. It belongs to one actor; what is to be sent is
 * sent as text, or its reference given away with the message (drop: json_decref).
 *
 * Guarantees, each with a test of that name:
 *   bad_json_is_told     where it is wrong: with line and column, to the client as 400
 *   json_limits_hold     of size and depth, before anything is made of it
 *   values_are_consumed  what is taken, whatever the outcome */
#ifndef CADRE_ACTORS_HTTP_JSON_H
#define CADRE_ACTORS_HTTP_JSON_H
#include <cadre/actors/http_client.h>
#include <cadre/http.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct json_t json_t; /* jansson's */

/* All zero is the default. */
typedef struct cadre_json_limits {
    size_t size;    /* bytes of text. 0: 1 MiB */
    uint32_t depth; /* arrays and objects in each other. 0: 64; at most 2,048 */
} cadre_json_limits;

typedef struct cadre_json_error {
    uint32_t line, column; /* from 1; 0: of nothing in it */
    char text[160];        /* what is wrong, in UTF-8 */
} cadre_json_error;

/* Reads a text, such as the body of an answer that came whole: any value, in UTF-8,
 * without a key twice in an object and without \u0000. *json is yours (json_decref). body
 * may be NULL, which is no JSON; limits and error may be. Any thread.
 * Errors: -EINVAL (it is none; a number too large; limits, json NULL), -EMSGSIZE (it is
 * beyond the limits), -ENOMEM. *error is written then. */
CADRE_API CADRE_MUST_CHECK int cadre_json_read(json_t **json, cadre_buf *body,
                                               const cadre_json_limits *limits,
                                               cadre_json_error *error);
/* Text without spaces, yours. Consumes take; NULL, as json_pack() returns without memory,
 * is -ENOMEM. Errors: -EINVAL (it contains itself, or is deeper than 2,048), -ENOMEM. Any
 * thread. */
CADRE_API CADRE_MUST_CHECK int cadre_json_write(cadre_buf **text, json_t *take);

/* The body of m, the request in hand, of which the Content-Type has to say that it is
 * JSON: so a page of another site cannot send one unasked. *json is yours. Where it is
 * none, *json is NULL and the client is told: 415 by its type, 413 beyond the limits, 400
 * with line and column. Returns 0 in both cases. Errors: -EINVAL (m is no
 * cadre_http_request), -ENOMEM, as cadre_http_reply(); *json is NULL then, too. */
CADRE_API CADRE_MUST_CHECK int cadre_json_request(cadre_self *self, const cadre_msg *m,
                                                  json_t **json,
                                                  const cadre_json_limits *limits);
/* cadre_http_reply() and cadre_http_answer() with a value as the body, and its type
 * unless fields have one. Consumes take. Errors: also as cadre_json_write(). */
CADRE_API CADRE_MUST_CHECK int cadre_json_reply(cadre_self *self, const cadre_msg *m,
                                                int status,
                                                const cadre_http_field *fields,
                                                json_t *take);
CADRE_API CADRE_MUST_CHECK int cadre_json_answer(cadre_self *self,
                                                 cadre_promise promise, int status,
                                                 const cadre_http_field *fields,
                                                 json_t *take);
/* cadre_http_fetch() with a value as the body, and its type unless the call's fields have
 * one; the call has no body of its own. method NULL: POST. Consumes take.
 * Errors: also as cadre_json_write(). */
CADRE_API CADRE_MUST_CHECK int cadre_json_fetch(cadre_self *self, cadre_token *token,
                                                cadre_ref client, cadre_time timeout,
                                                const cadre_http_call *call,
                                                json_t *take);

#ifdef __cplusplus
}
#endif
#endif
