/* frames.h: a WebSocket's messages as frames, by wslay. */
#ifndef ACTORS_HTTP_FRAMES_H
#define ACTORS_HTTP_FRAMES_H

#include "bytes.h"

#include <cadre/actors/http_websocket.h>

#include <wslay/wslay.h>

struct connection;

struct websocket {
    wslay_event_context_ptr frames;
    struct connection *connection;
    cadre_self *self; /* within a callback */
    cadre_ref session;
    cadre_token token;    /* of the message that the session has */
    struct bytes coming;  /* of a message that is not complete */
    struct bytes inbox;   /* cadre_websocket_messages that wait for it */
    struct bytes waiting; /* promises of those who wait for room */
    const char *at;       /* what wslay may read */
    size_t size;
    bool is_control; /* the frame that comes */
    bool is_heard;   /* since the last look at it */
    bool is_pinged;  /* and has not said a word since */
    bool is_over;    /* the session knows, or is no more */
};

/* A message of more than `most` bytes ends it. Errors: -ENOMEM. */
CADRE_MUST_CHECK int frames_init(struct websocket *w, size_t most);
/* A message that is to be sent. Errors: CADRE_EFULL, -EPIPE (it is closing), -ENOMEM. */
CADRE_MUST_CHECK int frames_queue(struct websocket *w,
                                  const cadre_websocket_message *message);
/* It ends behind what was queued. */
void frames_close(struct websocket *w, uint16_t code);

#endif
