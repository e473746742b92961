/* urgent.h: messages that go before others.
 *
 * An actor with levels takes them out of its mail as it comes, and puts them behind what
 * is to be taken before the mailbox anyway, what it has set aside and got back (stash.h).
 * So each level is first in, first out. Its turns never have a usual part (turn.h). */
#ifndef ACTOR_URGENT_H
#define ACTOR_URGENT_H

#include "actor/extras.h"

/* Takes urgent letters out of the mailbox of such a one, behind this one; NULL: all.
 * Inside. */
void urgent_pick(struct cell *cell, struct inbox_node *before);

/* Does it take them first? While it ends all wait in one order for what becomes of
 * them. */
static inline bool urgent_has_levels(const struct cell *cell)
{
    const struct extras *extras = cell_extras(cell);
    return unlikely(extras != NULL) && extras->has_levels &&
           cell_phase(cell) <= PHASE_RUNNING;
}
static inline bool urgent_goes_first(const struct cell *cell, struct letter *letter)
{
    return urgent_has_levels(cell) && letter_is_urgent(letter);
}

/* cell_take_mail, and what is urgent goes first. */
static inline void urgent_take_mail(struct cell *cell, struct worker *owner,
                                    struct inbox_node *tag)
{
    struct inbox_node *before = plain_read(&cell->mailbox.newest);
    cell_take_mail(cell, owner, tag);
    if (unlikely(cell->task.odd == ODD) && urgent_has_levels(cell))
        urgent_pick(cell, before);
}

/* What the others have sent goes before what the owner puts in. */
static inline void urgent_catch_up(struct cell *cell, struct worker *owner)
{
    if (unlikely(inbox_has_nodes(&cell->task.inbox)))
        urgent_take_mail(cell, owner, INBOX_AWAKE);
}

/* Where the owner puts in this one. */
static CC_INLINE struct fifo *urgent_queue(struct cell *cell, struct letter *letter)
{
    return unlikely(cell->task.odd == ODD) && urgent_goes_first(cell, letter)
               ? &cell->extras->back
               : &cell->mailbox;
}

#endif
