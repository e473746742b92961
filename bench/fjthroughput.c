/* fjthroughput.c: how many messages per second does one actor send to sixty, in turn?
 *
 * The master sends the messages of a round in one loop of one handler, the next always
 * to the next actor; each actor reports when it has its share of the round. Only what
 * the master sends counts as messages. Savina's form also computes a sine per message,
 * of a constant, which measures the compiler; it is left out. */
#include "harness/bulk.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>

enum { ACTORS = 60 };

typedef struct {
    uint64_t value;
} item;
typedef struct {
    uint64_t sum;
} report;
static CADRE_TYPE(item);
static CADRE_TYPE(report);

struct worker {
    uint64_t share, received, sum;
};

static int worker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct worker *me = state;
    item *i = cadre_body(m, item);
    if (!i)
        return cadre_unhandled(self, m);
    me->sum += i->value;
    if (++me->received % me->share > 0)
        return 0;
    uint64_t sum = me->sum;
    me->sum = 0;
    return cadre_send(self, cadre_parent(self), report, .sum = sum);
}
static const cadre_class worker = {
    .name = "worker", .state_size = sizeof(struct worker), .receive = worker_receive};

/* What the main program lends the master. */
struct job {
    uint64_t messages, round;
    uint64_t sum; /* of all that was reported; the values are 0 to messages - 1 */
    int64_t start, end;
};

struct master {
    struct job *job;
    uint64_t sent, reports;
    cadre_ref workers[ACTORS];
};

static int send_round(cadre_self *self, struct master *me)
{
    for (uint64_t i = 0; i < me->job->round; i++, me->sent++) {
        int err = cadre_send(self, me->workers[i % ACTORS], item, .value = me->sent);
        if (err < 0)
            return err;
    }
    return 0;
}

static int master_start(cadre_self *self, void *state)
{
    struct master *me = state;
    struct worker init = {.share = me->job->round / ACTORS};
    for (int i = 0; i < ACTORS; i++) {
        int err = cadre_spawn(self, &me->workers[i], &worker, &init);
        if (err < 0)
            return err;
    }
    me->job->start = bench_now();
    return send_round(self, me);
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    report *r = cadre_body(m, report);
    if (!r)
        return cadre_unhandled(self, m);
    me->job->sum += r->sum;
    if (++me->reports % ACTORS > 0)
        return 0;
    if (me->sent < me->job->messages)
        return send_round(self, me);
    me->job->end = bench_now();
    return CADRE_STOP;
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.messages = n, .round = setting->size};
    int err = trial_run("fjthroughput", setting->workers, &master,
                        &(struct master){.job = &job}, n + ACTORS * (n / job.round));
    if (err == 0 && job.sum != n * (n - 1) / 2) {
        fprintf(stderr, "fjthroughput: wrong sum: %" PRIu64 "\n", job.sum);
        err = -1;
    }
    *total = (double)(job.end - job.start);
    return err;
}

int main(int argc, char **argv)
{
    struct bulk bulk = {
        .bench = {.name = "fjthroughput",
                  .question =
                      "How many messages per second does one actor send to sixty?",
                  .method = "time from just before the first message to the handling "
                            "of the last report",
                  .repeat = 5,
                  .warmup = 1},
        .queued = "fjthroughput",
        .rounds = "fjthroughput-rounds",
        .unit = ACTORS,
        .run = run};
    return bulk_main(&bulk, argc, argv);
}
