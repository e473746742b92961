/* http_events.h: server-sent events: a client is told what happens, as it happens.
 *
 * A browser's EventSource, or curl -N, asks for them once, and gets each as text. An
 * actor of this class is what it gets them from: it is spawned for one client, the source
 * of its answer (http.h), and is sent the events:
 *
 *   static int watch(cadre_self *self, void *state, cadre_msg *m)
 *   {
 *       const cadre_http_desk *desk = state;
 *       cadre_ref events;
 *       int err = cadre_spawn(self, &events, &cadre_http_events_class, NULL);
 *       if (!err)
 *           err = cadre_send(self, *(cadre_ref *)desk->context, subscribe, events,
 *                            .since = cadre_http_last_event(m->body));
 *       return err ? err : cadre_http_reply_events(self, m, events);
 *   }
 *
 * It ends with the connection, and before when the client has gone, which whoever sends
 * events may watch (watch.h); that is found out when something is sent to it, at the
 * latest by two heartbeats. A client that is connected again says
 * which was the last it has seen. Several that wait are sent in one piece.
 *
 * Guarantees, each with a test of that name:
 *   events_in_order      as they came, each as it was, also with breaks at the end of its
 *                        data; all kinds of these become LF
 *   slow_client_is_ended  what waits is bounded: the stream of a client that takes events
 *                        too slowly is ended, and it comes again with its last event
 *   gone_client_ends_it  also when it goes before the answer
 *   heartbeats_come      something is sent at least once in so long
 *   events_end_when_closing  when the system closes (shutdown.h), behind what was sent */
#ifndef CADRE_ACTORS_HTTP_EVENTS_H
#define CADRE_ACTORS_HTTP_EVENTS_H
#include <cadre/http.h>
#ifdef __cplusplus
extern "C" {
#endif

/* A message for it. cadre_http_share() shares it, so that a topic can have it. */
typedef struct cadre_http_event {
    cadre_buf *data;  /* text in UTF-8, of one or several lines; NULL: an empty one */
    const char *name; /* constant, in one line; NULL: the usual one, "message" */
    uint64_t id;      /* what the client says when it comes again; 0: none */
    bool is_last;     /* the stream ends behind it */
} cadre_http_event;
CADRE_API extern const cadre_type cadre_http_event_type;

/* Its config, which cadre_spawn() takes as init; NULL: all zero. A negative time fails
 * the start with -EINVAL; an event whose name is in several lines fails the actor with
 * that. */
typedef struct cadre_http_events {
    cadre_time heartbeat; /* 0: 15 s */
    cadre_time retry;     /* a client that was cut off comes again after so long. 0: as
                             it likes */
    uint32_t bytes; /* of text that wait to be sent, most; but one event of any size. 0:
                        256 KiB */
    uint64_t own[10]; /* zero; the actor's own */
} cadre_http_events;
CADRE_API extern const cadre_class cadre_http_events_class;

/* Answers m, the request in hand, with what that actor is sent. Errors: as
 * cadre_http_reply_source(). */
CADRE_API CADRE_MUST_CHECK int
cadre_http_reply_events(cadre_self *self, const cadre_msg *m, cadre_ref events);
/* The id of the last event that this client has seen; 0: none. */
CADRE_API uint64_t cadre_http_last_event(const cadre_http_request *r);

#ifdef __cplusplus
}
#endif
#endif
