/* stash.c: messages set aside.
 *
 * Two queues: what is set aside, and what cadre_unstash() gave back, which the turn
 * handles before it looks into the mailbox again. */
#include "actor/stash.h"

#include "actor/send.h"

static struct envelope *take(const struct cell *cell, struct fifo *queue)
{
    struct inbox_node *node = fifo_take(queue);
    if (!node)
        return NULL;
    extras_left(cell, letter_of(node));
    return envelope_of(letter_of(node));
}

static void set_aside(struct cell *cell, struct letter *letter)
{
    extras_back(cell, letter);
    fifo_append(&cell->extras->aside, &letter->node);
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
        set_aside(cell, &self->message->letter);
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
    self->more = true;
    cell->task.odd = ODD;
}

struct envelope *stash_next(struct cell *cell)
{
    return take(cell, &cell->extras->back);
}

void stash_end(struct cadre_self *self, struct cell *cell)
{
    struct envelope *e;
    while ((e = take(cell, &cell->extras->back)) ||
           (e = take(cell, &cell->extras->aside)))
        send_dead(self, e, cell_address(cell), cell_class(cell), DEAD_STOPPED);
}
