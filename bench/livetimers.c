/* livetimers.c: how much memory does a timer take where ten million are live, what does
 * one cost beside them, and does each come exactly once?
 *
 * One actor sets them all. Those with an even number are due when that is done, spread
 * over a second; the others in an hour. It sets and cancels more beside them, then
 * cancels the odd ones in no order, and takes the even ones. Each timer must have come or
 * have been cancelled, once, and those that come may not be early; if not, the run fails.
 * All figures are of one run, in a process of its own; a row that finds its figure used
 * makes the next run. */
#include "harness/plan.h"
#include "harness/process.h"
#include "harness/trial.h"

#include <cadre/timer.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct {
    uint64_t number;
} due;
static CADRE_TYPE(due);

enum figure { MEMORY, SET, BESIDE, CANCELLED, TAKEN, FIGURES };

/* Shared with the process of the run. */
static struct figures {
    double of[FIGURES];
    bool is_fresh[FIGURES];
} * figures;

static uint64_t live = 10000000, beside = 1000000;

struct job {
    cadre_token *tokens;
    uint8_t *ends; /* of each timer: how often it came or was cancelled */
    cadre_time at; /* when the first are due */
    uint64_t came, early;
    int64_t start;
};

static uint64_t evens(void) { return (live + 1) / 2; }

static cadre_time due_at(const struct job *job, uint64_t n)
{
    return job->at + (cadre_time)(n * UINT64_C(997) % (uint64_t)CADRE_SECOND);
}

static int set_all(cadre_self *self, struct job *job)
{
    int err = 0;
    uint64_t before = process_resident_bytes();
    int64_t start = bench_now();
    job->at = cadre_now(self) + CADRE_SECOND + (cadre_time)live * 500;
    for (uint64_t i = 0; i < live && err == 0; i++) {
        cadre_time delay = i % 2 ? 3600 * CADRE_SECOND + (cadre_time)(i * 997)
                                 : due_at(job, i) - cadre_now(self);
        err = cadre_after(self, &job->tokens[i], delay, due, i);
    }
    figures->of[SET] = (double)(bench_now() - start);
    figures->of[MEMORY] = (double)process_resident_bytes() - (double)before;
    return err;
}

static int set_beside(cadre_self *self)
{
    int err = 0;
    int64_t start = bench_now();
    for (uint64_t i = 0; i < beside && err == 0; i++) {
        cadre_token token;
        cadre_time delay = 60 * CADRE_SECOND + (cadre_time)(i % 1000) * CADRE_MS;
        err = cadre_after(self, &token, delay, due, live);
        if (err == 0)
            err = cadre_cancel(self, token);
    }
    figures->of[BESIDE] = (double)(bench_now() - start);
    return err;
}

/* A step that leads to each of n, from one to the next, before it comes round. */
static uint64_t stride(uint64_t n)
{
    for (uint64_t step = n * 5 / 8 | 1;; step += 2) {
        uint64_t a = n, b = step;
        while (b > 0) {
            uint64_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1)
            return step % n;
    }
}

static int cancel_odd(cadre_self *self, struct job *job)
{
    uint64_t odds = live / 2, step = odds > 0 ? stride(odds) : 0, at = 0;
    int err = 0;
    int64_t start = bench_now();
    for (uint64_t i = 0; i < odds && err == 0; i++) {
        err = cadre_cancel(self, job->tokens[2 * at + 1]);
        job->ends[2 * at + 1]++;
        at = (at + step) % odds;
    }
    figures->of[CANCELLED] = (double)(bench_now() - start);
    return err;
}

static int keeper_start(cadre_self *self, void *state)
{
    struct job *job = *(struct job **)state;
    int err = set_all(self, job);
    if (err == 0)
        err = set_beside(self);
    if (err == 0)
        err = cancel_odd(self, job);
    while (err == 0 && bench_now() < job->at + CADRE_SECOND) {
    }
    job->start = bench_now(); /* all of them are due */
    return err;
}

