/* test_idle.c: beds: no delivery is forgotten, no hungry one is given to twice, and
 * nobody says that all sleep when somebody was awake all the time.
 *
 * The workers here do nothing but take what has arrived, and sleep. */
#include "sched/idle.h"

enum { WORKERS = 2, TASKS = 4 };

static struct idle idle;
static struct idle_bed beds[WORKERS];
static struct task tasks[TASKS];
static int payload[TASKS];    /* plain: written by who delivers, then by who gets it */
static int hops[TASKS];       /* how often it is still passed on */
static int came[TASKS];       /* how often it has arrived */
static ATOMIC(uint32_t) done; /* tasks at their end */
static ATOMIC(bool) stopping, quiet;
static uint32_t expected;
/* In the order of the execution: */
static int pending; /* tasks that are delivered and not at their end */
static bool from_outside;
static bool was_still; /* there was a moment without any since this was cleared */

static void setup(uint32_t workers, uint32_t count)
{
    idle_init(&idle, beds, workers);
    for (int i = 0; i < TASKS; i++) {
        task_init(&tasks[i]);
        plain_write(&payload[i], -1);
        hops[i] = came[i] = 0;
    }
    for (uint32_t w = 0; w < workers; w++) {
        beds[w].word.fd = PARK_ON_FUTEX;
        mc_name(&beds[w].arrivals, 8, w ? "bed 1" : "bed 0");
        mc_name(&beds[w].word, 4, w ? "word 1" : "word 0");
        mc_name(&beds[w].parks, 8, w ? "parks 1" : "parks 0");
    }
    atomic_set(&done, 0);
    atomic_set(&stopping, false);
    atomic_set(&quiet, false);
    expected = count;
    pending = 0;
    was_still = from_outside = false;
    mc_name(&idle.wants, 4, "wants");
    mc_name(&idle.watch, 4, "watch");
    mc_name(&idle.mask, 8, "mask");
    mc_name(tasks, sizeof tasks, "tasks");
    mc_name(payload, sizeof payload, "payload");
    mc_name(&done, sizeof done, "done");
    mc_name(&stopping, sizeof stopping, "stopping");
}

static void one_worker(void) { setup(1, 2); }
static void two_workers(void) { setup(2, 2); }

static void deliver(uint32_t to, int number)
{
    plain_write(&payload[number], number);
    pending++;
    idle_deliver(&idle, to, &tasks[number], &tasks[number]);
}

static void stop(void)
{
    store_seq(&stopping, true);
    for (uint32_t w = 0; w < idle.workers; w++)
        (void)idle_wake(&idle, w);
}

/* ---- workers ---- */

static void arrive(uint32_t worker, struct task *task)
{
    long number = task - tasks;
    mc_assert(plain_read(&payload[number]) == number);
    plain_write(&payload[number], (int)number);
    came[number]++;
    if (hops[number]-- > 0) {
        idle_deliver(&idle, 1 - worker, task, task);
        return;
    }
    if (--pending == 0)
        was_still = true;
    (void)fetch_add_acq_rel(&done, 1);
}

static bool take(uint32_t worker)
{
    struct task *task = NULL, *next;
    if (idle_has_arrivals(&idle, worker))
        task = idle_take_arrivals(&idle, worker);
    bool some = task != NULL;
    for (; task; task = next) {
        next = plain_read(&task->arrival);
        arrive(worker, task);
    }
    return some;
}

static void say_if_all_sleep(void)
{
    was_still = pending == 0;
    if (!idle_all_asleep(&idle))
        return;
    mc_assert(was_still || from_outside); /* what is on its way, wakes nobody yet */
    if (load_acquire(&done) == expected)
        (void)exchange_seq(&quiet, true);
}

/* Until everything has come: who takes the last one knows. */
static void work(uint32_t worker, bool hungry, int64_t timeout)
{
    while (load_acquire(&done) < expected) {
        if (take(worker) || !idle_lie_down(&idle, worker, hungry))
            continue;
        (void)idle_sleep(&idle, worker, timeout);
        idle_get_up(&idle, worker);
    }
}

/* Until the stop. */
static void work_and_say(uint32_t worker)
{
    for (;;) {
        bool last = load_seq(&stopping);
        if (take(worker))
            continue;
        if (last)
            return;
        if (!idle_lie_down(&idle, worker, false))
            continue;
        if (!load_seq(&stopping)) {
            say_if_all_sleep();
            (void)idle_sleep(&idle, worker, PARK_FOREVER);
        }
        idle_get_up(&idle, worker);
    }
}

/* Until it has got one. */
static void starve(uint32_t worker)
{
    while (!take(worker))
        if (idle_lie_down(&idle, worker, true)) {
            (void)idle_sleep(&idle, worker, PARK_FOREVER);
            idle_get_up(&idle, worker);
        }
}

/* ---- programs ---- */

static void two_deliver(int self)
{
    if (self == 1)
        work(0, false, PARK_FOREVER);
    else
        deliver(0, self - 2);
}

static void one_delivers_two(int self)
{
    if (self == 1) {
        work(0, true, PARK_FOREVER);
    } else {
        deliver(0, 0);
        deliver(0, 1);
    }
}

static void sleeps_a_while(int self)
{
    if (self == 1)
        work(0, false, 1000);
    else
        deliver(0, self - 2);
}

static void deliver_a_list(int self)
{
    if (self == 1) {
        work(0, false, PARK_FOREVER);
        return;
    }
    plain_write(&payload[0], 0);
    plain_write(&payload[1], 1);
    plain_write(&tasks[0].arrival, &tasks[1]);
    idle_deliver(&idle, 0, &tasks[0], &tasks[1]);
}

