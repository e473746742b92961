/* envelope.h: a message in memory: header, body, drop.
 *
 * What stands in a mailbox begins with a letter. Its `to` is the address it was sent to,
 * generation included, so that the receiver can tell mail for itself from mail for the
 * one that had its place before; other values are the runtime's own notes. */
#ifndef ACTOR_ENVELOPE_H
#define ACTOR_ENVELOPE_H

#include "queue/fifo.h"

#include <cadre/message.h>

#include <stdint.h>

/* Notes: without a system's tag, and of generation 0, so that they are no address, not
 * even of a cell that accepts nothing. A cell has one note, for both kinds in turn. */
enum note {
    NOTE_STOP = 1 << 28, /* to itself: stop when you get here */
    NOTE_ENDED = 2 << 28 /* to its parent: I have ended */
};

struct letter {
    struct inbox_node node;
    uint64_t to;
};

struct envelope {
    struct letter letter;
    uint64_t from;
    const cadre_type *type;
    uint64_t token;
    uint32_t pool_class; /* or ENVELOPE_FROM_HEAP */
    alignas(max_align_t) unsigned char body[];
};
#define ENVELOPE_FROM_HEAP UINT32_MAX

static inline struct letter *letter_of(struct inbox_node *node)
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
