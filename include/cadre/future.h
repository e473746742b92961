/* future.h: one answer, for a thread that is not an actor.
 *
 * All functions: any thread that is not one of the system's workers; a future belongs to
 * one thread at a time. Every call has exactly one answer: that of the actor, or a
 * cadre_failure (see ask.h). In a program without worker threads, or in a simulation,
 * waiting runs the system meanwhile. */
#ifndef CADRE_FUTURE_H
#define CADRE_FUTURE_H
#include <cadre/ask.h>
#include <cadre/system.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct cadre_future cadre_future;

/* Asks an actor from outside: it answers with cadre_reply(), like any request. *future is
 * written on success and freed with cadre_future_free(), before its system is.
 * Errors: as cadre_tell_as(). */
CADRE_API CADRE_MUST_CHECK int cadre_call_as(cadre_system *sys, cadre_future **future,
                                             cadre_ref to, const cadre_type *type,
                                             const void *body);
/* Blocks until there is an answer. *answer is valid until the future is freed; it has no
 * token. timeout: nanoseconds; 0: only looks; CADRE_NEVER: as long as it takes.
 * Errors: -EINVAL (NULL, timeout below 0), -ETIMEDOUT (not yet: it may still come),
 * -EDEADLK from one of the system's own workers, which must not wait, and in a simulation
 * where nothing will ever come; -EPERM on a strange thread in a simulation. */
CADRE_API CADRE_MUST_CHECK int cadre_future_wait(cadre_future *future,
                                                 cadre_time timeout, cadre_msg *answer);
/* A descriptor that is readable when there is an answer, for poll() and the like; it is
 * the future's, which closes it. Errors: -EINVAL (NULL), -EMFILE, -ENOMEM. */
CADRE_API int cadre_future_fd(cadre_future *future);
/* Gives the future up. Without an answer so far that cancels the request, as
 * cadre_cancel() does, wherever it was passed on to. NULL is fine. */
CADRE_API void cadre_future_free(cadre_future *future);

#ifndef __cplusplus
#define cadre_call(sys, future, to, T, ...)                                            \
    cadre_call_as((sys), (future), (to), &T##_type, &(T){__VA_ARGS__})
#endif

#ifdef __cplusplus
}
#endif
#endif
