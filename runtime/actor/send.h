/* send.h: resolve, push, wake. */
#ifndef ACTOR_SEND_H
#define ACTOR_SEND_H

#include "actor/deadletter.h"

/* Checks what a user passed. Returns 0, -EINVAL, -EMSGSIZE; having failed, it has dropped
 * what the body owns. */
int send_check_failed(struct world *world, const char *what, const cadre_type *type,
                      const void *body) CC_COLD;
static inline int send_check(struct world *world, const char *what,
                             const cadre_type *type, const void *body)
{
    if (likely(type && (body || type->size == 0) && type->size <= CADRE_BODY_MAX))
        return 0;
    return send_check_failed(world, what, type, body);
}

/* Drops what the body of a refused message owns. Returns err. */
int send_refuse(const cadre_type *type, const void *body, int err);

/* A letter of this kind (0: a plain message) with a copy of the body; a tail is empty but
 * for its size. Errors: pool_get's; the body is dropped then. */
CC_MUST_CHECK int send_prepare(struct cadre_self *self, struct envelope **envelope,
                               enum letter_kind kind, const cadre_type *type,
                               const void *body);

/* The outcome of an operation that may fail; why is written when it does. */
CC_MUST_CHECK int send_prepare_failure(struct cadre_self *self,
                                       struct envelope **envelope);

/* A request of this actor's. Errors: pool_get's; the body is dropped then. */
CC_MUST_CHECK int send_request(struct cadre_self *self, uint64_t to, uint64_t token,
                               int64_t deadline, const cadre_type *type,
                               const void *body);

/* A user's message, to wherever; a limit of the receiver's may refuse it. Errors:
 * CADRE_EFULL; the envelope stays the caller's then. */
CC_MUST_CHECK int send_offer(struct cadre_self *self, struct envelope *envelope,
                             uint64_t to);
/* The same; refused, its body is dropped, and the envelope is freed. */
CC_MUST_CHECK int send_message(struct cadre_self *self, struct envelope *envelope,
                               uint64_t to);

/* Accepts the message, whatever the receiver's limit: it is the receiver's from here on,
 * or a dead letter at once where there is none. */
void send_deliver(struct cadre_self *self, struct envelope *envelope, uint64_t to);

/* The same with an answer, to an actor or, where that is 0, to a thread. */
void send_answer(struct cadre_self *self, struct envelope *answer, uint64_t to,
                 uint64_t token);
/* A request whose body was dropped becomes its failure. origin: whom it happened to. */
void send_failure(struct cadre_self *self, struct envelope *request, uint64_t origin,
                  int code, int cause);
/* Notes about a request, LETTER_CANCEL and LETTER_MOVED, which are no messages and not
 * counted. */
extern const cadre_type send_note_type;
void send_note(struct cadre_self *self, struct envelope *note, uint64_t to);
/* A LETTER_MOVED goes back as a LETTER_CANCEL. asker: who does not wait any more. */
void send_recall_moved(struct cadre_self *self, struct envelope *note, uint64_t asker);

/* A letter that nobody will handle: counts and logs it, drops the body, and tells whoever
 * waits for an answer. class: of the actor it was for; NULL: unknown. */
void send_dead(struct cadre_self *self, struct envelope *envelope, uint64_t to,
               const cadre_class *class, enum dead_reason reason);
/* What is too much in the mailbox of the running actor, which counts, is dropped, by its
 * policy; whoever waits for an answer is told. Only what comes from others can be too
 * much. Inside its worker's bias, and inside again afterwards. */
void send_trim(struct cadre_self *self, struct cell *cell);
/* The same with one that came too late to matter: it is only counted. */
void send_drop(struct cadre_self *self, struct envelope *envelope);

/* Puts a letter into a cell's mailbox and sees that it is looked at. Any thread; with
 * self NULL also signal handlers. */
void send_letter(struct world *world, struct cadre_self *self, struct cell *cell,
                 struct letter *letter);

/* Asks an actor of this generation for these of enum halt. As send_letter. */
void send_halt(struct world *world, struct cadre_self *self, uint64_t who,
               unsigned halts, int reason);

#endif
