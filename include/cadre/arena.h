/* arena.h: memory that an actor owns until its end.
 *
 * What an actor gets here is freed when it has ended, however that came: after a normal
 * stop, a failure, a kill. So a handler may fail half-way and leaks nothing. It counts
 * to the system's memory like all else (cadre_config.memory_max).
 *
 * Guarantees, each with a test of that name:
 *   freed_at_the_end     what an actor has got is freed after its stop has returned
 *   alloc_is_zeroed      it is zeroed, and aligned for any type */
#ifndef CADRE_ARENA_H
#define CADRE_ARENA_H
#include <cadre/actor.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Memory of the running actor's own; in start, receive, stop, or a call (apply.h). Others
 * may be given the address, and must not use it when this actor may have ended.
 * NULL: out of memory or at the system's limit; size is 0 or over 1 GiB; not in a
 * callback of this actor. */
CADRE_API void *cadre_alloc(cadre_self *self, size_t size);
/* Gives it back before the end. p: what cadre_alloc() has returned to this very actor; or
 * NULL, which does nothing. */
CADRE_API void cadre_dealloc(cadre_self *self, void *p);

#ifdef __cplusplus
}
#endif
#endif
