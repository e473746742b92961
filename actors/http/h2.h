/* h2.h: a connection of HTTP/2. */
#ifndef ACTORS_HTTP_H2_H
#define ACTORS_HTTP_H2_H

#include <cadre/actors/http.h>

struct connection;

/* Or is there no nghttp2? */
extern const bool h2_is_there;

/* From now on the connection's actor handles messages in another way; what has come, and
 * is not read, begins with the preface. Returns what receive returns. */
int h2_begin(cadre_self *self, struct connection *c);
/* When the actor stops. */
void h2_free(cadre_self *self, struct connection *c);

#endif
