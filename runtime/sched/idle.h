/* idle.h: who sleeps, who would like work, who keeps watch.
 *
 * Work comes to a sleeper, it does not look for it: everything that is for a worker goes
 * into its list of arrivals, and whoever puts the first thing there while it sleeps wakes
 * it. So the list is its bed: PARKED in it says that it sleeps, or is about to.
 *
 * A sleeper also stands in the mask of the hungry, where a worker with more than it can
 * do finds somebody to give some to; whoever takes it out of the mask is the one who may.
 *
 * While anybody is awake one sleeper keeps watch: it sleeps a millisecond at a time, and
 * in between looks for work that waits behind a handler that does not end. When all
 * sleep, so does the watch; the first to push something afterwards wakes it.
 *
 * Where things come from outside the watch gets up for its own, again and again. So that
 * it need not wake another one each time, who lies down beside it is its deputy for a
 * while: he sleeps so long at most, and takes over if there is no watch then. Who gives
 * the watch up looks for a deputy afterwards, and who was that looks for a watch
 * afterwards: one of them finds that the other is none. */
#ifndef SCHED_IDLE_H
#define SCHED_IDLE_H

#include "base/atomic.h"
#include "base/cc.h"
#include "base/park.h"
#include "base/topology.h"
#include "queue/fifo.h"
#include "sched/task.h"

#include <stdbool.h>
#include <stdint.h>

enum { IDLE_WORKERS_MAX = 1024 };
#define IDLE_UNWATCHED (UINT32_C(1) << 31)
enum {
    NAP_LOOK_NS = 20000,  /* between looks, which are system calls; ... */
    NAP_LEFT_NS = 500000, /* ... at where one has left, as often as a watch */
};

struct worker;

/* Where a worker sleeps instead, that has something outside to wait for. It wakes up for
 * the same reasons; and when something has come in, which it then delivers. */
struct nap {
    /* Asleep, while the word is `seen`. True: something has come in. */
    bool (*sleep)(struct nap *nap, const struct park_word *word, uint32_t seen,
                  int64_t timeout_ns);
    void (*wake)(struct nap *nap); /* anybody; async-signal safe */
    /* Awake: looks whether something has come in, and takes it. Outside any bias; by the
     * worker, or by another one while this one is in a handler. */
    void (*look)(struct nap *nap, struct fifo *got);
    /* By a worker, inside its bias; what the look or the sleep has got. */
    void (*deliver)(struct nap *nap, struct fifo *got, struct worker *here);
    /* By the worker, awake, before it lies down: it may leave this for the futex. */
    void (*judge)(struct nap *nap);
    struct fifo got; /* while it slept; the worker's, like the next */
    int64_t looked;  /* when, between messages */
};

/* One per worker. */
struct idle_bed {
    alignas(CACHE_PAIR) ATOMIC(struct task *) arrivals; /* newest first, or a tag */
    struct park_word word;                              /* counts its wake-ups */
    ATOMIC(uint64_t) parks; /* how often it lay down; its own */
    ATOMIC(uint32_t) cpu;   /* where it last did; its own */
    /* Where it sleeps; NULL: at the futex. Its own, set awake. And where it is to, as
     * soon as it can: by anybody while it is at the futex, and reset by itself. */
    ATOMIC(struct nap *) nap, offer;
    struct nap *left; /* for the futex; or NULL. Its own */
};

struct idle {
    struct idle_bed *beds; /* constant */
    const struct topology
        *near;         /* which CPUs are near which; NULL: all alike. Constant */
    uint32_t workers;  /* constant */
    uint32_t watchers; /* the first so many of them may keep watch; constant */
    uint32_t groups;   /* words of the mask in use; constant */
    /* What workers with work look at: how many are hungry, about, and IDLE_UNWATCHED
     * when all slept, the watch with them, or it had to go to work. */
    alignas(CACHE_PAIR) ATOMIC(uint32_t) wants;
    /* Who keeps it, and who would take over: numbers + 1; 0: nobody. */
    ATOMIC(uint32_t) watch, deputy;
    ATOMIC(uint32_t) moved_out; /* how many have left their nap for the futex */
    ATOMIC(uint64_t) mask[IDLE_WORKERS_MAX / 64];
    int64_t
        look_due; /* when the watch is to look; 0: it is not said yet. The watch's ... */
    uint64_t lively;   /* ... as are how often the others had lain down, ... */
    int64_t lively_at; /* ... and when that had last changed */
};

void idle_init(struct idle *idle, struct idle_bed *beds, uint32_t workers);
/* Or NULL. */
static inline struct nap *idle_nap(const struct idle *idle, uint32_t worker)
{
    return load_acquire(
        &idle->beds[worker].nap); /* its worker's, or the watch's look */
}

/* The worker sleeps there from the next time on; if it sleeps now, it is woken for that.
 * Anybody, one at a time, while it sleeps at the futex. */
