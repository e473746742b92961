/* overload.c: what becomes of a receiver when there is much more than it can handle?
 *
 * Fifty producers send twenty items at a time to one consumer, which takes some hundred
 * nanoseconds for one: they are held back. In the graph each of a hundred actors sends
 * twenty at a time to any of them, as fast as it can, and handles what comes. The rows
 * named unbounded do the same with a limit that nobody gets near, which switches that
 * off. The memory is what the process held at most, beyond what it held before the start;
 * every run of such a row is a process of its own. */
#include "harness/plan.h"
#include "harness/process.h"
#include "harness/trial.h"

#include <cadre/limit.h>
#include <cadre/supervise.h>

#include <stdio.h>

enum { PRODUCERS = 50, NODES = 100, EACH = 20, WORK = 20 };
enum { UNIT = NODES * EACH }; /* of items: for producers, too */

typedef struct {
    uint64_t value;
} item;
typedef struct {
    uint64_t none;
} pulse;
typedef struct {
    uint64_t none;
} done;
static CADRE_TYPE(item);
static CADRE_TYPE(pulse);
static CADRE_TYPE(done);

/* What the main program lends the master, and all the others. */
struct job {
    uint64_t items, before, peak;
    bool is_unbounded;
    int64_t start, end;
    cadre_ref nodes[NODES];
};

/* By a chain of multiplications, which takes as long wherever the loop lies in memory. */
static void work(uint64_t *x)
{
    for (int i = 0; i < WORK; i++)
        *x = *x * UINT64_C(6364136223846793005) + 1;
}

static int spawn(cadre_self *self, const struct job *job, cadre_ref *ref,
                 const cadre_class *class, const void *init)
{
    static const cadre_limit most = {.mailbox_max = UINT32_MAX};
    const cadre_opts opts = {.limit = job->is_unbounded ? &most : NULL};
    return cadre_spawn_with(self, ref, class, init, &opts);
}

/* ---- some to one ---- */

struct consumer {
    uint64_t left, sum;
};
static int consumer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct consumer *me = state;
    if (!cadre_body(m, item))
        return cadre_unhandled(self, m);
    work(&me->sum);
    return --me->left ? 0 : cadre_send(self, cadre_parent(self), done, 0);
}
static const cadre_class consumer = {.name = "consumer",
                                     .state_size = sizeof(struct consumer),
                                     .receive = consumer_receive};

struct producer {
    cadre_ref to;
    uint64_t left;
};
static int producer_start(cadre_self *self, void *state)
{
    return cadre_send(self, cadre_me(self), pulse, 0);
}
static int producer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct producer *me = state;
    int err = cadre_body(m, pulse) ? 0 : cadre_unhandled(self, m);
    for (int i = 0; err == 0 && i < EACH; i++)
        err = cadre_send(self, me->to, item, me->left--);
    return err == 0 && me->left ? cadre_send(self, cadre_me(self), pulse, 0) : err;
}
static const cadre_class producer = {.name = "producer",
                                     .state_size = sizeof(struct producer),
                                     .start = producer_start,
                                     .receive = producer_receive};

static int open_line(cadre_self *self, struct job *job)
{
    struct producer p = {.left = job->items / PRODUCERS};
    int err = spawn(self, job, &p.to, &consumer, &(struct consumer){job->items, 0});
    for (int i = 0; err == 0 && i < PRODUCERS; i++)
        err = cadre_spawn(self, NULL, &producer, &p);
    return err;
}

/* ---- all to all ---- */

