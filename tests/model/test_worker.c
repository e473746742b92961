/* test_worker.c: tasks that belong to workers, and move between them.
 *
 * The real scheduler and the real sends, over the smallest actors there can be: they
 * take letters out of their mailbox as a turn does, and each letter says what is to be
 * done. No actor is ever run by two at once (what it touches is plain), every letter is
 * handled once, and those from one to another in the order they were sent. */
#include "jobs.h"

/* ---- set-up ---- */

static void setup(uint32_t workers, uint32_t count)
{
    ends_itself = true;
    expected = count;
    message_count = 0;
    heap_init(&heap, from_arena, NULL, SIZE_MAX);
    mc_quiet(&heap.bytes, sizeof heap.bytes);
    start_workers(&world.sched, &heap, workers, run);
    crew_set_batch(&world.sched.crew, 2);
    for (uint32_t i = 0; i < workers; i++) {
        selves[i].world = &world;
        selves[i].worker = &world.sched.crew.workers[i];
    }
    static const char *const names[ACTORS] = {"actor 0", "actor 1", "actor 2",
                                              "actor 3", "actor 4"};
    for (int i = 0; i < ACTORS; i++) {
        cell_init(&actors[i].cell, address(0, (uint32_t)i, 1));
        plain_write(&actors[i].cell.mailbox.newest, NULL);
        plain_write(&actors[i].busy, 0);
        mc_name(&actors[i], sizeof actors[i], names[i]);
        for (int s = 0; s < SENDERS; s++)
            actors[i].got[s] = sent[s][i] = 0;
        atomic_set(&flags[i], false);
    }
    for (int i = 0; i <= MC_THREADS_MAX; i++)
        at_work[i] = -1;
    atomic_set(&done, 0);
    atomic_set(&quiet, false);
    mc_name(messages, sizeof messages, "messages");
    mc_name(&done, sizeof done, "done");
    mc_name(flags, sizeof flags, "flags");
}

static void belong(int actor, uint32_t worker)
{
    mc_assert(task_claim(&actors[actor].cell.task, worker));
}

/* ---- threads outside ---- */

static void only_work(int self) { (void)be_worker(self); }

static void one_worker(void) { setup(1, 3); }
static void two_tell(int self)
{
    if (be_worker(self))
        return;
    tell(0, NULL);
    if (self == 2) {
        tell(0, NULL);
    }
}

static void one_worker_tires(void)
{
    setup(1, 4);
    crew_set_batch(&world.sched.crew, 1);
}
static void one_tells_two(int self)
{
    if (be_worker(self))
        return;
    tell(0, to_1);
    tell(0, NULL);
    tell(1, NULL);
}

static void one_worker_stopped(void)
{
    setup(1, 3);
    ends_itself = false;
}
static void tell_and_stop(int self)
{
    if (be_worker(self))
        return;
    tell(0, to_1);
    tell(1, NULL);
    sched_stop(&world.sched);
}

/* The receiver sleeps on the other worker. */
static void two_workers_apart(void)
{
    setup(2, 5);
    belong(0, 0);
    belong(1, 1);
}
static void tell_both(int self)
{
    if (be_worker(self))
        return;
    tell(0, to_1);
    tell(0, to_1);
    tell(1, NULL);
}

/* A sender moves to the worker of its receiver: its first letter went by the inbox, its
 * second need not. */
static void sender_moves(void)
{
    setup(2, 5);
    belong(0, 1);
    belong(1, 0);
    belong(2, 0);
    tell(0, to_1);
    tell(2, to_0_to_1);
}

/* The receiver moves to and fro. */
static void receiver_moves(void)
{
    setup(2, 6);
    belong(0, 0);
    belong(1, 1);
    belong(2, 1);
    tell(0, to_1);
    tell(2, to_1_to_0);
    tell(1, NULL);
}

static void gift(void)
{
    setup(2, 3);
    belong(0, 0);
    belong(1, 0);
    belong(2, 0);
    tell(0, wake_two_that_meet);
}

/* The thief has two that wait for each other, and is alone with them. */
static void robbed_of_two(void)
{
    setup(2, 3);
    for (int i = 0; i < 3; i++)
        belong(i, 0);
    tell(0, wake_two_that_meet);
}

/* It waits in a deque behind a handler that waits for it. */
static void behind_a_handler(void)
{
    setup(2, 3);
    belong(0, 0);
    belong(1, 0);
    tell(0, wake_and_meet_1_twice);
}

