/* test_alarm.c: alarms: the mail of each comes exactly once, or never, when the one who
 * cancelled it was told so.
 *
 * The workers here look at their alarms and run tasks; a task that goes from one worker
 * to the other takes its alarms along, but not where they stand. An alarm whose fate is
 * known is freed at once, so that whoever touches it afterwards is found; or it is used
 * again, on another worker. The wheel is a list, which says who uses it. */
#include "sched/alarm.h"

enum { WORKERS = 3, TASKS = 2, TIMERS = 3, PRESENT = 5, LATER = 100 };

/* What is known about a timer, in the order of the execution. */
enum fate { UNUSED, PENDING, DOOMED, CAME, OFF };

struct timer {
    struct alarm alarm;
    struct inbox_node mail;
    int number;
};

static struct alarms alarms[WORKERS];
static struct task tasks[TASKS];
static struct timer *timers[TIMERS];
static enum fate fates[TIMERS];
static int task_of[TIMERS];
static int came[TIMERS];      /* how often its mail has */
static int times[TIMERS];     /* how often it was set to come */
static ATOMIC(uint32_t) over; /* tasks that have nothing to come */
static uint32_t expected;
static int64_t present[WORKERS];

/* ---- the wheel: a list ---- */

static struct list *all_of(const struct wheel *w)
{
    return (struct list *)(uintptr_t)&w->slots[0];
}

static struct wheel_node *node_of(struct list *link)
{
    return container_of(link, struct wheel_node, link);
}

/* By whoever may: by two at once is a race. */
static void touch(struct wheel *w, struct wheel_node *n, int change)
{
    plain_write(&w->count, plain_read(&w->count) + (size_t)change);
    if (n)
        plain_write(&n->due, plain_read(&n->due));
}

void wheel_init(struct wheel *w, int64_t now)
{
    list_init(all_of(w));
    plain_write(&w->count, 0);
}

void wheel_add(struct wheel *w, struct wheel_node *n, int64_t due)
{
    mc_assert(!wheel_is_in(n));
    touch(w, n, 1);
    n->due = due;
    list_append(all_of(w), &n->link);
}

void wheel_remove(struct wheel *w, struct wheel_node *n)
{
    touch(w, n, -1);
    mc_assert(wheel_is_in(n));
    list_remove(&n->link);
    n->link.next = NULL;
}

struct wheel_node *wheel_take(struct wheel *w, int64_t now)
{
    touch(w, NULL, 0);
    for (struct list *link = all_of(w)->next; link != all_of(w); link = link->next)
        if (plain_read(&node_of(link)->due) <= now) {
            wheel_remove(w, node_of(link));
            return node_of(link);
        }
    return NULL;
}

int64_t wheel_next(const struct wheel *w)
{
    int64_t next = INT64_MAX;
    for (struct list *link = all_of(w)->next; link != all_of(w); link = link->next)
        if (plain_read(&node_of(link)->due) < next)
            next = node_of(link)->due;
    return next;
}

/* ---- set-up ---- */

static void setup(int workers, uint32_t count)
{
    static const char *const names[] = {"timer 0", "timer 1", "timer 2"};
    static const char *const sets[] = {"alarms 0", "alarms 1", "alarms 2"};
    expected = count;
    atomic_set(&over, 0);
    mc_name(&over, sizeof over, "over");
    mc_name(tasks, sizeof tasks, "tasks");
    for (int i = 0; i < WORKERS; i++) {
        alarms_init(&alarms[i], (uint32_t)i, PRESENT);
        present[i] = PRESENT;
        mc_name(&alarms[i], sizeof alarms[i], sets[i]);
        mc_quiet(&alarms[i].set, 2 * sizeof(uint64_t)); /* statistics */
    }
    for (int i = 0; i < TASKS; i++) {
        task_init(&tasks[i]);
        mc_assert(inbox_poke(&tasks[i].inbox)); /* no tokens: it looks all the time */
        mc_assert(task_claim(&tasks[i], 0));
    }
    for (int i = 0; i < TIMERS; i++) {
        timers[i] = mc_alloc(sizeof *timers[i]);
        mc_name(timers[i], sizeof *timers[i], names[i]);
        atomic_set(&timers[i]->alarm.state, ALARM_OFF);
        timers[i]->alarm.mail = &timers[i]->mail;
        timers[i]->number = i;
        fates[i] = UNUSED;
        came[i] = times[i] = 0;
    }
}

