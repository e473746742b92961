/* isolation.h: the processes that actors run in, as seen from here.
 *
 * Each has a slot of the zygote, and a socket to it that it writes to and is read from
 * without waiting. One thread waits for all of them: it tells the actor that there is
 * something to read, once, and again only when the actor has asked for that. So nobody
 * touches a process but its actor's turn and, between those two, whoever hears.
 *
 *   operation                 by whom               allowed beside
 *   isolation_take, _give     anybody               everything
 *   isolation_start           its actor's turn      all but those of this process
 *   isolation_await, _kill,   the same, when it     the same
 *     _end                    was told
 *   heard                     the thread            its actor's turns */
#ifndef SCHED_ISOLATION_H
#define SCHED_ISOLATION_H

#include "base/thread.h"
#include "sched/worker.h"
#include "sched/zygote.h"

struct isolated {
    struct isolation *of; /* constant, as the next two */
    uint32_t slot;
    /* There is something to read, or the end. */
    void (*heard)(struct isolated *process);
    int fd; /* while it runs: to and from it */
    /* So that what the turn has done comes before `heard` for C, too. The turn writes,
     * whoever hears reads. */
    ATOMIC(bool) awaited;
};

struct isolation {
    struct zygote zygote;
    int epoll, stop; /* an eventfd */
    struct thread thread;
    bool looks;              /* there is more than one CPU; constant */
    ATOMIC(uint32_t) births; /* for whoever wants to number them */
    ATOMIC(bool) taken[ZYGOTE_SLOTS];
};

/* With that many processes at a time. Errors: -ENOMEM, -EAGAIN, -EMFILE. */
CC_MUST_CHECK int isolation_init(struct isolation *isolation, uint32_t slots,
                                 zygote_main *main, void *user);
/* Nothing runs any more, and nobody uses it. */
void isolation_fini(struct isolation *isolation);

/* A slot, for whoever will run one process after the other in it. Returns 0 or -EAGAIN:
 * none is left. */
CC_MUST_CHECK int isolation_take(struct isolation *isolation, uint32_t *slot);
void isolation_give(struct isolation *isolation, uint32_t slot);

/* A worker that expects an answer, and has lain down, looks for a while for what the
 * thread would hear: to be woken takes much longer than most answers do. Whatever comes
 * for it ends that. Where there is but one CPU it does not. */
enum { ISOLATION_LOOK_NS = 50000, ISOLATION_SOON_NS = 100000 };
void isolation_look(struct isolation *isolation, const struct worker *worker);

/* Starts a process; of, slot and heard are set. Its actor is told. Errors, and nothing
 * has happened: -EMFILE, or the system's. */
CC_MUST_CHECK int isolation_start(struct isolated *process);
/* Tell its actor again. */
void isolation_await(struct isolated *process);
/* Ends it, if it has not. False: there are no processes any more. */
bool isolation_kill(struct isolated *process);
/* It has ended: its actor has read the end. */
void isolation_end(struct isolated *process);

static inline struct zygote_page *isolated_page(const struct isolated *process)
{
    return zygote_page(&process->of->zygote, process->slot);
}

#endif
