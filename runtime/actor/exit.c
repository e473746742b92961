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

#include "actor/family.h"
#include "actor/send.h"
#include "actor/stash.h"
#include "base/panic.h"

static void free_state(struct cadre_self *self, struct cell *cell)
{
    size_t size = cell_class(cell)->state_size;
    if (size > CELL_INLINE)
        pool_put(&self->pool, cell->outer_state, size);
}

static void retire(struct cadre_self *self, struct cell *cell)
{
    struct world *world = self->world;
    struct cell *parent = family_find(&world->table, cell->family.parent);
    int reason = cell->reason; /* before the cell may be somebody else's */
    if (!cell_retire(cell, world->table.last_generation)) {
        cell->phase = PHASE_LINGERS;
        return;
    }
    counter_add(&self->ended, 1);
    if (!parent) {
        world->root_ended(world, reason);
    } else {
        plain_write(&cell->note.to, NOTE_ENDED);
        send_letter(world, self, parent, &cell->note);
    }
}

static void finish(struct cadre_self *self, struct cell *cell)
{
    world_trace(self->world, UINT64_C(0xe0d) ^ (uint64_t)(uint32_t)cell->reason);
    if (cell->started && cell_class(cell)->stop)
        cell_class(cell)->stop(self, cell_state(cell), cell->reason);
    free_state(self, cell);
    retire(self, cell);
}

static void ask_children(struct cadre_self *self, struct cell *cell, enum halt halt)
{
    const struct world *world = self->world;
    struct cell *child = family_find(&world->table, cell->family.child);
    for (; child; child = family_find(&world->table, child->family.older))
        /* It may have ended; then this reaches nobody, and its notice is on its way. */
        send_halt(self->world, self, cell_address(world, child), halt, CADRE_EPARENT);
}

void exit_begin(struct cadre_self *self, int reason, enum exit_manner manner)
{
    struct cell *cell = self->cell;
    if (cell->phase != PHASE_RUNNING)
        return;
    cell->phase = PHASE_ENDING;
    cell_close(cell);
    cell->reason = reason;
    if (cell->family.parent == SLOT_NONE)
        store_seq(&self->world->stopping, true);
    stash_end(self, cell);
    ask_children(self, cell, manner == EXIT_GENTLY ? HALT_STOP : HALT_KILL);
    if (family_is_empty(cell))
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

static void child_ended(struct cadre_self *self, struct cell *child)
{
    struct world *world = self->world;
    struct cell *cell = self->cell;
    family_remove(&world->table, child);
    table_put(&world->table, &self->cells, child);
    if (cell->phase == PHASE_ENDING && family_is_empty(cell))
        finish(self, cell);
}

static void stop_came(struct cadre_self *self)
{
    struct cell *cell = self->cell;
    cell->stop_came = true;
    if (cell->phase == PHASE_RUNNING)
        exit_begin(self, life_reason(load_relaxed(&cell->life)), EXIT_GENTLY);
    else if (cell->phase == PHASE_LINGERS)
        retire(self, cell);
}

void exit_note(struct cadre_self *self, struct letter *note)
{
    invariant(note->to == NOTE_STOP || note->to == NOTE_ENDED);
    if (note->to == NOTE_ENDED)
        child_ended(self, container_of(note, struct cell, note));
    else
        stop_came(self);
}
