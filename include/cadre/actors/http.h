/* http.h: a server of HTTP/1.1 and HTTP/2.
 *
 *   static const cadre_http_route routes[] = {{"GET", "/hello/:name", hello}, {0}};
 *   cadre_http server = {.port = 8080, .routes = routes};
 *   return cadre_serve(NULL, &cadre_http_class, &server, CADRE_SECOND, CADRE_SECOND);
 *
 * It listens, and each connection has an actor of its own, which reads requests, asks for
 * their answers (http.h), and writes them. A route's handler runs in a second actor of
 * that connection, its desk: so handlers of different connections run at the same time,
 * those of one in order. One that fails, or stops, ends what the desk has under way: its
 * request and those that are deferred there are answered with 500; the desk is restarted
 * (supervise.h, CADRE_MAIL_KEEP) for those behind it. Where no path fits `to` is asked,
 * which may be a pool or a router (with cadre_http_share).
 *
 * Requests that a client sends without waiting are handled side by side, up to 16, and
 * answered in their order. What is answered and not read by the client waits up to 1 MiB,
 * then no more answers are taken, and no more requests read.
 *
 * Refused, and the connection closed: 400 what is no request, has no host or several, or
 * another one in its target, or says its length twice (Content-Length more than once
 * or with Transfer-Encoding, line breaks that are none, folded lines, spaces before a
 * colon); 408 one that does not come to its end in time; 413, 414, 431 one beyond the
 * limits; 417, 501, 505 what it asks of the server and that has not. 404 and 405 (with
 * Allow), and 503 with Retry-After when too much is under way, leave it open.
 *
 * HTTP/2 (where nghttp2 is there) is spoken with a client that chooses it by ALPN, if the
 * cadre_tls has no protocols of its own or "h2" among them, or that begins with its
 * preface, with or without TLS. Handlers see no difference: a request has the same text
 * and is judged by the same rules, a client's trailers are dropped, and what only
 * HTTP/1.1 has (Keep-Alive, Upgrade ...) is left out of answers. But here a request is a
 * stream, and streams do not wait for each other: each has a desk of its own, so
 * handlers of one connection run at the same time, and are answered as they are done.
 * (One that goes on behind its answer holds up the next request at its desk.)
 * The desk of a request that is cancelled before its answer ends with it. What is
 * refused, and what is late (408; a window that stays closed), is one stream's affair,
 * which is reset; "Connection: close" and the closing are a GOAWAY, behind which the
 * streams that there are come to their end. An upload has a window of 64 KiB, bodies
 * that come whole 16 times limits.body together, else 503. There are no WebSockets over
 * HTTP/2 (RFC 8441), no Upgrade to it (h2c), no server push, and no priorities but
 * nghttp2's.
 *
 * When the system closes (shutdown.h) it stops listening, answers what it has begun to
 * read, says so with Connection: close, and ends each connection: that holds up the
 * draining until the last byte is sent. A stop ends all connections at once.
 *
 * The answer to cadre_http_ask is a cadre_http_status.
 *
 * Guarantees, each with a test of that name:
 *   answers_in_order     pipelined requests are answered in their order, whatever the
 *                        order of the answers
 *   unanswered_is_500    a request whose actor ends or forgets it is answered with 500,
 *                        one whose answer is late with 504, and the connection lives
 *   unanswered_upload_is_504
 *                        also an upload of which nobody asks for more (HTTP/1.1)
 *   no_smuggling         what two servers may read differently is refused
 *   limits_hold          of head, fields, target and body, requests under way
 *   slow_clients_end     a request that does not come, a connection that says nothing,
 *                        and one that takes no answer are closed in time
 *   steady_reader_gets_all
 *                        one that takes an answer slowly, but does, has time
 *   gone_client_cancels  requests of a client that has gone are cancelled, and so is one
 *                        whose stream is reset
 *   drained_in_order     closing, it answers what it has begun to read, then closes
 * of HTTP/2:
 *   streams_hold_up_no_other
 *                        neither a handler that waits, nor a window that is closed
 *   forbidden_fields_are_refused
 *                        fields of the connection, and names in upper case
 *   floods_end           a connection of many resets, pings, settings, empty frames or
 *                        broken requests (500 at once, then 50 a second), of a head in
 *                        very many parts, or of as many cancelled requests as
 *                        limits.streams */
#ifndef CADRE_ACTORS_HTTP_H
#define CADRE_ACTORS_HTTP_H
#include <cadre/http.h>
#include <cadre/stream.h>
#ifdef __cplusplus
extern "C" {
#endif

/* All zero is the default. */
typedef struct cadre_http_limits {
    uint32_t head;   /* bytes of request line and fields. 0: 16 KiB; at most 1 MiB */
    uint32_t fields; /* 0: 100 */
    uint32_t target; /* bytes. 0: 8 KiB, or head where that is less */
    uint32_t connections; /* at a time, more wait in the kernel. 0: 10,000 */
    uint32_t requests;    /* under way at a time, of all connections. 0: 10,000 */
    uint32_t streams;     /* and of one connection of HTTP/2. 0: 100 */
    size_t body;          /* bytes. 0: 1 MiB */
    cadre_time read;   /* from the first byte of a head to its last, and from there to
                             the body's. 0: 30 s */
    cadre_time idle;   /* without a request, or without a part of an answer that could
                             be sent, which is seen in steps of up to 256 KiB: ended
                             after so long, or twice that. 0: 60 s */
    cadre_time answer; /* from a request to its answer; of an upload from when its head
                             or a piece was given until the next piece is asked for, or
                             it is answered. 0: 30 s */
} cadre_http_limits;

/* Its config, which cadre_spawn() takes as init. Neither routes nor `to`, a route
 * without a handler or with a path that begins with no slash, and a bad limit fail the
 * start with -EINVAL; it also fails as cadre_tcp_listen() does. */
typedef struct cadre_http {
    const char *host;               /* numeric; NULL: any address */
    uint16_t port;                  /* 0: a free one */
    const cadre_http_route *routes; /* until one without a path; stay where they are */
    /* The same, whose requests come with their head, and their body in pieces (http.h):
     * it may be of any size, and what its client takes is not counted (limits.answer).
     * They count first. */
    const cadre_http_route *uploads;
    cadre_ref to;   /* is asked where no path fits. id 0: that is 404 */
    void *context;  /* for handlers, which use it at the same time */
    cadre_tls *tls; /* HTTPS (tls.h), stays there. NULL: HTTP */
    cadre_http_limits limits;
    uint64_t own[6]; /* zero; the actor's own */
} cadre_http;

CADRE_API extern const cadre_class cadre_http_class;

/* The state of a desk, which a route's handler gets. */
typedef struct cadre_http_desk {
    void *context; /* of the config */
} cadre_http_desk;

typedef struct cadre_http_ask {
    int none;
} cadre_http_ask;
CADRE_API extern const cadre_type cadre_http_ask_type;

typedef struct cadre_http_status {
    uint16_t port;        /* that it listens at */
    uint32_t connections; /* that there are */
    uint32_t requests;    /* under way */
} cadre_http_status;
CADRE_API extern const cadre_type cadre_http_status_type;

#ifdef __cplusplus
}
#endif
#endif