void idle_offer(struct idle *idle, uint32_t worker, struct nap *nap);
/* By the worker, awake: from now on. */
static inline void idle_settle(struct idle *idle, uint32_t worker)
{
    struct idle_bed *bed = &idle->beds[worker];
    store_release(&bed->nap,
                  load_acquire(&bed->offer)); /* for who wakes it, or looks */
    if (bed->left && load_relaxed(&bed->nap)) {
        bed->left = NULL;
        fetch_sub_seq(&idle->moved_out, 1);
    }
}

/* By the worker, awake: from now on it sleeps at the futex, until it is offered something
 * again. */
static inline void idle_move_out(struct idle *idle, uint32_t worker)
{
    struct idle_bed *bed = &idle->beds[worker];
    bed->left = load_relaxed(&bed->nap); /* its own */
    fetch_add_seq(&idle->moved_out, 1);
    store_relaxed(&bed->offer, NULL); /* nobody offers it anything yet */
    store_release(&bed->nap, NULL);   /* as in idle_settle */
}

/* By the worker, between messages: what it is to look at now; or NULL. One that has left
 * its nap does so seldom: whoever looks there instead may be in a handler. */
static inline struct nap *idle_look_at(const struct idle *idle, uint32_t worker,
                                       int64_t now)
{
    const struct idle_bed *bed = &idle->beds[worker];
    struct nap *nap = bed->left ? bed->left : load_relaxed(&bed->nap); /* its own */
    if (likely(!nap) || now - nap->looked < (bed->left ? NAP_LEFT_NS : NAP_LOOK_NS))
        return NULL;
    nap->looked = now;
    return nap;
}

/* Somebody sleeps at the futex because it did not pay to be woken for little: so much
 * more is to wait before that is done to share work. */
static inline uint32_t idle_reluctance(const struct idle *idle)
{
    return load_relaxed(&idle->moved_out) ? 4 : 1;
}

/* Puts a list of tasks, first to last, in front of this worker's, and wakes it if it
 * sleeps. The caller holds their tokens. Anybody; async-signal safe. */
void idle_deliver(struct idle *idle, uint32_t worker, struct task *first,
                  struct task *last);
static inline bool idle_has_arrivals(const struct idle *idle, uint32_t worker)
{
    return load_relaxed(&idle->beds[worker].arrivals) != NULL;
}
/* All that has arrived, newest first; the worker itself, or who has seized it. */
struct task *idle_take_arrivals(struct idle *idle, uint32_t worker);

/* Lies down. False: something has arrived, or was offered, so it stays up. */
bool idle_lie_down(struct idle *idle, uint32_t worker, bool is_hungry);
bool idle_is_asleep(const struct idle *idle, uint32_t worker);
/* Sleeps until woken, or something has come in. True. False: time is up (PARK_FOREVER:
 * never). */
bool idle_sleep(struct idle *idle, uint32_t worker, int64_t timeout_ns);
/* Gets up, woken or not. */
void idle_get_up(struct idle *idle, uint32_t worker);

/* Wakes one that sleeps, with nothing for it. False: it did not sleep. */
bool idle_wake(struct idle *idle, uint32_t worker);

/* Takes one of the hungry out of the mask, the nearest to where we run, and not `but` if
 * there is another. -1: none. */
int32_t idle_take_hungry(struct idle *idle, int32_t but);
bool idle_is_hungry(const struct idle *idle, uint32_t worker);
/* Puts it back, or in: it sleeps. */
void idle_keep_hungry(struct idle *idle, uint32_t worker);

/* Did all sleep at one moment? */
bool idle_all_asleep(const struct idle *idle);

/* The watch. Takes it, if nobody has it. */
bool idle_take_watch(struct idle *idle, uint32_t worker);
/* The deputy, asleep. False: there is one. */
bool idle_stand_by(struct idle *idle, uint32_t worker);
/* It is none any more, at `now`, up or not; asleep, it may have become the watch: true.
 * That looks when it was due already, or at once. */
bool idle_stand_down(struct idle *idle, uint32_t worker, bool is_up, int64_t now);
/* By whoever got up. Gives the watch up if it had it, and sees to it that another sleeper
 * takes over where nobody watches: at once when others are awake, else when this one
 * pushes something (see worker_leave_watch). */
void idle_leave_watch(struct idle *idle, uint32_t worker);
/* The watch: how long until it is to look at the others, which is `every` after it last
 * did, or began to. That it is woken meanwhile, or that another one takes over, does not
 * put that off. */
int64_t idle_look_ns(struct idle *idle, int64_t now, int64_t every);
/* Is it to look now? True once. */
bool idle_look_is_due(struct idle *idle, int64_t now);
/* All sleep, so the watch sleeps too. False: not all do. */
bool idle_end_watch(struct idle *idle);
/* After pushing work that may wait behind a handler: sees that somebody keeps watch. */
void idle_call_watch(struct idle *idle) CC_COLD;
static inline void idle_check_watch(struct idle *idle)
{
    if (unlikely(load_seq(&idle->wants) & IDLE_UNWATCHED))
        idle_call_watch(idle);
}

#endif
