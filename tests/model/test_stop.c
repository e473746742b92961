/* test_stop.c: the end of actors: letters, stops and kills meet, children end first.
 *
 * The real actor layer, from sending down to the mailbox, between a scheduler, an
 * allocator and dead letters of the model's own. The root, made in the set-up, has one
 * child. Worker threads run whatever is runnable; the other threads send, stop and kill
 * from outside. At the end everything must have come to rest, and every letter to
 * exactly one fate. */
#include "actor/deadletter.h"
#include "actor/exit.h"
#include "actor/send.h"
#include "actor/spawn.h"
#include "actor/turn.h"

#include <string.h>

enum { WORKERS = 2, SELVES = MC_THREADS_MAX + 1, CELLS = 6, MAILS = 5, CHILDREN = 2 };
enum { REASON = -77 };

static struct world world;
static struct worker workers[WORKERS + 1];
static struct cadre_self selves[SELVES]; /* of each thread */
static struct cell *root;
static cadre_ref child_ref[CHILDREN];
static ATOMIC(struct task *) ready[CELLS];
static int inside[1 + CHILDREN]; /* what an actor may touch and nobody else */

/* What has happened so far; the threads' order is that of the execution. */
enum outcome { UNKNOWN, HANDLED, DEAD };
static struct {
    enum outcome outcome;
    int sent, aside, fates, drops, child;
} mails[MAILS];
static bool queued[CELLS];
static int busy, children, root_ends;
static int starts[1 + CHILDREN], stops[1 + CHILDREN], reasons[1 + CHILDREN];
/* What the scenario is like. */
static int worker_count;
static bool sets_aside; /* the child: mail 0, until it has mail 1 */

/* ---- the scheduler ---- */

CC_THREAD_LOCAL struct worker *worker_here;

static void submit(struct task *task)
{
    struct cell *cell = container_of(task, struct cell, task);
    mc_assert(cell->slot < CELLS && !queued[cell->slot]);
    queued[cell->slot] = true;
    busy++;
    (void)exchange_release(&ready[cell->slot], task);
}

void sched_submit(struct sched *sched, struct task *task) { submit(task); }
void worker_publish(struct worker *worker, struct task *task) { submit(task); }
void worker_requeue(struct worker *worker, struct task *task) { submit(task); }

bool worker_read_slice(struct worker *worker)
{
    worker->clock_left = 1000;
    return false;
}

/* How many cells there are; no step of its own. */
static uint32_t made(void) { return world.table.used.v; }

/* Each worker has its own cells, so that there are no two ways to do the same. */
static struct task *take_ready(uint32_t first, uint32_t step)
{
    for (uint32_t i = first; i < made(); i += step) {
        struct task *task = NULL;
        if (load_relaxed(&ready[i]))
            task = exchange_acquire(&ready[i], NULL);
        if (task) {
            queued[i] = false;
            return task;
        }
    }
    return NULL;
}

static void be_worker(struct worker *worker, uint32_t first, uint32_t step)
{
    while (busy > 0) { /* somebody runs, or may make somebody run */
        struct task *task = take_ready(first, step);
        if (task) {
            turn_run(task, worker);
            busy--;
        } else {
            mc_spin();
        }
    }
}

/* ---- memory: every block is new, and using a freed one is noticed ---- */

int pool_get_slowly(struct pool *pool, void **p, size_t size)
{
    *p = mc_alloc(size);
    return 0;
}

void heap_put(struct heap *heap, void *p, size_t size) { mc_free(p, size); }

int heap_get_lines(struct heap *heap, void **p, size_t size)
{
    *p = mc_alloc(size);
    return 0;
}

void heap_put_lines(struct heap *heap, void *p, size_t size) {}
void pool_trim(struct pool *pool, unsigned class) { mc_assert(false); }
void pool_init(struct pool *pool, struct pool_depot *depot) { pool->depot = depot; }

/* ---- letters ---- */

static void dropped(void *body)
{
    int number;
    memcpy(&number, body, sizeof number);
    mails[number].drops++;
}

static const cadre_type mail_type = {.name = "mail", .size = 4, .drop = dropped};
static const cadre_type spawn_type = {.name = "spawn"};

static void decided(int number, enum outcome outcome)
{
    mc_note("mail %d is %s", number, outcome == HANDLED ? "handled" : "dead");
    mails[number].outcome = outcome;
    mails[number].fates++;
}

