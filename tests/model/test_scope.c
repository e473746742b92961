/* test_scope.c: fork and join: every job runs once, what it wrote is seen after the join,
 * nobody touches a scope that has been joined, and nobody sleeps for ever.
 *
 * Thread 1 is worker 0 and runs a handler; the others are workers with nothing else to do
 * that look for jobs until it has ended. Scopes and jobs are freed after their join. */
#include "sched/scope.h"

#include <errno.h>

enum { WORKERS_MAX = 3, JOBS_MAX = 8 };

static struct crew crew;
static struct worker workers[WORKERS_MAX];
static struct idle_bed beds[WORKERS_MAX];
static ATOMIC(bool) over;
static ATOMIC(bool) has_run[JOBS_MAX];
static bool are_patient;               /* number 4 waits for 5 */
static int written[JOBS_MAX];          /* plain: what a job wrote */
static int ran[JOBS_MAX];              /* in the order of the execution */
static int bad;                        /* the jobs that fail, a bit each */
static bool joins[MC_THREADS_MAX + 1]; /* a thread waits for the jobs of number 0 */

int64_t clock_now(const struct clock *clock) { return 1; }

static void setup(uint32_t count)
{
    crew = (struct crew){.workers = workers, .count = count, .can_stop = true};
    idle_init(&crew.idle, beds, count);
    scopes_init(&crew.scopes);
    atomic_set(&crew.stopping, false);
    atomic_set(&over, false);
    are_patient = false;
    mc_quiet(has_run, sizeof has_run);
    for (uint32_t i = 0; i < count; i++) {
        static const char *const names[] = {"worker 0", "worker 1", "worker 2"};
        static const char *const words[] = {"word 0", "word 1", "word 2"};
        worker_init(&workers[i], &crew, i, 1);
        beds[i].word.fd = PARK_ON_FUTEX;
        mc_name(&workers[i], sizeof workers[i], names[i]);
        mc_name(&workers[i].jobs.word, 4, words[i]);
        mc_quiet(&workers[i].turns, 3 * sizeof(uint64_t)); /* statistics, and hints: */
        mc_quiet(&workers[i].jobs.reluctance, sizeof workers[i].jobs.reluctance);
    }
    mc_quiet(&crew.scopes.begun, sizeof crew.scopes.begun);
    bias_leave(&workers[0].bias);
    mc_name(&over, sizeof over, "over");
    mc_name(written, sizeof written, "written");
    for (int i = 0; i < JOBS_MAX; i++) {
        plain_write(&written[i], 0);
        ran[i] = 0;
        atomic_set(&has_run[i], false);
    }
    for (int i = 0; i <= MC_THREADS_MAX; i++)
        joins[i] = false;
    bad = 0;
}

static void one_worker(void) { setup(1); }
static void two_workers(void) { setup(2); }
static void three_workers(void) { setup(3); }

static void two_workers_fenced(void)
{
    setup(2);
    crew.can_stop = false;
    for (int i = 0; i < 2; i++)
        workers[i].jobs.fenced = true;
}

/* Helping has not paid: they take one at a time, and sleep. */
static void two_workers_in_debt(void)
{
    setup(2);
    for (int i = 0; i < 2; i++)
        workers[i].jobs.gain = INT32_MIN;
}

static void three_workers_in_debt(void)
{
    setup(3);
    for (int i = 0; i < 3; i++)
        workers[i].jobs.gain = INT32_MIN;
}

static void three_workers_patient(void)
{
    setup(3);
    are_patient = true;
}

static void first_fails(void)
{
    setup(2);
    bad = 1;
}

static void second_fails(void)
{
    setup(2);
    bad = 2;
}

static void both_fail(void)
{
    setup(2);
    bad = 3;
}

/* ---- jobs ---- */

static struct worker *here(void) { return &workers[mc_self() - 1]; }

