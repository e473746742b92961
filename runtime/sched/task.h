/* task.h: something runnable that belongs to one worker at a time.
 *
 * Only its owner touches a task's plain fields and what else belongs to it (an actor's
 * mailbox), so that everything between tasks of one worker is plain loads and stores.
 * All others push into its inbox. Whoever has found the inbox empty holds the task's
 * token, the duty to have its owner look, and passes it to the owner's list of arrivals.
 *
 *   - A token exists exactly while the inbox is not EMPTY: with a producer, in one list
 *     of arrivals, or as `token` in the task. So `arrival` is never used twice, and what
 *     is in an inbox is never forgotten.
 *   - The owner, and nobody else, gives a task away, by storing the new owner's number;
 *     that one may use the task as soon as it reads its own number. Any other number that
 *     anybody reads is a hint where to send a token; who gets one for a task that is no
 *     longer its own passes it on.
 *   - "The owner" is whoever is inside the worker's bias: its thread, or a thief.
 *   - `scheduled` says that the task is in its owner's deque, or runs, or is being made.
 *     Such a one is given away only by taking it from the deque. TASK_LIGHT says more:
 *     for one thing, and nothing has come since. So it is until it has run, if there is
 *     no more to say either (task_is_just); worker_schedule takes it back.
 *
 * NOBODY owns a task between two lives: whoever changes that by CAS is the owner. */
#ifndef SCHED_TASK_H
#define SCHED_TASK_H

#include "queue/inbox.h"

enum { TASK_NOBODY = -1 };
enum { TASK_LIGHT = 2 }; /* of `scheduled` */

struct task {
    struct inbox inbox;
    ATOMIC(int16_t) owner; /* a worker's number, or TASK_NOBODY */
    /* The worker that sent the token, or task_giver's; whoever holds that. */
    ATOMIC(int16_t) asker;
    union {
        struct {
            uint8_t scheduled; /* the owner's: false, true, or TASK_LIGHT */
            bool token;        /* the owner's: it has arrived and is not used yet */
            uint8_t odd;       /* for the layer of the tasks: of whoever runs it */
            bool pinned;       /* the owner's: it stays with its owner */
        };
        uint32_t state; /* all of them at once; see task_is_just */
    };
    struct task *arrival; /* next in a list of arrivals; whoever holds the token */
};

static inline void task_init(struct task *task)
{
    inbox_init(&task->inbox);
    atomic_set(&task->owner, TASK_NOBODY);
    atomic_set(&task->asker, TASK_NOBODY);
    task->scheduled = task->token = task->pinned = false;
    task->odd = 0;
    task->arrival = NULL;
}

/* Takes a task that nobody owns. */
static inline bool task_claim(struct task *task, uint32_t worker)
{
    int16_t nobody = TASK_NOBODY;
    return load_relaxed(&task->owner) == TASK_NOBODY &&
           cas_acq_rel(&task->owner, &nobody, (int16_t)worker);
}

/* Gives it away, with everything that belongs to it. */
static inline void task_give(struct task *task, int32_t to)
{
    store_release(&task->owner,
                  (int16_t)to); /* pairs with task_is_owned_by, and task_claim */
}

static inline bool task_is_owned_by(const struct task *task, uint32_t worker)
{
    return is16_acquire(&task->owner, worker); /* pairs with task_give */
}

/* `asker` of one that is given away with all that waits for it. And who gave it, if it
 * was so, or TASK_NOBODY. */
static inline int16_t task_given_by(uint32_t worker)
{
    return (int16_t)(TASK_NOBODY - 1 - (int32_t)worker);
}
static inline int32_t task_giver(int16_t asker)
{
    return asker < TASK_NOBODY ? TASK_NOBODY - 1 - asker : TASK_NOBODY;
}

/* `state` when there is nothing else to say. */
static inline uint32_t task_just(uint8_t scheduled)
{
    union {
        uint8_t scheduled; /* the first of them */
        uint32_t all;
    } state = {.all = 0};
    state.scheduled = scheduled;
    return state.all;
}

/* Inside: is this all there is to say, no token is here, nothing is odd, and it is not
 * pinned? What is so nearly always is answered by one look, and changed by one store of
 * all, because a look at what was written in parts has to wait for them. */
static CC_INLINE bool task_is_just(const struct task *task, uint8_t scheduled)
{
    (void)plain_read(&task->token); /* these are looked at, too */
    (void)plain_read(&task->pinned);
    return plain_read(&task->state) == task_just(scheduled);
}
static CC_INLINE void task_set_just(struct task *task, uint8_t scheduled)
{
    plain_write(&task->state, task_just(scheduled));
}

/* Tasks whose tokens are here, and which are not scheduled: oldest first. */
struct line {
    struct task *first, *last;
    uint32_t count;
};

static inline void line_append(struct line *line, struct task *task)
{
    plain_write(&task->arrival, NULL);
    if (line->first)
        plain_write(&line->last->arrival, task);
    else
        line->first = task;
    line->last = task;
    line->count++;
}

static inline struct task *line_take(struct line *line)
{
    struct task *task = line->first;
    if (task) {
        line->first = plain_read(&task->arrival);
        line->count--;
    }
    return task;
}

#endif
