/* threadring.c: how many actors per second does a token pass that goes round a ring?
 *
 * A hundred actors in a ring; the token counts down, and the actor that gets zero tells
 * the master, so that who it is shows whether a hop was lost. One hop is one message to
 * an actor that is idle. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>

enum { ACTORS = 100 };

typedef struct {
    cadre_ref next;
} neighbour;
typedef struct {
    uint64_t none;
} ready;
typedef struct {
    uint64_t left;
} token;
typedef struct {
    uint64_t index;
} finished;
static CADRE_TYPE(neighbour);
static CADRE_TYPE(ready);
static CADRE_TYPE(token);
static CADRE_TYPE(finished);

struct member {
    uint64_t index;
    cadre_ref next;
};

static int member_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct member *me = state;
    token *t = cadre_body(m, token);
    if (t) {
        if (t->left > 0)
            return cadre_send(self, me->next, token, .left = t->left - 1);
        return cadre_send(self, cadre_parent(self), finished, .index = me->index);
    }
    neighbour *n = cadre_body(m, neighbour);
    if (!n)
        return cadre_unhandled(self, m);
    me->next = n->next;
    return cadre_reply(self, m, ready, 0);
}
static const cadre_class member = {
    .name = "member", .state_size = sizeof(struct member), .receive = member_receive};

/* What the main program lends the master. */
struct job {
    uint64_t hops;
    uint64_t last; /* the actor that got zero */
    int64_t start, end;
};

struct master {
    struct job *job;
    uint64_t ready;
    cadre_ref members[ACTORS];
};

static int master_start(cadre_self *self, void *state)
{
    struct master *me = state;
    int err = 0;
    for (uint64_t i = 0; i < ACTORS && err == 0; i++)
        err = cadre_spawn(self, &me->members[i], &member, &(struct member){.index = i});
    for (uint64_t i = 0; i < ACTORS && err == 0; i++)
        err = cadre_send(self, me->members[i], neighbour,
                         .next = me->members[(i + 1) % ACTORS]);
    return err;
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    finished *f = cadre_body(m, finished);
    if (f) {
        me->job->end = bench_now();
        me->job->last = f->index;
        return CADRE_STOP;
    }
    if (!cadre_body(m, ready))
        return cadre_unhandled(self, m);
    if (++me->ready < ACTORS)
        return 0;
    me->job->start = bench_now();
    return cadre_send(self, me->members[0], token, .left = me->job->hops);
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive};

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.hops = n};
    /* Each member: its neighbour, ready. The token comes from outside: one more. */
    int err = trial_run("threadring", setting->workers, &master,
                        &(struct master){.job = &job}, 2 * ACTORS + n + 1 + 1);
    if (err == 0 && job.last != n % ACTORS) {
        fprintf(stderr, "threadring: the token ended at actor %" PRIu64 "\n", job.last);
        err = -1;
    }
    *total = (double)(job.end - job.start);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t hops = 10000000;
    struct plan plan = {0};
    struct bench bench = {
        .name = "threadring",
        .question = "How many actors per second does a token pass that goes round?",
        .method =
            "time from just before the token is sent to the message of who got it "
            "last; ring of 100",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"hops", "N", "hops per run", &hops, .min = 1, .max = 1000000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    plan_sweep(&plan,
               &(struct bench_row){
                   .name = "threadring", .operation = "hop", .n = hops, .run = run},
               0);
    return plan_run(&plan, &bench);
}
