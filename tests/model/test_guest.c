/* test_guest.c: a worker lends its loop and has it back: nothing is forgotten meanwhile,
 * neither what arrives in its bed nor a command nor what the loop has to do by itself.
 *
 * Thread 1 is the host's worker, thread 2 the one that lends; thread 3 pushes commands to
 * the guest. Of each command the guest's loop starts something that the kernel does not
 * know of, and a timer, and makes news when that has rung. */
#include "io/berth.h"

enum { HOST, GUEST, COMMANDS = 2 };

static struct idle idle;
static struct idle_bed beds[2];
static struct berth berths[2];
static struct task tasks[COMMANDS];
static ATOMIC(uint32_t) readable[2]; /* their descriptors are, ... */
static ATOMIC(uint32_t) bell;        /* ... and have become so, so often */
static ATOMIC(uint32_t) done;        /* tasks that have arrived, news delivered */
static uint32_t expected;
static struct inbox_node commands[COMMANDS], news[COMMANDS];
static int texts[COMMANDS]; /* what a command is about */
static int changes;         /* it is lent, or back: so often. Its maker's, as `lend` */
static int changes_max;
static bool refuses; /* the host's loop cannot hear of the guest's. Constant, as is */
static int due_ms;   /* how long its timers take */
/* The guest's loop's, by who has its seat. */
static bool is_visited, is_untold;
static bool is_begun[COMMANDS];
static int timers; /* how many of its news wait for that */

/* ---- the loops ---- */

void seat_wake(const struct seat *seat)
{
    (void)exchange_acq_rel(&readable[seat != &berths[HOST].seat], 1);
    (void)fetch_add_acq_rel(&bell, 1);
    mc_futex_wake(&bell.v, 2);
}

static bool is_readable(int i) { return load_acquire(&readable[i]); }
static void drain(int i) { (void)exchange_acq_rel(&readable[i], 0); }

void berth_obey(struct berth *b, struct inbox_node *oldest)
{
    while (oldest) {
        long i = oldest - commands;
        oldest = plain_read(&oldest->next);
        mc_assert(b == &berths[GUEST] && plain_read(&texts[i]) == 1);
        plain_write(&texts[i], 2);
        plain_write(&is_untold, true);
        plain_write(&is_begun[i], true);
        plain_write(&timers, plain_read(&timers) + 1);
    }
}

static void ring(void)
{
    for (int i = 0; i < COMMANDS; i++)
        if (plain_read(&is_begun[i])) {
            plain_write(&is_begun[i], false);
            plain_write(&texts[i], 3);
            fifo_append(&berths[GUEST].rung, &news[i]);
        }
    plain_write(&timers, 0);
}

static void look_at_guest(void)
{
    if (plain_read(&is_visited) && is_readable(GUEST))
        plain_write(&berths[GUEST].is_ready, true);
}

void berth_turn(struct berth *b)
{
    int i = b != &berths[HOST];
    if (is_readable(i))
        drain(i);
    if (i == HOST) {
        look_at_guest();
        return;
    }
    if (!plain_read(&is_untold))
        ring(); /* a later turn: it is due */
    plain_write(&is_untold, false);
}

int berth_due_ms(struct berth *b)
{
    mc_assert(b == &berths[GUEST]);
    return plain_read(&is_untold) ? 0 : plain_read(&timers) ? due_ms : -1;
}

/* There is a timer: it is over. */
static void wait_for_timer(int i, int64_t timeout_ns)
{
    mc_assert(timeout_ns != PARK_FOREVER || i == GUEST);
    if (i == HOST)
        plain_write(&berths[GUEST].is_ready, true); /* as one that is due */
    else
        ring();
}

/* Never ends by itself where it has no limit, so that what is missed stays missed. */
void berth_wait(struct berth *b, int64_t timeout_ns)
{
    int i = b != &berths[HOST];
    bool visits = i == HOST && plain_read(&is_visited);
    mc_assert(!visits || !plain_read(&is_untold)); /* nobody else tells the kernel */
    if ((visits || i == GUEST) && plain_read(&timers) > 0) {
        wait_for_timer(i, timeout_ns);
        return;
    }
    bool ends = refuses && timeout_ns != PARK_FOREVER, is_over = false;
    while (!is_over) {
        uint32_t heard = load_acquire(&bell);
        if (is_readable(i) || (visits && is_readable(GUEST)))
            break;
        mc_futex_wait(&bell.v, sizeof bell.v, heard, ends);
        is_over = ends;
    }
    if (is_readable(i))
        drain(i);
    if (i == HOST)
        look_at_guest();
}

void berth_wait_outside(struct berth *b, int64_t timeout_ns)
{
    int i = b != &berths[HOST];
    uint32_t heard = load_acquire(&bell);
    mc_assert(timeout_ns != PARK_FOREVER);
    if (!is_readable(i))
        mc_futex_wait(&bell.v, sizeof bell.v, heard, true);
    drain(i);
}

