/* skynet.c: how long does a tree of a million actors take that add up their numbers?
 *
 * Each actor that is no leaf creates ten, and sends its parent the sum of what they
 * send; each leaf sends its number. Everybody ends when he has sent. How the runtime
 * walks the tree decides how many are alive at a time, hence the second row: the most
 * memory the process held. Every run is a process of its own. */
#include "harness/plan.h"
#include "harness/process.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>

enum { BRANCHES = 10 };

typedef struct {
    uint64_t value;
} number;
static CADRE_TYPE(number);

static int leaf_start(cadre_self *self, void *state)
{
    int err =
        cadre_send(self, cadre_parent(self), number, .value = *(const uint64_t *)state);
    return err < 0 ? err : CADRE_STOP;
}
static int leaf_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_unhandled(self, m);
}
static const cadre_class leaf = {.name = "leaf",
                                 .state_size = sizeof(uint64_t),
                                 .start = leaf_start,
                                 .receive = leaf_receive};

/* What the main program lends the root. */
struct job {
    uint64_t sum;
    int64_t start, end;
};

struct node {
    uint64_t first, leaves; /* those below it */
    uint64_t sum, answers;
    struct job *job; /* the root's; NULL for the others */
};

static int node_start(cadre_self *self, void *state);
static int node_receive(cadre_self *self, void *state, cadre_msg *m);
static const cadre_class node = {.name = "node",
                                 .state_size = sizeof(struct node),
                                 .start = node_start,
                                 .receive = node_receive};

static int node_start(cadre_self *self, void *state)
{
    struct node *me = state;
    uint64_t share = me->leaves / BRANCHES;
    if (me->job)
        me->job->start = bench_now();
    for (uint64_t i = 0; i < BRANCHES; i++) {
        struct node init = {.first = me->first + i * share, .leaves = share};
        int err = share > 1 ? cadre_spawn(self, NULL, &node, &init)
                            : cadre_spawn(self, NULL, &leaf, &init.first);
        if (err < 0)
            return err;
    }
    return 0;
}

static int node_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct node *me = state;
    const number *n = cadre_body(m, number);
    if (!n)
        return cadre_unhandled(self, m);
    me->sum += n->value;
    if (++me->answers < BRANCHES)
        return 0;
    if (me->job) {
        me->job->end = bench_now();
        me->job->sum = me->sum;
        return CADRE_STOP;
    }
    int err = cadre_send(self, cadre_parent(self), number, .value = me->sum);
    return err < 0 ? err : CADRE_STOP;
}

/* All actors of a tree with so many leaves. */
static uint64_t count_actors(uint64_t leaves)
{
    uint64_t actors = leaves;
    while (leaves > 1)
        actors += leaves /= BRANCHES;
    return actors;
}

static int grow(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    uint64_t leaves = setting->size;
    struct job job = {0};
    int err = trial_run("skynet", setting->workers, &node,
                        &(struct node){.leaves = leaves, .job = &job},
                        count_actors(leaves) - 1);
    if (err == 0 && job.sum != leaves * (leaves - 1) / 2) {
        fprintf(stderr, "skynet: wrong sum: %" PRIu64 "\n", job.sum);
        err = -1;
    }
    *total = (double)(job.end - job.start);
    return err;
}
static int run(double *total, const void *arg, uint64_t n)
{
    return process_run(total, grow, arg, n);
}

static int measure_peak(double *total, const void *arg, uint64_t n)
{
    int err = grow(total, arg, n);
    *total = (double)process_peak_bytes();
    return err;
}
static int run_peak(double *total, const void *arg, uint64_t n)
{
    return process_run(total, measure_peak, arg, n);
}

int main(int argc, char **argv)
{
    uint64_t depth = 6, leaves = 1;
    struct plan plan = {0};
    struct bench bench = {
        .name = "skynet",
        .question = "How long does a tree of a million actors take that add up?",
        .method = "time from just before the first spawn to the handling of the last "
                  "sum; most memory the process held",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {{"depth", "D",
                                      "levels below the root: 10^D leaves", &depth,
                                      .min = 1, .max = 8},
                                     plan_option(&plan),
                                     {0}};
    bench_options(&bench, own, argc, argv);
    for (uint64_t i = 0; i < depth; i++)
        leaves *= BRANCHES;
    plan_sweep(&plan,
               &(struct bench_row){.name = "skynet",
                                   .operation = "actor",
                                   .n = count_actors(leaves),
                                   .run = run},
               leaves);
    plan_sweep(&plan,
               &(struct bench_row){.name = "skynet-rss",
                                   .operation = "tree",
                                   .unit = BENCH_BYTES,
                                   .n = 1,
                                   .run = run_peak},
               leaves);
    return plan_run(&plan, &bench);
}
