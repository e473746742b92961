/* h2_link.h: a client's connection of HTTP/2, for many exchanges at a time. */
#ifndef ACTORS_HTTP_H2_LINK_H
#define ACTORS_HTTP_H2_LINK_H

#include <cadre/actors/http_client.h>

struct channel;

/* Or is there no nghttp2? */
extern const bool h2_link_is_there;

/* The server speaks it: from now on the channel's actor handles messages in another way.
 * Returns what receive returns. */
int h2_link_begin(cadre_self *self, struct channel *c);
/* When the actor stops; code: for whoever still waits. */
void h2_link_free(cadre_self *self, struct channel *c, int code);

#endif