int berth_welcome(struct berth *host, struct berth *guest)
{
    mc_assert(host == &berths[HOST] && guest == &berths[GUEST]);
    mc_assert(!guest->is_refused);
    plain_write(&is_visited, !refuses);
    return refuses ? -1 : 0;
}

void berth_dismiss(struct berth *guest) { plain_write(&is_visited, false); }
void berth_offer(struct berth *b) { idle_offer(&idle, GUEST, &b->nap); }
int64_t berth_now(const struct berth *b) { return LEND_WINDOW_NS; }
bool berth_cpu(const struct berth *b, int64_t *ns) { return true; }

bool lend_judge(struct lend *lend, int64_t now, struct lend_load load)
{
    int n = plain_read(&changes);
    lend->since = LEND_WINDOW_NS; /* judged once each time */
    if (n >= changes_max)
        return false;
    lend->since = 0;
    plain_write(&changes, n + 1);
    return true;
}

/* ---- the workers ---- */

static void count(void)
{
    if (fetch_add_seq(&done, 1) + 1 == expected) {
        (void)idle_wake(&idle, HOST);
        (void)idle_wake(&idle, GUEST);
    }
}

void berth_deliver(struct fifo *got, struct worker *here)
{
    struct inbox_node *node;
    while ((node = fifo_take(got))) {
        mc_assert(plain_read(&texts[node - news]) == 3);
        plain_write(&texts[node - news], 4);
        count();
    }
}

static void work_for(uint32_t worker, int64_t timeout)
{
    while (load_seq(&done) < expected) {
        if (idle_has_arrivals(&idle, worker)) {
            struct task *task = idle_take_arrivals(&idle, worker);
            for (; task; task = plain_read(&task->arrival))
                count();
            continue;
        }
        if (!idle_lie_down(&idle, worker, false))
            continue;
        if (load_seq(&done) < expected)
            (void)idle_sleep(&idle, worker, timeout);
        idle_get_up(&idle, worker);
        struct nap *nap = load_relaxed(&beds[worker].nap); /* its own */
        if (nap)
            nap->deliver(nap, &nap->got, NULL);
    }
}

static void work(uint32_t worker) { work_for(worker, PARK_FOREVER); }

/* ---- others ---- */

static void arrive(uint32_t worker, int i)
{
    (void)idle_deliver(&idle, worker, &tasks[i], &tasks[i]);
}

static void command(int i)
{
    plain_write(&texts[i], 1);
    if (seat_push(&berths[GUEST].seat, &commands[i]))
        seat_wake(&berths[GUEST].seat);
}

/* As shard_halt of all. */
static void stop(void)
{
    for (int i = HOST; i <= GUEST; i++) {
        store_release(&berths[i].stopping, true);
        seat_wake(&berths[i].seat);
        while (!seat_take(&berths[i].seat))
            cpu_relax();
        berth_part(&berths[i]);
    }
    struct fifo got = {NULL};
    berth_obey(&berths[GUEST], seat_next(&berths[GUEST].seat));
    berth_turn(&berths[GUEST]);
    berth_turn(&berths[GUEST]);
    fifo_append_fifo(&got, &berths[GUEST].rung);
    berths[GUEST].rung.newest = NULL;
    berth_deliver(&got, NULL);
    fifo_append_fifo(&got, &berths[HOST].rung);
    berths[HOST].rung.newest = NULL;
    berth_deliver(&got, NULL);
    count();
}

/* ---- programs ---- */

static void setup_for(uint32_t count, int most)
{
    idle_init(&idle, beds, 2);
    for (uint32_t i = HOST; i <= GUEST; i++) {
        beds[i].word.fd = PARK_ON_FUTEX;
        berth_init(&berths[i]);
        berth_belongs(&berths[i], &idle, i);
        idle_offer(&idle, i, &berths[i].nap);
        idle_settle(&idle, i);
    }
    berth_may_lend(&berths[GUEST], &berths[HOST]);
    atomic_set(&readable[HOST], 0);
    atomic_set(&readable[GUEST], 0);
    atomic_set(&bell, 0);
    atomic_set(&done, 0);
    plain_write(&changes, 0);
    plain_write(&is_visited, false);
    plain_write(&is_untold, false);
    plain_write(&timers, 0);
    changes_max = most;
    refuses = false;
    due_ms = 5;
    expected = count;
    for (int i = 0; i < COMMANDS; i++) {
        task_init(&tasks[i]);
        plain_write(&texts[i], 0);
        plain_write(&is_begun[i], false);
    }
    mc_name(beds, sizeof beds, "beds");
    mc_name(berths, sizeof berths, "berths");
    mc_name(readable, sizeof readable, "readable");
    mc_name(&bell, sizeof bell, "bell");
    mc_name(&done, sizeof done, "done");
    mc_name(texts, sizeof texts, "texts");
}
static void setup_lent(void) { setup_for(2, 1); }
static void setup_busy(void)
{
    setup_for(1, 1);
    due_ms = 0; /* nobody waits */
}
static void setup_back(void) { setup_for(2, 2); }
static void setup_refused(void)
{
    setup_for(2, 2);
    refuses = true;
}
static void setup_refused_once(void)
{
    setup_for(1, 1);
    refuses = true;
}

