/* http_relay.h: passes requests on to another HTTP server.
 *
 * An actor that is asked with a cadre_http_request, and asks a server for the same by a
 * client (http_client.h); that one's answer is its answer, in pieces, and goes past it. A
 * router, a breaker, a limiter before it make a proxy of that.
 *
 * Left out is what concerns one connection only (Connection and what that names,
 * Keep-Alive, TE, Trailer, Upgrade, Proxy-...), and said anew is what the client knows
 * better (Host, the length). X-Forwarded-For has the request's peer behind what was
 * there; X-Forwarded-Host and X-Forwarded-Proto say what was asked for; Forwarded and
 * X-Real-IP are left out, as any client may write them. In path and query, what no URL
 * may have is escaped. A body in pieces stays one. No redirect is followed.
 *
 * Failures are the client's (http_client.h); -EMSGSIZE also for a request whose fields
 * are more than 126, or which has more than 24 KiB of them and its path; -EINVAL for one
 * of the server as a whole (OPTIONS *).
 *
 * Guarantees, each with a test of that name:
 *   same_is_asked        method, path, query, fields and body come as they were, but for
 *                        the above
 *   hops_are_separate    the above, of requests
 *   answer_passes_by     an answer in pieces is not kept here, and is as slow as whoever
 *                        reads it */
#ifndef CADRE_ACTORS_HTTP_RELAY_H
#define CADRE_ACTORS_HTTP_RELAY_H
#include <cadre/http.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Its config, which cadre_spawn() takes as init. Without a client or a url, or with a
 * negative time, the start fails with -EINVAL. */
typedef struct cadre_http_relay {
    cadre_ref client; /* cadre_http_client_class */
    const char *url;  /* http://host:port, or https:, and a path without a slash at its
                           end: the request's comes behind it. Stays where it is */
    const char *scheme; /* for X-Forwarded-Proto. NULL: http */
    cadre_time timeout; /* to the beginning of the answer. 0: 30 s */
} cadre_http_relay;
CADRE_API extern const cadre_class cadre_http_relay_class;

#ifdef __cplusplus
}
#endif
#endif
