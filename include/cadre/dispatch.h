/* dispatch.h: a protocol as a table; written on the core API, as lauxlib is on lua.h. */
#ifndef CADRE_DISPATCH_H
#define CADRE_DISPATCH_H
#include <cadre/actor.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct cadre_on {
    const cadre_type *type;
    cadre_receive *handle;
} cadre_on;

/* Hands m to the first entry of its type and returns what that returns; the table ends
 * with a zero entry; no match is cadre_unhandled(). -EINVAL when an argument is NULL. */
CADRE_API int cadre_dispatch(cadre_self *self, void *state, cadre_msg *m,
                             const cadre_on *table);

#ifdef __cplusplus
}
#endif
#endif
