/* dispatch.c: a protocol as a table, on the public API. */
#include <cadre/dispatch.h>

#include <errno.h>

int cadre_dispatch(cadre_self *self, void *state, cadre_msg *m, const cadre_on *table)
{
    if (!self || !m || !table)
        return -EINVAL;
    for (const cadre_on *on = table; on->type; on++)
        if (on->type == m->type)
            return on->handle(self, state, m);
    return cadre_unhandled(self, m);
}
