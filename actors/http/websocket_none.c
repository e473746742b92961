/* websocket_none.c: what stands in for WebSockets where there is no wslay. */
#include "websocket.h"

#include <errno.h>

const bool websocket_is_there = false;

int websocket_begin(cadre_self *self, struct connection *c, cadre_ref session)
{
    return -ENOTSUP; /* nobody can have asked for it */
}
void websocket_free(struct connection *c) {}