struct node {
    struct job *job;
    uint64_t left, done; /* to be sent; others that have sent all */
    uint64_t sum;
};
/* Whoever hears that from all has had everything. */
static int tell_all(cadre_self *self, const struct job *job)
{
    int err = 0;
    for (int i = 0; err == 0 && i < NODES; i++)
        err = cadre_send(self, job->nodes[i], done, 0);
    return err;
}
static int node_send(cadre_self *self, struct node *me)
{
    int err = 0;
    for (int i = 0; err == 0 && i < EACH; i++, me->left--) {
        cadre_ref to = me->job->nodes[cadre_random(self) % NODES];
        err = cadre_send(self, to, item, me->left);
    }
    if (err < 0)
        return err;
    return me->left ? cadre_send(self, cadre_me(self), pulse, 0)
                    : tell_all(self, me->job);
}
static int node_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct node *me = state;
    if (cadre_body(m, item)) {
        work(&me->sum);
        return 0;
    }
    if (cadre_body(m, pulse))
        return node_send(self, me);
    if (!cadre_body(m, done))
        return cadre_unhandled(self, m);
    return ++me->done < NODES ? 0 : cadre_send(self, cadre_parent(self), done, 0);
}
static const cadre_class node = {
    .name = "node", .state_size = sizeof(struct node), .receive = node_receive};

static int open_graph(cadre_self *self, struct job *job)
{
    struct node init = {.job = job, .left = job->items / NODES};
    int err = 0;
    for (int i = 0; err == 0 && i < NODES; i++)
        err = spawn(self, job, &job->nodes[i], &node, &init);
    for (int i = 0; err == 0 && i < NODES; i++)
        err = cadre_send(self, job->nodes[i], pulse, 0);
    return err;
}

/* ---- both ---- */

struct master {
    struct job *job;
    int (*open)(cadre_self *self, struct job *job);
    uint64_t left; /* of those who say that they are through */
};
static int master_start(cadre_self *self, void *state)
{
    struct master *me = state;
    me->job->before = process_resident_bytes();
    me->job->start = bench_now();
    return me->open(self, me->job);
}
static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    if (!cadre_body(m, done))
        return cadre_unhandled(self, m);
    if (--me->left > 0)
        return 0;
    me->job->end = bench_now();
    me->job->peak = process_peak_bytes();
    return CADRE_STOP;
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

enum { GRAPH = 1, UNBOUNDED = 2 };
static int trial(struct job *job, const struct plan_case *setting, uint64_t n)
{
    bool is_graph = setting->size & GRAPH;
    struct master me = {job, is_graph ? open_graph : open_line, is_graph ? NODES : 1};
    uint64_t others = is_graph ? NODES * NODES + NODES : 1;
    *job = (struct job){.items = n, .is_unbounded = setting->size & UNBOUNDED};
    return trial_run("overload", setting->workers, &master, &me, n + n / EACH + others);
}

static int run_time(double *total, const void *arg, uint64_t n)
{
    struct job job;
    int err = trial(&job, arg, n);
    *total = (double)(job.end - job.start);
    return err;
}

static int measure_memory(double *total, const void *arg, uint64_t n)
{
    struct job job;
    int err = trial(&job, arg, n);
    *total = (double)job.peak - (double)job.before;
    return err;
}
static int run_memory(double *total, const void *arg, uint64_t n)
{
    return process_run(total, measure_memory, arg, n);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {
        "overload", "overload-graph", "overload-unbounded", "overload-graph-unbounded"};
    static const char *const memory[] = {"overload-memory", "overload-graph-memory",
                                         "overload-unbounded-memory",
                                         "overload-graph-unbounded-memory"};
    uint64_t items = 2000000;
    struct plan plan = {0};
    struct bench bench = {
        .name = "overload",
        .question = "What becomes of a receiver when there is much more than it can "
                    "handle?",
        .method = "time from before the first spawn to the handling of the last item; "
                  "or the most memory in that time, less that before",
        .repeat = 3,
        .warmup = 0};
    const struct option_row own[] = {
        {"items", "N", "items per run", &items, .min = UNIT, .max = 1000000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    for (uint64_t i = 0; i < 4; i++) {
        struct bench_row row = {.name = names[i],
                                .operation = "item",
                                .n = plan_whole(items, UNIT),
                                .run = run_time};
        plan_sweep(&plan, &row, i);
        row.name = memory[i];
        row.unit = BENCH_BYTES;
        row.run = run_memory;
        plan_sweep(&plan, &row, i);
    }
    return plan_run(&plan, &bench);
}
