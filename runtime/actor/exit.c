/* exit.c: the end of an actor: children first, then itself, then its slot.
 *
 * An end takes several turns: the children are asked, each of them does the same with
 * its own, and each sends its parent a notice when it is through. No recursion, however
 * deep the tree; no allocation, however short the memory. All of it happens in the
 * ending actor's own turns, so nothing here is shared but the mailboxes.
 *
 *   running -- exit_begin --> ending -- last child's notice --> stop() is called
 *     --> watchers are told; retired (slot free for its next generation, the parent is
 *         told), or lingering until the note of a stop that is on its way has arrived;
 *         or, kept by its parent, down until that restarts it, or ends it for good
 *         (keep.h): then it goes on like any other */
#include "actor/exit.h"

#include "actor/account.h"
#include "actor/arena.h"
#include "actor/await.h"
#include "actor/family.h"
#include "actor/flow.h"
#include "actor/fork.h"
#include "actor/keep.h"
#include "actor/op.h"
#include "actor/process.h"
#include "actor/register.h"
#include "actor/send.h"
#include "actor/stash.h"
#include "actor/watch.h"
#include "base/panic.h"

#include <errno.h>

static void free_state(struct cadre_self *self, struct cell *cell)
{
    size_t size = cell_class(cell)->state_size;
    if (size > CELL_INLINE)
        pool_put(&self->pool, cell->state, size);
}

