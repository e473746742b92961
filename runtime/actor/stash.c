/* stash.c: messages set aside.
 *
 * Two queues, made when first needed: what is set aside, and what cadre_unstash() gave
 * back, which the turn handles before it looks into the mailbox again. */
#include "actor/stash.h"

#include "actor/deadletter.h"

struct stash {
    struct fifo aside, back;
};

static struct envelope *take(struct fifo *queue)
{
    struct inbox_node *node = fifo_take(queue);
    return node ? envelope_of(letter_of(node)) : NULL;
}

static int make_stash(struct cadre_self *self, struct cell *cell)
{
    void *p;
    int err = cell->stash ? 0 : pool_get(&self->pool, &p, sizeof(struct stash));
    if (!err && !cell->stash) {
        cell->stash = p;
        *cell->stash = (struct stash){0};
    }
    return err;
}

int cadre_stash(cadre_self *self, cadre_msg *m)
{
    int err = self_check(self, "cadre_stash");
    if (!err)
        err = self_take_message(self, m, FATE_STASHED, "cadre_stash");
    if (err)
        return err;
    struct cell *cell = self_cell(self);
    err = make_stash(self, cell);
    if (err)
        self->fate = FATE_HANDLED; /* and its body is dropped */
    else
        fifo_append(&cell->stash->aside, &self->message->letter.node);
    return err;
}

void cadre_unstash(cadre_self *self)
{
    struct cell *cell = self_check(self, "cadre_unstash") ? NULL : self_cell(self);
    struct stash *stash = cell ? cell->stash : NULL;
    if (!stash)
        return;
    /* In front of what is still to come back: that came later. */
    struct fifo later = stash->back;
    stash->back = stash->aside;
    stash->aside.newest = NULL;
    fifo_append_fifo(&stash->back, &later);
    self->unstashed = cell->task.odd = true;
}

bool stash_has_next(const struct cell *cell)
{
    return cell->stash && cell->stash->back.newest;
}

struct envelope *stash_next(struct cell *cell) { return take(&cell->stash->back); }

void stash_end(struct cadre_self *self, struct cell *cell)
{
    struct envelope *e;
    while ((e = take(&cell->stash->back)) || (e = take(&cell->stash->aside)))
        deadletter(self, e, cell_address(cell), cell_class(cell), DEAD_STOPPED);
    pool_put(&self->pool, cell->stash, sizeof(struct stash));
    cell->stash = NULL;
}
