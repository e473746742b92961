/* cycle.h: actors that wait for each other in a circle.
 *
 * A handler that waits closed keeps its actor from everything else. If what it waits for
 * is the answer to a request, its actor *waits for* the one that it has asked, and for
 * nobody else; and if that one owes the answer and waits closed, too, it will not give it
 * before its own wait is over. So a circle of such waits ends by a deadline, a cancel or
 * a kill, or never. Edge chasing (Chandy, Misra and Haas, "Distributed Deadlock
 * Detection", ACM TOCS 1983) finds it, with letters and without any shared state.
 *
 * - Who begins to wait closed for an answer is *listed* with its worker, once between two
 *   looks. A look is an alarm, set when the list is empty. A wait that it finds for the
 *   first time it *stamps* with the time; one that it finds again has lasted a while, is
 *   probed, and leaves the list. So a short wait costs a comparison, and while nobody
 *   begins to wait there are no looks.
 * - A probe goes where the request went. Who waits closed, with an older stamp than the
 *   wait that is probed, passes it on to the one it waits for; all others drop it. When
 *   it comes back, and the wait that was probed still stands, there may be a circle.
 * - Then a second letter goes the same way. Everybody checks the same again, and that the
 *   answer to the last one's request is still to be given, and adds its name. When it
 *   comes back, and that is so there as well, there is a circle, and it is logged.
 *
 * Why no alarm is false. Let t be the moment in which the second letter started. What is
 * found later to be waiting has the same wait as when it was stamped, because the stamp
 * has the token of the request; it was stamped no later than the probed wait, and so
 * before t; and it is looked at after t. So at t all these waits stood, each had lasted
 * as long as from one look to the next or nearly so, and none was about to end: an alarm
 * that rang before would be seen. Each asked the next one, which did not owe an answer
 * any more if it had given it before t; and after t it did not run. One that a request
 * was passed on to has begun with it before it began to wait. This needs no
 * order between letters. It is not undone by what ends one of the waits while the letter
 * is under way: then the circle stood, and was broken a moment ago.
 *
 * Why each is named, once. A circle has one wait with the youngest stamp. When it is
 * probed, all others have been stamped: its probe gets round. Those of the others are
 * dropped there at the latest, and after a change the circle has another youngest one.
 *
 * A probe that runs into a circle which its own wait is no part of would go round for
 * ever: it remembers where it was after 1, 2, 4, 8 ... steps, and is dropped when it
 * comes there again (Brent). All that waits is looked at a few times at most.
 *
 * What is missed: a request that was passed on (forwarded, delegated) is not where it was
 * sent to, until somebody defers it or waits with it in hand, and says so (ask.h); of a
 * wait for one of several (cadre_join, cadre_race) nobody knows which; a
 * wait for a message of some type has no request; without memory for a letter of some
 * hundred bytes nothing is said. What may not hold: a promise can be sent to another
 * actor, which may then answer in place of the one that owes it; so the line says where
 * an answer was deferred. */
#ifndef ACTOR_CYCLE_H
#define ACTOR_CYCLE_H

#include "actor/op.h"

/* The running actor begins to wait closed, and was not listed since the last look; or
 * what it waits for has changed. */
void cycle_list(struct cadre_self *self, struct cell *cell) CC_COLD;
static inline bool cycle_is_listed(const struct cadre_self *self,
                                   const struct extras *extras)
{
    return extras->listed == self->looks;
}

/* Whether this note was a look, or a probe; then it was taken. */
bool cycle_takes(struct cadre_self *self, struct cell *cell, struct envelope *note);

#endif