void deadletter_record(struct cadre_self *self, const struct envelope *e,
                       const cadre_class *class, enum dead_reason reason)
{
    int number;
    if (e->type != &mail_type)
        return;
    mc_plain_read(e->body, 4);
    memcpy(&number, e->body, sizeof number);
    decided(number, DEAD);
}

void deadletter(struct cadre_self *self, struct envelope *e, const cadre_class *class,
                enum dead_reason reason)
{
    deadletter_record(self, e, class, reason);
    body_drop(e->type, e->body);
    mc_free(e, envelope_size(e->type));
}

static void send(cadre_ref to, const cadre_type *type, const void *body)
{
    struct envelope *e;
    struct cadre_self *self = &selves[mc_self()];
    mc_assert(send_prepare(self, &e, to.id, type, body) == 0);
    if (type->size)
        mc_plain_write(e->body, type->size);
    send_deliver(self, e);
}

static void mail(int number, int child)
{
    mails[number].sent = 1;
    mails[number].child = child;
    send(child_ref[child], &mail_type, &number);
}

static void ask_stop(cadre_ref who)
{
    send_halt(&selves[mc_self()], who, HALT_STOP, 0);
}

static void ask_kill(cadre_ref who)
{
    send_halt(&selves[mc_self()], who, HALT_KILL, REASON);
}

static cadre_ref root_ref(void)
{
    return (cadre_ref){address(world.tag, root->slot, 1)};
}

/* ---- the actors: 0 is the root ---- */

/* An actor's own state: races with a second turn, and with whoever was there before. */
static int enter(const void *state)
{
    int who = *(const int *)state;
    plain_write(&inside[who], plain_read(&inside[who]) + 1);
    return who;
}

static int on_start(cadre_self *self, void *state)
{
    int who = enter(state);
    mc_note("actor %d starts", who);
    mc_assert(starts[who]++ == 0);
    return 0;
}

static void on_stop(cadre_self *self, void *state, int reason)
{
    int who = enter(state);
    mc_note("actor %d stops: %d", who, reason);
    mc_assert(starts[who] == 1 && stops[who]++ == 0);
    reasons[who] = reason;
    if (who == 0) /* children first */
        for (int i = 1; i <= children; i++)
            mc_assert(starts[i] == stops[i]);
}

static int on_mail(cadre_self *self, void *state, cadre_msg *m)
{
    int who = enter(state), number;
    mc_plain_read(m->body, 4);
    memcpy(&number, m->body, sizeof number);
    if (sets_aside && number == 0 && mails[0].aside++ == 0)
        return cadre_stash(self, m);
    if (sets_aside && number == 1)
        cadre_unstash(self);
    mc_assert(who == 1 + mails[number].child && starts[who] == 1 && stops[who] == 0);
    decided(number, HANDLED);
    return 0;
}

static const cadre_class child_class = {.name = "child",
                                        .state_size = sizeof(int),
                                        .start = on_start,
                                        .receive = on_mail,
                                        .stop = on_stop};

static void spawn_child(struct cadre_self *self)
{
    struct cell *cell;
    int who = ++children;
    mc_assert(spawn_actor(self, root, &cell, &child_class, &who) == 0);
    child_ref[who - 1].id = cell->accepts;
    mc_note("child %d is born in slot %d", who, (int)cell->slot);
    send_wake(self, cell);
}

static int on_spawn(cadre_self *self, void *state, cadre_msg *m)
{
    enter(state);
    spawn_child(self);
    return 0;
}

static const cadre_class root_class = {.name = "root",
                                       .state_size = sizeof(int),
                                       .start = on_start,
                                       .receive = on_spawn,
                                       .stop = on_stop};

static void on_root_ended(struct world *w, int reason)
{
    mc_assert(root_ends++ == 0 && stops[0] == starts[0]);
}

/* What the sources want besides, and this model never gets to. */
const char *cadre_strerror(int code) { return "?"; }
const char *class_name(const cadre_class *class) { return class->name; }
const char *address_text(char text[ADDRESS_TEXT], uint64_t id) { return "?"; }
void log_line(const struct log *log, int level, const char *fmt, ...) {}
bool log_allows(struct log_limit *limit, int64_t now_ns, uint32_t *hidden)
{
    return false;
}

/* ---- set-up ---- */

