/* envelope.h: a message in memory: header, body, drop.
 *
 * What stands in a mailbox begins with a letter. Its `to` says which life of the cell it
 * is for, in the form in which the cell's life word has it (cell.h), so that the receiver
 * can tell mail for itself from mail for the one that had its place before. Its four
 * lowest bits are 0 there; where they are not, the letter needs a closer look. */
#ifndef ACTOR_ENVELOPE_H
#define ACTOR_ENVELOPE_H

#include "queue/fifo.h"

#include <cadre/message.h>

#include <stdint.h>

enum letter_kind {
    /* Notes, of generation 0, which is no actor's. A cell has one, for both in turn. */
    NOTE_STOP = 1,  /* to itself: stop when you get here */
    NOTE_ENDED = 2, /* to its parent: I have ended */
    /* Beside a generation: behind the body stands a token. */
    LETTER_TOKEN = 8
};

struct letter {
    struct inbox_node node;
    uint32_t to;
    union {             /* of what begins with it */
        uint32_t place; /* an envelope: of its pool class, or POOL_PLACE_NONE */
        struct { /* a cell: nothing to do with its note, but here is room; see there */
            uint8_t phase;
            bool started, killed, stop_came;
        };
    };
};

struct envelope {
    struct letter letter;
    uint64_t from;
    const cadre_type *type;
    alignas(max_align_t) unsigned char body[];
};

static inline struct letter *letter_of(struct inbox_node *node)
{
    return container_of(node, struct letter, node);
}

static inline struct envelope *envelope_of(struct letter *letter)
{
    return container_of(letter, struct envelope, letter);
}

static inline size_t envelope_token_at(const cadre_type *type)
{
    return ((size_t)type->size + 7) & ~(size_t)7;
}

static inline size_t envelope_size(const cadre_type *type, bool with_token)
{
    return sizeof(struct envelope) +
           (with_token ? envelope_token_at(type) + sizeof(uint64_t) : type->size);
}

static inline bool envelope_has_token(const struct envelope *e)
{
    return plain_read(&e->letter.to) & LETTER_TOKEN;
}

static inline uint64_t *envelope_token(struct envelope *e)
{
    return (uint64_t *)(void *)(e->body + envelope_token_at(e->type));
}

/* Releases what a body owns; the caller sees to it that this happens once. */
static inline void body_drop(const cadre_type *type, void *body)
{
    if (type->drop)
        type->drop(body);
}

#endif
