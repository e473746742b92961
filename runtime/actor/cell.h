/* cell.h: one actor: mailbox, life word, state, place in the tree.
 *
 * Cells are type-stable: a cell stays a cell for the life of the system, and anybody may
 * push into its inbox at any time. A free one is an idle actor that makes every letter a
 * dead letter.
 *
 * The life word holds the generation, whether a stop or a kill was asked for, and the
 * reason. Its upper half is what a letter carries that is meant for this life; so one
 * comparison says that a letter is and that nobody has asked for an end, which is all
 * that a running actor wants to know. Asking is a CAS against the generation asked about,
 * so it reaches the actor meant or nobody. Whoever sets the stop bit also sends the
 * cell's note, which has its place among the messages; a kill is seen in the word, so the
 * actor is only woken. The note is a part of the cell: asking allocates nothing.
 *
 * At its end the actor retires: a CAS to the next generation, allowed once the note of a
 * stop that was asked for has arrived. The note then carries the news to the parent;
 * when that has put it behind it, the cell is free.
 *
 * One that its parent keeps (keep.h) goes down instead, as long as nobody has set the bit
 * HALT_FOR_GOOD, which is the parent's to set. That is a CAS within the generation: it
 * takes away a kill, and the stop whose note is at home. A stop bit that stays has its
 * note among the letters that wait; a kill that has found it down is taken away when its
 * parent restarts it: there was nobody to be killed. So between the
 * two CASes of the same parent nobody retires it, and of those who ask for an end each
 * has asked for the end of the one that ran, or of the one that will.
 *
 *   operation     by whom                              allowed beside
 *   cell_claim    whoever took the free cell, inside   cell_halt, letters
 *   cell_halt     anybody; for good: its parent's turn everything
 *   cell_go_down  the turn that ends it                cell_halt, letters
 *   cell_revive   its parent's turn, while it is down  cell_halt, letters
 *   cell_retire   the turn that ends it                cell_halt, letters
 *   mailbox       the owner, inside its bias           letters
 *   the rest      the running turn                     cell_halt, letters */
#ifndef ACTOR_CELL_H
#define ACTOR_CELL_H

#include "actor/envelope.h"
#include "base/atomic.h"
#include "queue/fifo.h"
#include "sched/worker.h"

#include <cadre/actor.h>

/* task.odd: 0, or anything may have to be done before a message is handled; or what waits
 * is counted, and what is too much is dropped; or it is looked at when the turn is over;
 * or it is counted, and no more: the one that is negative, as 8 bits. */
enum { ODD = true, ODD_TRIMS, ODD_FLOODED, ODD_COUNTS = 128 };

/* Of an address. A letter has room for one bit less of a generation. */
enum {
    SLOT_BITS = 28,
    SLOT_MAX = (1 << SLOT_BITS) - 1,
    GENERATION_BITS = 32 - LETTER_BITS,
    GENERATION_MAX = (1 << GENERATION_BITS) - 1
};
enum { CELL_INLINE = 16 }; /* bytes of state inside the cell */
#define SLOT_NONE UINT32_MAX

/* Only a running cell handles messages. */
enum phase {
    PHASE_FREE,    /* no actor; or ended, and its note is still with the parent */
    PHASE_BORN,    /* start was not called yet */
    PHASE_RUNNING, /* from start to end */
    PHASE_ENDING,  /* its children end first */
    PHASE_LINGERS, /* has ended, waits for the note of a stop that is on its way */
    PHASE_DOWN     /* kept: has ended, and waits for its parent's decision */
};

/* Set by anybody, once until the actor has ended; the last one by its parent alone, once
 * per life: one that is kept does not stay down. */
enum halt { HALT_STOP = 1, HALT_KILL = 2, HALT_FOR_GOOD = 8 };
/* Beside them: this generation is not born yet, so nothing can be asked of it. */
enum { LIFE_VACANT = 4 };

/* Slots of relatives, or SLOT_NONE. The parent's turn. */
struct family {
    /* Constant, but for the bits above: FAMILY_KEPT is set before the first turn, the
     * other one is the turn's. Atomic because whoever has an old address may look whose
     * child is there now. */
    ATOMIC(uint32_t) parent;
    uint32_t child; /* the youngest */
    uint32_t older, younger;
};
/* Above the slot. ODD: whoever is kept has gone down an odd number of times. */
enum { FAMILY_KEPT = SLOT_MAX + 1, FAMILY_ODD = 2 * FAMILY_KEPT };

struct cell {
    /* First line: what a send and a turn touch. task.odd: its next turn begins with
     * something else than a message to a running actor. */
    struct task task;
    struct fifo mailbox;
    ATOMIC(uint64_t) life; /* anybody by CAS: generation, halt bits, reason */
    /* Its address. The maker's; others read it while the actor lives, and ask who is
     * stuck. */
    ATOMIC(uint64_t) id;
    union {                     /* the turn's */
        cadre_receive *receive; /* until its end begins ... */
        int reason;             /* ... and then why */
    };
    void *state; /* here or elsewhere; NULL: none. Constant */
    /* Second line: what its birth, its end and its family touch. */
    /* Stays after the end, for the report. As id. */
    ATOMIC(const cadre_class *) kind;
    struct family family;
    union {
        struct extras *extras; /* or NULL */
        struct cell *free_next;
    };
    /* In it: started: start returned 0, so stop is due; killed: the kill was obeyed;
     * stop_came: so the note is at home. All three: since it was last down. */
    struct letter note;
    alignas(max_align_t) unsigned char inline_state[CELL_INLINE];
};