static void two_behind_a_handler(void)
{
    setup(2, 3);
    belong(0, 0);
    belong(1, 0);
    belong(2, 0);
    tell(0, wake_two_and_meet_1);
}

/* The same, but it comes from outside. */
static void two_workers_one_used(void)
{
    setup(2, 2);
    belong(0, 0);
    belong(1, 0);
}
static void tell_behind_a_handler(int self)
{
    if (be_worker(self))
        return;
    tell(0, meet_1);
    tell(1, set_flag);
}

/* All have slept before, and the watch with them. */
static void tell_after_a_sleep(int self)
{
    if (be_worker(self))
        return;
    while (!(load_seq(&world.sched.crew.idle.wants) & IDLE_UNWATCHED))
        mc_spin();
    tell(0, wake_and_meet_1);
}
static void two_workers_one_used_soon(void)
{
    two_workers_one_used();
    world.sched.crew.workers[0].due = 1 + (uint32_t)mc_choose(2);
}

/* Workers sleep where things come from outside, so that the watch has a deputy. */
static struct nap naps[2];
static bool sleep_outside(struct nap *nap, const struct park_word *word, uint32_t seen,
                          int64_t timeout_ns)
{
    park_wait(&world.sched.beds[nap - naps].word, seen, timeout_ns);
    return false;
}
static void wake_outside(struct nap *nap)
{
    park_wake(&world.sched.beds[nap - naps].word, 1);
}
static void see_nothing(struct nap *nap, struct fifo *got) {}
static void keep_it(struct nap *nap) {}

static void two_workers_outside(void)
{
    two_workers_one_used();
    for (int i = 0; i < 2; i++) {
        naps[i] = (struct nap){.sleep = sleep_outside,
                               .wake = wake_outside,
                               .look = see_nothing,
                               .judge = keep_it};
        atomic_set(&world.sched.beds[i].nap, &naps[i]);
        atomic_set(&world.sched.beds[i].offer, &naps[i]);
    }
    mc_name(&world.sched.crew.idle.deputy, 4, "deputy");
}

/* It wants no work, so that getting up changes nothing that the watch writes. */
static void two_workers_one_sated(void)
{
    two_workers_one_used();
    atomic_set(&world.sched.crew.workers[0].appetite.sated, INT64_MAX);
}

/* The watch may be about to end when it is told. */
static void tell_meanwhile(int self)
{
    if (be_worker(self))
        return;
    tell(0, wake_and_meet_1);
}

/* One in line is scheduled before it has its turn. */
static void told_in_any_order(void)
{
    setup(2, 4);
    belong(0, 0);
    belong(1, 0);
    belong(2, 0);
    tell(0, to_1);
    tell(1, wake_and_meet_2);
    struct worker *w = &world.sched.crew.workers[0];
    w->due = 1 + (uint32_t)mc_choose(2);
    w->oldest_next = mc_choose(2);
}

/* It tells itself something: that is not for the thief. */
static void behind_itself(void)
{
    setup(2, 3);
    belong(0, 0);
    belong(1, 0);
    tell(0, wake_both_and_meet_1);
}

/* It tells one that is robbed meanwhile. */
static void robbed_meanwhile(void)
{
    setup(2, 3);
    belong(0, 0);
    belong(1, 0);
    tell(0, to_1_twice);
}

/* One is told from outside while it is robbed, or waits. */
static void robbed_or_told(void)
{
    setup(2, 3);
    belong(0, 0);
    belong(1, 0);
    tell(0, wake_and_meet_1);
}
static void tell_1(int self)
{
    if (be_worker(self))
        return;
    tell(1, NULL);
}

/* The same, and its neighbour has a token when it is requeued. */
static void robbed_or_told_and_tires(void)
{
    robbed_or_told();
    crew_set_batch(&world.sched.crew, 1);
}
static void tell_0(int self)
{
    if (be_worker(self))
        return;
    tell(0, NULL);
}

/* Told by its worker and by the other one. */
static void told_by_both(void)
{
    setup(2, 4);
    belong(0, 0);
    belong(1, 1);
    belong(2, 1);
    tell(0, to_1);
    tell(2, to_1);
}

/* The same, while the worker wakes up. */
static void told_by_one(void)
{
    setup(2, 4);
    belong(0, 0);
    belong(1, 1);
    belong(2, 1);
    tell(0, to_1);
}
static void tell_2_to_1(int self)
{
    if (be_worker(self))
        return;
    tell(2, to_1);
}

