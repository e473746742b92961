/* slice.c: a fair share: how much until others have their turn. */
#include "sched/slice.h"

/* How many messages until the clock is read next, aiming at four looks per slice. */
static uint32_t next_window(uint32_t window, int64_t took)
{
    if (took > SLICE_NS / 4)
        window = 1 + (uint32_t)((int64_t)window * (SLICE_NS / 4) / took);
    else
        window *= 2;
    return window < SLICE_WINDOW_MAX ? window : SLICE_WINDOW_MAX;
}

bool slice_is_over(struct slice *s, int64_t now)
{
    int64_t took = now - s->last;
    /* The batch may have cut the window short: what a whole one would have taken. */
    int64_t whole = took < SLICE_NS ? took * s->every / s->window : took;
    s->every = next_window(s->every, whole);
    s->last = now;
    if (s->start == 0)
        s->start = now;
    return now - s->start >= SLICE_NS;
}

uint32_t slice_left_in_turn(struct slice *s, uint64_t turn, uint32_t batch)
{
    if (turn != s->turn)
        s->spent = 0; /* it began in the middle of the window, and had some of it */
    s->turn = turn;
    s->spent += s->window;
    return batch - (s->spent < batch ? s->spent : batch);
}