/* Addresses: 8 bits system, 28 slot, one that is 0, 27 generation. */
static inline uint64_t address(uint64_t tag, uint32_t slot, uint32_t generation)
{
    return tag << 56 | (uint64_t)slot << SLOT_BITS | generation;
}
static inline uint32_t address_slot(uint64_t id)
{
    return (uint32_t)(id >> SLOT_BITS) & SLOT_MAX;
}
static inline uint32_t address_generation(uint64_t id)
{
    return (uint32_t)id & GENERATION_MAX;
}
static inline uint32_t address_tag(uint64_t id) { return (uint32_t)(id >> 56); }
/* The same place in another life. */
static inline uint64_t address_of_life(uint64_t id, uint32_t generation)
{
    return (id & ~(uint64_t)GENERATION_MAX) | generation;
}

/* The life word: 27 bits generation, one that is 0, 4 bits halts, 32 bits reason. */
static inline uint64_t life_word(uint32_t generation, unsigned halts, int reason)
{
    return (uint64_t)generation << (32 + LETTER_BITS) | (uint64_t)halts << 32 |
           (uint32_t)reason;
}
static inline uint32_t life_generation(uint64_t life)
{
    return (uint32_t)(life >> (32 + LETTER_BITS));
}
static inline unsigned life_halts(uint64_t life) { return (life >> 32) & 15; }
static inline int life_reason(uint64_t life) { return (int)(uint32_t)life; }

/* What a letter to this address carries. */
static inline uint32_t address_letter(uint64_t id)
{
    return (uint32_t)id << LETTER_BITS;
}
/* The generation that a letter is for. */
static inline uint32_t letter_generation(const struct letter *letter)
{
    return plain_read(&letter->to) >> LETTER_BITS;
}

static inline uint64_t cell_address(const struct cell *cell)
{
    return load_relaxed(&cell->id);
}
static inline uint32_t cell_slot(const struct cell *cell)
{
    return address_slot(cell_address(cell));
}
/* Whom a letter that stands in this cell's mailbox was sent to. */
static inline uint64_t cell_letter_address(const struct cell *cell,
                                           const struct letter *letter)
{
    return address_of_life(cell_address(cell), letter_generation(letter));
}

static inline const cadre_class *cell_class(const struct cell *cell)
{
    return load_relaxed(&cell->kind);
}

/* Is it a plain message to this life, and has nobody asked for its end? */
static CC_INLINE bool cell_takes(const struct cell *cell, const struct letter *letter)
{
    return upper_is32_acquire(&cell->life, plain_read(&letter->to));
}

/* Does it do nothing, and wait for nothing but a message? Then the mailbox is empty: what
 * is not scheduled and has mail has a token somewhere, and so an inbox that is not EMPTY;
 * or it is odd. The owner's, inside. */
static CC_INLINE bool cell_is_idle(const struct cell *cell)
{
    return task_is_just(&cell->task, false) && inbox_is_empty(&cell->task.inbox);
}

/* The owner takes over what the others have sent, and leaves this tag. */
static inline void cell_take_mail(struct cell *cell, struct worker *owner,
                                  struct inbox_node *tag)
{
    struct inbox_node *mail = inbox_take(&cell->task.inbox, tag);
    appetite_note_mail(&owner->appetite, fifo_append_inbox(&cell->mailbox, mail));
}

static inline uint8_t cell_phase(const struct cell *cell) { return cell->note.phase; }

/* Its parent's slot, or SLOT_NONE. */
static inline uint32_t cell_parent(const struct cell *cell)
{
    uint32_t parent = load_relaxed(&cell->family.parent);
    return parent == SLOT_NONE ? parent : parent & SLOT_MAX;
}
static inline bool cell_is_kept(const struct cell *cell)
{
    uint32_t parent = load_relaxed(&cell->family.parent);
    return parent != SLOT_NONE && parent & FAMILY_KEPT;
}
/* Changes when a kept one goes down, before anybody is told; so whoever has looked knows,
 * when it looks again, whether it is another one that runs there. Relaxed: who knows of
 * the end, by whatever message, sees it. */
static inline bool cell_is_odd(const struct cell *cell)
{
    return load_relaxed(&cell->family.parent) & FAMILY_ODD;
}
/* Does it end, or stay where it has ended, for good? */
static inline bool cell_ends_for_good(const struct cell *cell)
{
    /* Relaxed: the word says all there is to know. */
    return life_halts(load_relaxed(&cell->life)) & HALT_FOR_GOOD;
}

/* In whatever phase; NULL: none. */
static inline struct extras *cell_extras(const struct cell *cell)
{
    return cell_phase(cell) == PHASE_FREE ? NULL : cell->extras;
}

/* Before its first use. */
void cell_init(struct cell *cell, uint64_t id);

/* Makes a free cell the worker's, to be filled in and then scheduled. False: the last
 * turn of its former life is not quite over, or it still has mail; try another one. */
bool cell_claim(struct cell *cell, uint32_t worker);
/* Its new life begins: from here on it can be asked to stop. */
void cell_begin(struct cell *cell, const cadre_class *class, uint32_t parent);

/* Asks this generation for these. Returns those that were news: the caller must send the
 * note (HALT_STOP is among them), or wake the actor (else). A stop is none where a kill
 * was asked for. */
unsigned cell_halt(struct cell *cell, uint32_t generation, unsigned halts, int reason);

/* Ends what ran in a kept one, and leaves it its address. False: it ends for good. */
bool cell_go_down(struct cell *cell);

/* It starts again: a kill that has found it down is over. Its parent's turn's. */
void cell_revive(struct cell *cell);

/* Ends this life. False: the note of a stop is still on its way; ask again when it came.
 * last: the greatest generation there may be; a cell that had it is never used again. */
bool cell_retire(struct cell *cell, uint32_t last);

#endif
