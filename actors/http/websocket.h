/* websocket.h: a connection that has become a WebSocket. */
#ifndef ACTORS_HTTP_WEBSOCKET_H
#define ACTORS_HTTP_WEBSOCKET_H

#include <cadre/actors/http_websocket.h>

struct connection;

/* Or is there no wslay? */
extern const bool websocket_is_there;

/* From now on the connection's actor handles messages in another way. What has come, and
 * is not read, is the beginning of what the client says. Returns what receive returns. */
int websocket_begin(cadre_self *self, struct connection *c, cadre_ref session);
/* When the actor stops. */
void websocket_free(struct connection *c);

#endif