static void two_workers(void) { setup(2, 1); }
static void three_workers(void) { setup(3, 2); }

/* ---- what workers do ---- */

static uint32_t here(void) { return (uint32_t)mc_self() - 1; }

/* As worker_ring does. */
static void ring(void)
{
    struct alarm *alarm;
    while (alarms_are_due(&alarms[here()], present[here()]) &&
           (alarm = alarms_take(&alarms[here()], present[here()]))) {
        struct task *task = plain_read(&alarm->task);
        mc_note("an alarm rings");
        mc_assert(!inbox_push(&task->inbox, alarm->mail));
    }
}

static void settle(struct timer *t, enum fate fate)
{
    fates[t->number] = fate;
    mc_free(t, sizeof *t);
}

/* The task's mail. */
static void look(int task)
{
    if (!inbox_has_nodes(&tasks[task].inbox))
        return;
    struct inbox_node *n = inbox_take(&tasks[task].inbox, INBOX_AWAKE), *next;
    for (; n; n = next) {
        struct timer *t = container_of(n, struct timer, mail);
        next = plain_read(&n->next);
        mc_note("the mail of timer %d has come", t->number);
        mc_assert(fates[t->number] == PENDING || fates[t->number] == DOOMED);
        fates[t->number] = CAME;
        came[t->number]++;
    }
}

static void set(int task, int number, int64_t due)
{
    struct timer *t = timers[number];
    mc_note("sets timer %d", number);
    plain_write(&t->alarm.task, &tasks[task]);
    task_of[number] = task;
    times[number]++;
    fates[number] = PENDING;
    alarm_set(&alarms[here()], &t->alarm, due);
}

static void cancel(int number)
{
    struct timer *t = timers[number];
    struct alarms *home = &alarms[t->alarm.worker];
    if (fates[number] != PENDING)
        return; /* its mail has come */
    mc_note("cancels timer %d", number);
    if (!alarm_cancel(&alarms[here()], home, &t->alarm)) {
        fates[number] = DOOMED;
        return;
    }
    times[number]--;
    mc_assert(alarm_cancel(&alarms[here()], home, &t->alarm)); /* it is off */
    settle(t, OFF);
}

static void wait_for(int number)
{
    int task = task_of[number];
    while (fates[number] != CAME && fates[number] != OFF) {
        ring();
        look(task);
        if (fates[number] != CAME)
            mc_spin();
    }
}

/* It comes, if it is to, and then nobody has anything to do with it. */
static void finish(int number)
{
    wait_for(number);
    if (fates[number] == CAME)
        settle(timers[number], CAME);
}

/* ---- tasks move ---- */

static void give(int task, uint32_t to) { task_give(&tasks[task], (int32_t)to); }

static void await_task(int task)
{
    while (!task_is_owned_by(&tasks[task], here())) {
        ring();
        mc_spin();
    }
}

/* Rings until all tasks are through: others' alarms stand here. */
static void end(void)
{
    while (load_acquire(&over) < expected) {
        ring();
        mc_spin();
    }
    ring();
}
static void task_ends(void) { (void)fetch_add_acq_rel(&over, 1); }

/* ---- programs ---- */

static int64_t any_time(void) { return mc_choose(2) ? LATER : PRESENT; }

static void cancels_elsewhere(int self)
{
    if (self == 1) {
        set(0, 0, any_time());
        give(0, 1);
        end();
    } else {
        await_task(0);
        cancel(0);
        finish(0);
        task_ends();
    }
}

static void cancels_two_elsewhere(int self)
{
    if (self == 1) {
        set(0, 0, LATER);
        set(0, 1, any_time());
        give(0, 1);
        end();
    } else {
        await_task(0);
        cancel(0);
        look(0);
        cancel(1);
        finish(0);
        finish(1);
        task_ends();
    }
}

