/* await.h: straight-line code inside a handler.
 *
 * A handler may wait: for the outcome of an operation, or for a message of one type. Only
 * its actor is suspended, with its stack; the worker goes on with others on another one.
 * An actor that never waits pays nothing. async.h is the other form, which needs no
 * stacks. It is resumed on the worker that suspended it, and stays there meanwhile; the
 * values of its local variables stay, and so do those of thread-locals.
 *
 * Every wait has an end: that of the operation's deadline. When the actor is to end (a
 * failure, a kill) its waits end at once with -ECANCELED, so that the handler can clean
 * up and return; it cannot wait any more then. Do not hold a mutex across a wait.
 *
 * Handlers that wait closed, each for an answer that the next one owes, would wait for
 * ever, or until a deadline. When they have for some milliseconds, the log says so once,
 * at level CADRE_WARN:
 *     deadlock: 17.3 (order) waits for 9.1 (stock) waits for 17.3 (order): ...
 * Let one of them wait open, give its request a deadline, or have one not ask back. Of
 * many only the first are named. An actor owes an answer while the request waits to be
 * handled, is in the hand of a handler that waits, was set aside, or was deferred; then
 * "deferred" stands behind its class, for another actor may have the promise and keep it.
 * Not found out is who waits for a request that was passed on (cadre_forward,
 * cadre_delegate) to one that has not begun with it, for one of several (cadre_join,
 * cadre_race), or without a stack (async.h). At most ten lines a second are written; then
 * how many were not.
 *
 * Suspended handlers stand on stacks of cadre_config.stack_size bytes (0: 256 KiB), with
 * a page below that may not be touched; the first one stands on its thread's own.
 *
 * Guarantees, each with a test of that name:
 *   await_suspends_one      other actors of the same worker go on
 *   await_keeps_order       what waits behind a closed wait comes afterwards, in order
 *   await_is_cancelled      see above; stop hooks run when the handlers have returned
 *   cycle_is_named          within 10 ms, while workers are free and there is memory
 *   no_false_alarm          all that a line says was so at one moment, just before it
 *   one_outcome             see ask.h */
#ifndef CADRE_AWAIT_H
#define CADRE_AWAIT_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Waits for the outcome of an operation of this actor. Meanwhile other messages for it
 * wait: nothing of its state changes. *m is what receive would have got, valid until the
 * handler returns or waits again; a cadre_failure is an outcome like others.
 * Errors: -EINVAL (m is NULL), -ENOENT (nothing of this actor is pending under it, or it
 * repeats), -EBUSY (a step or another wait has it), -ECANCELED (the actor is ending, or
 * the operation was cancelled), -ENOMEM (no stack), -EPERM (in a step of a chain, or
 * before the sync of a scope). */
CADRE_API CADRE_MUST_CHECK int cadre_await(cadre_self *self, cadre_token token,
                                           cadre_msg *m);
/* The same, but other messages are handled meanwhile, by receive, and may wait, too: the
 * actor's state may be another afterwards. */
CADRE_API CADRE_MUST_CHECK int cadre_await_open(cadre_self *self, cadre_token token,
                                                cadre_msg *m);

/* Waits for the next message of this type, and takes it out of the order; others wait, as
 * with cadre_await(). A request may be answered by cadre_reply(). timeout: as
 * cadre_ask(). Errors: as cadre_await(); -EINVAL also for type (NULL, or of a socket or
 * process) and timeout, -ETIMEDOUT, -ESHUTDOWN, CADRE_EFULL (the memory limit). */
CADRE_API CADRE_MUST_CHECK int cadre_receive_type(cadre_self *self,
                                                  const cadre_type *type,
                                                  cadre_time timeout, cadre_msg *m);

/* Waits for `time` nanoseconds, as with cadre_await().
 * Errors: those of cadre_after_as() and cadre_await(). */
CADRE_API CADRE_MUST_CHECK int cadre_sleep(cadre_self *self, cadre_time time);

/* Prints where the suspended handlers of `who` stand, one line for each frame, to the
 * system's log at level CADRE_WARN, soon. Any actor of the system. A function has a name
 * there in a program linked with -rdynamic. Errors: -ENOMEM, CADRE_EFULL. */
CADRE_API int cadre_print_waits(cadre_self *self, cadre_ref who);

#ifdef __cplusplus
}
#endif
#endif
