/* cell.c: one actor: mailbox, life word, state, place in the tree. */
#include "actor/cell.h"

#include <assert.h>

static_assert(sizeof(struct cell) == 2 * CACHE_LINE, "a cell is two lines");
static_assert(offsetof(struct cell, kind) == CACHE_LINE, "one line is hot");
static_assert(GENERATION_BITS < SLOT_BITS, "an address has room for a generation");

void cell_init(struct cell *cell, uint64_t id)
{
    *cell = (struct cell){.note.to = NOTE_STOP, .note.phase = PHASE_FREE};
    atomic_set(&cell->id, id);
    task_init(&cell->task);
    cell->task.odd = ODD;
    atomic_set(&cell->kind, NULL);
    atomic_set(&cell->life, life_word(address_generation(id), LIFE_VACANT, 0));
}

bool cell_claim(struct cell *cell, uint32_t worker)
{
    if (!task_claim(&cell->task, worker))
        return false;
    if (!inbox_is_empty(&cell->task.inbox)) { /* strays; their token comes yet */
        task_give(&cell->task, TASK_NOBODY);
        return false;
    }
    plain_write(&cell->task.scheduled, true); /* nobody else runs it while it is made */
    return true;
}

void cell_begin(struct cell *cell, const cadre_class *class, uint32_t parent)
{
    uint32_t generation = life_generation(load_relaxed(&cell->life)); /* ours alone */
    store_relaxed(&cell->id, address_of_life(cell_address(cell), generation));
    store_relaxed(&cell->kind, class);
    cell->receive = class->receive;
    store_relaxed(&cell->family.parent, parent);
    cell->family.child = cell->family.older = cell->family.younger = SLOT_NONE;
    cell->extras = NULL;
    plain_write(&cell->note.to, NOTE_STOP);
    cell->note.phase = PHASE_BORN;
    cell->note.started = cell->note.killed = cell->note.stop_came = false;
    /* Last. Nobody else writes a vacant word. */
    store_release(&cell->life, life_word(generation, 0, 0));
}

unsigned cell_halt(struct cell *cell, uint32_t generation, unsigned asked, int reason)
{
    uint64_t life = load_acquire(&cell->life), next;
    unsigned news;
    do {
        unsigned halts = life_halts(life);
        if (life_generation(life) != generation || halts & LIFE_VACANT)
            return 0;
        news = asked & ~(halts & HALT_KILL ? halts | HALT_STOP : halts);
        if (!news)
            return 0;
        bool has_reason = news & (HALT_STOP | HALT_KILL);
        next = life_word(generation, halts | news,
                         has_reason ? reason : life_reason(life));
    } while (!cas_acq_rel(&cell->life, &life, next));
    return news; /* the stop bit is ours: no end before its note has arrived */
}

bool cell_go_down(struct cell *cell)
{
    const unsigned done = HALT_KILL | (cell->note.stop_came ? HALT_STOP : 0);
    uint64_t life = load_acquire(&cell->life), next;
    do {
        unsigned halts = life_halts(life), left = halts & ~done;
        if (halts & HALT_FOR_GOOD)
            return false;
        /* A kill has written its reason over that of a stop. */
        int reason = left == halts ? life_reason(life) : 0;
        next = life_word(life_generation(life), left, reason);
    } while (!cas_acq_rel(&cell->life, &life, next));
    cell->note.started = cell->note.killed = cell->note.stop_came = false;
    cell->note.phase = PHASE_DOWN;
    uint32_t parent = load_relaxed(&cell->family.parent); /* nobody else writes it */
    store_relaxed(&cell->family.parent, parent ^ FAMILY_ODD);
    return true;
}

void cell_revive(struct cell *cell)
{
    uint64_t life = load_acquire(&cell->life), next;
    do {
        unsigned halts = life_halts(life);
        if (!(halts & HALT_KILL))
            return;
        next = life_word(life_generation(life), halts & ~(unsigned)HALT_KILL, 0);
    } while (!cas_acq_rel(&cell->life, &life, next));
}

bool cell_retire(struct cell *cell, uint32_t last)
{
    uint64_t life = load_acquire(&cell->life), next;
    do {
        if (life_halts(life) & HALT_STOP && !cell->note.stop_came)
            return false;
        uint32_t generation = life_generation(life);
        next = life_word(generation < last ? generation + 1 : 0, LIFE_VACANT, 0);
    } while (!cas_acq_rel(&cell->life, &life, next));
    cell->note.phase = PHASE_FREE;
    return true;
}
