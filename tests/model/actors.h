/* actors.h: the actor layer for models: a world whose workers are the model's threads.
 *
 * The real files from the pools up to spawn and exit, over the simplest scheduler there
 * can be: whoever makes an actor runnable runs it itself, when it is done with its own
 * script. So actors move between threads with every message, by nothing but their
 * mailboxes.
 *
 * Every message has a number and must have exactly one fate: its drop runs once. Actors
 * write to their state all the time, so that two turns of one actor that are not
 * ordered race. */
#ifndef MODEL_ACTORS_H
#define MODEL_ACTORS_H

#include "actor/deadletter.h"
#include "actor/exit.h"
#include "actor/send.h"
#include "actor/spawn.h"
#include "actor/turn.h"

#include <string.h>

enum { MAILS = 8, READY = 8, TAG = 1 };

static struct world world;
static struct cadre_self selves[MC_THREADS_MAX + 1];
static struct worker workers[MC_THREADS_MAX + 1];
static int root_endings;

/* ---- what the actor layer wants of those below ---- */

static struct {
    struct task *tasks[READY];
    int first, end;
} ready[MC_THREADS_MAX + 1];

static void make_ready(struct task *task)
{
    int self = mc_self();
    mc_assert(ready[self].end - ready[self].first < READY);
    ready[self].tasks[ready[self].end++ % READY] = task;
}

void worker_publish(struct worker *worker, struct task *task) { make_ready(task); }
void worker_requeue(struct worker *worker, struct task *task) { make_ready(task); }
bool worker_read_slice(struct worker *worker) { return false; }
void sched_submit(struct sched *sched, struct task *task) { make_ready(task); }
CC_THREAD_LOCAL struct worker *worker_here;
static void switched(int to) { worker_here = &workers[to]; }

int64_t clock_now(const struct clock *clock) { return 1; }
void log_line(const struct log *log, int level, const char *fmt, ...) {}
bool log_allows(struct log_limit *limit, int64_t now, uint32_t *hidden)
{
    return false;
}
const char *cadre_strerror(int err) { return "error"; }

/* Until nothing is left that this thread has to run. */
static void run_all(void)
{
    int self = mc_self();
    struct worker *w = &workers[self];
    while (w->next || ready[self].first < ready[self].end) {
        struct task *task = w->next;
        if (!task)
            task = ready[self].tasks[ready[self].first++ % READY];
        w->next = NULL;
        task->run(task, w);
    }
}

/* ---- messages ---- */

typedef struct mail {
    int number; /* of the message */
    int life;   /* of the actor it is meant for; 0: does not matter */
} mail;

static int fates[MAILS], handled[MAILS]; /* how often it was dropped, and handled */
static int sent;

static void drop_mail(void *body)
{
    const mail *m = body;
    mc_note("message %d has had its fate", m->number);
    fates[m->number]++;
}

static CADRE_TYPE_DROP(mail, drop_mail);

/* From the thread itself, not from an actor. */
static void tell(cadre_ref to, int number, int life)
{
    struct cadre_self *self = &selves[mc_self()];
    struct envelope *e;
    mail m = {number, life};
    mc_note("sends message %d", number);
    mc_assert(send_prepare(self, &e, to.id, &mail_type, &m) == 0);
    sent++;
    send_deliver(self, e);
}

static void halt(cadre_ref who, enum halt how)
{
    mc_note(how == HALT_STOP ? "asks it to stop" : "kills it");
    send_halt(&selves[mc_self()], who, how, how == HALT_KILL ? CADRE_EKILLED : 0);
}

/* ---- actors ---- */

struct life {
    int number;
    int busy; /* plain: whoever runs the actor writes here */
};

static int starts, stops, last_stop_reason;

/* Whoever touches the state of an actor must be the only one. */
static void touch(void *state)
{
    plain_write(&((struct life *)state)->busy, mc_self());
}