static void retire(struct cadre_self *self, struct cell *cell)
{
    struct world *world = self->world;
    struct cell *parent = family_find(&world->table, cell_parent(cell));
    int reason = cell->reason; /* before the cell may be somebody else's */
    if (!cell_retire(cell, table_last_generation(&world->table, cell_slot(cell)))) {
        cell->note.phase = PHASE_LINGERS;
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

/* What comes from here on becomes dead letters, however much it is. */
static void end_limit(struct cell *cell)
{
    struct gauge *gauge = cell->extras->gauge;
    if (!gauge)
        return;
    gauge_close(gauge);
    inbox_gate(&cell->task.inbox, false);
}

static CC_INLINE void end_for_good(struct cadre_self *self, struct cell *cell)
{
    free_state(self, cell);
    if (cell->extras) {
        process_free(self, cell->extras->process);
        keep_end(self, cell);
        account_close(self, cell->extras->account);
        cell->extras->account = NULL;
    }
    watch_mark(self, cell);
    if (cell->extras) {
        end_limit(cell);
        watch_tell(self, cell);
        extras_end(self, cell);
    }
    retire(self, cell);
}

/* What was set aside waits for the next one, or becomes dead letters. */
static void put_away(struct cadre_self *self, struct cell *cell)
{
    if (!keep_saves(self, cell))
        stash_end(self, cell);
}

static void finish(struct cadre_self *self, struct cell *cell)
{
    world_trace(self->world, UINT64_C(0xe0d) ^ (uint64_t)(uint32_t)cell->reason);
    self->message = NULL;
    if (cell->reason != 0)
        self_note(self, EVENT_END, cell_address(cell), (uint32_t)cell->reason, NULL);
    if (cell->note.started && cell_class(cell)->stop)
        cell_class(cell)->stop(self, cell->state, cell->reason);
    if (unlikely(self->forked))
        fork_end(self);
    if (cell->extras) {
        put_away(self, cell); /* a handler that waited may have set more aside */
        register_end(self, cell);
        arena_end(self, cell);
    }
    if (cell->extras && keep_goes_down(self, cell))
        watch_tell_links(self, cell);
    else
        end_for_good(self, cell);
}

static CC_INLINE bool is_due(const struct cell *cell)
{
    if (cell_phase(cell) != PHASE_ENDING || !family_is_empty(cell))
        return false;
    const struct extras *extras = cell->extras;
    return likely(!extras) || !(extras->waits || extras->ports || process_lives(cell));
}

bool exit_is_due(const struct cell *cell) { return is_due(cell); }

void exit_finish(struct cadre_self *self) { finish(self, self_cell(self)); }

void exit_released(struct cadre_self *self)
{
    world_trace(self->world, UINT64_C(0x90d));
    self->message = NULL;
    end_for_good(self, self_cell(self));
}

/* A system that closes stops everything in order; it kills as ever. */
static bool closes(const struct cadre_self *self)
{
    return load_relaxed(&self->world->closing); /* the root's stop comes after it */
}

/* In order: only the youngest. Asking again is no harm. */
static void ask_children(struct cadre_self *self, struct cell *cell, enum halt halt)
{
    const struct world *world = self->world;
    struct cell *child = family_find(&world->table, cell->family.child);
    const bool wants_order = cell->extras && cell->extras->in_order;
    const bool in_order = wants_order || (halt == HALT_STOP && closes(self));
    if (wants_order)
        cell->extras->at_once = halt == HALT_KILL;
    for (; child; child = family_find(&world->table, child->family.older)) {
        unsigned halts = halt | (cell_is_kept(child) ? HALT_FOR_GOOD : 0u);
        /* It may have ended; then this reaches nobody, and its notice is on its way. */
        send_halt(self->world, self, cell_address(child), halts, CADRE_EPARENT);
        if (in_order)
            return;
    }
}

void exit_begin(struct cadre_self *self, int reason, enum exit_manner manner)
{
    struct cell *cell = self_cell(self);
    if (cell_phase(cell) != PHASE_RUNNING)
        return;
    cell->note.phase = PHASE_ENDING;
    cell->task.odd = ODD;
    cell->reason = reason;
    if (cell_parent(cell) == SLOT_NONE)
        store_seq(&self->world->stopping, true);
    if (unlikely(cell->extras)) {
        flow_end(self, cell);
        put_away(self, cell);
        ops_end(self, cell, reason);
        await_give_back(self, cell); /* and is worked off as mail of any who ends */
        cell->extras->closed = NULL;
        if (cell->extras->process)
            process_end(self, cell->extras->process, manner == EXIT_GENTLY, reason);
    }
    if (is_due(cell))
        finish(self, cell);
    else
        ask_children(self, cell, manner == EXIT_GENTLY ? HALT_STOP : HALT_KILL);
}

void exit_killed(struct cadre_self *self)
{
    struct cell *cell = self_cell(self);
    if (cell->note.killed || cell_phase(cell) == PHASE_DOWN) /* the next one's end */
        return;
    cell->note.killed = true;
    int reason = life_reason(load_relaxed(&cell->life)); /* set with the bit we saw */
    self_note(self, EVENT_KILL, cell_address(cell), (uint32_t)reason, NULL);
    if (cell_phase(cell) == PHASE_RUNNING) {
        exit_begin(self, reason, EXIT_AT_ONCE);
    } else if (cell_phase(cell) == PHASE_ENDING) {
        if (cell->reason == 0)
            cell->reason = reason; /* else the first one counts */
        if (process_of(cell))
            process_kill(cell->extras->process);
        ask_children(self, cell, HALT_KILL);
    }
}

/* One of the children has ended. To stop one that was killed does no harm. */
static void ask_next(struct cadre_self *self, struct cell *cell)
{
    if (cell->extras && cell->extras->in_order)
        ask_children(self, cell, cell->extras->at_once ? HALT_KILL : HALT_STOP);
    else if (closes(self) && !cell->note.killed)
        ask_children(self, cell, HALT_STOP);
}

static void child_ended(struct cadre_self *self, struct cell *child)
{
    struct world *world = self->world;
    struct cell *cell = self_cell(self);
    family_remove(&world->table, child);
    table_put(&world->table, &self->cells, child);
    if (is_due(cell))
        finish(self, cell);
    else if (cell_phase(cell) == PHASE_ENDING)
        ask_next(self, cell);
}

static void stop_came(struct cadre_self *self)
{
    struct cell *cell = self_cell(self);
    self_note(self, EVENT_STOP, cell_address(cell), 0, NULL);
    cell->note.stop_came = true;
    if (cell_phase(cell) == PHASE_RUNNING)
        exit_begin(self, life_reason(load_relaxed(&cell->life)), EXIT_GENTLY);
    else if (cell_phase(cell) == PHASE_LINGERS)
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

int cadre_stop(cadre_self *self, cadre_ref who)
{
    int err = self_check(self, "cadre_stop");
    if (!err)
        send_halt(self->world, self, who.id, HALT_STOP, 0);
    return err;
}

int cadre_kill(cadre_self *self, cadre_ref who, int reason)
{
    int err = self_check(self, "cadre_kill");
    if (err)
        return err;
    if (reason > 0)
        return world_misuse(self->world, -EINVAL, "cadre_kill: reason %d is positive",
                            reason);
    send_halt(self->world, self, who.id, HALT_KILL, reason ? reason : CADRE_EKILLED);
    return 0;
}
