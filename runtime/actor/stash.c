/* stash.c: messages set aside.
 *
 * Two queues: what is set aside, and what cadre_unstash() gave back, which the turn
 * handles before it looks into the mailbox again. */
#include "actor/stash.h"

#include "actor/send.h"

static struct envelope *take(struct fifo *queue)
{
    struct inbox_node *node = fifo_take(queue);
    return node ? envelope_of(letter_of(node)) : NULL;
}

int cadre_stash(cadre_self *self, cadre_msg *m)
{
    int err = self_check(self, "cadre_stash");
    if (!err)
        err = self_take_message(self, m, FATE_STASHED, "cadre_stash");
    if (err)
        return err;
    struct cell *cell = self_cell(self);
    err = extras_make(self, cell);
    if (err)
        self->fate = FATE_HANDLED; /* and its body is dropped */
    else
        fifo_append(&cell->extras->aside, &self->message->letter.node);
    return err;
}

void cadre_unstash(cadre_self *self)
{
    struct cell *cell = self_check(self, "cadre_unstash") ? NULL : self_cell(self);
    struct extras *extras = cell ? cell->extras : NULL;
    if (!extras)
        return;
    /* In front of what is still to come back: that came later. */
    struct fifo later = extras->back;
    extras->back = extras->aside;
    extras->aside.newest = NULL;
    fifo_append_fifo(&extras->back, &later);
    self->more = cell->task.odd = true;
}

struct envelope *stash_next(struct cell *cell) { return take(&cell->extras->back); }

void stash_end(struct cadre_self *self, struct cell *cell)
{
    struct envelope *e;
    while ((e = take(&cell->extras->back)) || (e = take(&cell->extras->aside)))
        send_dead(self, e, cell_address(cell), cell_class(cell), DEAD_STOPPED);
}
