/* letters.h: the smallest actors there can be, over the real scheduler and sends.
 *
 * They take letters out of their mailbox as a turn does, and each letter says what is to
 * be done. */
#ifndef MODEL_LETTERS_H
#define MODEL_LETTERS_H

#include "actor/call.h"
#include "actor/deadletter.h"
#include "actor/extras.h"
#include "actor/send.h"
#include "workers.h"

enum { ACTORS = 5, SENDERS = ACTORS + MC_THREADS_MAX + 1, MESSAGES = 12 };

static struct world world;
static struct heap heap;
static struct cadre_self selves[WORKERS_MAX];

struct actor {
    struct cell cell;
    int busy;         /* plain: whoever runs it writes here */
    int got[SENDERS]; /* letters from each */
};

struct message {
    struct letter letter;
    int from, number;  /* between these two */
    void (*job)(void); /* what its receiver does */
};

static struct actor actors[ACTORS];
static struct message messages[MESSAGES];
static int message_count, sent[SENDERS][ACTORS];
static uint32_t expected;
static bool ends_itself;                  /* with the last letter */
static ATOMIC(uint32_t) done;             /* letters handled */
static ATOMIC(bool) flags[ACTORS], quiet; /* relaxed: they order nothing */

/* ---- what send.c wants besides, and does not need here ---- */

CC_THREAD_LOCAL const struct cadre_self *self_here;
int pool_get_slowly(struct pool *pool, void **p, unsigned class) { return -1; }
void deadletter_record(struct cadre_self *self, const struct dead_letter *letter,
                       enum dead_reason reason)
{
    mc_assert(false);
}
void self_free_slowly(struct cadre_self *self, struct envelope *e) { mc_assert(false); }
const cadre_type cadre_failure_type = {.name = "cadre_failure"};
void call_answer(struct cadre_self *self, struct envelope *e) { mc_assert(false); }
int extras_make(struct cadre_self *self, struct cell *cell) { return -1; }
int self_refuse(const cadre_self *self, const char *what) { return -1; }
int self_take_message(cadre_self *self, cadre_msg *m, enum fate fate, const char *what)
{
    return -1;
}
int world_misuse(struct world *w, int err, const char *fmt, ...) { return err; }

/* ---- actors ---- */

static int at_work[MC_THREADS_MAX + 1]; /* which actor a thread runs; -1: none */

static void tell_as(int from, struct cadre_self *self, int to, void (*job)(void))
{
    mc_assert(message_count < MESSAGES);
    struct message *m = &messages[message_count++];
    plain_write(&m->from, from);
    m->number = sent[from][to]++;
    m->job = job;
    mc_note("sends number %d to actor %d", m->number, to);
    send_letter(&world, self, &actors[to].cell, &m->letter);
}

/* From the actor that runs here, or from outside. */
static void tell(int to, void (*job)(void))
{
    int from = at_work[mc_self()];
    struct worker *w = worker_current();
    tell_as(from >= 0 ? from : ACTORS + mc_self(), w ? &selves[w->id] : NULL, to, job);
}

/* As sched_stop does; the rest of it comes in the end. */
static void stop_workers(void)
{
    store_seq(&world.sched.crew.stopping, true);
    for (uint32_t i = 0; i < world.sched.crew.count; i++)
        (void)idle_wake(&world.sched.crew.idle, i);
}

static void handle(struct actor *a, struct message *m)
{
    int from = plain_read(&m->from), self = mc_self();
    plain_write(&a->busy, self);
    mc_note("actor %d handles number %d of %d", (int)(a - actors), m->number, from);
    mc_assert(m->number == a->got[from]);
    a->got[from]++;
    at_work[self] = (int)(a - actors);
    if (m->job)
        m->job();
    at_work[self] = -1;
    plain_write(&a->busy, self);
    if (fetch_add_relaxed(&done, 1) + 1 == expected && ends_itself)
        stop_workers();
}

/* As in a turn. True: it has more to do. */
static bool run_actor(struct worker *w, struct cell *cell)
{
    for (;;) {
        while (!fifo_is_empty(&cell->mailbox)) {
            struct letter *letter = letter_of(fifo_take_first(&cell->mailbox));
            bias_leave(&w->bias);
            handle(container_of(cell, struct actor, cell),
                   container_of(letter, struct message, letter));
            bias_enter(&w->bias);
            if (worker_slice_is_over(w) &&
                (!fifo_is_empty(&cell->mailbox) || plain_read(&cell->task.token)))
                return true;
        }
        if (!plain_read(&cell->task.token)) {
            plain_write(&cell->task.scheduled, false);
            return false;
        }
        plain_write(&cell->task.token, false);
        fifo_append_inbox(&cell->mailbox, inbox_take(&cell->task.inbox, INBOX_EMPTY));
    }
}

static uint32_t run(struct worker *w, uint32_t max)
{
    struct task *task;
    uint32_t left = max;
    for (; left > 0 && (task = worker_next(w)); left--)
        if (run_actor(w, container_of(task, struct cell, task)))
            worker_requeue(w, task);
    return max - left;
}

#endif
