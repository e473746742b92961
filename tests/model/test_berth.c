/* test_berth.c: a worker sleeps in a loop: neither what arrives in its bed nor a command
 * nor news from outside is forgotten, whoever runs the loop meanwhile.
 *
 * Thread 1 is the worker: it takes what has arrived, looks at the loop now and then, and
 * sleeps there. The loop makes news of each command. */
#include "io/berth.h"

enum { COMMANDS = 2 };

static struct idle idle;
static struct idle_bed bed;
static struct berth berth;
static struct task tasks[COMMANDS];
static ATOMIC(uint32_t) readable; /* the loop's descriptor is */
static ATOMIC(uint32_t) done;     /* tasks that have arrived, news delivered */
static uint32_t expected;
static struct inbox_node commands[COMMANDS], news[COMMANDS];
static int texts[COMMANDS]; /* what a command is about */
static int obeyed;          /* the loop's */

/* ---- the loop ---- */

void seat_wake(const struct seat *seat)
{
    mc_assert(seat == &berth.seat);
    (void)exchange_acq_rel(&readable, 1);
    mc_futex_wake(&readable.v, 1);
}

static void drain(void) { (void)exchange_acq_rel(&readable, 0); }

void berth_obey(struct berth *b, struct inbox_node *oldest)
{
    while (oldest) {
        long i = oldest - commands;
        oldest = plain_read(&oldest->next);
        mc_assert(plain_read(&texts[i]) == 1);
        plain_write(&texts[i], 2);
        plain_write(&obeyed, obeyed + 1);
        fifo_append(&b->rung, &news[i]);
    }
}

void berth_turn(struct berth *b)
{
    if (load_acquire(&readable))
        drain();
}

/* Never ends by itself, so that what is missed stays missed. */
void berth_wait(struct berth *b, int64_t timeout_ns)
{
    mc_futex_wait(&readable.v, sizeof readable.v, 0, false);
    drain();
}

/* A thousandth of a second, while another one has the seat. */
void berth_wait_outside(struct berth *b, int64_t timeout_ns)
{
    mc_assert(timeout_ns != PARK_FOREVER);
    mc_futex_wait(&readable.v, sizeof readable.v, 0, true);
    drain();
}

/* It is never lent (test_guest). */
int64_t berth_now(const struct berth *b) { return 0; }
int berth_due_ms(struct berth *b) { return -1; }
int berth_welcome(struct berth *host, struct berth *guest) { return 0; }
void berth_dismiss(struct berth *guest) {}
void berth_offer(struct berth *b) {}
bool berth_cpu(const struct berth *b, int64_t *ns) { return false; }
bool lend_judge(struct lend *lend, int64_t now, struct lend_load load) { return false; }

void berth_deliver(struct fifo *got, struct worker *here)
{
    struct inbox_node *node;
    while ((node = fifo_take(got))) {
        mc_assert(plain_read(&texts[node - news]) == 2);
        plain_write(&texts[node - news], 3);
        (void)fetch_add_acq_rel(&done, 1);
    }
}

/* ---- the worker ---- */

static bool take(void)
{
    struct task *task = NULL;
    bool some = false;
    if (idle_has_arrivals(&idle, 0))
        task = idle_take_arrivals(&idle, 0);
    for (; task; task = plain_read(&task->arrival), some = true)
        (void)fetch_add_acq_rel(&done, 1);
    return some;
}

static void work(int64_t timeout)
{
    while (load_acquire(&done) < expected) {
        if (take())
            continue;
        if (!idle_lie_down(&idle, 0, false))
            continue;
        (void)idle_sleep(&idle, 0, timeout);
        idle_get_up(&idle, 0);
        struct nap *nap = load_relaxed(&bed.nap); /* its own */
        if (nap)
            nap->deliver(nap, &nap->got, NULL);
    }
}

/* ---- others ---- */

static void arrive(int i) { (void)idle_deliver(&idle, 0, &tasks[i], &tasks[i]); }

static void command(int i)
{
    plain_write(&texts[i], 1);
    if (seat_push(&berth.seat, &commands[i]))
        seat_wake(&berth.seat);
}

/* The watch, while the worker is in a handler. */
static void visit(void)
{
    struct fifo got = {NULL};
    struct nap *nap = load_acquire(&bed.nap);
    if (!nap)
        return;
    nap->look(nap, &got);
    for (struct inbox_node *node; (node = fifo_take(&got));) {
        mc_assert(plain_read(&texts[node - news]) == 2);
        arrive((int)(node - news)); /* it is for an actor of the worker's */
    }
}

