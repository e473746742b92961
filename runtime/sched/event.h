/* event.h: what happened lately on a worker, but for what happens all the time.
 *
 * For whoever looks into a crash. Each worker has a ring (queue/recent.h) and notes there
 * what is rare, so that no message pays; or messages as well, when somebody asks for
 * that. The time is the one that the worker has read last, so to note takes no look at
 * the clock. */
#ifndef SCHED_EVENT_H
#define SCHED_EVENT_H

#include "queue/recent.h"

/* Beside each: what `who`, `other` and `about` are; addresses, unless it says more. */
enum event_kind {
    EVENT_SPAWN,   /* the new one, its parent, its class */
    EVENT_RESTART, /* who starts again, how often it has, its class */
    EVENT_MESSAGE, /* who handled it, from whom, its type */
    EVENT_TIMER,   /* whose rang, -, the type of its message */
    EVENT_FAILURE, /* whose operation failed, the code, - */
    EVENT_OFFLOAD, /* whose blocking call came back, -, - */
    EVENT_STOP,    /* who is to stop, -, - */
    EVENT_KILL,    /* who is killed, the reason, - */
    EVENT_FAIL,    /* who failed, the code, the message's type or NULL */
    EVENT_END,     /* who has ended, but not normally; the reason, - */
    EVENT_DEAD,    /* to whom, from whom, the type */
    EVENT_GAVE,    /* -, how many tasks, to which worker (a number) */
    EVENT_RESCUED, /* -, how many tasks, from which worker (a number) */
    EVENT_KINDS
};

struct event {
    enum event_kind kind;
    uint64_t who, other;
    const void *about;
    uint64_t when; /* nanoseconds of the clock, without the highest 8 bits */
};

enum { EVENT_KIND_BITS = 8 };

static inline void event_add(struct recent *r, int64_t now, enum event_kind kind,
                             uint64_t who, uint64_t other, const void *about)
{
    uint64_t when = (uint64_t)now << EVENT_KIND_BITS | kind;
    recent_add(r, when, who, other, (uintptr_t)about);
}

/* The nth of all. False: it is not there. */
static inline bool event_get(const struct recent *r, uint64_t n, struct event *e)
{
    uint64_t words[RECENT_WORDS];
    if (!recent_get(r, n, words))
        return false;
    enum event_kind kind = (enum event_kind)(words[0] % (1 << EVENT_KIND_BITS));
    *e = (struct event){kind, words[1], words[2], (const void *)(uintptr_t)words[3],
                        words[0] >> EVENT_KIND_BITS};
    return true;
}

/* Nanoseconds, up to two years. */
static inline int64_t event_age(const struct event *e, int64_t now)
{
    int64_t age = (int64_t)(((uint64_t)now - e->when) << EVENT_KIND_BITS);
    if (age < 0) /* noted after that look at the clock */
        return 0;
    return age >> EVENT_KIND_BITS;
}

#endif
