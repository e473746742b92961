/* cell.h: one actor: mailbox, life word, state, place in the tree.
 *
 * Cells are type-stable: a cell stays a cell for the life of the system, and anybody may
 * push into its mailbox at any time. A free one is an idle actor that makes every letter
 * a dead letter, because no letter carries an address it accepts.
 *
 * The life word holds the generation, whether a stop or a kill was asked for, and the
 * reason. Asking is a CAS against the generation asked about, so it reaches the actor
 * meant or nobody. Whoever sets a bit also pushes that bit's note, once, to wake the
 * actor; the note is a part of the cell, so asking allocates nothing.
 *
 * At its end the actor retires: a CAS to the next generation, allowed once the notes of
 * all bits set have arrived, so that no part of a cell is in a mailbox it was not meant
 * for. The notice to the parent is one of the two notes, whichever is out of its own
 * mailbox; when the parent has put that behind it, the cell is free.
 *
 *   operation     by whom                      allowed beside
 *   cell_claim    whoever took the free cell   cell_halt, letters
 *   cell_halt     anybody                      everything
 *   cell_retire   the turn that ends it        cell_halt, letters
 *   the rest      the running turn             cell_halt, letters */
#ifndef ACTOR_CELL_H
#define ACTOR_CELL_H

#include "actor/envelope.h"
#include "base/atomic.h"
#include "queue/list.h"
#include "queue/mpsc.h"
#include "sched/task.h"

#include <cadre/actor.h>

enum { GENERATION_BITS = 28, GENERATION_MAX = (1 << GENERATION_BITS) - 1 };
enum { CELL_INLINE = 16 }; /* bytes of state inside the cell */

enum phase {
    PHASE_FREE,    /* no actor; or ended, and its notes are still to come */
    PHASE_RUNNING, /* from claim to end */
    PHASE_ENDING,  /* its children end first; takes no more messages */
    PHASE_LINGERS  /* has ended, waits for a note that is on its way */
};

/* Set by anybody, once per life. */
enum halt { HALT_STOP = 1, HALT_KILL = 2 };
/* Beside them: this generation is not born yet, so nothing can be asked of it. */
enum { LIFE_VACANT = 4 };

struct cell {
    /* First line: what a send and a turn touch. */
    struct mpsc mailbox;
    ATOMIC(uint64_t) life;  /* anybody by CAS: generation, halt bits, reason */
    uint64_t accepts;       /* own address while running, else 0; the turn's */
    cadre_receive *receive; /* the turn's, as all below */
    void *state;
    struct task task;
    /* Second line: what its birth, its end and its family touch. */
    const cadre_class *class; /* stays after the end, for the report */
    struct cell *parent;
    struct list children; /* of their siblings */
    struct list sibling;  /* the parent's turn */
    struct stash *stash;
    uint32_t slot; /* constant */
    uint8_t phase;
    bool late;        /* first letter is done with, but not yet out of the mailbox */
    bool started : 1; /* start returned 0, so stop is due */
    bool killed : 1;  /* the kill was obeyed */
    bool stop_came : 1;
    bool kill_came : 1;
    /* Third line. */
    struct letter stop_note, kill_note;
    uint32_t generation; /* of this life; stays until the next claim */
    int reason;
    void *free_next; /* free cells; whoever holds the list */
    alignas(max_align_t) unsigned char inline_state[CELL_INLINE];
};

/* Addresses: 8 bits system, 28 slot, 28 generation. */
static inline uint64_t address(uint64_t tag, uint32_t slot, uint32_t generation)
{
    return tag << 56 | (uint64_t)slot << GENERATION_BITS | generation;
}
static inline uint32_t address_slot(uint64_t id)
{
    return (uint32_t)(id >> GENERATION_BITS) & GENERATION_MAX;
}
static inline uint32_t address_generation(uint64_t id)
{
    return (uint32_t)id & GENERATION_MAX;
}
static inline uint32_t address_tag(uint64_t id) { return (uint32_t)(id >> 56); }

/* The life word: 28 bits generation, 4 bits halts, 32 bits reason. */
static inline uint64_t life_word(uint32_t generation, unsigned halts, int reason)
{
    return (uint64_t)generation << 36 | (uint64_t)halts << 32 | (uint32_t)reason;
}
static inline uint32_t life_generation(uint64_t life) { return (uint32_t)(life >> 36); }
static inline unsigned life_halts(uint64_t life) { return (life >> 32) & 15; }
static inline int life_reason(uint64_t life) { return (int)(uint32_t)life; }

/* Before its first use. */
void cell_init(struct cell *cell, uint32_t slot, uint32_t generation);

/* Makes a free cell somebody's mailbox again, with `start` as its first letter; the
 * caller runs it, or hands it on, until it goes idle. False: the last turn of its former
 * life is not quite over, try another cell. */
bool cell_claim(struct cell *cell, struct letter *start);

/* Asks this generation to stop or to be killed. True: it was idle, and the caller must
 * make it run. */
bool cell_halt(struct cell *cell, uint32_t generation, enum halt halt, int reason);

/* A note arrived in the running turn. */
void cell_note_came(struct cell *cell, enum note note);

/* Ends this life. False: a note is still on its way; ask again when it came. last: the
 * greatest generation there may be; a cell that had it is never used again. */
bool cell_retire(struct cell *cell, uint32_t last);

/* The note that tells the parent, once the cell has retired. */
struct letter *cell_notice(struct cell *cell);
/* The child that sent such a notice. */
struct cell *cell_of_notice(struct letter *notice);

#endif
