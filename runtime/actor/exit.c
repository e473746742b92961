/* exit.c: the end of an actor: children first, then itself, then its slot.
 *
 * An end takes several turns: the children are asked, each of them does the same with
 * its own, and each sends its parent a notice when it is through. No recursion, however
 * deep the tree; no allocation, however short the memory. All of it happens in the
 * ending actor's own turns, so nothing here is shared but the mailboxes.
 *
 *   running -- exit_begin --> ending -- last child's notice --> stop() is called
 *     --> retired (slot free for its next generation, the parent is told),
 *         or lingering until a stop or kill note that is on its way has arrived */
#include "actor/exit.h"

#include "actor/deadletter.h"
#include "actor/send.h"
#include "actor/stash.h"
#include "base/panic.h"

static void free_state(struct cadre_self *self, struct cell *cell)
{
    if (cell->state && cell->state != cell->inline_state)
        pool_put(&self->pool, cell->state, cell->class->state_size);
    cell->state = NULL;
}

static void retire(struct cadre_self *self, struct cell *cell)
{
    struct world *world = self->world;
    struct cell *parent = cell->parent;
    if (!cell_retire(cell, world->table.last_generation)) {
        cell->phase = PHASE_LINGERS;
        return;
    }
    counter_add(&self->ended, 1);
    if (!parent)
        world->root_ended(world, cell->reason);
    else if (mpsc_push(&parent->mailbox, &cell_notice(cell)->node))
        send_wake(self, parent);
}

static void finish(struct cadre_self *self, struct cell *cell)
{
    world_trace(self->world, UINT64_C(0xe0d) ^ (uint64_t)(uint32_t)cell->reason);
    if (cell->started && cell->class->stop)
        cell->class->stop(self, cell->state, cell->reason);
    free_state(self, cell);
    retire(self, cell);
}

static void ask_children(struct cadre_self *self, struct cell *cell, enum halt halt)
{
    for (struct list *l = cell->children.next; l != &cell->children; l = l->next) {
        struct cell *child = container_of(l, struct cell, sibling);
        /* It may have ended; then this reaches nobody, and its notice is on its way. */
        if (cell_halt(child, child->generation, halt, CADRE_EPARENT))
            send_wake(self, child);
    }
}

void exit_begin(struct cadre_self *self, int reason, enum exit_manner manner)
{
    struct cell *cell = self->cell;
    if (cell->phase != PHASE_RUNNING)
        return;
    cell->phase = PHASE_ENDING;
    plain_write(&cell->accepts, 0);
    cell->reason = reason;
    if (!cell->parent)
        store_seq(&self->world->stopping, true);
    stash_end(self, cell);
    ask_children(self, cell, manner == EXIT_GENTLY ? HALT_STOP : HALT_KILL);
    if (list_is_empty(&cell->children))
        finish(self, cell);
}

void exit_killed(struct cadre_self *self)
{
    struct cell *cell = self->cell;
    if (cell->killed)
        return;
    cell->killed = true;
    int reason = life_reason(load_relaxed(&cell->life)); /* set with the bit we saw */
    if (cell->phase == PHASE_RUNNING) {
        exit_begin(self, reason, EXIT_AT_ONCE);
    } else if (cell->phase == PHASE_ENDING) {
        if (cell->reason == 0)
            cell->reason = reason; /* else the first one counts */
        ask_children(self, cell, HALT_KILL);
    }
}

static void child_ended(struct cadre_self *self, struct letter *notice)
{
    struct cell *cell = self->cell;
    list_remove(&cell_of_notice(notice)->sibling);
    if (cell->phase == PHASE_ENDING && list_is_empty(&cell->children))
        finish(self, cell);
}

void exit_note(struct cadre_self *self, struct letter *note)
{
    struct cell *cell = self->cell;
    switch ((enum note)note->to) {
    case NOTE_ENDED_A:
    case NOTE_ENDED_B:
        child_ended(self, note);
        break;
    case NOTE_STOP:
    case NOTE_KILL:
        cell_note_came(cell, (enum note)note->to);
        if (note->to == NOTE_STOP && cell->phase == PHASE_RUNNING)
            exit_begin(self, life_reason(load_relaxed(&cell->life)), EXIT_GENTLY);
        else if (cell->phase == PHASE_LINGERS)
            retire(self, cell);
        break;
    default:
        invariant(false);
    }
}
