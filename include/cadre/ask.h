/* ask.h: requests and answers, and the operations of an actor.
 *
 * An operation is something that an actor has started and that is not over: a request
 * (here), a timer (timer.h), a call that blocks (offload.h), a future (chain.h), a watch
 * (watch.h). A token names it. Its outcome is exactly one message under that token: what
 * was hoped for, or a cadre_failure. cadre_cancel() ends any of them, exactly; and when
 * an actor ends, so do its operations.
 *
 * A request carries its deadline and what it was made for. What its receiver asks of
 * others meanwhile has no later deadline; and when the request is cancelled, or whoever
 * made it ends, so are those. That goes along with requests, and with what is done when
 * an operation started for one has its outcome; not with plain messages, which have no
 * room for it and would all pay for it: whoever gets one starts anew, with no deadline.
 * Where work is handed on, ask for it, or delegate it (below). What a message was to say
 * besides, cadre_deadline() and a promise, may stand in its body.
 *
 * Guarantees, each with a test of that name:
 *   one_outcome          every accepted request has exactly one outcome, also when
 *                        the other side fails, ends, forgets it, or never was
 *   cancel_is_exact      after cadre_cancel() returned 0 no message comes under the token
 *   deadline_inherited   what a request causes has no later deadline than the request
 *   cancel_spreads       what was asked for the sake of a cancelled request is cancelled,
 *                        if whoever has that defers it, or waits with it in hand
 *                        (await.h); but not when there is no memory to say so
 *   cancel_follows       the same where it was passed on (cadre_forward,
 *                        cadre_delegate), set aside, held, or kept over a restart
 *   answer_needs_no_room to fail a request takes no memory */
#ifndef CADRE_ASK_H
#define CADRE_ASK_H
#include <cadre/actor.h>
#ifdef __cplusplus
extern "C" {
#endif

/* The outcome of an operation that failed. Answer with one to refuse a request. */
typedef struct cadre_failure {
    /* Why. -ETIMEDOUT: the deadline passed. CADRE_EDEAD: the other side ended, or never
     * was. CADRE_EUNANSWERED: it read the request and neither answered, deferred nor
     * passed it on. -ECANCELED: it was done for a request that was cancelled. Or what
     * the other side says. */
    int code;
    int cause;           /* the code that this one came from; 0: none */
    cadre_ref origin;    /* the actor that it happened to; of a timeout: that was asked,
                          * or has deferred what was passed on to it */
    const char *message; /* more about it, constant and valid for ever; or NULL */
} cadre_failure;
CADRE_API extern const cadre_type cadre_failure_type;

/* Sends, and promises exactly one message under *token: the answer, or a cadre_failure.
 * timeout: nanoseconds, more than 0; CADRE_NEVER: as long as it takes. *token is written
 * on success and may be NULL. An answer that comes after the outcome is dropped.
 * Errors: as cadre_send_as(), and then nothing comes; -EINVAL also for a timeout of 0 or
 * less, and for asking oneself; -ESHUTDOWN when this actor is ending. */
CADRE_API CADRE_MUST_CHECK int cadre_ask_as(cadre_self *self, cadre_token *token,
                                            cadre_ref to, cadre_time timeout,
                                            const cadre_type *type, const void *body);

/* The outcome under this token goes to `next` instead of receive.
 * Errors: -ENOENT (nothing of this actor is pending under it), -EBUSY (a step follows it,
 * chain.h, a handler waits for it, or it is a link, watch.h). */
CADRE_API int cadre_then(cadre_self *self, cadre_token token, cadre_receive *next);

/* Ends an operation of this actor: its outcome will not come, even if it is waiting in
 * the mailbox already. Errors: -ENOENT (nothing of this actor is pending under the token:
 * it has had its outcome, was cancelled, or is another actor's). */
CADRE_API int cadre_cancel(cadre_self *self, cadre_token token);

/* When the one who caused what is being handled will no longer wait: the deadline of the
 * request in hand, or of the one for whose sake the operation was started whose outcome
 * is in hand. CADRE_NEVER: there is none. */
CADRE_API cadre_time cadre_deadline(const cadre_self *self);

/* The right to answer one request: kept for later, or sent to another actor. A value:
 * nobody can know of all its copies in bodies and states, and so not that the last one is
 * gone. Therefore the duty stays in one place: with the actor that made it, and if that
 * ends first the request fails; or, by cadre_delegate_as(), with the message that goes to
 * another one. So to hand a promise over is to delegate it; to send its value is for
 * those that may answer as well. */
typedef struct cadre_promise {
    cadre_ref holder;
    cadre_token token;
} cadre_promise;

/* Answers m, the request in hand, later. m stays valid until receive returns.
 * Errors: -EINVAL (m is not a request in hand that is still to be answered), -ENOMEM,
 * CADRE_EFULL (the memory limit). */
CADRE_API CADRE_MUST_CHECK int cadre_defer(cadre_self *self, const cadre_msg *m,
                                           cadre_promise *promise);
/* Answers it, from whichever actor. Errors: as cadre_send_as(), and the promise stays
 * open; -EALREADY when it was answered, or nobody waits any more. Another actor than the
 * holder is not told that: its answer is then dropped. */
CADRE_API int cadre_answer_as(cadre_self *self, cadre_promise promise,
                              const cadre_type *type, const void *body);
/* Passes the duty on: `to` gets a request, and its answer goes to whoever asked this
 * actor. That one is told at once, by CADRE_EUNANSWERED or CADRE_EDEAD, when `to` drops
 * it: does not look at it, does not know its type, ends with it in its mailbox, set aside
 * or deferred, or never was (guarantee: dropped_promise_fails). By the holder only.
 * Errors: as cadre_answer_as(); -EPERM: not the holder. */
CADRE_API int cadre_delegate_as(cadre_self *self, cadre_promise promise, cadre_ref to,
                                const cadre_type *type, const void *body);
/* Does anybody still wait for it: is it open, and its deadline not past? By the holder;
 * false elsewhere. */
CADRE_API bool cadre_is_awaited(cadre_self *self, cadre_promise promise);

#ifndef __cplusplus
#define cadre_ask(self, token, to, timeout, T, ...)                                    \
    cadre_ask_as((self), (token), (to), (timeout), &T##_type, &(T){__VA_ARGS__})
#define cadre_answer(self, promise, T, ...)                                            \
    cadre_answer_as((self), (promise), &T##_type, &(T){__VA_ARGS__})
#endif

#ifdef __cplusplus
}
#endif
#endif
