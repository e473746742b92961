/* worker.h: one worker's choices: what to run, whom to give work, when to sleep.
 *
 * Everything a worker has to do is its own. What a running task wakes goes to the young
 * end of the deque and is run first, while its cache lines are hot, so that work is done
 * depth first and little of it is alive at a time. What has waited longest comes next
 * when the young end has had its share, and is what others are given.
 *
 * Nobody looks for work elsewhere. A worker with more than it can do at once gives half
 * of it to one that is hungry; a task that a sleeping worker owns is pulled over by
 * whoever wakes it; and one that another worker wakes mostly moves there, so that tasks
 * which talk to each other come together.
 *
 * One that is aloof takes no part in that. What it runs was handed over to it and stays
 * there, whoever waits behind a handler; nothing else comes to it.
 *
 * A worker is stepped by whoever it runs on: its thread, a program's own event loop, or
 * the simulation. That one is inside the worker's bias, except while a handler runs and
 * while the worker sleeps.
 *
 *   operation          by whom                          inside
 *   worker_schedule    a task running on the worker     its bias
 *   worker_hand_over   the same                         its bias
 *   crew_wake          who holds the task's token       the bias of `here`, unless NULL
 *   the rest           whoever steps the worker         its bias, except while asleep */
#ifndef SCHED_WORKER_H
#define SCHED_WORKER_H

#include "base/bias.h"
#include "base/probe.h"
#include "base/rng.h"
#include "queue/deque.h"
#include "sched/alarm.h"
#include "sched/appetite.h"
#include "sched/event.h"
#include "sched/idle.h"
#include "sched/jobs.h"
#include "sched/slice.h"
#include "sched/task.h"

enum {
    WORKER_STREAK = 256, /* every so many runs the old end has its turn */
    WORKER_GIFT = 128    /* tasks given at a time, at most */
};

struct worker;
struct fibers; /* sched/fiber */

/* What all workers of one scheduler share. */
struct crew {
    struct worker *workers;
    uint32_t count;
    uint32_t aloof;   /* the last of them keep what they have, and to themselves */
    uint32_t surplus; /* workers beyond the CPUs, which nobody wakes to share work */
    bool can_stop;    /* there is a barrier that makes bias_seize possible */
    /* Takes up to max tasks, one after the other (worker_next), and runs each for a
     * while. Called inside the bias, and left inside. Returns how many it ran. It may
     * come back on another stack's behalf, or not at all: see sched/fiber. */
    uint32_t (*run)(struct worker *worker, uint32_t max);
    uint32_t batch; /* messages that a task may handle in one turn; constant */
    /* Both set before the start, or NULL. The watch tells that a handler of this worker
     * has not returned for so long, or that it has at last; must not block. And it asks
     * how many it has been through, however many of them in one turn. */
    void (*stuck)(struct worker *worker, int64_t for_ns, bool has_returned);
    uint64_t (*handled)(const struct worker *worker);
    int64_t stuck_after;  /* ns; constant */
    int64_t stuck_looked; /* when the watch last did; the watch's ... */
    uint32_t stuck_told;  /* ... like how many were told of, and not yet back */
    /* Set before the start: threads have another stack for signal handlers; and they may
     * be asked where they stand. */
    bool has_sigstacks, is_probed;
    struct idle idle;
    struct clock clock;
    alignas(CACHE_LINE) ATOMIC(bool) stopping; /* set once, by sched_stop */
    struct scopes scopes;
};

/* Of a worker, but the watch's (sched/stuck). */
struct stuck {
    uint64_t turn;      /* what it was at, when the watch last looked ... */
    int64_t since, due; /* ... since when, and after how long somebody is told */
    uint64_t who;       /* of those who are told, from the first time to the last */
    bool told;
};

struct worker {
    struct bias bias;
    uint32_t id;
    struct crew *crew;
    void *context;    /* of the tasks' layer; set before the start */
    uint32_t due;     /* runs from the young end until the old one has its turn */
    uint32_t burst;   /* runs from the old end in this turn of it, left */
    uint32_t before;  /* how many waited before the last of them ... */
    uint32_t backlog; /* ... and at the beginning of the turn */
    bool oldest_next; /* the old end of the deque has its turn before the line */
    bool shuffled;    /* simulated: choose at random where any choice is right */
    struct slice slice;
    struct appetite appetite;
    bool aloof;     /* runs only what is handed over to it, for good; constant */
    bool folds;     /* it gives up what it has at once, for want of that */
    int32_t victim; /* whom it rescued work from last, or TASK_NOBODY */
    /* The worker's; others look. */
    ATOMIC(uint64_t) turns;
    ATOMIC(uint64_t) steals;
    ATOMIC(uint64_t) watched; /* `turns` when the watch last looked; the watch's */
    struct stuck stuck;
    struct fibers *fibers; /* its stacks; set before the start */
    struct rng rng;
    struct line line;
    struct deque deque;
    struct alarms alarms;
    struct jobs jobs;
    struct probe probe;   /* of its thread */
    struct recent events; /* what happened here; its thread's */
};

void worker_init(struct worker *worker, struct crew *crew, uint32_t id, uint64_t seed);

/* Before the start: how many messages a task may handle in one turn. */
void crew_set_batch(struct crew *crew, uint32_t batch);

