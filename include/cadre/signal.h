/* signal.h: signals of the system as messages. Of the library cadre-io.
 *
 * What a signal does is the process's. While any actor hears of one, a handler notes it
 * and tells them; then what the program had as its handler is called. What it did by
 * default, such as to end the program, it does no more. When the last has ended, what was
 * before is put back; not where the program has set something else meanwhile, which must
 * not call what it has replaced when somebody hears again. A signal that comes in the
 * moment when the last ends may be told to nobody; the program's handler is called.
 *
 * Workers block all signals: so a thread of the program's must not block it, such as the
 * one that is in cadre_run(). SIGTERM and SIGINT are for cadre_serve() and
 * cadre_when_closing() (shutdown.h). A child of fork() hears of nothing: there the signal
 * does what it did before; systems of its own may hear. What awaits the message is
 * refused as with sockets.
 *
 * Guarantees, each with a test of that name:
 *   each_is_counted        every signal that was delivered to the program from when the
 *                          call has returned is in the count of one message; many may be
 *                          in one
 *   all_who_asked_are_told also those of other systems
 *   former_action_is_kept  the program's handler is called as before, and is put back
 *                          before the end of the last one who asked is told */
#ifndef CADRE_SIGNAL_H
#define CADRE_SIGNAL_H
#include <cadre/actor.h>
#ifdef __cplusplus
extern "C" {
#endif

/* It has come. */
typedef struct cadre_signal {
    cadre_token token;
    int number;
    uint32_t count; /* how often since the last message. 0: no more come (no memory) */
} cadre_signal;
CADRE_API extern const cadre_type cadre_signal_type;

/* A cadre_signal comes for each of this number, until the actor ends, or cadre_cancel().
 * *token may be NULL. Errors: -EINVAL (SIGTERM, SIGINT, what cannot be caught, real-time
 * signals, and SIGABRT and others for faults), CADRE_EFULL (more than 256 in a process;
 * or the memory limit), -EMFILE, -ENFILE, -EAGAIN (no thread), -ENOMEM, -ESHUTDOWN
 * (ending), -ENOTSUP (simulated, isolated). */
CADRE_API CADRE_MUST_CHECK int cadre_signal_hear(cadre_self *self, cadre_token *token,
                                                 int number);

#ifdef __cplusplus
}
#endif
#endif
