/* tunnel.h: a connection to a server through a proxy (CONNECT). */
#ifndef ACTORS_HTTP_TUNNEL_H
#define ACTORS_HTTP_TUNNEL_H

#include "channel.h"

/* Asks the proxy for one. Errors: -ENOMEM, cadre_stream_write_buf()'s. */
CADRE_MUST_CHECK int tunnel_ask(cadre_self *self, struct channel *c);
/* These bytes of its answer have come. Returns 0: it is not complete; 1: what is written
 * from now on goes to the server; an error: *failure says why not. */
CADRE_MUST_CHECK int tunnel_read(struct channel *c, const cadre_stream_data *d,
                                 cadre_failure *failure);

#endif