static int leaf(struct cadre_scope *in, void *arg)
{
    int number = (int)(uintptr_t)arg;
    mc_note("job %d", number);
    while (number == 4 && are_patient && !load_relaxed(&has_run[5]))
        mc_spin();
    store_relaxed(&has_run[number], true);
    mc_assert(!joins[mc_self()] || number >= 4);
    ran[number]++;
    plain_write(&written[number], plain_read(&written[number]) + 1);
    return bad >> number & 1 ? -7 : 0;
}

static void spawn(struct scope *s, struct scope_job *job, scope_task *task, int number)
{
    if (scope_spawn(here(), s, job, task, (void *)(uintptr_t)number))
        scope_attend(here(), s);
}

/* In memory that goes with the join: jobs first .. end-1. Returns what the join did. */
static int fork_and_join(const struct scope *in, int rounds, int first, int end,
                         scope_task *task)
{
    struct scope *s = mc_alloc(sizeof *s);
    struct scope_job *jobs = mc_alloc(JOBS_MAX * sizeof *jobs);
    int err = 0;
    mc_name(s, sizeof *s, in ? "inner scope" : "scope");
    scope_open(here(), s, in);
    for (int round = 0; round < rounds; round++) {
        for (int i = first; i < end; i++)
            spawn(s, &jobs[i], task, i);
        int now = scope_sync(here(), s);
        err = err ? err : now;
        mc_assert(s->waiting == 0 && s->taken == 0);
        mc_assert(load_relaxed(&s->out) == 0 && load_relaxed(&s->err) == 0);
    }
    mc_free(jobs, JOBS_MAX * sizeof *jobs);
    mc_free(s, sizeof *s);
    return err;
}

/* Number 0 has two of its own. */
static int branch(struct cadre_scope *in, void *arg)
{
    int number = (int)(uintptr_t)arg;
    if (number == 0) {
        joins[mc_self()] = true;
        mc_assert(fork_and_join((const struct scope *)(void *)in, 1, 4, 6, leaf) == 0);
        joins[mc_self()] = false;
    }
    return leaf(in, arg);
}

/* ---- workers ---- */

/* Until the handler has ended. */
static void help(void)
{
    while (!load_acquire(&over))
        if (!scope_help(here()))
            mc_spin();
}

static void end(void) { store_release(&over, true); }

static void all_wrote(int first, int last, int times)
{
    for (int i = first; i < last; i++)
        mc_assert(plain_read(&written[i]) == times);
}

static void leaves(int self)
{
    if (self > 1) {
        help();
        return;
    }
    mc_assert(fork_and_join(NULL, 1, 0, 2, leaf) == 0);
    all_wrote(0, 2, 1);
    end();
}

static void leaves_twice(int self)
{
    if (self > 1) {
        help();
        return;
    }
    mc_assert(fork_and_join(NULL, 2, 0, 1, leaf) == 0);
    all_wrote(0, 1, 2);
    end();
}

static void branches(int self)
{
    if (self > 1) {
        help();
        return;
    }
    mc_assert(fork_and_join(NULL, 1, 0, 2, branch) == 0);
    all_wrote(0, 2, 1);
    all_wrote(4, 6, 1);
    end();
}

static void failing(int self)
{
    if (self > 1) {
        help();
        return;
    }
    mc_assert(fork_and_join(NULL, 1, 0, 2, leaf) == -7);
    mc_assert(load_relaxed(&crew.scopes.cancelled) == 0);
    mc_assert(ran[0] + ran[1] > 0);
    end();
}

/* It does not join before a job of a job has run: so its other job waits meanwhile, and
 * is nothing for who joins the inner ones. */
static void waiting(int self)
{
    struct scope s;
    struct scope_job jobs[2];
    if (self > 1) {
        help();
        return;
    }
    scope_open(here(), &s, NULL);
    spawn(&s, &jobs[0], branch, 0);
    spawn(&s, &jobs[1], leaf, 1);
    while (!load_relaxed(&has_run[4]))
        mc_spin();
    mc_assert(scope_sync(here(), &s) == 0);
    all_wrote(0, 2, 1);
    all_wrote(4, 6, 1);
    end();
}

