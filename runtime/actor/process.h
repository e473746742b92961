/* process.h: an actor whose class runs in a process of its own.
 *
 * Here it is a cell like any other, with a mailbox, a place in the tree, a name,
 * watchers; but what it receives it passes on, and what the process sends it sends. Its
 * state is the one it begins with, and stays so.
 *
 * A message that has been passed on stays here until the process has handled it,
 * because the process may die: then the one it had in hand is dead, or is retried, and
 * those it had not begun are like all others that have waited. What it has begun it says
 * in the page that it shares with us; that it is through with a message it says behind
 * all that it has sent meanwhile. A request stays until it is answered.
 *
 * Nothing waits: what the socket has no room for is written when news come. The process
 * says something for each frame that it has taken, and when it has read a part of one.
 *
 *   born: the process is asked for; messages are written to it meanwhile
 *   --> it says that it has started --> its end is read, by its own will or not
 *   ending: after a stop it is told, behind all messages; else it is killed
 *   The end of the actor (exit.h) waits for that of the process.
 *
 * All of it is the actor's turn's, but what isolation.h says of `run`. */
#ifndef ACTOR_PROCESS_H
#define ACTOR_PROCESS_H

#include "actor/extras.h"
#include "actor/wire.h"
#include "sched/isolation.h"

#include <cadre/isolate.h>

struct process {
    struct letter letter; /* LETTER_PROCESS: there are news */
    struct isolated run;
    struct world *world;
    struct cell *cell;
    cadre_isolation limits; /* constant */
    bool lives;
    bool has_started; /* its start has returned 0 */
    bool is_stopped;  /* after all that it has been passed on, ... */
    bool stops;       /* ... which it is still to be told, ... */
    int stop_reason;  /* ... and why */
    bool is_active;   /* the system is not quiet while it works */
    /* Why it ends, by its own word or by ours; what it says then is not heard. */
    bool is_over;
    int code;
    char words[WORDS_MAX + 1];
    struct envelope *answered; /* one of `flying` that was a request; or NULL */
    struct fifo waiting;       /* to be written */
    struct fifo flying;        /* written, and not handled */
    struct fifo owed;          /* handled requests without an answer */
    int64_t wrote_at;          /* the last time; and what came after that ... */
    bool is_quick;             /* ... has come soon */
    uint64_t sent, handled; /* envelopes written; of those, not in `flying` any more */
    struct wire_out out;
    struct wire_in in;
};

/* For a child with these opts: isolated. Errors: -EAGAIN (no process is left), -EINVAL,
 * pool_get's. */
CC_MUST_CHECK int process_new(struct cadre_self *self, struct process **process,
                              const cadre_class *class, const cadre_isolation *limits);
/* NULL: nothing. */
void process_free(struct cadre_self *self, struct process *process);
/* It is this child's, which does not run yet. */
void process_attach(struct cell *child);

/* The actor starts. Errors: isolation_start's, -ENOMEM. */
CC_MUST_CHECK int process_start(struct cadre_self *self, struct cell *cell);
/* Its receive. */
cadre_receive process_receive;
/* An answer to what it has asked, or a note that nobody waits for its answer any more:
 * takes it. */
void process_forward(struct cadre_self *self, struct cell *cell, struct envelope *e);
/* A request that it was passed is answered, or passed on: no answer is owed. False: none
 * was. */
bool process_settle(struct cadre_self *self, struct process *process, uint64_t from,
                    uint64_t token);
/* Writes what there is room for. */
void process_write(struct cadre_self *self, struct process *process);
/* The next request whose answer is owed, which is not any more; NULL: there is none. */
struct envelope *process_take_owed(struct cadre_self *self, struct process *process);

/* The actor ends. gently: after what it has been passed on, with that reason. */
void process_end(struct cadre_self *self, struct process *process, bool gently,
                 int reason);
void process_kill(struct process *process);
/* It ends for this reason: it has said so, or it has done what it must not, or we cannot
 * go on with it. The first reason counts. */
void process_over(struct process *process, int code, const char *words);

/* So many envelopes it is through with. False: that is nonsense. */
bool process_handled(struct cadre_self *self, struct process *process, uint64_t count);
/* It has nothing to do; or has it? */
void process_set_active(struct cadre_self *self, struct process *process, bool active);

static inline struct process *process_of(const struct cell *cell)
{
    return cell->extras ? cell->extras->process : NULL;
}
/* Does the end of the actor wait for it? */
static inline bool process_lives(const struct cell *cell)
{
    const struct process *process = process_of(cell);
    return process && process->lives;
}

#endif
