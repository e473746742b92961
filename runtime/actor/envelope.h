/* envelope.h: a message in memory: header, body, drop.
 *
 * What stands in a mailbox begins with a letter. Its `to` says which life of the cell it
 * is for, in the form in which the cell's life word has it (cell.h), so that the receiver
 * can tell mail for itself from mail for the one that had its place before. Its lowest
 * bits are 0 there; where they are not, the letter needs a closer look: they say what it
 * is. One of them is set in all of these, and never in a life word: so a letter that is
 * equal to the upper half of one is a plain message. */
#ifndef ACTOR_ENVELOPE_H
#define ACTOR_ENVELOPE_H

#include "queue/fifo.h"

#include <cadre/ask.h>

#include <stdint.h>

/* The lowest bits of `to`: 0 is a plain message. */
enum letter_kind {
    LETTER_MARK = 16, /* of all the others */
    LETTER_TAIL = 8,  /* of envelopes with a tail behind their body */
    /* Notes, of generation 0, which is no actor's. A cell has one, for both in turn. */
    NOTE_STOP = LETTER_MARK | 1,  /* to itself: stop when you get here */
    NOTE_ENDED = LETTER_MARK | 2, /* to its parent: I have ended */
    /* Beside a generation. */
    LETTER_NEWS = LETTER_MARK | 1, /* a message of the runtime's: of a child (keep.h) */
    LETTER_URGENT = LETTER_MARK | 2,  /* a message that goes before others (urgent.h) */
    LETTER_PRINT = LETTER_MARK | 3,   /* say where your handlers wait (print.h) */
    LETTER_OP = LETTER_MARK | 4,      /* no envelope: one of the receiver's (op.h) */
    LETTER_APPLY = LETTER_MARK | 5,   /* a function to be called (apply.h) */
    LETTER_OFFLOAD = LETTER_MARK | 6, /* no envelope: a blocking call is over */
    LETTER_RAISE = LETTER_MARK | 7,   /* no envelope: a call that was made ahead */
    LETTER_RESTART = LETTER_MARK,     /* start again: with what you tell when down */
    LETTER_TOKEN = LETTER_MARK | LETTER_TAIL, /* a request */
    LETTER_OUTCOME, /* of an operation of this life, found to be awaited */
    LETTER_CANCEL, /* nobody waits any more for the answer to one; or somebody waits for
                     * nothing else (cycle.h) */
    LETTER_ANSWER, /* an answer, which may come too late */
    LETTER_WATCH,  /* somebody wants to know of the receiver's end (watch.h) */
    LETTER_PASSED, /* a message: was a request, or an outcome, until passed on */
    LETTER_MOVED,  /* to whoever made a request: it is elsewhere now (ask.h) */
    LETTER_PROCESS /* no envelope: news of the receiver's process (process.h) */
};
enum { LETTER_BITS = 5, LETTER_KIND = (1 << LETTER_BITS) - 1 };

struct letter {
    struct inbox_node node;
    uint32_t to;
    union {             /* of what begins with it */
        uint32_t place; /* an envelope, an operation: of its pool class, or NONE */
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

/* Of what belongs to an operation: the envelope of a request becomes that of its failure,
 * whatever the body was, so that to fail takes no memory. */
struct envelope_tail {
    uint64_t token; /* of whoever asked; for a thread that did, its future */
    int64_t deadline;
    size_t bytes; /* of the whole envelope; and of a request, these: */
};
/* A note that nobody waits for it any more may have come before it, or elsewhere: it was
 * passed on, or taken out of its order. */
#define ENVELOPE_MOVED (SIZE_MAX / 2 + 1)
/* It goes before others. */
#define ENVELOPE_URGENT (ENVELOPE_MOVED / 2)

static inline struct letter *letter_of(struct inbox_node *node)
{
    return container_of(node, struct letter, node);
}

static inline struct envelope *envelope_of(struct letter *letter)
{
    return container_of(letter, struct envelope, letter);
}

static inline size_t envelope_tail_at(const cadre_type *type)
{
    return ((size_t)type->size + 7) & ~(size_t)7;
}

static inline size_t envelope_size(const cadre_type *type, bool with_tail)
{
    size_t body = type->size;
    if (with_tail) {
        body = envelope_tail_at(type);
        if (body < sizeof(cadre_failure))
            body = sizeof(cadre_failure);
        body += sizeof(struct envelope_tail);
    }
    return sizeof(struct envelope) + body;
}

static inline unsigned letter_kind(const struct letter *letter)
{
    return plain_read(&letter->to) & LETTER_KIND;
}

static inline void letter_set_kind(struct letter *letter, unsigned kind)
{
    plain_write(&letter->to,
                (plain_read(&letter->to) & ~(uint32_t)LETTER_KIND) | (uint32_t)kind);
}

static inline bool envelope_has_tail(const struct envelope *e)
{
    return letter_kind(&e->letter) & LETTER_TAIL;
}

static inline struct envelope_tail *envelope_tail(struct envelope *e)
{
    return (struct envelope_tail *)(void *)(e->body + envelope_tail_at(e->type));
}

static inline size_t envelope_bytes(struct envelope *e)
{
    return envelope_has_tail(e)
               ? envelope_tail(e)->bytes & ~(ENVELOPE_MOVED | ENVELOPE_URGENT)
               : envelope_size(e->type, false);
}

static inline bool envelope_has_moved(struct envelope *request)
{
    return envelope_tail(request)->bytes & ENVELOPE_MOVED;
}

/* If it is a request. */
static inline void envelope_set_moved(struct envelope *e)
{
    if (letter_kind(&e->letter) == LETTER_TOKEN)
        envelope_tail(e)->bytes |= ENVELOPE_MOVED;
}

/* The node before the request with this token of that one, among so many of these; NULL:
 * it is not there. */
static inline struct inbox_node *envelope_before(const struct fifo *q, uint64_t from,
                                                 uint64_t token, uint32_t most)
{
    struct inbox_node *newest = q->newest, *before = newest;
    for (uint32_t i = 0; before && i < most; i++) {
        struct inbox_node *node = plain_read(&before->next);
        struct envelope *e = envelope_of(letter_of(node));
        if (letter_kind(&e->letter) == LETTER_TOKEN && e->from == from &&
            envelope_tail(e)->token == token)
            return before;
        before = node == newest ? NULL : node;
    }
    return NULL;
}

/* A message that somebody has sent, of whatever sort. */
static inline bool letter_is_message(const struct letter *letter)
{
    const uint32_t kinds =
        1 | 1u << LETTER_TOKEN | 1u << LETTER_PASSED | 1u << LETTER_URGENT;
    return kinds >> letter_kind(letter) & 1 && plain_read(&letter->to) != NOTE_ENDED;
}

static inline bool letter_is_urgent(struct letter *letter)
{
    if (letter_kind(letter) == LETTER_TOKEN)
        return envelope_tail(envelope_of(letter))->bytes & ENVELOPE_URGENT;
    return letter_kind(letter) == LETTER_URGENT &&
           plain_read(&letter->to) != NOTE_ENDED;
}

/* Releases what a body owns; the caller sees to it that this happens once. */
static inline void body_drop(const cadre_type *type, void *body)
{
    if (type->drop)
        type->drop(body);
}

#endif
