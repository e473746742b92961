/* timer.h: messages to oneself, later.
 *
 * A timer is an operation (ask.h): its message comes under its token, and cadre_cancel()
 * ends it. Time is monotonic; under simulation it is virtual. A timer is never early. It
 * is late by as much as its actor's worker is busy, at most about a millisecond when
 * that is idle. Where no timer is due, nobody wakes up.
 *
 * Guarantees, each with a test of that name:
 *   never_early          a timer's message is not handled before its time
 *   cancel_is_exact      see ask.h; also when the time has come already
 *   every_keeps_its_grid a periodic timer does not drift, and has at most one message
 *                        waiting
 *   timers_in_order      an actor's timers come in the order in which they are due; those
 *                        within about a microsecond of each other in that in which they
 *                        were set. Where the actor has moved from one worker to another
 *                        in between, each may be late by itself */
#ifndef CADRE_TIMER_H
#define CADRE_TIMER_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* The message comes once, `delay` nanoseconds from now; 0: as soon as others have had
 * their turn. What its body owns moves along, and is dropped when the timer is cancelled
 * or the call fails. *token is written on success and may be NULL.
 * Errors: -EINVAL (type, body, delay below 0), -ERANGE (that would be never: the time is
 * past the end of cadre_time), -EMSGSIZE, -ENOMEM, CADRE_EFULL, -ESHUTDOWN (ending). */
CADRE_API CADRE_MUST_CHECK int cadre_after_as(cadre_self *self, cadre_token *token,
                                              cadre_time delay, const cadre_type *type,
                                              const void *body);
/* The message comes `period` from now and again every `period`, always under the same
 * token, at start + n * period; a time that passes while the one before still waits is
 * left out. A tick for which there is no memory is left out, too, with a log line.
 * Errors: as cadre_after_as(); -EINVAL also for a period of 0, and a type with drop. */
CADRE_API CADRE_MUST_CHECK int cadre_every_as(cadre_self *self, cadre_token *token,
                                              cadre_time period, const cadre_type *type,
                                              const void *body);
/* The message comes when this actor has handled no other message for `idle`, and again
 * after each further silence of that length that follows a message. One per actor: a new
 * one replaces it. Costs a look at the clock per turn. Errors: as cadre_every_as(). */
CADRE_API CADRE_MUST_CHECK int cadre_when_idle_as(cadre_self *self, cadre_token *token,
                                                  cadre_time idle,
                                                  const cadre_type *type,
                                                  const void *body);

#ifndef __cplusplus
#define cadre_after(self, token, delay, T, ...)                                        \
    cadre_after_as((self), (token), (delay), &T##_type, &(T){__VA_ARGS__})
#define cadre_every(self, token, period, T, ...)                                       \
    cadre_every_as((self), (token), (period), &T##_type, &(T){__VA_ARGS__})
#endif

#ifdef __cplusplus
}
#endif
#endif
