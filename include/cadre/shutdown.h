/* shutdown.h: a system ends in phases, with one deadline for all of them.
 *
 *   closing    cadre_tell() and the like are refused (-ESHUTDOWN), and every actor that
 *              has asked for it (cadre_when_closing) gets a cadre_closing: it takes no
 *              more work from outside, ends its ticking, flushes what it has collected
 *   draining   what is under way is finished, for as long as that takes, but no longer
 *              than the time for it. It is when no message waits or is being handled,
 *              none is set aside, no request is deferred, and no offloaded call runs.
 *              Timers hold up nothing: what is drained may be so in spite of some
 *   stopping   the root is stopped as by cadre_stop(), and every actor that ends stops
 *              its children one by one, the youngest first (as cadre_stop_in_order());
 *              those that end while it drains do so, too
 *   killing    what is left when time is up is killed, all at once, and the actors whose
 *              handlers have not returned are named in the log
 *   report     a line in the log for each actor and type of message that was left, and
 *              one with the sum: those of cadre_system_report()
 *
 * An actor holds up the draining on purpose by not having done with its cadre_closing:
 * it sets that aside (cadre_stash), or waits in its handler (await.h), until its work
 * outside is done.
 *
 *   int main(void)
 *   {
 *       return cadre_serve(NULL, &root, NULL, 5 * CADRE_SECOND, 10 * CADRE_SECOND) != 0;
 *   }
 *
 * Guarantees, each with a test of that name:
 *   closing_told_once    each cadre_when_closing() that returned 0 has one cadre_closing,
 *                        if its actor lives so long; without memory
 *   drained_is_done      within its time draining ends when all that is under way is
 *                        done, and not before
 *   youngest_first       an actor that stops has stopped its children in the reverse
 *                        order of their spawning
 *   deadline_holds       after `grace`, and 100 ms for the kill, nobody waits any more
 *   sums_are_exact       what was accepted was handled, or is a dead letter or dropped;
 *                        the report's sum is that of the dead letters since the closing
 *   signals_are_given_back  cadre_serve() leaves the actions of signals as they were */
#ifndef CADRE_SHUTDOWN_H
#define CADRE_SHUTDOWN_H
#include <cadre/ask.h>
#include <cadre/system.h>
#ifdef __cplusplus
extern "C" {
#endif

/* The system closes. */
typedef struct cadre_closing {
    cadre_time
        until; /* when draining ends at the latest, by the clock of cadre_now() */
} cadre_closing;
CADRE_API extern const cadre_type cadre_closing_type;

/* Promises a cadre_closing under *token when the system begins to close; at once if it
 * has. An operation (ask.h) like a timer: it can be cancelled, awaited, followed by a
 * step. It keeps no system awake. cadre_system_stop() and cadre_system_stop_by() close
 * nothing. *token is written on success and may be NULL. Errors: -ENOMEM, CADRE_EFULL,
 * -ESHUTDOWN (this actor is ending). */
CADRE_API CADRE_MUST_CHECK int cadre_when_closing(cadre_self *self, cadre_token *token);

/* Goes through the phases, and returns the root's reason: CADRE_EKILLED after a kill.
 * grace: nanoseconds for all of it; drain: at most so many of them for draining; 0 is
 * none, CADRE_NEVER no limit. From any thread that may wait (cadre_system_wait), again
 * and by several at a time; without workers it polls meanwhile. Also after
 * cadre_system_stop(), and it goes on with the report when the root has ended.
 * Errors: as cadre_system_stop_by(); -EINVAL also for a negative time. */
CADRE_API CADRE_MUST_CHECK int
cadre_system_shutdown(cadre_system *sys, cadre_time drain, cadre_time grace);

/* cadre_run() for a program that is ended by signals. The first SIGTERM or SIGINT shuts
 * the system down, as cadre_system_shutdown(); the second kills it at once, and when it
 * has ended, or 100 ms later, the signal's former action is put back and the signal sent
 * again: that mostly ends the process. So does the third, wherever that finds it.
 * - The two signals are the library's while somebody serves. Systems that are served on
 *   several threads get each of them. The last to return puts back the former actions;
 *   where the program has set another one meanwhile, that stays.
 * - One that is ignored stays ignored, and one that all threads block stays blocked
 *   (workers block all signals).
 * - In the child of a fork both have their former actions.
 * - When the root ends by itself, only the report remains.
 * - When a handler does not return the result is -ETIMEDOUT, and the system is not freed.
 * With CADRE_NO_WORKERS, and in a simulation, it runs on this thread alone; a program
 * with a loop of its own handles signals there, and calls cadre_system_shutdown().
 * Errors: as cadre_run(); -EINVAL also for a negative time. */
CADRE_API CADRE_MUST_CHECK int cadre_serve(const cadre_config *config,
                                           const cadre_class *root, const void *init,
                                           cadre_time drain, cadre_time grace);

#ifdef __cplusplus
}
#endif
#endif
