/* http_client.h: an HTTP client, of HTTP/1.1 and HTTP/2.
 *
 *   const cadre_http_call call = {.url = "http://localhost:8080/hello"};
 *   err = cadre_http_fetch(self, &token, me->client, 5 * CADRE_SECOND, &call);
 *   ...
 *   const cadre_http_response *r = cadre_body(m, cadre_http_response);
 *   if (r && r->status == 200)
 *       use(cadre_buf_data(r->body), cadre_buf_size(r->body));
 *
 * An actor, with a pool of connections; any number of actors ask it for any number of
 * things at a time. Each is a request (ask.h): one outcome, a deadline for all of it with
 * redirects and retries, and cadre_cancel(), which closes the connection. The outcome is
 * a cadre_http_response, whatever its status, and may be passed on as the answer to a
 * request that has come to a server (http.h): so a proxy is a few lines. Its body comes
 * whole, or in pieces: then r->source is asked for one after the other, and the
 * server waits for who is slow. A call may also have a body in pieces.
 *
 * https: needs a `tls` in the config, made by cadre_tls_new() with options that may be
 * all zero: then the server has to have a certificate of the host in the URL, from
 * somebody whom the system trusts. With its `trust` it is somebody else who is trusted,
 * with its `certificate` the client has one, too. The host's name is sent (SNI), and
 * "h2" or "http/1.1" asked for (ALPN), whatever its `protocols`.
 *
 * HTTP/2 is spoken by https: with a server that chooses it (not with `http1`, nor without
 * nghttp2), and with `h2c` by http:. One connection carries as many requests at a time as
 * the server takes, up to 1,000; then there is another one, up to `connections`. While
 * the first is being opened the others wait for it. Each body has a window of its own
 * (64 KiB): who is slow makes its own server's answer wait and no other. What is
 * cancelled, or too late, is one stream; if nothing was heard since it began the server
 * is asked whether it is there, and has `connect` and half of `idle` to say so. What a
 * server says it has not looked at (GOAWAY, REFUSED_STREAM) is sent again, up to
 * `retries` times, whatever the method; but a body in pieces only before its first. So
 * is what it wants HTTP/1.1 for (HTTP_1_1_REQUIRED), by a connection of that; and as long
 * as there is a connection to it, it is asked by HTTP/1.1 only.
 *
 * A connection stays for the next request to the same scheme, host and port. Names are
 * looked up (resolve.h), and the addresses tried in their order. GET, HEAD, PUT, DELETE,
 * OPTIONS and TRACE are sent again when the connection breaks before the answer begins,
 * if their body is not in pieces. 301, 302, 303, 307 and 308 are followed: after 303 with
 * GET; after 301 and 302 a POST becomes a GET; Authorization, Proxy-Authorization and
 * Cookie are left out where it goes to another scheme, host or port. From https: to http:
 * is not followed: that fails with -EACCES.
 *
 * It fails with a cadre_failure, with words on the remedy; cadre_failure_text() (words.h)
 * adds the URL. Its code: -EINVAL (the url of a redirect), -EPROTONOSUPPORT (https:
 * without a tls), what resolve.h and cadre_tcp_connect() say, CADRE_ETLS and the codes
 * behind it (tls.h; the log has the host, its certificate and what is wrong with it),
 * -ECONNRESET (it broke off, or refuses again and again), -EPROTO (the answer is none),
 * -EMSGSIZE (it is beyond the limits), -ELOOP (too many redirects), -EACCES, -ETIMEDOUT,
 * CADRE_EFULL (too many wait), -ENOMEM. In a simulation -ENOTSUP.
 *
 * A proxy is asked for http: by the whole url, and passes on what it likes: its own
 * answers, such as 407, are answers. For https: it is asked for a connection (CONNECT),
 * and sees nothing of what goes through; then its refusal is a failure: -EACCES (407, 401
 * and 403), -EHOSTUNREACH (502 to 504), -ECONNREFUSED. The field Proxy-Authorization of a
 * call goes to a proxy, instead of its user, by http: only, and to nobody else.
 *
 * Guarantees, each with a test of that name:
 *   connections_are_kept  as above, and not more than `connections` to one server
 *   slow_reader_waits    no more of an answer in pieces is read than was asked for, and
 *                        the window
 *   broken_is_tried_again  as above; and nothing else is sent twice
 *   cancel_closes        of HTTP/1.1: what nobody waits for any more leaves no
 *                        connection behind
 *   answers_are_checked  what two clients may read differently is refused
 *   reset_is_no_end      an answer without a length ends where the server says so
 *   cut_is_no_end        the same with TLS, where anybody can end a connection
 *   hosts_are_verified   of https: nothing is sent to who is not the host in the URL, has
 *                        no valid certificate, or one of nobody who is trusted
 *   secrets_stay         the three fields above come to no other server, and nothing that
 *                        was asked for by https: is asked for by http:
 *   silent_handshake_ends  one that goes nowhere ends at the deadline of the request
 *   proxy_sees_no_secret  of https: only which host and port; and no server, whichever
 *                        way, sees the proxy's user and password
 *   late_waiter_holds_nothing, crossing_leases_come_back  whoever gives up while it waits
 *                        for a connection, or is lent one, holds none
 *   many_wait_for_nobody  a thousand answers that are late hold up no other
 * of HTTP/2:
 *   one_connection_is_enough  for as many as the server takes
 *   cancel_resets_one    the others, and the connection, are left alone
 *   slow_reader_holds_up_no_other
 *   unseen_is_sent_again, http1_is_spoken_where_required  as above
 *   hostile_server_is_left  with an error that says what it has done */
