/* bench.c: the harness that every benchmark shares: rounds, statistics, progress. */
#include "harness/bench.h"

#include "harness/machine.h"
#include "harness/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bench_options(struct bench *bench, const struct option_row *own, int argc,
                   char **argv)
{
    const struct option_row common[] = {
        {"repeat", "N", "measured runs of each row", &bench->repeat, .min = 1,
         .max = 10000},
        {"warmup", "N", "runs of each row before those", &bench->warmup, .min = 0,
         .max = 10000},
        {"pin", .help = "keep each row on as many CPUs as it has threads",
         .on = &bench->pin},
        {"row", "NAME", "measure only the rows of this name", .text = &bench->row},
        {"csv", "FILE", "append one line per row to FILE", .text = &bench->csv},
        {0}};
    options_read(bench->name, bench->question, own, common, argc, argv);
}

/* What is known while the rounds go on. */
struct session {
    const struct bench *bench;
    struct bench_row *rows;
    size_t count;
    struct machine machine;
    struct machine_use *use; /* one per row, over the measured rounds */
    double *samples;         /* bench->repeat per row */
    uint64_t runs, runs_done;
    int64_t began;
};

static void show_progress(const struct session *session, const struct bench_row *row)
{
    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r%s %s: run %llu of %llu", row->name, row->params,
            (unsigned long long)session->runs_done + 1,
            (unsigned long long)session->runs);
    if (session->runs_done > 0) {
        double took = (double)(bench_now() - session->began) / 1e9;
        double left = (double)(session->runs - session->runs_done);
        fprintf(stderr, ", about %.0f s left",
                took / (double)session->runs_done * left);
    }
    fputs("\033[K", stderr);
}

static void hide_progress(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

/* One run of row i; `sample` is NULL while warming up. Returns 0 or negative. */
static int run_once(struct session *session, size_t i, double *sample)
{
    struct bench_row *row = &session->rows[i];
    struct machine_use start;
    double total = 0;
    show_progress(session, row);
    if (session->bench->pin)
        machine_pin(&session->machine, row->cpus);
    machine_use_now(&start, &session->machine);
    int err = row->run(&total, row->arg, row->n);
    session->runs_done++;
    if (err) {
        row->result.skipped = err > 0;
        return err < 0 ? err : 0;
    }
    if (sample) {
        machine_use_add(&session->use[i], &start, &session->machine);
        *sample = total / (double)row->n;
    }
    return 0;
}

static int run_rounds(struct session *session)
{
    uint64_t warmup = session->bench->warmup, repeat = session->bench->repeat;
    for (uint64_t round = 0; round < warmup + repeat; round++)
        for (size_t i = 0; i < session->count; i++) {
            double *samples = &session->samples[i * repeat];
            if (session->rows[i].result.skipped)
                continue;
            if (run_once(session, i, round < warmup ? NULL : samples + round - warmup))
                return -1;
        }
    return 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *sorted, uint64_t count, double part)
{
    double rank = part * (double)(count - 1);
    uint64_t below = (uint64_t)rank;
    uint64_t above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (sorted[above] - sorted[below]) * (rank - (double)below);
}

static void summarise(struct session *session)
{
    uint64_t repeat = session->bench->repeat;
    for (size_t i = 0; i < session->count; i++) {
        struct bench_result *result = &session->rows[i].result;
        double *samples = &session->samples[i * repeat];
        qsort(samples, repeat, sizeof *samples, compare);
        result->min = samples[0];
        result->p25 = percentile(samples, repeat, 0.25);
        result->median = percentile(samples, repeat, 0.5);
        result->p75 = percentile(samples, repeat, 0.75);
        result->p99 = percentile(samples, repeat, 0.99);
        result->max = samples[repeat - 1];
        result->foreign = machine_use_foreign(&session->use[i]);
    }
}

static int measure(struct session *session)
{
    machine_describe(&session->machine);
    session->began = bench_now();
    int err = run_rounds(session);
    hide_progress();
    if (err) {
        fprintf(stderr, "%s: a run failed, nothing is reported\n",
                session->bench->name);
        return 1;
    }
    summarise(session);
    report_table(session->bench, session->rows, session->count, &session->machine);
    if (!session->bench->csv)
        return 0;
    return report_csv(session->bench, session->rows, session->count, &session->machine)
               ? 1
               : 0;
}

/* Keeps the rows of one name, alone: without the ideal that has another. */
static size_t keep_rows(struct bench_row *rows, size_t count, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0) {
            rows[kept] = rows[i];
            rows[kept++].ideal = NULL;
        }
    return kept;
}

int bench_run(const struct bench *bench, struct bench_row *rows, size_t count)
{
    if (bench->row)
        count = keep_rows(rows, count, bench->row);
    if (count == 0) {
        fprintf(stderr, "%s: no row is called \"%s\"\n", bench->name, bench->row);
        return 2;
    }
    struct session session = {.bench = bench, .rows = rows, .count = count};
    session.runs = count * (bench->warmup + bench->repeat);
    session.use = calloc(count, sizeof *session.use);
    session.samples = calloc(count * bench->repeat, sizeof *session.samples);
    int status = 1;
    if (session.use && session.samples)
        status = measure(&session);
    else
        fprintf(stderr, "%s: out of memory\n", bench->name);
    free(session.samples);
    free(session.use);
    return status;
}
