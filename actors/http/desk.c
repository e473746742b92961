/* desk.c: the actor in which the handlers of a connection's routes run. */
#include "connection.h"

static int desk_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_http_request *r = cadre_body(m, cadre_http_request);
    return r && r->route ? r->route->handler(self, state, m) : cadre_unhandled(self, m);
}

const cadre_class desk_class = {.name = "cadre_http_desk",
                                .state_size = sizeof(cadre_http_desk),
                                .receive = desk_receive};