static void reset(void)
{
    memset(&world, 0, sizeof world);
    memset(queued, 0, sizeof queued);
    memset(mails, 0, sizeof mails);
    memset(child_ref, 0, sizeof child_ref);
    children = root_ends = busy = 0;
    for (int i = 0; i < CELLS; i++)
        atomic_set(&ready[i], NULL);
    for (int i = 0; i <= CHILDREN; i++) {
        starts[i] = stops[i] = reasons[i] = 0;
        plain_write(&inside[i], 0);
    }
    for (int i = 0; i <= WORKERS; i++)
        workers[i] = (struct worker){.context = &selves[i], .clock_left = 1000};
    for (int i = 0; i < SELVES; i++)
        self_init(&selves[i], &world, NULL);
    for (int i = 0; i <= WORKERS; i++)
        selves[i].worker = &workers[i];
    for (int i = worker_count + 1; i < SELVES; i++)
        selves[i].worker = NULL; /* outside */
}

/* Statistics, and what hardly changes: these cost no choices. */
static void name_and_quiet(void)
{
    struct cell *cells = table_find(&world.table, 0);
    struct table_directory *d = load_relaxed(&world.table.directories[0]);
    mc_quiet(selves, sizeof selves);
    mc_quiet(&world, sizeof world);
    mc_quiet(d, sizeof *d);
    mc_name(ready, sizeof ready, "ready");
    mc_name(&cells[0], sizeof *cells, "root's cell");
    mc_name(&cells[1], sizeof *cells, "child's cell");
}

/* The root and its child; begun: their starts are behind them. */
static void setup(int count, bool begun)
{
    static const int zero;
    worker_count = count;
    sets_aside = false;
    worker_here = &workers[1]; /* right where it matters: in the turns of one worker */
    reset();
    world.tag = 1;
    world.batch = 2; /* so that turns end with letters left */
    world.root_ended = on_root_ended;
    table_init(&world.table, &world.heap);
    world.table.run = turn_run;
    selves[0].worker = NULL;
    mc_assert(spawn_actor(&selves[0], NULL, &root, &root_class, &zero) == 0);
    submit(&root->task);
    spawn_child(&selves[0]);
    if (begun) {
        selves[0].worker = &workers[0];
        be_worker(&workers[0], 0, 1);
    }
    busy += 2; /* two outside */
    name_and_quiet();
}

/* ---- afterwards ---- */

/* Every cell but the root's is in one cache, once. */
static void check_free_cells(void)
{
    int found[CELLS] = {0};
    mc_assert(made() <= CELLS && !world.table.free);
    for (int i = 0; i < SELVES; i++)
        for (struct cell *c = selves[i].cells.first; c; c = c->free_next)
            mc_assert(found[c->slot]++ == 0);
    for (uint32_t i = 0; i < made(); i++)
        mc_assert(found[i] == (i != root->slot));
}

static void check_cells(void)
{
    for (uint32_t i = 0; i < made(); i++) {
        struct cell *c = table_find(&world.table, i);
        mc_assert(mpsc_is_idle(&c->mailbox) && !queued[i] && !load_relaxed(&ready[i]));
        mc_assert(plain_read(&c->phase) == PHASE_FREE && c->accepts == 0);
        mc_assert(life_halts(load_relaxed(&c->life)) == LIFE_VACANT);
        mc_assert(list_is_empty(&c->children) && list_is_empty(&c->sibling));
    }
}

static void all_is_over(void)
{
    mc_assert(busy == 0 && root_ends == 1);
    for (int i = 0; i < MAILS; i++)
        mc_assert(mails[i].fates == mails[i].sent && mails[i].drops == mails[i].sent);
    for (int i = 0; i <= children; i++)
        mc_assert(starts[i] == stops[i]);
    check_cells();
    check_free_cells();
}

/* ---- scenarios: every one of them ends with the root ---- */

static void one_worker(void) { setup(1, true); }
static void one_worker_sets_aside(void)
{
    setup(1, true);
    sets_aside = true;
}
static void two_workers(void) { setup(2, true); }
static void two_workers_births(void) { setup(2, false); }

/* Outside: the first of them, or the other one? */
static bool is_worker(int self)
{
    if (self > worker_count)
        return false;
    be_worker(&workers[self], (uint32_t)self - 1, (uint32_t)worker_count);
    return true;
}

static bool is_first(int self) { return self == worker_count + 1; }

static void letters_around_a_stop(int self)
{
    if (is_worker(self))
        return;
    if (is_first(self)) {
        mail(0, 0);
        ask_stop(child_ref[0]);
        mail(1, 0);
    } else {
        mail(2, 0);
        ask_stop(root_ref());
    }
    busy--;
}

