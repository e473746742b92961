/* lives.h: the real actor layer over the real scheduler, between an allocator and dead
 * letters of the model's own; three classes of actors, and when all is over. */
#ifndef MODEL_LIVES_H
#define MODEL_LIVES_H

#include "actor/account.h"
#include "actor/call.h"
#include "actor/cycle.h"
#include "actor/deadletter.h"
#include "actor/exit.h"
#include "actor/fail.h"
#include "actor/family.h"
#include "actor/print.h"
#include "actor/report.h"
#include "actor/send.h"
#include "actor/spawn.h"
#include "actor/turn.h"
#include "workers.h"

#include <errno.h>
#include <string.h>

enum { MAILS = 16, TAG = 1, SELVES = MC_THREADS_MAX + 1, BLOCKS = 3 };
/* Messages: to the parent; to the child, who sends ECHO to itself when it is CALLed. */
enum { FAIL = 3, END = 4, PASS_ON = 5, SPAWN = 7, PASS_CALL = 8, PASS_BOTH = 9 };
enum { HELLO = 6, CALL = 10, ECHO = 11 };
enum { FIRST = 1, SECOND = 2 }; /* lives of the child */

static struct world world;
static struct cadre_self selves[SELVES]; /* the workers' come first */
static struct cell *root, *parent, *child;
static cadre_ref root_ref, parent_ref, child_ref, second_ref;

/* What has happened so far; the threads' order is that of the execution. */
static int fates[MAILS], handled[MAILS], sent;
static int starts, stops, parent_stopped_after, root_endings;
static int downs, restarts; /* of the kept child; as often as the parent may */
static int last_reason;
static int scripts; /* threads outside that are not through */
static ATOMIC(int) through;

/* ---- handlers neither wait nor offload calls ---- */

int fiber_depart(struct worker *worker, struct fiber **me, struct fiber **next)
{
    return -EPERM;
}
struct fiber *fiber_park(struct worker *worker, struct fiber *to)
{
    mc_assert(false);
    return NULL;
}
void print_asked(struct cadre_self *self, struct cell *cell, struct envelope *e)
{
    mc_assert(false);
}
void print_wait(struct cadre_self *self, struct wait *wait) { mc_assert(false); }
void cycle_list(struct cadre_self *self, struct cell *cell) { mc_assert(false); }
bool cycle_takes(struct cadre_self *self, struct cell *cell, struct envelope *note)
{
    return false;
}
int blocking_init(struct blocking *pool, struct heap *heap,
                  const struct blocking_limits *limits)
{
    return 0;
}
void blocking_fini(struct blocking *pool) {}
int blocking_submit(struct blocking *pool, struct blocking_job *job) { return -EAGAIN; }
bool blocking_cancel(struct blocking *pool, struct blocking_job *job) { return false; }
void blocking_stop(struct blocking *pool, void (*drop)(struct blocking_job *job)) {}
bool blocking_step(struct blocking *pool, uint32_t nth) { return false; }
uint32_t blocking_waiting(struct blocking *pool) { return 0; }

/* ---- memory: every block is new, and using a freed one is noticed ---- */

int pool_get_slowly(struct pool *pool, void **p, unsigned class)
{
    mc_assert(false); /* no block is that small */
    return 0;
}
bool pool_reclaim(struct pool *pool) { return false; }
void pool_put_slowly(struct pool *pool, void *p, unsigned class) { mc_assert(false); }

/* A few for the shortest way to send. */
void pool_init(struct pool *pool, struct pool_depot *depot)
{
    unsigned class = pool_class_of(sizeof(struct envelope) + 8);
    pool->depot = depot;
    pool->classes[class].room = INT32_MAX / 2;
    for (int i = 0; i < BLOCKS; i++)
        pool_insert(pool, &pool->classes[class], mc_alloc(pool_size_of(class)));
}

/* ---- messages ---- */

typedef struct mail {
    int number; /* of the message */
    int life;   /* of the actor it is meant for; 0: does not matter */
} mail;

static void drop_mail(void *body)
{
    const mail *m = body;
    mc_note("message %d has had its fate", m->number);
    fates[m->number]++;
}

static CADRE_TYPE_DROP(mail, drop_mail);

void deadletter_record(struct cadre_self *self, const struct dead_letter *letter,
                       enum dead_reason reason)
{
    counter_add(&self->dead, 1);
}

/* Nobody here asks anything from outside. */
void call_answer(struct cadre_self *self, struct envelope *e) { mc_assert(false); }
void call_drop(uint64_t token) { mc_assert(false); }
bool call_moves(uint64_t token, uint64_t to)
{
    mc_assert(false);
    return true;
}

/* All fibers share one thread-local "who may call", too. */
static const struct cadre_self *self_of[SELVES];
static void switched_selves(int to)
{
    self_of[running] = self_enter(self_of[to]);
    switched(to);
}