/* To and fro: each cancels what stands with the other, and it goes back by its list. */
static void goes_back(int self)
{
    if (self == 1) {
        set(0, 0, any_time());
        set(0, 1, LATER);
        give(0, 1);
        await_task(0);
        cancel(2);
        cancel(1); /* at home */
        finish(0);
        finish(1);
        finish(2);
        task_ends();
    } else {
        await_task(0);
        cancel(0);
        set(0, 2, any_time());
        give(0, 0);
    }
    end();
}

/* At home, where it may ring already; while another one is cancelled elsewhere. */
static void cancels_at_home(int self)
{
    if (self == 1) {
        set(1, 1, LATER);
        give(1, 1);
        set(0, 0, PRESENT);
        set(0, 2, any_time());
        if (mc_choose(2))
            ring();
        cancel(0);
        cancel(2);
        finish(0);
        finish(2);
    } else {
        await_task(1);
        cancel(1);
        finish(1);
    }
    task_ends();
    end();
}
static void two_tasks(void) { setup(2, 2); }

/* Two put something on the same list. */
static void two_cancel(int self)
{
    if (self == 1) {
        set(0, 0, LATER);
        set(1, 1, LATER);
        give(0, 1);
        give(1, 2);
    } else {
        await_task(self - 2);
        cancel(self - 2);
        finish(self - 2);
        task_ends();
    }
    end();
}

/* Set again where the task is now, as soon as the mail has come. */
static void sets_again(int self)
{
    if (self == 1) {
        set(0, 0, PRESENT);
        give(0, 1);
        await_task(0);
        cancel(0);
        finish(0);
        task_ends();
    } else {
        await_task(0);
        if (mc_choose(2))
            cancel(0);
        wait_for(0);
        store_relaxed(&timers[0]->alarm.state, ALARM_OFF);
        set(0, 0, any_time());
        give(0, 0);
    }
    end();
}

/* Cancelled or not, it comes in time. */
static void time_passes(int self)
{
    if (self == 1) {
        set(0, 0, LATER);
        set(0, 1, any_time());
        give(0, 1);
        ring();
        present[0] = LATER;
        end();
    } else {
        await_task(0);
        if (mc_choose(2))
            cancel(0);
        finish(1);
        finish(0);
        task_ends();
    }
}

/* ---- afterwards ---- */

static void all_came(void)
{
    uint64_t set = 0, gone = 0;
    for (int i = 0; i < TIMERS; i++) {
        mc_assert(came[i] == times[i]);
        mc_assert(fates[i] == UNUSED || fates[i] == CAME || fates[i] == OFF);
    }
    for (int i = 0; i < WORKERS; i++) {
        mc_assert(wheel_count(&alarms[i].wheel) == 0);
        mc_assert(!load_relaxed(&alarms[i].back));
        set += load_relaxed(&alarms[i].set);
        gone += load_relaxed(&alarms[i].over);
    }
    mc_assert(set == gone);
}

#define TEST(text, n, make, what)                                                      \
    .name = "alarm: " text, .threads = n, .setup = make, .thread = what,               \
    .final = all_came
#define BOUNDS(p, s)                                                                   \
    .bounds = {.preemptions = p, .stale = s},                                          \
    .deep = {.preemptions = p + 1, .stale = s + 1}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("cancelled elsewhere", 2, two_workers, cancels_elsewhere), BOUNDS(3, 2)},
        {TEST("two cancelled elsewhere", 2, two_workers, cancels_two_elsewhere),
         BOUNDS(3, 1)},
        {TEST("to and fro", 2, two_workers, goes_back), BOUNDS(2, 1)},
        {TEST("cancelled at home", 2, two_tasks, cancels_at_home), BOUNDS(3, 1)},
        {TEST("two cancel at once", 3, three_workers, two_cancel), BOUNDS(2, 1)},
        {TEST("time passes", 2, two_workers, time_passes), BOUNDS(3, 1)},
        {TEST("set again elsewhere", 2, two_workers, sets_again), BOUNDS(3, 1)},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
