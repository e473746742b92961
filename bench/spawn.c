/* spawn.c: how many actors per second can one master create, give one message each, and
 * see end?
 *
 * The master creates the children of a wave and sends one message to each; a child
 * answers and stops; after the last answer comes the next wave. A wave of 1,000 shows
 * what an actor's life costs when memory is reused; a single wave of all of them is the
 * form in which other runtimes are usually measured, and pays for fresh memory. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct {
    uint64_t number;
} work;
typedef struct {
    uint64_t number;
} done;
static CADRE_TYPE(work);
static CADRE_TYPE(done);

static int child_receive(cadre_self *self, void *state, cadre_msg *m)
{
    work *w = cadre_body(m, work);
    if (!w)
        return cadre_unhandled(self, m);
    int err = cadre_reply(self, m, done, .number = w->number);
    return err < 0 ? err : CADRE_STOP;
}
static const cadre_class child = {
    .name = "child", .state_size = sizeof(uint64_t), .receive = child_receive};

/* What the main program lends the master. */
struct job {
    uint64_t actors, wave;
    uint64_t sum; /* of the numbers that came back */
    int64_t start, end;
};

struct master {
    struct job *job;
    uint64_t spawned, ended;
};

static int spawn_wave(cadre_self *self, struct master *me)
{
    uint64_t last = me->spawned + me->job->wave;
    if (last > me->job->actors)
        last = me->job->actors;
    for (; me->spawned < last; me->spawned++) {
        cadre_ref ref;
        int err = cadre_spawn(self, &ref, &child, NULL);
        if (err == 0)
            err = cadre_send(self, ref, work, .number = me->spawned);
        if (err < 0)
            return err;
    }
    return 0;
}

static int master_start(cadre_self *self, void *state)
{
    struct master *me = state;
    me->job->start = bench_now();
    return spawn_wave(self, me);
}

static int master_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct master *me = state;
    done *d = cadre_body(m, done);
    if (!d)
        return cadre_unhandled(self, m);
    me->job->sum += d->number;
    if (++me->ended < me->spawned)
        return 0;
    if (me->spawned < me->job->actors)
        return spawn_wave(self, me);
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
    struct job job = {.actors = n, .wave = setting->size};
    int err = trial_run("spawn", setting->workers, &master,
                        &(struct master){.job = &job}, 2 * n);
    if (err == 0 && job.sum != n * (n - 1) / 2) {
        fprintf(stderr, "spawn: wrong sum: %" PRIu64 "\n", job.sum);
        err = -1;
    }
    *total = (double)(job.end - job.start);
    return err;
}

static void add_wave(struct plan *plan, uint64_t actors, uint64_t wave)
{
    struct bench_row row = {
        .name = "spawn", .operation = "actor", .n = actors, .run = run};
    snprintf(row.params, sizeof row.params, "wave=%" PRIu64, wave);
    plan_sweep(plan, &row, wave);
}

int main(int argc, char **argv)
{
    uint64_t actors = 1000000, wave = 0;
    struct plan plan = {0};
    struct bench bench = {
        .name = "spawn",
        .question =
            "How many actors per second are created, told something, and ended?",
        .method =
            "time from just before the first spawn to the handling of the last answer",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"actors", "N", "actors per run", &actors, .min = 1, .max = 100000000},
        {"wave", "N", "actors at a time", &wave, .min = 1, .max = 100000000,
         .otherwise = "1000, then all"},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    add_wave(&plan, actors, wave ? wave : 1000);
    if (wave == 0)
        add_wave(&plan, actors, actors);
    return plan_run(&plan, &bench);
}