static int keeper_receive(cadre_self *self, void *state, cadre_msg *m)
{
    struct job *job = *(struct job **)state;
    uint64_t n = ((const due *)m->body)->number;
    if (n >= live)
        return CADRE_EUSER; /* one that was cancelled beside the others */
    job->ends[n]++;
    job->early += cadre_now(self) < due_at(job, n);
    if (++job->came < evens())
        return 0;
    figures->of[TAKEN] = (double)(bench_now() - job->start);
    return CADRE_STOP;
}
static const cadre_class keeper = {.name = "keeper",
                                   .state_size = sizeof(struct job *),
                                   .start = keeper_start,
                                   .receive = keeper_receive};

static int check(const struct job *job)
{
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < live; i++)
        wrong += job->ends[i] != 1;
    if (wrong + job->early == 0)
        return 0;
    fprintf(stderr,
            "livetimers: %" PRIu64 " timers did not end once, %" PRIu64 " were early\n",
            wrong, job->early);
    return -1;
}

static int measure(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    struct job job = {.tokens = calloc(live, sizeof *job.tokens),
                      .ends = calloc(live, sizeof *job.ends)};
    struct job *init = &job;
    int err = -1;
    if (job.tokens && job.ends) {
        memset(job.tokens, 1, live * sizeof *job.tokens); /* so that it is resident */
        memset(job.ends, 0, live * sizeof *job.ends);
        err = trial_run("livetimers", setting->workers, &keeper, &init, evens());
        if (err == 0)
            err = check(&job);
    } else {
        fprintf(stderr, "livetimers: out of memory\n");
    }
    free(job.tokens);
    free(job.ends);
    *total = 1;
    return err;
}

static int run(double *total, const void *arg, uint64_t n)
{
    const struct plan_case *setting = arg;
    enum figure figure = (enum figure)setting->size;
    if (!figures->is_fresh[figure]) {
        int err = process_run(total, measure, arg, n);
        if (err)
            return err;
        for (int i = 0; i < FIGURES; i++)
            figures->is_fresh[i] = true;
    }
    figures->is_fresh[figure] = false;
    *total = figures->of[figure];
    return 0;
}

static void add_row(struct plan *plan, enum figure figure, const char *name, uint64_t n)
{
    struct bench_row row = {.name = name,
                            .operation = "timer",
                            .unit = figure == MEMORY ? BENCH_BYTES : BENCH_NS,
                            .n = n,
                            .run = run};
    snprintf(row.params, sizeof row.params, "live=%" PRIu64, live);
    plan_sweep(plan, &row, figure);
}

int main(int argc, char **argv)
{
    struct plan plan = {0};
    struct bench bench = {
        .name = "livetimers",
        .question = "What does a timer take and cost, where very many are live?",
        .method = "growth of the resident set while they are set; each loop alone; "
                  "taken: from when all are due to the last one handled",
        .repeat = 3,
        .warmup = 0};
    struct option_row workers = plan_option(&plan);
    workers.otherwise = "1"; /* the rows share one run */
    const struct option_row own[] = {
        {"live", "N", "timers", &live, .min = 2, .max = 100000000},
        {"operations", "N", "timers set and cancelled beside them", &beside, .min = 1,
         .max = 1000000000},
        workers,
        {0}};
    bench_options(&bench, own, argc, argv);
    plan.workers = plan.workers ? plan.workers : 1;
    figures = mmap(NULL, sizeof *figures, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (figures == MAP_FAILED)
        return 1;
    add_row(&plan, MEMORY, "memory", live);
    add_row(&plan, SET, "set", live);
    add_row(&plan, BESIDE, "set and cancelled", beside);
    add_row(&plan, CANCELLED, "cancelled", live / 2);
    add_row(&plan, TAKEN, "taken", evens());
    return plan_run(&plan, &bench);
}
