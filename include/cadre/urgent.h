/* urgent.h: messages that go before others.
 *
 * An actor that is spawned with cadre_opts.levels handles urgent messages before those
 * that are not, however many of these wait: what changes its settings, asks how it is,
 * says that a job was called off. Other actors handle urgent messages like any others.
 *
 *     err = cadre_spawn_with(self, &worker, &worker_class, NULL,
 *                            &(cadre_opts){.levels = true});
 *     err = cadre_send_urgent_as(self, worker, CADRE_BODY(settings, .rate = 5));
 *
 * Above both levels is what the runtime itself has to say: a kill. A stop is no message
 * of either level: it is obeyed where it stands among those that are not urgent.
 *
 * A message stays urgent when it is forwarded, but for a request that was answered.
 * While a handler waits (await.h) urgent messages are held as all others are, and come
 * first afterwards; after a restart, too, even before a message that is handled again
 * (supervise.h). A limit (limit.h) counts both levels together; what is old is dropped
 * among those that are not urgent: of those that are, twice the limit may wait, as of
 * what comes from other workers.
 *
 * Messages to such an actor take the longer way through its turns; others pay nothing.
 *
 * Guarantees, each with a test of that name; fifo_per_level has a story,
 * tests/sim/urgent.c:
 *   urgent_goes_first     no message that is not urgent is begun while an urgent one is
 *                         there, but for those that come back from where the actor has
 *                         set them aside; one from another worker is there when the
 *                         actor's worker has heard of it, within a turn
 *   fifo_per_level        one sender's messages of the same level to one receiver are
 *                         handled in the order sent
 *   urgent_is_conserved   urgent messages are counted, refused, dropped, and dead like
 *                         all others */
#ifndef CADRE_URGENT_H
#define CADRE_URGENT_H
#include <cadre/ask.h>
#include <cadre/system.h>
#ifdef __cplusplus
extern "C" {
#endif

/* As cadre_send_as(). */
CADRE_API int cadre_send_urgent_as(cadre_self *self, cadre_ref to,
                                   const cadre_type *type, const void *body);
/* As cadre_ask_as(); the answer is not urgent. */
CADRE_API int cadre_ask_urgent_as(cadre_self *self, cadre_token *token, cadre_ref to,
                                  cadre_time timeout, const cadre_type *type,
                                  const void *body);
/* As cadre_tell_as(): from outside. */
CADRE_API int cadre_tell_urgent_as(cadre_system *sys, cadre_ref to,
                                   const cadre_type *type, const void *body);

#ifdef __cplusplus
}
#endif
#endif