static void before_but_not_after(void)
{
    all_is_over();
    if (reasons[1] == CADRE_EPARENT) /* the root asked first, maybe before mail 0 */
        return;
    mc_assert(reasons[1] == 0);
    mc_assert(mails[0].outcome == HANDLED && mails[1].outcome == DEAD);
}

static void stop_and_kill(int self)
{
    if (is_worker(self))
        return;
    if (is_first(self)) {
        mail(0, 0);
        ask_stop(child_ref[0]);
        ask_stop(root_ref());
    } else {
        ask_kill(child_ref[0]);
        mail(1, 0);
    }
    busy--;
}

static void killed_or_not(void)
{
    all_is_over();
    mc_assert(reasons[1] == 0 || reasons[1] == REASON);
    mc_assert(reasons[1] == REASON || mails[0].outcome == HANDLED);
}

static void killed_or_parent(void)
{
    all_is_over();
    mc_assert(reasons[1] == REASON ||
              (mails[0].outcome == HANDLED && mails[1].outcome == HANDLED));
}

static void mail_and_stop_of_root(int self)
{
    if (is_worker(self))
        return;
    if (is_first(self)) {
        mail(0, 0);
        ask_stop(root_ref());
    } else {
        mail(1, 0);
    }
    busy--;
}

static void handled_before_the_end(void)
{
    all_is_over();
    mc_assert(mails[0].outcome == HANDLED);
    mc_assert(reasons[0] == 0 && reasons[1] == CADRE_EPARENT);
}

static void both_are_stopped(int self)
{
    if (is_worker(self))
        return;
    if (is_first(self))
        ask_stop(child_ref[0]);
    else
        ask_stop(root_ref());
    busy--;
}

static void both_are_killed(int self)
{
    if (is_worker(self))
        return;
    if (is_first(self)) {
        ask_kill(child_ref[0]);
    } else {
        ask_stop(root_ref());
        ask_kill(root_ref());
    }
    busy--;
}

static void kill_between_letters(int self)
{
    if (is_worker(self))
        return;
    if (is_first(self)) {
        mail(0, 0);
        mail(1, 0);
        ask_stop(root_ref());
    } else {
        ask_kill(child_ref[0]);
    }
    busy--;
}

/* The old child may not be quite over when the root has a new one. */
static void replaced(int self)
{
    if (is_worker(self))
        return;
    ask_stop(child_ref[0]);
    send(root_ref(), &spawn_type, NULL);
    if (mc_choose(2))
        ask_kill(child_ref[0]);
    else
        mail(0, 0);
    ask_stop(root_ref());
    busy -= 2;
}

static void unborn_are_killed(int self)
{
    if (is_worker(self))
        return;
    ask_kill(child_ref[0]);
    ask_stop(root_ref());
    ask_kill(root_ref());
    busy -= 2;
}

static void both_children_ended(void)
{
    all_is_over();
    mc_assert(children == 2);
}

/* Two workers and two outside cost so much that stale reads are left to the others. */
/* With stale reads where that is not too much. */
#define WEAK                                                                           \
    .bounds = {.preemptions = 2, .stale = 1}, .deep = {.preemptions = 3, .stale = 2}
#define FRESH                                                                          \
    .bounds = {.preemptions = 2, .stale = 0}, .deep = {.preemptions = 3, .stale = 1}
/* clang-format off */
#define TEST(of, by, after, count) \
    .setup = of, .thread = by, .final = after, .threads = count

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {.name = "stop: letters around a stop",
         TEST(one_worker, letters_around_a_stop, before_but_not_after, 3), WEAK},
        {.name = "stop: a stop and a kill",
         TEST(one_worker, stop_and_kill, killed_or_not, 3), WEAK},
        {.name = "stop: killed with a letter set aside",
         TEST(one_worker_sets_aside, kill_between_letters, killed_or_parent, 3), WEAK},
        {.name = "stop: before they have started",
         TEST(two_workers_births, unborn_are_killed, all_is_over, 3), WEAK},
        {.name = "stop: a child replaced",
         TEST(two_workers, replaced, both_children_ended, 3), FRESH},
        {.name = "stop: mail before the root's end",
         TEST(two_workers, mail_and_stop_of_root, handled_before_the_end, 4), FRESH},
        {.name = "stop: child and root at the same time",
         TEST(two_workers, both_are_stopped, all_is_over, 4), WEAK},
        {.name = "stop: killed on the way",
         TEST(two_workers, both_are_killed, all_is_over, 4), FRESH},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
/* clang-format on */