static void wake_up(int self)
{
    if (self == 1)
        while (!load_seq(&stopping)) {
            if (!idle_lie_down(&idle, 0, true))
                break;
            if (!load_seq(&stopping))
                (void)idle_sleep(&idle, 0, PARK_FOREVER);
            idle_get_up(&idle, 0);
        }
    else if (self == 2)
        stop();
    else
        (void)idle_wake(&idle, 0);
}

static void wake_and_deliver(int self)
{
    if (self == 1)
        work(0, false, PARK_FOREVER);
    else if (self == 2)
        deliver(0, 0), deliver(0, 1);
    else
        (void)idle_wake(&idle, 0);
}

static void give(int self)
{
    int32_t to;
    while ((to = idle_take_hungry(&idle, -1)) < 0)
        cpu_relax();
    if (self == 4 && mc_choose(2)) { /* there is nothing after all */
        int32_t but = to;
        idle_keep_hungry(&idle, (uint32_t)to);
        while ((to = idle_take_hungry(&idle, but)) < 0)
            cpu_relax();
    }
    deliver((uint32_t)to, self - 3);
}

/* Both get one, and no more. */
static void two_give(int self)
{
    if (self <= 2)
        starve((uint32_t)self - 1);
    else
        give(self);
}

/* The hungry one may have got something else meanwhile, and be up. */
static void give_and_deliver(int self)
{
    if (self == 1)
        work(0, true, PARK_FOREVER);
    else if (self == 2)
        give(4);
    else
        deliver(0, 0);
}

static void pass_twice(void)
{
    setup(2, 1);
    hops[0] = 2;
}

/* When all sleep after the last one, somebody says so. */
static void last_one_says(int self)
{
    if (self <= 2) {
        work_and_say((uint32_t)self - 1);
        return;
    }
    from_outside = true;
    deliver(0, 0);
    while (!load_seq(&quiet))
        cpu_relax();
    stop();
}

/* Two workers on one thread: one of them is always awake. */
static void lie_down(uint32_t worker)
{
    mc_assert(idle_lie_down(&idle, worker, false));
}

static void get_up(uint32_t worker)
{
    mc_assert(idle_sleep(&idle, worker, PARK_FOREVER));
    idle_get_up(&idle, worker);
    mc_assert(idle_take_arrivals(&idle, worker) == &tasks[0]);
}

static void pass_to(uint32_t worker)
{
    idle_deliver(&idle, worker, &tasks[0], &tasks[0]);
    lie_down(1 - worker);
    get_up(worker);
}

static void look_all_the_time(int self)
{
    if (self == 2) {
        mc_assert(!idle_all_asleep(&idle));
        return;
    }
    lie_down(0);
    pass_to(0);
    pass_to(1);
    idle_get_up(&idle, 0); /* its time was up */
    lie_down(1);
    pass_to(1);
    pass_to(0);
}

static void nobody_is_left(void)
{
    uint64_t mask = load_relaxed(&idle.mask[0]); /* who was kept may be up */
    mc_assert(load_relaxed(&idle.wants) == (uint32_t)__builtin_popcountll(mask));
}

static void nobody_is_hungry(void)
{
    nobody_is_left();
    mc_assert(load_relaxed(&idle.mask[0]) == 0);
}

static void all_came(void)
{
    nobody_is_left();
    mc_assert(load_relaxed(&done) == expected);
    for (uint32_t i = 0; i < expected; i++)
        mc_assert(hops[i] == -1);
}

static void all_came_and_none_is_hungry(void)
{
    nobody_is_hungry();
    all_came();
}

#define TEST(text, n, set, what, end)                                                  \
    .name = "idle: " text, .threads = n, .setup = set, .thread = what, .final = end
#define FEW                                                                            \
    .bounds = {.preemptions = 3, .stale = 1}, .deep = {.preemptions = 4, .stale = 2}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("two deliver", 3, one_worker, two_deliver, all_came), FEW},
        {TEST("one delivers two to a hungry one", 2, one_worker, one_delivers_two,
              all_came_and_none_is_hungry),
         FEW},
        {TEST("wakes early", 2, one_worker, one_delivers_two, all_came),
         .bounds = {.preemptions = 2, .stale = 1, .spurious = 1},
         .deep = {.preemptions = 4, .stale = 1, .spurious = 2}},
        {TEST("sleeps a while", 3, one_worker, sleeps_a_while, all_came),
         .bounds = {.preemptions = 2, .stale = 1, .timeouts = 2},
         .deep = {.preemptions = 3, .stale = 1, .timeouts = 3}},
        {TEST("one delivers a list", 2, one_worker, deliver_a_list, all_came), FEW},
        {TEST("woken by two", 3, one_worker, wake_up, nobody_is_hungry), FEW},
        {TEST("woken and delivered to", 3, one_worker, wake_and_deliver, all_came),
         FEW},
        {TEST("two hungry, two give", 4, two_workers, two_give, all_came),
         .bounds = {.preemptions = 2, .stale = 0},
         .deep = {.preemptions = 3, .stale = 1}},
        {TEST("one hungry, given to and delivered to", 3, one_worker, give_and_deliver,
              all_came),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 3, .stale = 1}},
        {TEST("the last to sleep says so", 3, pass_twice, last_one_says, all_came),
         .bounds = {.preemptions = 2, .stale = 1},
         .deep = {.preemptions = 3, .stale = 1}},
        {TEST("nobody says so too early", 2, two_workers, look_all_the_time,
              nobody_is_left),
         .bounds = {.preemptions = 9, .stale = 1},
         .deep = {.preemptions = 12, .stale = 2}},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
