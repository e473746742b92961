/* names.c: how many lookups by name per second?
 *
 * Actors look names up that others have, thousands in a turn; twice as many as there are
 * workers, so that all have something to do. The names, of some twenty bytes, are visited
 * in an order that no cache knows; nobody registers meanwhile. What that costs says the
 * other row: one actor takes a name and leaves it, again and again. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <cadre/name.h>

#include <inttypes.h>
#include <stdio.h>

enum { TEXT = 32, NAMES_MAX = 1000000, BURST = 1000 };

typedef struct {
    int nothing;
} again;
typedef struct {
    uint64_t found;
} done;
static CADRE_TYPE(again);
static CADRE_TYPE(done);

static char texts[NAMES_MAX][TEXT];

/* What the main program lends the root. */
struct job {
    uint64_t names, each, found;
    uint32_t readers, left;
    int64_t start, end;
};

/* ---- lookups ---- */

typedef struct {
    uint64_t names, left, at, found;
} reader;

static int reader_receive(cadre_self *self, void *state, cadre_msg *m)
{
    reader *r = state;
    for (int i = 0; i < BURST && r->left > 0; i++, r->left--) {
        r->at = r->at * UINT64_C(6364136223846793005) + 1;
        r->found += cadre_whereis(self, texts[(r->at >> 32) % r->names]).id != 0;
    }
    return r->left > 0 ? cadre_send(self, cadre_me(self), again, 0)
                       : cadre_send(self, cadre_parent(self), done, r->found);
}
static const cadre_class reader_class = {
    .name = "reader", .state_size = sizeof(reader), .receive = reader_receive};

static int root_start(cadre_self *self, void *state)
{
    struct job *job = *(struct job **)state;
    int err = 0;
    for (uint64_t i = 0; i < job->names && err == 0; i++)
        err = cadre_register(self, texts[i]);
    job->start = bench_now();
    for (uint32_t i = 0; i < job->readers && err == 0; i++) {
        reader init = {.names = job->names, .left = job->each, .at = i};
        cadre_ref ref;
        err = cadre_spawn(self, &ref, &reader_class, &init);
        if (err == 0)
            err = cadre_send(self, ref, again, 0);
    }
    return err;
}

static int root_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct job *job = *(struct job **)state;
    job->found += cadre_body(m, done)->found;
    job->end = bench_now();
    return --job->left > 0 ? 0 : CADRE_STOP;
}
static const cadre_class root = {.name = "root",
                                 .state_size = sizeof(struct job *),
                                 .start = root_start,
                                 .receive = root_receive};

static int run_lookups(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    uint32_t readers = 2 * setting->workers;
    uint64_t each = (n + readers - 1) / readers, turns = (each + BURST - 1) / BURST;
    struct job job = {.names = setting->size,
                      .each = each,
                      .readers = readers,
                      .left = readers},
               *init = &job;
    int err = trial_run("names", setting->workers, &root, &init, readers * (turns + 1));
    *total = (double)(job.end - job.start);
    if (err == 0 && job.found != each * readers) {
        fprintf(stderr, "names: found %" PRIu64 " of %" PRIu64 "\n", job.found,
                each * readers);
        err = -1;
    }
    return err;
}

/* ---- taken and left ---- */

static int taker_start(cadre_self *self, void *state)
{
    struct job *job = *(struct job **)state;
    int err = 0;
    for (uint64_t i = 1; i < job->names && err == 0; i++)
        err = cadre_register(self, texts[i]);
    job->start = bench_now();
    for (uint64_t i = 0; i < job->each && err == 0; i++) {
        err = cadre_register(self, texts[0]);
        if (err == 0)
            err = cadre_unregister(self, texts[0]);
    }
    job->end = bench_now();
    return err ? err : CADRE_STOP;
}
static const cadre_class taker = {.name = "taker",
                                  .state_size = sizeof(struct job *),
                                  .start = taker_start,
                                  .receive = root_receive};

static int run_taken(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.names = setting->size, .each = n}, *init = &job;
    int err = trial_run("names", setting->workers, &taker, &init, 0);
    *total = (double)(job.end - job.start);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t lookups = 10000000, names[2] = {0, 0};
    struct plan plan = {0};
    struct bench bench = {
        .name = "names",
        .question = "How many lookups by name per second?",
        .method = "lookups: from the first reader's birth to the report of the last; "
                  "taken and left: the loop alone",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"lookups", "N", "lookups per run", &lookups, .min = 1, .max = 1000000000},
        {"names", "N", "names in the registry", &names[0], .min = 1, .max = NAMES_MAX,
         .otherwise = "100, then 100,000"},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    if (names[0] == 0) {
        names[0] = 100;
        names[1] = 100000;
    }
    for (uint32_t i = 0; i < NAMES_MAX; i++)
        snprintf(texts[i], TEXT, "/service/shard/%u", i);
    struct bench_row row = {.name = "lookup", .operation = "lookup", .n = lookups};
    row.run = run_lookups;
    for (int i = 0; i < 2 && names[i] > 0; i++) {
        snprintf(row.params, sizeof row.params, "names=%" PRIu64, names[i]);
        plan_sweep(&plan, &row, names[i]);
    }
    row.name = "taken and left";
    row.operation = "name";
    row.run = run_taken;
    row.n = lookups / 10 + 1;
    snprintf(row.params, sizeof row.params, "names=%" PRIu64, names[0]);
    plan_sweep(&plan, &row, names[0]);
    return plan_run(&plan, &bench);
}