static void both(int self)
{
    if (self <= 2)
        work((uint32_t)self - 1);
    else
        command(0), arrive(GUEST, 1);
}

/* The host's worker has an alarm. */
static void for_a_while(int self)
{
    if (self <= 2)
        work_for((uint32_t)self - 1, self == 1 ? 50000000 : PARK_FOREVER);
    else
        command(0), arrive(GUEST, 1);
}

static void two_commands(int self)
{
    if (self <= 2)
        work((uint32_t)self - 1);
    else
        command(0), command(1);
}

/* The host's worker looks once, and is in a handler then. The other one has pushed a
 * command, and does not lie down again. */
static void busy(int self)
{
    struct nap *nap = &berths[self - 1].nap;
    struct fifo got = {NULL};
    if (self == 2) {
        if (idle_lie_down(&idle, GUEST, false))
            idle_get_up(&idle, GUEST);
        command(0);
        mc_assert(idle_look_at(&idle, GUEST, NAP_LEFT_NS - 1) == NULL);
        mc_assert(idle_look_at(&idle, GUEST, NAP_LEFT_NS) == nap);
    }
    do {
        cpu_relax();
        nap->look(nap, &got);
        nap->deliver(nap, &got, NULL);
    } while (self == 2 && load_seq(&done) < expected);
}

/* The other one is in a handler from when it has lent its loop on; who keeps watch looks
 * there, if it has settled before. */
static void refused_busy(int self)
{
    struct fifo got = {NULL};
    if (self == 1)
        work(HOST);
    else if (self == 3)
        command(0);
    else if (idle_lie_down(&idle, GUEST, false))
        idle_get_up(&idle, GUEST);
    while (self == 2 && load_seq(&done) < expected) {
        struct nap *nap = idle_nap(&idle, GUEST);
        cpu_relax();
        if (nap) {
            nap->look(nap, &got);
            nap->deliver(nap, &got, NULL);
        }
    }
}

static void stopped(int self)
{
    if (self <= 2)
        work((uint32_t)self - 1);
    else
        command(0), stop();
}

static void all_came(void)
{
    mc_assert(load_relaxed(&done) == expected);
    mc_assert(!berths[GUEST].is_refused || load_relaxed(&beds[GUEST].offer) != NULL);
}

#define TEST(text, n, prepare, what)                                                   \
    .name = "guest: " text, .threads = n, .setup = prepare, .thread = what,            \
    .final = all_came, .unordered_stores = true /* of `taken`: by who has it */

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("lent", 3, setup_lent, both),
         .bounds = {.preemptions = 1, .stale = 1, .timeouts = 1},
         .deep = {.preemptions = 2, .stale = 1, .timeouts = 1}},
        {TEST("with a limit", 3, setup_lent, for_a_while),
         .bounds = {.preemptions = 1, .stale = 1, .timeouts = 1},
         .deep = {.preemptions = 2, .stale = 1, .timeouts = 1}},
        {TEST("two commands", 3, setup_lent, two_commands),
         .bounds = {.preemptions = 1, .stale = 1, .timeouts = 1},
         .deep = {.preemptions = 2, .stale = 1, .timeouts = 1}},
        {TEST("and back", 3, setup_back, both),
         .bounds = {.preemptions = 1, .stale = 1, .timeouts = 1},
         .deep = {.preemptions = 2, .stale = 1, .timeouts = 1}},
        {TEST("refused", 3, setup_refused, both),
         .bounds = {.preemptions = 1, .stale = 1, .timeouts = 1},
         .deep = {.preemptions = 2, .stale = 1, .timeouts = 1}},
        {TEST("refused, in a handler", 3, setup_refused_once, refused_busy),
         .bounds = {.preemptions = 1, .stale = 1, .timeouts = 1},
         .deep = {.preemptions = 2, .stale = 1, .timeouts = 1}},
        {TEST("busy", 2, setup_busy, busy),
         .bounds = {.preemptions = 2, .stale = 1, .timeouts = 1},
         .deep = {.preemptions = 3, .stale = 1, .timeouts = 1}},
        {TEST("stopped", 3, setup_lent, stopped),
         .bounds = {.preemptions = 1, .stale = 1, .timeouts = 1},
         .deep = {.preemptions = 2, .stale = 1, .timeouts = 1}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
