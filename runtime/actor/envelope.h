/* envelope.h: a message in memory: header, body, drop.
 *
 * What stands in a mailbox begins with a letter. Its `to` is the address it was sent to,
 * generation included, so that the receiver can tell mail for itself from mail for the
 * one that had its place before; small values are the runtime's own notes. */
#ifndef ACTOR_ENVELOPE_H
#define ACTOR_ENVELOPE_H

#include "queue/mpsc.h"

#include <cadre/message.h>

#include <stdint.h>

/* Notes: below every address. */
enum note {
    NOTE_START = 1, /* the first letter of every actor; from the pool */
    NOTE_STOP,      /* stop when you get here; the cell's own stop_note */
    NOTE_KILL,      /* look at your life word; the cell's own kill_note */
    NOTE_ENDED_A,   /* to the parent: I have ended; the child's stop_note ... */
    NOTE_ENDED_B,   /* ... or its kill_note */
    NOTE_KINDS
};

struct letter {
    struct mpsc_node node;
    uint64_t to;
};

struct envelope {
    struct letter letter;
    uint64_t from;
    const cadre_type *type;
    uint64_t token;
    alignas(max_align_t) unsigned char body[];
};

static inline struct letter *letter_of(struct mpsc_node *node)
{
    return container_of(node, struct letter, node);
}

static inline struct envelope *envelope_of(struct letter *letter)
{
    return container_of(letter, struct envelope, letter);
}

static inline size_t envelope_size(const cadre_type *type)
{
    return sizeof(struct envelope) + type->size;
}

/* Releases what a body owns; the caller sees to it that this happens once. */
static inline void body_drop(const cadre_type *type, void *body)
{
    if (type->drop)
        type->drop(body);
}

#endif
