/* watch.h: to be told when another actor has ended, and to end together.
 *
 * A watch is an operation (ask.h): it has a token, and its outcome is one message, a
 * cadre_down, for cadre_then(), a chain, an await, or receive. It belongs to the actor
 * alone: neither the deadline of the request in hand nor its cancelling touches it. To
 * tell takes no memory.
 *
 * A kept child (supervise.h) that goes down has not ended for who watches it: it has when
 * it does so for good. But for links it has: who is linked to it is told each time,
 * and is not linked to the next one that runs there.
 *
 * Guarantees, each with a test of that name:
 *   one_down             every accepted watch has exactly one cadre_down, when `who`
 *                        ends, has ended before, or never was
 *   down_comes_last      after every message that `who` has sent to whoever watches it
 *   down_after_release   `who` has run its stop by then, and its children, operations and
 *                        timers are gone
 *   watch_is_exact       after cadre_cancel() returned 0 no cadre_down comes
 *   links_fail_together  of two that are linked none outlives the failure of the other */
#ifndef CADRE_WATCH_H
#define CADRE_WATCH_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* An actor has ended. */
typedef struct cadre_down {
    cadre_ref who;
    int reason; /* as its stop got it: 0 or negative; CADRE_EDEAD: it had ended before
                 * the watch came, or never was */
} cadre_down;
CADRE_API extern const cadre_type cadre_down_type;

/* Promises exactly one cadre_down, from `who`, when that has ended. To watch one twice
 * are two operations. *token is written on success and may be NULL.
 * Errors: -EINVAL (oneself), -ENOMEM, CADRE_EFULL (the memory limit), -ESHUTDOWN (this
 * actor is ending). */
CADRE_API CADRE_MUST_CHECK int cadre_watch(cadre_self *self, cadre_token *token,
                                           cadre_ref who);

/* When one of the two ends with another reason than 0, so does the other: this actor
 * fails with that reason, whatever its handlers wait for; `who` is killed with it, when
 * this actor's end begins (so a kill that meets it while it stops for reason 0 does not
 * count). That includes CADRE_EPARENT, and CADRE_EDEAD when `who` had ended before. A
 * normal end only ends the link, and so does cadre_cancel(). Nothing else may be done
 * with the token (-EBUSY). Errors: as cadre_watch(). */
CADRE_API CADRE_MUST_CHECK int cadre_link(cadre_self *self, cadre_token *token,
                                          cadre_ref who);

#ifdef __cplusplus
}
#endif
#endif
