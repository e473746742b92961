/* chain.h: futures of an actor: what comes after an outcome.
 *
 * The token of any operation is a future: it will have one outcome, a value (a message of
 * any type) or a cadre_failure. cadre_then() (ask.h) hands that to one function. Here
 * outcomes are passed from step to step, and several become one; each of these functions
 * makes a new future, whose token is used in the same ways.
 *
 * Steps run in the actor's turns, one at a time, never inside the call that started
 * them, and in a loop: a chain of a million needs no more stack than one of two.
 *
 * Guarantees, each with a test of that name:
 *   failure_passes       a failure goes past steps for values to one for failures
 *   failure_tells        its code, cause, origin and message arrive unchanged
 *   reported_once        a failure that nobody handles is logged, once
 *   one_outcome          see ask.h */
#ifndef CADRE_CHAIN_H
#define CADRE_CHAIN_H
#include <cadre/ask.h>
#ifdef __cplusplus
extern "C" {
#endif

/* A future and the promise to keep it: by cadre_answer(), here or in another actor that
 * the promise was sent to. Nobody notices when that one forgets it (see cadre_promise):
 * to have another actor keep one, ask it. timeout as for cadre_ask().
 * Errors: -EINVAL (NULL, timeout), -ENOMEM, CADRE_EFULL (the memory limit), -ESHUTDOWN
 * (ending). */
CADRE_API CADRE_MUST_CHECK int cadre_promise_new(cadre_self *self, cadre_token *token,
                                                 cadre_promise *promise,
                                                 cadre_time timeout);

/* When `of` has its outcome, runs `then` for a value or `otherwise` for a failure; NULL
 * passes it on, and the same one twice runs in either case. What the step returns is the
 * outcome of *next: 0: what it gave to cadre_pass_as() or cadre_follow(), else what it
 * had; negative: a failure with that code (cause: that of the failure it had).
 * CADRE_STOP stops the actor. next NULL: nobody waits; a failure at the end is logged,
 * unless it is one that this step had and returned 0 for.
 * Errors: -ENOENT (nothing of this actor is pending under `of`), -EBUSY (it has a step
 * already), -ENOMEM, CADRE_EFULL, -ESHUTDOWN. */
CADRE_API CADRE_MUST_CHECK int cadre_chain(cadre_self *self, cadre_token *next,
                                           cadre_token of, cadre_receive *then,
                                           cadre_receive *otherwise);
/* Within a step: its outcome is this message. The body moves, as in cadre_send_as().
 * Errors: as cadre_send_as(); -EPERM outside a step. */
CADRE_API int cadre_pass_as(cadre_self *self, const cadre_type *type, const void *body);
/* Within a step: its outcome will be that of another operation of this actor.
 * Errors: -EPERM outside a step, -ENOENT and -EBUSY as cadre_chain(), -EINVAL when that
 * one waits for this step. */
CADRE_API int cadre_follow(cadre_self *self, cadre_token of);

/* The outcome of cadre_join(): how many values came, and how many failures until then. */
typedef struct cadre_joined {
    uint32_t values, failures;
} cadre_joined;
CADRE_API extern const cadre_type cadre_joined_type;

/* *next succeeds when `need` of the n futures have, with a cadre_joined (need 1: with the
 * value itself), and fails with the failure that makes that impossible. The rest are
 * cancelled then. need = n: all; 1: any; between: a quorum. To use the values give each
 * its step first, by cadre_chain(). tokens: copied. n: 1 to 65,536.
 * Errors: -EINVAL (n, need, twice the same), -ENOENT and -EBUSY as cadre_chain(),
 * -ENOMEM, CADRE_EFULL, -ESHUTDOWN; then nothing has changed. */
CADRE_API CADRE_MUST_CHECK int cadre_join(cadre_self *self, cadre_token *next,
                                          const cadre_token *tokens, uint32_t n,
                                          uint32_t need);
/* *next has the outcome that the first of the n futures has, value or failure; the rest
 * are cancelled then. Otherwise as cadre_join(). */
CADRE_API CADRE_MUST_CHECK int cadre_race(cadre_self *self, cadre_token *next,
                                          const cadre_token *tokens, uint32_t n);

#ifdef __cplusplus
}
#endif
#endif
