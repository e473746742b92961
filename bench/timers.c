/* timers.c: what does a timer cost, while very many others are live?
 *
 * One actor holds `live` timers that are due in an hour. It sets others and cancels them
 * at once: that is what a deadline costs that is met. Then it sets as many for the same
 * moment as there are operations, waits until that has come while it works, and takes
 * them all: the storm. And it sets one after the other while nothing else happens, and
 * looks how late each comes. */
#include "harness/plan.h"
#include "harness/trial.h"

#include <cadre/timer.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    uint64_t number;
} due;
static CADRE_TYPE(due);

enum { LATE_MAX = 100000 };
static uint64_t late_count = 200, late_pause_us = 2000;
static int64_t *late; /* of each timer of the last run */

struct job {
    uint64_t live, n, came;
    int64_t start, end;
    cadre_time at; /* when the next one is due */
};

static int hold(cadre_self *self, const struct job *job)
{
    int err = 0;
    for (uint64_t i = 0; i < job->live && err == 0; i++)
        err = cadre_after(self, NULL, 3600 * CADRE_SECOND + (cadre_time)(i * 997), due,
                          i);
    return err;
}

/* ---- set and cancelled ---- */

static int cancel_start(cadre_self *self, void *state)
{
    struct job *job = *(struct job **)state;
    int err = hold(self, job);
    job->start = bench_now();
    for (uint64_t i = 0; i < job->n && err == 0; i++) {
        cadre_token token;
        err = cadre_after(self, &token,
                          CADRE_SECOND + (cadre_time)(i % 1000) * CADRE_MS, due, i);
        if (err == 0)
            err = cadre_cancel(self, token);
    }
    job->end = bench_now();
    return err ? err : CADRE_STOP;
}

static int none(cadre_self *self, void *state, cadre_msg *m)
{
    return cadre_unhandled(self, m);
}
static const cadre_class canceller = {.name = "canceller",
                                      .state_size = sizeof(struct job *),
                                      .start = cancel_start,
                                      .receive = none};

/* ---- the storm ---- */

static int storm_start(cadre_self *self, void *state)
{
    struct job *job = *(struct job **)state;
    int err = 0;
    job->at = cadre_now(self) + 10 * CADRE_MS;
    for (uint64_t i = 0; i < job->n && err == 0; i++)
        err = cadre_after(self, NULL, 10 * CADRE_MS, due, i);
    while (bench_now() < job->at) {
    }
    job->start = bench_now();
    return err;
}

static int storm_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct job *job = *(struct job **)state;
    if (++job->came < job->n)
        return 0;
    job->end = bench_now();
    return CADRE_STOP;
}
static const cadre_class storm = {.name = "storm",
                                  .state_size = sizeof(struct job *),
                                  .start = storm_start,
                                  .receive = storm_receive};

/* ---- late ---- */

static int set_next(cadre_self *self, struct job *job)
{
    cadre_time pause = (cadre_time)late_pause_us * 1000;
    job->at = bench_now() + pause;
    return cadre_after(self, NULL, pause, due, job->came);
}

static int late_start(cadre_self *self, void *state)
{
    return set_next(self, *(struct job **)state);
}

static int late_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct job *job = *(struct job **)state;
    late[job->came] = bench_now() - job->at;
    return ++job->came < late_count ? set_next(self, job) : CADRE_STOP;
}
static const cadre_class later = {.name = "later",
                                  .state_size = sizeof(struct job *),
                                  .start = late_start,
                                  .receive = late_receive};

/* ---- rows ---- */

static int run_cancel(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.live = setting->size, .n = n}, *init = &job;
    int err = trial_run("timers", setting->workers, &canceller, &init, 0);
    *total = (double)(job.end - job.start);
    return err;
}

static int run_storm(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.n = n}, *init = &job;
    int err = trial_run("timers", setting->workers, &storm, &init, n);
    *total = (double)(job.end - job.start);
    return err;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* size: the percentile, in thousandths. */
static int run_late(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {0}, *init = &job;
    int err = trial_run("timers", setting->workers, &later, &init, late_count);
    qsort(late, late_count, sizeof *late, by_size);
    if (err == 0 && late[0] < 0) {
        fprintf(stderr, "timers: one came %" PRIi64 " ns early\n", -late[0]);
        return -1;
    }
    *total = (double)late[(late_count - 1) * setting->size / 1000] * (double)n;
    return err;
}

int main(int argc, char **argv)
{
    uint64_t operations = 1000000, live[2] = {0, 0};
    struct plan plan = {0};
    struct bench bench = {
        .name = "timers",
        .question = "What does a timer cost, and how late does it come?",
        .method = "set and cancelled: the loop alone; the storm: from when all are due "
                  "to the last one handled; late: from the due time to the handler",
        .repeat = 5,
        .warmup = 1};
    const struct option_row own[] = {
        {"operations", "N", "timers per run", &operations, .min = 1, .max = 10000000},
        {"live", "N", "timers that are live meanwhile", &live[0], .min = 1,
         .max = 10000000, .otherwise = "1,000, then 1,000,000"},
        {"late", "N", "timers one after the other", &late_count, .min = 1,
         .max = LATE_MAX},
        {"pause", "US", "microseconds until each of those is due", &late_pause_us,
         .min = 1, .max = 1000000},
        plan_option(&plan),
        {0}};
    bench_options(&bench, own, argc, argv);
    if (live[0] == 0) {
        live[0] = 1000;
        live[1] = 1000000;
    }
    late = calloc(LATE_MAX, sizeof *late);
    if (!late)
        return 1;
    struct bench_row row = {
        .name = "set and cancelled", .operation = "timer", .n = operations};
    row.run = run_cancel;
    for (int i = 0; i < 2 && live[i] > 0; i++) {
        snprintf(row.params, sizeof row.params, "live=%" PRIu64, live[i]);
        plan_sweep(&plan, &row, live[i]);
    }
    row.name = "storm";
    row.run = run_storm;
    row.params[0] = '\0';
    plan_sweep(&plan, &row, 0);
    row.name = "late";
    row.n = late_count;
    row.run = run_late;
    snprintf(row.params, sizeof row.params, "p50");
    plan_sweep(&plan, &row, 500);
    snprintf(row.params, sizeof row.params, "p99");
    plan_sweep(&plan, &row, 990);
    return plan_run(&plan, &bench);
}
