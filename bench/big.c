/* big.c: how many messages per second do 120 actors exchange when each talks to all?
 *
 * Each actor sends a ping to one drawn by its own generator, itself included, waits for
 * that one's pong, and draws the next. Pings and pongs count as messages. The generator
 * is seeded with the actor's number, so how many pings each must have received is known
 * beforehand; and each pong must come from where the ping went. */
#include "harness/l16.h"
#include "harness/plan.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>

enum { ACTORS = 120 };

typedef struct {
    cadre_ref refs[ACTORS];
} neighbours;
typedef struct {
    uint64_t none;
} ready;
typedef struct {
    uint64_t none;
} begin;
typedef struct {
    uint64_t from;
} ping;
typedef struct {
    uint64_t from;
} pong;
typedef struct {
    uint64_t strays; /* pongs from somebody else */
} finished;
typedef struct {
    uint64_t none;
} query;
typedef struct {
    uint64_t index, pings;
} tally;
static CADRE_TYPE(neighbours);
static CADRE_TYPE(ready);
static CADRE_TYPE(begin);
static CADRE_TYPE(ping);
static CADRE_TYPE(pong);
static CADRE_TYPE(finished);
static CADRE_TYPE(query);
static CADRE_TYPE(tally);

struct worker {
    uint64_t index, left;    /* left: pings to send */
    uint64_t pings, strays;  /* received */
    uint32_t random, target; /* target: where the last ping went */
    neighbours all;
};

static int send_ping(cadre_self *self, struct worker *me)
{
    if (me->left == 0)
        return cadre_send(self, cadre_parent(self), finished, .strays = me->strays);
    me->left--;
    me->target = l16_below(&me->random, ACTORS);
    return cadre_send(self, me->all.refs[me->target], ping, .from = me->index);
}

static int worker_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct worker *me = state;
    ping *i = cadre_body(m, ping);
    if (i) {
        me->pings++;
        return cadre_send(self, me->all.refs[i->from], pong, .from = me->index);
    }
    pong *o = cadre_body(m, pong);
    if (o) {
        me->strays += o->from != me->target;
        return send_ping(self, me);
    }
    neighbours *all = cadre_body(m, neighbours);
    if (all) {
        me->all = *all;
        return cadre_reply(self, m, ready, 0);
    }
    if (cadre_body(m, begin))
        return send_ping(self, me);
    if (cadre_body(m, query))
        return cadre_reply(self, m, tally, .index = me->index, .pings = me->pings);
    return cadre_unhandled(self, m);
}
static const cadre_class worker = {
    .name = "worker", .state_size = sizeof(struct worker), .receive = worker_receive};

/* What the main program lends the master. */
struct job {
    uint64_t each; /* pings of each actor */
    uint64_t strays, received[ACTORS];
    int64_t start, end;
};

struct master {
    struct job *job;
    uint64_t answers; /* of all three kinds */
    neighbours all;
};

static int master_start(cadre_self *self, void *state)
{
    struct master *me = state;
    int err = 0;
    for (uint32_t i = 0; i < ACTORS && err == 0; i++) {
        struct worker init = {.index = i, .left = me->job->each, .random = i};
        err = cadre_spawn(self, &me->all.refs[i], &worker, &init);
    }
    for (int i = 0; i < ACTORS && err == 0; i++)
        err = cadre_send_as(self, me->all.refs[i], &neighbours_type, &me->all);
    return err;
}

static int send_all(cadre_self *self, const struct master *me, const cadre_type *type)
{
    int err = 0;
    for (int i = 0; i < ACTORS && err == 0; i++)
        err = cadre_send_as(self, me->all.refs[i], type, &(uint64_t){0});
    return err;
}

/* All ready: begin. All finished: the clock stops, and only now has everybody received
 * what he is to receive. All tallies: the end. */
static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    const finished *f = cadre_body(m, finished);
    const tally *t = cadre_body(m, tally);
    if (f)
        me->job->strays += f->strays;
    else if (t)
        me->job->received[t->index] = t->pings;
    else if (!cadre_body(m, ready))
        return cadre_unhandled(self, m);
    if (++me->answers % ACTORS > 0)
        return 0;
    if (t)
        return CADRE_STOP;
    *(f ? &me->job->end : &me->job->start) = bench_now();
    return send_all(self, me, f ? &query_type : &begin_type);
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

/* The same draws once more: how many pings each must have received. */
static int check(const struct job *job)
{
    uint64_t expected[ACTORS] = {0};
    for (uint32_t i = 0; i < ACTORS; i++) {
        uint32_t random = i;
        for (uint64_t k = 0; k < job->each; k++)
            expected[l16_below(&random, ACTORS)]++;
    }
    for (int i = 0; i < ACTORS; i++)
        if (job->received[i] != expected[i]) {
            fprintf(stderr,
                    "big: wrong count: actor %d received %" PRIu64 " of %" PRIu64
                    " pings\n",
                    i, job->received[i], expected[i]);
            return -1;
        }
    if (job->strays > 0)
        fprintf(stderr, "big: %" PRIu64 " pongs from the wrong actor\n", job->strays);
    return job->strays > 0 ? -1 : 0;
}

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.each = n / (2 * ACTORS)};
    /* Each actor: neighbours, ready, begin, finished, query, tally. */
    int err = trial_run("big", setting->workers, &master, &(struct master){.job = &job},
                        n + 6 * ACTORS);
    if (err == 0)
        err = check(&job);
    *total = (double)(job.end - job.start);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t pings = 40000;
    struct plan plan = {0};
    struct bench bench = {
        .name = "big",
        .question = "How many messages per second do actors exchange, each with all?",
        .method =
            "time from just before the first is told to begin to the last's report; "
            "120 actors, pings and pongs",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"pings", "N", "pings of each actor", &pings, .min = 1, .max = 10000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    plan_sweep(
        &plan,
        &(struct bench_row){
            .name = "big", .operation = "message", .n = 2 * ACTORS * pings, .run = run},
        0);
    return plan_run(&plan, &bench);
}
