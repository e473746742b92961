/* apply.h: functions that run in an actor's context, in order with its messages.
 *
 * Such a call is a message like others (type "cadre_apply"): every actor handles it,
 * and what the function returns means what receive's result means. It goes past
 * cadre_become() and past what is set aside: no receive sees it, and for
 * cadre_when_idle() it is silence.
 *
 * Guarantees, each with a test of that name:
 *   apply_is_in_order    with the messages from the same sender
 *   raise_is_made_once   every raise that returned 0 is one call; what was done before
 *                        one that returned -EALREADY is seen by the call still to come */
#ifndef CADRE_APPLY_H
#define CADRE_APPLY_H
#include <cadre/system.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Runs in the turn of the actor it was sent to; state: that actor's. */
typedef int cadre_applied(cadre_self *self, void *state, void *arg);

/* Has `who` call fn(its self, its state, arg). When that has ended the call is a dead
 * letter, and nothing tells arg's owner. Errors: -EINVAL (fn), -ENOMEM, CADRE_EFULL. */
CADRE_API int cadre_apply(cadre_self *self, cadre_ref who, cadre_applied *fn,
                          void *arg);
/* The same from outside. Errors: also as cadre_tell_as(). */
CADRE_API int cadre_apply_outside(cadre_system *sys, cadre_ref who, cadre_applied *fn,
                                  void *arg);

/* A call made ready, to be raised where nothing may be allocated: in a signal handler.
 * (Workers block all signals: handlers run on other threads, or where an actor lets
 * them.) */
typedef struct cadre_raise cadre_raise;

/* Any thread but the system's workers. *raise is written on success and freed with
 * cadre_raise_free(), before its system is (cadre_system_free: -EBUSY). Errors:
 * -EINVAL, -ENOMEM, CADRE_EFULL; -EPERM on a strange thread in a simulation. */
CADRE_API CADRE_MUST_CHECK int cadre_raise_new(cadre_raise **raise, cadre_system *sys,
                                               cadre_ref who, cadre_applied *fn,
                                               void *arg);
/* Has the call made. Any thread, any time, async-signal safe. Raised again before it
 * was made it is made once; from where fn begins it can be raised anew. To an actor
 * that has ended it is a dead letter, or nothing where no worker is left to see it.
 * Returns 0; -EALREADY when it was raised already; -ESHUTDOWN once the system is
 * stopping; -EINVAL (NULL). */
CADRE_API int cadre_raise_now(cadre_raise *raise);
/* Any thread, but not a signal handler; nobody may raise it any more. NULL is fine. One
 * that is under way is freed when it has been made. */
CADRE_API void cadre_raise_free(cadre_raise *raise);

#ifdef __cplusplus
}
#endif
#endif
