/* flow.h: who sends to an actor that cannot keep up is held back.
 *
 * Whose turn ends with mail left is looked at while its worker has got much more mail
 * than it has looked at; so looks take a step for every 8 messages that came, and none
 * where as much is freed as is sent. With more than flow_high messages waiting it is
 * flooded. Then its inbox is gated, so that who sends to it looks at its gauge, once in a
 * turn. When his handler returns, and whenever he has something to do afterwards, he is
 * muted, if the other is flooded still: his next turn is not run. The flooded one lets
 * all go when it is down to half. A muted one handles nothing, so it is flooded itself
 * when somebody sends to it: what it has waits, and who sends to it is muted in turn.
 *
 * Nobody waits for ever:
 *   - Who is flooded is not muted. It is in its turn when it is found so, or it was muted
 *     first. So whoever begins to wait has nobody waiting for him: there are no cycles,
 *     and each chain ends at one that is flooded and not muted.
 *   - So it runs, as any actor with mail; and each turn's end looks whether it is low, or
 *     has nothing left: then it lets all go.
 *   - Before it waits in a handler, and when its end begins, it lets all go, and is not
 *     found flooded while it does so.
 *   - Who is let go runs, and lets go those that wait for it as soon as it is low itself.
 *   - What waits in stashes is not counted, because it does not become less by itself.
 *   - Whoever is asked to stop or is killed, or has a handler that waits, is let go, or
 *     is not muted.
 *   - What an isolated one does in its process goes on whatever is held back here. It
 *     takes no part in this: muted it would not even hear that its process has died.
 *
 * A muted one stands in a list of the gauge, by its extras, under the gauges' lock. Who
 * lets it go first takes it out there, and then pokes its inbox; who is muted first
 * stands there, and then goes idle, as any with an empty mailbox: the token's protocol
 * sees to it that the poke is not lost (queue/inbox.h). Whether the gauge is still
 * flooded, for the same life, is looked at under the lock.
 *
 *   operation      by whom                    where
 *   flow_note      a sender, in its handler   outside the bias
 *   flow_rests     the sender's turn, each    outside
 *                  time before a message
 *   flow_survey    the receiver's turn        inside; outside meanwhile
 *   flow_let_go    the same                   outside */
#ifndef ACTOR_FLOW_H
#define ACTOR_FLOW_H

#include "actor/extras.h"

/* In a simulation less is much: so that all that may happen then happens often. */
enum { FLOW_HIGH = 4096, FLOW_HIGH_SIMULATED = 64 };
static inline uint32_t flow_high(const struct world *w)
{
    return w->simulated ? FLOW_HIGH_SIMULATED : FLOW_HIGH;
}

/* Has this turn found already that that one is flooded? Then it has no limit, and more
 * that is sent to it need not look. */
static CC_INLINE bool flow_is_noted(const struct cadre_self *self, uint64_t to)
{
    return self->noted == to && self->noted_turn == load_relaxed(&self->worker->turns);
}
/* Something was sent to one whose inbox is gated: is it flooded? */
void flow_note(struct cadre_self *self, uint64_t to);

/* May it be that the actor has to wait, before it handles what it has? */
static inline bool flow_may_rest(const struct cell *cell)
{
    const struct extras *extras = cell->extras;
    return unlikely(extras != NULL) &&
           unlikely(extras->slow_to || load_relaxed(&extras->muted_by));
}
/* Has it? Then its inbox will be poked. */
bool flow_rests(struct cadre_self *self, struct cell *cell, bool has_mail);

/* A measure of how much mail a worker has got: what came from others, and what its pool
 * had no block for, a chain or a stock at a time. */
static inline uint32_t flow_grown(const struct cadre_self *self)
{
    return self->pool.fills * 16 + self->worker->appetite.came;
}
/* Has more come than was looked at? */
static inline bool flow_is_due(const struct cadre_self *self)
{
    return unlikely((int32_t)(flow_grown(self) - self->looked) > 0);
}
/* Its turn has ended with mail left: is it flooded? */
void flow_survey(struct cadre_self *self, struct worker *worker, struct cell *cell);

static inline bool flow_is_flooded(const struct cell *cell)
{
    const struct gauge *gauge = extras_gauge(cell);
    return unlikely(gauge != NULL) && load_relaxed(&gauge->flooded); /* its own */
}
/* The turn of one that is flooded ends. True: it is low enough, and is flooded no more.
 * Inside, and inside again afterwards. */
bool flow_drained(struct cadre_self *self, struct cell *cell);
/* It is flooded no more: all that it has muted are let go. */
void flow_let_go(struct cadre_self *self, struct cell *cell);
/* The end of one that has extras begins: it waits for nobody, and nobody for it. */
void flow_end(struct cadre_self *self, struct cell *cell);

#endif