/* A gift that is told at the same time. */
static void gift_of_many(void)
{
    setup(2, 5);
    for (int i = 0; i < ACTORS; i++)
        belong(i, 0);
    tell(0, wake_1_to_4);
}
static void gift_that_is_told(void)
{
    setup(2, 6);
    for (int i = 0; i < ACTORS; i++)
        belong(i, 0);
    tell(0, to_1_and_2);
}

/* It is awake for two looks, and asleep when it is robbed. */
static void falls_asleep(void)
{
    setup(2, 2);
    belong(0, 0);
    tell(0, await_1);
}
static void tell_then_tell(int self)
{
    if (be_worker(self))
        return;
    store_relaxed(&flags[1], true);
    while (load_relaxed(&done) == 0)
        mc_spin();
    tell(0, NULL);
}

/* The owner changes while somebody else has the token. */
static void three_workers(void)
{
    setup(3, 4);
    belong(0, 0);
    belong(1, 1);
    belong(2, 1);
    tell(0, to_1);
    tell(2, wake_and_meet_1);
}

/* The watch goes to work. */
static void three_workers_watching(void)
{
    setup(3, 3);
    belong(0, 0);
    belong(1, 0);
    belong(2, 1);
    tell(0, wake_and_meet_1);
}
static void tell_2_to_await_1(int self)
{
    if (be_worker(self))
        return;
    tell(2, await_1);
}

/* It gives all it has to the one it talks to. */
static void folding(void)
{
    setup(2, 6);
    for (int i = 0; i < 3; i++)
        belong(i, 0);
    struct worker *w = &world.sched.crew.workers[0];
    w->folds = true;
    w->appetite.partner = 1;
    tell(0, to_1);
    tell(1, NULL);
    tell(2, to_1);
}

static void say_quiet(void *user) { (void)exchange_seq(&quiet, true); }
static void two_workers_quiet(void)
{
    setup(2, 2);
    ends_itself = false;
    world.sched.all_asleep = say_quiet;
}
static void await_quiet(int self)
{
    if (be_worker(self))
        return;
    tell(0, to_1);
    while (load_relaxed(&done) < expected)
        mc_spin();
    while (!load_seq(&quiet))
        mc_spin();
    sched_stop(&world.sched);
}

/* An alarm rings as soon as its worker sleeps, and sets another one: between them
 * nothing is set, but nobody may call that quiet. */
static struct alarm bell;
static int rings;

static void set_bell(void (*job)(void))
{
    struct worker *w = worker_current();
    struct message *m = &messages[message_count++];
    plain_write(&m->from, 0);
    m->number = sent[0][0]++;
    m->job = job;
    bell.task = &actors[0].cell.task;
    bell.mail = &m->letter.node;
    bias_enter(&w->bias);
    alarm_set(&w->alarms, &bell, model_time + 5);
    bias_leave(&w->bias);
}

static void note_ring(void) { rings++; }
static void ring_again(void) { rings++, set_bell(note_ring); }
static void ring_twice(void) { set_bell(ring_again); }

static bool time_passes(struct worker *w)
{
    model_time += 5;
    return false;
}
static void say_really_quiet(void *user)
{
    mc_assert(rings == 2);
    say_quiet(user);
}
static void two_workers_with_an_alarm(void)
{
    setup(2, 3);
    ends_itself = false;
    belong(0, 0);
    rings = 0;
    atomic_set(&bell.state, ALARM_OFF);
    mc_name(&bell, sizeof bell, "bell");
    world.sched.all_asleep = say_really_quiet;
    world.sched.tidy = time_passes;
    tell(0, ring_twice); /* so that it is not quiet at first */
}
static void await_rings(int self)
{
    if (be_worker(self))
        return;
    while (!load_seq(&quiet))
        mc_spin();
    sched_stop(&world.sched);
}

/* ---- afterwards ---- */

static void all_handled(void)
{
    sched_stop(&world.sched);
    mc_assert(load_relaxed(&done) == expected);
    for (int a = 0; a < ACTORS; a++) {
        const struct cell *cell = &actors[a].cell;
        mc_assert(load_relaxed(&cell->task.inbox.newest) == INBOX_EMPTY);
        mc_assert(!cell->mailbox.newest && !cell->task.token && !cell->task.scheduled);
        for (int s = 0; s < SENDERS; s++)
            mc_assert(actors[a].got[s] == sent[s][a]);
    }
    for (uint32_t i = 0; i < world.sched.crew.count; i++) {
        struct worker *w = &world.sched.crew.workers[i];
        mc_assert(w->line.count == 0 && deque_size(&w->deque) == 0);
        mc_assert(!load_relaxed(&w->bias.wanted));
    }
}

