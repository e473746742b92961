/* gauge.h: how much waits for an actor whose mailbox is limited.
 *
 * Most actors count nothing. The inbox of one that does is gated (queue/inbox.h), so that
 * a send leaves its fast path by itself and looks here. Any thread may look, whoever has
 * the slot meanwhile: gauges are type-stable, one for each slot that ever needed one.
 *
 * A quota is a promise that no more than its maximum waits. `used` is all that it has
 * given away, in one word with the generation it is for; who is on another worker takes
 * his part by a CAS, which so fails in another life. The owner has a credit: what was
 * given to it in one go, and what comes back when a message is handled. From that a
 * sender of the same worker takes his part by plain loads and stores. So what waits is at
 * most `used` less the credit, never above the maximum, and two actors of one worker that
 * send to each other execute no locked instruction. The price is that others may be
 * refused while the owner has up to `grain` left.
 *
 *   operation           by whom                         allowed beside
 *   gauge_open, _close  the maker, the last turn        gauge_take
 *   gauge_take          anybody                         everything
 *   the rest            the owner, inside its bias, or  gauge_take
 *                       the turn                         */
#ifndef ACTOR_GAUGE_H
#define ACTOR_GAUGE_H

#include "actor/cell.h"
#include "mem/alloc.h"
#include "queue/list.h"

#include <cadre/limit.h>

#include <pthread.h>

enum { QUOTA_BITS = 64 - GENERATION_BITS };
#define QUOTA_MAX ((UINT64_C(1) << QUOTA_BITS) - 1)

struct quota {
    ATOMIC(uint64_t) used; /* generation, what is given away; anybody by CAS */
    ATOMIC(uint64_t) max;  /* the maker's; 0: unlimited, and not counted */
};

/* Of that: the owner's to give away. */
struct share {
    uint64_t credit;
    uint64_t grain; /* no more than that; constant */
};

/* The owner's, in its extras: what a send and a turn touch. */
struct allowance {
    struct share messages, bytes;
    uint64_t grain; /* of messages; 0: bytes are counted as well */
    uint32_t light; /* what a letter says of which only the number counts */
};

struct gauge {
    struct quota messages, bytes;
    ATOMIC(uint64_t) redirect; /* the maker's, as the next one */
    ATOMIC(uint8_t) overflow;
    uint32_t generation; /* the owner's, constant; and so is what follows */
    bool trims;          /* it may be that too much waits, and is to be dropped */
    cadre_key *key;
    struct allowance *own;
    /* flow.h; under the gauges' lock, but for the owner's looks at `flooded`. */
    ATOMIC(uint32_t) flooded; /* the generation; 0: it is not */
    ATOMIC(uint32_t) waiting; /* since somebody has asked; see cadre_mute */
    struct cell *cell;
    struct list muted; /* extras of those that wait for it */
    struct list link;
    /* The owner's: turns until it looks again, and then so many; whom it has counted
     * all for. */
    uint32_t patience, spell;
    uint64_t answered;
};

enum gauge_verdict {
    GAUGE_ROOM,     /* its part is taken: it is to be put into the mailbox */
    GAUGE_STRANGER, /* of another life: it is not counted */
    GAUGE_FULL,
    GAUGE_NEWEST, /* is to be dropped */
    GAUGE_REDIRECT
};

/* own: the owner's, for as long as it is open. */
void gauge_open(struct gauge *gauge, struct allowance *own, uint32_t generation,
                const cadre_limit *limit, bool exact);
void gauge_close(struct gauge *gauge);

/* Of a message that is to come from another worker, or from outside. redirect: written
 * when it goes there. */
enum gauge_verdict gauge_take(struct gauge *gauge, const struct letter *letter,
                              uint64_t *redirect);
/* The same by the owner. What gives way is moved out of its mailbox. */
enum gauge_verdict gauge_take_own(struct gauge *gauge, const struct letter *letter,
                                  struct fifo *mailbox, struct fifo *dropped,
                                  uint64_t *redirect);
/* Of one that trims: what is too much, by whatever others have sent, is moved out. heap:
 * for what is had meanwhile; without memory it only takes longer. */
void gauge_trim(struct gauge *gauge, struct heap *heap, struct fifo *mailbox,
                struct fifo *dropped);

/* A letter does not wait any more; or it does again, whatever the limit. */
void gauge_left(struct gauge *gauge, struct letter *letter);
void gauge_back(struct gauge *gauge, struct letter *letter);

/* The same by the owner in the common case: a plain message to this life, and credit, or
 * room for more. False: nothing is done. */
static CC_INLINE bool gauge_take_light(struct allowance *own, uint32_t letter_to)
{
    if (unlikely(letter_to != own->light))
        return false;
    if (likely((int64_t)--own->messages.credit >= 0))
        return true;
    own->messages.credit = 0;
    return false;
}
static CC_INLINE bool gauge_left_light(struct allowance *own)
{
    if (unlikely(own->messages.credit >= own->grain))
        return false;
    fence_compiler(); /* or it is loaded, added to and stored by three instructions */
    own->messages.credit++;
    return true;
}

/* All of a system, by slot. */
enum { GAUGE_LEVEL_BITS = 7, GAUGE_LEVEL = 1 << GAUGE_LEVEL_BITS };
struct gauge_node {
    ATOMIC(void *) below[GAUGE_LEVEL]; /* nodes, or as many gauges; set once */
};
struct gauges {
    struct heap *heap;
    pthread_mutex_t lock;   /* of whoever adds to the tree, and of flow.h */
    struct list flooded;    /* those that are */
    ATOMIC(uint64_t) asked; /* how often they were asked about; of who has the lock */
    struct gauge_node top;
};

void gauges_init(struct gauges *gauges, struct heap *heap);
void gauges_fini(struct gauges *gauges);
/* The slot's, made if need be. Errors: heap_get's. */
CC_MUST_CHECK int gauges_make(struct gauges *gauges, uint32_t slot,
                              struct gauge **gauge);
/* The slot's, which was made. Any thread. */
struct gauge *gauges_find(struct gauges *gauges, uint32_t slot);

#endif
