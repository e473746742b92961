/* offload.h: calls that block, on threads of their own; the result is a message.
 *
 * A handler that blocks holds up its worker. An offloaded call runs on a pool of
 * threads beside the workers; there is one for files, one for names, one for databases,
 * and one for all else, so that none of them can starve another. They start when
 * needed, and end when idle. In a simulation the call runs on the one thread there is,
 * at a time drawn from the seed.
 *
 * The call is an operation (ask.h): exactly one message comes under its token.
 *
 * Guarantees, each with a test of that name:
 *   one_outcome          see ask.h
 *   pools_do_not_starve  calls of one pool that do not end hold up none of another
 *   cancel_is_exact      see ask.h; what has begun goes on, its result is dropped */
#ifndef CADRE_OFFLOAD_H
#define CADRE_OFFLOAD_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef enum cadre_pool {
    CADRE_POOL_USER,
    CADRE_POOL_FILES,
    CADRE_POOL_NAMES,
    CADRE_POOL_DATA, /* databases */
    CADRE_POOLS
} cadre_pool;

/* The call. It has the body to itself, and may block; it calls nothing of Cadre that
 * takes cadre_self. What it leaves in the body is the result. 0, or a negative code: the
 * outcome is a cadre_failure with that code, and the body is dropped. */
typedef int cadre_work(void *body);

/* Has work(a copy of *body) called; the message that comes is of the same type, with what
 * the body is then. timeout: as for cadre_ask(); a call that has begun goes on after it,
 * and its result is dropped. *token is written on success and may be NULL.
 * Errors: -EINVAL (pool, timeout, work, type, body), CADRE_EFULL (too many wait in that
 * pool: cadre_config.blocking_waiting; or the memory limit), -EAGAIN (no thread could be
 * started), -EMSGSIZE, -ENOMEM, -ESHUTDOWN (ending). The body is dropped then. */
CADRE_API CADRE_MUST_CHECK int cadre_offload_as(cadre_self *self, cadre_token *token,
                                                cadre_pool pool, cadre_time timeout,
                                                cadre_work *work,
                                                const cadre_type *type,
                                                const void *body);

#ifndef __cplusplus
#define cadre_offload(self, token, pool, timeout, work, T, ...)                        \
    cadre_offload_as((self), (token), (pool), (timeout), (work), &T##_type,            \
                     &(T){__VA_ARGS__})
#endif

#ifdef __cplusplus
}
#endif
#endif
