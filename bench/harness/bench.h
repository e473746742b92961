/* bench.h: the harness that every benchmark shares.
 *
 * A benchmark is a table of rows. The harness reads the options, runs every row once
 * per round, so that all of them share the machine's good and bad minutes, and prints
 * one line per row that says how it was measured. What a run covers is up to its row:
 * it takes the time itself, and checks its own result. */
#ifndef HARNESS_BENCH_H
#define HARNESS_BENCH_H

#include "harness/options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_unit { BENCH_NS, BENCH_BYTES };

/* A run's way of saying that this machine cannot do it; anything negative: it failed,
 * and has said why on stderr. */
#define BENCH_SKIPPED 1

/* Per operation, over the repeats; percentiles are interpolated between the ranks. */
struct bench_result {
    double min, p25, median, p75, p99, max;
    double foreign; /* part of the CPU time that other programs took, 0 to 1 */
    bool skipped;
};

struct bench_row {
    const char *name;      /* what runs, "pingpong" */
    char params[48];       /* with what, "pairs=1 workers=2" */
    const char *operation; /* what is counted, "message" */
    enum bench_unit unit;
    uint64_t n;    /* operations per run */
    unsigned cpus; /* how many it uses: --pin confines it to as many */
    /* One run of n operations. Writes the nanoseconds or bytes they took all together.
     * Returns 0, BENCH_SKIPPED or negative. */
    int (*run)(double *total, const void *arg, uint64_t n);
    const void *arg;
    const struct bench_row *ideal; /* the row to compare this one with, or NULL */
    struct bench_result result;    /* written by bench_run() */
};

struct bench {
    const char *name;
    const char *question;    /* one line, for --help and the report */
    const char *method;      /* one line: what a run covers */
    uint64_t repeat, warmup; /* defaults; then what --repeat and --warmup say */
    bool pin;
    const char *row; /* only the rows of this name; NULL: all */
    const char *csv;
};

/* Reads the benchmark's own options (ended by a zero row) and the common ones. Ends the
 * program for --help and for mistakes. */
void bench_options(struct bench *bench, const struct option_row *own, int argc,
                   char **argv);

/* Measures and reports. Returns the exit status: 0, 1 when a run failed, 2 when there is
 * no row of the name that was asked for. */
int bench_run(const struct bench *bench, struct bench_row *rows, size_t count);

/* Monotonic time in nanoseconds. */
int64_t bench_now(void);

#endif
