/* fail.h: to fail with words.
 *
 * An actor fails when start or receive returns a negative code. The log then has a report
 * of it at level CADRE_WARN: which actor, on which message, why; then whose child it is,
 * who sent the message, and how much it leaves behind: messages that wait, children,
 * operations; how often it has started, if its parent has restarted it (supervise.h); and
 * its last events. A message is named by its type; what is in it is never shown. No more
 * than ten failures are reported in a second, then they are counted. To report takes no
 * memory.
 *
 * Events. Each worker keeps the last 31 things that happened there, if they are rare:
 * spawns and restarts, timers, operations that failed, offloaded calls that came back,
 * stops, kills, failures, ends that are not normal, dead letters, work that moved; with
 * cadre_config.record_messages each message. The report has the last eight of those that
 * concern the actor (what happened while another worker ran it, that one knows), each
 * with its age, true to a millisecond or so. The report of a fault (system.h) has those
 * of all workers.
 *
 * Guarantees, each with a test of that name:
 *   failure_has_words    the words given are in the report of that failure, and no other
 *   failure_has_a_path   the report names the actor's parent, and its, up to the root
 *   failure_has_events   the report has what happened to the actor before, oldest first
 *   failure_has_starts   the report says how often the actor has started, from 2 on */
#ifndef CADRE_FAIL_H
#define CADRE_FAIL_H
#include <cadre/actor.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Notes why, and returns code, so that
 *     return cadre_fail(self, CADRE_EUSER - 3, "no route to %s", host);
 * fails with it. The words are those of printf; 200 bytes of them are kept. They are
 * forgotten when the callback returns another code, and when another actor of this worker
 * fails while this handler waits (await.h).
 * Errors: -EINVAL when code is not negative or fmt is NULL, -EPERM; nothing is noted
 * then, and to return that fails the actor as well. */
CADRE_API int cadre_fail(cadre_self *self, int code, const char *fmt, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

#ifdef __cplusplus
}
#endif
#endif
