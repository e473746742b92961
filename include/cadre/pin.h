/* pin.h: actors that stay on one thread, for libraries that are bound to theirs.
 *
 * Actors move between threads, from one message to the next. A library that keeps things
 * in thread-locals, or must be used on the thread that opened it, needs one that does
 * not. With cadre_config.pinned there are so many threads beside the workers, which run
 * such actors and nothing else: start, every receive and stop of one of them are called
 * on the same thread, also after waits (await.h). They are otherwise like all others.
 *
 *   - Actors that share such a thread wait for each other: a handler may block, and holds
 *     up these only. Nobody takes over what waits behind it.
 *   - Messages to and from a pinned actor mostly pass between threads, which costs as
 *     much as ten or fifty within one.
 *   - Children of a pinned actor that it makes by cadre_spawn() run on the workers; and
 *     so may tasks of its scopes (scope.h), as everywhere.
 *   - In a simulation all run on its one thread, and the virtual ones are as many.
 *
 * For the thread of main(), or that of a window system, there is a system of its own
 * (system.h): with CADRE_NO_WORKERS it runs all of its actors on the thread that polls
 * it, in whatever loop that has. Beside it may stand one with workers; the actors of each
 * tell those of the other by cadre_tell(), as any thread may. See examples/mainthread.c.
 *
 * Guarantees, each with a test of that name:
 *   pinned_stays         see above
 *   polled_stays         the actors of a polled system run on the thread that polls, and
 *                        its handlers and those of another system may tell each other */
#ifndef CADRE_PIN_H
#define CADRE_PIN_H
#include <cadre/actor.h>
#ifdef __cplusplus
extern "C" {
#endif

/* cadre_spawn(), for a child that stays on one of the threads of cadre_config.pinned,
 * which get them in turn. Errors: as cadre_spawn(); -EAGAIN when there are no such
 * threads. */
CADRE_API CADRE_MUST_CHECK int cadre_spawn_pinned(cadre_self *self, cadre_ref *child,
                                                  const cadre_class *cls,
                                                  const void *init);

#ifdef __cplusplus
}
#endif
#endif
