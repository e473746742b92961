/* fanin.c: how many messages per second do a hundred actors send to one?
 *
 * The master tells each of 100 producers to go; each sends its share of the round to
 * one consumer in one loop of one handler; the consumer reports after each round. Only
 * what the producers send counts as messages. */
#include "harness/bulk.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>

enum { PRODUCERS = 100 };

typedef struct {
    uint64_t share;
} go;
typedef struct {
    uint64_t value;
} item;
typedef struct {
    uint64_t sum;
} report;
static CADRE_TYPE(go);
static CADRE_TYPE(item);
static CADRE_TYPE(report);

struct consumer {
    uint64_t round, received;
    uint64_t sum; /* of the values: each producer counts from 1 in each round */
};

static int consumer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct consumer *me = state;
    item *i = cadre_body(m, item);
    if (!i)
        return cadre_unhandled(self, m);
    me->sum += i->value;
    if (++me->received % me->round > 0)
        return 0;
    return cadre_send(self, cadre_parent(self), report, .sum = me->sum);
}
static const cadre_class consumer = {.name = "consumer",
                                     .state_size = sizeof(struct consumer),
                                     .receive = consumer_receive};

static int producer_receive(cadre_self *self, void *state, cadre_msg *m)
{
    const cadre_ref *to = state;
    go *g = cadre_body(m, go);
    if (!g)
        return cadre_unhandled(self, m);
    for (uint64_t i = 1; i <= g->share; i++) {
        int err = cadre_send(self, *to, item, .value = i);
        if (err < 0)
            return err;
    }
    return 0;
}
static const cadre_class producer = {
    .name = "producer", .state_size = sizeof(cadre_ref), .receive = producer_receive};

/* What the main program lends the master. */
struct job {
    uint64_t messages, round;
    uint64_t sum; /* what the consumer said last */
    int64_t start, end;
};

struct master {
    struct job *job;
    uint64_t sent;
    cadre_ref producers[PRODUCERS];
};

static int begin_round(cadre_self *self, struct master *me)
{
    uint64_t share = me->job->round / PRODUCERS;
    for (int i = 0; i < PRODUCERS; i++) {
        int err = cadre_send(self, me->producers[i], go, .share = share);
        if (err < 0)
            return err;
    }
    me->sent += me->job->round;
    return 0;
}

static int master_start(cadre_self *self, void *state)
{
    struct master *me = state;
    cadre_ref sink;
    int err = cadre_spawn(self, &sink, &consumer,
                          &(struct consumer){.round = me->job->round});
    for (int i = 0; i < PRODUCERS && err == 0; i++)
        err = cadre_spawn(self, &me->producers[i], &producer, &sink);
    if (err < 0)
        return err;
    me->job->start = bench_now();
    return begin_round(self, me);
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    report *r = cadre_body(m, report);
    if (!r)
        return cadre_unhandled(self, m);
    me->job->sum = r->sum;
    if (me->sent < me->job->messages)
        return begin_round(self, me);
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
    uint64_t rounds = n / job.round, share = job.round / PRODUCERS;
    int err = trial_run("fanin", setting->workers, &master,
                        &(struct master){.job = &job}, n + rounds * (PRODUCERS + 1));
    if (err == 0 && job.sum != rounds * PRODUCERS * (share * (share + 1) / 2)) {
        fprintf(stderr, "fanin: wrong sum: %" PRIu64 "\n", job.sum);
        err = -1;
    }
    *total = (double)(job.end - job.start);
    return err;
}

int main(int argc, char **argv)
{
    struct bulk bulk = {
        .bench = {.name = "fanin",
                  .question =
                      "How many messages per second do a hundred actors send to one?",
                  .method = "time from just before the first producer is told to the "
                            "handling of the last report",
                  .repeat = 5,
                  .warmup = 1},
        .queued = "fanin",
        .rounds = "fanin-rounds",
        .unit = PRODUCERS,
        .run = run};
    return bulk_main(&bulk, argc, argv);
}
