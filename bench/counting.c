/* counting.c: how many messages per second does one actor send to another, all one way?
 *
 * A master sends increments to a counter in one loop of one handler, then asks for the
 * count; a round ends with the answer. Only the increments count as messages. */
#include "harness/bulk.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct {
    uint64_t by;
} increment;
typedef struct {
    uint64_t none;
} query;
typedef struct {
    uint64_t sum;
} answer;
static CADRE_TYPE(increment);
static CADRE_TYPE(query);
static CADRE_TYPE(answer);

static int counter_receive(cadre_self *self, void *state, cadre_msg *m)
{
    uint64_t *sum = state;
    increment *i = cadre_body(m, increment);
    if (i) {
        *sum += i->by;
        return 0;
    }
    if (cadre_body(m, query))
        return cadre_reply(self, m, answer, .sum = *sum);
    return cadre_unhandled(self, m);
}
static const cadre_class counter = {
    .name = "counter", .state_size = sizeof(uint64_t), .receive = counter_receive};

/* What the main program lends the master. */
struct job {
    uint64_t messages, round;
    uint64_t sum; /* what the counter said last */
    int64_t start, end;
};

struct master {
    struct job *job;
    cadre_ref counter;
    uint64_t sent;
};

static int send_round(cadre_self *self, struct master *me)
{
    for (uint64_t i = 0; i < me->job->round; i++) {
        int err = cadre_send(self, me->counter, increment, .by = 1);
        if (err < 0)
            return err;
    }
    me->sent += me->job->round;
    return cadre_send(self, me->counter, query, 0);
}

static int master_start(cadre_self *self, void *state)
{
    struct master *me = state;
    int err = cadre_spawn(self, &me->counter, &counter, NULL);
    if (err < 0)
        return err;
    me->job->start = bench_now();
    return send_round(self, me);
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    answer *a = cadre_body(m, answer);
    if (!a)
        return cadre_unhandled(self, m);
    me->job->sum = a->sum;
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
    int err = trial_run("counting", setting->workers, &master,
                        &(struct master){.job = &job}, n + 2 * (n / job.round));
    if (err == 0 && job.sum != n) {
        fprintf(stderr, "counting: wrong sum: %" PRIu64 "\n", job.sum);
        err = -1;
    }
    *total = (double)(job.end - job.start);
    return err;
}

int main(int argc, char **argv)
{
    struct bulk bulk = {
        .bench = {.name = "counting",
                  .question =
                      "How many messages per second does one actor send to another?",
                  .method = "time from just before the first increment to the handling "
                            "of the last answer",
                  .repeat = 5,
                  .warmup = 1},
        .queued = "counting",
        .rounds = "counting-rounds",
        .unit = 1,
        .run = run};
    return bulk_main(&bulk, argc, argv);
}
