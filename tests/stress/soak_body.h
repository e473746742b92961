/* soak_body.h: the messages of the soak: who, whom, which, and what they own.
 *
 * A header, then up to 4 KiB that are computed from its salt. Every body has a drop,
 * which sees whether it runs exactly once and whether a receiver was content. */
#ifndef STRESS_SOAK_BODY_H
#define STRESS_SOAK_BODY_H

#include "stress/soak_round.h"

#include <stdlib.h>

enum { BODY_MAX = 4096 };
enum owns { OWNS_NOTHING, OWNS_BLOCK, OWNS_BUFFER };

#define BODY_LIVE UINT64_C(0x50a6b0d1e5a11fe5)
#define BODY_GONE UINT64_C(0xdeadb0d1e5dead00)

struct header {
    uint64_t magic;
    uint64_t check;     /* of the rest, but for the flags */
    uint64_t to;        /* the receiver's address */
    uint64_t origin;    /* that of the one it comes from; 0: outside */
    uint64_t salt;      /* what the payload is computed from */
    void *own;          /* a block or a buffer, as `owns` says */
    uint32_t from_life; /* of the last one who passed it on ... */
    uint16_t from;      /* ... and its place */
    uint8_t owns;
    bool ordered;       /* has a number */
    uint32_t number;    /* counts from 0 for each pair of sender and receiver */
    uint32_t set_aside; /* counts what the receiver has set aside */
    uint32_t size;
    bool seen; /* was checked by this receiver, and then set aside */
    bool done; /* its receiver was content */
};

/* Where a sender stands with a receiver. */
struct link {
    uint64_t to;
    uint32_t next;
};

struct message {
    struct header h;
    uint64_t payload[(BODY_MAX - sizeof(struct header)) / 8];
};
_Static_assert(sizeof(struct message) <= BODY_MAX, "the type of the largest size");

static uint64_t body_check(const struct header *h)
{
    return mix64(h->to ^ mix64(h->origin + h->number)) ^
           mix64(h->salt + (uintptr_t)h->own + h->size) ^
           (h->from + ((uint64_t)h->from_life << 20));
}

static void release_owned(struct header *h)
{
    if (h->owns == OWNS_BLOCK) {
        CHECK(*(uint64_t *)h->own == h->salt);
        *(uint64_t *)h->own = 0;
        free(h->own);
    } else if (h->owns == OWNS_BUFFER) {
        CHECK(*(uint64_t *)(void *)cadre_buf_data(h->own) == h->salt);
        cadre_buf_unref(h->own);
    }
    if (h->owns != OWNS_NOTHING)
        atomic_fetch_sub(&round_.owned, 1);
    h->owns = OWNS_NOTHING;
}

static void body_drop(void *body)
{
    struct header *h = body;
    count_up(DROPPED);
    CHECK(h->magic == BODY_LIVE);
    h->magic = BODY_GONE;
    if (!h->done)
        count_up(UNHANDLED);
    release_owned(h);
}

#define BODY_TYPE(n)                                                                   \
    {                                                                                  \
        .name = "body" #n, .size = (n), .drop = body_drop                              \
    }
static const cadre_type body_types[] = {
    BODY_TYPE(96),  BODY_TYPE(97),   BODY_TYPE(103),  BODY_TYPE(128),  BODY_TYPE(129),
    BODY_TYPE(256), BODY_TYPE(1000), BODY_TYPE(1024), BODY_TYPE(4000), BODY_TYPE(4096)};
enum { BODY_TYPES = sizeof body_types / sizeof body_types[0] };
_Static_assert(sizeof(struct header) <= 96, "the smallest has room for the header");

static const cadre_type empty_type = {.name = "empty"}; /* no body at all */
static const cadre_type tick_type = {.name = "tick"};   /* no body, for the manager */

static size_t payload_words(uint32_t size)
{
    return (size - sizeof(struct header)) / 8;
}

static void give_something(struct header *h, struct dice *dice)
{
    uint32_t r = dice_below(dice, 16);
    if (r == 0) {
        h->own = malloc(sizeof(uint64_t));
        h->owns = h->own ? OWNS_BLOCK : OWNS_NOTHING;
        if (h->own)
            *(uint64_t *)h->own = h->salt;
    } else if (r == 1) {
        h->own = cadre_buf_new(&h->salt, sizeof h->salt);
        h->owns = h->own ? OWNS_BUFFER : OWNS_NOTHING;
    }
    if (h->owns != OWNS_NOTHING)
        atomic_fetch_add(&round_.owned, 1);
}

/* Addresses a body, new or wandering, over this link; NULL: it gets no number. */
static void body_address(struct header *h, uint64_t to, struct link *link,
                         uint16_t place, uint32_t life)
{
    h->to = to;
    h->from = place;
    h->from_life = life;
    h->ordered = link != NULL;
    h->number = link ? link->next++ : 0;
    h->seen = false;
    h->check = body_check(h);
}

/* A new body of a random size; the caller addresses it. Returns its type. */
static const cadre_type *body_make(struct message *m, struct dice *dice,
                                   uint64_t origin)
{
    uint32_t kind = dice_below(dice, 8) ? 0 : dice_below(dice, BODY_TYPES);
    if (kind > 5 && dice_below(dice, 4))
        kind -= 5;
    const cadre_type *type = &body_types[kind];
    m->h = (struct header){.magic = BODY_LIVE, .origin = origin, .size = type->size};
    m->h.salt = dice_next(dice);
    give_something(&m->h, dice);
    for (size_t i = 0; i < payload_words(type->size); i++)
        m->payload[i] = m->h.salt + i;
    count_up(CREATED);
    return type;
}

/* What a receiver can say of a body alone. */
static void body_verify(const cadre_msg *m, uint64_t me)
{
    const struct message *message = m->body;
    const struct header *h = &message->h;
    CHECK(h->magic == BODY_LIVE);
    CHECK(!h->done);
    CHECK(h->check == body_check(h));
    CHECK(h->to == me);
    CHECK(h->origin == m->from.id);
    CHECK(h->size == m->type->size);
    uint64_t wrong = 0;
    for (size_t i = 0; i < payload_words(h->size); i++)
        wrong |= message->payload[i] ^ (h->salt + i);
    CHECK(wrong == 0);
}

#endif