#ifndef CADRE_ACTORS_HTTP_CLIENT_H
#define CADRE_ACTORS_HTTP_CLIENT_H
#include <cadre/http.h>
#include <cadre/stream.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init; NULL: all zero. A bad limit or proxy
 * fails the start with -EINVAL. */
typedef struct cadre_http_client {
    uint32_t connections; /* to one server. 0: 100 */
    uint32_t waiting;     /* for one of these, of all requests. 0: 10,000 */
    uint32_t redirects;   /* for one request. 0: 10 */
    uint32_t retries;     /* the same. 0: 2 */
    uint32_t head;        /* bytes of the head of an answer. 0: 64 KiB; at most 1 MiB */
    size_t body;          /* bytes of a body that comes whole. 0: 16 MiB */
    cadre_time connect;   /* to one address; TLS has its own (tls.h). 0: 10 s */
    cadre_time idle;      /* that a connection is kept, and a body in pieces not asked
                             for. 0: 30 s */
    /* http://user:password@host:port, the user with escapes or missing: is asked instead
     * of each server. It and no_proxy stay where they are. NULL: none */
    const char *proxy;
    /* For which it is not asked: hosts with commas between, each with all names below it;
     * addresses, also as 10.0.0.0/8; * for all. NULL: none */
    const char *no_proxy;
    /* What is NULL of these is read from http_proxy, https_proxy (for https:) and
     * no_proxy, the last two also in capitals, at the start. */
    bool environment;
    bool http1; /* HTTP/2 is not offered */
    bool h2c;   /* by http: and without a proxy HTTP/2 is spoken, and nothing else,
                   unless the server wants HTTP/1.1 */
    cadre_ref resolver; /* a cadre_resolver (resolve.h). id 0: one of its own */
    cadre_tls *tls;     /* for https: (tls.h); stays there. NULL: https: is refused */
    uint64_t own[11];   /* zero; the actor's own */
} cadre_http_client;
CADRE_API extern const cadre_class cadre_http_client_class;

/* What is asked. All is copied but the body. */
typedef struct cadre_http_call {
    const char *method; /* NULL: GET */
    const char *url;    /* http://host:port/path?query, or https:; port, path and query
                           may be missing; behind a # nothing is sent */
    const cadre_http_field *fields; /* besides Host and the length; NULL: none */
    cadre_buf *body;                /* consumed, also by an error; NULL: none */
    cadre_http_source source;       /* of a body in pieces instead */
    bool in_pieces;                 /* that is how the answer's body is to come */
    bool stays;                     /* no redirect is followed */
} cadre_http_call;

/* Asks. *token is written on success and may be NULL; timeout as for cadre_ask(): to the
 * answer, or, in pieces, to its head. Errors: as cadre_ask(); -EINVAL also for a method
 * or field that may not be (http.h; Host and Connection neither), a body besides a
 * source, and an url that is none, or has a user in it. */
CADRE_API CADRE_MUST_CHECK int cadre_http_fetch(cadre_self *self, cadre_token *token,
                                                cadre_ref client, cadre_time timeout,
                                                const cadre_http_call *call);

/* The value of that field of an answer, without spaces around it; the first of several.
 * Those that concern the connection or the length, and Date, are not there. Valid as long
 * as the answer. */
CADRE_API cadre_http_text cadre_http_response_header(const cadre_http_response *r,
                                                     const char *name);

#ifdef __cplusplus
}
#endif
#endif
