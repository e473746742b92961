/* fjcreate.c: how many actors per second are created, given a message, and ended, when
 * nobody answers?
 *
 * A master creates all of them in one loop and sends one message to each; each handles
 * it and stops. The system ends when it has become quiet, and with it the master, whose
 * stop runs last of all and reads the clock. (spawn.c is the form with an answer.) */
#include "harness/plan.h"
#include "harness/trial.h"

#include <stdio.h>

typedef struct {
    uint64_t none;
} work;
static CADRE_TYPE(work);

static int child_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_body(m, work) ? CADRE_STOP : cadre_unhandled(self, m);
}
static const cadre_class child = {.name = "child", .receive = child_receive};

/* What the main program lends the master. */
struct job {
    uint64_t actors;
    int64_t start, end;
};

struct master {
    struct job *job;
};

static int master_start(cadre_self *self, void *state)
{
    struct job *job = ((struct master *)state)->job;
    job->start = bench_now();
    for (uint64_t i = 0; i < job->actors; i++) {
        cadre_ref ref;
        int err = cadre_spawn(self, &ref, &child, NULL);
        if (err == 0)
            err = cadre_send(self, ref, work, 0);
        if (err < 0)
            return err;
    }
    return 0;
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_unhandled(self, m);
}

static void master_stop(cadre_self *self, void *state, int reason)
{
    ((struct master *)state)->job->end = bench_now();
}
static const cadre_class master = {.name = "master",
                                   .state_size = sizeof(struct master),
                                   .start = master_start,
                                   .receive = master_receive,
                                   .stop = master_stop};

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    const cadre_config config = {.workers = setting->workers, .end_when_quiet = true};
    struct job job = {.actors = n};
    int err = trial_run_config("fjcreate", &config, &master,
                               &(struct master){.job = &job}, n);
    if (err == 0 && job.end == 0) {
        fprintf(stderr, "fjcreate: the master was not stopped\n");
        err = -1;
    }
    *total = (double)(job.end - job.start);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t actors = 500000;
    struct plan plan = {0};
    struct bench bench = {
        .name = "fjcreate",
        .question =
            "How many actors per second are created, given a message and ended?",
        .method = "time from just before the first spawn until all have ended",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"actors", "N", "actors per run", &actors, .min = 1, .max = 100000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    plan_sweep(&plan,
               &(struct bench_row){
                   .name = "fjcreate", .operation = "actor", .n = actors, .run = run},
               0);
    return plan_run(&plan, &bench);
}
