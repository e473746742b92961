/* http_websocket.h: WebSockets (RFC 6455): messages in both directions over a connection
 * of the server (http.h). Needs wslay; a library without it refuses them (-ENOTSUP).
 *
 * A handler answers a request for one with an actor, the session, which from then on gets
 * what the client sends and sends what the client is to get:
 *
 *   static int chat(cadre_self *self, void *state, cadre_msg *m)
 *   {
 *       cadre_ref session;
 *       int err = cadre_spawn(self, &session, &echo_class, NULL);
 *       return err ? err : cadre_http_reply_websocket(self, m, session, NULL);
 *   }
 *   static int echo_receive(cadre_self *self, void *state, cadre_msg *m)
 *   {
 *       cadre_websocket_message *got = cadre_body(m, cadre_websocket_message);
 *       return got ? cadre_reply(self, m, cadre_websocket_message,
 *                                .bytes = cadre_buf_move(&got->bytes),
 *                                .is_text = got->is_text) : 0;
 *   }
 *
 * Best it is a child of the desk, and ends with the connection. It gets
 *   cadre_websocket_opened   first, with the socket: the actor that it sends to
 *   cadre_websocket_message  each a request (ask.h), the next when it has dealt with the
 *                        last: has returned from its handler, or, if that defers it, has
 *                        answered. An answer that is a message is sent to the client; any
 *                        other, and none, are fine
 *   cadre_websocket_close    once, when it is over; not if the session ends before
 * and sends the socket
 *   cadre_websocket_message  asked, it is answered with cadre_websocket_sent when there
 *                        is room for more. Too much that waits (1 MiB) fails with
 *                        CADRE_EFULL, and where it was not asked ends it all (1008)
 *   cadre_websocket_close    ends it, behind what was sent
 * When the session ends, so does the WebSocket: with 1000, or with 1011 if it has failed.
 * Pings are answered. A client that says nothing for limits.idle, or up to twice that, is
 * sent one, and after as long again without a word it is cut off; so is one that takes
 * nothing of what is to be sent for as long, whatever it says, and until it does no more
 * is read. When the system closes (shutdown.h) the client is told (1001).
 *
 * A message is at most limits.body bytes, in however many fragments; a longer one ends it
 * (1009), text that is not UTF-8 (1007), and what is no frame (1002, or without a code).
 * Nothing is compressed.
 *
 * Guarantees, each with a test of that name:
 *   messages_in_order    whole, as they were sent, in both directions
 *   slow_session_waits   while it is not done with one no more is read than the window
 *   slow_peer_is_bounded  what waits to be sent is bounded, as above
 *   close_is_told        as above
 *   silent_peer_is_cut_off  as above
 *   deaf_peer_is_cut_off  as above
 *   fragments_take_no_more  as above
 *   bad_frames_end_it    as above */
#ifndef CADRE_ACTORS_HTTP_WEBSOCKET_H
#define CADRE_ACTORS_HTTP_WEBSOCKET_H
#include <cadre/http.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct cadre_websocket_opened {
    cadre_ref socket;
} cadre_websocket_opened;
CADRE_API extern const cadre_type cadre_websocket_opened_type;

typedef struct cadre_websocket_message {
    cadre_buf *bytes; /* NULL: an empty one */
    bool is_text;     /* in UTF-8, which what is sent has to be; else binary */
} cadre_websocket_message;
CADRE_API extern const cadre_type cadre_websocket_message_type;

typedef struct cadre_websocket_sent {
    int none;
} cadre_websocket_sent;
CADRE_API extern const cadre_type cadre_websocket_sent_type;

/* code: 1000 to 4999, as RFC 6455 has them; told to the session also 1005 (the client
 * gave none) and 1006 (it has gone without a word). 0 to the socket: 1000. */
typedef struct cadre_websocket_close {
    uint16_t code;
} cadre_websocket_close;
CADRE_API extern const cadre_type cadre_websocket_close_type;

/* Answers m, the request in hand, by making its connection a WebSocket. protocol: one of
 * those in its field Sec-WebSocket-Protocol, or NULL; it may stand in a buffer. Who may
 * ask is for the handler to decide, by Origin and the like. Errors: as
 * cadre_http_reply(); -EPROTO: that request asks for no WebSocket, or for another version
 * than 13, or is an upload, and is still to be answered; -EINVAL: session's id is 0;
 * -ENOTSUP. */
CADRE_API CADRE_MUST_CHECK int cadre_http_reply_websocket(cadre_self *self,
                                                          const cadre_msg *m,
                                                          cadre_ref session,
                                                          const char *protocol);

#ifdef __cplusplus
}
#endif
#endif
