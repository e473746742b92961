/* slice.h: a fair share: how much until others have their turn.
 *
 * Reading the clock costs as much as a message. So it is read every so many messages, in
 * windows: at most 64, fewer when messages take long, so that there are about four looks
 * in a slice of time. A turn's batch may cut a window short. */
#ifndef SCHED_SLICE_H
#define SCHED_SLICE_H

#include <stdbool.h>
#include <stdint.h>

enum { SLICE_NS = 1000000, SLICE_WINDOW_MAX = 64 };

/* Of one worker, and only its own. */
struct slice {
    uint32_t left, window; /* messages until the clock is read, of so many */
    uint32_t every;        /* how many it ought to be */
    uint32_t spent;        /* messages in this turn, at most ... */
    uint64_t turn;         /* ... and which one it was */
    int64_t last, start;   /* when the clock was read last, and when the slice began */
};

static inline void slice_init(struct slice *s)
{
    *s = (struct slice){.left = SLICE_WINDOW_MAX,
                        .window = SLICE_WINDOW_MAX,
                        .every = SLICE_WINDOW_MAX};
}

/* A window begins, in a turn that may have so many messages yet. */
static inline void slice_open(struct slice *s, uint32_t left)
{
    s->window = s->left = s->every < left ? s->every : left;
}

/* A window has ended. True: so has the slice. */
bool slice_is_over(struct slice *s, int64_t now);

/* Counts what this turn has had. Returns how many of its batch it may have yet. */
uint32_t slice_left_in_turn(struct slice *s, uint64_t turn, uint32_t batch);

#endif