static int life_start(cadre_self *self, void *state)
{
    touch(state);
    starts++;
    return 0;
}

static void life_stop(cadre_self *self, void *state, int reason)
{
    touch(state);
    stops++;
    last_stop_reason = reason;
}

/* Takes what is meant for its life; `then` is what the model does about it. */
static int life_receive(cadre_self *self, void *state, cadre_msg *m)
{
    touch(state);
    const mail *got = cadre_body(m, mail);
    mc_assert(got != NULL);
    mc_note("message %d is handled", got->number);
    mc_assert(got->life == 0 || got->life == ((struct life *)state)->number);
    handled[got->number]++;
    return 0;
}

static const cadre_class child_class = {.name = "child",
                                        .state_size = sizeof(struct life),
                                        .start = life_start,
                                        .receive = life_receive,
                                        .stop = life_stop};

/* ---- the world ---- */

static void *from_arena(void *user, void *old, size_t old_size, size_t new_size)
{
    return new_size ? mc_alloc(new_size) : NULL;
}

static void root_ended(struct world *w, int reason) { root_endings++; }

static void init_selves(void)
{
    switched(0);
    for (int i = 0; i <= MC_THREADS_MAX; i++) {
        memset(&selves[i], 0, sizeof selves[i]);
        self_init(&selves[i], &world, &workers[i]);
        workers[i].context = &selves[i];
        workers[i].clock_left = UINT32_MAX;
        workers[i].next = NULL;
        ready[i].first = ready[i].end = 0;
    }
    mc_quiet(selves, sizeof selves); /* statistics */
}

static void init_world(void)
{
    memset(&world, 0, sizeof world);
    heap_init(&world.heap, from_arena, NULL, SIZE_MAX);
    mc_quiet(&world.heap.bytes, sizeof world.heap.bytes);
    pool_depot_init(&world.depot, &world.heap);
    table_init(&world.table, &world.heap);
    world.table.run = turn_run;
    mc_quiet(world.table.directories, sizeof world.table.directories);
    world.tag = TAG;
    world.batch = 8;
    world.root_ended = root_ended;
    world.selves = selves;
    atomic_set(&world.stopping, false);
    mc_assert(deadletter_report_init(&world) == 0);
    memset(fates, 0, sizeof fates);
    memset(handled, 0, sizeof handled);
    sent = starts = stops = root_endings = last_stop_reason = 0;
}

/* Starts an actor from the set-up. */
static struct cell *new_actor(struct cell *parent, const cadre_class *class, int life)
{
    struct cell *cell;
    struct life init = {.number = life};
    mc_assert(spawn_actor(&selves[0], parent, &cell, class, &init) == 0);
    send_wake(&selves[0], cell);
    run_all();
    return cell;
}

static void name_cell(struct cell *cell, const char *name)
{
    mc_name(cell, sizeof *cell, name);
}

static uint64_t sum_of(size_t counter)
{
    uint64_t sum = 0;
    for (int i = 0; i <= MC_THREADS_MAX; i++)
        sum += *(uint64_t *)(void *)((char *)&selves[i] + counter);
    return sum;
}
#define SUM(counter) sum_of(offsetof(struct cadre_self, counter))

/* Every message has had exactly one fate. */
static void check_fates(void)
{
    int total = 0;
    for (int i = 0; i < MAILS; i++) {
        mc_assert(fates[i] <= 1);
        mc_assert(handled[i] <= fates[i]);
        total += fates[i];
    }
    mc_assert(total == sent);
    mc_assert(SUM(accepted) == SUM(handled) + SUM(dead));
    for (int i = 0; i <= MC_THREADS_MAX; i++)
        mc_assert(ready[i].first == ready[i].end);
}

static bool is_free(const struct cell *cell)
{
    for (const struct cell *c = world.table.free; c; c = c->free_next)
        if (c == cell)
            return true;
    return false;
}

#endif