/* Who runs here: a worker, the set-up, or a thread outside. */
static struct cadre_self *here(void) { return &selves[mc_self()]; }

/* From outside. */
static void tell(cadre_ref to, int number, int life)
{
    struct envelope *e;
    mail m = {number, life};
    mc_note("sends message %d", number);
    mc_assert(send_prepare(here(), &e, 0, &mail_type, &m) == 0);
    sent++;
    send_deliver(here(), e, to.id);
}

static void halt(cadre_ref who, enum halt how)
{
    mc_note(how == HALT_STOP ? "asks it to stop" : "kills it");
    send_halt(&world, here(), who.id, how, how == HALT_KILL ? CADRE_EKILLED : 0);
}

/* ---- actors ---- */

struct life {
    int number;
    int busy; /* plain: whoever runs the actor writes here */
};

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
    mc_note("it stops");
    stops++;
    last_reason = reason;
}

static void parent_stop(cadre_self *self, void *state, int reason)
{
    parent_stopped_after = stops;
    life_stop(self, state, reason);
}

/* Takes what is meant for its life. */
static int life_receive(cadre_self *self, void *state, cadre_msg *m)
{
    touch(state);
    const mail *got = cadre_body(m, mail);
    mc_note("message %d is handled", got->number);
    mc_assert(got->life == 0 || got->life == ((struct life *)state)->number);
    handled[got->number]++;
    return 0;
}

static void send(cadre_self *self, cadre_ref to, mail m)
{
    sent++;
    mc_assert(cadre_send_as(self, to, &mail_type, &m) == 0);
}

static int child_receive(cadre_self *self, void *state, cadre_msg *m)
{
    if (cadre_body(m, mail)->number == CALL)
        send(self, child_ref, (mail){ECHO, FIRST});
    return life_receive(self, state, m);
}

static const cadre_class child_class = {.name = "child",
                                        .state_size = sizeof(struct life),
                                        .start = life_start,
                                        .receive = child_receive,
                                        .stop = life_stop};

static int parent_receive(cadre_self *self, void *state, cadre_msg *m)
{
    int number = cadre_body(m, mail)->number;
    (void)life_receive(self, state, m);
    if (number == PASS_CALL || number == PASS_BOTH)
        send(self, child_ref, (mail){CALL, FIRST});
    if (number == PASS_ON || number == PASS_BOTH)
        send(self, child_ref, (mail){HELLO, FIRST});
    if (number == SPAWN) {
        struct life init = {.number = SECOND};
        mc_assert(cadre_spawn(self, &second_ref, &child_class, &init) == 0);
        send(self, second_ref, (mail){HELLO, SECOND});
    }
    return number == FAIL ? -1 : number == END ? CADRE_STOP : 0;
}

static const cadre_class parent_class = {.name = "parent",
                                         .state_size = sizeof(struct life),
                                         .start = life_start,
                                         .receive = parent_receive,
                                         .stop = parent_stop};

static void on_root_ended(struct world *w, int reason) { root_endings++; }

/* What the sources want besides, and this model never gets to. */
const char *cadre_strerror(int code) { return "?"; }
const char *class_name(const cadre_class *class) { return class->name; }
const char *address_text(char text[ADDRESS_TEXT], uint64_t id) { return "?"; }
void log_line(const struct log *log, int level, const char *fmt, ...) {}
void report_failure(struct cadre_self *self, const cadre_type *type, uint64_t from,
                    int reason)
{
}
int account_check(struct world *w, const cadre_budget *budget) { return 0; }
int account_new(struct cadre_self *self, struct account **account,
                const cadre_budget *budget)
{
    return -ENOMEM;
}
void account_discard(struct cadre_self *self, struct account *account) {}
void account_open(struct cadre_self *self, struct cell *cell, struct account *account)
{
}
void account_restart(struct cell *cell, struct account *account) {}
void account_close(struct cadre_self *self, struct account *account) {}
void account_obey_memory(struct cadre_self *self, struct account *account) {}
bool account_get_bytes(struct account *account, uint64_t bytes) { return true; }
void account_put_bytes(struct account *account, uint64_t bytes) {}
void fail_forget_words(struct cadre_self *self, int result) {}
const char *fail_words(const struct cadre_self *self, int reason) { return NULL; }
bool log_allows(struct log_limit *limit, int64_t now_ns, uint32_t *hidden)
{
    return false;
}

/* ---- rest ---- */

/* As sched_stop does; the rest of it comes in the end. */
static void stop_workers(void)
{
    store_seq(&world.sched.crew.stopping, true);
    for (uint32_t i = 0; i < world.sched.crew.count; i++)
        (void)idle_wake(&world.sched.crew.idle, i);
}

static void all_sleep(void *user)
{
    if (load_seq(&through) == scripts)
        stop_workers();
}

static void script_ends(void)
{
    if (fetch_add_seq(&through, 1) + 1 == scripts &&
        idle_all_asleep(&world.sched.crew.idle))
        stop_workers();
}

#endif