/* Before the start: the last so many workers are aloof. */
void crew_set_aloof(struct crew *crew, uint32_t count);
static inline uint32_t crew_ordinary(const struct crew *crew)
{
    return crew->count - crew->aloof;
}

/* Simulated: from now on it chooses at random where any choice is right. */
void worker_shuffle(struct worker *worker);

/* In the child of a fork, by its only thread: nothing runs here any more, and a handler
 * that called fork() must not return. */
void worker_forked(void);

/* The worker running on this thread, or NULL. */
extern CC_THREAD_LOCAL struct worker *worker_here;
static inline struct worker *worker_current(void) { return worker_here; }
/* Says which one runs here from now on. Returns the one before. */
struct worker *worker_enter(struct worker *worker);

/* Called by crew->run first of all: what that calls has its frames on this stack, not
 * above ours (see scope_finish). */
void worker_mark_frame(struct worker *worker);

/* What worker_schedule_first returned: a second task waits, or the mark has been found
 * that says somebody ought to watch. */
void worker_push_behind(struct worker *worker, struct task *task);
/* Sees to those that want work, and to the watch. */
void worker_attend(struct worker *worker);

/* Runs it next: it says that it is scheduled, and was not. Returns what stood in its
 * place, for worker_push_behind, or NULL. */
static CC_INLINE struct task *worker_run_next(struct worker *worker, struct task *task)
{
    struct task *behind = (struct task *)plain_read(&worker->deque.newest);
    plain_write(&worker->deque.newest, task);
    return behind;
}

/* The same with any; it stays where it is, when it is scheduled already. */
static CC_INLINE struct task *worker_schedule_first(struct worker *worker,
                                                    struct task *task)
{
    struct task *behind = NULL;
    if (!plain_read(&task->scheduled))
        behind = worker_run_next(worker, task);
    plain_write(&task->scheduled, true); /* and no more than that */
    return behind;
}

/* The same, with all that goes with it. */
static inline void worker_schedule(struct worker *worker, struct task *task)
{
    struct task *behind = worker_schedule_first(worker, task);
    if (unlikely(behind))
        worker_push_behind(worker, behind);
}

/* Puts the task that runs, and has more to do, behind all others. */
void worker_requeue(struct worker *worker, struct task *task);

/* Has another worker run a task that is being made here. */
void worker_hand_over(struct worker *worker, struct task *task, uint32_t to);

/* Sees to it that a task looks into its inbox. The caller holds its token, and gives it
 * up. here: the worker the caller runs on; NULL: none, any thread or signal handler. */
void crew_wake(struct crew *crew, struct worker *here, struct task *task);

/* More workers than CPUs: are there as many awake as can run? */
bool crew_is_busy(const struct crew *crew);

/* The next task to be run; when nothing is young, or it is the old one's turn. */
struct task *worker_next_old(struct worker *worker);
static CC_INLINE struct task *worker_next(struct worker *w)
{
    struct task *task = (struct task *)plain_read(&w->deque.newest);
    if (unlikely(--w->due == 0) || unlikely(!deque_has_newest(&w->deque)))
        return worker_next_old(w);
    plain_write(&w->deque.newest, NULL);
    counter_add(&w->turns, 1);
    return task;
}

/* Sends the mail of alarms that are due; here: as in crew_wake, and NULL when the worker
 * was seized. Inside its bias. */
void worker_ring(struct worker *worker, struct worker *here, int64_t now);
/* How long it may sleep: until its next alarm; PARK_FOREVER when none is set. */
static inline int64_t worker_rest_ns(const struct worker *worker)
{
    int64_t next = worker->alarms.next, now = clock_now(&worker->crew->clock);
    return next == INT64_MAX ? PARK_FOREVER : next > now ? next - now : 0;
}

/* Did all sleep at one moment, and was no alarm set then that any of them expects? */
bool crew_is_quiet(const struct crew *crew);

/* Runs one task. False: there is none. */
static inline bool worker_step(struct worker *worker)
{
    return worker->crew->run(worker, 1) > 0;
}
/* Is there anything to be run? For whoever steps it, or all of them. */
bool worker_has_work(const struct worker *worker);
/* Prepares to sleep. True: sleep (idle_sleep), then get up. False: step again. */
bool worker_lie_down(struct worker *worker);
void worker_get_up(struct worker *worker);
/* Up again: gives the watch up if it had it. If nobody watches then, what it pushes next
 * calls the watch. Only where there are others. */
void worker_leave_watch(struct worker *worker);
/* The watch: who has abstained long enough is hungry again. */
void worker_appetites(struct crew *crew);
/* The watch: takes what waits behind handlers that do not end. True: there was some. */
bool worker_rescue(struct worker *worker);

/* By its thread. The time it has read last is true to a millisecond or so. */
static inline void worker_note(struct worker *worker, enum event_kind kind,
                               uint64_t who, uint64_t other, const void *about)
{
    event_add(&worker->events, worker->slice.last, kind, who, other, about);
}

/* Asked after each message, inside: has this task had its turn, by count or by time? The
 * clock is read, and what has arrived is looked at, every so many messages: at most 64,
 * fewer when messages take long. */
bool worker_read_slice(struct worker *worker) CC_COLD;
static inline bool worker_slice_is_over(struct worker *worker)
{
    return unlikely(--worker->slice.left == 0) && worker_read_slice(worker);
}

#endif