/* As shard_halt and shard_clear; then the worker is wanted once more. */
static void stop(void)
{
    struct fifo got = {NULL};
    store_release(&berth.stopping, true);
    seat_wake(&berth.seat);
    while (!seat_take(&berth.seat))
        cpu_relax();
    for (;;) { /* all is closed when it has obeyed that */
        berth_obey(&berth, seat_next(&berth.seat));
        berth_turn(&berth);
        if (plain_read(&obeyed) == 1)
            break;
        cpu_relax();
    }
    fifo_append_fifo(&got, &berth.rung);
    berth.rung.newest = NULL;
    berth_deliver(&got, NULL);
    arrive(1);
}

/* ---- programs ---- */

static void setup_for(uint32_t count, bool has_loop)
{
    idle_init(&idle, &bed, 1);
    bed.word.fd = PARK_ON_FUTEX;
    berth_init(&berth);
    if (has_loop) {
        idle_offer(&idle, 0, &berth.nap);
        idle_settle(&idle, 0);
    }
    atomic_set(&readable, 0);
    atomic_set(&done, 0);
    plain_write(&obeyed, 0);
    expected = count;
    for (int i = 0; i < COMMANDS; i++) {
        task_init(&tasks[i]);
        plain_write(&texts[i], 0);
    }
    mc_name(&bed, sizeof bed, "bed");
    mc_name(&berth, sizeof berth, "berth");
    mc_name(&readable, sizeof readable, "readable");
    mc_name(&done, sizeof done, "done");
    mc_name(texts, sizeof texts, "texts");
}
static void setup_two(void) { setup_for(2, true); }
static void setup_three(void) { setup_for(3, true); }
static void setup_offer(void) { setup_for(2, false); }

static void both(int self, int64_t timeout)
{
    if (self == 1)
        work(timeout);
    else if (self == 2)
        arrive(0);
    else
        command(0);
}
static void for_ever(int self) { both(self, PARK_FOREVER); }
static void for_a_while(int self) { both(self, 5); }

static void visited(int self)
{
    if (self == 1)
        work(PARK_FOREVER);
    else if (self == 2)
        command(0), command(1);
    else
        visit();
}

static void stopped(int self)
{
    if (self == 1)
        work(PARK_FOREVER);
    else if (self == 2)
        command(0);
    else
        stop();
}

/* The visitor may read what the stopper has written. */
static void stopped_and_visited(int self)
{
    if (self == 1)
        work(PARK_FOREVER);
    else if (self == 2)
        command(0), stop();
    else
        visit();
}

static void two_tasks(int self)
{
    if (self == 1)
        work(PARK_FOREVER);
    else if (self == 2)
        arrive(0), arrive(1);
    else
        command(0);
}

/* It is offered the loop while it sleeps, or is about to. */
static void offered(int self)
{
    if (self == 1)
        work(PARK_FOREVER);
    else if (self == 2)
        idle_offer(&idle, 0, &berth.nap), command(0);
    else
        arrive(0);
}

static void all_came(void) { mc_assert(load_relaxed(&done) == expected); }

#define TEST(text, n, prepare, what)                                                   \
    .name = "berth: " text, .threads = n, .setup = prepare, .thread = what,            \
    .final = all_came, .unordered_stores = true /* of `taken`: by who has it */

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("arrival and command", 3, setup_two, for_ever),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 3, .stale = 2}},
        {TEST("with a limit", 3, setup_two, for_a_while),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 3, .stale = 2}},
        {TEST("two arrivals", 3, setup_three, two_tasks),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 3, .stale = 1}},
        {TEST("offered", 3, setup_offer, offered),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 3, .stale = 2}},
        {TEST("visited", 3, setup_two, visited),
         .bounds = {.preemptions = 2, .stale = 1, .timeouts = 1},
         .deep = {.preemptions = 3, .stale = 1, .timeouts = 1}},
        {TEST("stopped", 3, setup_two, stopped),
         .bounds = {.preemptions = 2, .stale = 1, .timeouts = 1},
         .deep = {.preemptions = 3, .stale = 1, .timeouts = 1}},
        {TEST("visited at the end", 3, setup_two, stopped_and_visited),
         .bounds = {.preemptions = 3, .stale = 0, .timeouts = 1},
         .deep = {.preemptions = 4, .stale = 1, .timeouts = 1}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