/* The one that was spawned into first, is joined first. */
static void two_scopes(int self)
{
    struct scope s[2];
    struct scope_job jobs[2];
    for (int i = 0; i < 2; i++) {
        scope_open(here(), &s[i], NULL);
        spawn(&s[i], &jobs[i], leaf, i);
    }
    mc_assert(scope_sync(here(), &s[0]) == 0);
    mc_assert(ran[0] == 1 && ran[1] == 0);
    mc_assert(scope_sync(here(), &s[1]) == 0);
    mc_assert(ran[1] == 1);
}

/* A worker that sleeps, hungry, until it is called. */
static void sleeping(int self)
{
    struct worker *w = here();
    if (self == 1) {
        mc_assert(fork_and_join(NULL, 1, 0, 2, leaf) == 0);
        all_wrote(0, 2, 1);
        end();
        (void)idle_wake(&crew.idle, 1);
        return;
    }
    while (!load_acquire(&over)) {
        if (scope_help(w))
            continue;
        bias_rest(&w->bias);
        if (idle_lie_down(&crew.idle, w->id, true) && !load_seq(&over))
            (void)idle_sleep(&crew.idle, w->id, PARK_FOREVER);
        idle_get_up(&crew.idle, w->id);
        bias_rise(&w->bias);
    }
}

static void all_is_over(void)
{
    for (int i = 0; i < JOBS_MAX; i++)
        mc_assert(ran[i] <= (bad ? 1 : 2));
    for (uint32_t i = 0; i < crew.count; i++) {
        const struct jobs *jobs = &workers[i].jobs;
        mc_assert(list_is_empty(&jobs->list) && load_relaxed(&jobs->waiting) == 0);
        mc_assert(!jobs->unsynced && load_relaxed(&jobs->lock.wanted) == 0);
    }
    mc_assert(load_relaxed(&crew.scopes.asleep) == 0);
}

#define TEST(text, n, set, what)                                                       \
    .name = "scope: " text, .threads = n, .setup = set, .thread = what,                \
    .final = all_is_over
#define BOUNDS(p, s)                                                                   \
    .bounds = {.preemptions = p, .stale = s},                                          \
    .deep = {.preemptions = p + 1, .stale = s + 1}

int main(int argc, char **argv)
{
    static const struct mc_test tests[] = {
        {TEST("alone", 1, one_worker, branches), BOUNDS(1, 1)},
        {TEST("alone, two scopes", 1, one_worker, two_scopes), BOUNDS(1, 1)},
        {TEST("one helps", 2, two_workers, leaves), BOUNDS(3, 1)},
        {TEST("one helps, fenced", 2, two_workers_fenced, leaves), BOUNDS(3, 1)},
        {TEST("one helps twice", 2, two_workers, leaves_twice), BOUNDS(3, 1)},
        {TEST("two help", 3, three_workers, leaves), BOUNDS(2, 0)},
        {TEST("nested, one helps", 2, two_workers, branches), BOUNDS(3, 0)},
        {TEST("nested, two help", 3, three_workers, branches), BOUNDS(1, 0)},
        {TEST("nested, the handler waits", 3, three_workers_patient, waiting),
         BOUNDS(2, 0)},
        {TEST("the first fails", 2, first_fails, failing), BOUNDS(3, 1)},
        {TEST("the second fails", 2, second_fails, failing), BOUNDS(3, 1)},
        {TEST("both fail", 2, both_fail, failing), BOUNDS(3, 1)},
        {TEST("one sleeps", 2, two_workers, sleeping), BOUNDS(3, 0)},
        {TEST("one sleeps, in debt", 2, two_workers_in_debt, sleeping), BOUNDS(3, 0)},
        {TEST("nested, in debt", 3, three_workers_in_debt, branches), BOUNDS(1, 0)},
    };
    return mc_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