#define TEST(text, n, set, what)                                                       \
    .name = "worker: " text, .threads = n, .setup = set, .thread = what,               \
    .final = all_handled, .switched = switched
#define BOUNDS(p, s, t)                                                                \
    .bounds = {.preemptions = p, .stale = s, .timeouts = t},                           \
    .deep = {.preemptions = p + 1, .stale = s + 1, .timeouts = t + 1}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("one, two tell", 3, one_worker, two_tell), BOUNDS(2, 1, 0)},
        {TEST("one, tires", 2, one_worker_tires, one_tells_two), BOUNDS(2, 1, 0)},
        {TEST("one, stopped", 2, one_worker_stopped, tell_and_stop), BOUNDS(2, 1, 0)},
        {TEST("two, apart", 3, two_workers_apart, tell_both), BOUNDS(2, 0, 0)},
        {TEST("two, sender moves", 2, sender_moves, only_work), BOUNDS(2, 0, 0)},
        {TEST("two, receiver moves", 2, receiver_moves, only_work), BOUNDS(2, 0, 0)},
        {TEST("two, gift", 2, gift, only_work), BOUNDS(2, 1, 0)},
        {TEST("two, behind a handler", 2, behind_a_handler, only_work),
         BOUNDS(2, 1, 0)},
        {TEST("two, two behind a handler", 2, two_behind_a_handler, only_work),
         BOUNDS(2, 1, 0)},
        {TEST("two, told behind a handler", 3, two_workers_one_used,
              tell_behind_a_handler),
         BOUNDS(2, 0, 0)},
        {TEST("two, told after a sleep", 3, two_workers_one_used_soon,
              tell_after_a_sleep),
         BOUNDS(2, 0, 0)},
        {TEST("two, told around a sleep", 3, two_workers_one_used, tell_meanwhile),
         BOUNDS(2, 0, 2)},
        {TEST("two, in any order", 2, told_in_any_order, only_work), BOUNDS(2, 0, 0)},
        {TEST("two, behind itself", 2, behind_itself, only_work), BOUNDS(2, 0, 0)},
        {TEST("two, robbed meanwhile", 2, robbed_meanwhile, only_work),
         BOUNDS(2, 0, 2)},
        {TEST("two, robbed or told", 3, robbed_or_told, tell_1), BOUNDS(1, 0, 2)},
        {TEST("two, robbed and tires", 3, robbed_or_told_and_tires, tell_0),
         BOUNDS(2, 0, 0)},
        {TEST("two, robbed of two that meet", 2, robbed_of_two, only_work),
         BOUNDS(2, 0, 2)},
        {TEST("two, one ends the watch", 3, two_workers_one_sated, tell_meanwhile),
         BOUNDS(1, 1, 2)},
        {TEST("two, outside, told meanwhile", 3, two_workers_outside, tell_meanwhile),
         BOUNDS(2, 0, 1)},
        {TEST("two, told by both", 2, told_by_both, only_work), BOUNDS(2, 0, 0)},
        {TEST("two, told by one", 3, told_by_one, tell_2_to_1), BOUNDS(2, 0, 0)},
        {TEST("two, gift of many", 2, gift_of_many, only_work), BOUNDS(2, 0, 0)},
        {TEST("two, gift that is told", 3, gift_that_is_told, tell_1), BOUNDS(2, 0, 0)},
        {TEST("two, falls asleep", 3, falls_asleep, tell_then_tell), BOUNDS(1, 0, 2)},
        {TEST("two, folding", 3, folding, tell_1), BOUNDS(2, 0, 0)},
        {TEST("three, one robs", 3, three_workers, only_work), BOUNDS(1, 0, 0)},
        {TEST("three, the watch goes to work", 4, three_workers_watching,
              tell_2_to_await_1),
         BOUNDS(0, 0, 1)},
        {TEST("two, the last to sleep says so", 3, two_workers_quiet, await_quiet),
         BOUNDS(1, 0, 0)},
        {TEST("two, nobody says so when an alarm is set", 3, two_workers_with_an_alarm,
              await_rings),
         BOUNDS(1, 0, 1)},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
