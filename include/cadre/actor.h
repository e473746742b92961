/* actor.h: classes, spawning, sending, stopping.
 *
 * Every function taking `cadre_self *` may be called only inside that actor's own
 * callbacks (elsewhere: -EPERM), and none of them blocks.
 *
 * Guarantees, each with a test of that name:
 *   fifo_per_pair        one sender's messages to one receiver are handled in the
 *                        order sent; a failed send leaves a gap, never a reordering
 *   at_most_once         no message is handled twice
 *   conservation         every accepted message is handled, or is a dead letter
 *                        counted with a reason, or is listed in the final report:
 *                        accepted = handled + dead + dropped + pending, exactly
 *   one_at_a_time        an actor runs on one thread at a time, and what it wrote in
 *                        one callback it sees in the next: state needs no lock
 *   progress             an actor that has messages is run, however busy the others
 *   children_first       an actor's children have ended before its stop is called
 *   stop_once            stop runs exactly once per successful start
 *   handles_never_dangle any cadre_ref may be used for ever, and never reaches an
 *                        actor other than the one it was given for
 *   drop_once            what a body owns is dropped exactly once, also by failed calls
 *   idle_is_silent       a system without work wakes nobody */
#ifndef CADRE_ACTOR_H
#define CADRE_ACTOR_H
#include <cadre/message.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Handles one message. 0: go on. CADRE_STOP: stop normally; messages still waiting
 * become dead letters. Negative: fail with that reason; the message in hand becomes a
 * dead letter too. Any other value fails the actor with -EINVAL. */
typedef int cadre_receive(cadre_self *self, void *state, cadre_msg *m);

/* What an actor is. Constant, and outlives the system. Hooks left out do nothing, but
 * receive is required. */
typedef struct cadre_class {
    const char *name;  /* in logs and reports; may be NULL */
    size_t state_size; /* bytes of state, aligned for any type; 0: state is NULL */
    /* Before the first message; returns like receive. When it fails or stops, neither
     * receive nor stop is called. */
    int (*start)(cadre_self *self, void *state);
    cadre_receive *receive;
    /* Last of all, after the children have ended. reason: 0 or the negative code. It
     * may still send. */
    void (*stop)(cadre_self *self, void *state, int reason);
    void *reserved[3]; /* zero */
} cadre_class;

/* Creates a child whose state is a copy of *init (zeroed when init is NULL); start()
 * runs later, on any worker. *child is written on success and may be NULL.
 * Errors: -EINVAL (class), -EMSGSIZE (state_size over 1 GiB), -ENOMEM (out of memory
 * or at the system's memory limit), -ESHUTDOWN (this actor is ending). */
CADRE_API CADRE_MUST_CHECK int cadre_spawn(cadre_self *self, cadre_ref *child,
                                           const cadre_class *cls, const void *init);

/* The running actor's own address; id 0 when called from elsewhere. */
CADRE_API cadre_ref cadre_me(const cadre_self *self);
/* Its parent's; id 0 for the root. */
CADRE_API cadre_ref cadre_parent(const cadre_self *self);
/* Its class; NULL when called from elsewhere. */
CADRE_API const cadre_class *cadre_class_of(const cadre_self *self);
/* Its system, for cadre_stats() and the like; NULL when called from elsewhere. */
CADRE_API cadre_system *cadre_system_of(const cadre_self *self);

/* Any address as the log writes it, such as 12.3; id 0 is "outside". Writes to text, of
 * CADRE_REF_TEXT bytes, and returns it, or a constant. Any thread. */
#define CADRE_REF_TEXT 24
CADRE_API const char *cadre_ref_text(char *text, cadre_ref ref);

/* Monotonic time, virtual under simulation: read when first asked for in a turn, the
 * same for the rest of it, unless a timer becomes due meanwhile and its message comes in
 * the same turn. 0 when called from elsewhere. */
CADRE_API cadre_time cadre_now(cadre_self *self);
/* 64 random bits; replayable under simulation. Not for secrets. */
CADRE_API uint64_t cadre_random(cadre_self *self);

/* Sends a copy of *body; what it owns moves along, and is dropped if the call fails,
 * whatever the error. body may be NULL for a type of size 0. A message to an actor that
 * has ended, or to an address that never was one, is a dead letter and no error.
 * Errors: -EINVAL (type or body NULL), -EMSGSIZE (type->size), -ENOMEM, CADRE_EFULL
 * (the system's memory limit). */
CADRE_API int cadre_send_as(cadre_self *self, cadre_ref to, const cadre_type *type,
                            const void *body);
/* The same, to the sender of m. If m is a request (ask.h) in hand, this is its answer,
 * under its token, and -EINVAL when it was answered, deferred or passed on. To any other
 * message, outcomes too, it is an ordinary one without a token; and a dead letter when m
 * came from outside the system by cadre_tell(). */
CADRE_API int cadre_reply_as(cadre_self *self, const cadre_msg *m,
                             const cadre_type *type, const void *body);
/* Passes m on with its sender and token, so that the receiver's reply reaches the
 * original sender. The body moves: m->body is not to be used afterwards, also when the
 * call failed. Errors as cadre_send_as; -EINVAL for a message already passed on. */
CADRE_API int cadre_forward(cadre_self *self, cadre_ref to, cadre_msg *m);

/* The sugar: cadre_send(self, to, ball, .left = 3) is
 * cadre_send_as(self, to, &ball_type, &(ball){ .left = 3 }). C only. */
#ifndef __cplusplus
#define cadre_send(self, to, T, ...)                                                   \
    cadre_send_as((self), (to), &T##_type, &(T){__VA_ARGS__})
#define cadre_reply(self, m, T, ...)                                                   \
    cadre_reply_as((self), (m), &T##_type, &(T){__VA_ARGS__})
#endif

/* For a message nobody expected: makes it a dead letter with a log line, and returns 0,
 * so that `return cadre_unhandled(self, m);` ends a receive. */
CADRE_API int cadre_unhandled(cadre_self *self, const cadre_msg *m);

/* Sets m aside until cadre_unstash(); the body moves as in cadre_forward(). What is
 * still set aside when the actor ends becomes dead letters.
 * Errors: -EINVAL (already passed on), -ENOMEM and CADRE_EFULL (m is dropped). */
CADRE_API int cadre_stash(cadre_self *self, cadre_msg *m);
/* Everything set aside is handled again, oldest first, before any other message. */
CADRE_API void cadre_unstash(cadre_self *self);

/* Handles the next messages with `next`; NULL restores the class's own receive. */
CADRE_API void cadre_become(cadre_self *self, cadre_receive *next);

/* Asks `who` to stop after the messages it already has; what arrives later becomes
 * dead letters. Its children stop first, also after what they have, but for the reason
 * CADRE_EPARENT (which links bring on, watch.h). Never refused, allocates nothing,
 * idempotent (when several ask at once the first request counts, wherever it arrives);
 * one that has ended, or never was, is no error. Returns 0. */
CADRE_API int cadre_stop(cadre_self *self, cadre_ref who);
/* Ends `who` after the message in hand, whatever waits; its children first. reason is
 * negative and goes to the class's stop; 0 means CADRE_EKILLED; a positive one is
 * -EINVAL. The first reason counts, but a kill counts over a stop; otherwise as
 * cadre_stop(). */
CADRE_API int cadre_kill(cadre_self *self, cadre_ref who, int reason);

#ifdef __cplusplus
}
#endif
#endif
