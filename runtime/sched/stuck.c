/* stuck.c: handlers that do not return, reported while they do not.
 *
 * What a worker has begun, what it is done with and how often it lay down only grow; as
 * long as their sum is the same it has done none of that. */
#include "sched/stuck.h"

enum { AGAIN = 10 };
#define ASLEEP UINT64_MAX /* no sum is that large */

static uint64_t turn_of(const struct crew *crew, const struct worker *w)
{
    if (idle_is_asleep(&crew->idle, w->id))
        return ASLEEP;
    uint64_t handled = crew->handled ? crew->handled(w) : 0;
    return load_relaxed(&w->turns) + load_relaxed(&crew->idle.beds[w->id].parks) +
           handled;
}

static void tell(struct crew *crew, struct worker *w, int64_t now)
{
    struct stuck *s = &w->stuck;
    crew->stuck_told += !s->told;
    s->told = true;
    s->due = s->due < INT64_MAX / AGAIN ? s->due * AGAIN : INT64_MAX;
    crew->stuck(w, now - s->since, false);
}

static void begin(struct crew *crew, struct worker *w, uint64_t turn, int64_t now)
{
    struct stuck *s = &w->stuck;
    if (s->told) {
        crew->stuck_told--;
        crew->stuck(w, now - s->since, true);
    }
    *s = (struct stuck){.turn = turn, .since = now, .due = crew->stuck_after};
}

void stuck_look(struct crew *crew)
{
    int64_t now = clock_now(&crew->clock);
    crew->stuck_looked = now;
    for (uint32_t i = 0; i < crew->count; i++) {
        struct worker *w = &crew->workers[i];
        uint64_t turn = turn_of(crew, w);
        if (turn != w->stuck.turn || turn == ASLEEP)
            begin(crew, w, turn, now);
        else if (now - w->stuck.since >= w->stuck.due)
            tell(crew, w, now);
    }
}
