/* cell.c: one actor: mailbox, life word, state, place in the tree. */
#include "actor/cell.h"

#include "base/panic.h"

#include <assert.h>

static_assert(sizeof(struct cell) == 3 * CACHE_LINE, "a cell is three lines");
static_assert(offsetof(struct cell, class) == CACHE_LINE, "one line is hot");

void cell_init(struct cell *cell, uint32_t slot, uint32_t generation)
{
    *cell = (struct cell){.slot = slot};
    mpsc_init(&cell->mailbox);
    atomic_set(&cell->life, life_word(generation, LIFE_VACANT, 0));
    list_init(&cell->children);
    list_init(&cell->sibling);
}

bool cell_claim(struct cell *cell, struct letter *start)
{
    plain_write(&start->to, NOTE_START);
    if (!mpsc_claim(&cell->mailbox, &start->node))
        return false;
    plain_write(&cell->phase, PHASE_RUNNING);
    plain_write(&cell->late, false);
    cell->generation = life_generation(load_relaxed(&cell->life)); /* ours alone */
    cell->started = cell->killed = false;
    cell->stop_came = cell->kill_came = false;
    plain_write(&cell->stop_note.to, NOTE_STOP);
    plain_write(&cell->kill_note.to, NOTE_KILL);
    cell->stash = NULL;
    /* Last: from here on it can be asked to stop. Nobody else writes a vacant word. */
    store_release(&cell->life, life_word(cell->generation, 0, 0));
    return true;
}

bool cell_halt(struct cell *cell, uint32_t generation, enum halt halt, int reason)
{
    uint64_t life = load_acquire(&cell->life), asked;
    do {
        unsigned halts = life_halts(life);
        if (life_generation(life) != generation ||
            halts & (halt | HALT_KILL | LIFE_VACANT))
            return false;
        asked = life_word(generation, halts | halt, reason);
    } while (!cas_acq_rel(&cell->life, &life, asked));
    /* The bit is ours: the cell does not retire before this note has arrived. */
    struct letter *note = halt == HALT_STOP ? &cell->stop_note : &cell->kill_note;
    return mpsc_push(&cell->mailbox, &note->node);
}

void cell_note_came(struct cell *cell, enum note note)
{
    if (note == NOTE_STOP)
        cell->stop_came = true;
    else if (note == NOTE_KILL)
        cell->kill_came = true;
}

static bool note_is_on_its_way(const struct cell *cell, unsigned halts)
{
    return (halts & HALT_STOP && !cell->stop_came) ||
           (halts & HALT_KILL && !cell->kill_came);
}

bool cell_retire(struct cell *cell, uint32_t last)
{
    uint64_t life = load_acquire(&cell->life), next;
    do {
        if (note_is_on_its_way(cell, life_halts(life)))
            return false;
        uint32_t generation = life_generation(life);
        next = life_word(generation < last ? generation + 1 : 0, LIFE_VACANT, 0);
    } while (!cas_acq_rel(&cell->life, &life, next));
    plain_write(&cell->phase, PHASE_FREE);
    return true;
}

struct letter *cell_notice(struct cell *cell)
{
    /* One that is not in hand: it came before, or never comes any more. */
    bool use_kill = mpsc_first(&cell->mailbox) != &cell->kill_note.node;
    struct letter *notice = use_kill ? &cell->kill_note : &cell->stop_note;
    plain_write(&notice->to, use_kill ? NOTE_ENDED_B : NOTE_ENDED_A);
    return notice;
}

struct cell *cell_of_notice(struct letter *notice)
{
    return plain_read(&notice->to) == NOTE_ENDED_A
               ? container_of(notice, struct cell, stop_note)
               : container_of(notice, struct cell, kill_note);
}
